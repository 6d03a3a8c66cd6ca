//! How far members have read, and when they were last there: noted in memory, and written back together every few seconds. A
//! process that is killed takes the last seconds of it along.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::app::{App, every};
use crate::domain::error::Result;
use crate::domain::id::Id;
use crate::domain::message::Read;
use crate::domain::party::Party;
use crate::domain::user::User;
use crate::storage::{messages as stored, using};

const EVERY: Duration = Duration::from_secs(5);
/// More than these wait for nobody: what they say is only a convenience.
const MOST: usize = 100_000;

type Waiting = HashMap<(Id<Party>, Id<User>), Read>;

#[derive(Default)]
pub struct Reads(Mutex<Waiting>);

impl Reads {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, party: Id<Party>, read: Read) {
        let mut waiting = self.waiting();
        if waiting.len() >= MOST && !waiting.contains_key(&(party, read.user_id)) {
            return;
        }
        let known = waiting.entry((party, read.user_id)).or_insert(read);
        known.seq = known.seq.max(read.seq);
        known.seen_at = known.seen_at.max(read.seen_at);
    }

    /// What is written down, with what is not yet.
    pub(super) fn add_to(&self, party: Id<Party>, written: &mut Vec<Read>) {
        for ((_, user), read) in self.waiting().iter().filter(|((of, _), _)| *of == party) {
            match written.iter_mut().find(|known| known.user_id == *user) {
                Some(known) => {
                    known.seq = known.seq.max(read.seq);
                    known.seen_at = known.seen_at.max(read.seen_at);
                }
                None => written.push(*read),
            }
        }
    }
}

/// A member is there.
pub(super) fn seen(app: &App, party: Id<Party>, user_id: Id<User>) {
    app.reads.note(party, Read { user_id, seq: 0, seen_at: app.clock.now() });
}

/// A member has read up to a step.
pub(super) fn read(app: &App, party: Id<Party>, user_id: Id<User>, seq: i64) {
    app.reads.note(party, Read { user_id, seq, seen_at: app.clock.now() });
}

/// Writes down what was noted so far.
pub async fn write_down(app: &App) -> Result<()> {
    let noted = std::mem::take(&mut *app.reads.waiting());
    let reads = noted.into_iter().map(|((party, _), read)| (party, read)).collect();
    for (home, reads) in app.databases.by_home(reads, |(party, _): &(Id<Party>, Read)| party.shard())? {
        let saved = using(&home.pool(), async |conn| stored::save_reads(conn, &reads).await).await;
        if let Err(error) = saved {
            // With what was noted since, or after a shard has moved.
            for (party, read) in reads {
                app.reads.note(party, read);
            }
            tracing::warn!(?error, "how far members have read is not written down; it is tried again");
        }
    }
    Ok(())
}

/// Writes down again and again.
pub(super) fn follow(app: &Arc<App>) {
    every(app, EVERY, |app| async move { finish(&app).await });
}

/// Also at the end.
pub(super) async fn finish(app: &App) {
    if let Err(error) = write_down(app).await {
        tracing::warn!(?error, "how far members have read is not written down");
    }
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;

    #[test]
    fn nobody_reads_backwards_and_what_waits_is_bounded() {
        let reads = Reads::default();
        let (party, epoch) = (Id::from_raw(1), OffsetDateTime::UNIX_EPOCH);
        let read =
            |user, seq, s| Read { user_id: Id::from_raw(user), seq, seen_at: epoch + time::Duration::seconds(s) };
        reads.note(party, read(1, 5, 10));
        reads.note(party, read(1, 0, 20));
        let mut written = vec![read(1, 7, 1), read(2, 1, 1)];
        reads.add_to(party, &mut written);
        assert_eq!(written, [read(1, 7, 20), read(2, 1, 1)]);
        for user in 0..i64::try_from(MOST).unwrap() + 5 {
            reads.note(party, read(user, 0, 0));
        }
        assert_eq!(reads.waiting().len(), MOST);
    }
}
