//! Who loads what at the moment in this process: the first who misses a key loads it, the others wait for him.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::domain::error::Result;
use crate::storage::cache::Entry;

#[derive(Default)]
pub struct Flights(Mutex<Open>);

/// Those that can still be joined.
#[derive(Default)]
struct Open {
    number: u64,
    by_key: HashMap<String, (u64, Follower)>,
}

/// What came of one.
#[derive(Clone, Debug)]
pub struct Landing {
    pub entry: Result<Option<Entry>>,
    /// Whether it is sure to be no older than any write that was answered before the last follower came; if not, the
    /// followers look again.
    pub for_all: bool,
}

pub enum Boarding {
    Lead(Leader, Follower),
    Follow(Follower),
}

impl Flights {
    pub fn board(self: &Arc<Self>, key: &str) -> Boarding {
        let mut open = self.lock();
        if let Some((_, follower)) = open.by_key.get(key) {
            return Boarding::Follow(follower.clone());
        }
        open.number += 1;
        let (sender, landing) = watch::channel(None);
        let follower = Follower(landing);
        let number = open.number;
        open.by_key.insert(key.to_owned(), (number, follower.clone()));
        Boarding::Lead(Leader { flights: Arc::clone(self), key: key.to_owned(), number, sender }, follower)
    }

    /// Nobody joins it any more, for it may have begun before what is forgotten was written.
    pub fn forget(&self, key: &str) {
        self.lock().by_key.remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Held by the one who loads. Dropped without an outcome, it lets the followers go.
pub struct Leader {
    flights: Arc<Flights>,
    key: String,
    number: u64,
    sender: watch::Sender<Option<Landing>>,
}

impl Leader {
    /// Nobody can join any more.
    pub fn close(&self) {
        let mut open = self.flights.lock();
        if open.by_key.get(&self.key).is_some_and(|(number, _)| *number == self.number) {
            open.by_key.remove(&self.key);
        }
    }

    pub fn land(self, landing: Landing) {
        self.sender.send_replace(Some(landing));
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        self.close();
    }
}

#[derive(Clone)]
pub struct Follower(watch::Receiver<Option<Landing>>);

impl Follower {
    /// None if the leader has gone without a word.
    pub async fn landing(mut self) -> Option<Landing> {
        self.0.wait_for(Option::is_some).await.ok()?.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lead(flights: &Arc<Flights>) -> (Leader, Follower) {
        match flights.board("a") {
            Boarding::Lead(leader, follower) => (leader, follower),
            Boarding::Follow(_) => panic!("somebody leads already"),
        }
    }

    fn follow(flights: &Arc<Flights>) -> Follower {
        match flights.board("a") {
            Boarding::Follow(follower) => follower,
            Boarding::Lead(..) => panic!("nobody leads"),
        }
    }

    #[tokio::test]
    async fn one_leads_and_the_others_get_what_he_brings() {
        let flights = Arc::new(Flights::default());
        let (leader, own) = lead(&flights);
        let follower = follow(&flights);
        leader.close();
        let (next, _) = lead(&flights);
        leader.land(Landing { entry: Ok(None), for_all: true });
        assert!(own.landing().await.is_some_and(|landing| landing.for_all));
        assert!(follower.landing().await.is_some());
        drop(follow(&flights));
        drop(next);
        lead(&flights);
    }

    #[tokio::test]
    async fn a_leader_who_dies_keeps_nobody_waiting() {
        let flights = Arc::new(Flights::default());
        let (leader, _) = lead(&flights);
        let follower = follow(&flights);
        drop(leader);
        assert!(follower.landing().await.is_none());
    }

    #[test]
    fn nobody_joins_what_was_forgotten() {
        let flights = Arc::new(Flights::default());
        let (old, _) = lead(&flights);
        flights.forget("a");
        let (_new, _) = lead(&flights);
        drop(old);
        follow(&flights);
    }
}
