//! Who is kept out though his access token is good: suspended users, and sessions that have ended. In the main database.

use sqlx::PgConnection;

use crate::domain::Time;
use crate::domain::error::Result;
use crate::domain::id::Id;
use crate::domain::user::User;
use crate::storage::auth::Session;
use crate::storage::bounded;

/// Everyone who is kept out now.
pub async fn kept_out(conn: &mut PgConnection) -> Result<(Vec<Id<User>>, Vec<Id<Session>>)> {
    let row = sqlx::query!(
        r#"select array(select user_id from suspensions) as "suspended!",
               array(select session_id from ended_sessions) as "ended!""#,
    );
    let row = bounded(row.fetch_one(conn)).await?;
    let suspended = row.suspended.into_iter().map(Id::from_raw).collect();
    Ok((suspended, row.ended.into_iter().map(Id::from_raw).collect()))
}

pub struct Suspension {
    pub user_id: Id<User>,
    pub note: String,
    pub suspended_at: Time,
}

pub async fn is_suspended(conn: &mut PgConnection, user: Id<User>) -> Result<bool> {
    let there =
        sqlx::query_scalar!(r#"select exists (select from suspensions where user_id = $1) as "there!""#, user.raw());
    bounded(there.fetch_one(conn)).await
}

/// The newest note stands; the time stays.
pub async fn suspend(conn: &mut PgConnection, user: Id<User>, note: &str, now: Time) -> Result<Suspension> {
    let row = sqlx::query!(
        "insert into suspensions (user_id, note, suspended_at) values ($1, $2, $3)
         on conflict (user_id) do update set note = excluded.note
         returning note, suspended_at",
        user.raw(),
        note,
        now,
    );
    let row = bounded(row.fetch_one(conn)).await?;
    Ok(Suspension { user_id: user, note: row.note, suspended_at: row.suspended_at })
}

/// Nothing happens when he is not suspended.
pub async fn lift(conn: &mut PgConnection, user: Id<User>) -> Result<()> {
    bounded(sqlx::query!("delete from suspensions where user_id = $1", user.raw()).execute(conn)).await?;
    Ok(())
}
