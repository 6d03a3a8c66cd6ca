//! How far the rules' clock of dev mode is ahead, in the main database.

use sqlx::PgPool;

use crate::domain::error::Result;
use crate::storage::bounded;

pub async fn ahead_ms(main: &PgPool) -> Result<i64> {
    bounded(sqlx::query_scalar!("select ahead_ms from dev_clock").fetch_one(main)).await
}

/// Moves the clock and says how far it is ahead now.
pub async fn advance(main: &PgPool, by_ms: i64) -> Result<i64> {
    bounded(
        sqlx::query_scalar!("update dev_clock set ahead_ms = ahead_ms + $1 returning ahead_ms", by_ms).fetch_one(main),
    )
    .await
}
