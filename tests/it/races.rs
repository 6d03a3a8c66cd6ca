//! Races for seats: what everybody was told is recorded, and the whole is judged.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use nbbang::domain::error::Code;
use nbbang::domain::event::{Event, EventKind};
use nbbang::domain::id::Id;
use nbbang::domain::order::{Order, OrderState};
use nbbang::domain::party::Party;
use nbbang::domain::user::User;
use nbbang::storage::parties;
use serde_json::{Value, json};
use sqlx::types::Json;

use crate::crowd::{Dice, at_once, joins, long, opens, people, place};
use crate::person::{draft, food, transfer_draft};
use crate::world::{World, world};

const GUEST_SEATS: usize = 4;

/// What one person was told by one party.
#[derive(Clone)]
struct Told {
    party: Id<Party>,
    user: Id<User>,
    answer: Result<Id<Order>, (Code, Option<Id<Order>>)>,
}

struct Line {
    began: u64,
    ended: u64,
    told: Told,
}

async fn race(world: &Arc<World>, terms: Value, parties: usize, crowd: usize) {
    let hosts = people(world, "host", parties).await;
    let guests = people(world, "guest", crowd).await;
    let mut starts = Vec::new();
    for (n, host) in hosts.into_iter().enumerate() {
        let mut terms = terms.clone();
        terms["pickup"] = place(n);
        let party = opens(world, host, terms).await;
        starts.extend(guests.iter().map(|guest| (party, *guest)));
        // Some try twice, with a key each.
        starts.extend(guests.iter().take(crowd / 10).map(|guest| (party, *guest)));
    }
    Dice(7).shuffle(&mut starts);
    let app = Arc::clone(world);
    let history = at_once(48, starts, move |(party, user)| {
        let world = Arc::clone(&app);
        async move {
            let answer = joins(&world, user, party, 8_001).await;
            let answer = answer.map(|joined| joined.order.order.id).map_err(|error| (error.code, error.more.order_id));
            Told { party, user, answer }
        }
    });
    let history = history.await.into_iter();
    let history: Vec<Line> =
        history.map(|done| Line { began: done.began, ended: done.ended, told: done.answer }).collect();
    assert_eq!(history.len(), parties * (crowd + crowd / 10), "everybody got an answer");
    judge(world, &history).await;
}

async fn judge(world: &World, history: &[Line]) {
    let mut of_party: BTreeMap<i64, Vec<&Line>> = BTreeMap::new();
    for line in history {
        of_party.entry(line.told.party.raw()).or_default().push(line);
    }
    for lines in of_party.values() {
        let winners = judge_answers(lines);
        let party = lines[0].told.party;
        judge_rows(world, party, &winners).await;
        judge_outbox(world, party, &winners).await;
    }
}

/// Exactly as many winners as seats, nobody twice, and every loser was told what was true while he waited.
fn judge_answers(lines: &[&Line]) -> HashMap<Id<User>, Id<Order>> {
    let mut winners = HashMap::new();
    for line in lines {
        if let Ok(order) = line.told.answer {
            assert_eq!(winners.insert(line.told.user, order), None, "two seats for {}", line.told.user);
        }
    }
    assert_eq!(winners.len(), GUEST_SEATS, "one winner a seat");
    let won = |line: &&&Line| line.told.answer.is_ok();
    let last_start = lines.iter().filter(won).map(|line| line.began).max().unwrap();
    for line in lines {
        let Err((code, order)) = line.told.answer else { continue };
        match code {
            Code::PartyFull => {
                assert!(line.ended > last_start, "told of a full party before the last winner had asked");
                assert!(!winners.contains_key(&line.told.user), "full, for one who has a seat");
            }
            Code::AlreadyJoined => {
                assert_eq!(order, winners.get(&line.told.user).copied(), "of the seat that he has");
                let first = lines.iter().filter(won).find(|first| first.told.user == line.told.user).unwrap();
                assert!(first.began < line.ended, "before he had asked for it");
            }
            other => panic!("a loser was told {other:?}"),
        }
    }
    winners
}

/// The rows agree with what the winners were told.
async fn judge_rows(world: &World, id: Id<Party>, winners: &HashMap<Id<User>, Id<Order>>) {
    let pool = world.app.databases.party(id.shard()).unwrap();
    let party = parties::find(&mut pool.acquire().await.unwrap(), id).await.unwrap().unwrap();
    let guests: HashMap<_, _> = party.guests().map(|order| (order.user_id, order.id)).collect();
    assert_eq!(&guests, winners);
    assert_eq!(party.orders.len(), GUEST_SEATS + 1, "and no other orders");
    let held = party.guests().all(|order| order.state == OrderState::Held && order.payments.len() == 1);
    let joined = party.guests().all(|order| order.state == OrderState::Joined && order.payments.is_empty());
    assert!(held || joined, "{:?}", party.orders);
}

/// The party's story, version by version, never has more members than seats.
async fn judge_outbox(world: &World, id: Id<Party>, winners: &HashMap<Id<User>, Id<Order>>) {
    let pool = world.app.databases.party(id.shard()).unwrap();
    let rows = sqlx::query_as("select version, events from outbox where party_id = $1 order by version");
    let rows: Vec<(i64, Json<Vec<Event>>)> = rows.bind(id.raw()).fetch_all(&*pool).await.unwrap();
    let (mut seats, mut seated) = (1, BTreeSet::new());
    for ((version, Json(events)), expected) in rows.iter().zip(1..) {
        assert_eq!(*version, expected, "no version is missing");
        for event in events {
            match event.kind {
                EventKind::Created => assert_eq!(*version, 1),
                EventKind::SeatHeld | EventKind::Joined => {
                    seats += 1;
                    let user = event.user_id.unwrap();
                    assert!(seated.insert(user.raw()), "{user} twice");
                    assert_eq!(winners.get(&user), event.order_id.as_ref());
                }
                other => panic!("nobody did that: {other:?}"),
            }
        }
        assert!(seats <= GUEST_SEATS + 1, "overfull in version {version}");
    }
    assert_eq!(seats, GUEST_SEATS + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_people_race_for_four_seats_of_each_of_a_hundred_parties() {
    world(|world| async move {
        let parties = if long() { 1_000 } else { 100 };
        race(&world, transfer_draft(&json!({"capacity": 5})), parties, 50).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn and_for_seats_that_are_held_until_they_are_paid() {
    world(|world| async move {
        let parties = if long() { 500 } else { 30 };
        race(&world, draft(&json!({"capacity": 5})), parties, 50).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_party_and_everybody_wants_its_last_seats() {
    world(|world| async move {
        let crowd = if long() { 10_000 } else { 600 };
        race(&world, transfer_draft(&json!({"capacity": 5})), 1, crowd).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_race_through_http() {
    world(|world| async move {
        let mut guests = Vec::new();
        for n in 0..20 {
            guests.push(Arc::new(world.person(&format!("guest{n}")).await));
        }
        let mut starts = Vec::new();
        for n in 0..8 {
            let host = world.person(&format!("host{n}")).await;
            let party = host.opens(draft(&json!({"capacity": 5, "pickup": place(n)}))).await;
            starts.extend(guests.iter().map(|guest| (party.clone(), Arc::clone(guest))));
        }
        Dice(3).shuffle(&mut starts);
        let history = at_once(32, starts, |(party, guest)| async move {
            let answer = guest.joins(&party, food(8_001)).await;
            let answer = if answer.status == 201 {
                Ok(parsed(&answer.body["id"]))
            } else {
                assert_eq!((answer.status, &answer.body["state"]), (409, &json!("open")), "{}", answer.text);
                let code = Code::from_word(answer.body["code"].as_str().unwrap()).unwrap();
                Err((code, answer.body.get("order_id").map(parsed)))
            };
            Told { party: Id::parse(&party).unwrap(), user: Id::parse(&guest.id).unwrap(), answer }
        });
        let history = history.await.into_iter();
        let history: Vec<Line> =
            history.map(|done| Line { began: done.began, ended: done.ended, told: done.answer }).collect();
        judge(&world, &history).await;
    })
    .await;
}

fn parsed<T>(id: &Value) -> Id<T> {
    Id::parse(id.as_str().unwrap()).unwrap()
}
