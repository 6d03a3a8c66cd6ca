//! Rules between people: what a host may change, who finds whom, what one's own list shows.

use serde_json::{Value, json};

use crate::person::{draft, food, transfer_draft};
use crate::world::world;

#[tokio::test]
async fn terms_are_frozen_once_a_guest_has_agreed_to_them() {
    world(|world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let party = mina.opens(transfer_draft(&json!({}))).await;
        let path = format!("/v1/parties/{party}");
        assert_eq!(mina.patch(&path, json!({"min_order_krw": 16_000})).await.expect(200)["min_order_krw"], 16_000);
        assert_eq!(juno.patch(&path, json!({"title": "내 것"})).await.code(403), "not_the_host");
        juno.joins(&party, food(8_000)).await.expect(201);
        assert_eq!(mina.patch(&path, json!({"min_order_krw": 15_000})).await.code(409), "terms_frozen");
        assert_eq!(mina.patch(&path, json!({"title": "한 자리!"})).await.expect(200)["title"], "한 자리!");
        assert_eq!(mina.patch(&path, json!({"capacity": 1})).await.code(422), "invalid");
    })
    .await;
}

#[tokio::test]
async fn people_who_keep_apart_do_not_find_each_other() {
    world(|world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let party = mina.opens(draft(&json!({}))).await;
        let search = "/v1/parties?lat=37.4981&lng=127.0276";
        assert_eq!(juno.get(search).await.expect(200)["items"][0]["id"], party);
        mina.put(&format!("/v1/me/blocks/{}", juno.id), Value::Null).await.expect(204);
        assert_eq!(juno.get(search).await.expect(200)["items"], json!([]));
        assert_eq!(juno.get(&format!("/v1/parties/{party}")).await.code(404), "not_found");
        assert_eq!(juno.get(&format!("/v1/parties/{party}/quote")).await.code(404), "not_found");
        assert_eq!(juno.joins(&party, food(8_000)).await.code(404), "not_found");
        assert_eq!(world.get(search).await.code(401), "unauthenticated");
    })
    .await;
}

#[tokio::test]
async fn a_seat_that_is_only_held_shows_no_door() {
    world(|world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let party = mina.opens(draft(&json!({}))).await;
        let order = juno.joins(&party, food(8_000)).await.expect(201);
        assert_eq!(juno.get(&format!("/v1/parties/{party}/room")).await.code(403), "not_a_member");
        assert!(juno.get(&format!("/v1/parties/{party}/quote")).await.expect(200).get("shares").is_none());
        juno.pays(&order["payment"]).await.expect(200);
        assert_eq!(juno.room(&party).await["pickup"]["memo"], "편의점 앞");
    })
    .await;
}

#[tokio::test]
async fn a_change_meant_for_another_version_is_not_made() {
    world(|world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let party = mina.opens(transfer_draft(&json!({}))).await;
        let order = juno.joins(&party, food(8_000)).await.expect(201);
        let order = format!("/v1/orders/{}", order["id"].as_str().unwrap());
        let demands = |who: &crate::person::Person, method: &str, path: &str| {
            who.request(method, path).header("If-Match", "\"v77\"").json(&json!({"reason": "host"})).send()
        };
        for path in ["lock", "arrival", "cancellation"] {
            let answer = demands(&mina, "PUT", &format!("/v1/parties/{party}/{path}")).await.unwrap();
            assert_eq!(answer.status().as_u16(), 412, "{path}");
        }
        for (method, path) in [("DELETE", ""), ("PUT", "/pickup"), ("PUT", "/transfer")] {
            let answer = demands(&juno, method, &format!("{order}{path}")).await.unwrap();
            assert_eq!(answer.status().as_u16(), 412, "{method} {path}");
        }
        assert_eq!(mina.room(&party).await["version"], 2);
    })
    .await;
}

#[tokio::test]
async fn a_confirmations_key_is_of_one_confirmation() {
    world(|world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let party = mina.opens(draft(&json!({}))).await;
        let payment = juno.joins(&party, food(8_000)).await.expect(201)["payment"].clone();
        let key = juno.authorizes(&payment, "card").await;
        let path = format!("/v1/payments/{}/confirmation", payment["id"].as_str().unwrap());
        let body = json!({"payment_key": key, "amount_krw": payment["amount_krw"]});
        for _ in 0..2 {
            assert_eq!(juno.post_as("pay-1", &path, body.clone()).await.expect(200)["state"], "paid");
        }
        let other = json!({"payment_key": "another", "amount_krw": payment["amount_krw"]});
        assert_eq!(juno.post_as("pay-1", &path, other).await.code(422), "idempotency_key_reused");
    })
    .await;
}

#[tokio::test]
async fn ones_own_list_follows_what_happens() {
    world(|world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let party = mina.opens(transfer_draft(&json!({}))).await;
        let order = juno.joins(&party, food(8_000)).await.expect(201);
        world.settle().await;
        let joined = juno.get("/v1/me/parties?state=open").await.expect(200);
        assert_eq!((&joined["items"][0]["id"], &joined["items"][0]["role"]), (&json!(party), &json!("guest")));
        assert_eq!(mina.post("/v1/parties", draft(&json!({}))).await.code(409), "already_hosting");
        mina.cancels(&party, "host").await.expect(200);
        world.settle().await;
        assert_eq!(juno.get("/v1/me/parties?state=open").await.expect(200)["items"], json!([]));
        let cancelled = juno.get("/v1/me/parties?state=cancelled").await.expect(200);
        assert_eq!(cancelled["items"][0]["my_order_id"], order["id"]);
        mina.opens(draft(&json!({}))).await;
    })
    .await;
}
