//! SQL of spent boosts, in the main database; that a party is lifted stands on its shard.

use sqlx::PgConnection;

use crate::domain::Time;
use crate::domain::error::Result;
use crate::domain::id::Id;
use crate::domain::party::{BOOST, Party};
use crate::domain::user::User;

/// A boost that was spent, and not yet known to have done its work.
#[derive(Clone, Copy, Debug)]
pub struct Spent {
    pub party_id: Id<Party>,
    pub starts_at: Time,
}

/// Nobody else spends the user's boosts until the transaction ends.
pub async fn lock(conn: &mut PgConnection, user: Id<User>) -> Result<()> {
    sqlx::query!("select from users where id = $1 for no key update", user.raw()).execute(conn).await?;
    Ok(())
}

/// When the boost began that was spent on this party and is not over, if there is one.
pub async fn running(conn: &mut PgConnection, party: Id<Party>, now: Time) -> Result<Option<Time>> {
    let starts_at = sqlx::query_scalar!(
        "select starts_at from boosts where party_id = $1 and ends_at > $2 and returned_at is null
         order by starts_at desc limit 1",
        party.raw(),
        now,
    );
    Ok(starts_at.fetch_optional(conn).await?)
}

/// Spends one; false if this half hour of the party has one already.
pub async fn spend(conn: &mut PgConnection, user: Id<User>, party: Id<Party>, starts_at: Time) -> Result<bool> {
    let spent = sqlx::query!(
        "insert into boosts (party_id, half_hour, user_id, starts_at, ends_at) values ($1, $2, $3, $4, $5)
         on conflict (party_id, half_hour) do nothing",
        party.raw(),
        starts_at.unix_timestamp() / BOOST.whole_seconds(),
        user.raw(),
        starts_at,
        starts_at + BOOST,
    );
    Ok(spent.execute(conn).await?.rows_affected() > 0)
}

/// How many of his boosts a user has spent.
pub async fn spent(conn: &mut PgConnection, user: Id<User>) -> Result<i64> {
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from boosts where user_id = $1 and returned_at is null"#,
        user.raw()
    );
    Ok(count.fetch_one(conn).await?)
}

/// The party is lifted.
pub async fn applied(conn: &mut PgConnection, spent: Spent, now: Time) -> Result<()> {
    sqlx::query!(
        "update boosts set applied_at = $3
         where party_id = $1 and starts_at = $2 and applied_at is null and returned_at is null",
        spent.party_id.raw(),
        spent.starts_at,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// It could not be lifted, and never will be by this boost.
pub async fn give_back(conn: &mut PgConnection, spent: Spent, now: Time) -> Result<()> {
    sqlx::query!(
        "update boosts set returned_at = $3
         where party_id = $1 and starts_at = $2 and applied_at is null and returned_at is null",
        spent.party_id.raw(),
        spent.starts_at,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Those of which nobody knows yet what became of them, from before a moment.
pub async fn pending(conn: &mut PgConnection, before: Time, limit: i64) -> Result<Vec<Spent>> {
    let rows = sqlx::query!(
        "select party_id, starts_at from boosts
         where applied_at is null and returned_at is null and starts_at < $1 order by starts_at limit $2",
        before,
        limit,
    );
    let rows = rows.fetch_all(conn).await?.into_iter();
    Ok(rows.map(|row| Spent { party_id: Id::from_raw(row.party_id), starts_at: row.starts_at }).collect())
}
