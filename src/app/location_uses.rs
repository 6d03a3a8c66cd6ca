//! The record of the use of positions: noted in memory by the searches, which wait for nothing, and written down together about
//! once a second and at the end. A process that is killed takes the last second's with it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::app::{App, every};
use crate::domain::error::Result;
use crate::domain::id::Id;
use crate::domain::location_use::{LocationPurpose, LocationUse};
use crate::domain::user::User;
use crate::storage::{location_uses, using};

const EVERY: Duration = Duration::from_secs(1);
/// How many one statement writes.
const BATCH: usize = 10_000;
/// How many wait in memory at the most (3 MB), while the main database is away.
const MOST: usize = 100_000;

#[derive(Default)]
pub struct LocationUses {
    waiting: Mutex<Vec<LocationUse>>,
    /// Held by whoever writes, so that one who reads after it finds all that was noted before.
    writing: tokio::sync::Mutex<()>,
    /// How many found no room.
    lost: AtomicU64,
}

impl LocationUses {
    fn note(&self, noted: LocationUse) {
        let mut waiting = self.waiting();
        if waiting.len() < MOST {
            waiting.push(noted);
        } else {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn take(&self) -> Vec<LocationUse> {
        std::mem::take(&mut *self.waiting())
    }

    /// Those that could not be written wait on, before the newer ones.
    fn put_back(&self, older: &[LocationUse]) {
        let mut waiting = self.waiting();
        waiting.splice(0..0, older.iter().copied());
        let over = waiting.len().saturating_sub(MOST);
        waiting.truncate(MOST);
        self.lost.fetch_add(u64::try_from(over).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<LocationUse>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// That a position of this user's is used now.
pub(super) fn note(app: &App, user_id: Id<User>, purpose: LocationPurpose) {
    app.location_uses.note(LocationUse { user_id, purpose, used_at: app.clock.now() });
}

/// Writes down what was noted so far. One whose answer was lost may be written twice, and none is left out.
pub async fn write_down(app: &App) -> Result<()> {
    let uses = &app.location_uses;
    let _alone = uses.writing.lock().await;
    let lost = uses.lost.swap(0, Ordering::Relaxed);
    if lost > 0 {
        metrics::counter!("nbbang_location_uses_lost_total").increment(lost);
        tracing::error!(lost, "uses of positions are not in the record: the main database was away for too long");
    }
    let noted = uses.take();
    let mut rest = noted.as_slice();
    while !rest.is_empty() {
        let (batch, later) = rest.split_at(rest.len().min(BATCH));
        if let Err(error) = using(&app.databases.main(), async |main| location_uses::insert(main, batch).await).await {
            uses.put_back(rest);
            return Err(error);
        }
        rest = later;
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
        tracing::warn!(
            ?error,
            "the record of the use of positions was not written; it is tried again while the process runs"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(user: i64) -> LocationUse {
        let purpose = LocationPurpose::Places;
        LocationUse { user_id: Id::from_raw(user), purpose, used_at: time::OffsetDateTime::UNIX_EPOCH }
    }

    #[test]
    fn what_waits_is_bounded_and_the_oldest_wait_on() {
        let uses = LocationUses::default();
        for _ in 0..MOST + 2 {
            uses.note(of(1));
        }
        let taken = uses.take();
        assert_eq!((taken.len(), uses.lost.load(Ordering::Relaxed), uses.take().len()), (MOST, 2, 0));
        uses.note(of(2));
        uses.put_back(&taken);
        let kept = uses.take();
        assert_eq!((kept.len(), uses.lost.load(Ordering::Relaxed)), (MOST, 3));
        assert!(kept.iter().all(|it| it.user_id == Id::from_raw(1)));
    }
}
