//! Copies that this process keeps: of kinds that allow it for a second, and of most for a minute in case of need.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use tokio::time::Instant;

use crate::storage::cache::Entry;

/// How old a copy may be in need.
pub const IN_NEED: Duration = Duration::from_mins(1);
/// Bytes of all copies together.
const ROOM: u64 = 32 << 20;
/// A younger copy of the same is not replaced: it would be by each hit.
const YOUNG: Duration = Duration::from_secs(5);
const MARKS: usize = 1024;

pub struct Near {
    copies: Cache<String, Copy>,
    /// How often keys were forgotten, many keys to one number.
    marks: Vec<AtomicU64>,
    hasher: RandomState,
}

/// What was known of a key: its value, or that there is none.
#[derive(Clone)]
pub struct Copy {
    pub entry: Option<Entry>,
    since: Instant,
}

impl Near {
    pub fn new() -> Self {
        let weight = |key: &String, copy: &Copy| {
            let body = copy.entry.as_ref().map_or(0, |entry| entry.body.len());
            u32::try_from(body + key.len() + 100).unwrap_or(u32::MAX)
        };
        let copies = Cache::builder().weigher(weight).max_capacity(ROOM).time_to_live(IN_NEED).build();
        let marks = std::iter::repeat_with(AtomicU64::default).take(MARKS).collect();
        Self { copies, marks, hasher: RandomState::new() }
    }

    /// Taken before a value is fetched, for [`Self::keep`].
    pub fn mark(&self, key: &str) -> u64 {
        self.marking(key).map_or(0, |mark| mark.load(Ordering::SeqCst))
    }

    fn marking(&self, key: &str) -> Option<&AtomicU64> {
        let place = self.hasher.hash_one(key) % u64::try_from(MARKS).unwrap_or(1);
        usize::try_from(place).ok().and_then(|place| self.marks.get(place))
    }

    pub fn get(&self, key: &str, oldest: Duration) -> Option<Copy> {
        if oldest.is_zero() {
            return None;
        }
        self.copies.get(key).filter(|copy| copy.since.elapsed() < oldest)
    }

    /// Keeps a copy, unless the key was forgotten since the mark was taken.
    pub fn keep(&self, key: &str, entry: Option<&Entry>, mark: u64, trusted: Duration) {
        let young = |copy: &Copy| copy.since.elapsed() < YOUNG && copy.entry.as_ref() == entry;
        if self.mark(key) != mark || trusted.is_zero() && self.copies.get(key).is_some_and(|copy| young(&copy)) {
            return;
        }
        self.copies.insert(key.to_owned(), Copy { entry: entry.cloned(), since: Instant::now() });
        // Forgotten between the look and now: who forgets raises the mark first.
        if self.mark(key) != mark {
            self.copies.invalidate(key);
        }
    }

    pub fn forget(&self, key: &str) {
        if let Some(mark) = self.marking(key) {
            mark.fetch_add(1, Ordering::SeqCst);
        }
        self.copies.invalidate(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_copy_ages_and_is_forgotten() {
        let near = Near::new();
        near.keep("a", None, near.mark("a"), SECOND);
        assert!(near.get("a", IN_NEED).is_some());
        assert!(near.get("a", Duration::from_nanos(1)).is_none(), "older than that");
        assert!(near.get("a", Duration::ZERO).is_none(), "not for kinds that do not allow it");
        near.forget("a");
        assert!(near.get("a", IN_NEED).is_none());
    }

    #[test]
    fn what_was_fetched_before_the_forgetting_is_not_kept_after_it() {
        let near = Near::new();
        let mark = near.mark("a");
        near.forget("a");
        near.keep("a", None, mark, SECOND);
        assert!(near.get("a", IN_NEED).is_none());
    }
}
