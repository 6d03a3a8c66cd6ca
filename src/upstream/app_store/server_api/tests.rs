//! The client against the simulator's Server API, and against what a real one could say wrongly.

use std::time::Duration;

use nbbang_simulator::Simulator;
use serde_json::{Value, json};

use super::super::tests::vectors::text;
use super::super::{Notification, Roots};
use super::*;
use crate::upstream::client::Deadline;
use crate::upstream::scripted::{Act, serve};

const BUNDLE_ID: &str = "com.example.nbbang";
const APP_APPLE_ID: i64 = 1_234_567_890;
const ISSUER_ID: &str = "57246542-96fe-1a63-e053-0824d011072a";

struct Apple {
    url: String,
    client: reqwest::Client,
    verifier: Arc<Verifier>,
    p8: Vec<u8>,
}

#[expect(clippy::disallowed_methods, reason = "tokens are made by the real clock")]
fn real_time() -> Time {
    Time::now_utc()
}

fn when() -> When {
    When { now: real_time(), deadline: Deadline::within(Duration::from_secs(20)) }
}

impl Apple {
    async fn start() -> Self {
        let simulator = Simulator::bind("127.0.0.1:0", "http://127.0.0.1:9").await.unwrap();
        let url = format!("http://{}", simulator.address());
        tokio::spawn(simulator.run());
        let client = client::http().unwrap();
        let bytes = async |path: &str| {
            let answer = client.get(format!("{url}/__sim/app-store/{path}")).send().await.unwrap();
            answer.bytes().await.unwrap().to_vec()
        };
        let (root, p8) = (bytes("root.der").await, bytes("api-key.p8").await);
        let environments = vec![Environment::Production, Environment::Sandbox];
        let roots = Roots::from_der(vec![root]).unwrap();
        let verifier = Arc::new(Verifier::new(roots, BUNDLE_ID, Some(APP_APPLE_ID), environments).unwrap());
        Self { url, client, verifier, p8 }
    }

    fn api(&self) -> ServerApi {
        self.api_at(&format!("{}/app-store", self.url), ISSUER_ID)
    }

    fn api_at(&self, base_url: &str, issuer_id: &str) -> ServerApi {
        let key = EncodingKey::from_ec_pem(&self.p8).unwrap();
        let key = ApiKey { key_id: "SIMULATOR1".to_owned(), issuer_id: issuer_id.to_owned(), key };
        ServerApi::new(base_url, key, Arc::clone(&self.verifier), real_time).unwrap()
    }

    async fn control(&self, path: &str, body: Value) -> Value {
        let answer = self.client.post(format!("{}/__sim/{path}", self.url)).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
        answer.json().await.unwrap()
    }

    async fn get(&self, path: &str) -> Value {
        self.client.get(format!("{}/__sim/{path}", self.url)).send().await.unwrap().json().await.unwrap()
    }

    /// The transaction's id.
    async fn buy(&self, over: Value) -> String {
        let bought = self.control("app-store/purchases", over).await;
        bought["transaction_id"].as_str().unwrap().to_owned()
    }

    async fn asked(&self) -> Vec<String> {
        let requests = self.get("requests?provider=app_store").await;
        requests["requests"].as_array().unwrap().iter().map(|it| it["query"].as_str().unwrap().to_owned()).collect()
    }

    async fn fault(&self, over: Value) {
        let mut fault = json!({"provider": "app_store", "operation": "api"});
        fault.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
        self.control("faults", fault).await;
    }
}

fn window() -> Window {
    let now = real_time();
    Window { from: now - time::Duration::days(29), until: now + time::Duration::minutes(1) }
}

async fn all(api: &ServerApi, environment: Environment, window: Window) -> (Vec<Notification>, Vec<Rejection>, usize) {
    let (mut notifications, mut rejected, mut pages, mut next) = (Vec::new(), Vec::new(), 0, None);
    loop {
        let told = api.notifications(environment, window, next.as_deref(), when()).await.unwrap();
        notifications.extend(told.notifications);
        rejected.extend(told.rejected);
        pages += 1;
        next = told.next;
        if next.is_none() {
            return (notifications, rejected, pages);
        }
    }
}

#[tokio::test]
async fn the_sandbox_is_asked_when_production_does_not_know() {
    let apple = Apple::start().await;
    let api = apple.api();
    let id = apple.buy(json!({"environment": "Sandbox"})).await;
    let found = api.transaction(&id, when()).await.unwrap().unwrap();
    assert_eq!((found.environment(), &found.transaction_id), (Environment::Sandbox, &id));
    let asked = apple.asked().await;
    assert_eq!(
        asked,
        [
            format!("GET /app-store/inApps/v1/transactions/{id}"),
            format!("GET /app-store-sandbox/inApps/v1/transactions/{id}")
        ]
    );
    let id = apple.buy(json!({"environment": "Production"})).await;
    assert_eq!(api.transaction(&id, when()).await.unwrap().unwrap().environment(), Environment::Production);
    assert_eq!(apple.asked().await.len(), 3);
    assert!(api.transaction("1", when()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_transaction_is_told_as_it_is_now() {
    let apple = Apple::start().await;
    let api = apple.api();
    let id = apple.buy(json!({"environment": "Production"})).await;
    apple.control(&format!("app-store/purchases/{id}/refund"), json!({})).await;
    let found = api.transaction(&id, when()).await.unwrap().unwrap();
    assert!(found.revocation_date.is_some());
    let minted =
        apple.control("app-store/transactions", json!({"environment": "Production", "transaction_id": "77"})).await;
    assert!(minted["signed_transaction"].is_string());
    assert!(api.transaction("77", when()).await.unwrap().is_some());
    // What somebody has forged the store has never sold.
    let forged = json!({"environment": "Production", "transaction_id": "78", "tamper": "other_key"});
    apple.control("app-store/transactions", forged).await;
    assert!(api.transaction("78", when()).await.unwrap().is_none());
}

#[tokio::test]
async fn purchases_come_in_pages_and_go_on_when_there_are_more() {
    let apple = Apple::start().await;
    let api = apple.api();
    let id = apple.buy(json!({"environment": "Production"})).await;
    for _ in 0..24 {
        apple.control(&format!("app-store/purchases/{id}/renewal"), json!({})).await;
    }
    let page = async |revision: Option<&str>| {
        api.purchases(Environment::Production, &id, revision, when()).await.unwrap().unwrap()
    };
    let first = page(None).await;
    let second = page(Some(&first.revision)).await;
    assert_eq!((first.transactions.len(), first.has_more), (20, true));
    assert_eq!((second.transactions.len(), second.has_more), (5, false));
    let mut ids: Vec<_> =
        first.transactions.iter().chain(&second.transactions).map(|it| it.transaction_id.clone()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 25);
    apple.control(&format!("app-store/purchases/{id}/renewal"), json!({})).await;
    assert_eq!(page(Some(&second.revision)).await.transactions.len(), 1);
    let elsewhere = api.purchases(Environment::Sandbox, &id, None, when()).await.unwrap();
    assert!(elsewhere.is_none());
    let wrong = api.purchases(Environment::Production, &id, Some("nonsense"), when()).await;
    assert_eq!(wrong.err(), Some(Fault::Refused("4000005".to_owned())));
}

#[tokio::test]
async fn standings_follow_what_happens() {
    let apple = Apple::start().await;
    let api = apple.api();
    let id = apple.buy(json!({"environment": "Production"})).await;
    let standing = async || {
        let mut all = api.standings(Environment::Production, &id, when()).await.unwrap().unwrap();
        assert_eq!(all.len(), 1);
        all.remove(0)
    };
    let begun = standing().await;
    assert_eq!((begun.status, begun.renewal_info.auto_renew_status), (1, Some(1)));
    for (event, status) in
        [("cancellation", 1), ("expiry", 2), ("failure", 3), ("grace", 4), ("renewal", 1), ("refund", 5)]
    {
        apple.control(&format!("app-store/purchases/{id}/{event}"), json!({})).await;
        let now = standing().await;
        if event == "renewal" {
            assert_ne!(now.transaction.transaction_id, id);
        }
        // A refund is of the first transaction; the last one goes on.
        let expected = if event == "refund" { 1 } else { status };
        assert_eq!(now.status, expected, "{event}");
        assert_eq!(now.transaction.original_transaction_id, id);
    }
}

#[tokio::test]
async fn the_history_holds_what_never_arrived() {
    let apple = Apple::start().await;
    let api = apple.api();
    apple.fault(json!({"operation": "notification", "do": "drop"})).await;
    let mut uuids = Vec::new();
    for _ in 0..43 {
        let bought =
            apple.control("app-store/purchases", json!({"environment": "Production", "product_id": "boost_1"}));
        uuids.push(bought.await["notification_uuid"].as_str().unwrap().to_owned());
    }
    // It is Apple's, and for another app.
    let purchase = json!({"environment": "Production", "bundle_id": "com.example.nbbang"});
    let foreign = json!({"type": "REFUND", "purchase": purchase, "claims": {"data": {"bundleId": "com.example.other"}}, "deliver": true});
    apple.control("app-store/notifications", foreign).await;
    apple.buy(json!({"environment": "Sandbox"})).await;
    let (notifications, rejected, pages) = all(&api, Environment::Production, window()).await;
    let mut found: Vec<_> = notifications.iter().map(|it| it.body().notification_uuid.to_string()).collect();
    found.sort();
    uuids.sort();
    assert_eq!((found, pages), (uuids, 3));
    assert_eq!(rejected.len(), 1, "{rejected:?}");
    assert_eq!(all(&api, Environment::Sandbox, window()).await.0.len(), 1);
    let early = Window { from: window().from, until: window().until - time::Duration::hours(1) };
    assert_eq!(all(&api, Environment::Production, early).await.0.len(), 0);
    let far = Window { from: real_time() - time::Duration::days(181), ..window() };
    let too_far = api.notifications(Environment::Production, far, None, when()).await;
    assert_eq!(too_far.err(), Some(Fault::Refused("4000012".to_owned())));
}

#[tokio::test]
async fn what_is_written_arrives() {
    let apple = Apple::start().await;
    let api = apple.api();
    let id = apple.buy(json!({"environment": "Production", "product_id": "boost_1"})).await;
    let consumption = Consumption {
        customer_consented: true,
        delivery_status: DeliveryStatus::Delivered,
        consumption_percentage: Some(100_000),
        refund_preference: Some(RefundPreference::Decline),
        sample_content_provided: false,
    };
    api.send_consumption(Environment::Production, &id, &consumption, when()).await.unwrap();
    let said = json!({
        "customerConsented": true, "deliveryStatus": "DELIVERED", "consumptionPercentage": 100_000,
        "refundPreference": "DECLINE", "sampleContentProvided": false,
    });
    assert_eq!(apple.get("app-store/consumption").await["consumption"], json!([{"transaction_id": id, "said": said}]));
    let consumption = Consumption { customer_consented: false, ..consumption };
    let refused = api.send_consumption(Environment::Production, &id, &consumption, when()).await;
    assert_eq!(refused, Err(Fault::Refused("4000035".to_owned())));
    let token = Uuid::from_u128(7);
    api.set_account_token(Environment::Production, &id, token, when()).await.unwrap();
    assert_eq!(api.transaction(&id, when()).await.unwrap().unwrap().app_account_token, Some(token));
    let unknown = api.set_account_token(Environment::Sandbox, &id, token, when()).await;
    assert_eq!(unknown, Err(Fault::Refused(NOT_FOUND.to_owned())));
}

#[tokio::test]
async fn a_test_notification_is_asked_for_and_looked_after() {
    let apple = Apple::start().await;
    let api = apple.api();
    for environment in [Environment::Production, Environment::Sandbox] {
        let token = api.request_test(environment, when()).await.unwrap();
        let tested = loop {
            if let Some(tested) = api.tested(environment, &token, when()).await.unwrap() {
                break tested;
            }
        };
        assert_eq!(tested.result, "NO_RESPONSE");
    }
}

#[tokio::test]
async fn a_key_that_is_not_ours_is_our_fault() {
    let apple = Apple::start().await;
    let other = apple.api_at(&format!("{}/app-store", apple.url), "69a6de70-03db-47e3-e053-5b8c7c11a4d1");
    let refused = Some(Fault::Refused(UNAUTHENTICATED.to_owned()));
    assert_eq!(other.transaction("1", when()).await.err(), refused);
    assert_eq!(other.request_test(Environment::Production, when()).await.err(), refused);
}

#[tokio::test]
async fn nothing_is_asked_before_apple_wants_it() {
    let apple = Apple::start().await;
    let api = apple.api();
    let id = apple.buy(json!({"environment": "Production"})).await;
    apple.fault(json!({"do": "status", "status": 429, "code": "4290000"})).await;
    for _ in 0..2 {
        let Err(Fault::Busy { retry_after_ms: Some(wait_ms) }) = api.transaction(&id, when()).await else {
            panic!("it was not turned away");
        };
        assert!((20_000..=31_000).contains(&wait_ms), "{wait_ms}");
    }
    assert_eq!(apple.asked().await.len(), 1);
    // The limit is of one endpoint in one environment.
    assert!(api.transaction_in(Environment::Sandbox, &id, when()).await.unwrap().is_none());
    assert!(api.standings(Environment::Production, &id, when()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_question_is_asked_once_more_and_a_test_is_not() {
    let apple = Apple::start().await;
    let api = apple.api();
    let id = apple.buy(json!({"environment": "Production"})).await;
    for fault in [
        json!({"do": "reset"}),
        json!({"do": "garbage"}),
        json!({"do": "truncate", "when": "after_effect"}),
        json!({"do": "wrong_body"}),
        json!({"do": "html"}),
        json!({"do": "status", "status": 500, "code": "5000001"}),
        json!({"do": "status", "status": 404, "code": "4040006"}),
    ] {
        apple.fault(fault.clone()).await;
        assert!(api.transaction(&id, when()).await.unwrap().is_some(), "{fault}");
    }
    apple.fault(json!({"do": "status", "status": 500, "code": "5000000"})).await;
    let failed = api.request_test(Environment::Production, when()).await;
    assert_eq!(failed.err(), Some(Fault::Unknown(why::PROVIDER_ERROR)));
}

#[tokio::test]
async fn what_apple_has_not_signed_or_what_is_of_another_is_not_believed() {
    let apple = Apple::start().await;
    let minted =
        |over: Value| async { apple.control("app-store/transactions", over).await["signed_transaction"].clone() };
    let forged = minted(json!({"environment": "Production", "transaction_id": "1", "tamper": "foreign_chain"})).await;
    let other = minted(json!({"environment": "Production", "transaction_id": "2"})).await;
    let sandbox = minted(json!({"environment": "Sandbox", "transaction_id": "1"})).await;
    for (jws, why) in [(forged, why::UNVERIFIED), (other, why::MISMATCH), (sandbox, why::MISMATCH)] {
        let (address, _server) = serve(vec![Act::Answer(200, json!({"signedTransactionInfo": jws}))]);
        let found = apple.api_at(&address, ISSUER_ID).transaction_in(Environment::Production, "1", when()).await;
        assert_eq!(found.err(), Some(Fault::Unknown(why)));
    }
}

fn answer(status: u16, body: &str, retry_after: Option<i64>) -> Answer {
    let status = reqwest::StatusCode::from_u16(status).unwrap();
    Answer { status, retry_after_ms: None, retry_after, body: body.as_bytes().to_vec() }
}

#[test]
fn every_code_is_sorted() {
    let coded =
        |status, code: i64| answers::found::<Value>(&answer(status, &json!({"errorCode": code}).to_string(), Some(7)));
    for code in [4_040_001, 4_040_005, 4_040_008, 4_040_010] {
        assert_eq!(coded(404, code), Sorted::Well(None), "{code}");
    }
    for (status, code) in [(404, 4_040_002), (404, 4_040_004), (404, 4_040_006), (500, 5_000_000), (500, 5_000_001)] {
        assert_eq!(coded(status, code), Sorted::Failed(Fault::Unknown(why::PROVIDER_ERROR)), "{code}");
    }
    for (status, code) in
        [(400, 4_000_000), (400, 4_000_006), (400, 4_000_187), (403, 4_030_001), (404, 4_040_003), (404, 4_040_007)]
    {
        assert_eq!(coded(status, code), Sorted::Failed(Fault::Refused(code.to_string())), "{code}");
    }
    assert_eq!(coded(429, 4_290_000), Sorted::Limited { until: Some(7) });
    assert_eq!(coded(429, 9_999_999), Sorted::Limited { until: Some(7) });
    assert_eq!(coded(500, 9_990_000), Sorted::Failed(Fault::Unknown(why::UNKNOWN_CODE)));
    for (status, expected) in [
        (401, Sorted::Failed(Fault::Refused(UNAUTHENTICATED.to_owned()))),
        (429, Sorted::Limited { until: None }),
        (302, Sorted::Failed(Fault::Unknown(why::REDIRECT))),
        (503, Sorted::Failed(Fault::Unknown(why::SERVER_ERROR))),
        (404, Sorted::Failed(Fault::Unknown(why::GARBAGE))),
    ] {
        assert_eq!(answers::found::<Value>(&answer(status, "Unauthenticated", None)), expected, "{status}");
    }
}

/// Apple's published answers, out of the sources of a crate.
#[test]
fn published_answers_are_read() {
    let body = |name: &str| text(&format!("models/{name}"));
    let well = |name: &str| answer(200, &body(name), None);
    assert!(matches!(answers::read::<WireTransaction>(&well("transactionInfoResponse.json")), Sorted::Well(_)));
    let Sorted::Well(history) = answers::read::<WireHistory>(&well("getNotificationHistoryResponse.json")) else {
        panic!()
    };
    assert_eq!((history.next().unwrap().unwrap().len(), history.notification_history.len()), (36, 2));
    let Sorted::Well(purchases) = answers::read::<WirePurchases>(&well("transactionHistoryResponse.json")) else {
        panic!()
    };
    assert_eq!(
        (purchases.revision.as_str(), purchases.has_more, purchases.signed_transactions.len()),
        ("revision_output", true, 2)
    );
    let Sorted::Well(standings) = answers::read::<WireStandings>(&well("getAllSubscriptionStatusesResponse.json"))
    else {
        panic!()
    };
    assert_eq!(standings.data.iter().map(|group| group.last_transactions.len()).sum::<usize>(), 3);
    let Sorted::Well(test) = answers::read::<WireTest>(&well("getTestNotificationStatusResponse.json")) else {
        panic!()
    };
    assert_eq!(test.last().as_deref(), Some("SUCCESS"));
    assert!(matches!(
        answers::read::<answers::WireTestToken>(&well("requestTestNotificationResponse.json")),
        Sorted::Well(_)
    ));
    for (name, status, sorted) in [
        ("transactionIdNotFoundError.json", 404, Sorted::Well(None)),
        ("apiTooManyRequestsException.json", 429, Sorted::Limited { until: None }),
        ("apiException.json", 500, Sorted::Failed(Fault::Unknown(why::PROVIDER_ERROR))),
        ("apiUnknownError.json", 400, Sorted::Failed(Fault::Unknown(why::UNKNOWN_CODE))),
        ("invalidTransactionIdError.json", 400, Sorted::Failed(Fault::Refused("4000006".to_owned()))),
    ] {
        assert_eq!(answers::found::<Value>(&answer(status, &body(name), None)), sorted, "{name}");
    }
}

#[test]
fn a_token_is_used_until_it_is_about_to_end() {
    let pem = new_key();
    let key = || ApiKey {
        key_id: "K".to_owned(),
        issuer_id: "I".to_owned(),
        key: EncodingKey::from_ec_pem(pem.as_bytes()).unwrap(),
    };
    let tokens = Tokens::new(key(), BUNDLE_ID.to_owned());
    let now = time::macros::datetime!(2026-11-22 12:00 UTC);
    let first = tokens.authorization(now).unwrap();
    assert!(first.is_sensitive());
    assert_eq!(tokens.authorization(now + time::Duration::minutes(17)).unwrap(), first);
    let second = tokens.authorization(now + time::Duration::minutes(18)).unwrap();
    assert_ne!(second, first);
    assert_ne!(tokens.authorization(now).unwrap(), second, "a clock that was put back");
}

fn new_key() -> String {
    use base64::Engine as _;
    let rng = aws_lc_rs::rand::SystemRandom::new();
    let key = aws_lc_rs::signature::EcdsaKeyPair::generate_pkcs8(
        &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING,
        &rng,
    )
    .unwrap();
    let body = base64::engine::general_purpose::STANDARD.encode(key);
    format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n")
}
