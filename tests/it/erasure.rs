//! Going for good: what is left of a user, what keeps him, and what a crash or a provider holds up.

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::person::{Person, draft, food, id, transfer_draft};
use crate::table::Table;
use crate::world::{World, one, world};

impl World {
    async fn is_gone(&self, person: &Person) {
        self.settle().await;
        let mut main = PgConnection::connect(&self.urls.main).await.unwrap();
        let user: i64 = person.id.parse().unwrap();
        let tables = ["identities", "sessions", "blocks", "creations", "operators", "my_parties", "host_copies"];
        for table in tables.into_iter().chain(["location_uses", "devices", "preferences", "pushes"]) {
            let left: i64 =
                sqlx::query_scalar(sqlx::AssertSqlSafe(format!("select count(*) from {table} where user_id = $1")))
                    .bind(user)
                    .fetch_one(&mut main)
                    .await
                    .unwrap();
            assert_eq!(left, 0, "{table}");
        }
        let invited: i64 = sqlx::query_scalar("select count(*) from invitations where created_by = $1")
            .bind(user)
            .fetch_one(&mut main)
            .await
            .unwrap();
        assert_eq!(invited, 0);
        let (nickname, erased): (String, bool) =
            sqlx::query_as("select nickname, erased_at is not null from users where id = $1")
                .bind(user)
                .fetch_one(&mut main)
                .await
                .unwrap();
        assert_eq!((nickname.as_str(), erased), ("탈퇴한 이웃", true));
        assert_eq!(one(&mut main, "select count(*) from erasures where next_at is not null").await, 0, "all is done");
        for url in &self.urls.parties {
            let mut party = PgConnection::connect(url).await.unwrap();
            let shown: i64 = sqlx::query_scalar(
                "select count(*) from parties where host_id = $1 and (host_nickname <> '탈퇴한 이웃' or sealed_account is not null)",
            )
            .bind(user)
            .fetch_one(&mut party)
            .await
            .unwrap();
            assert_eq!(shown, 0, "a party still shows its host");
        }
    }
}

#[tokio::test]
async fn who_goes_leaves_what_is_open_and_nothing_of_him_but_numbers() {
    world(|world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let hosted = mina.opens(transfer_draft(&json!({}))).await;
        juno.put(&format!("/v1/me/blocks/{}", world.person("rude").await.id), Value::Null).await.expect(204);
        let joined = juno.opens(draft(&json!({}))).await;
        let order = mina.joins_and_pays(&joined, food(8_000)).await;
        let first = mina.delete("/v1/me").await;
        first.expect(204);
        mina.delete("/v1/me").await.expect(204);
        assert_eq!(mina.get("/v1/me").await.code(401), "unauthenticated");
        world.pass(2).await;
        world.is_gone(&mina).await;
        let seen = juno.get(&format!("/v1/parties/{hosted}")).await.expect(200);
        assert_eq!((&seen["state"], &seen["host"]["nickname"]), (&json!("cancelled"), &json!("탈퇴한 이웃")));
        assert_eq!(juno.get(&format!("/v1/users/{}", mina.id)).await.code(404), "not_found");
        let room = juno.room(&joined).await;
        assert!(!room["orders"].as_array().unwrap().iter().any(|other| id(other) == order), "{room}");

        let again = world.person("mina").await;
        assert_ne!(again.id, mina.id, "somebody new");
        again.opens(draft(&json!({}))).await;
    })
    .await;
}

#[tokio::test]
async fn nobody_goes_between_lock_and_payout() {
    world(|world| async move {
        let table = Table::paid(&world, "juno").await;
        table.host.does(&table.party, "lock").await.expect(200);
        let stays = async |state: &str| {
            for person in [&table.host, &table.guest] {
                let refused = person.delete("/v1/me").await;
                assert_eq!((refused.status, &refused.body["state"]), (409, &json!(state)), "{}", refused.text);
                assert_eq!(refused.code(409), "active_party");
                person.get("/v1/me").await.expect(200);
            }
        };
        stays("locked").await;
        table.host.places(&table.party, 22_000).await.expect(200);
        stays("placed").await;
        table.host.does(&table.party, "arrival").await.expect(200);
        stays("arrived").await;
        table.guest.put(&format!("/v1/orders/{}/pickup", table.order), Value::Null).await.expect(200);
        assert_eq!(table.host.delete("/v1/me").await.code(409), "active_party", "he is owed money");
        let complaint = json!({"kind": "quality"});
        table.guest.put(&format!("/v1/orders/{}/dispute", table.order), complaint).await.expect(200);
        stays("completed").await;

        let olga = world.operator("olga").await;
        let dispute = id(&olga.get("/v1/admin/disputes").await.expect(200)["items"][0]);
        let dismissed = json!({"outcome": "dismissed", "note": "x"});
        olga.put(&format!("/v1/admin/disputes/{dispute}/decision"), dismissed).await.expect(200);
        table.guest.delete("/v1/me").await.expect(204);
        world.is_gone(&table.guest).await;
        world.pass(86_401).await;
        let payout = olga.get("/v1/admin/payouts").await.expect(200)["items"][0].clone();
        let paid = json!({"outcome": "paid", "amount_krw": payout["amount_krw"], "note": "KB 1"});
        olga.put(&format!("/v1/admin/payouts/{}/decision", id(&payout)), paid).await.expect(200);
        table.host.delete("/v1/me").await.expect(204);
        world.is_gone(&table.host).await;
    })
    .await;
}

#[tokio::test]
async fn a_suspended_user_cannot_go() {
    world(|world| async move {
        let (olga, mina) = (world.operator("olga").await, world.person("mina").await);
        olga.put(&format!("/v1/admin/users/{}/suspension", mina.id), json!({"note": "x"})).await.expect(200);
        assert_eq!(mina.delete("/v1/me").await.code(403), "suspended");
        let juno = world.person("juno").await;
        juno.delete("/v1/sessions/current").await.expect(204);
        assert_eq!(juno.delete("/v1/me").await.code(401), "unauthenticated", "nor does one who has signed out");
    })
    .await;
}

#[cfg(feature = "stop-points")]
#[tokio::test]
async fn going_survives_a_crash_between_any_two_steps() {
    world(|world| async move {
        let juno = world.person("juno").await;
        for stop_point in ["erase.asked", "erase.left", "erase.erased"] {
            let mina = world.person(&stop_point.replace('.', "-")).await;
            let deadline = (world.app.clock.now() + time::Duration::hours(2))
                .format(&time::format_description::well_known::Rfc3339)
                .unwrap();
            let party = mina.opens(draft(&json!({"deadline_at": deadline}))).await;
            let order = juno.joins_and_pays(&party, food(8_000)).await;
            let server = crate::server::Server::start(&world, &format!("{stop_point}=return"), false).await;
            let request = world.client.delete(format!("{}/v1/me", server.base)).bearer_auth(&mina.token);
            assert!(request.send().await.is_err(), "{stop_point}");
            assert!(!server.dies().await.success(), "{stop_point}");
            if stop_point == "erase.asked" {
                assert_eq!(mina.post("/v1/parties", draft(&json!({}))).await.status, 401, "he begins nothing new");
            }
            world.pass(61).await;
            world.pass(61).await;
            world.is_gone(&mina).await;
            assert_eq!(juno.order(&order).await["state"], "cancelled", "{stop_point}");
        }
    })
    .await;
}

#[tokio::test]
async fn one_gets_all_that_is_held_of_him_and_nothing_of_others() {
    world(|world| async move {
        let (mina, juno, rude) = (world.person("mina").await, world.person("juno").await, world.person("rude").await);
        let party = mina.opens(transfer_draft(&json!({}))).await;
        let food = json!([{"name": "비밀", "unit_price_krw": 8_000, "quantity": 1}]);
        let order = id(&juno.joins(&party, food).await.expect(201));
        mina.put(&format!("/v1/me/blocks/{}", rude.id), Value::Null).await.expect(204);
        let told = json!({"subject_type": "user", "subject_id": juno.id, "reason": "spam", "note": "광고"});
        mina.post("/v1/reports", told).await.expect(201);
        let export = mina.get("/v1/me/export").await;
        assert!(!export.text.contains("비밀"), "another's food: {}", export.text);
        let export = export.expect(200);
        assert_eq!(export["me"]["id"], mina.id.as_str());
        assert_eq!(export["identities"][0]["subject"], "mina");
        assert_eq!(export["blocked_user_ids"], json!([rude.id]));
        assert_eq!(export["reports"][0]["note"], "광고");
        assert_eq!(export["hosted"][0]["pickup"]["memo"], "편의점 앞");
        assert_eq!(export["hosted"][0]["transfer_account"]["number"], "3333-01-1234567");
        assert_eq!(export["orders"].as_array().unwrap().len(), 1);
        let his = juno.get("/v1/me/export").await;
        assert!(!his.text.contains("3333-01-1234567") && !his.text.contains("광고"), "{}", his.text);
        assert_eq!(id(&his.expect(200)["orders"][0]), order);
        assert_eq!(rude.get("/v1/me/export").await.expect(200)["hosted"], json!([]));
    })
    .await;
}
