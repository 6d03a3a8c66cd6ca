//! Who the operators are, and what they have done. In the main database; what waits for them is in `operators.rs`.

use sqlx::PgConnection;

use crate::domain::Time;
use crate::domain::error::Result;
use crate::domain::id::Id;
use crate::domain::user::User;
use crate::storage::bounded;

pub async fn is_operator(conn: &mut PgConnection, user: Id<User>) -> Result<bool> {
    let there =
        sqlx::query_scalar!(r#"select exists (select from operators where user_id = $1) as "there!""#, user.raw());
    bounded(there.fetch_one(conn)).await
}

/// Nothing happens when he is one already.
pub async fn add(conn: &mut PgConnection, user: Id<User>, now: Time) -> Result<()> {
    let add = sqlx::query!(
        "insert into operators (user_id, added_at) values ($1, $2) on conflict do nothing",
        user.raw(),
        now,
    );
    bounded(add.execute(conn)).await?;
    Ok(())
}

/// Nothing happens when he is none.
pub async fn remove(conn: &mut PgConnection, user: Id<User>) -> Result<()> {
    bounded(sqlx::query!("delete from operators where user_id = $1", user.raw()).execute(conn)).await?;
    Ok(())
}

pub struct Operator {
    pub user_id: Id<User>,
    pub nickname: String,
    pub added_at: Time,
}

pub async fn operators(conn: &mut PgConnection) -> Result<Vec<Operator>> {
    let rows = sqlx::query!(
        "select user_id, nickname, added_at from operators join users on id = user_id order by added_at, user_id",
    );
    let all = bounded(rows.fetch_all(conn)).await?.into_iter().map(|row| Operator {
        user_id: Id::from_raw(row.user_id),
        nickname: row.nickname,
        added_at: row.added_at,
    });
    Ok(all.collect())
}

/// What an operator is about to do.
pub struct Act {
    /// None: by a command on one of our machines.
    pub by: Option<Id<User>>,
    pub act: &'static str,
    pub subject_type: &'static str,
    pub subject_id: i64,
    pub body: serde_json::Value,
}

/// Writes down what is about to be done, and says under which number.
pub async fn begin(conn: &mut PgConnection, act: &Act, now: Time) -> Result<i64> {
    let id = sqlx::query_scalar!(
        "insert into operator_acts (operator_id, act, subject_type, subject_id, body, at)
         values ($1, $2, $3, $4, $5, $6) returning id",
        act.by.map(Id::raw),
        act.act,
        act.subject_type,
        act.subject_id,
        act.body,
        now,
    );
    bounded(id.fetch_one(conn)).await
}

/// Writes down what came of it.
pub async fn end(conn: &mut PgConnection, act: i64, outcome: &str) -> Result<()> {
    bounded(sqlx::query!("update operator_acts set outcome = $2 where id = $1", act, outcome).execute(conn)).await?;
    Ok(())
}
