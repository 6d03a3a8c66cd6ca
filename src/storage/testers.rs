//! SQL of testers: for whom purchases in the sandbox count.

use sqlx::PgConnection;

use crate::domain::Time;
use crate::domain::error::Result;
use crate::domain::id::Id;
use crate::domain::user::User;

pub async fn is_one(conn: &mut PgConnection, user: Id<User>) -> Result<bool> {
    let is_one =
        sqlx::query_scalar!(r#"select exists (select from testers where user_id = $1) as "is_one!""#, user.raw());
    Ok(is_one.fetch_one(conn).await?)
}

/// False if there is no such user. Nothing happens when he is one already.
pub async fn add(conn: &mut PgConnection, user: Id<User>, now: Time) -> Result<bool> {
    let added = sqlx::query!(
        "insert into testers (user_id, added_at) select id, $2 from users where id = $1
         on conflict (user_id) do update set added_at = testers.added_at",
        user.raw(),
        now,
    );
    Ok(added.execute(conn).await?.rows_affected() > 0)
}

/// False if he was none.
pub async fn remove(conn: &mut PgConnection, user: Id<User>) -> Result<bool> {
    let removed = sqlx::query!("delete from testers where user_id = $1", user.raw());
    Ok(removed.execute(conn).await?.rows_affected() > 0)
}

/// Id, nickname, since when.
pub async fn all(conn: &mut PgConnection) -> Result<Vec<(Id<User>, String, Time)>> {
    let rows = sqlx::query!(
        "select u.id, u.nickname, t.added_at from testers t join users u on u.id = t.user_id order by t.added_at, u.id"
    );
    let rows = rows.fetch_all(conn).await?.into_iter();
    Ok(rows.map(|row| (Id::from_raw(row.id), row.nickname, row.added_at)).collect())
}
