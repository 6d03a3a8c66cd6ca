//! What the App Store's controls sign, and that a forgery has to be asked for by a name that exists.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::Sim;

fn decoded(jws: &Value, segment: usize) -> Value {
    let segment = jws.as_str().unwrap().split('.').nth(segment).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(segment).unwrap()).unwrap()
}

#[tokio::test]
async fn a_transaction_is_signed_under_the_root_with_the_callers_claims() {
    let sim = Sim::start().await;
    for shape in ["apple", "plain"] {
        let root = sim.request(Method::GET, &format!("/__sim/app-store/root.der?shape={shape}")).send().await.unwrap();
        let root = root.bytes().await.unwrap();
        let wanted = json!({
            "product_id": "boost_5", "transaction_id": "77", "shape": shape, "environment": "Production",
            "app_account_token": "7e3fb20b-4cdb-47cc-936d-99d65f608138", "claims": {"quantity": 2, "price": null},
        });
        let minted = sim.control("app-store/transactions", wanted).await;
        let (header, claims) = (decoded(&minted["signed_transaction"], 0), decoded(&minted["signed_transaction"], 1));
        assert_eq!(header["alg"], "ES256");
        assert_eq!(header["x5c"].as_array().unwrap().len(), 3);
        assert_eq!(header["x5c"][2], json!(STANDARD.encode(&root)));
        assert_eq!(claims, minted["claims"]);
        assert_eq!((&claims["productId"], &claims["type"]), (&json!("boost_5"), &json!("Consumable")));
        assert_eq!((&claims["transactionId"], &claims["quantity"]), (&json!("77"), &json!(2)));
        assert_eq!((&claims["environment"], claims.get("price")), (&json!("Production"), None));
        assert_eq!(claims["appAccountToken"], "7e3fb20b-4cdb-47cc-936d-99d65f608138");
    }
}

#[tokio::test]
async fn a_notification_carries_what_was_bought_and_the_simulators_time() {
    let sim = Sim::start().await;
    let wanted = |more: Value| json!({"type": "DID_RENEW", "purchase": {}, "claims": more});
    let first = sim.control("app-store/notifications", wanted(json!({}))).await;
    sim.advance(3600).await;
    let second = sim.control("app-store/notifications", wanted(json!({"data": {"status": 4}}))).await;
    assert_ne!(first["notification_uuid"], second["notification_uuid"]);
    let (first, second) = (decoded(&first["signedPayload"], 1), decoded(&second["signedPayload"], 1));
    assert!(second["signedDate"].as_i64().unwrap() >= first["signedDate"].as_i64().unwrap() + 3_600_000);
    assert_eq!((&first["data"]["status"], &second["data"]["status"]), (&json!(1), &json!(4)));
    let inner = decoded(&second["data"]["signedTransactionInfo"], 1);
    assert_eq!(
        inner["originalTransactionId"],
        decoded(&second["data"]["signedRenewalInfo"], 1)["originalTransactionId"]
    );

    let consumable = json!({"type": "ONE_TIME_CHARGE", "purchase": {"product_id": "boost_1"}});
    let consumable = sim.control("app-store/notifications", consumable).await;
    let consumable = decoded(&consumable["signedPayload"], 1);
    assert!(consumable["data"]["signedTransactionInfo"].is_string());
    assert_eq!(consumable["data"].get("signedRenewalInfo"), None);
}

#[tokio::test]
async fn every_forgery_can_be_asked_for() {
    let sim = Sim::start().await;
    let good = sim.control("app-store/transactions", json!({"transaction_id": "1"})).await;
    let tampers = sim.get("/__sim/app-store/tampers").await["tampers"].as_array().unwrap().clone();
    assert!(tampers.len() > 100);
    for tamper in tampers {
        let forged = sim.control("app-store/transactions", json!({"transaction_id": "1", "tamper": tamper})).await;
        assert_ne!(forged["signed_transaction"], good["signed_transaction"], "{tamper}");
    }
    for wanted in [json!({"tamper": "nothing"}), json!({"shape": "round"}), json!({"colour": "red"})] {
        let answer = sim.request(Method::POST, "/__sim/app-store/transactions").json(&wanted).send().await.unwrap();
        assert_eq!(answer.status(), 422, "{wanted}");
    }
}
