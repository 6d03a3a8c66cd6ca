//! What the main database holds of one user beside his profile, for himself alone.

use sqlx::PgConnection;

use crate::domain::Time;
use crate::domain::error::{Code, Error, Result};
use crate::domain::id::Id;
use crate::domain::party::Party;
use crate::domain::trust::TrustKind;
use crate::domain::user::User;
use crate::storage::bounded;

/// How a provider knows him.
pub struct Identity {
    pub provider: String,
    pub subject: String,
    pub created_at: Time,
}

pub async fn identities(conn: &mut PgConnection, user: Id<User>) -> Result<Vec<Identity>> {
    let rows = sqlx::query_as!(
        Identity,
        "select provider, subject, created_at from identities where user_id = $1 order by created_at",
        user.raw(),
    );
    bounded(rows.fetch_all(conn)).await
}

pub struct SignIn {
    pub created_at: Time,
    pub revoked_at: Option<Time>,
}

pub async fn sessions(conn: &mut PgConnection, user: Id<User>) -> Result<Vec<SignIn>> {
    let rows = sqlx::query_as!(
        SignIn,
        "select created_at, revoked_at from sessions where user_id = $1 order by id",
        user.raw(),
    );
    bounded(rows.fetch_all(conn)).await
}

pub struct TrustEntry {
    pub kind: TrustKind,
    pub points: i16,
    pub at: Time,
}

pub async fn trust(conn: &mut PgConnection, user: Id<User>) -> Result<Vec<TrustEntry>> {
    let rows = sqlx::query!("select kind, points, at from trust_entries where user_id = $1 order by at", user.raw());
    let unknown = || Error::internal(Code::Internal, "a trust entry of an unknown kind");
    let rows = bounded(rows.fetch_all(conn)).await?.into_iter();
    rows.map(|row| {
        let kind = TrustKind::from_word(&row.kind).ok_or_else(unknown)?;
        Ok(TrustEntry { kind, points: row.points, at: row.at })
    })
    .collect()
}

/// All parties that he is or was in, as far as the main database has heard.
pub async fn parties(conn: &mut PgConnection, user: Id<User>) -> Result<Vec<Id<Party>>> {
    let ids = sqlx::query_scalar!("select party_id from my_parties where user_id = $1", user.raw());
    Ok(bounded(ids.fetch_all(conn)).await?.into_iter().map(Id::from_raw).collect())
}
