//! Operators: what they see and decide through HTTP, that nobody else does, and that all of it is written down.

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use nbbang::app::operators::{self, By};
use nbbang::domain::id::Id;

use crate::operations::all;
use crate::person::{Answer, Person, draft, food, id};
use crate::table::Table;
use crate::world::{World, world};

impl World {
    pub async fn operator(&self, name: &str) -> Person {
        let person = self.person(name).await;
        operators::add(&self.app, By::Command, Id::parse(&person.id).unwrap()).await.unwrap();
        person
    }

    /// Who did what to what, and what came of it, in order.
    pub async fn acts(&self) -> Vec<(Option<i64>, String, i64, Value, Option<String>)> {
        let mut main = PgConnection::connect(&self.urls.main).await.unwrap();
        sqlx::query_as("select operator_id, act, subject_id, body, outcome from operator_acts order by id")
            .fetch_all(&mut main)
            .await
            .unwrap()
    }
}

#[track_caller]
fn raw(id: &str) -> i64 {
    id.parse().unwrap()
}

async fn arrived(world: &World, name: &str) -> Table {
    let table = Table::paid(world, name).await;
    table.host.does(&table.party, "lock").await.expect(200);
    table.host.places(&table.party, 22_000).await.expect(200);
    table.host.does(&table.party, "arrival").await.expect(200);
    table
}

#[tokio::test]
async fn nobody_but_an_operator_finds_anything() {
    world(|world| async move {
        let mina = world.person("mina").await;
        for operation in all().1.iter().filter(|operation| operation.path.starts_with("/v1/admin/")) {
            let address = operation.with_id(&mina.id);
            let answer = Answer::of(operation.request(&world, Some(&mina), &address).send().await.unwrap()).await;
            assert_eq!(answer.code(404), "not_found", "{}", operation.id);
            if operation.body.is_some() {
                let bad = operation.without_body(&world, Some(&mina), &address).body("{");
                let answer = Answer::of(bad.send().await.unwrap()).await;
                assert_eq!(answer.code(404), "not_found", "{}: not even what a body has to be", operation.id);
            }
            let answer = Answer::of(operation.request(&world, None, &address).send().await.unwrap()).await;
            assert_eq!(answer.code(401), "unauthenticated", "{}", operation.id);
        }
        assert!(world.acts().await.is_empty());

        let olga = world.operator("olga").await;
        assert_eq!(olga.get("/v1/admin/reports").await.expect(200), json!({"items": []}));
        operators::remove(&world.app, By::Command, Id::parse(&olga.id).unwrap()).await.unwrap();
        assert_eq!(olga.get("/v1/admin/reports").await.code(404), "not_found");
        let acts: Vec<_> = world.acts().await.into_iter().map(|(by, act, ..)| (by, act)).collect();
        assert_eq!(acts, [(None, "operator_added".to_owned()), (None, "operator_removed".to_owned())]);
    })
    .await;
}

#[tokio::test]
async fn a_dispute_and_a_payout_are_decided() {
    world(|world| async move {
        let olga = world.operator("olga").await;
        let table = arrived(&world, "juno").await;
        let complaint = json!({"kind": "item_missing", "note": "콜라가 없어요", "amount_krw": 2_000});
        table.guest.put(&format!("/v1/orders/{}/dispute", table.order), complaint).await.expect(200);
        let waiting = olga.get("/v1/admin/disputes").await.expect(200)["items"][0].clone();
        assert_eq!((&waiting["order_id"], &waiting["frozen_krw"]), (&json!(table.order), &json!(10_000)));
        let decision = format!("/v1/admin/disputes/{}/decision", id(&waiting));
        for (body, pointer) in [
            (json!({"outcome": "upheld", "note": "x"}), "/refund_krw"),
            (json!({"outcome": "upheld", "refund_krw": 0, "note": "x"}), "/refund_krw"),
            (json!({"outcome": "upheld", "refund_krw": 10_001, "note": "x"}), "/refund_krw"),
            (json!({"outcome": "dismissed", "refund_krw": 1, "note": "x"}), "/refund_krw"),
            (json!({"outcome": "upheld", "refund_krw": 1, "note": ""}), "/note"),
        ] {
            let answer = olga.put(&decision, body.clone()).await;
            assert_eq!(answer.body["fields"][0]["pointer"], pointer, "{body}: {}", answer.text);
        }
        let body = json!({"outcome": "upheld", "refund_krw": 2_000, "note": "콜라 값"});
        for _ in 0..2 {
            let decided = olga.put(&decision, body.clone()).await.expect(200);
            assert_eq!((&decided["state"], &decided["refund_krw"]), (&json!("decided"), &json!(2_000)));
        }
        let other = json!({"outcome": "dismissed", "note": "x"});
        assert_eq!(olga.put(&decision, other).await.code(409), "wrong_state");
        assert_eq!(olga.get("/v1/admin/disputes").await.expect(200), json!({"items": []}));

        table.guest.put(&format!("/v1/orders/{}/pickup", table.order), Value::Null).await.expect(200);
        let payout = olga.get("/v1/admin/payouts").await.expect(200)["items"][0].clone();
        assert_eq!((&payout["host_id"], &payout["amount_krw"]), (&json!(table.host.id), &json!(8_000)));
        let decision = format!("/v1/admin/payouts/{}/decision", id(&payout));
        let paid = |amount: i64| json!({"outcome": "paid", "amount_krw": amount, "note": "KB 1"});
        assert_eq!(olga.put(&decision, paid(8_000)).await.code(409), "too_early");
        world.pass(86_401).await;
        assert_eq!(olga.put(&decision, paid(8_001)).await.code(422), "amount_mismatch");
        for _ in 0..2 {
            assert!(olga.put(&decision, paid(8_000)).await.expect(200)["paid_at"].is_string());
        }
        assert_eq!(olga.get("/v1/admin/payouts").await.expect(200), json!({"items": []}));
        assert_eq!(table.account("bank").await, -8_000);

        let acts = world.acts().await;
        assert!(acts.iter().skip(1).all(|(by, ..)| *by == Some(raw(&olga.id))), "{acts:?}");
        let decided =
            acts.iter().find(|(_, act, _, _, outcome)| act == "dispute_decided" && outcome.as_deref() == Some("done"));
        let (_, _, subject, body, _) = decided.unwrap();
        assert_eq!((*subject, body), (raw(&table.order), &json!({"refund_krw": 2_000})), "no words of anybody");
        let outcomes: Vec<_> = acts
            .iter()
            .filter(|(_, act, ..)| act == "payout_paid")
            .map(|(.., outcome)| outcome.as_deref().unwrap())
            .collect();
        assert_eq!(outcomes, ["too_early", "amount_mismatch", "done", "done"]);
    })
    .await;
}

#[tokio::test]
async fn lists_come_in_pages_across_databases() {
    world(|world| async move {
        let olga = world.operator("olga").await;
        let mut expected = Vec::new();
        for n in 0..5 {
            let table = arrived(&world, &format!("guest{n}")).await;
            table
                .guest
                .put(&format!("/v1/orders/{}/dispute", table.order), json!({"kind": "quality"}))
                .await
                .expect(200);
            expected.push(table.order);
        }
        let (mut seen, mut path) = (Vec::new(), "/v1/admin/disputes?limit=2".to_owned());
        loop {
            let page = olga.get(&path).await.expect(200);
            seen.extend(
                page["items"].as_array().unwrap().iter().map(|item| item["order_id"].as_str().unwrap().to_owned()),
            );
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            assert_eq!(olga.get(&format!("/v1/admin/payouts?cursor={cursor}")).await.code(422), "invalid_cursor");
            path = format!("/v1/admin/disputes?limit=2&cursor={cursor}");
        }
        assert_eq!(seen, expected);
    })
    .await;
}

#[tokio::test]
async fn a_party_is_ended_by_an_operator() {
    world(|world| async move {
        let olga = world.operator("olga").await;
        let table = Table::paid(&world, "juno").await;
        for _ in 0..2 {
            let ended =
                olga.put(&format!("/v1/admin/parties/{}/cancellation", table.party), Value::Null).await.expect(200);
            assert_eq!((&ended["state"], ended.get("pickup")), (&json!("cancelled"), None));
        }
        assert_eq!(table.host.room(&table.party).await["cancel_reason"], "operator");
        world.pass(2).await;
        assert_eq!(table.seat().await, ("cancelled".to_owned(), 10_000, 10_000));
        assert_eq!(olga.put("/v1/admin/parties/1/cancellation", Value::Null).await.code(404), "not_found");
    })
    .await;
}

#[tokio::test]
async fn a_suspended_user_stays_out_until_he_is_let_in() {
    world(|world| async move {
        let (olga, mina) = (world.operator("olga").await, world.person("mina").await);
        let session = json!({"handle": "sena"});
        let signed_in =
            world.client.post(format!("{}/v1/dev/sessions", world.base)).json(&session).send().await.unwrap();
        let sena = Answer::of(signed_in).await.expect(200);
        let suspension = |user: &str| format!("/v1/admin/users/{user}/suspension");
        let note = json!({"note": "사기"});
        olga.put(&suspension(&mina.id), note.clone()).await.expect(200);
        olga.put(&suspension(sena["user"]["id"].as_str().unwrap()), note.clone()).await.expect(200);
        assert_eq!(olga.put(&suspension("1"), note).await.code(404), "not_found");
        assert_eq!(mina.get("/v1/me").await.code(403), "suspended");
        assert_eq!(mina.post("/v1/parties", draft(&json!({}))).await.code(403), "suspended");
        let post = async |path: &str, body: Value| {
            Answer::of(world.client.post(format!("{}{path}", world.base)).json(&body).send().await.unwrap()).await
        };
        assert_eq!(post("/v1/dev/sessions", session.clone()).await.code(403), "suspended");
        let refresh = json!({"refresh_token": sena["refresh_token"]});
        assert_eq!(post("/v1/sessions/refresh", refresh.clone()).await.code(403), "suspended");

        olga.delete(&suspension(&mina.id)).await.expect(204);
        olga.delete(&suspension(sena["user"]["id"].as_str().unwrap())).await.expect(204);
        mina.get("/v1/me").await.expect(200);
        post("/v1/sessions/refresh", refresh).await.expect(200);
        let party = mina.opens(draft(&json!({}))).await;
        world.person("juno").await.joins(&party, food(8_000)).await.expect(201);
    })
    .await;
}

/// Another process hears of it without being told.
#[tokio::test]
async fn who_is_kept_out_is_kept_out_of_every_process() {
    world(|world| async move {
        let (olga, mina, juno) = (world.operator("olga").await, world.person("mina").await, world.person("juno").await);
        let other = crate::server::Server::start(&world, "", false).await;
        let there = async |token: &str| {
            let request = world.client.get(format!("{}/v1/me", other.base)).bearer_auth(token);
            Answer::of(request.send().await.unwrap()).await.status
        };
        let until = async |token: &str, status: u16| {
            let seen = async {
                while there(token).await != status {
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            };
            tokio::time::timeout(std::time::Duration::from_mins(1), seen).await.unwrap();
        };
        assert_eq!((there(&mina.token).await, there(&juno.token).await), (200, 200));
        olga.put(&format!("/v1/admin/users/{}/suspension", mina.id), json!({"note": "x"})).await.expect(200);
        juno.delete("/v1/sessions/current").await.expect(204);
        assert_eq!(juno.get("/v1/me").await.code(401), "unauthenticated", "at once where it was said");
        until(&mina.token, 403).await;
        until(&juno.token, 401).await;
        olga.delete(&format!("/v1/admin/users/{}/suspension", mina.id)).await.expect(204);
        until(&mina.token, 200).await;
    })
    .await;
}
