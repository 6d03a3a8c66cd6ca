//! The clocks: the real one, for ids and tokens, and the rules' own, which dev mode can move.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use sqlx::PgPool;

use crate::domain::Time;
use crate::domain::error::{Error, FieldFault, Result};
use crate::domain::id::EPOCH_MS;
use crate::storage;

/// The real time in milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "the one clock")]
pub fn real_unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The real time in milliseconds since 2026, as ids count it.
pub fn real_ms() -> u64 {
    real_unix_ms().saturating_sub(EPOCH_MS)
}

/// The real time, for tokens.
pub fn real() -> Time {
    at(real_unix_ms(), 0)
}

fn at(unix_ms: u64, ahead_ms: i64) -> Time {
    let ms = i128::from(unix_ms) + i128::from(ahead_ms);
    Time::from_unix_timestamp_nanos(ms * 1_000_000).unwrap_or(Time::UNIX_EPOCH)
}

/// The rules' clock: the real one plus what dev mode has added.
pub struct Clock {
    ahead_ms: AtomicI64,
}

/// How far the moves of the dev clock may lead: a hundred years.
const FURTHEST_MS: i64 = 100 * 365 * 86_400_000;

impl Clock {
    pub async fn load(main: &PgPool) -> Result<Self> {
        Ok(Self { ahead_ms: AtomicI64::new(storage::clock::ahead_ms(main).await?) })
    }

    pub fn now(&self) -> Time {
        at(real_unix_ms(), self.ahead_ms.load(Ordering::Relaxed))
    }

    /// Moves the clock of all processes on this database; the others see it when they reload.
    pub async fn advance(&self, main: &PgPool, seconds: u32) -> Result<Time> {
        let by_ms = i64::from(seconds) * 1000;
        if self.ahead_ms.load(Ordering::Relaxed) + by_ms > FURTHEST_MS {
            return Err(Error::field("/advance_s", FieldFault::OutOfRange));
        }
        let ahead_ms = storage::clock::advance(main, by_ms).await?;
        self.ahead_ms.store(ahead_ms, Ordering::Relaxed);
        Ok(self.now())
    }

    /// Takes over what another process has added.
    pub async fn reload(&self, main: &PgPool) -> Result<()> {
        self.ahead_ms.store(storage::clock::ahead_ms(main).await?, Ordering::Relaxed);
        Ok(())
    }
}
