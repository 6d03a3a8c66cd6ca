//! One read: near, then Redis, then the database, by one of those who miss and for all of them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, sleep, timeout};
use tracing::Instrument;

use crate::domain::error::{Code, Error, Result};
use crate::storage::cache::envelope::{self, Found};
use crate::storage::cache::flight::{Boarding, Landing, Leader};
use crate::storage::cache::key::{CacheKey, Terms};
use crate::storage::cache::link::{Away, Link};
use crate::storage::cache::near::IN_NEED;
use crate::storage::cache::{Entry, Inner, Load, Loaded};

/// How long a load may take before others may begin one.
const LEASE: Duration = Duration::from_secs(3);
const AT_ONCE: Duration = Duration::from_millis(1);
/// When somebody else loads, how often we look: 100 ms in all.
const POLLS_MS: [u64; 5] = [5, 10, 20, 40, 25];
/// How long a read waits for its turn at the database before it takes an old copy, and at the most.
const QUICK: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(2);
/// A key that differs from the database still after this time was not forgotten.
const LATE: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PastSoft {
    /// Served, and fetched anew in the background.
    Serve,
    /// Fetched anew first.
    Load,
}

/// What a look at Redis has found.
enum Look {
    /// Nothing to serve. What lies there, if it is not a lease, has to be replaced.
    Miss(Option<Bytes>),
    Hit(Option<Entry>, Bytes),
    Past(Option<Entry>, Bytes),
    Away,
}

/// What a leader holds.
enum Hold {
    /// Whoever swaps exactly this has missed no forgetting.
    Mine(Vec<u8>),
    /// Somebody has filled it meanwhile.
    Filled(Option<Entry>),
    /// No lease to be had: somebody else takes long, or Redis is away.
    None,
}

#[derive(Clone)]
pub struct Reading {
    inner: Arc<Inner>,
    terms: &'static Terms,
    key: String,
    past_soft: PastSoft,
}

impl Reading {
    pub fn new(inner: &Arc<Inner>, key: &CacheKey, past_soft: PastSoft) -> Self {
        Self { inner: Arc::clone(inner), terms: key.terms(), key: key.text(), past_soft }
    }

    pub async fn run(self, load: Load) -> Result<Option<Entry>> {
        // Twice: who has waited for a load that was overtaken by a write looks again.
        for _ in 0..2 {
            let mark = self.inner.near.mark(&self.key);
            if let Some(copy) = self.inner.near.get(&self.key, self.terms.near) {
                self.count("near");
                return Ok(copy.entry);
            }
            let (replace, old, is_away) = match self.look().await {
                Look::Hit(entry, bytes) => {
                    self.count("hit");
                    self.keep(entry.as_ref(), mark);
                    self.audit(bytes, load);
                    return Ok(entry);
                }
                Look::Past(entry, bytes) if self.past_soft == PastSoft::Serve => {
                    self.count("stale");
                    self.refresh(bytes, load);
                    return Ok(entry);
                }
                Look::Past(entry, bytes) => (Some(bytes), Some(Old(entry)), false),
                Look::Miss(bytes) => (bytes, None, false),
                Look::Away => (None, None, true),
            };
            match self.inner.flights.board(&self.key) {
                // Nothing will be filled, so nobody but those who wait needs it: no task, and it stays on this thread.
                Boarding::Lead(leader, _) if is_away => {
                    self.count("miss");
                    let landing = self.unfilled(|| leader.close(), mark, load).await;
                    leader.land(landing.clone());
                    return landing.entry;
                }
                Boarding::Lead(leader, own) => {
                    self.count("miss");
                    let reading = self.clone();
                    let keeps = old.is_some();
                    let leading = async move {
                        let landing = reading.lead(&leader, replace, keeps, mark, load).await;
                        leader.land(landing);
                    };
                    self.inner.runtime.spawn(leading.in_current_span());
                    let landing = own.landing().await;
                    let gone = || Err(Error::internal(Code::Internal, "a load has died"));
                    return or_old(landing.map_or_else(gone, |landing| landing.entry), old);
                }
                Boarding::Follow(follower) => {
                    if let Some(landing) = follower.landing().await.filter(|landing| landing.for_all) {
                        self.count("followed");
                        return or_old(landing.entry, old);
                    }
                }
            }
        }
        self.count("miss");
        let mark = self.inner.near.mark(&self.key);
        self.unfilled(|| {}, mark, load).await.entry
    }

    async fn look(&self) -> Look {
        let Some(link) = &self.inner.link else { return Look::Away };
        let Ok(lies) = link.get(&self.key).await else { return Look::Away };
        let Some(bytes) = lies else { return Look::Miss(None) };
        match self.open(&bytes) {
            Found::Lease => Look::Miss(None),
            Found::Strange => Look::Miss(Some(bytes)),
            Found::Entry { entry, past: false } => Look::Hit(entry, bytes),
            Found::Entry { entry, past: true } => Look::Past(entry, bytes),
        }
    }

    fn open(&self, bytes: &Bytes) -> Found {
        envelope::read(bytes, self.terms.schema, (self.inner.now)())
    }

    /// Loads for everybody. With `keeps`, what lies there may be served until it is replaced.
    async fn lead(&self, leader: &Leader, lies: Option<Bytes>, keeps: bool, mark: u64, load: Load) -> Landing {
        let Some(link) = &self.inner.link else { return self.unfilled(|| leader.close(), mark, load).await };
        let held = match lies {
            Some(bytes) if keeps => Hold::Mine(bytes.to_vec()),
            lies => self.hold(link, lies).await,
        };
        match held {
            Hold::Filled(entry) => Landing { entry: Ok(entry), for_all: false },
            Hold::None => self.unfilled(|| leader.close(), mark, load).await,
            Hold::Mine(held) => {
                let (loaded, written, lasts) = self.load(load).await;
                // Who joined until now began before the fill; who comes later may come after a write that the fill misses.
                leader.close();
                let written = match written {
                    Ok(written) => written,
                    Err(error) => {
                        // Nobody has to wait for a lease that nobody fills.
                        let _answer = if keeps { Ok(true) } else { link.swap(&self.key, &held, &held, AT_ONCE).await };
                        return Landing { entry: Err(error), for_all: true };
                    }
                };
                let filled = link.swap(&self.key, &held, &written, lasts).await;
                if filled == Ok(true) {
                    self.keep(loaded.as_ref(), mark);
                } else if filled == Ok(false) {
                    metrics::counter!("nbbang_cache_refused_fills_total", "kind" => self.terms.name).increment(1);
                }
                Landing { entry: Ok(loaded), for_all: filled == Ok(true) }
            }
        }
    }

    async fn hold(&self, link: &Arc<Link>, mut strange: Option<Bytes>) -> Hold {
        let lease = envelope::lease(self.terms.schema, (self.inner.random)());
        let begun = Instant::now();
        let mut pauses = POLLS_MS.into_iter();
        let held = loop {
            if let Some(seen) = strange.take() {
                match link.swap(&self.key, &seen, &lease, LEASE).await {
                    Ok(true) => break Hold::Mine(lease),
                    Ok(false) => {}
                    Err(Away) => break Hold::None,
                }
            }
            let Ok(lies) = link.lease(&self.key, &lease, LEASE).await else { break Hold::None };
            let Some(bytes) = lies else { break Hold::Mine(lease) };
            match self.open(&bytes) {
                Found::Entry { entry, .. } => break Hold::Filled(entry),
                Found::Strange => strange = Some(bytes),
                Found::Lease => {}
            }
            let Some(pause) = pauses.next() else { break Hold::None };
            sleep(Duration::from_millis(pause)).await;
        };
        if pauses.len() < POLLS_MS.len() {
            metrics::histogram!("nbbang_cache_lease_wait_seconds", "kind" => self.terms.name).record(begun.elapsed());
        }
        held
    }

    /// What the database has, and how it is to lie in the cache and for how long.
    async fn load(&self, load: Load) -> (Option<Entry>, Result<Vec<u8>>, Duration) {
        let (begun, began_ms) = (Instant::now(), (self.inner.now)());
        let loaded = match load().await {
            Ok(loaded) => loaded,
            Err(error) => return (None, Err(error), Duration::ZERO),
        };
        let (hard, soft) = match &loaded {
            Some(_) => (self.terms.hard, self.terms.soft),
            None => (self.terms.absent, self.terms.absent),
        };
        let tenths = u32::try_from((self.inner.random)() % 1000).unwrap_or_default();
        // Up to a tenth less, so that what was filled together does not end together.
        let jittered = |full: Duration| full.saturating_sub(full / 10_000 * tenths);
        let cost = u32::try_from(begun.elapsed().as_millis()).unwrap_or(u32::MAX);
        let soft_ms = began_ms.saturating_add(u64::try_from(jittered(soft).as_millis()).unwrap_or_default());
        let written = envelope::write(loaded.as_ref(), self.terms.schema, cost, soft_ms);
        (loaded.map(Entry::from), Ok(written), jittered(hard))
    }

    /// From the database and past the cache, when a turn comes; else an old copy, else nothing. `close` is called before the
    /// database is asked: who comes later may come after a write.
    async fn unfilled(&self, close: impl FnOnce(), mark: u64, load: Load) -> Landing {
        let permit = match self.turn(QUICK).await {
            None if self.old_copy().is_none() => self.turn(LONG).await,
            turn => turn,
        };
        close();
        if permit.is_none() {
            let busy = Err(Error::internal(Code::Busy, "too many reads wait for the database"));
            return Landing { entry: or_old(busy, self.old_copy()), for_all: false };
        }
        let loaded = load().await.map(|loaded| loaded.map(Entry::from));
        match loaded {
            Ok(entry) => {
                self.keep(entry.as_ref(), mark);
                Landing { entry: Ok(entry), for_all: true }
            }
            Err(error) if matches!(error.code, Code::DatabaseUnavailable | Code::Busy) => {
                Landing { entry: or_old(Err(error), self.old_copy()), for_all: true }
            }
            Err(error) => Landing { entry: Err(error), for_all: true },
        }
    }

    async fn turn(&self, patience: Duration) -> Option<SemaphorePermit<'_>> {
        timeout(patience, self.inner.bulkhead.acquire()).await.ok()?.ok()
    }

    fn old_copy(&self) -> Option<Old> {
        let copy = self.inner.near.get(&self.key, IN_NEED).filter(|_| self.terms.in_need)?;
        Some(Old(copy.entry.map(|entry| Entry { stale: true, ..entry })))
    }

    fn keep(&self, entry: Option<&Entry>, mark: u64) {
        if self.terms.in_need {
            self.inner.near.keep(&self.key, entry, mark, self.terms.near);
        }
    }

    /// In the background, by one process: puts the present state in the place of exactly the one that was seen.
    fn refresh(&self, seen: Bytes, load: Load) {
        let Some(link) = self.inner.link.clone() else { return };
        if !self.inner.refreshing().insert(self.key.clone()) {
            return;
        }
        let reading = self.clone();
        self.inner.runtime.spawn(async move {
            let (key, inner) = (&reading.key, &reading.inner);
            if let Ok(_turn) = inner.bulkhead.try_acquire()
                && link.claim(&format!("{key}:r"), LEASE).await == Ok(true)
            {
                match reading.load(load).await {
                    (_, Ok(written), lasts) => {
                        if link.swap(key, &seen, &written, lasts).await == Ok(false) {
                            let kind = reading.terms.name;
                            metrics::counter!("nbbang_cache_refused_fills_total", "kind" => kind).increment(1);
                        }
                    }
                    (_, Err(error), _) => tracing::debug!(?error, "a cached value was not fetched anew"),
                }
            }
            inner.refreshing().remove(key);
        });
    }

    /// Compares one hit in many with the database.
    fn audit(&self, seen: Bytes, load: Load) {
        let hit = self.inner.hits.fetch_add(1, Ordering::Relaxed);
        let Some(link) = self.inner.link.clone().filter(|_| hit % self.inner.audit_every == self.inner.audit_every - 1)
        else {
            return;
        };
        let reading = self.clone();
        self.inner.runtime.spawn(async move {
            let Ok(_turn) = reading.inner.bulkhead.try_acquire() else { return };
            let Ok(loaded) = load().await else { return };
            let same = match (reading.open(&seen), &loaded) {
                (Found::Entry { entry: Some(entry), .. }, Some(loaded)) => entry == Entry::from(loaded.clone()),
                (Found::Entry { entry: None, .. }, None) => true,
                _ => false,
            };
            // What was written meanwhile is forgotten within a moment.
            let stale = !same && {
                sleep(LATE).await;
                link.get(&reading.key).await == Ok(Some(seen))
            };
            if stale {
                tracing::warn!(kind = reading.terms.name, "a cached value is not what the database has");
            }
            let (kind, stale) = (reading.terms.name, if stale { "true" } else { "false" });
            metrics::counter!("nbbang_cache_audits_total", "kind" => kind, "stale" => stale).increment(1);
        });
    }

    fn count(&self, how: &'static str) {
        metrics::counter!("nbbang_cache_reads_total", "kind" => self.terms.name, "how" => how).increment(1);
    }
}

/// What may be served when there is nothing newer.
struct Old(Option<Entry>);

fn or_old(entry: Result<Option<Entry>>, old: Option<Old>) -> Result<Option<Entry>> {
    match (entry, old) {
        (Err(_), Some(Old(entry))) => Ok(entry),
        (entry, _) => entry,
    }
}

impl From<Loaded> for Entry {
    fn from(loaded: Loaded) -> Self {
        Self { version: loaded.version, body: loaded.body.into(), stale: false }
    }
}
