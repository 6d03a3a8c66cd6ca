//! A history of many readers and writers in two processes, while Redis loses keys and scripts: no read that began after a
//! write was answered gets what was before it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use nbbang::storage::cache::{Cache, CacheKey, Loaded};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::cache::{key, process};
use crate::redis::Redis;

const KEYS: usize = 100;

#[derive(Default)]
struct Cell {
    /// One writer at a time, as a row's lock has it.
    lock: Mutex<()>,
    committed: AtomicI64,
    /// The newest version whose write was answered.
    answered: AtomicI64,
}

struct History {
    cells: Vec<Cell>,
    loads: AtomicUsize,
    reads: AtomicUsize,
    stale: AtomicUsize,
}

/// Splitmix64: a task's own dice.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    /// Some keys are asked for much more often than others.
    fn key(&mut self) -> usize {
        let limit = 1 + self.below(KEYS as u64);
        usize::try_from(self.below(limit)).unwrap()
    }
}

impl History {
    fn new() -> Arc<Self> {
        let cells = std::iter::repeat_with(Cell::default).take(KEYS).collect();
        Arc::new(Self { cells, loads: AtomicUsize::new(0), reads: AtomicUsize::new(0), stale: AtomicUsize::new(0) })
    }

    async fn write(&self, cache: &Cache, at: usize) {
        let cell = &self.cells[at];
        let _row = cell.lock.lock().await;
        let version = cell.committed.fetch_add(1, Ordering::SeqCst) + 1;
        cache.forget(&[at_key(at)]).await;
        cell.answered.fetch_max(version, Ordering::SeqCst);
    }

    async fn read(self: &Arc<Self>, cache: &Cache, at: usize, slow: bool) {
        let least = self.cells[at].answered.load(Ordering::SeqCst);
        let history = Arc::clone(self);
        let load = move || async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let version = history.cells[at].committed.load(Ordering::SeqCst);
            history.loads.fetch_add(1, Ordering::Relaxed);
            // The answer takes its time; meanwhile it is written.
            tokio::time::sleep(Duration::from_millis(if slow { 30 } else { 1 })).await;
            Ok(Some(Loaded { version, body: version.to_string().into_bytes() }))
        };
        let entry = cache.read(&at_key(at), load).await.unwrap().unwrap();
        assert_eq!(entry.body, entry.version.to_string(), "another key's bytes");
        self.reads.fetch_add(1, Ordering::Relaxed);
        if entry.version < least {
            self.stale.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// So many operations by 64 tasks, one in twenty a write.
    async fn plays(self: &Arc<Self>, caches: &[Cache], operations: usize) {
        let mut tasks = JoinSet::new();
        for number in 0..64_usize {
            let (history, cache) = (Arc::clone(self), caches[number % caches.len()].clone());
            tasks.spawn(async move {
                let mut dice = Dice(number as u64);
                for _ in 0..operations / 64 {
                    let at = dice.key();
                    if dice.below(20) == 0 {
                        history.write(&cache, at).await;
                    } else {
                        history.read(&cache, at, dice.below(100) == 0).await;
                    }
                }
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
    }

    /// Nothing old was read, and at the end everything is as it was written last.
    async fn judges(self: &Arc<Self>, caches: &[Cache]) {
        let (reads, stale, loads) =
            (self.reads.load(Ordering::SeqCst), self.stale.load(Ordering::SeqCst), self.loads.load(Ordering::SeqCst));
        println!("{reads} reads, {stale} of them stale, {loads} loads");
        assert_eq!(stale, 0, "of {reads} reads");
        for cache in caches {
            for at in 0..KEYS {
                self.read(cache, at, false).await;
            }
        }
        assert_eq!(self.stale.load(Ordering::SeqCst), 0, "an old value is left");
    }
}

fn at_key(at: usize) -> CacheKey {
    key(i64::try_from(at).unwrap())
}

fn operations() -> usize {
    if std::env::var_os("NBBANG_LONG").is_some() { 1_000_000 } else { 20_000 }
}

/// Goes on beside the history until it ends.
async fn beside<T>(history: impl Future<Output = T>, trouble: impl Future<Output = ()>) -> T {
    tokio::select! {
        done = history => done,
        () = trouble => unreachable!("it has no end"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_read_is_older_than_an_answered_write() {
    let redis = Redis::start().await;
    let caches = [process(Some(&redis.url())).await, process(Some(&redis.url())).await];
    let history = History::new();
    history.plays(&caches, operations()).await;
    history.judges(&caches).await;
    let (reads, loads) = (history.reads.load(Ordering::SeqCst), history.loads.load(Ordering::SeqCst));
    assert!(loads * 2 < reads, "{loads} loads for {reads} reads are no cache");
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_while_redis_loses_keys_leases_and_scripts() {
    let redis = Redis::with(&["--maxmemory", "2mb", "--maxmemory-policy", "allkeys-random"]).await;
    let caches = [process(Some(&redis.url())).await, process(Some(&redis.url())).await];
    let history = History::new();
    let trouble = async {
        let mut dice = Dice(99);
        loop {
            match dice.below(40) {
                0 => redis.ask::<()>(&["FLUSHALL"]).await,
                1 => redis.ask::<()>(&["SCRIPT", "FLUSH"]).await,
                _ => {
                    let lost = at_key(dice.key()).text();
                    redis.ask::<i64>(&["UNLINK", &lost]).await;
                    // What else lies there takes the room away.
                    let weight = "x".repeat(100_000);
                    redis.ask::<String>(&["SET", &format!("weight-{}", dice.below(100)), &weight]).await;
                }
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    beside(history.plays(&caches, operations()), trouble).await;
    let evicted: String = redis.ask(&["INFO", "stats"]).await;
    let evicted = evicted.lines().find_map(|line| line.strip_prefix("evicted_keys:")).unwrap().trim().to_owned();
    assert_ne!(evicted, "0", "there was room for everything");
    history.judges(&caches).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_while_redis_stops_and_goes_on() {
    let redis = Redis::start().await;
    let caches = [process(Some(&redis.url())).await];
    let history = History::new();
    let trouble = async {
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            redis.pause();
            tokio::time::sleep(Duration::from_millis(300)).await;
            redis.resume();
        }
    };
    beside(history.plays(&caches, operations().min(100_000)), trouble).await;
    redis.resume();
    history.judges(&caches).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_while_redis_is_killed_and_comes_back_empty() {
    let mut redis = Redis::start().await;
    let caches = [process(Some(&redis.url())).await, process(Some(&redis.url())).await];
    let history = History::new();
    let trouble = async {
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            redis.kill();
            tokio::time::sleep(Duration::from_millis(100)).await;
            redis.restart().await;
        }
    };
    beside(history.plays(&caches, operations().min(100_000)), trouble).await;
    history.judges(&caches).await;
}
