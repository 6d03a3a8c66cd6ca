//! Answers of commands that must act once, kept with their effect and in its transaction.

use sqlx::PgConnection;

use crate::domain::Time;
use crate::domain::error::{Code, Error, Result};
use crate::domain::id::Id;
use crate::domain::party::Party;
use crate::domain::user::User;

/// A client's name for one command; with another body it is a mistake.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    pub route: &'static str,
    pub key: &'a str,
    pub fingerprint: &'a [u8],
}

/// The answer that was given to this very command.
pub async fn find<T>(conn: &mut PgConnection, party: Id<Party>, user: Id<User>, key: &Key<'_>) -> Result<Option<T>>
where
    T: serde::de::DeserializeOwned + Send + Unpin + 'static,
{
    let row = sqlx::query!(
        "select fingerprint, answer from idempotency where party_id = $1 and user_id = $2 and route = $3 and key = $4",
        party.raw(),
        user.raw(),
        key.route,
        key.key,
    );
    let Some(row) = row.fetch_optional(conn).await? else { return Ok(None) };
    if row.fingerprint != key.fingerprint {
        return Err(Code::IdempotencyKeyReused.into());
    }
    serde_json::from_value(row.answer).map(Some).map_err(|error| Error::internal(Code::Internal, error))
}

/// Keeps the key of a command whose answer is always what is true at the time.
pub async fn keep(conn: &mut PgConnection, party: Id<Party>, user: Id<User>, key: &Key<'_>, now: Time) -> Result<()> {
    let kept = sqlx::query_scalar!(
        r#"
        insert into idempotency (party_id, user_id, route, key, fingerprint, answer, created_at)
        values ($1, $2, $3, $4, $5, 'null', $6)
        on conflict (party_id, user_id, route, key) do update set key = excluded.key
        returning fingerprint
        "#,
        party.raw(),
        user.raw(),
        key.route,
        key.key,
        key.fingerprint,
        now,
    );
    if kept.fetch_one(conn).await? == key.fingerprint { Ok(()) } else { Err(Code::IdempotencyKeyReused.into()) }
}

/// In the main database: the party that this command was to make, if it was tried before.
pub async fn fixed_party(conn: &mut PgConnection, user: Id<User>, key: &Key<'_>) -> Result<Option<Id<Party>>> {
    let row = sqlx::query!(
        "select fingerprint, party_id from creations where user_id = $1 and key = $2",
        user.raw(),
        key.key,
    );
    match row.fetch_optional(conn).await? {
        Some(row) if row.fingerprint != key.fingerprint => Err(Code::IdempotencyKeyReused.into()),
        row => Ok(row.map(|row| Id::from_raw(row.party_id))),
    }
}

/// In the main database, of the command that makes a party: fixes which one, before it is made. Answers the id that this
/// command's first try fixed.
pub async fn fix_party(
    conn: &mut PgConnection,
    user: Id<User>,
    key: &Key<'_>,
    party: Id<Party>,
    now: Time,
) -> Result<Id<Party>> {
    let row = sqlx::query!(
        r#"
        insert into creations (user_id, key, fingerprint, party_id, created_at) values ($1, $2, $3, $4, $5)
        on conflict (user_id, key) do update set key = excluded.key
        returning fingerprint, party_id
        "#,
        user.raw(),
        key.key,
        key.fingerprint,
        party.raw(),
        now,
    );
    let row = row.fetch_one(conn).await.map_err(|error| in_progress(error.into()))?;
    if row.fingerprint != key.fingerprint {
        return Err(Code::IdempotencyKeyReused.into());
    }
    Ok(Id::from_raw(row.party_id))
}

/// In the main database, of a command outside of parties: the answer that was given to this very command. None: it is for the
/// caller to do now, and whoever repeats it meanwhile waits.
pub async fn begin<T>(conn: &mut PgConnection, user: Id<User>, key: &Key<'_>, now: Time) -> Result<Option<T>>
where
    T: serde::de::DeserializeOwned,
{
    let row = sqlx::query!(
        r#"
        insert into main_idempotency (user_id, route, key, fingerprint, created_at) values ($1, $2, $3, $4, $5)
        on conflict (user_id, route, key) do update set key = excluded.key
        returning fingerprint, answer
        "#,
        user.raw(),
        key.route,
        key.key,
        key.fingerprint,
        now,
    );
    let row = row.fetch_one(conn).await.map_err(|error| in_progress(error.into()))?;
    if row.fingerprint != key.fingerprint {
        return Err(Code::IdempotencyKeyReused.into());
    }
    row.answer.map(serde_json::from_value).transpose().map_err(|error| Error::internal(Code::Internal, error))
}

/// In the main database: keeps the answer of a command that was begun in this transaction.
pub async fn finish(
    conn: &mut PgConnection,
    user: Id<User>,
    key: &Key<'_>,
    answer: &(impl serde::Serialize + Sync),
) -> Result<()> {
    let answer = serde_json::to_value(answer).map_err(|error| Error::internal(Code::Internal, error))?;
    sqlx::query!(
        "update main_idempotency set answer = $4 where user_id = $1 and route = $2 and key = $3",
        user.raw(),
        key.route,
        key.key,
        answer,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The same command is under way, and holds its row.
fn in_progress(error: Error) -> Error {
    if error.code == Code::Busy { error.coded(Code::RequestInProgress) } else { error }
}
