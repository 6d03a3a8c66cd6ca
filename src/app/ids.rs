//! Ids for the whole process: holds a slot's lease and renews it; how the ids are made is in `domain/id.rs`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, Notify};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::app::random;
use crate::domain::error::{Code, Error, Result};
use crate::domain::id::{Generator, Shard};
use crate::storage::databases::Database;
use crate::storage::slots::{self, LEASE_MS};

/// How long a caller waits for a lease that has run out.
const PATIENCE: Duration = Duration::from_secs(2);

const RENEW_EVERY: Duration = Duration::from_secs(3);

/// How soon after a renewal the next may follow, however many wait for it.
const RENEW_AGAIN: Duration = Duration::from_millis(50);

/// A lease that reaches so much further than it would if taken now was taken before the clock was set back.
const SET_BACK_MS: u64 = LEASE_MS + 1_000;

pub struct Ids {
    held: Arc<Held>,
}

struct Held {
    main: Arc<Database>,
    now_ms: Box<dyn Fn() -> u64 + Send + Sync>,
    holder: Uuid,
    generator: ArcSwap<Generator>,
    /// One renewal at a time, and none after the stop.
    stopped: Mutex<bool>,
    /// Somebody got no id since the last renewal.
    ran_out: AtomicBool,
    wanted: Notify,
    renewed: Notify,
}

impl Ids {
    /// Takes a slot and keeps its lease alive in the background. The clock counts milliseconds as ids do, and is the real
    /// one (never the rules'); it may go wrong without harm.
    pub async fn start(main: Arc<Database>, now_ms: impl Fn() -> u64 + Send + Sync + 'static) -> Result<Self> {
        let ids = Self::hold(main, now_ms).await?;
        tokio::spawn(keep(Arc::downgrade(&ids.held)));
        Ok(ids)
    }

    /// Takes a slot; the lease runs out unless [`Self::renew`] is called.
    pub async fn hold(main: Arc<Database>, now_ms: impl Fn() -> u64 + Send + Sync + 'static) -> Result<Self> {
        let holder = random();
        let generator = ArcSwap::from_pointee(take(&main, holder, now_ms()).await?);
        let held = Held {
            main,
            now_ms: Box::new(now_ms),
            holder,
            generator,
            stopped: Mutex::new(false),
            ran_out: AtomicBool::new(false),
            wanted: Notify::new(),
            renewed: Notify::new(),
        };
        Ok(Self { held: Arc::new(held) })
    }

    /// The shard's next id. When the lease has run out it waits for the renewal, for two seconds at most.
    pub async fn next(&self, shard: Shard) -> Result<i64> {
        if let Ok(id) = self.try_next(shard) {
            return Ok(id);
        }
        let waiting = async {
            loop {
                let renewed = self.held.renewed.notified();
                if let Ok(id) = self.try_next(shard) {
                    return id;
                }
                self.held.wanted.notify_one();
                renewed.await;
            }
        };
        timeout(PATIENCE, waiting).await.map_err(|_| ran_out())
    }

    /// The shard's next id, if the lease allows one at this moment.
    pub fn try_next(&self, shard: Shard) -> Result<i64> {
        self.held.generator.load().next(shard, (self.held.now_ms)()).map_err(|_| {
            self.held.ran_out.store(true, Ordering::Relaxed);
            ran_out()
        })
    }

    pub fn slot(&self) -> u8 {
        self.held.generator.load().slot()
    }

    pub async fn renew(&self) -> Result<()> {
        self.held.renew().await
    }

    /// Makes no more renewals and gives the slot back. What was made until then stays unique, since the next holder begins
    /// where the lease ends.
    pub async fn stop(&self) {
        let mut stopped = self.held.stopped.lock().await;
        *stopped = true;
        if let Err(error) = slots::release(&self.held.main.pool(), self.slot(), self.held.holder).await {
            tracing::warn!(?error, "the id slot could not be given back; it becomes free when its lease ends");
        }
    }
}

fn ran_out() -> Error {
    Error::internal(Code::Busy, "the id lease has run out and is not renewed")
}

/// Until the stop, or until nobody uses the ids any more.
async fn keep(held: Weak<Held>) {
    let mut pause = RENEW_EVERY;
    while let Some(held) = held.upgrade() {
        let wanted = timeout(pause, held.wanted.notified()).await.is_ok();
        match held.renew().await {
            Ok(()) => pause = RENEW_EVERY,
            Err(error) => {
                tracing::warn!(?error, "the id lease could not be renewed");
                pause = RENEW_EVERY / 3;
            }
        }
        if *held.stopped.lock().await {
            return;
        }
        drop(held);
        if wanted {
            sleep(RENEW_AGAIN).await;
        }
    }
}

impl Held {
    async fn renew(&self) -> Result<()> {
        let stopped = self.stopped.lock().await;
        if *stopped {
            return Ok(());
        }
        let now_ms = (self.now_ms)();
        let generator = self.generator.load_full();
        let ran_out = self.ran_out.swap(false, Ordering::Relaxed);
        match slots::renew(&self.main.pool(), generator.slot(), self.holder, now_ms + LEASE_MS).await? {
            None => {
                tracing::warn!(slot = generator.slot(), "the id slot went to another process; taking a new one");
                self.change(now_ms).await?;
            }
            // The lease reaches far into what is the future now, and its ids are spent: waiting for the clock is no use.
            Some(upper_ms) if ran_out && upper_ms > now_ms + SET_BACK_MS => {
                tracing::warn!(slot = generator.slot(), "the clock was set back; taking a new id slot");
                self.change(now_ms).await?;
                if self.generator.load().slot() != generator.slot() {
                    slots::release(&self.main.pool(), generator.slot(), self.holder).await?;
                }
            }
            Some(upper_ms) => generator.renew(upper_ms),
        }
        self.renewed.notify_waiters();
        Ok(())
    }

    async fn change(&self, now_ms: u64) -> Result<()> {
        self.generator.store(Arc::new(take(&self.main, self.holder, now_ms).await?));
        Ok(())
    }
}

async fn take(main: &Database, holder: Uuid, now_ms: u64) -> Result<Generator> {
    let taken = slots::take(&main.pool(), holder, now_ms).await?;
    if taken.from_holder {
        tracing::warn!(slot = taken.lease.slot, "all id slots had holders; took one that may still be in use");
    }
    metrics::gauge!("nbbang_id_slot").set(f64::from(taken.lease.slot));
    Ok(Generator::new(taken.lease))
}
