//! SQL of users and their blocks.

use sqlx::PgConnection;

use crate::domain::Time;
use crate::domain::error::{Code, Error, Result};
use crate::domain::id::Id;
use crate::domain::user::{Blocks, Language, User};
use crate::storage::{bounded, tx::Tx};

pub async fn insert(conn: &mut PgConnection, user: &User) -> Result<()> {
    bounded(sqlx::query!(
        "insert into users (id, nickname, trust, language, app_account_token, created_at) values ($1, $2, $3, $4, $5, $6)",
        user.id.raw(),
        user.nickname,
        user.trust,
        user.language.word(),
        user.app_account_token,
        user.created_at,
    )
    .execute(conn)).await?;
    Ok(())
}

pub async fn find(conn: &mut PgConnection, id: Id<User>) -> Result<Option<User>> {
    let row = bounded(
        sqlx::query_as!(
            UserRow,
            "select id, nickname, trust, language, app_account_token, created_at from users
             where id = $1 and erased_at is null",
            id.raw(),
        )
        .fetch_optional(conn),
    )
    .await?;
    row.map(UserRow::user).transpose()
}

/// Changes what is given, and reads the user as it is then.
pub async fn change(
    conn: &mut PgConnection,
    id: Id<User>,
    nickname: Option<&str>,
    language: Option<Language>,
) -> Result<Option<User>> {
    let row = bounded(
        sqlx::query_as!(
            UserRow,
            "update users set nickname = coalesce($2, nickname), language = coalesce($3, language)
         where id = $1 and erased_at is null
         returning id, nickname, trust, language, app_account_token, created_at",
            id.raw(),
            nickname,
            language.map(Language::word),
        )
        .fetch_optional(conn),
    )
    .await?;
    row.map(UserRow::user).transpose()
}

pub async fn exists(conn: &mut PgConnection, id: Id<User>) -> Result<bool> {
    let there = sqlx::query_scalar!(
        r#"select exists (select from users where id = $1 and erased_at is null) as "there!""#,
        id.raw()
    );
    bounded(there.fetch_one(conn)).await
}

/// Keeps these users until the transaction ends, in the order in which everybody takes more than one of them.
pub async fn hold(tx: &mut Tx, users: &[Id<User>]) -> Result<()> {
    let users: Vec<i64> = users.iter().map(|user| user.raw()).collect();
    let hold = sqlx::query!("select from users where id = any($1) order by id for key share", &users);
    bounded(hold.execute(&mut **tx)).await?;
    Ok(())
}

/// Nothing happens when it is so already, or when a token has outlived its user.
pub async fn block(conn: &mut PgConnection, user: Id<User>, blocked: Id<User>, now: Time) -> Result<()> {
    bounded(
        sqlx::query!(
            "insert into blocks (user_id, blocked_id, created_at)
         select id, $2, $3 from users where id = $1
         on conflict do nothing",
            user.raw(),
            blocked.raw(),
            now,
        )
        .execute(conn),
    )
    .await?;
    Ok(())
}

pub async fn unblock(conn: &mut PgConnection, user: Id<User>, blocked: Id<User>) -> Result<()> {
    bounded(
        sqlx::query!("delete from blocks where user_id = $1 and blocked_id = $2", user.raw(), blocked.raw())
            .execute(conn),
    )
    .await?;
    Ok(())
}

/// Whom `user` keeps away, and who keeps `user` away.
pub async fn blocks_of(conn: &mut PgConnection, user: Id<User>) -> Result<Blocks> {
    let row = sqlx::query!(
        r#"select array(select blocked_id from blocks where user_id = $1) as "blocked!",
               array(select user_id from blocks where blocked_id = $1) as "blocking!""#,
        user.raw(),
    );
    let row = bounded(row.fetch_one(conn)).await?;
    let ids = |raw: Vec<i64>| raw.into_iter().map(Id::from_raw).collect();
    Ok(Blocks { by_him: ids(row.blocked), of_him: ids(row.blocking) })
}

/// Everyone whom `user` keeps away or who keeps `user` away.
pub async fn apart_from(conn: &mut PgConnection, user: Id<User>) -> Result<Vec<Id<User>>> {
    let ids = sqlx::query_scalar!(
        r#"select blocked_id as "id!" from blocks where user_id = $1
           union
           select user_id from blocks where blocked_id = $1"#,
        user.raw(),
    );
    Ok(bounded(ids.fetch_all(conn)).await?.into_iter().map(Id::from_raw).collect())
}

/// The pairs of people who keep apart, as far as one of these is in it.
pub async fn blocks_among(conn: &mut PgConnection, users: &[Id<User>]) -> Result<Vec<(Id<User>, Id<User>)>> {
    let users: Vec<i64> = users.iter().map(|user| user.raw()).collect();
    let pairs = sqlx::query!(
        r#"select user_id as "user_id!", blocked_id as "blocked_id!" from blocks where user_id = any ($1)
           union
           select user_id, blocked_id from blocks where blocked_id = any ($1)"#,
        &users,
    );
    let pairs = bounded(pairs.fetch_all(conn)).await?.into_iter();
    Ok(pairs.map(|pair| (Id::from_raw(pair.user_id), Id::from_raw(pair.blocked_id))).collect())
}

/// The user's trust and everyone that he is apart from.
pub async fn joining(conn: &mut PgConnection, user: Id<User>) -> Result<Option<(i16, Vec<Id<User>>)>> {
    let row = sqlx::query!(
        r#"select trust, array(
               select blocked_id from blocks where user_id = $1 union select user_id from blocks where blocked_id = $1
           ) as "apart!"
           from users
           where id = $1 and erased_at is null and not exists (select from erasures where user_id = $1)"#,
        user.raw(),
    );
    let row = bounded(row.fetch_optional(conn)).await?;
    Ok(row.map(|row| (row.trust, row.apart.into_iter().map(Id::from_raw).collect())))
}

struct UserRow {
    id: i64,
    nickname: String,
    trust: i16,
    language: String,
    app_account_token: uuid::Uuid,
    created_at: Time,
}

impl UserRow {
    fn user(self) -> Result<User> {
        let unknown = || Error::internal(Code::Internal, format_args!("users.language is {:?}", self.language));
        let language = Language::from_word(&self.language).ok_or_else(unknown)?;
        Ok(User {
            id: Id::from_raw(self.id),
            nickname: self.nickname,
            trust: self.trust,
            created_at: self.created_at,
            app_account_token: self.app_account_token,
            language,
        })
    }
}
