//! People and parties: people and one party a place through the API, many copies of each party by SQL.

use std::net::SocketAddr;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::Told;
use crate::rig::{PARTIES, Rig};
use crate::wire::{Answer, Wire, get, post};

/// In all, half of them in each database.
pub const OPEN: u64 = 20_000;
/// Of those, the ones that are joined over HTTP; the others are pgbench's.
pub const JOINED: u64 = 5_000;
const PREPAID: u64 = 2_000;
const GUESTS: u64 = 1_000;
/// Free seats of a party.
pub const SEATS: u64 = 9;

/// Milliseconds since 2026 in the copies' ids: long before the first id that the server makes.
const FIRST: u64 = 86_400_000;
const FIRST_PREPAID: u64 = 2 * FIRST;

pub struct Data {
    /// Access tokens.
    pub guests: Vec<String>,
    pub open: Copies,
    pub prepaid: Copies,
}

/// Copies of parties, of which every id can be computed. Their shards are all those of their database in turn: where
/// they are on the map only demands the database.
pub struct Copies {
    pub first: u64,
    pub count: u64,
    /// First shard and number of shards, by database.
    pub homes: Vec<(u64, u64)>,
}

impl Copies {
    /// The databases take turns.
    pub fn party(&self, number: u64) -> u64 {
        let databases = self.homes.len() as u64;
        let index = number % self.count / databases;
        let home = usize::try_from(number % databases).ok().and_then(|at| self.homes.get(at));
        let (low, shards) = home.copied().unwrap_or((0, 1));
        (self.first + index) << 23 | (low + index % shards) << 10 | 1023
    }
}

/// Centres of neighbourhoods, 2 to 3 km from one another.
fn places() -> impl Iterator<Item = (String, String)> {
    let steps = (0..6).flat_map(|north| (0..6).map(move |east| (north, east)));
    steps.map(|(north, east)| (degrees(37_480_000 + north * 20_000), degrees(126_900_000 + east * 30_000)))
}

/// Of millionths.
fn degrees(millionths: u64) -> String {
    format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000)
}

/// A place in the middle of where the parties are, by a number.
pub fn somewhere(number: u64) -> (String, String) {
    // Two primes, so that places do not come again soon.
    (degrees(37_480_000 + number * 7_919 % 100_000), degrees(126_900_000 + number * 104_729 % 150_000))
}

impl Data {
    pub async fn prepare(rig: &Rig) -> Told<Self> {
        let mut desk = Desk::open(rig.api.address).await?;
        let mut guests = Vec::new();
        for number in 0..GUESTS {
            guests.push(desk.sign_in(&format!("guest-{number}")).await?);
        }
        for (number, (lat, lng)) in places().enumerate() {
            for settlement in ["transfer", "prepaid"] {
                let host = desk.sign_in(&format!("host-{settlement}-{number}")).await?;
                desk.opens(&host, &draft(settlement, &lat, &lng, number)?).await?;
            }
        }
        let mut homes = Vec::new();
        for database in PARTIES {
            let range = "select min(shard), count(*) from shard_owner where state = 'active'";
            let range = rig.query(database, range)?;
            let parsed = range.split_once('|').and_then(|(low, count)| Some((low.parse().ok()?, count.parse().ok()?)));
            homes.push(parsed.ok_or(format!("{database} has no shards."))?);
        }
        let open = Copies { first: FIRST, count: OPEN, homes: homes.clone() };
        let prepaid = Copies { first: FIRST_PREPAID, count: PREPAID, homes };
        for (database, (low, shards)) in PARTIES.iter().zip(&open.homes) {
            for (settlement, copies) in [("transfer", &open), ("prepaid", &prepaid)] {
                let number = |number: u64| number.to_string();
                let variables = [
                    ("settlement", settlement.to_owned()),
                    ("first", number(copies.first)),
                    ("copies", number(copies.count / PARTIES.len() as u64)),
                    ("low", number(*low)),
                    ("shards", number(*shards)),
                ];
                rig.play(database, "copy_parties.sql", &variables)?;
            }
            rig.query(database, "vacuum analyze")?;
        }
        let data = Self { guests, open, prepaid };
        data.check(&mut desk).await?;
        Ok(data)
    }

    pub fn guest(&self, number: u64) -> &str {
        let at = usize::try_from(number % GUESTS).unwrap_or_default();
        self.guests.get(at).map_or("", String::as_str)
    }

    /// Whether what we are about to measure is there.
    async fn check(&self, desk: &mut Desk) -> Told<()> {
        for party in [self.open.party(0), self.open.party(OPEN - 1), self.prepaid.party(PREPAID - 1)] {
            desk.ask(&get(&format!("/v1/parties/{party}"), self.guest(0)), 200).await?;
        }
        let (lat, lng) = somewhere(1);
        let page = desk.ask(&get(&format!("/v1/parties?lat={lat}&lng={lng}"), self.guest(0)), 200).await?;
        let found = page.get("items").and_then(Value::as_array).map_or(0, Vec::len);
        if found == 20 { Ok(()) } else { Err(format!("a search finds {found} parties, and 20 were expected.")) }
    }
}

fn draft(settlement: &str, lat: &str, lng: &str, number: usize) -> Told<Value> {
    let number_of = |text: &str| text.parse::<f64>().map_err(|error| error.to_string());
    let deadline = now() + time::Duration::hours(12);
    let mut draft = json!({
        "title": format!("치킨 같이 시켜요 {number}"),
        "store": {"name": "교촌치킨 역삼점", "category": "chicken"},
        "pickup": {"lat": number_of(lat)?, "lng": number_of(lng)?, "label": "11번 출구", "memo": "편의점 앞"},
        "min_members": 2,
        "capacity": SEATS + 1,
        "deadline_at": deadline.format(&Rfc3339).map_err(|error| error.to_string())?,
        "min_order_krw": 15_000,
        "fee_tiers": [{"from_krw": 0, "fee_krw": 4_000}, {"from_krw": 30_000, "fee_krw": 2_000}],
        "split": "even",
        "settlement": settlement,
        "items": food(),
    });
    if let (Value::Object(draft), "transfer") = (&mut draft, settlement) {
        let account = json!({"bank": "카카오뱅크", "number": "3333-01-1234567", "holder": "김민아"});
        draft.insert("transfer_account".to_owned(), account);
    }
    Ok(draft)
}

pub fn food() -> Value {
    json!([{"name": "양념치킨", "unit_price_krw": 9_000, "quantity": 1}, {"name": "콜라", "unit_price_krw": 2_000, "quantity": 2}])
}

#[expect(clippy::disallowed_methods, reason = "deadlines of the sample data")]
pub fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// Where things are prepared, one after another.
struct Desk {
    wire: Wire,
    keys: u64,
}

impl Desk {
    async fn open(api: SocketAddr) -> Told<Self> {
        Ok(Self { wire: Wire::connect(api).await.map_err(|error| error.to_string())?, keys: 0 })
    }

    async fn sign_in(&mut self, handle: &str) -> Told<String> {
        let request = post("/v1/dev/sessions", "", "none", &json!({ "handle": handle }).to_string());
        let session = self.ask(&request, 200).await?;
        session
            .get("access_token")
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or_else(|| format!("no token: {session}"))
    }

    async fn opens(&mut self, host: &str, draft: &Value) -> Told<()> {
        self.keys += 1;
        let request = post("/v1/parties", host, &format!("open-{}", self.keys), &draft.to_string());
        self.ask(&request, 201).await.map(drop)
    }

    async fn ask(&mut self, request: &[u8], wanted: u16) -> Told<Value> {
        let Answer { status, body } = self.wire.fetch(request).await.map_err(|error| error.to_string())?;
        if status != wanted {
            let asked = String::from_utf8_lossy(request);
            let asked = asked.lines().next().unwrap_or_default();
            return Err(format!("{asked}: {status} {}", String::from_utf8_lossy(&body)));
        }
        serde_json::from_slice(&body).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_take_turns_between_databases_and_shards() {
        let copies = Copies { first: 5, count: 8, homes: vec![(0, 2), (4096, 2)] };
        let parts = |number| {
            let id = copies.party(number);
            (id >> 23, id >> 10 & 8191)
        };
        assert_eq!([0, 1, 2, 3, 4, 8].map(parts), [(5, 0), (5, 4096), (6, 1), (6, 4097), (7, 0), (5, 0)]);
    }
}
