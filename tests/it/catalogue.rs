//! What the catalogue of a migrated party database says: every table can be moved, a shard at a time.

use nbbang::domain::id::Shard;
use sqlx::PgConnection;

use crate::scratch::Scratch;

/// Columns of ids that carry their party's shard.
const WITH_SHARD: [&str; 3] = ["id", "party_id", "payment_id"];
/// Not of parties: who owns which shard, and the migrations themselves.
const STAYS: [&str; 2] = ["shard_owner", "_sqlx_migrations"];

/// A table and the columns of its primary key, in order.
pub async fn tables(db: &mut PgConnection) -> Vec<(String, Vec<String>)> {
    let tables = sqlx::query_as(
        "select c.relname::text, coalesce((
             select array_agg(a.attname::text order by k.place)
             from pg_index i
             cross join unnest(i.indkey::int2[]) with ordinality k (number, place)
             join pg_attribute a on a.attrelid = c.oid and a.attnum = k.number
             where i.indrelid = c.oid and i.indisprimary
         ), '{}')
         from pg_class c where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace
             and c.relname <> all ($1)
         order by c.relname",
    );
    tables.bind(STAYS.to_vec()).fetch_all(db).await.unwrap()
}

#[tokio::test]
async fn every_table_of_parties_has_a_key_that_begins_with_the_shard() {
    let (_scratch, databases) = Scratch::migrated(1).await;
    databases.load_map().await.unwrap();
    let pool = databases.party(Shard::of_hash(9)).unwrap();
    let tables = tables(&mut pool.acquire().await.unwrap()).await;
    let names: Vec<&str> = tables.iter().map(|(name, _)| name.as_str()).collect();
    for known in ["parties", "orders", "payments", "ledger", "outbox", "idempotency", "webhooks"] {
        assert!(names.contains(&known), "the catalogue was read: {names:?}");
    }
    for (table, key) in &tables {
        let first = key.first().map(String::as_str);
        assert!(first.is_some_and(|first| WITH_SHARD.contains(&first)), "{table} has the key {key:?}");
        let kind: String = sqlx::query_scalar(
            "select data_type::text from information_schema.columns where table_name = $1 and column_name = $2",
        )
        .bind(table)
        .bind(first)
        .fetch_one(&*pool)
        .await
        .unwrap();
        assert_eq!(kind, "bigint", "{table}");
    }
    let otherwise: Vec<String> = sqlx::query_scalar(
        "select c.relname::text from pg_class c
         where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace and c.relreplident <> 'd'",
    )
    .fetch_all(&*pool)
    .await
    .unwrap();
    assert!(otherwise.is_empty(), "rows that replication does not identify by their key: {otherwise:?}");
}

/// PostgreSQL accepts a row filter only when a table is written to: it must be of columns of the key.
#[tokio::test]
async fn a_publication_of_one_shard_lets_every_table_be_written() {
    let (_scratch, databases) = Scratch::migrated(1).await;
    databases.load_map().await.unwrap();
    let pool = databases.party(Shard::of_hash(9)).unwrap();
    let mut db = pool.acquire().await.unwrap();
    for (table, key) in tables(&mut db).await {
        let first = &key[0];
        let run = async |db: &mut PgConnection, sql: String| {
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql.clone())).execute(db).await.map_err(|error| format!("{sql}: {error}"))
        };
        let publish = format!("create publication move_{table} for table {table} where ((({first} >> 10) & 8191) = 9)");
        run(&mut db, publish).await.unwrap();
        // Whatever its constraints are: these statements touch no row, and PostgreSQL checks the filter all the same.
        for sql in [
            format!("insert into {table} select * from {table} where false"),
            format!("update {table} set {first} = {first} where false"),
            format!("delete from {table} where false"),
        ] {
            run(&mut db, sql).await.unwrap();
        }
        // And it would have told: a filter by anything else is refused.
        let other: String = sqlx::query_scalar(
            "select a.attname::text from pg_attribute a where a.attrelid = $1::regclass and a.attnum > 0
                 and not a.attisdropped and a.attname <> all ($2) order by a.attnum limit 1",
        )
        .bind(&table)
        .bind(&key)
        .fetch_one(&mut *db)
        .await
        .unwrap();
        run(&mut db, format!("drop publication move_{table}")).await.unwrap();
        run(&mut db, format!("create publication wrong_{table} for table {table} where ({other} is not null)"))
            .await
            .unwrap();
        let refusal = run(&mut db, format!("update {table} set {first} = {first} where false")).await.unwrap_err();
        assert!(refusal.contains("cannot update table"), "{refusal}");
        run(&mut db, format!("drop publication wrong_{table}")).await.unwrap();
    }
}
