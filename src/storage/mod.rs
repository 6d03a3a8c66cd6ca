//! SQL, and the one place where a failure of the database becomes a code; it decides nothing about parties or money.

pub mod access;
pub mod acts;
pub mod app_store_history;
pub mod areas;
pub mod auth;
pub mod books;
pub mod boosts;
pub mod cache;
pub mod clock;
pub mod databases;
pub mod devices;
pub mod erasures;
pub mod events;
pub mod held;
pub mod hosting;
pub mod idempotency;
pub mod invitations;
pub mod lanes;
pub mod ledger;
pub mod listings;
pub mod location_uses;
pub mod messages;
pub mod migrate;
pub mod my_parties;
pub mod operators;
pub mod orders;
pub mod outbox;
pub mod parties;
pub mod payments;
pub mod pool;
pub mod preferences;
pub mod purchases;
pub mod pushes;
pub mod reports;
pub mod retention;
pub mod shards;
pub mod slots;
pub mod testers;
pub mod trust;
pub mod tx;
pub mod users;

use std::time::Duration;

use tracing::Instrument;

use crate::domain::error::{Code, Error, Result};

/// How long the server works on one statement (`statement_timeout`); longer than a duplicate waits for the first (5 s).
const STATEMENT: Duration = Duration::from_secs(8);

/// How long we wait for a statement and its connection, in case the server has vanished without a word.
const PATIENCE: Duration = Duration::from_secs(10);

/// Waits for one piece of database work, but not for ever.
pub fn bounded<T>(work: impl Future<Output = sqlx::Result<T>>) -> impl Future<Output = Result<T>> {
    patiently(async { Ok(work.await?) })
}

/// As [`bounded`], for several statements that belong together.
pub fn patiently<T>(work: impl Future<Output = Result<T>>) -> impl Future<Output = Result<T>> {
    // Boxed: sqlx's futures are large, and would lie once more in each future around them.
    let span =
        tracing::debug_span!(target: "nbbang::traces", "sql", otel.kind = "client", db.system.name = "postgresql");
    let work = Box::pin(tokio::time::timeout(PATIENCE, work).instrument(span));
    let late = |_| Err(Error::internal(Code::DatabaseUnavailable, "the database did not answer in time"));
    async move { work.await.unwrap_or_else(late) }
}

/// A connection of the pool for one piece of work, which does not wait for ever: jobs have nobody who gives up on them.
pub async fn using<T>(pool: &pool::Pool, work: impl AsyncFnOnce(&mut sqlx::PgConnection) -> Result<T>) -> Result<T> {
    patiently(async {
        let mut conn = pool.acquire().await?;
        work(&mut conn).await
    })
    .await
}

/// Whether a statement would have broken this constraint.
pub fn violates(error: &Error, constraint: &str) -> bool {
    error.internal.as_deref().is_some_and(|text| text.contains(&format!("constraint \"{constraint}\"")))
}

/// Whether the fence turned this away: the shard lives elsewhere now, and another look at the map helps.
pub fn moved(error: &Error) -> bool {
    error.internal.as_deref().is_some_and(|text| text.starts_with(MOVED))
}

const MOVED: &str = "SH001: ";

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let state = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        match (state.as_deref(), &error) {
            (Some("SH001"), _) => Self::internal(Code::Busy, format_args!("{MOVED}{error}")),
            (Some(state), _) => Self::internal(of_state(state), told(&error)),
            (
                None,
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed
                | sqlx::Error::BeginFailed,
            ) => Self::internal(Code::DatabaseUnavailable, &error),
            _ => Self::internal(Code::Internal, &error),
        }
    }
}

/// The server's own words, and the constraint if there is one: where a server speaks Korean the words do not name it as
/// `violates` looks for it.
fn told(error: &sqlx::Error) -> String {
    let constraint = error.as_database_error().and_then(sqlx::error::DatabaseError::constraint);
    constraint.map_or_else(|| error.to_string(), |name| format!("{error} (constraint \"{name}\")"))
}

/// Which of PostgreSQL's states mean that it is away or overburdened, not that our statement is wrong.
fn of_state(state: &str) -> Code {
    match state {
        // Serialization failure, deadlock, lock not available, statement timeout: the same again may well succeed.
        "40001" | "40P01" | "55P03" | "57014" => Code::Busy,
        // Read-only after a failover, no such database, an idle transaction that was ended.
        "25006" | "3D000" | "25P03" => Code::DatabaseUnavailable,
        // Connection, authorization, resources (too many connections, disk full), shutdown and crash, system.
        _ if ["08", "28", "53", "57P", "58"].iter().any(|class| state.starts_with(class)) => Code::DatabaseUnavailable,
        _ => Code::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_database_is_not_our_bug() {
        for state in ["08006", "53300", "57P01", "57P03", "25006"] {
            assert_eq!(of_state(state), Code::DatabaseUnavailable, "{state}");
        }
        assert_eq!(of_state("57014"), Code::Busy);
        assert_eq!(of_state("23505"), Code::Internal);
        assert_eq!(Error::from(sqlx::Error::PoolTimedOut).code, Code::DatabaseUnavailable);
        assert_eq!(Error::from(sqlx::Error::RowNotFound).code, Code::Internal);
    }
}
