//! Forgetting what has had its time, in all databases, a batch of each kind at a time. What that is, is in `storage/retention.rs`.

use crate::app::{App, clock};
use crate::storage::databases::Database;
use crate::storage::migrate::{self, Set};
use crate::storage::retention::{BATCH, Clock, RULES};
use crate::storage::using;

/// One batch of each kind in each database; says of how many there may be more. A statement that fails holds up no other.
pub async fn forget(app: &App) -> usize {
    let mut more = 0;
    for (database, set) in migrate::sets(&app.databases) {
        more += forget_on(app, database, set).await;
    }
    more
}

async fn forget_on(app: &App, database: &Database, set: Set) -> usize {
    let mut more = 0;
    for rule in RULES.iter().filter(|rule| rule.set == set) {
        let now = match rule.clock {
            Clock::Rules => app.clock.now(),
            Clock::Real => clock::real(),
        };
        let forgotten = using(&database.pool(), async |conn| rule.forget(conn, now).await).await;
        let is_full = |rows: u64| usize::from(rows >= BATCH.unsigned_abs());
        more += database.done(forgotten.map(is_full));
    }
    more
}
