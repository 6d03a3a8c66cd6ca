//! The two environments with their endpoints: each endpoint has a lane of its own, which stays closed for as long as Apple says.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use reqwest::Url;

use crate::upstream::client::Lane;

/// Apple answers in well under a second, and says nothing of how long it may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// One environment: each is a server of its own, with limits of its own.
pub(super) struct Store {
    pub(super) base: Url,
    pub(super) transaction: Room,
    pub(super) purchases: Room,
    pub(super) standings: Room,
    pub(super) notifications: Room,
    pub(super) consumption: Room,
    pub(super) account_token: Room,
    pub(super) test: Room,
}

/// Apple limits each endpoint by itself.
pub(super) struct Room {
    pub(super) lane: Lane,
    /// Real milliseconds since 1970, before which Apple wants no more.
    closed_until: AtomicI64,
}

impl Store {
    pub(super) fn new(upstream: &'static str, base: Url) -> Self {
        let room =
            |operation| Room { lane: Lane::new(upstream, operation, 16, PATIENCE), closed_until: AtomicI64::new(0) };
        Self {
            base,
            transaction: room("transaction"),
            purchases: room("purchases"),
            standings: room("standings"),
            notifications: room("notifications"),
            consumption: room("consumption"),
            account_token: room("account_token"),
            test: room("test"),
        }
    }
}

/// Without a word of Apple's, and at the longest: it counts by the hour.
const USUAL_WAIT_MS: i64 = 60_000;
const LONGEST_WAIT_MS: i64 = 3_600_000;

impl Room {
    pub(super) fn closed_for(&self, now_ms: i64) -> Option<u64> {
        u64::try_from(self.closed_until.load(Ordering::Relaxed) - now_ms).ok().filter(|wait| *wait > 0)
    }

    /// For how long.
    pub(super) fn close(&self, until: Option<i64>, now_ms: i64) -> u64 {
        let wait = until.map_or(USUAL_WAIT_MS, |until| until - now_ms).clamp(1_000, LONGEST_WAIT_MS);
        self.closed_until.fetch_max(now_ms + wait, Ordering::Relaxed);
        wait.unsigned_abs()
    }
}
