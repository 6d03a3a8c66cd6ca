//! The connections to Redis: one for the process, and one to each thread that serves, so that a hit stays on the thread that
//! asked; with a deadline on each answer. It never says why it has no answer, since
//! the readers then go to the database; what could not be forgotten it makes up for before Redis is believed again.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, ErrorKind, RedisResult, Script, ScriptInvocation, ServerErrorKind};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use tokio_util::context::TokioContext;
use tracing::{Instrument, Span};

use crate::storage::cache::breaker::Breaker;

const CONNECT: Duration = Duration::from_millis(200);
/// For one answer; with its connection if need be.
const ANSWER: Duration = Duration::from_millis(50);
/// How often forgetting is tried within that time.
const TRIES: usize = 3;
/// Between probes of a Redis that does not answer, at first and at the most.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// More keys to make up for than this are left to their expiry.
const MOST_OWED: usize = 100_000;

/// `set` with both `nx` and `get` came with it.
const OLDEST: u32 = 7;

/// Puts a value in the place of exactly the one that was seen.
const SWAP: &str = "if redis.call('get', KEYS[1]) == ARGV[1] then
    redis.call('set', KEYS[1], ARGV[2], 'px', ARGV[3])
    return 1
end
return 0";

/// There is no answer: none in time, none at all, or Redis cannot do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Away;

thread_local! {
    /// By the link's number: in which generation it was made, and the connection.
    static OWN: RefCell<HashMap<usize, (usize, ConnectionManager)>> = RefCell::default();
}

pub struct Link {
    /// Which of a thread's connections are this link's.
    number: usize,
    pub(super) client: Client,
    connection: ArcSwap<ConnectionManager>,
    /// Rises when the connections are given up; a thread's own of an earlier one is replaced.
    generation: AtomicUsize,
    /// The process's own: actix's threads end, and with them what was connected there.
    runtime: Handle,
    swap: Script,
    breaker: Breaker,
    /// Keys that could not be forgotten, each with the number of the last try.
    owed: Mutex<HashMap<String, u64>>,
    owes: AtomicBool,
    tries: AtomicU64,
    mending: AtomicBool,
}

impl Link {
    /// Needs a running Tokio, which the connection belongs to. Connects in the background.
    pub fn new(url: &str) -> RedisResult<Arc<Self>> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let client = Client::open(url)?;
        let connection = ArcSwap::from_pointee(connection(&client)?);
        let link = Arc::new(Self {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            client,
            connection,
            generation: AtomicUsize::default(),
            runtime: Handle::current(),
            swap: Script::new(SWAP),
            breaker: Breaker::default(),
            owed: Mutex::default(),
            owes: AtomicBool::default(),
            tries: AtomicU64::default(),
            mending: AtomicBool::default(),
        });
        metrics::gauge!("nbbang_cache_breaker_open").set(0);
        Ok(link)
    }

    pub fn is_up(&self) -> bool {
        !self.breaker.is_open()
    }

    /// Whether Redis answers, now that there is time to connect.
    pub async fn ping(&self) -> bool {
        self.within::<(), _>(CONNECT + ANSWER, |mut to| async move { redis::cmd("PING").query_async(&mut to).await })
            .await
            .is_ok()
    }

    pub async fn get(self: &Arc<Self>, key: &str) -> Result<Option<Bytes>, Away> {
        self.trusted(key)?;
        let get = |mut to: ConnectionManager| async move { redis::cmd("GET").arg(key).query_async(&mut to).await };
        let Some(own) = self.own() else { return self.ask(get).await };
        self.judged(async {
            let answer = answered(timeout(ANSWER, get(own)).instrument(traced()).await);
            if matches!(answer, Err(Failure::Broken)) {
                self.give_up_own();
            }
            answer
        })
        .await
    }

    /// The connection of this thread, if it is one that serves: its runtime is its own, and what is read there wakes no other.
    fn own(&self) -> Option<ConnectionManager> {
        if Handle::try_current().ok()?.runtime_flavor() != RuntimeFlavor::CurrentThread {
            return None;
        }
        let generation = self.generation.load(Ordering::Acquire);
        OWN.with_borrow_mut(|all| {
            if let Some((_, own)) = all.get(&self.number).filter(|(made_in, _)| *made_in == generation) {
                return Some(own.clone());
            }
            let own = connection(&self.client).ok()?;
            all.insert(self.number, (generation, own.clone()));
            Some(own)
        })
    }

    fn give_up_own(&self) {
        OWN.with_borrow_mut(|all| all.remove(&self.number));
    }

    /// Puts a lease where nothing is. What lies there otherwise comes back.
    pub async fn lease(self: &Arc<Self>, key: &str, lease: &[u8], lasts: Duration) -> Result<Option<Bytes>, Away> {
        self.trusted(key)?;
        let ms = millis(lasts);
        self.ask(|mut to| async move {
            redis::cmd("SET").arg(key).arg(lease).arg("NX").arg("GET").arg("PX").arg(ms).query_async(&mut to).await
        })
        .await
    }

    /// Puts `value` where exactly `seen` lies; false if anything else does.
    pub async fn swap(self: &Arc<Self>, key: &str, seen: &[u8], value: &[u8], lasts: Duration) -> Result<bool, Away> {
        self.trusted(key)?;
        let mut swap = self.swap.key(key);
        swap.arg(seen).arg(value).arg(millis(lasts));
        self.ask(|mut to| async move { swap.invoke_async(&mut to).await }).await
    }

    pub async fn run<T: redis::FromRedisValue>(self: &Arc<Self>, script: &ScriptInvocation<'_>) -> Result<T, Away> {
        self.ask(|mut to| async move { script.invoke_async(&mut to).await }).await
    }

    /// Whether this is the first to claim the key for a while.
    pub async fn claim(self: &Arc<Self>, key: &str, lasts: Duration) -> Result<bool, Away> {
        let ms = millis(lasts);
        let claimed: Option<String> = self
            .ask(|mut to| async move {
                redis::cmd("SET").arg(key).arg("1").arg("NX").arg("PX").arg(ms).query_async(&mut to).await
            })
            .await?;
        Ok(claimed.is_some())
    }

    /// Removes the keys, or sees to it that they are removed before this process believes them again. The breaker does not
    /// hold it up, and after an error it is tried on the next connection: Redis may be there for other processes already.
    pub async fn unlink(self: &Arc<Self>, keys: &[String]) -> Result<(), Away> {
        let tries = async {
            for _ in 0..TRIES {
                if self
                    .within::<(), _>(ANSWER, |mut to| async move { remove(keys).query_async(&mut to).await })
                    .await
                    .is_ok()
                {
                    return true;
                }
            }
            false
        };
        if timeout(ANSWER, tries).await == Ok(true) {
            return Ok(());
        }
        metrics::counter!("nbbang_cache_redis_failures_total").increment(1);
        self.owe(keys);
        self.breaker.failed();
        self.mend();
        Err(Away)
    }

    pub(super) async fn ask<T, F: Future<Output = RedisResult<T>>>(
        self: &Arc<Self>,
        question: impl FnOnce(ConnectionManager) -> F,
    ) -> Result<T, Away> {
        self.judged(self.within(ANSWER, question)).await
    }

    /// Asks unless Redis is known to be away, and learns from the answer whether it is.
    async fn judged<T>(self: &Arc<Self>, asked: impl Future<Output = Result<T, Failure>>) -> Result<T, Away> {
        if self.breaker.is_open() {
            return Err(Away);
        }
        match asked.await {
            Ok(answer) => {
                self.breaker.succeeded();
                Ok(answer)
            }
            Err(Failure::Refused) => Err(Away),
            Err(Failure::Broken) => {
                metrics::counter!("nbbang_cache_redis_failures_total").increment(1);
                if self.breaker.failed() {
                    self.mend();
                }
                Err(Away)
            }
        }
    }

    async fn within<T, F: Future<Output = RedisResult<T>>>(
        &self,
        patience: Duration,
        question: impl FnOnce(ConnectionManager) -> F,
    ) -> Result<T, Failure> {
        let question = question(ConnectionManager::clone(&self.connection.load()));
        let asked = timeout(patience, TokioContext::new(question, self.runtime.clone()));
        answered(asked.instrument(traced()).await)
    }

    /// What lies under a key that could not be forgotten may be old.
    fn trusted(&self, key: &str) -> Result<(), Away> {
        let owed = self.owes.load(Ordering::Acquire) && self.owed().contains_key(key);
        if owed { Err(Away) } else { Ok(()) }
    }

    fn owed(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn owe(&self, keys: &[String]) {
        let number = self.tries.fetch_add(1, Ordering::Relaxed);
        let mut owed = self.owed();
        if owed.len() > MOST_OWED {
            return;
        }
        owed.extend(keys.iter().map(|key| (key.clone(), number)));
        self.owes.store(true, Ordering::Release);
    }

    /// In a task of its own: asks until there is an answer, and has everything forgotten that is owed before others ask.
    fn mend(self: &Arc<Self>) {
        if self.mending.swap(true, Ordering::AcqRel) {
            return;
        }
        let link = Arc::downgrade(self);
        self.runtime.spawn(async move {
            let mut pause = FIRST_PAUSE;
            loop {
                tokio::time::sleep(pause).await;
                let Some(link) = link.upgrade() else { return };
                if link.mended().await {
                    link.mending.store(false, Ordering::Release);
                    // Somebody may have come between, and have left it to this task.
                    let more = link.breaker.is_open() || link.owes.load(Ordering::Acquire);
                    if !more || link.mending.swap(true, Ordering::AcqRel) {
                        return;
                    }
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        });
    }

    async fn mended(&self) -> bool {
        if self.breaker.is_open() {
            // The old one may hang on a peer that is gone, for as long as TCP hopes.
            match connection(&self.client) {
                Ok(fresh) => {
                    self.connection.store(Arc::new(fresh));
                    self.generation.fetch_add(1, Ordering::AcqRel);
                }
                Err(_) => return false,
            }
        }
        if !self.ping().await || !self.pay().await {
            return false;
        }
        self.breaker.close();
        true
    }

    async fn pay(&self) -> bool {
        let owed: Vec<(String, u64)> = self.owed().iter().map(|(key, number)| (key.clone(), *number)).collect();
        for some in owed.chunks(1000) {
            let keys: Vec<String> = some.iter().map(|(key, _)| key.clone()).collect();
            if self
                .within::<(), _>(CONNECT, |mut to| async move { remove(&keys).query_async(&mut to).await })
                .await
                .is_err()
            {
                return false;
            }
            let mut owed = self.owed();
            for (key, number) in some {
                // Unless it has come to be owed anew meanwhile.
                if owed.get(key) == Some(number) {
                    owed.remove(key);
                }
            }
            self.owes.store(!owed.is_empty(), Ordering::Release);
        }
        true
    }
}

/// Whether the Redis at this address is one that we can use, and what to do if not.
pub async fn examine(url: &str) -> Result<String, String> {
    let unfit = |error: redis::RedisError| format!("{error}. Correct NBBANG_REDIS_URL");
    let client = Client::open(url).map_err(unfit)?;
    let mut manager = connection(&client).map_err(unfit)?;
    let info = redis::cmd("INFO").arg("server").to_owned();
    let answer = timeout(Duration::from_secs(2), info.query_async::<String>(&mut manager)).await;
    let info = match answer {
        Ok(Ok(info)) => info,
        Ok(Err(error)) => return Err(format!("{error}. Start Redis, or correct NBBANG_REDIS_URL")),
        Err(_) => return Err("Redis does not answer. Start it, or correct NBBANG_REDIS_URL".to_owned()),
    };
    let version = info.lines().find_map(|line| line.strip_prefix("redis_version:")).unwrap_or("?").trim();
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_some_and(|major| major >= OLDEST) {
        Ok(format!("Redis {version}"))
    } else {
        Err(format!("Redis {version} is too old. Install {OLDEST}.0 or later"))
    }
}

/// One command for each key, since keys of different things may lie on different nodes; sent together.
fn remove(keys: &[String]) -> redis::Pipeline {
    let mut pipe = redis::pipe();
    for key in keys {
        pipe.cmd("UNLINK").arg(key).ignore();
    }
    pipe
}

/// A question as a part of a trace.
fn traced() -> Span {
    tracing::debug_span!(target: "nbbang::traces", "redis", otel.kind = "client", db.system.name = "redis")
}

fn answered<T>(asked: Result<RedisResult<T>, Elapsed>) -> Result<T, Failure> {
    match asked {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => {
            tracing::debug!(%error, "Redis refuses");
            Err(Failure::of(&error))
        }
        Err(_) => Err(Failure::Broken),
    }
}

enum Failure {
    /// Redis is well and will not do this: the key holds a list, or there is no room.
    Refused,
    Broken,
}

impl Failure {
    fn of(error: &redis::RedisError) -> Self {
        match error.kind() {
            ErrorKind::UnexpectedReturnType | ErrorKind::Parse => Self::Refused,
            ErrorKind::Server(ServerErrorKind::ResponseError | ServerErrorKind::NoPerm) | ErrorKind::Extension => {
                Self::Refused
            }
            _ => Self::Broken,
        }
    }
}

/// Not there yet: it comes with the first question, or fails it.
fn connection(client: &Client) -> RedisResult<ConnectionManager> {
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(CONNECT))
        // Ours is outside, around the reconnecting too.
        .set_response_timeout(None)
        .set_number_of_retries(0);
    ConnectionManager::new_lazy_with_config(client.clone(), config)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
