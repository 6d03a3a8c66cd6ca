//! A small place for things that took work to verify, found by all the bytes that they were made from. Reading takes no lock.

use std::sync::Arc;

use arc_swap::ArcSwap;

/// Apple has a handful of signing certificates at a time, and what is looked up differs within its first bytes.
const MOST: usize = 32;

pub(super) struct Shelf<T> {
    kept: ArcSwap<Vec<Kept<T>>>,
}

struct Kept<T> {
    key: Arc<[u8]>,
    thing: Arc<T>,
}

impl<T> Shelf<T> {
    pub(super) fn new() -> Self {
        Self { kept: ArcSwap::from_pointee(Vec::new()) }
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<Arc<T>> {
        self.kept.load().iter().find(|kept| *kept.key == *key).map(|kept| Arc::clone(&kept.thing))
    }

    pub(super) fn all(&self) -> Vec<Arc<T>> {
        self.kept.load().iter().map(|kept| Arc::clone(&kept.thing)).collect()
    }

    /// Keeps it in place of the oldest, if the shelf is full: only what Apple signed comes here, so nobody else can push.
    pub(super) fn keep(&self, key: &[u8], thing: &Arc<T>) {
        let key: Arc<[u8]> = key.into();
        self.kept.rcu(|before| {
            let others = before.iter().filter(|kept| kept.key != key);
            let mut after: Vec<Kept<T>> = others.cloned().collect();
            after.drain(..(after.len() + 1).saturating_sub(MOST));
            after.push(Kept { key: Arc::clone(&key), thing: Arc::clone(thing) });
            after
        });
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.kept.load().len()
    }
}

impl<T> Clone for Kept<T> {
    fn clone(&self) -> Self {
        Self { key: Arc::clone(&self.key), thing: Arc::clone(&self.thing) }
    }
}
