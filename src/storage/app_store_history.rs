//! How far the app store's list of its notifications was gone through (main); what they say, others keep.

use sqlx::PgConnection;

use crate::domain::Time;
use crate::domain::error::{Code, Error, Result};
use crate::domain::purchase::Environment;

/// An environment that is ours for a while.
pub struct Leased {
    pub environment: Environment,
    /// None: nothing was looked at yet.
    pub reached_at: Option<Time>,
}

/// Makes sure that these environments are gone through some time.
pub async fn plan(conn: &mut PgConnection, environments: &[&str], now: Time) -> Result<()> {
    sqlx::query!(
        "insert into app_store_history (environment, next_at) select unnest($1::text[]), $2 on conflict do nothing",
        environments as &[&str],
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// One of these environments that is due, which is ours until `until`.
pub async fn lease(conn: &mut PgConnection, environments: &[&str], now: Time, until: Time) -> Result<Option<Leased>> {
    let row = sqlx::query!(
        r#"
        update app_store_history set leased_until = $2
        where environment = (
            select environment from app_store_history
            where environment = any($3) and next_at <= $1 and (leased_until is null or leased_until <= $1)
            order by next_at limit 1 for update skip locked
        )
        returning environment, reached_at
        "#,
        now,
        until,
        environments as &[&str],
    );
    let Some(row) = row.fetch_optional(conn).await? else { return Ok(None) };
    let environment = Environment::from_word(&row.environment)
        .ok_or_else(|| Error::internal(Code::Internal, "an environment of the app store that there is not"))?;
    Ok(Some(Leased { environment, reached_at: row.reached_at }))
}

/// It takes longer.
pub async fn hold(conn: &mut PgConnection, environment: Environment, until: Time) -> Result<()> {
    sqlx::query!("update app_store_history set leased_until = $2 where environment = $1", environment.word(), until)
        .execute(conn)
        .await?;
    Ok(())
}

/// Everything up to `reached_at` is known. Somebody slower, whose lease had ended, takes nothing back.
pub async fn reached(conn: &mut PgConnection, environment: Environment, reached_at: Time, next_at: Time) -> Result<()> {
    sqlx::query!(
        r#"
        update app_store_history
        set reached_at = greatest(reached_at, $2), next_at = $3, leased_until = null
        where environment = $1
        "#,
        environment.word(),
        reached_at,
        next_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// It did not work; the cursor stays where it is.
pub async fn postpone(conn: &mut PgConnection, environment: Environment, next_at: Time) -> Result<()> {
    sqlx::query!(
        "update app_store_history set next_at = $2, leased_until = null where environment = $1",
        environment.word(),
        next_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}
