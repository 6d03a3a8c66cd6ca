//! The statement that takes a seat and the rules in `domain` say the same of every party and every guest, on real PostgreSQL.

use std::sync::atomic::{AtomicI64, Ordering};

use nbbang::app::Key;
use nbbang::domain::id::{Id, Shard};
use nbbang::domain::money::Krw;
use nbbang::domain::order::{Order, OrderState};
use nbbang::domain::party::{Join, Party, Placement, State};
use nbbang::domain::split::{FeeTier, Split};
use nbbang::domain::terms::{Category, Draft, Limits, Pickup, Settlement, Store, TransferAccount};
use nbbang::domain::user::{Language, User};
use nbbang::domain::wordlist::WordList;
use nbbang::domain::{At, Time};
use nbbang::storage::{orders, parties};
use sqlx::PgPool;
use time::Duration;
use time::macros::datetime;

use crate::crowd::{Dice, long, meal};
use crate::scratch::Scratch;

const NOON: Time = datetime!(2026-12-01 12:00 UTC);
const USERS: i64 = 8;
const STATES: [State; 10] = {
    let mut states = [State::Open; 10];
    states[8] = State::Locked;
    states[9] = State::Cancelled;
    states
};

fn id() -> i64 {
    static NEXT: AtomicI64 = AtomicI64::new(1);
    (NEXT.fetch_add(1, Ordering::Relaxed) << 23) | (9 << 10)
}

fn user(number: i64) -> Id<User> {
    Id::from_raw(number << 23)
}

fn host() -> User {
    User {
        id: user(1),
        nickname: "민아".to_owned(),
        trust: 50,
        created_at: NOON,
        app_account_token: nbbang::app::random(),
        language: Language::Korean,
    }
}

/// Amounts in which remainders show.
fn won(dice: &mut Dice, most: i64) -> i64 {
    match dice.below(4) {
        0 => dice.within(0, 3),
        1 => dice.within(0, most.min(400)),
        _ => dice.within(0, most),
    }
}

fn draft(dice: &mut Dice) -> Draft {
    let capacity = dice.within(2, 10);
    let settlement = *dice.pick(Settlement::ALL);
    let account = TransferAccount { bank: "은행".into(), number: "123-456".into(), holder: "김민아".into() };
    let mut fees: Vec<i64> = (0..=dice.below(3)).map(|_| won(dice, 100_000)).collect();
    fees.sort_unstable_by_key(|fee| std::cmp::Reverse(*fee));
    let tier = |(fee, n): (i64, i64)| FeeTier { from_krw: Krw::new(n * 7_001), fee_krw: Krw::new(fee) };
    Draft {
        title: "같이".into(),
        store: Store { name: "가게".into(), category: Category::Pizza, link: None },
        pickup: Pickup { lat: 37.5, lng: 127.0, label: "앞".into(), memo: None },
        min_members: dice.within(2, capacity),
        capacity,
        deadline_at: NOON + Duration::hours(1),
        min_order_krw: Krw::new(won(dice, 60_000)),
        fee_tiers: fees.into_iter().zip(0..).map(tier).collect(),
        discount_krw: Krw::new(won(dice, 5_000)),
        split: *dice.pick(Split::ALL),
        settlement,
        transfer_account: (settlement == Settlement::Transfer).then_some(account),
        auto_lock: dice.one_in(2),
        items: if dice.one_in(4) { Vec::new() } else { meal(dice.within(1, 30_000)) },
    }
}

fn order(party: &Party, user_id: Id<User>, state: OrderState, dice: &mut Dice) -> Order {
    let items = meal(dice.within(1, 30_000));
    let food_krw = nbbang::domain::item::food(&items);
    Order {
        id: Id::from_raw(id()),
        user_id,
        state,
        version: 1,
        food_krw,
        items,
        fee_cap_krw: Some(party.terms.tariff.cap(food_krw)),
        owed_krw: None,
        held_until: (state == OrderState::Held).then(|| NOON + Duration::minutes(dice.within(-5, 70))),
        joined_at: matches!(state, OrderState::Joined | OrderState::Confirmed).then_some(NOON),
        voted_at: None,
        no_show_at: None,
        kick_reason: (state == OrderState::Kicked).then(|| "no".to_owned()),
        transfer_state: None,
        transfer_sent_at: None,
        transfer_disputed_at: None,
        created_at: NOON,
        payments: Vec::new(),
        dispute: None,
    }
}

/// A party in any state, with people who are in it, were in it, may not come back or did not pay.
fn party(dice: &mut Dice) -> Party {
    let offer = draft(dice).check(Limits::BASIC, &WordList::default(), NOON).unwrap();
    let mint = || Ok(id());
    let at = At { now: NOON, mint: &mint };
    let mut party = Party::open(Id::from_raw(id()), &host(), offer, Limits::BASIC, None, &at).unwrap();
    party.sealed_account = (party.terms.settlement == Settlement::Transfer).then(|| "sealed".to_owned());
    let live = match party.terms.settlement {
        Settlement::Prepaid => [OrderState::Held, OrderState::Joined],
        Settlement::Transfer => [OrderState::Joined, OrderState::Joined],
    };
    for number in 2..=USERS {
        let ended: &[OrderState] = match dice.below(8) {
            0 => &[OrderState::Left],
            1 => &[OrderState::Kicked],
            2 => &[OrderState::Expired, OrderState::Expired],
            3 => &[OrderState::Expired, OrderState::Expired, OrderState::Expired],
            4 => &[OrderState::Expired, OrderState::Left, OrderState::Expired, OrderState::Expired],
            _ => &[],
        };
        for state in ended {
            let ended = order(&party, user(number), *state, dice);
            party.orders.push(ended);
        }
        if !ended.contains(&OrderState::Kicked) && party.seats_taken() < party.terms.capacity && dice.one_in(3) {
            let live = order(&party, user(number), *dice.pick(&live), dice);
            party.orders.push(live);
        }
    }
    party.sort();
    close(&mut party, *dice.pick(&STATES));
    party
}

fn close(party: &mut Party, state: State) {
    party.state = state;
    if state == State::Open {
        return;
    }
    let quote = party.present_quote();
    party.quote = Some(quote);
    party.locked_at = Some(NOON);
    party.placement =
        Some(Placement { store_order_no: "1".into(), receipt_total_krw: Krw::new(1), eta_at: NOON, placed_at: NOON });
    party.ended_at = (state == State::Cancelled).then_some(NOON);
}

/// Somebody who wants a seat, and when.
fn join(party: &Party, dice: &mut Dice) -> (Join, Time) {
    let joiner = user(if dice.one_in(3) { USERS + 1 } else { dice.within(1, USERS) });
    let blocked = (1..=USERS).filter(|_| dice.one_in(25)).map(user).filter(|other| *other != joiner).collect();
    let price = match dice.below(4) {
        0 => dice.within(1, 3),
        1 => dice.within(100, 260),
        2 => 1_000_000,
        _ => dice.within(1, 60_000),
    };
    let items = if price == 1_000_000 { [meal(price), meal(price - 1), meal(3)].concat() } else { meal(price) };
    let deadline = party.terms.deadline_at;
    let times =
        [NOON, NOON, NOON, NOON, NOON, deadline - Duration::milliseconds(1), deadline, deadline + Duration::seconds(1)];
    (Join { user_id: joiner, blocked, items }, *dice.pick(&times))
}

/// One party and one guest, in the database and in the rules.
async fn agree(pool: &PgPool, seed: u64) -> bool {
    let mut dice = Dice(seed);
    let mut party = party(&mut dice);
    let (join, now) = join(&party, &mut dice);
    let mut conn = pool.acquire().await.unwrap();
    let key = Key { route: "open", key: "k", fingerprint: b"" };
    assert!(parties::insert(&mut conn, &party, &key, NOON).await.unwrap(), "seed {seed}");
    party.news = nbbang::domain::party::News::default();
    let stored = parties::find(&mut conn, party.id).await.unwrap().unwrap();
    assert_eq!(stored, party, "what is stored is what was meant; seed {seed}");

    let ids = (Id::from_raw(id()), Id::from_raw(id()));
    let key = Key { route: "join", key: "k", fingerprint: b"" };
    let taken = orders::join(&mut conn, party.id, &join, ids, &key, now).await.unwrap();
    let expected = party.may_join(&join, now);
    assert_eq!(taken.is_some(), expected.is_ok(), "seed {seed}: {expected:?}, {join:?}, {party:?}");
    let stored = parties::find(&mut conn, party.id).await.unwrap().unwrap();
    let Some(taken) = taken else {
        assert_eq!(stored, party, "a refusal changes nothing; seed {seed}");
        return false;
    };

    // The rules take the same seat, with the same ids.
    let ids = std::sync::Mutex::new(vec![ids.1.raw(), ids.0.raw()]);
    let mint = || Ok(ids.lock().unwrap().pop().unwrap());
    let order = party.join(join, &At { now, mint: &mint }).unwrap();
    party.news = nbbang::domain::party::News::default();
    party.version += 1;
    party.orders.iter_mut().filter(|seat| seat.id == order).for_each(|seat| seat.version = party.version);
    assert_eq!(stored, party, "seed {seed}");
    assert_eq!(&taken.seat.into_order(), party.order(order).unwrap(), "seed {seed}");
    let derived = sqlx::query_as::<_, (Vec<i64>, i16, i16, i64, Option<Time>)>(
        "select member_ids, seats_taken, member_count, food_total_krw, due_at from parties where id = $1",
    );
    let (mut members, seats, count, food, due) = derived.bind(party.id.raw()).fetch_one(&mut *conn).await.unwrap();
    let mut users: Vec<i64> =
        party.orders.iter().filter(|order| order.is_live()).map(|order| order.user_id.raw()).collect();
    members.sort_unstable();
    users.sort_unstable();
    assert_eq!(members, users, "seed {seed}");
    let counted = (party.seats_taken(), party.member_count(), party.food_total().get());
    assert_eq!((seats, count, food), counted, "seed {seed}");
    // Due at once is due at once; anything later is looked at when it is due, or sooner.
    assert_eq!(due <= Some(now), party.due_at() <= Some(now), "seed {seed}: {due:?} {:?}", party.due_at());
    assert!(due <= party.due_at() || due <= Some(now), "seed {seed}: {due:?} {:?}", party.due_at());
    assert_eq!(taken.lock, due <= Some(now), "seed {seed}");
    true
}

#[tokio::test]
async fn the_statement_refuses_exactly_when_the_rules_do_and_promises_the_same() {
    let (_scratch, databases) = Scratch::migrated(1).await;
    databases.load_map().await.unwrap();
    let pool = databases.party(Shard::of_hash(9)).unwrap();
    let cases = if long() { 100_000 } else { 500 };
    let mut taken = 0;
    for seed in 0..cases {
        taken += u64::from(agree(&pool, seed).await);
    }
    assert!((cases / 10..cases * 9 / 10).contains(&taken), "{taken} seats in {cases} cases");
}
