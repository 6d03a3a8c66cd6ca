//! The look-aside cache: what is read often, for a short while, in Redis; nothing that decides anything. A reader who misses
//! takes a lease and loads; who writes removes the key after his commit, and with it the lease, so that what was loaded
//! before the write never comes to lie there after it.

mod bell;
mod breaker;
mod envelope;
mod flight;
mod key;
mod limit;
mod link;
mod near;
mod reading;

use std::collections::HashSet;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tracing::Instrument;

use crate::domain::error::Result;
use crate::storage::cache::flight::Flights;
use crate::storage::cache::link::Link;
use crate::storage::cache::near::Near;
use crate::storage::cache::reading::{PastSoft, Reading};

pub use crate::storage::cache::bell::Ring;
pub use crate::storage::cache::key::CacheKey;
pub use crate::storage::cache::link::examine;

/// When forgetting is repeated.
const LATER: Duration = Duration::from_secs(10);

/// What a cache needs of the floors above and of the settings.
pub struct Settings<'a> {
    /// None: every read goes to the database, as if Redis were away.
    pub url: Option<&'a str>,
    /// How many reads may be at the database when Redis is no help.
    pub bulkhead: usize,
    /// One hit in so many is compared with the database.
    pub audit_every: u64,
    /// The real time in ms since 1970.
    pub now: fn() -> u64,
    pub random: fn() -> u128,
}

/// What the database had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    pub version: i64,
    /// As it goes out.
    pub body: Vec<u8>,
}

/// What a reader gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub version: i64,
    pub body: Bytes,
    /// Past its soft expiry; it is fetched anew in the background.
    pub stale: bool,
}

type Load = Box<dyn FnOnce() -> BoxFuture<'static, Result<Option<Loaded>>> + Send>;

#[derive(Clone)]
pub struct Cache(Arc<Inner>);

struct Inner {
    link: Option<Arc<Link>>,
    near: Near,
    flights: Arc<Flights>,
    refreshing: Mutex<HashSet<String>>,
    bulkhead: Semaphore,
    /// The process's own, where loads go on when the reader has hung up.
    runtime: Handle,
    hits: AtomicU64,
    audit_every: u64,
    now: fn() -> u64,
    random: fn() -> u128,
}

impl Cache {
    /// Needs a running Tokio, and waits a moment for Redis, but not for ever.
    pub async fn start(settings: Settings<'_>) -> Result<Self, String> {
        let link = settings.url.map(Link::new).transpose().map_err(|error| format!("NBBANG_REDIS_URL: {error}."))?;
        if let Some(link) = &link
            && !link.ping().await
        {
            tracing::warn!("Redis does not answer; reading from the databases until it does");
        }
        Ok(Self(Arc::new(Inner {
            link,
            near: Near::new(),
            flights: Arc::default(),
            refreshing: Mutex::default(),
            bulkhead: Semaphore::new(settings.bulkhead.max(1)),
            runtime: Handle::current(),
            hits: AtomicU64::default(),
            audit_every: settings.audit_every.max(1),
            now: settings.now,
            random: settings.random,
        })))
    }

    /// What lies under the key, else what `load` brings from the primary; none if there is no such thing. The load may go on
    /// when the reader has gone, and is never within a transaction.
    pub async fn read<F>(&self, key: &CacheKey, load: impl FnOnce() -> F + Send + 'static) -> Result<Option<Entry>>
    where
        F: Future<Output = Result<Option<Loaded>>> + Send + 'static,
    {
        Reading::new(&self.0, key, PastSoft::Serve).run(Box::new(move || Box::pin(load()))).await
    }

    /// As `read` for what somebody else knows, and we only repeat: past its soft expiry it is asked for first, and the old
    /// answer is served if that fails.
    pub async fn read_through<F>(
        &self,
        key: &CacheKey,
        load: impl FnOnce() -> F + Send + 'static,
    ) -> Result<Option<Entry>>
    where
        F: Future<Output = Result<Option<Loaded>>> + Send + 'static,
    {
        Reading::new(&self.0, key, PastSoft::Load).run(Box::new(move || Box::pin(load()))).await
    }

    /// Whether Redis is there and answers, so that reading much from the cache is not reading much from the database.
    pub fn is_up(&self) -> bool {
        self.0.link.as_ref().is_some_and(|link| link.is_up())
    }

    /// After a commit, and before it is answered: nobody who reads from now on gets what was there before. What Redis does
    /// not take in time is made up for, by this process and by the outbox.
    pub async fn forget(&self, keys: &[CacheKey]) {
        let inner = Arc::clone(&self.0);
        let keys: Vec<String> = keys.iter().map(CacheKey::text).collect();
        // A task of its own: the one who wrote may hang up now.
        let forgetting = self.0.runtime.spawn(async move { inner.forget(&keys).await }.in_current_span());
        drop(forgetting.await);
    }

    /// Once more after ten seconds: by then every load that began before the write is over, and a Redis that took the place
    /// of another has what was filled meanwhile.
    pub fn forget_later(&self, keys: Vec<CacheKey>) {
        let cache = Arc::downgrade(&self.0);
        self.0.runtime.spawn(async move {
            tokio::time::sleep(LATER).await;
            if let Some(inner) = cache.upgrade() {
                Self(inner).forget(&keys).await;
            }
        });
    }
}

impl Inner {
    fn refreshing(&self) -> MutexGuard<'_, HashSet<String>> {
        self.refreshing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn forget(&self, keys: &[String]) {
        let begun = Instant::now();
        if let Some(link) = &self.link {
            let told = link.unlink(keys).await;
            let ok = if told.is_ok() { "true" } else { "false" };
            metrics::counter!("nbbang_cache_forgets_total", "ok" => ok).increment(1);
        }
        // Only now: until Redis has forgotten, a reader here may still get the old value from there.
        for key in keys {
            self.flights.forget(key);
            self.near.forget(key);
        }
        metrics::histogram!("nbbang_cache_forget_seconds").record(begun.elapsed());
    }
}
