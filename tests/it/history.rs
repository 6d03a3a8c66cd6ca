//! Every version of every party as it was committed: a trigger in the party databases writes them down, and each party's
//! story is judged from its first version to its last.

use std::collections::{BTreeMap, BTreeSet};

use nbbang::domain::id::Id;
use nbbang::domain::order::{Order, OrderState};
use nbbang::domain::party::{Party, State};
use nbbang::domain::terms::Settlement;
use nbbang::domain::user::User;
use nbbang::storage::parties::Document;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::scratch::execute;
use crate::world::World;

const RECORD: &str = "
    create table history (party_id bigint, version bigint, document json, primary key (party_id, version));
    create function record_version() returns trigger language plpgsql as $$
    begin
        insert into history values (new.id, new.version, party_document(new.id)) on conflict do nothing;
        return null;
    end
    $$;
    create constraint trigger record_version after insert or update on parties
    deferrable initially deferred for each row execute function record_version();
";

/// One version of a party, and its row with what is derived.
pub struct Version {
    pub party: Party,
    pub row: Value,
}

pub type Stories = BTreeMap<i64, Vec<Version>>;

/// From now on every version is written down.
pub async fn record(world: &World) {
    for url in &world.urls.parties {
        execute(url, RECORD).await;
    }
}

pub async fn read(world: &World) -> Stories {
    let mut stories = Stories::new();
    for url in &world.urls.parties {
        let mut db = PgConnection::connect(url).await.unwrap();
        let rows = sqlx::query_as("select party_id, document from history order by party_id, version");
        let rows: Vec<(i64, Value)> = rows.fetch_all(&mut db).await.unwrap();
        for (id, document) in rows {
            let row = document["party"].clone();
            let party = serde_json::from_value::<Document>(document).unwrap().assemble();
            stories.entry(id).or_default().push(Version { party, row });
        }
        db.close().await.unwrap();
    }
    stories
}

/// `apart` are pairs who must never be in one party.
pub fn judge(stories: &Stories, apart: &[(Id<User>, Id<User>)]) {
    for story in stories.values() {
        for (version, expected) in story.iter().zip(1..) {
            assert_eq!(version.party.version, expected, "no version of {} is missing", version.party.id);
            judge_seats(version);
            judge_money(&version.party);
            judge_people(&version.party, apart);
        }
        for pair in story.windows(2) {
            judge_step(&pair[0].party, &pair[1].party);
        }
        judge_quote(story);
        judge_kicks(story);
    }
}

/// No more seats than there are, nobody twice, and the row's sums are those of its orders.
fn judge_seats(Version { party, row }: &Version) {
    let place = format!("{} in version {}", party.id, party.version);
    let live: Vec<&Order> = party.orders.iter().filter(|order| order.is_live()).collect();
    assert!(live.len() <= usize::try_from(party.terms.capacity).unwrap(), "overfull: {place}");
    let users: BTreeSet<String> = live.iter().map(|order| order.user_id.to_string()).collect();
    assert_eq!(users.len(), live.len(), "somebody has two seats: {place}");
    let members: BTreeSet<String> = row["member_ids"].as_array().unwrap().iter().map(Value::to_string).collect();
    assert_eq!(members, users, "{place}");
    assert_eq!(row["seats_taken"], json!(live.len()), "{place}");
    assert_eq!(row["member_count"], json!(party.member_count()), "{place}");
    assert_eq!(row["food_total_krw"], json!(party.food_total().get()), "{place}");
}

/// A guest is promised the cap of the terms that hold, and has paid what they ask.
fn judge_money(party: &Party) {
    for order in party.guests() {
        let place = format!("order {} of {} in version {}", order.id, party.id, party.version);
        let cap = party.terms.tariff.cap(order.food_krw);
        assert_eq!(order.fee_cap_krw, Some(cap), "{place}");
        if party.terms.settlement == Settlement::Prepaid && order.state == OrderState::Joined {
            assert_eq!(order.balance(), order.food_krw + cap, "{place}");
        }
        if let (OrderState::Held, Some(payment)) = (order.state, order.payments.first()) {
            assert_eq!(payment.amount_krw, order.food_krw + cap, "{place}");
        }
    }
}

fn judge_people(party: &Party, apart: &[(Id<User>, Id<User>)]) {
    let here = |user| party.orders.iter().any(|order| order.is_live() && order.user_id == user);
    for (one, other) in apart {
        assert!(!(here(*one) && here(*other)), "{one} and {other} meet in {} v{}", party.id, party.version);
    }
}

/// From one version to the next: states only go on, final ones stay, and guests keep the terms that they came to.
fn judge_step(before: &Party, after: &Party) {
    use State::{Arrived, Cancelled, Completed, Locked, Open, Placed};
    let place = format!("{} from version {}: {:?} to {:?}", before.id, before.version, before.state, after.state);
    let may = match before.state {
        // What is due is done with the command that finds it so: the deadline's lock, and then the placement.
        Open => matches!(after.state, Open | Locked | Placed | Cancelled),
        Locked => matches!(after.state, Locked | Placed | Cancelled),
        Placed => matches!(after.state, Placed | Arrived | Completed | Cancelled),
        Arrived => matches!(after.state, Arrived | Completed | Cancelled),
        Completed | Cancelled => after.state == before.state,
    };
    assert!(may, "{place}");
    let at = |party: &Party| (party.terms.pickup.lat.to_bits(), party.terms.pickup.lng.to_bits());
    assert_eq!(at(before), at(after), "the place has moved: {place}");
    // A hold that runs out ends with the command that finds it so, and then nobody is bound any more.
    let stays = |guest: &Order| after.order(guest.id).is_ok_and(Order::is_live);
    if before.guests().any(stays) {
        assert_eq!(before.terms.tariff, after.terms.tariff, "{place}");
        assert_eq!(before.terms.store, after.terms.store, "{place}");
        assert!(before.terms.deadline_at <= after.terms.deadline_at, "{place}");
    }
    if before.ended_at.is_some() {
        let ends = |party: &Party| party.orders.iter().map(|order| (order.id, order.state)).collect::<Vec<_>>();
        assert_eq!(ends(before), ends(after), "{place}");
        assert_eq!((before.ended_at, before.cancel_reason), (after.ended_at, after.cancel_reason), "{place}");
    }
}

/// The quote is of the very orders that are in the party when it is locked, and nothing of it or of them changes any more.
fn judge_quote(story: &[Version]) {
    let quoted = story.iter().map(|version| &version.party).filter(|party| party.quote.is_some());
    let mut quoted = quoted.peekable();
    let Some(first) = quoted.peek().copied() else { return };
    let quote = first.quote.as_ref().unwrap();
    let food: Vec<_> = first.members().map(|order| (order.id, order.food_krw)).collect();
    let shares: Vec<_> = quote.shares.iter().map(|share| (share.order_id, share.food_krw)).collect();
    if matches!(first.state, State::Locked | State::Placed) {
        assert_eq!(food, shares, "the quote of {}", first.id);
    }
    assert_eq!(quote.shares.iter().map(|share| share.owed_krw).sum::<nbbang::domain::money::Krw>(), quote.total_krw);
    for party in quoted {
        let place = format!("{} in version {}", party.id, party.version);
        assert_eq!(party.quote.as_ref(), Some(quote), "{place}");
        assert_eq!(party.terms, first.terms, "{place}");
        for share in &quote.shares {
            let (then, now) = (first.order(share.order_id).unwrap(), party.order(share.order_id).unwrap());
            assert_eq!((&then.items, then.food_krw), (&now.items, now.food_krw), "{place}");
            let Some(cap) = now.fee_cap_krw else { continue };
            assert!(share.fee_krw <= cap, "more than was promised: {place}");
            let paid = party.terms.settlement == Settlement::Transfer || now.captured() >= share.owed_krw;
            assert!(paid, "owes more than he has paid: {place}");
        }
        let strangers = party.orders.iter().filter(|order| order.is_live());
        let strangers = strangers.filter(|order| !quote.shares.iter().any(|share| share.order_id == order.id));
        assert_eq!(strangers.count(), 0, "somebody came after the lock: {place}");
    }
}

fn judge_kicks(story: &[Version]) {
    let mut kicked: BTreeSet<i64> = BTreeSet::new();
    for Version { party, .. } in story {
        let back = party.orders.iter().find(|order| order.is_live() && kicked.contains(&order.user_id.raw()));
        assert!(back.is_none(), "{back:?} came back to {} in version {}", party.id, party.version);
        let gone = party.orders.iter().filter(|order| order.state == OrderState::Kicked);
        kicked.extend(gone.map(|order| order.user_id.raw()));
    }
}

/// Whether an answer with a party's or an order's version told what was true of that version.
pub fn bears_out(stories: &Stories, body: &Value) {
    let text = |name: &str| body[name].as_str().and_then(|id| id.parse::<i64>().ok());
    let Some(number) = body["version"].as_i64() else { return };
    let of = |party: i64| stories[&party].iter().find(|version| version.party.version == number);
    if let Some(party) = text("party_id") {
        let then = of(party).unwrap_or_else(|| panic!("no such version: {body}"));
        let order = then.party.orders.iter().find(|order| Some(order.id.raw()) == text("id")).unwrap();
        assert_eq!(body["state"], json!(order.state.word()), "{body}");
        assert_eq!(body["food_krw"], json!(order.food_krw.get()), "{body}");
        assert_eq!(body["paid_krw"], json!(order.captured().get()), "{body}");
    } else if let Some(then) = text("id").map(|party| of(party).unwrap_or_else(|| panic!("no such version: {body}"))) {
        assert_eq!(body["state"], json!(then.party.state.word()), "{body}");
        for name in ["title", "seats_taken", "member_count", "capacity", "food_total_krw"] {
            assert_eq!(body[name], then.row[name], "{name} of {body}");
        }
    }
}
