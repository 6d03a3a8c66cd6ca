//! Notifications on their way: what a purchase and its refund send, Apple's retries, and what faults do to them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nbbang_simulator::http::Request;
use serde_json::{Value, json};

use crate::harness::{Merchant, Sim};

fn opened(jws: &Value) -> Value {
    let payload = jws.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

fn notification(request: &Request) -> Value {
    assert_eq!(request.target, "/v1/webhooks/app-store");
    opened(&serde_json::from_slice::<Value>(&request.body).unwrap()["signedPayload"])
}

async fn fault(sim: &Sim, deed: &str) {
    let fault = json!({"provider": "app_store", "operation": "notification", "do": deed});
    sim.control("faults", fault).await;
}

#[tokio::test]
async fn a_life_of_a_subscription_is_told() {
    let mut merchant = Merchant::start(&[]).await;
    let sim = Sim::start_with(&merchant.base).await;
    let bought = sim.control("app-store/purchases", json!({"environment": "Production"})).await;
    let id = bought["transaction_id"].as_str().unwrap();
    let told = notification(&merchant.next().await);
    assert_eq!((&told["notificationType"], &told["subtype"]), (&json!("SUBSCRIBED"), &json!("INITIAL_BUY")));
    assert_eq!((&told["notificationUUID"], &told["data"]["status"]), (&bought["notification_uuid"], &json!(1)));
    for (event, kind, status) in [("renewal", "DID_RENEW", 1), ("cancellation", "DID_CHANGE_RENEWAL_STATUS", 1)] {
        sim.control(&format!("app-store/purchases/{id}/{event}"), json!({})).await;
        let told = notification(&merchant.next().await);
        assert_eq!((&told["notificationType"], &told["data"]["status"]), (&json!(kind), &json!(status)));
    }
    let refunded = sim.control(&format!("app-store/purchases/{id}/refund"), json!({})).await;
    let told = notification(&merchant.next().await);
    assert_eq!((&told["notificationType"], &told["data"]["status"]), (&json!("REFUND"), &json!(5)));
    let transaction = opened(&told["data"]["signedTransactionInfo"]);
    assert!(transaction["revocationDate"].is_i64(), "{transaction}");
    assert_eq!(transaction, opened(&refunded["signed_transaction"]));
}

#[tokio::test]
async fn production_tries_again_when_it_is_due_and_the_sandbox_does_not() {
    let mut merchant = Merchant::start(&[500, 503, 404, 500, 500, 500]).await;
    let sim = Sim::start_with(&merchant.base).await;
    sim.control("app-store/purchases", json!({"environment": "Production", "product_id": "boost_1"})).await;
    let first = merchant.next().await;
    assert_eq!(notification(&first)["notificationType"], "ONE_TIME_CHARGE");
    for hours in [1, 12, 24, 48, 72] {
        sim.advance(hours * 3600).await;
        assert_eq!(merchant.next().await.body, first.body);
    }
    let mut merchant = Merchant::start(&[500, 200]).await;
    let sim = Sim::start_with(&merchant.base).await;
    sim.control("app-store/purchases", json!({"product_id": "boost_1"})).await;
    let in_sandbox = merchant.next().await;
    sim.advance(3600).await;
    sim.control("app-store/purchases", json!({"product_id": "boost_5"})).await;
    assert_ne!(merchant.next().await.body, in_sandbox.body);
}

#[tokio::test]
async fn a_duplicate_comes_twice_and_a_dropped_one_never() {
    let mut merchant = Merchant::start(&[]).await;
    let sim = Sim::start_with(&merchant.base).await;
    fault(&sim, "drop").await;
    sim.control("app-store/purchases", json!({"environment": "Production"})).await;
    // Only when it has struck is the plan empty.
    while sim.get("/__sim/faults").await["faults"] != json!([]) {}
    fault(&sim, "duplicate").await;
    sim.control("app-store/purchases", json!({"environment": "Production", "product_id": "boost_1"})).await;
    let first = merchant.next().await;
    assert_eq!(notification(&first)["notificationType"], "ONE_TIME_CHARGE");
    assert_eq!(merchant.next().await.body, first.body);
}
