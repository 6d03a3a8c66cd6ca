//! Which parties' areas have no name yet, when the map is asked again, and the names.

use sqlx::PgConnection;

use crate::domain::Time;
use crate::domain::error::Result;
use crate::domain::geo::Point;
use crate::domain::id::Id;
use crate::domain::party::Party;

/// A party, and all that the map is asked by.
pub struct Unnamed {
    pub party: Id<Party>,
    pub centre: Point,
}

/// Parties that live here, are not over and wait for a name, those that wait longest first.
pub async fn due(conn: &mut PgConnection, now: Time, limit: i64) -> Result<Vec<Id<Party>>> {
    let ids = sqlx::query_scalar!(
        r#"
        select id from parties
        where area_name is null and ended_at is null and area_check_at <= $1
            and exists (select from shard_owner o where o.shard = (id >> 10) & 8191 and o.state = 'active')
        order by area_check_at limit $2
        "#,
        now,
        limit,
    );
    Ok(ids.fetch_all(conn).await?.into_iter().map(Id::from_raw).collect())
}

/// Sets the next time of each, so that nobody else asks meanwhile: after as long as it has waited already, half a minute at
/// least and an hour at most. Those of them that nobody else has claimed.
pub async fn claim(conn: &mut PgConnection, parties: &[Id<Party>], now: Time) -> Result<Vec<Unnamed>> {
    let rows = sqlx::query!(
        r#"
        with due as materialized (
            select id, shard_fence(((id >> 10) & 8191)::int) from unnest($1::bigint[]) as x (id)
        )
        update parties p
        set area_check_at = $2 + least(greatest($2 - p.created_at, interval '30 seconds'), interval '1 hour')
        from due
        where p.id = due.id and p.area_name is null and p.area_check_at <= $2
        returning p.id, p.area_lat, p.area_lng
        "#,
        &raw(parties),
        now,
    );
    let unnamed = rows
        .fetch_all(conn)
        .await?
        .into_iter()
        .map(|row| Unnamed { party: Id::from_raw(row.id), centre: Point { lat: row.area_lat, lng: row.area_lng } });
    Ok(unnamed.collect())
}

/// Names the area of parties, without a new version of them: nobody has changed anything, and who is about to, in the version
/// that he has seen, still can. The first name stands.
pub async fn name(conn: &mut PgConnection, parties: &[Id<Party>], name: &str) -> Result<()> {
    sqlx::query!(
        r#"
        with named as materialized (
            select id, shard_fence(((id >> 10) & 8191)::int) from unnest($1::bigint[]) as x (id)
        )
        update parties p set area_name = $2, area_check_at = null from named
        where p.id = named.id and p.area_name is null
        "#,
        &raw(parties),
        name,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The map has no name for where they are; it is not asked again.
pub async fn give_up(conn: &mut PgConnection, parties: &[Id<Party>]) -> Result<()> {
    sqlx::query!(
        r#"
        with nameless as materialized (
            select id, shard_fence(((id >> 10) & 8191)::int) from unnest($1::bigint[]) as x (id)
        )
        update parties p set area_check_at = null from nameless where p.id = nameless.id
        "#,
        &raw(parties),
    )
    .execute(conn)
    .await?;
    Ok(())
}

fn raw(parties: &[Id<Party>]) -> Vec<i64> {
    parties.iter().map(|party| party.raw()).collect()
}
