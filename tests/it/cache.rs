//! The cache beside a primary that tests can hold up: nobody who reads after a write was answered gets what was before it,
//! and one load is enough for all.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nbbang::domain::error::{Code, Error, Result};
use nbbang::domain::id::Id;
use nbbang::storage::cache::{Cache, CacheKey, Entry, Loaded, Settings};
use tokio::sync::{Mutex as Gate, OwnedMutexGuard};
use tokio::task::JoinHandle;

use crate::redis::Redis;

/// What is true: a number for each key. A test can hold up who has read it.
#[derive(Default)]
pub struct Primary {
    versions: Mutex<HashMap<i64, i64>>,
    pub loads: AtomicUsize,
    away: std::sync::atomic::AtomicBool,
    gate: Arc<Gate<()>>,
}

impl Primary {
    pub fn of(versions: &[(i64, i64)]) -> Arc<Self> {
        Arc::new(Self { versions: Mutex::new(versions.iter().copied().collect()), ..Self::default() })
    }

    pub fn write(&self, id: i64, version: i64) {
        self.versions.lock().unwrap().insert(id, version);
    }

    fn now(&self, id: i64) -> Option<i64> {
        self.versions.lock().unwrap().get(&id).copied()
    }

    pub fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }

    /// Whoever has read stands still until the guard goes.
    pub async fn hold(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.gate).lock_owned().await
    }

    pub async fn load(self: Arc<Self>, id: i64) -> Result<Option<Loaded>> {
        if self.away.load(Ordering::SeqCst) {
            return Err(Error::internal(Code::DatabaseUnavailable, "away"));
        }
        let seen = self.now(id);
        self.loads.fetch_add(1, Ordering::SeqCst);
        drop(Arc::clone(&self.gate).lock_owned().await);
        Ok(seen.map(|version| Loaded { version, body: format!("{{\"v\":{version}}}").into_bytes() }))
    }

    /// Until somebody has read so often.
    pub async fn loaded(&self, times: usize) {
        until("a load begins", || self.loads() >= times).await;
    }
}

pub async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..10_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("it never came to this: {what}");
}

/// What a process has.
pub async fn process(url: Option<&str>) -> Cache {
    let settings = Settings {
        url,
        bulkhead: 4,
        audit_every: u64::MAX,
        now: nbbang::app::clock::real_unix_ms,
        random: || nbbang::app::random().as_u128(),
    };
    Cache::start(settings).await.unwrap()
}

pub fn key(id: i64) -> CacheKey {
    CacheKey::Party(Id::from_raw(id))
}

pub async fn read(cache: &Cache, primary: &Arc<Primary>, id: i64) -> Option<Entry> {
    let primary = Arc::clone(primary);
    cache.read(&key(id), move || primary.load(id)).await.unwrap()
}

pub async fn version(cache: &Cache, primary: &Arc<Primary>, id: i64) -> i64 {
    read(cache, primary, id).await.map_or(0, |entry| entry.version)
}

fn reader(cache: &Cache, primary: &Arc<Primary>, id: i64) -> JoinHandle<i64> {
    let (cache, primary) = (cache.clone(), Arc::clone(primary));
    tokio::spawn(async move { version(&cache, &primary, id).await })
}

#[tokio::test]
async fn what_was_read_is_found_by_every_process() {
    let redis = Redis::start().await;
    let (here, there) = (process(Some(&redis.url())).await, process(Some(&redis.url())).await);
    let primary = Primary::of(&[(1, 7)]);
    let entry = read(&here, &primary, 1).await.unwrap();
    assert_eq!((entry.version, &entry.body[..], entry.stale), (7, &b"{\"v\":7}"[..], false));
    assert_eq!(read(&there, &primary, 1).await, Some(entry));
    assert_eq!(primary.loads(), 1);
    primary.write(1, 8);
    there.forget(&[key(1)]).await;
    assert_eq!(version(&here, &primary, 1).await, 8);
    let left: i64 = redis.ask(&["PTTL", &key(1).text()]).await;
    assert!((54_000 - 5_000..=60_000).contains(&left), "{left} ms: a minute and up to a tenth less");
}

#[tokio::test]
async fn that_there_is_nothing_is_known_too_until_there_is() {
    let redis = Redis::start().await;
    let cache = process(Some(&redis.url())).await;
    let primary = Primary::of(&[]);
    assert_eq!(read(&cache, &primary, 1).await, None);
    assert_eq!(read(&cache, &primary, 1).await, None);
    assert_eq!(primary.loads(), 1);
    primary.write(1, 1);
    cache.forget(&[key(1)]).await;
    assert_eq!(version(&cache, &primary, 1).await, 1);
}

/// The race that leaves old values in other caches: read, written, forgotten, filled.
#[tokio::test]
async fn a_load_that_a_write_has_overtaken_is_not_kept() {
    let redis = Redis::start().await;
    let (here, there) = (process(Some(&redis.url())).await, process(Some(&redis.url())).await);
    for (round, writer) in [&here, &there].into_iter().enumerate() {
        let id = i64::try_from(round).unwrap();
        let primary = Primary::of(&[(id, 1)]);
        let held = primary.hold().await;
        let slow = reader(&here, &primary, id);
        primary.loaded(1).await;
        primary.write(id, 2);
        writer.forget(&[key(id)]).await;
        drop(held);
        assert_eq!(slow.await.unwrap(), 1, "it began before the write");
        assert_eq!(version(&here, &primary, id).await, 2);
        assert_eq!(version(&there, &primary, id).await, 2);
    }
}

#[tokio::test]
async fn of_two_who_load_at_once_the_one_with_the_newer_lease_fills() {
    let redis = Redis::start().await;
    let (here, there) = (process(Some(&redis.url())).await, process(Some(&redis.url())).await);
    let primary = Primary::of(&[(1, 1)]);
    let held = primary.hold().await;
    let slow = reader(&here, &primary, 1);
    primary.loaded(1).await;
    // The lease runs out, by time or because Redis needed the room; a write comes whose forgetting finds nothing.
    redis.ask::<()>(&["FLUSHALL"]).await;
    primary.write(1, 2);
    there.forget(&[key(1)]).await;
    let fast = reader(&there, &primary, 1);
    primary.loaded(2).await;
    drop(held);
    assert_eq!((slow.await.unwrap(), fast.await.unwrap()), (1, 2));
    assert_eq!(version(&here, &primary, 1).await, 2);
    assert_eq!(primary.loads(), 2, "the newer one's value is there");
}

#[tokio::test]
async fn who_comes_after_a_write_was_answered_does_not_get_what_an_older_load_brings() {
    let redis = Redis::start().await;
    for url in [Some(redis.url()), None] {
        let (here, there) = (process(url.as_deref()).await, process(url.as_deref()).await);
        let primary = Primary::of(&[(1, 1)]);
        let held = primary.hold().await;
        let old = reader(&here, &primary, 1);
        primary.loaded(1).await;
        // Written by another process: this one hears nothing of it.
        primary.write(1, 2);
        there.forget(&[key(1)]).await;
        let new: Vec<_> = (0..20).map(|_| reader(&here, &primary, 1)).collect();
        // They join the load that is under way, or begin one; all the same.
        tokio::time::sleep(Duration::from_millis(20)).await;
        drop(held);
        assert_eq!(old.await.unwrap(), 1);
        for new in new {
            assert_eq!(new.await.unwrap(), 2);
        }
        here.forget(&[key(1)]).await;
    }
}

#[tokio::test]
async fn a_reader_who_hangs_up_leaves_the_load_to_the_others() {
    let redis = Redis::start().await;
    let cache = process(Some(&redis.url())).await;
    let primary = Primary::of(&[(1, 1)]);
    let held = primary.hold().await;
    let first = reader(&cache, &primary, 1);
    primary.loaded(1).await;
    let others: Vec<_> = (0..20).map(|_| reader(&cache, &primary, 1)).collect();
    tokio::time::sleep(Duration::from_millis(20)).await;
    first.abort();
    drop(held);
    for other in others {
        assert_eq!(other.await.unwrap(), 1);
    }
    assert_eq!(primary.loads(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_readers_in_two_processes_need_one_load() {
    let redis = Redis::start().await;
    let (here, there) = (process(Some(&redis.url())).await, process(Some(&redis.url())).await);
    let primary = Primary::of(&[(1, 1)]);
    let held = primary.hold().await;
    let readers: Vec<_> = (0..1000).map(|n| reader(if n % 2 == 0 { &here } else { &there }, &primary, 1)).collect();
    primary.loaded(1).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    drop(held);
    for reader in readers {
        assert_eq!(reader.await.unwrap(), 1);
    }
    assert_eq!(primary.loads(), 1);
}

/// How far the clock of `later` is ahead.
static AHEAD_MS: AtomicU64 = AtomicU64::new(0);

fn later() -> u64 {
    nbbang::app::clock::real_unix_ms() + AHEAD_MS.load(Ordering::SeqCst)
}

#[tokio::test]
async fn past_its_soft_expiry_a_value_is_served_and_fetched_anew_and_an_answer_of_others_asked_for_first() {
    let redis = Redis::start().await;
    let url = redis.url();
    let settings = Settings { url: Some(&url), bulkhead: 4, audit_every: u64::MAX, now: later, random: || 7 };
    let cache = Cache::start(settings).await.unwrap();
    let primary = Primary::of(&[(1, 1)]);
    let map = CacheKey::Map { kind: "places", question: "강남".to_owned() };
    let ask = || {
        let primary = Arc::clone(&primary);
        cache.read_through(&map, move || primary.load(1))
    };
    assert_eq!(version(&cache, &primary, 1).await, 1);
    assert_eq!(ask().await.unwrap().unwrap().version, 1);
    AHEAD_MS.store(10_000, Ordering::SeqCst);
    primary.write(1, 2);
    let entry = read(&cache, &primary, 1).await.unwrap();
    assert_eq!((entry.version, entry.stale), (1, true));
    primary.loaded(3).await;
    for _ in 0..1000 {
        if version(&cache, &primary, 1).await == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let entry = read(&cache, &primary, 1).await.unwrap();
    assert_eq!((entry.version, entry.stale), (2, false));
    assert_eq!(primary.loads(), 3);

    AHEAD_MS.store(25 * 3_600_000, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(1)).await;
    primary.away.store(true, Ordering::SeqCst);
    let old = ask().await.unwrap().unwrap();
    assert_eq!((old.version, old.stale), (1, true), "the old answer, since there is no new one");
    primary.away.store(false, Ordering::SeqCst);
    assert_eq!(ask().await.unwrap().unwrap().version, 2);
}

#[tokio::test]
async fn a_failed_load_is_told_and_not_kept() {
    let redis = Redis::start().await;
    let cache = process(Some(&redis.url())).await;
    let primary = Primary::of(&[(1, 1)]);
    primary.away.store(true, Ordering::SeqCst);
    let failing = Arc::clone(&primary);
    let failed = cache.read(&key(1), move || failing.load(1)).await;
    assert_eq!(failed.unwrap_err().code, Code::DatabaseUnavailable);
    primary.away.store(false, Ordering::SeqCst);
    for _ in 0..2 {
        assert_eq!(version(&cache, &primary, 1).await, 1);
    }
    assert_eq!(primary.loads(), 1, "its lease is in nobody's way");
}

#[tokio::test]
async fn garbage_is_a_miss() {
    let redis = Redis::start().await;
    let cache = process(Some(&redis.url())).await;
    let primary = Primary::of(&[(1, 1), (2, 1)]);
    for garbage in [&b""[..], b"x", b"{\"v\":9}", &[1; 24], &[1; 100], &[2; 25], &[255; 1000]] {
        redis.set(&key(1).text(), garbage).await;
        let before = primary.loads();
        assert_eq!(version(&cache, &primary, 1).await, 1);
        assert_eq!(version(&cache, &primary, 1).await, 1);
        assert_eq!(primary.loads(), before + 1, "it is replaced by what is true");
    }
    redis.ask::<i64>(&["LPUSH", &key(2).text(), "x"]).await;
    assert_eq!(version(&cache, &primary, 2).await, 1, "what is no text cannot be read, and stays");
    cache.forget(&[key(2)]).await;
    assert_eq!(version(&cache, &primary, 2).await, 1);
    let before = primary.loads();
    assert_eq!(version(&cache, &primary, 2).await, 1);
    assert_eq!(primary.loads(), before);
}
