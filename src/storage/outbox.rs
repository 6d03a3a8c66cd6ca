//! What has happened on a party database and has not been passed on yet.

use sqlx::PgConnection;

use crate::domain::Time;
use crate::domain::error::Result;
use crate::domain::id::Id;
use crate::domain::party::Party;

/// Parties that live here and have news, those that wait longest first.
pub async fn pending(conn: &mut PgConnection, limit: i64) -> Result<Vec<Id<Party>>> {
    let ids = sqlx::query_scalar!(
        r#"
        select distinct party_id from (
            select party_id from outbox
            where relayed_at is null
                and exists (select from shard_owner o where o.shard = (party_id >> 10) & 8191 and o.state = 'active')
            order by created_at limit $1
        ) news
        "#,
        limit,
    );
    Ok(ids.fetch_all(conn).await?.into_iter().map(Id::from_raw).collect())
}

/// Everything of each party up to its version has been passed on.
pub async fn relayed(conn: &mut PgConnection, versions: &[(Id<Party>, i64)], now: Time) -> Result<()> {
    let (parties, versions): (Vec<i64>, Vec<i64>) =
        versions.iter().map(|(party, version)| (party.raw(), *version)).unzip();
    sqlx::query!(
        r#"
        with passed_on as materialized (
            select party_id, version, shard_fence(((party_id >> 10) & 8191)::int)
            from unnest($1::bigint[], $2::bigint[]) as x (party_id, version)
        )
        update outbox o set relayed_at = $3
        from passed_on
        where o.party_id = passed_on.party_id and o.version <= passed_on.version and o.relayed_at is null
        "#,
        &parties,
        &versions,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}
