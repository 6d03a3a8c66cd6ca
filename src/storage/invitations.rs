//! SQL of invitations, in the main database.

use sqlx::PgConnection;

use crate::domain::Time;
use crate::domain::error::{Code, Error, Result};
use crate::domain::id::Id;
use crate::domain::invitation::{Invitation, InvitationCode};
use crate::domain::party::Party;
use crate::domain::user::User;
use crate::storage::bounded;
use crate::storage::idempotency::Key;
use crate::storage::tx::Tx;

/// What one user makes is made one after another, and nothing once he has gone.
pub async fn take_turns(tx: &mut Tx, user: Id<User>) -> Result<()> {
    let there = sqlx::query_scalar!(
        r#"select true as "there!" from users where id = $1 and erased_at is null for no key update"#,
        user.raw(),
    );
    bounded(there.fetch_optional(&mut **tx)).await?.map(|_| ()).ok_or_else(|| Code::Unauthenticated.into())
}

/// The one that this very command made.
pub async fn answered(
    conn: &mut PgConnection,
    user: Id<User>,
    party: Id<Party>,
    key: &Key<'_>,
) -> Result<Option<Invitation>> {
    let row = sqlx::query_as!(
        Row,
        "select code, party_id, created_by, created_at, expires_at, revoked_at from invitations
         where created_by = $1 and party_id = $2 and key = $3",
        user.raw(),
        party.raw(),
        key.key,
    );
    bounded(row.fetch_optional(conn)).await?.map(Row::invitation).transpose()
}

/// How many good ones of the party the user has.
pub async fn count_good(conn: &mut PgConnection, user: Id<User>, party: Id<Party>, now: Time) -> Result<i64> {
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from invitations
           where created_by = $1 and party_id = $2 and revoked_at is null and expires_at > $3"#,
        user.raw(),
        party.raw(),
        now,
    );
    bounded(count.fetch_one(conn)).await
}

pub async fn insert(conn: &mut PgConnection, invitation: &Invitation, key: &Key<'_>) -> Result<()> {
    let insert = sqlx::query!(
        "insert into invitations (code, party_id, created_by, key, created_at, expires_at) values ($1, $2, $3, $4, $5, $6)",
        invitation.code.as_str(),
        invitation.party_id.raw(),
        invitation.created_by.raw(),
        key.key,
        invitation.created_at,
        invitation.expires_at,
    );
    bounded(insert.execute(conn)).await?;
    Ok(())
}

pub async fn find(conn: &mut PgConnection, code: &InvitationCode) -> Result<Option<Invitation>> {
    let row = sqlx::query_as!(
        Row,
        "select code, party_id, created_by, created_at, expires_at, revoked_at from invitations where code = $1",
        code.as_str(),
    );
    bounded(row.fetch_optional(conn)).await?.map(Row::invitation).transpose()
}

/// Those of one user, the oldest first.
pub async fn of(conn: &mut PgConnection, user: Id<User>) -> Result<Vec<Invitation>> {
    let rows = sqlx::query_as!(
        Row,
        "select code, party_id, created_by, created_at, expires_at, revoked_at from invitations
         where created_by = $1 order by created_at, code",
        user.raw(),
    );
    bounded(rows.fetch_all(conn)).await?.into_iter().map(Row::invitation).collect()
}

/// The first time counts.
pub async fn revoke(conn: &mut PgConnection, code: &InvitationCode, now: Time) -> Result<()> {
    let update = sqlx::query!(
        "update invitations set revoked_at = $2 where code = $1 and revoked_at is null",
        code.as_str(),
        now
    );
    bounded(update.execute(conn)).await?;
    Ok(())
}

pub async fn forget(conn: &mut PgConnection, user: Id<User>) -> Result<()> {
    bounded(sqlx::query!("delete from invitations where created_by = $1", user.raw()).execute(conn)).await?;
    Ok(())
}

struct Row {
    code: String,
    party_id: i64,
    created_by: i64,
    created_at: Time,
    expires_at: Time,
    revoked_at: Option<Time>,
}

impl Row {
    fn invitation(self) -> Result<Invitation> {
        let unknown = || Error::internal(Code::Internal, "an invitation's row holds no code");
        Ok(Invitation {
            code: InvitationCode::parse(&self.code).ok_or_else(unknown)?,
            party_id: Id::from_raw(self.party_id),
            created_by: Id::from_raw(self.created_by),
            created_at: self.created_at,
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
        })
    }
}
