//! Who follows which party in this process, and how a step gets to all of them; it reads nothing by itself.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{self, Receiver, Sender};

use crate::app::auth::Session;
use crate::domain::error::{Code, Result};
use crate::domain::event::Step;
use crate::domain::id::Id;
use crate::domain::party::Party;
use crate::domain::user::User;

/// Steps that wait for one who reads slowly; with one more he has to come again.
const WAITING: usize = 64;
/// How often one user may follow the same party in one process: the oldest gives way.
const OF_ONE_USER: usize = 4;

/// Who follows what in this process.
#[derive(Default)]
pub struct Events {
    hub: Mutex<Hub>,
    pub(super) rung: Notify,
}

#[derive(Default)]
pub(super) struct Hub {
    pub(super) topics: HashMap<Id<Party>, Topic>,
    /// Parties with steps that nobody here has read.
    pub(super) rung: HashSet<Id<Party>>,
    is_closed: bool,
}

pub(super) struct Topic {
    /// The last step that was passed on.
    pub(super) seq: i64,
    pub(super) followers: Vec<Follower>,
}

pub(super) struct Follower {
    pub(super) viewer: Arc<Viewer>,
    pub(super) to: Sender<Arc<Told>>,
}

/// Who follows, by which right.
#[derive(Debug)]
pub struct Viewer {
    pub user_id: Id<User>,
    pub session_id: Id<Session>,
    /// When his access token ends, in seconds since 1970: then he comes again with another.
    pub until: i64,
}

/// A step, and room for how it is told to all who are told the same.
pub struct Told {
    pub step: Step,
    /// Who keeps apart from the one who says it.
    pub(super) apart: Vec<Id<User>>,
    pub shared: OnceLock<Bytes>,
}

impl Events {
    pub(super) fn hub(&self) -> MutexGuard<'_, Hub> {
        self.hub.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn enter(&self, party: Id<Party>, viewer: &Arc<Viewer>, seq: i64) -> Result<Receiver<Arc<Told>>> {
        let (to, from) = mpsc::channel(WAITING);
        let mut hub = self.hub();
        if hub.is_closed {
            return Err(Code::Busy.into());
        }
        let topic = hub.topics.entry(party).or_insert_with(|| Topic { seq, followers: Vec::new() });
        let own = |follower: &Follower| follower.viewer.user_id == viewer.user_id;
        if topic.followers.iter().filter(|follower| own(follower)).count() >= OF_ONE_USER
            && let Some(oldest) = topic.followers.iter().position(own)
        {
            topic.followers.remove(oldest);
            ended("replaced", 1);
        }
        topic.followers.push(Follower { viewer: Arc::clone(viewer), to });
        metrics::gauge!("nbbang_event_streams").increment(1);
        Ok(from)
    }

    pub(super) fn ring(&self, party: Id<Party>) {
        let mut hub = self.hub();
        if hub.topics.contains_key(&party) && hub.rung.insert(party) {
            drop(hub);
            self.rung.notify_one();
        }
    }

    /// Ends all streams, and takes no new ones: the process is about to end.
    pub fn close(&self) {
        let mut hub = self.hub();
        hub.is_closed = true;
        let count = hub.topics.drain().map(|(_, topic)| topic.followers.len()).sum();
        ended("stopping", count);
    }

    /// Passes on what was read.
    pub(super) fn pass_on(&self, steps: Vec<Arc<Told>>) {
        let mut hub = self.hub();
        for told in steps {
            let Step { party_id, seq, .. } = told.step;
            let Some(topic) = hub.topics.get_mut(&party_id).filter(|topic| topic.seq < seq) else { continue };
            topic.seq = seq;
            topic.keep(|follower| match follower.to.try_send(Arc::clone(&told)) {
                Ok(()) if told.step.is_last_of(follower.viewer.user_id) => Some("left"),
                Ok(()) => None,
                Err(TrySendError::Full(_)) => Some("slow"),
                Err(TrySendError::Closed(_)) => Some("gone"),
            });
        }
        hub.topics.retain(|_, topic| !topic.followers.is_empty());
    }

    /// Parties with news, each with the last step that was passed on.
    pub(super) fn take_rung(&self) -> Vec<(Id<Party>, i64)> {
        let mut hub = self.hub();
        let rung = std::mem::take(&mut hub.rung);
        rung.into_iter().filter_map(|party| Some((party, hub.topics.get(&party)?.seq))).collect()
    }
}

impl Told {
    pub(super) fn new(step: Step, apart: Vec<Id<User>>) -> Arc<Self> {
        Arc::new(Self { step, apart, shared: OnceLock::new() })
    }
}

impl Topic {
    /// Lets go of those for whom there is a reason.
    pub(super) fn keep(&mut self, why_not: impl Fn(&Follower) -> Option<&'static str>) {
        self.followers.retain(|follower| match why_not(follower) {
            None => true,
            Some(why) => {
                ended(why, 1);
                false
            }
        });
    }
}

fn ended(why: &'static str, count: usize) {
    if count > 0 {
        metrics::gauge!("nbbang_event_streams").decrement(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
        metrics::counter!("nbbang_event_streams_ended_total", "why" => why)
            .increment(u64::try_from(count).unwrap_or(u64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::domain::event::{Event, EventKind, What};

    const PARTY: i64 = 1 << 23;

    fn step(seq: i64, kind: EventKind, user: i64) -> Arc<Told> {
        let event = Event { kind, order_id: None, user_id: Some(Id::from_raw(user)), amount_krw: None };
        let what = What::Changed { version: seq, events: vec![event] };
        Told::new(Step { party_id: Id::from_raw(PARTY), seq, at: OffsetDateTime::UNIX_EPOCH, what }, Vec::new())
    }

    fn enters(events: &Events, user: i64, seq: i64) -> Receiver<Arc<Told>> {
        let viewer = Viewer { user_id: Id::from_raw(user), session_id: Id::from_raw(user), until: i64::MAX };
        events.enter(Id::from_raw(PARTY), &Arc::new(viewer), seq).unwrap()
    }

    fn seqs(from: &mut Receiver<Arc<Told>>) -> Vec<i64> {
        std::iter::from_fn(|| from.try_recv().ok()).map(|told| told.step.seq).collect()
    }

    #[test]
    fn who_reads_too_slowly_is_let_go_and_the_others_are_not() {
        let events = Events::default();
        let (mut slow, mut quick) = (enters(&events, 1, 0), enters(&events, 2, 0));
        let mut all = Vec::new();
        let many = i64::try_from(WAITING).unwrap() + 5;
        for seq in 1..=many {
            events.pass_on(vec![step(seq, EventKind::Edited, 9)]);
            all.extend(seqs(&mut quick));
        }
        assert_eq!(all, (1..=many).collect::<Vec<_>>());
        assert_eq!(seqs(&mut slow).len(), WAITING, "not more than so many wait");
        assert!(slow.is_closed() && !quick.is_closed());
    }

    #[test]
    fn who_leaves_hears_that_and_no_more() {
        let events = Events::default();
        let (mut mina, mut juno) = (enters(&events, 1, 0), enters(&events, 2, 0));
        events.pass_on(vec![step(1, EventKind::Kicked, 2), step(2, EventKind::Edited, 1)]);
        assert_eq!(seqs(&mut juno), [1]);
        assert!(juno.is_closed());
        assert_eq!(seqs(&mut mina), [1, 2]);
    }

    #[test]
    fn what_was_passed_on_is_not_passed_on_again() {
        let events = Events::default();
        let mut mina = enters(&events, 1, 5);
        events.pass_on(vec![step(5, EventKind::Edited, 1), step(6, EventKind::Edited, 1)]);
        events.pass_on(vec![step(6, EventKind::Edited, 1), step(7, EventKind::Edited, 1)]);
        assert_eq!(seqs(&mut mina), [6, 7]);
    }

    #[test]
    fn the_oldest_of_too_many_streams_of_one_user_gives_way() {
        let events = Events::default();
        let mut streams: Vec<_> = (0..=OF_ONE_USER).map(|_| enters(&events, 1, 0)).collect();
        let other = enters(&events, 2, 0);
        assert!(streams.remove(0).is_closed());
        assert!(!other.is_closed() && streams.iter().all(|stream| !stream.is_closed()));
    }

    #[test]
    fn a_process_that_ends_lets_all_go_and_takes_nobody() {
        let events = Events::default();
        let mina = enters(&events, 1, 0);
        events.close();
        assert!(mina.is_closed());
        let viewer = Arc::new(Viewer { user_id: Id::from_raw(1), session_id: Id::from_raw(1), until: 0 });
        assert!(events.enter(Id::from_raw(PARTY), &viewer, 0).is_err());
    }
}
