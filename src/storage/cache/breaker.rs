//! When not to ask Redis: after ten failures in a row, until a probe has got an answer.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

const FAILURES: u32 = 10;

#[derive(Default)]
pub struct Breaker {
    open: AtomicBool,
    failures: AtomicU32,
}

impl Breaker {
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    pub fn succeeded(&self) {
        // Read first: a store by every thread would be felt.
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    /// Whether this one has opened it.
    pub fn failed(&self) -> bool {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        let opens = failures >= FAILURES && !self.open.swap(true, Ordering::AcqRel);
        if opens {
            metrics::gauge!("nbbang_cache_breaker_open").set(1);
            tracing::warn!("Redis does not answer; reading from the databases until it does");
        }
        opens
    }

    /// A probe got its answer.
    pub fn close(&self) {
        self.failures.store(0, Ordering::Relaxed);
        if self.open.swap(false, Ordering::AcqRel) {
            metrics::gauge!("nbbang_cache_breaker_open").set(0);
            tracing::info!("Redis answers again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_in_a_row_open_it_and_a_probe_closes_it() {
        let breaker = Breaker::default();
        for _ in 0..9 {
            assert!(!breaker.failed());
        }
        breaker.succeeded();
        assert_eq!((0..10).filter(|_| breaker.failed()).count(), 1);
        assert!(breaker.is_open());
        assert!(!breaker.failed(), "it is open already");
        breaker.succeeded();
        assert!(breaker.is_open(), "an answer that was under way is no probe");
        breaker.close();
        assert!(!breaker.is_open() && !breaker.failed());
    }
}
