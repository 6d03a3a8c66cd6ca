//! SQL of identities, sessions and refresh tokens.

use sqlx::PgConnection;

use crate::domain::Time;
use crate::domain::error::Result;
use crate::domain::id::Id;
use crate::domain::user::User;
use crate::storage::bounded;

/// One device that is signed in.
pub struct Session;

/// Who signs users in. Its word is in `identities_provider_word`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// Made-up users, in development only.
    Dev,
    Apple,
    Kakao,
}

impl Provider {
    const fn word(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Apple => "apple",
            Self::Kakao => "kakao",
        }
    }
}

/// A refresh token and its session, as they are stored.
pub struct Stored {
    pub session_id: Id<Session>,
    pub user_id: Id<User>,
    pub chain_key: [u8; 32],
    pub expires_at: Time,
    pub used_at: Option<Time>,
    pub revoked_at: Option<Time>,
}

pub async fn user_of(conn: &mut PgConnection, provider: Provider, subject: &str) -> Result<Option<Id<User>>> {
    let id = sqlx::query_scalar!(
        "select user_id from identities where provider = $1 and subject = $2",
        provider.word(),
        subject,
    );
    Ok(bounded(id.fetch_optional(conn)).await?.map(Id::from_raw))
}

/// False when the identity belongs to somebody already.
pub async fn insert_identity(
    conn: &mut PgConnection,
    provider: Provider,
    subject: &str,
    user: Id<User>,
    now: Time,
) -> Result<bool> {
    let done = bounded(sqlx::query!(
        "insert into identities (provider, subject, user_id, created_at) values ($1, $2, $3, $4) on conflict do nothing",
        provider.word(),
        subject,
        user.raw(),
        now,
    )
    .execute(conn)).await?;
    Ok(done.rows_affected() == 1)
}

/// Keeps what is needed to withdraw the provider's permission; the newest counts.
pub async fn keep_grant(conn: &mut PgConnection, provider: Provider, subject: &str, sealed: &str) -> Result<()> {
    let update = sqlx::query!(
        "update identities set grant_sealed = $3 where provider = $1 and subject = $2",
        provider.word(),
        subject,
        sealed,
    );
    bounded(update.execute(conn)).await?;
    Ok(())
}

pub async fn insert_session(
    conn: &mut PgConnection,
    user: Id<User>,
    chain_key: &[u8; 32],
    now: Time,
) -> Result<Id<Session>> {
    let id = sqlx::query_scalar!(
        "insert into sessions (user_id, chain_key, created_at) values ($1, $2, $3) returning id",
        user.raw(),
        chain_key,
        now,
    );
    Ok(Id::from_raw(bounded(id.fetch_one(conn)).await?))
}

pub async fn insert_refresh_token(
    conn: &mut PgConnection,
    hash: &[u8; 32],
    session: Id<Session>,
    issued_at: Time,
    expires_at: Time,
) -> Result<()> {
    bounded(
        sqlx::query!(
            "insert into refresh_tokens (hash, session_id, issued_at, expires_at) values ($1, $2, $3, $4)",
            hash,
            session.raw(),
            issued_at,
            expires_at,
        )
        .execute(conn),
    )
    .await?;
    Ok(())
}

/// Locks the token and its session until the transaction ends.
pub async fn lock_refresh_token(conn: &mut PgConnection, hash: &[u8; 32]) -> Result<Option<Stored>> {
    let query = sqlx::query!(
        r#"select session_id, user_id, chain_key as "chain_key: [u8; 32]", expires_at, used_at, revoked_at
           from refresh_tokens join sessions on sessions.id = session_id
           where hash = $1
           for update"#,
        hash,
    );
    let row = bounded(query.fetch_optional(conn)).await?;
    Ok(row.map(|row| Stored {
        session_id: Id::from_raw(row.session_id),
        user_id: Id::from_raw(row.user_id),
        chain_key: row.chain_key,
        expires_at: row.expires_at,
        used_at: row.used_at,
        revoked_at: row.revoked_at,
    }))
}

pub async fn use_refresh_token(conn: &mut PgConnection, hash: &[u8; 32], now: Time) -> Result<()> {
    bounded(sqlx::query!("update refresh_tokens set used_at = $2 where hash = $1", hash, now).execute(conn)).await?;
    Ok(())
}

pub async fn is_refresh_token_used(conn: &mut PgConnection, hash: &[u8; 32]) -> Result<bool> {
    let used = sqlx::query_scalar!(
        r#"select exists (select from refresh_tokens where hash = $1 and used_at is not null) as "used!""#,
        hash,
    );
    bounded(used.fetch_one(conn)).await
}

/// Ends a session: none of its refresh tokens counts any more, within seconds no access token does, and its phone is told
/// nothing more.
pub async fn revoke(conn: &mut PgConnection, session: Id<Session>, now: Time) -> Result<()> {
    let update = sqlx::query!(
        "with ended as (update sessions set revoked_at = $2 where id = $1 and revoked_at is null returning id),
         silent as (delete from devices where session_id in (select id from ended))
         insert into ended_sessions (session_id, ended_at) select id, $2 from ended on conflict do nothing",
        session.raw(),
        now,
    );
    bounded(update.execute(conn)).await?;
    Ok(())
}
