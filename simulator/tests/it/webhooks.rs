//! Webhooks: one per change, tried again on the simulator's clock, doubled or lost by a fault.

use nbbang_simulator::http::Request;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Merchant, Sim, answered};

fn id(webhook: &Request) -> &str {
    webhook.header("tosspayments-webhook-transmission-id").unwrap()
}

fn retried(webhook: &Request) -> &str {
    webhook.header("tosspayments-webhook-transmission-retried-count").unwrap()
}

fn payment(webhook: &Request) -> Value {
    let body: Value = serde_json::from_slice(&webhook.body).unwrap();
    assert_eq!((webhook.target.as_str(), &body["eventType"]), ("/v1/webhooks/toss", &json!("PAYMENT_STATUS_CHANGED")));
    body["data"].clone()
}

#[tokio::test]
async fn every_change_is_told() {
    let mut merchant = Merchant::start(&[]).await;
    let sim = Sim::start_with(&merchant.base).await;
    let declined = json!({"provider_order_id": "order-1", "amount_krw": 10_000, "decline": "FDS_ERROR"});
    answered(sim.confirm(&sim.authorize_with(declined).await)).await;
    let aborted = payment(&merchant.next().await);
    assert_eq!((&aborted["status"], &aborted["failure"]["code"]), (&json!("ABORTED"), &json!("FDS_ERROR")));
    let key = sim.authorize().await;
    answered(sim.confirm(&key)).await;
    assert_eq!(payment(&merchant.next().await)["status"], "DONE");
    answered(sim.cancel(&key, Some(1_000))).await;
    assert_eq!(payment(&merchant.next().await)["status"], "PARTIAL_CANCELED");
    let cancelled = sim.control("toss/cancel", json!({"payment_key": key})).await;
    assert_eq!(cancelled["status"], "CANCELED");
    assert_eq!(payment(&merchant.next().await)["balanceAmount"], 0);
}

#[tokio::test]
async fn a_failed_one_comes_again_when_it_is_due() {
    let mut merchant = Merchant::start(&[500, 204, 503]).await;
    let sim = Sim::start_with(&merchant.base).await;
    answered(sim.confirm(&sim.authorize().await)).await;
    let first = merchant.next().await;
    assert_eq!(retried(&first), "0");
    for (minutes, count) in [(1, "1"), (4, "2"), (16, "3")] {
        sim.advance(minutes * 60).await;
        let again = merchant.next().await;
        assert_eq!((id(&again), retried(&again), &again.body), (id(&first), count, &first.body));
    }
}

#[tokio::test]
async fn a_duplicate_comes_twice_and_a_dropped_one_never() {
    let mut merchant = Merchant::start(&[]).await;
    let sim = Sim::start_with(&merchant.base).await;
    let key = sim.authorize().await;
    sim.fault("webhook", "before", json!({"do": "drop"})).await;
    sim.fault("webhook", "before", json!({"do": "duplicate"})).await;
    answered(sim.confirm(&key)).await;
    while sim.get("/__sim/faults").await["faults"].as_array().unwrap().len() == 2 {}
    answered(sim.cancel(&key, None)).await;
    let (one, two) = (merchant.next().await, merchant.next().await);
    assert_eq!(payment(&one)["status"], "CANCELED");
    assert_eq!((id(&one), retried(&two)), (id(&two), "0"));
}

#[tokio::test]
async fn the_merchant_can_move() {
    let mut merchant = Merchant::start(&[]).await;
    let sim = Sim::start().await;
    let put = |url: &str| sim.request(Method::PUT, "/__sim/webhook-base").json(&json!({"url": url}));
    assert_eq!(put("nowhere").send().await.unwrap().status(), 422);
    assert_eq!(answered(put(&format!("{}/", merchant.base))).await, (200, json!({"url": merchant.base})));
    answered(sim.confirm(&sim.authorize().await)).await;
    assert_eq!(payment(&merchant.next().await)["status"], "DONE");
}
