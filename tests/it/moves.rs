//! A shard moves from one party database to the other while people use it: the test copies its rows and flips its owner as
//! an operator's move does, under the exclusive lock.

use std::sync::Arc;

use nbbang::app::cached;
use nbbang::domain::error::Code;
use nbbang::domain::id::Id;
use nbbang::domain::party::Party;
use serde_json::json;
use sqlx::{Connection, PgConnection};

use crate::catalogue::tables;
use crate::crowd::{at_once, joins, opens, people, somebody, waiters};
use crate::person::{draft, food, fresh_key, transfer_draft};
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
        let (open, join, terms) = (fresh_key(), fresh_key(), transfer_draft(&json!({})));
        let party = crate::person::id(&mina.post_as(&open, "/v1/parties", terms.clone()).await.expect(201));
        let (joins, items) = (format!("/v1/parties/{party}/orders"), json!({"items": food(8_000)}));
        let order = crate::person::id(&juno.post_as(&join, &joins, items.clone()).await.expect(201));
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
        // By now it could not be done again.
        world.moves_clocks(3 * 3600).await;
        for (person, path, body, key) in [(&mina, "/v1/parties".to_owned(), terms, &open), (&juno, joins, items, &join)]
        {
            let mut moving = Move::begin(&world, id).await;
            moving.finish().await;
            moving.clean_up().await;
            let again = person.post_as(key, &path, body).await;
            assert_eq!((again.status, again.header("Idempotency-Replayed")), (201, "true"), "{}", again.text);
        }
        let unknown = Id::<Party>::from_raw(world.app.ids.next(id.shard()).await.unwrap());
        assert_eq!(
            cached::party(&world.app, Id::parse(&juno.id).unwrap(), unknown, |_| unreachable!())
                .await
                .unwrap_err()
                .code,
            Code::NotFound
        );
    })
    .await;
}

#[tokio::test]
async fn commands_and_jobs_go_on_after_a_move_though_old_rows_are_left() {
    world(|world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let party = mina.opens(draft(&json!({}))).await;
        let order = juno.joins(&party, food(8_000)).await.expect(201);
        let mut moving = Move::begin(&world, Id::parse(&party).unwrap()).await;
        moving.finish().await;

        // The hint about his payment, his payment, and the clock's and the relay's work are all done in the new place.
        let hint =
            json!({"eventType": "PAYMENT_STATUS_CHANGED", "data": {"orderId": order["payment"]["provider_order_id"]}});
        let hinted = world.client.post(format!("{}/v1/webhooks/toss", world.base)).json(&hint).send().await.unwrap();
        assert_eq!(hinted.status(), 200);
        assert_eq!(one(&mut moving.from, "select count(*) from webhooks").await, 0, "nobody would follow it there");
        assert_eq!(one(&mut moving.to, "select count(*) from webhooks").await, 1);
        juno.pays(&order["payment"]).await.expect(200);
        mina.does(&party, "lock").await.expect(200);
        world.settle().await;
        world.pass(16 * 60).await;
        assert_eq!(mina.room(&party).await["cancel_reason"], "placement_timeout");
        let after = juno.order(order["id"].as_str().unwrap()).await;
        assert_eq!((&after["state"], &after["refunded_krw"]), (&json!("cancelled"), &json!(10_000)));
        let listed = juno.get("/v1/me/parties").await.expect(200);
        assert_eq!(listed["items"][0]["state"], "cancelled");
        moving.clean_up().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_race_goes_on_through_moves() {
    world(|world| async move {
        let host = somebody(&world, "host").await;
        let guests = people(&world, "guest", 60).await;
        let party = opens(&world, host, transfer_draft(&json!({"capacity": 8}))).await;
        let home = Arc::clone(&world);
        let mover = tokio::spawn(async move {
            for _ in 0..4 {
                let mut moving = Move::begin(&home, party).await;
                moving.finish().await;
                moving.clean_up().await;
                home.app.databases.load_map().await.unwrap();
            }
        });
        let starts = guests.iter().map(|guest| (Arc::clone(&world), *guest)).collect();
        let told = at_once(12, starts, move |(world, guest)| async move {
            loop {
                match joins(&world, guest, party, 8_000).await {
                    // Twice moved under one request: he is told to try again.
                    Err(error) if error.code == Code::Busy => {}
                    told => return told.map(|joined| joined.order.order.id).map_err(|error| error.code),
                }
            }
        });
        let told = told.await;
        mover.await.unwrap();
        let won: Vec<_> = told.iter().filter_map(|done| done.answer.as_ref().ok()).collect();
        assert_eq!(won.len(), 7);
        assert!(told.iter().all(|done| matches!(done.answer, Ok(_) | Err(Code::PartyFull))));
        let now = crate::crowd::party(&world, party).await;
        assert_eq!(now.seats_taken(), 8);
        assert!(won.iter().all(|order| now.order(**order).is_ok()), "no seat was lost on the way");
    })
    .await;
}
