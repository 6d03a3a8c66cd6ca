//! Trust: what people do becomes a number that can be computed again.

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::person::{Person, draft, food, id, transfer_draft};
use crate::table::Table;
use crate::world::{World, one, world};

impl World {
    async fn trust(&self, person: &Person) -> i64 {
        self.settle().await;
        let mut main = PgConnection::connect(&self.urls.main).await.unwrap();
        assert_eq!(one(&mut main, "select count(*) from users where trust <> trust_of(id)").await, 0);
        person.get("/v1/me").await.expect(200)["trust"].as_i64().unwrap()
    }
}

async fn completed(world: &World, name: &str) -> Table {
    let table = Table::paid(world, name).await;
    table.host.does(&table.party, "lock").await.expect(200);
    table.host.places(&table.party, 22_000).await.expect(200);
    table.host.does(&table.party, "arrival").await.expect(200);
    table.guest.put(&format!("/v1/orders/{}/pickup", table.order), Value::Null).await.expect(200);
    table
}

#[tokio::test]
async fn a_completed_party_counts_for_all_who_came_and_twice_a_day_at_most() {
    world(|world| async move {
        for expected in [51, 52, 52] {
            let table = completed(&world, "juno").await;
            assert_eq!(world.trust(&table.host).await, expected);
            assert_eq!(world.trust(&table.guest).await, expected);
            table.guest.put(&format!("/v1/orders/{}/dispute", table.order), json!({"kind": "other"})).await.expect(200);
            assert_eq!(world.trust(&table.guest).await, expected, "more news of it does not count again");
        }
        world.pass(86_400).await;
        let table = completed(&world, "juno").await;
        assert_eq!(world.trust(&table.guest).await, 53, "another day");
    })
    .await;
}

#[tokio::test]
async fn who_does_not_come_is_struck_unless_he_did_come() {
    world(|world| async move {
        for (name, came) in [("late", true), ("gone", false)] {
            let (host, sena) = (world.person(&format!("{name}-host")).await, world.person("sena").await);
            let deadline = (world.app.clock.now() + time::Duration::hours(2))
                .format(&time::format_description::well_known::Rfc3339)
                .unwrap();
            let party = host.opens(draft(&json!({"deadline_at": deadline}))).await;
            let guest = world.person(name).await;
            let order = guest.joins_and_pays(&party, food(8_000)).await;
            sena.joins_and_pays(&party, food(8_000)).await;
            host.does(&party, "lock").await.expect(200);
            host.places(&party, 30_000).await.expect(200);
            host.does(&party, "arrival").await.expect(200);
            world.pass(1_800).await;
            host.put(&format!("/v1/orders/{order}/no-show"), Value::Null).await.expect(200);
            assert_eq!(world.trust(&guest).await, 50, "not before the party is over");
            if came {
                guest.put(&format!("/v1/orders/{order}/pickup"), Value::Null).await.expect(200);
            }
            world.pass(86_401).await;
            assert_eq!(host.room(&party).await["state"], "completed");
            assert_eq!(world.trust(&guest).await, if came { 51 } else { 40 });
        }
    })
    .await;
}

#[tokio::test]
async fn a_host_who_gives_up_is_struck_and_his_next_party_shows_it() {
    world(|world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let party = mina.opens(draft(&json!({}))).await;
        juno.joins_and_pays(&party, food(8_000)).await;
        mina.does(&party, "lock").await.expect(200);
        mina.cancels(&party, "host").await.expect(200);
        // Opened before the news of the first one got about.
        let next = mina.opens(draft(&json!({}))).await;
        assert_eq!(juno.get(&format!("/v1/parties/{next}")).await.expect(200)["host"]["trust"], 50);
        assert_eq!(world.trust(&mina).await, 35);
        let seen = juno.get(&format!("/v1/parties/{next}")).await.expect(200);
        assert_eq!((&seen["host"]["trust"], &seen["version"]), (&json!(35), &json!(1)), "without a new version");
        assert_eq!(juno.get(&format!("/v1/users/{}", mina.id)).await.expect(200)["trust"], 35);

        for expected in [36, 37] {
            world.pass(7 * 86_400 + 1).await;
            assert_eq!(world.trust(&mina).await, expected, "a week back");
            assert_eq!(world.trust(&mina).await, expected, "one step");
        }
    })
    .await;
}

#[tokio::test]
async fn prompt_transfers_count_for_both_and_slow_ones_for_nobody() {
    world(|world| async move {
        for (name, slow_to_send, slow_to_receive, guest_has, host_has) in
            [("prompt", 0, 0, 51, 51), ("slowsend", 601, 0, 50, 51), ("slowreceive", 0, 601, 51, 50)]
        {
            let (host, guest) = (world.person(&format!("{name}-host")).await, world.person(name).await);
            let deadline = (world.app.clock.now() + time::Duration::hours(2))
                .format(&time::format_description::well_known::Rfc3339)
                .unwrap();
            let party = host.opens(transfer_draft(&json!({"deadline_at": deadline}))).await;
            let order = id(&guest.joins(&party, food(8_000)).await.expect(201));
            host.does(&party, "lock").await.expect(200);
            world.pass(slow_to_send).await;
            guest.put(&format!("/v1/orders/{order}/transfer"), Value::Null).await.expect(200);
            world.pass(slow_to_receive).await;
            host.put(&format!("/v1/orders/{order}/transfer/receipt"), Value::Null).await.expect(200);
            assert_eq!((world.trust(&guest).await, world.trust(&host).await), (guest_has, host_has), "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_upheld_report_strikes_once_and_entries_stay_as_they_are() {
    world(|world| async move {
        let (olga, mina) = (world.operator("olga").await, world.person("mina").await);
        for (n, expected) in [(0, 30), (1, 10), (2, 0), (3, 0)] {
            let told = json!({"subject_type": "user", "subject_id": mina.id, "reason": "fraud"});
            let report = id(&world.person(&format!("guest{n}")).await.post("/v1/reports", told).await.expect(201));
            for _ in 0..2 {
                let path = format!("/v1/admin/reports/{report}/decision");
                olga.put(&path, json!({"outcome": "upheld", "note": "x"})).await.expect(200);
            }
            assert_eq!(world.trust(&mina).await, expected);
        }
        assert_eq!(mina.post("/v1/parties", draft(&json!({}))).await.code(403), "trust_too_low");
        let mut main = PgConnection::connect(&world.urls.main).await.unwrap();
        for statement in ["update trust_entries set points = 0", "delete from trust_entries"] {
            assert!(sqlx::query(statement).execute(&mut main).await.is_err(), "{statement}");
        }
    })
    .await;
}
