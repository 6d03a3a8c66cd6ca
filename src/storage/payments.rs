//! Payments and refunds that wait for the provider, and its hints.

use sqlx::PgConnection;
use time::Duration;

use crate::domain::Time;
use crate::domain::error::Result;
use crate::domain::id::Id;
use crate::domain::party::Party;
use crate::domain::payment::Payment;

/// Payments that the provider is to be asked about. Each is ours for `lease`; another worker does not get it meanwhile.
pub async fn lease_due(
    conn: &mut PgConnection,
    now: Time,
    lease: Duration,
    limit: i64,
) -> Result<Vec<(Id<Party>, Id<Payment>)>> {
    let rows = sqlx::query!(
        r#"
        with due as materialized (
            select id from payments
            where check_at <= $1
                and exists (select from shard_owner o where o.shard = (id >> 10) & 8191 and o.state = 'active')
            order by check_at limit $3 for update skip locked
        ),
        fenced as materialized (select id, shard_fence(((id >> 10) & 8191)::int) from due)
        update payments p set check_at = $2 from fenced where p.id = fenced.id
        returning p.party_id, p.id
        "#,
        now,
        now + lease,
        limit,
    );
    let rows = rows.fetch_all(conn).await?.into_iter();
    Ok(rows.map(|row| (Id::from_raw(row.party_id), Id::from_raw(row.id))).collect())
}

/// Payments with a refund to send.
pub async fn refunds_due(conn: &mut PgConnection, now: Time, limit: i64) -> Result<Vec<(Id<Party>, Id<Payment>)>> {
    let rows = sqlx::query!(
        r#"
        select distinct party_id, payment_id from (
            select party_id, payment_id from refunds
            where send_at <= $1
                and exists (select from shard_owner o where o.shard = (party_id >> 10) & 8191 and o.state = 'active')
            order by send_at limit $2
        ) due
        "#,
        now,
        limit,
    );
    let rows = rows.fetch_all(conn).await?.into_iter();
    Ok(rows.map(|row| (Id::from_raw(row.party_id), Id::from_raw(row.payment_id))).collect())
}

/// Keeps a hint of the provider once; a payment that we do not have is none of our business.
pub async fn insert_webhook(
    conn: &mut PgConnection,
    payment: Id<Payment>,
    attempt: i16,
    transmission: &str,
    now: Time,
) -> Result<bool> {
    let known = sqlx::query_scalar!(
        r#"
        with fence as materialized (select shard_fence($4)),
        -- A join would not ask the fence where there is no payment any more.
        known as materialized (select (select id from payments where id = $1) as id from fence),
        kept as (
            insert into webhooks (payment_id, transmission_id, attempt, received_at)
            select id, $2, $5, $3 from known where id is not null
            on conflict do nothing
        )
        select id is not null as "known!" from known
        "#,
        payment.raw(),
        transmission,
        now,
        i32::from(payment.shard().number()),
        attempt,
    );
    Ok(known.fetch_one(conn).await?)
}

/// What hints are about that nobody has followed up.
#[derive(Clone, Copy)]
pub struct Hinted {
    pub party: Id<Party>,
    pub payment: Id<Payment>,
    pub attempt: i16,
}

/// Attempts with hints that nobody has followed up.
pub async fn hinted(conn: &mut PgConnection, limit: i64) -> Result<Vec<Hinted>> {
    let rows = sqlx::query!(
        r#"
        select distinct p.party_id, p.id, hint.attempt from (
            select payment_id, attempt from webhooks
            where handled_at is null
                and exists (select from shard_owner o where o.shard = (payment_id >> 10) & 8191 and o.state = 'active')
            order by received_at limit $1
        ) hint join payments p on p.id = hint.payment_id
        "#,
        limit,
    );
    let rows = rows.fetch_all(conn).await?.into_iter();
    Ok(rows
        .map(|row| Hinted { party: Id::from_raw(row.party_id), payment: Id::from_raw(row.id), attempt: row.attempt })
        .collect())
}

/// The hints that came before the provider was asked have been followed up.
pub async fn hints_handled(conn: &mut PgConnection, hinted: Hinted, asked_at: Time, now: Time) -> Result<()> {
    sqlx::query!(
        r#"
        with fence as materialized (select $1::bigint as payment from shard_fence($4))
        update webhooks w set handled_at = $3 from fence
        where w.payment_id = fence.payment and w.attempt = $5 and w.received_at <= $2 and w.handled_at is null
        "#,
        hinted.payment.raw(),
        asked_at,
        now,
        i32::from(hinted.payment.shard().number()),
        hinted.attempt,
    )
    .execute(conn)
    .await?;
    Ok(())
}
