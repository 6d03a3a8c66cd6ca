//! The record of the use of positions, in the main database; no position is in it.

use sqlx::PgConnection;

use crate::domain::error::{Code, Error, Result};
use crate::domain::id::Id;
use crate::domain::location_use::{LocationPurpose, LocationSource, LocationUse};
use crate::domain::user::User;
use crate::storage::bounded;

/// Nothing is written of one who has been erased meanwhile.
pub async fn insert(conn: &mut PgConnection, uses: &[LocationUse]) -> Result<()> {
    let who: Vec<i64> = uses.iter().map(|it| it.user_id.raw()).collect();
    let purposes: Vec<&str> = uses.iter().map(|it| it.purpose.word()).collect();
    let times: Vec<_> = uses.iter().map(|it| it.used_at).collect();
    let insert = sqlx::query!(
        "insert into location_uses (user_id, purpose, used_at, acquired_from)
         select user_id, purpose, used_at, $4
         from unnest($1::bigint[], $2::text[], $3::timestamptz[]) as x (user_id, purpose, used_at)
         where exists (select from users where id = user_id and erased_at is null)",
        &who,
        &purposes as &[&str],
        &times,
        LocationSource::App.word(),
    );
    bounded(insert.execute(conn)).await?;
    Ok(())
}

/// Those of one user, the oldest first, each with how we came by the position.
pub async fn of(conn: &mut PgConnection, user: Id<User>) -> Result<Vec<(LocationUse, LocationSource)>> {
    let rows = sqlx::query!(
        "select purpose, used_at, acquired_from from location_uses where user_id = $1 order by used_at",
        user.raw(),
    );
    let rows = bounded(rows.fetch_all(conn)).await?.into_iter().map(|row| {
        let purpose = LocationPurpose::from_word(&row.purpose)?;
        let source = LocationSource::from_word(&row.acquired_from)?;
        Some((LocationUse { user_id: user, purpose, used_at: row.used_at }, source))
    });
    let unknown = || Error::internal(Code::Internal, "a use of a position of an unknown kind");
    rows.collect::<Option<_>>().ok_or_else(unknown)
}

/// Who withdraws his consent, which his going is, takes the record with him (article 24(4) of the Location Information Act).
pub async fn forget(conn: &mut PgConnection, user: Id<User>) -> Result<()> {
    bounded(sqlx::query!("delete from location_uses where user_id = $1", user.raw()).execute(conn)).await?;
    Ok(())
}
