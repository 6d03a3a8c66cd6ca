//! A budget of retries: a tenth of the calls may be sent a second time, so that retries never bring a weak provider down.

use std::sync::atomic::{AtomicU32, Ordering};

/// What a retry costs; each call brings in 1.
const PRICE: u32 = 10;
/// So many retries may come at once; what is saved beyond them is lost.
const AT_ONCE: u32 = 10;

pub struct Budget {
    saved: AtomicU32,
}

impl Budget {
    /// Full: the first calls of a process may be retried too.
    pub const fn full() -> Self {
        Self { saved: AtomicU32::new(PRICE * AT_ONCE) }
    }

    /// A call was begun that is no retry.
    pub fn earn(&self) {
        let more = |saved: u32| (saved < PRICE * AT_ONCE).then_some(saved + 1);
        // Refused only when it is full.
        let _ = self.saved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// Whether there is one more retry; it is spent then.
    pub fn spend(&self) -> bool {
        let less = |saved: u32| saved.checked_sub(PRICE);
        self.saved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_of_the_calls_is_retried() {
        let budget = Budget::full();
        let retried = |_: &u32| {
            budget.earn();
            budget.spend()
        };
        assert_eq!((0..10).filter(retried).count(), 10, "the ones that are saved");
        assert_eq!((0..1_000).filter(retried).count(), 100);
    }

    #[test]
    fn quiet_times_are_not_saved_up_without_end() {
        let budget = Budget::full();
        (0..1_000).for_each(|_| budget.earn());
        assert_eq!((0..100).filter(|_| budget.spend()).count(), 10);
    }
}
