//! A shard moves from one party database to the other while people use it: the test copies its rows and flips its owner as
//! an operator's move does, under the exclusive lock.

use std::sync::Arc;

use nbbang::app::parties as using;
use nbbang::domain::error::Code;
use nbbang::domain::id::Id;
use nbbang::domain::party::Party;
use serde_json::json;
use sqlx::{Connection, PgConnection};

use crate::catalogue::tables;
use crate::crowd::{joins, opens, somebody, waiters};
use crate::person::{draft, food, transfer_draft};
use crate::world::{World, one, world};

/// Moves the shard of a party; between the exclusive lock and the flip others may begin to wait.
struct Move {
    shard: i32,
    from: PgConnection,
    to: PgConnection,
    main: PgConnection,
    /// The name of the database that it goes to.
    name: &'static str,
}

impl Move {
    async fn begin(world: &World, party: Id<Party>) -> Self {
        let home = usize::from(world.app.databases.map().home(party.shard()).unwrap());
        let mut from = PgConnection::connect(&world.urls.parties[home]).await.unwrap();
        let to = PgConnection::connect(&world.urls.parties[1 - home]).await.unwrap();
        let main = PgConnection::connect(&world.urls.main).await.unwrap();
        let shard = i32::from(party.shard().number());
        sqlx::raw_sql("begin").execute(&mut from).await.unwrap();
        sqlx::query("select pg_advisory_xact_lock(7013, $1)").bind(shard).execute(&mut from).await.unwrap();
        Self { shard, from, to, main, name: ["party_b", "party_a"][home] }
    }

    /// Copies the rows, flips the owner and says so in the map.
    async fn finish(&mut self) {
        let tables = tables(&mut self.from).await;
        sqlx::raw_sql("begin; set session_replication_role = replica").execute(&mut self.to).await.unwrap();
        for (table, key) in &tables {
            let rows = format!("select to_jsonb(t)::text from {table} t where (({} >> 10) & 8191) = $1", key[0]);
            let rows = sqlx::query_scalar(sqlx::AssertSqlSafe(rows)).bind(self.shard);
            let rows: Vec<String> = rows.fetch_all(&mut self.from).await.unwrap();
            let insert =
                format!("insert into {table} select * from jsonb_populate_recordset(null::{table}, $1::jsonb)");
            sqlx::query(sqlx::AssertSqlSafe(insert))
                .bind(format!("[{}]", rows.join(",")))
                .execute(&mut self.to)
                .await
                .unwrap();
        }
        let owns = "insert into shard_owner (shard, state, epoch) values ($1, 'active', 2)
            on conflict (shard) do update set state = 'active'";
        sqlx::query(owns).bind(self.shard).execute(&mut self.to).await.unwrap();
        sqlx::raw_sql("commit; reset session_replication_role").execute(&mut self.to).await.unwrap();
        let gone = "update shard_owner set state = 'moved', epoch = 2 where shard = $1";
        sqlx::query(gone).bind(self.shard).execute(&mut self.from).await.unwrap();
        let map = "update shard_map set database = $2 where shard = $1";
        sqlx::query(map).bind(self.shard).bind(self.name).execute(&mut self.main).await.unwrap();
        sqlx::raw_sql("update shard_map_epoch set epoch = epoch + 1").execute(&mut self.main).await.unwrap();
        sqlx::raw_sql("commit").execute(&mut self.from).await.unwrap();
    }

    /// Removes what was left behind.
    async fn clean_up(&mut self) {
        let tables = tables(&mut self.from).await;
        sqlx::raw_sql("set session_replication_role = replica").execute(&mut self.from).await.unwrap();
        for (table, key) in tables {
            let delete = format!("delete from {table} where (({} >> 10) & 8191) = $1", key[0]);
            sqlx::query(sqlx::AssertSqlSafe(delete)).bind(self.shard).execute(&mut self.from).await.unwrap();
        }
    }

    async fn left_behind(&mut self) -> i64 {
        one(&mut self.from, "select (select count(*) from parties) + (select count(*) from orders)").await
    }
}

#[tokio::test]
async fn a_join_that_waits_for_a_move_lands_where_the_party_is_then() {
    world(|world| async move {
        let (host, guest) = (somebody(&world, "host").await, somebody(&world, "guest").await);
        let party = opens(&world, host, draft(&json!({}))).await;
        let mut moving = Move::begin(&world, party).await;
        let app = Arc::clone(&world);
        let join = tokio::spawn(async move { joins(&app, guest, party, 8_000).await });
        waiters(&world, party, 1, || join.is_finished()).await;
        moving.finish().await;
        let order = join.await.unwrap().unwrap().order.order.id;
        let there = "select count(*) from orders where id = $1";
        let count = |db| sqlx::query_scalar::<_, i64>(there).bind(order.raw()).fetch_one(db);
        assert_eq!(count(&mut moving.from).await.unwrap(), 0);
        assert_eq!(count(&mut moving.to).await.unwrap(), 1);
        moving.clean_up().await;
        assert_eq!(moving.left_behind().await, 0);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_where_it_was_is_looked_for_before_it_is_called_missing() {
    world(|world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let party = mina.opens(transfer_draft(&json!({}))).await;
        let order = juno.joins(&party, food(8_000)).await.expect(201)["id"].as_str().unwrap().to_owned();
        let id: Id<Party> = Id::parse(&party).unwrap();
        for path in [
            format!("/v1/parties/{party}"),
            format!("/v1/parties/{party}/room"),
            format!("/v1/parties/{party}/quote"),
            format!("/v1/parties/{party}/ledger"),
            format!("/v1/orders/{order}"),
        ] {
            let before = juno.get(&path).await;
            // Back and forth, so that the map is always the old one.
            let mut moving = Move::begin(&world, id).await;
            moving.finish().await;
            moving.clean_up().await;
            let after = juno.get(&path).await;
            assert_eq!((after.status, after.text), (200, before.text), "{path}");
        }
        let unknown = Id::<Party>::from_raw(world.app.ids.next(id.shard()).await.unwrap());
        assert_eq!(
            using::listing(&world.app, Id::parse(&juno.id).unwrap(), unknown).await.unwrap_err().code,
            Code::NotFound
        );
    })
    .await;
}
