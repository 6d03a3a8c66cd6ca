//! What a client gets when the confirmation of his payment goes wrong, and that every payment comes to its truth afterwards.

use std::time::Duration;

use serde_json::{Value, json};

use crate::person::Answer;
use crate::table::Table;
use crate::world::{World, world, world_with};

/// Nothing of what the provider says or is reaches a client.
fn keeps_quiet(answer: &Answer) {
    let text = answer.text.to_lowercase();
    for leak in
        ["nginx", "<html", "tsim", "127.0.0.1", "오류가 발생했습니다", "reject_", "invalid_request", "unauthorized_key"]
    {
        assert!(!text.contains(leak), "{leak} leaks: {text}");
    }
}

/// The outcome is not known: 202, to be polled.
async fn is_unknown(world: &World, name: &str, fault: Value) -> Table {
    let table = Table::held(world, name).await;
    world.spoils("confirm", 1, fault).await;
    let answer = table.pays().await;
    keeps_quiet(&answer);
    assert_eq!(answer.header("retry-after"), "2", "{name}");
    assert_eq!(answer.expect(202)["state"], "confirming", "{name}");
    assert_eq!(table.seat().await, ("held".to_owned(), 0, 0), "{name}");
    table
}

/// Surely nothing was done: a problem, and the payment can be tried again as it is.
async fn is_not_done(world: &World, name: &str, fault: Value, status: u16, code: &str) -> Answer {
    let table = Table::held(world, name).await;
    world.spoils("confirm", 1, fault).await;
    let answer = table.pays().await;
    keeps_quiet(&answer);
    assert_eq!(answer.clone().code(status), code, "{name}");
    assert_eq!(answer.body["retryable"], true, "{name}");
    let payment = table.payment().await;
    assert_eq!(payment["state"], "ready", "{name}");
    assert_eq!(payment["provider_order_id"], table.payment["provider_order_id"], "{name}: the same order");
    assert_eq!(table.pays().await.expect(200)["state"], "paid", "{name}");
    let keys: Vec<_> =
        world.asked("confirm", &payment).await.into_iter().map(|heard| heard["idempotency_key"].clone()).collect();
    assert_ne!(keys.first(), keys.last(), "{name}: a new key, or the old error would be repeated");
    answer
}

async fn is_paid(world: &World, table: &Table, name: &str) {
    assert_eq!(table.state().await, "paid", "{name}");
    assert_eq!(table.seat().await, ("joined".to_owned(), 10_000, 0), "{name}");
    assert_eq!(world.held_there(&table.payment).await, 10_000, "{name}");
}

#[tokio::test]
async fn a_lost_answer_is_unknown_and_found_by_asking() {
    world(|world| async move {
        let mut tables = Vec::new();
        for how in ["reset", "truncate", "garbage", "html", "wrong_body"] {
            let fault = json!({"when": "after_effect", "do": how});
            tables.push((how, is_unknown(&world, how, fault).await));
        }
        for (name, status) in [("plain", 500), ("moved", 302), ("teapot", 418)] {
            let fault = json!({"when": "after_effect", "do": "status", "status": status});
            tables.push((name, is_unknown(&world, name, fault).await));
        }
        world.pass(10).await;
        for (name, table) in &tables {
            is_paid(&world, table, name).await;
            assert_eq!(world.asked("confirm", &table.payment).await.len(), 1, "{name}: asked, not sent again");
        }
    })
    .await;
}

#[tokio::test]
async fn a_lost_request_is_unknown_and_sent_again_under_its_key() {
    world(|world| async move {
        let mut tables = Vec::new();
        for how in ["reset", "truncate", "garbage", "html", "wrong_body"] {
            tables.push((how, is_unknown(&world, how, json!({"do": how})).await));
        }
        world.pass(10).await;
        for (name, table) in &tables {
            is_paid(&world, table, name).await;
            let sent = world.asked("confirm", &table.payment).await;
            assert_eq!(sent.len(), 2, "{name}");
            assert_eq!(sent[0]["idempotency_key"], sent[1]["idempotency_key"], "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_error_that_the_provider_repeats_frees_the_payment() {
    world(|world| async move {
        let mut tables = Vec::new();
        let errors = ["PROVIDER_ERROR", "FAILED_INTERNAL_SYSTEM_PROCESSING", "UNKNOWN_PAYMENT_ERROR", "SOMETHING_NEW"];
        for code in errors {
            let fault = json!({"do": "status", "status": 500, "code": code});
            tables.push((code, is_unknown(&world, &code.to_lowercase()[..8], fault).await));
        }
        let fault = json!({"when": "after_effect", "do": "status", "status": 400, "code": "PROVIDER_ERROR"});
        let done = is_unknown(&world, "done", fault).await;
        world.pass(10).await;
        is_paid(&world, &done, "done").await;
        for (name, table) in &tables {
            assert_eq!(table.state().await, "ready", "{name}");
            assert_eq!(world.held_there(&table.payment).await, 0, "{name}");
            table.pays().await.expect(200);
            is_paid(&world, table, name).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_refusal_of_ours_whose_answer_was_lost_frees_the_payment() {
    world(|world| async move {
        let table = Table::held(&world, "juno").await;
        world.spoils("confirm", 1, json!({"do": "status", "status": 400, "code": "NOT_REGISTERED_BUSINESS"})).await;
        // The error is kept under the key; the answer that carries it is lost.
        world.spoils("confirm", 1, json!({"when": "after_effect", "do": "reset"})).await;
        let key = table.guest.authorizes(&table.payment, "card").await;
        let path = format!("{}/toss/v1/payments/confirm", world.simulator);
        let body = json!({"paymentKey": key, "orderId": table.payment["provider_order_id"], "amount": 10_000});
        let first = format!("{}-1", table.payment["provider_order_id"].as_str().unwrap());
        let early = world.client.post(path).basic_auth("test_sk_simulator", Some("")).header("Idempotency-Key", first);
        assert_eq!(early.json(&body).send().await.unwrap().status(), 400);
        assert_eq!(table.guest.confirms(&table.payment, &key).await.expect(202)["state"], "confirming");
        world.pass(10).await;
        assert_eq!(table.state().await, "ready");
        assert_eq!(table.guest.confirms(&table.payment, &key).await.expect(200)["state"], "paid");
    })
    .await;
}

#[tokio::test]
async fn a_busy_provider_is_503_and_nothing_was_done() {
    world(|world| async move {
        let busy = json!({"do": "status", "status": 429});
        let answer = is_not_done(&world, "busy", busy, 503, "payment_unavailable").await;
        assert_eq!(answer.body["outcome"], "not_attempted");
        assert_eq!(answer.header("retry-after"), "5");
        assert_eq!(answer.body["retry_after_ms"], 5_000);
    })
    .await;
}

#[tokio::test]
async fn a_fault_of_ours_is_500_and_never_the_providers_401_or_403() {
    world(|world| async move {
        for (name, status, code) in [
            ("key", 401, "UNAUTHORIZED_KEY"),
            ("auth", 403, "INCORRECT_BASIC_AUTH_FORMAT"),
            ("forbidden", 403, "FORBIDDEN_REQUEST"),
            ("request", 400, "INVALID_REQUEST"),
            ("terminal", 400, "NOT_FOUND_TERMINAL_ID"),
        ] {
            let fault = json!({"do": "status", "status": status, "code": code});
            is_not_done(&world, name, fault, 500, "internal").await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_is_503() {
    world_with(
        |config| config.toss.base_url = "http://127.0.0.1:9/toss".to_owned(),
        |world| async move {
            let table = Table::held(&world, "juno").await;
            let answer = table.guest.confirms(&table.payment, "tgen_1").await;
            keeps_quiet(&answer);
            assert_eq!(answer.header("retry-after"), "5");
            assert_eq!(answer.body["outcome"], "not_attempted");
            assert_eq!(answer.code(503), "payment_unavailable");
            assert_eq!(table.state().await, "ready");
            world.pass(301).await;
            assert_eq!(table.seat().await.0, "expired");
        },
    )
    .await;
}

#[tokio::test]
async fn a_provider_that_cannot_prove_who_it_is_is_502() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // It talks, but not TLS.
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            drop(tokio::io::AsyncWriteExt::write_all(&mut socket, b"HTTP/1.1 400 Bad Request\r\n\r\n").await);
        }
    });
    world_with(
        move |config| config.toss.base_url = format!("https://{address}"),
        |world| async move {
            let table = Table::held(&world, "juno").await;
            let answer = table.guest.confirms(&table.payment, "tgen_1").await;
            keeps_quiet(&answer);
            assert_eq!(answer.body["outcome"], "not_attempted");
            assert_eq!(answer.body["retryable"], true);
            assert_eq!(answer.code(502), "payment_untrusted");
            assert_eq!(table.state().await, "ready");
        },
    )
    .await;
}

#[tokio::test]
async fn a_provider_that_hangs_is_unknown_after_our_patience() {
    let short = |config: &mut nbbang::config::Config| config.patience.phone = Duration::from_secs(1);
    world_with(short, |world| async move {
        let mut tables = Vec::new();
        for when in ["before", "after_effect"] {
            tables.push((when, is_unknown(&world, when, json!({"when": when, "do": "hang"})).await));
        }
        let slow = json!({"when": "after_effect", "do": "latency", "ms": 60_000});
        tables.push(("slow", is_unknown(&world, "slow", slow).await));
        world.pass(10).await;
        for (name, table) in &tables {
            is_paid(&world, table, name).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_slow_answer_is_an_answer() {
    world(|world| async move {
        for when in ["before", "after_effect"] {
            let table = Table::held(&world, when).await;
            world.spoils("confirm", 1, json!({"when": when, "do": "latency", "ms": 50})).await;
            table.pays().await.expect(200);
            is_paid(&world, &table, when).await;
        }
    })
    .await;
}

#[tokio::test]
async fn each_decline_has_its_word_and_the_next_attempt_its_order() {
    world(|world| async move {
        let table = Table::held(&world, "juno").await;
        let declines = [
            (403, "REJECT_CARD_PAYMENT", "insufficient_funds"),
            (400, "EXCEED_MAX_PAYMENT_AMOUNT", "limit_exceeded"),
            (400, "INVALID_CARD_EXPIRATION", "card_expired"),
            (400, "INVALID_STOPPED_CARD", "card_invalid"),
            (403, "INVALID_PASSWORD", "wrong_password"),
            (403, "FDS_ERROR", "fraud_check"),
            (400, "CARD_PROCESSING_ERROR", "issuer_unavailable"),
            (403, "NOT_AVAILABLE_BANK", "bank_hours"),
            (400, "MAINTAINED_METHOD", "method_unavailable"),
            (404, "NOT_FOUND_PAYMENT_SESSION", "session_expired"),
            (403, "REJECT_CARD_COMPANY", "declined"),
            (500, "FAILED_PAYMENT_INTERNAL_SYSTEM_PROCESSING", "declined"),
        ];
        let mut orders = vec![table.payment["provider_order_id"].clone()];
        for (status, code, word) in declines {
            world.spoils("confirm", 1, json!({"do": "status", "status": status, "code": code})).await;
            let answer = table.pays().await;
            keeps_quiet(&answer);
            assert_eq!(answer.body["decline_code"], word, "{code}");
            assert_eq!(answer.body["outcome"], "declined", "{code}");
            assert_eq!(answer.body["retryable"], false, "{code}");
            assert_eq!(answer.code(402), "payment_declined", "{code}");
            let payment = table.payment().await;
            assert_eq!(payment["state"], "declined");
            assert!(!orders.contains(&payment["provider_order_id"]), "{code}: the order id is used up");
            orders.push(payment["provider_order_id"].clone());
        }
        table.pays().await.expect(200);
        is_paid(&world, &table, "in the end").await;
    })
    .await;
}
