//! What everybody saw of a party over three server processes of which two are killed again and again, while people come, speak,
//! go, and lose their connections: judged against what the database says has happened.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::person::{Person, food, id, transfer_draft};
use crate::server::Server;
use crate::stream::Stream;
use crate::world::{World, world};

const LAST: &str = "끝";

/// Where servers can be reached now; the first is never killed.
type Bases = Arc<Mutex<Vec<String>>>;

/// A number that looks random and is the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % u64::try_from(sides).unwrap()).unwrap()
    }
}

fn at(world: &World, base: &str, person: &Person) -> Person {
    let session = json!({"user": {"id": person.id}, "access_token": person.token});
    Person::of(&world.client, base, &world.simulator, &session)
}

/// Follows until the last word, through whatever server is there; gives the numbers as they came.
async fn follow(world: &World, bases: &Bases, person: &Person, party: &str, mut dice: Dice) -> Vec<i64> {
    let (mut seen, mut last) = (Vec::new(), 0);
    loop {
        let base = {
            let bases = bases.lock().unwrap();
            bases[dice.roll(bases.len())].clone()
        };
        let there = at(world, &base, person);
        let Some(mut stream) = Stream::try_connect(&there, party, last).await else {
            // Killed, stopping, or no member just now.
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        // Now and then the phone goes into a tunnel.
        let patience = 1 + dice.roll(12);
        for _ in 0..patience {
            let Some(frame) = stream.next().await else { break };
            seen.push(frame.seq);
            last = frame.seq;
            if frame.told() == LAST {
                return seen;
            }
        }
    }
}

/// Every step of the party: its number, and who came or went with it.
async fn steps(world: &World, party: &str) -> BTreeMap<i64, Vec<(String, String)>> {
    let id: i64 = party.parse().unwrap();
    let mut steps = BTreeMap::new();
    for url in &world.urls.parties {
        let mut db = PgConnection::connect(url).await.unwrap();
        let rows: Vec<(i64, Value)> = sqlx::query_as(
            "select seq, events from outbox where party_id = $1 union all select seq, '[]' from messages where party_id = $1",
        )
        .bind(id)
        .fetch_all(&mut db)
        .await
        .unwrap();
        for (seq, events) in rows {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let told = events.as_array().unwrap().iter().map(|event| (text(&event["kind"]), text(&event["user_id"])));
            assert!(steps.insert(seq, told.collect()).is_none(), "{seq} is given twice");
        }
    }
    assert!(steps.keys().copied().eq(1..=i64::try_from(steps.len()).unwrap()), "no number is left out");
    steps
}

/// From his coming to his going, each time.
fn memberships(steps: &BTreeMap<i64, Vec<(String, String)>>, user: &str) -> Vec<(i64, i64)> {
    // The host, of whom no event tells that he has come, is there from the first.
    let comes = steps.values().flatten().any(|(_, of)| of == user);
    let (mut all, mut since) = (Vec::new(), (!comes).then_some(1));
    for (seq, events) in steps {
        for (kind, of) in events.iter().filter(|(_, of)| of == user) {
            match kind.as_str() {
                "joined" => since = Some(*seq),
                "left" | "kicked" => all.extend(since.take().map(|since| (since, *seq))),
                _ => assert!(!of.is_empty()),
            }
        }
    }
    all.extend(since.map(|since| (since, *steps.keys().last().unwrap())));
    all
}

fn judge(name: &str, seen: &[i64], memberships: &[(i64, i64)]) {
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "{name} sees something twice or out of order: {seen:?}");
    let (present, before) = memberships.split_last().unwrap();
    let within =
        |(from, to): &(i64, i64)| seen.iter().copied().filter(|seq| (*from..=*to).contains(seq)).collect::<Vec<_>>();
    assert_eq!(within(present), (present.0..=present.1).collect::<Vec<_>>(), "{name} misses something");
    // Who left while he was in a tunnel has missed the end of it, and nothing before that.
    for (from, to) in before {
        let seen = within(&(*from, *to));
        let until = *from + i64::try_from(seen.len()).unwrap();
        assert_eq!(seen, (*from..until).collect::<Vec<_>>(), "{name} misses something of {from} to {to}");
    }
    let strange: Vec<_> =
        seen.iter().filter(|seq| !memberships.iter().any(|(from, to)| (from..=to).contains(seq))).collect();
    assert!(strange.is_empty(), "{name} sees what is not his: {strange:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_sees_his_membership_once_and_in_order() {
    let rounds = if std::env::var_os("NBBANG_LONG").is_some() { 2000 } else { 150 };
    world(|world| async move {
        let mina = world.person("mina").await;
        let party = mina.opens(transfer_draft(&json!({"capacity": 6}))).await;
        let names = ["juno", "sena", "hana", "toby"];
        let guests = join_all(names.iter().map(|name| world.person(name))).await;
        let mut orders = BTreeMap::new();
        for guest in &guests {
            orders.insert(guest.id.clone(), id(&guest.joins(&party, food(8_000)).await.expect(201)));
        }
        let outsider = world.person("nosy").await;
        let bases: Bases = Arc::new(Mutex::new(vec![world.base.clone()]));
        let is_over = AtomicUsize::new(0);

        let act = async {
            let mut dice = Dice(7);
            let mut servers = Vec::new();
            for n in 0..rounds {
                if n % 25 == 0 {
                    // Those that ran are killed in the middle of whatever they are at.
                    bases.lock().unwrap().truncate(1);
                    servers.clear();
                    for _ in 0..2 {
                        let server = Server::start(&world, "", n % 50 == 0).await;
                        bases.lock().unwrap().push(server.base.clone());
                        servers.push(server);
                    }
                }
                let base = {
                    let bases = bases.lock().unwrap();
                    bases[dice.roll(bases.len())].clone()
                };
                let guest = &guests[dice.roll(guests.len())];
                let there = at(&world, &base, guest);
                match (dice.roll(10), orders.get(&guest.id)) {
                    (0, Some(order)) => {
                        there.delete(&format!("/v1/orders/{order}")).await.expect(200);
                        orders.remove(&guest.id);
                    }
                    (1, _) => {
                        let title = json!({"title": format!("치킨 {n}")});
                        at(&world, &base, &mina).patch(&format!("/v1/parties/{party}"), title).await;
                    }
                    (_, Some(_)) => drop(there.says(&party, &n.to_string()).await),
                    (_, None) => {
                        let order = there.joins(&party, food(8_000)).await.expect(201);
                        orders.insert(guest.id.clone(), id(&order));
                    }
                }
            }
            for guest in &guests {
                if !orders.contains_key(&guest.id) {
                    guest.joins(&party, food(8_000)).await.expect(201);
                }
            }
            mina.says(&party, LAST).await;
            is_over.store(1, Ordering::Release);
        };
        let people: Vec<&Person> = guests.iter().chain([&mina]).collect();
        let followers = people.iter().zip(1..).map(|(person, n)| follow(&world, &bases, person, &party, Dice(n)));
        let nosy = async {
            while is_over.load(Ordering::Acquire) == 0 {
                let answer = outsider.get(&format!("/v1/parties/{party}/events")).await;
                assert_eq!(answer.code(403), "not_a_member");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let all = async { tokio::join!(act, join_all(followers), nosy) };
        // Who misses something waits for ever.
        let all = tokio::time::timeout(Duration::from_mins(10), all).await;
        let ((), seen, ()) = all.expect("somebody does not see the last word");
        let steps = steps(&world, &party).await;
        for (person, seen) in people.iter().zip(seen) {
            judge(&person.id, &seen, &memberships(&steps, &person.id));
        }
        println!("{} steps", steps.len());
    })
    .await;
}
