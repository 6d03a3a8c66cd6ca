//! Many at once, through the use cases: people, parties in many places, seeded chance, and workers that share the work.
#![expect(clippy::float_arithmetic, reason = "places are not money")]

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use nbbang::app::orders::Joined;
use nbbang::app::{Key, auth, orders, parties};
use nbbang::domain::error::Result;
use nbbang::domain::id::Id;
use nbbang::domain::item::Item;
use nbbang::domain::money::Krw;
use nbbang::domain::party::Party;
use nbbang::domain::user::{Language, User};
use nbbang::storage::parties as stored;
use nbbang::storage::tx::Tx;
use serde_json::{Value, json};

use crate::person::fresh_key;
use crate::world::World;

/// Whether the long versions run.
pub fn long() -> bool {
    std::env::var_os("NBBANG_LONG").is_some()
}

pub async fn somebody(world: &World, handle: &str) -> Id<User> {
    auth::sign_in_dev(&world.app, handle, Language::Korean).await.unwrap().user.id
}

pub async fn people(world: &World, name: &str, count: usize) -> Vec<Id<User>> {
    let mut people = Vec::new();
    for n in 0..count {
        people.push(somebody(world, &format!("{name}{n}")).await);
    }
    people
}

/// A pick-up point far from the others, so that the parties lie on many shards of both databases.
pub fn place(n: usize) -> Value {
    let n = u32::try_from(n).unwrap();
    let (row, column) = (f64::from(n / 20), f64::from(n % 20));
    json!({"lat": 34.5 + 0.1 * row, "lng": 126.5 + 0.1 * column, "label": "정문"})
}

/// Opens a party, whatever its host hosts already elsewhere: each has a host of his own.
pub async fn opens(world: &World, host: Id<User>, draft: Value) -> Id<Party> {
    let draft = serde_json::from_value(draft).unwrap();
    let key = fresh_key();
    let key = Key { route: "POST /v1/parties", key: &key, fingerprint: b"open" };
    parties::open(&world.app, host, draft, &key).await.unwrap().room.party.id
}

pub fn meal(price_krw: i64) -> Vec<Item> {
    vec![Item { name: "덮밥".to_owned(), unit_price_krw: Krw::new(price_krw), quantity: 1, memo: None }]
}

pub async fn joins(world: &World, user: Id<User>, party: Id<Party>, price_krw: i64) -> Result<Joined> {
    joins_as(world, user, party, price_krw, &fresh_key()).await
}

pub async fn joins_as(world: &World, user: Id<User>, party: Id<Party>, price_krw: i64, key: &str) -> Result<Joined> {
    let key = Key { route: "POST /v1/parties/{id}/orders", key, fingerprint: b"join" };
    orders::join(&world.app, user, party, meal(price_krw), &key).await
}

/// A transaction on the party's database.
pub async fn begin(world: &World, party: Id<Party>) -> Tx {
    Tx::begin(&world.app.databases.party(party.shard()).unwrap()).await.unwrap()
}

/// The party as it is now.
pub async fn party(world: &World, id: Id<Party>) -> Party {
    stored::find(&mut *begin(world, id).await, id).await.unwrap().unwrap()
}

/// Returns when so many of the party's database wait for a lock; they must not be through instead.
pub async fn waiters(world: &World, party: Id<Party>, count: i64, through: impl Fn() -> bool) {
    let pool = world.app.databases.party(party.shard()).unwrap();
    let waiting =
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&*pool).await.unwrap() < count {
        assert!(!through(), "nothing kept them waiting");
        tokio::task::yield_now().await;
    }
}

/// Does all the work, so many at a time, in the order given; the answers with when each began and ended.
pub async fn at_once<W, T, F>(
    workers: usize,
    work: Vec<W>,
    act: impl Fn(W) -> F + Send + Sync + 'static,
) -> Vec<Done<T>>
where
    W: Clone + Send + Sync + 'static,
    T: Send + 'static,
    F: Future<Output = T> + Send,
{
    let (work, act) = (Arc::new(work), Arc::new(act));
    let (next, clock) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU64::new(0)));
    let mut crew = tokio::task::JoinSet::new();
    for _ in 0..workers {
        let (work, act, next, clock) = (Arc::clone(&work), Arc::clone(&act), Arc::clone(&next), Arc::clone(&clock));
        crew.spawn(async move {
            let mut done = Vec::new();
            while let Some(one) = work.get(next.fetch_add(1, Ordering::SeqCst)) {
                let began = clock.fetch_add(1, Ordering::SeqCst);
                let answer = act(one.clone()).await;
                done.push(Done { began, ended: clock.fetch_add(1, Ordering::SeqCst), answer });
            }
            done
        });
    }
    crew.join_all().await.into_iter().flatten().collect()
}

/// What came of one piece of work; `began` and `ended` count what happened before it.
pub struct Done<T> {
    pub began: u64,
    pub ended: u64,
    pub answer: T,
}

/// Chance that repeats itself (`SplitMix64`).
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    pub fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.roll() % u64::try_from(count).unwrap()).unwrap()
    }

    pub fn within(&mut self, from: i64, to: i64) -> i64 {
        from + i64::try_from(self.roll() % u64::try_from(to - from + 1).unwrap()).unwrap()
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            all.swap(last, self.below(last + 1));
        }
    }
}
