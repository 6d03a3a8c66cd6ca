//! Who hosts which party, in the main database: the one thing about parties that is unique across shards.

use sqlx::PgConnection;

use crate::domain::Time;
use crate::domain::error::Result;
use crate::domain::id::Id;
use crate::domain::party::Party;
use crate::domain::user::User;

/// Reserves one of the user's `slots` for a party until `expires_at`; false if none is free. Who had more of them once, and
/// still hosts as many, has none free. Repeated, it keeps the slot and
/// has its time anew.
pub async fn reserve(
    conn: &mut PgConnection,
    user: Id<User>,
    party: Id<Party>,
    slots: i16,
    expires_at: Time,
) -> Result<bool> {
    let reserved = sqlx::query_scalar!(
        r#"
        with free as (
            select slot from generate_series(1, $3::smallint) slot
            where slot not in (select h.slot from hosting h where h.user_id = $1)
                and (select count(*) from hosting h where h.user_id = $1) < $3
                and not exists (select from hosting h where h.party_id = $2)
            order by slot limit 1
        ),
        taken as (
            insert into hosting (user_id, slot, party_id, expires_at) select $1, slot, $2, $4 from free
            on conflict do nothing
            returning slot
        ),
        renewed as (
            update hosting set expires_at = $4 where user_id = $1 and party_id = $2 and expires_at is not null
            returning slot
        )
        select true as "reserved!" from taken
        union all select true from renewed
        union all select true from hosting where user_id = $1 and party_id = $2 and expires_at is null
        limit 1
        "#,
        user.raw(),
        party.raw(),
        slots,
        expires_at,
    );
    Ok(reserved.fetch_optional(conn).await?.is_some())
}

/// The parties are made: their slots are their own until they end.
pub async fn confirm(conn: &mut PgConnection, parties: &[Id<Party>]) -> Result<()> {
    let parties: Vec<i64> = parties.iter().map(|party| party.raw()).collect();
    sqlx::query!("update hosting set expires_at = null where party_id = any($1) and expires_at is not null", &parties)
        .execute(conn)
        .await?;
    Ok(())
}

pub async fn release(conn: &mut PgConnection, parties: &[Id<Party>]) -> Result<()> {
    let parties: Vec<i64> = parties.iter().map(|party| party.raw()).collect();
    sqlx::query!("delete from hosting where party_id = any($1)", &parties).execute(conn).await?;
    Ok(())
}

/// Gives back the slot of a party that was not made in time, unless its maker has begun anew.
pub async fn give_up(conn: &mut PgConnection, party: Id<Party>, now: Time) -> Result<()> {
    sqlx::query!("delete from hosting where party_id = $1 and expires_at < $2", party.raw(), now).execute(conn).await?;
    Ok(())
}

/// The parties that a user hosts, or was about to.
pub async fn of(conn: &mut PgConnection, user: Id<User>) -> Result<Vec<Id<Party>>> {
    let ids = sqlx::query_scalar!("select party_id from hosting where user_id = $1", user.raw());
    Ok(ids.fetch_all(conn).await?.into_iter().map(Id::from_raw).collect())
}

/// Reservations whose time is over: a crash came between, or the answer of the other database was lost.
pub async fn over(conn: &mut PgConnection, now: Time, limit: i64) -> Result<Vec<Id<Party>>> {
    let ids = sqlx::query_scalar!("select party_id from hosting where expires_at < $1 limit $2", now, limit);
    Ok(ids.fetch_all(conn).await?.into_iter().map(Id::from_raw).collect())
}
