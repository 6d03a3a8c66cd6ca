//! The comparison of the books: which days are done and what differed (main), and what the ledgers say (party databases).

use sqlx::PgConnection;
use sqlx::types::Json;
use time::Date;

use crate::domain::Time;
use crate::domain::books::{Account, Difference};
use crate::domain::error::Result;
use crate::domain::money::Krw;

/// Makes sure that every day up to `last` is compared some time; the first day of all is `last` itself.
pub async fn plan(conn: &mut PgConnection, last: Date, now: Time) -> Result<()> {
    sqlx::query!(
        r#"
        insert into books_days (day, next_at)
        select day::date, $2
        from generate_series(coalesce((select max(day) + 1 from books_days), $1)::timestamp, $1::timestamp, '1 day') day
        on conflict do nothing
        "#,
        last,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The earliest day that is due, which is ours until `until`.
pub async fn lease(conn: &mut PgConnection, now: Time, until: Time) -> Result<Option<Date>> {
    let day = sqlx::query_scalar!(
        r#"
        update books_days set leased_until = $2
        where day = (
            select day from books_days
            where next_at <= $1 and (leased_until is null or leased_until <= $1)
            order by day limit 1 for update skip locked
        )
        returning day
        "#,
        now,
        until,
    );
    Ok(day.fetch_optional(conn).await?)
}

/// The day was compared; `next_at` says when it is to be compared again.
pub async fn compared(
    conn: &mut PgConnection,
    day: Date,
    waiting: usize,
    now: Time,
    next_at: Option<Time>,
) -> Result<()> {
    sqlx::query!(
        r#"
        insert into books_days (day, next_at, compared_at, waiting) values ($1, $2, $3, $4)
        on conflict (day) do update
        set next_at = excluded.next_at, compared_at = excluded.compared_at, waiting = excluded.waiting, leased_until = null
        "#,
        day,
        next_at,
        now,
        i32::try_from(waiting).unwrap_or(i32::MAX),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Keeps a difference; true if it was not known, or is another by now. What an operator has accepted stays accepted.
pub async fn keep(conn: &mut PgConnection, day: Date, order: &str, found: &Difference, now: Time) -> Result<bool> {
    let kept = sqlx::query_scalar!(
        r#"
        insert into books_differences as b
            (day, provider_order_id, what, transaction_key, ours_krw, theirs_krw, found_at)
        values ($1, $2, $3, $4, $5, $6, $7)
        on conflict (provider_order_id, what, transaction_key) do update
        set ours_krw = excluded.ours_krw, theirs_krw = excluded.theirs_krw, found_at = excluded.found_at, settled_at = null, note = null
        where b.ours_krw <> excluded.ours_krw or b.theirs_krw <> excluded.theirs_krw
            or b.settled_at is not null and b.note is null
        returning id
        "#,
        day,
        order,
        found.what.word(),
        found.transaction_key,
        found.ours_krw.get(),
        found.theirs_krw.get(),
        now,
    );
    Ok(kept.fetch_optional(conn).await?.is_some())
}

/// What was found of these orders before and is not there any more is settled.
pub async fn settle(
    conn: &mut PgConnection,
    orders: &[String],
    still: &[(String, Difference)],
    now: Time,
) -> Result<u64> {
    let column = |of: fn(&(String, Difference)) -> String| still.iter().map(of).collect::<Vec<String>>();
    let (order, what) = (column(|found| found.0.clone()), column(|found| found.1.what.word().to_owned()));
    let key = column(|found| found.1.transaction_key.clone());
    let settled = sqlx::query!(
        r#"
        update books_differences set settled_at = $1
        where settled_at is null and provider_order_id = any($2)
            and (provider_order_id, what, transaction_key)
                not in (select o, w, k from unnest($3::text[], $4::text[], $5::text[]) as still (o, w, k))
        "#,
        now,
        orders,
        &order,
        &what,
        &key,
    );
    Ok(settled.execute(conn).await?.rows_affected())
}

/// A difference that nobody has settled.
pub struct Open {
    pub id: i64,
    pub day: Date,
    pub provider_order_id: String,
    pub what: String,
    pub transaction_key: String,
    pub ours_krw: i64,
    pub theirs_krw: i64,
}

pub async fn open(conn: &mut PgConnection) -> Result<Vec<Open>> {
    let rows = sqlx::query_as!(
        Open,
        "select id, day, provider_order_id, what, transaction_key, ours_krw, theirs_krw
         from books_differences where settled_at is null order by id",
    );
    Ok(rows.fetch_all(conn).await?)
}

pub async fn count_open(conn: &mut PgConnection) -> Result<i64> {
    let count = sqlx::query_scalar!(r#"select count(*) as "count!" from books_differences where settled_at is null"#);
    Ok(count.fetch_one(conn).await?)
}

/// An operator has looked at a difference and accepts it; false if there is no such one.
pub async fn accept(conn: &mut PgConnection, id: i64, note: &str, now: Time) -> Result<bool> {
    let accepted = sqlx::query!(
        "update books_differences set settled_at = $2, note = $3 where id = $1 and settled_at is null",
        id,
        now,
        note,
    );
    Ok(accepted.execute(conn).await?.rows_affected() == 1)
}

/// One payment by our books.
#[derive(Debug)]
pub struct Booked {
    pub id: i64,
    pub attempt: i16,
    /// Something about it is under way, so that its books may change any moment.
    pub under_way: bool,
    pub account: Account,
}

/// The payments of which the ledger says that the provider did something between two moments.
pub async fn moved_between(conn: &mut PgConnection, from: Time, to: Time) -> Result<Vec<i64>> {
    let ids = sqlx::query_scalar!(
        r#"
        select distinct coalesce(r.payment_id, l.source_id) as "id!"
        from ledger l left join refunds r on r.id = l.source_id
        where l.account = 'provider' and l.created_at >= $1 and l.created_at < $2
            and exists (select from shard_owner o where o.shard = (l.party_id >> 10) & 8191 and o.state = 'active')
        "#,
        from,
        to,
    );
    Ok(ids.fetch_all(conn).await?)
}

/// Those of the payments that live here.
pub async fn booked(conn: &mut PgConnection, ids: &[i64]) -> Result<Vec<Booked>> {
    let rows = sqlx::query!(
        r#"
        select p.id, p.attempt,
            p.state = 'confirming' or exists (
                select from refunds r where r.payment_id = p.id and r.state in ('sending', 'unknown')
            ) as "under_way!",
            coalesce((
                select sum(l.amount_krw)::bigint from ledger l
                where l.source_id = p.id and l.kind = 'capture' and l.account = 'provider'
            ), 0) as "captured_krw!",
            coalesce((
                select json_agg(json_build_array(coalesce(r.transaction_key, r.id::text), -l.amount_krw))
                from refunds r join ledger l on l.source_id = r.id and l.account = 'provider'
                where r.party_id = p.party_id and r.payment_id = p.id
            ), '[]') as "refunds!: Json<Vec<(String, i64)>>"
        from payments p
        where p.id = any($1)
            and exists (select from shard_owner o where o.shard = (p.id >> 10) & 8191 and o.state = 'active')
        "#,
        ids,
    );
    let booked = rows.fetch_all(conn).await?.into_iter().map(|row| {
        let refunds = row.refunds.0.into_iter().map(|(key, amount)| (key, Krw::new(amount))).collect();
        let account = Account { captured_krw: Krw::new(row.captured_krw), refunds };
        Booked { id: row.id, attempt: row.attempt, under_way: row.under_way, account }
    });
    Ok(booked.collect())
}
