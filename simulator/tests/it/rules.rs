//! Toss's rules over the wire: keys, idempotency, the window, cancels, lists; and the control routes.

use reqwest::Method;
use serde_json::json;

use crate::harness::{ORDER, Sim, answered, raw, refused};

#[tokio::test]
async fn an_idempotency_key_replays_the_first_answer_whatever_the_body() {
    let sim = Sim::start().await;
    let key = sim.authorize().await;
    let first = answered(sim.confirm(&key).header("Idempotency-Key", "1-1-1")).await;
    assert_eq!((first.0, &first.1["status"]), (200, &json!("DONE")));
    assert_eq!(answered(sim.confirm(&key).header("Idempotency-Key", "1-1-1")).await, first);
    assert_eq!(answered(sim.confirm("another").header("Idempotency-Key", "1-1-1")).await, first);
    let again = refused(sim.confirm(&key).header("Idempotency-Key", "1-1-2")).await;
    assert_eq!(again, (400, "ALREADY_PROCESSED_PAYMENT".to_owned()));
    assert_eq!(refused(sim.confirm(&key)).await, again);
    sim.advance(15 * 86_400).await;
    assert_eq!(refused(sim.confirm(&key).header("Idempotency-Key", "1-1-1")).await, again);
    assert_eq!(sim.truth().await, (10_000, 0));
}

#[tokio::test]
async fn errors_are_replayed_too() {
    let sim = Sim::start().await;
    let early = refused(sim.confirm("not-yet").header("Idempotency-Key", "k")).await;
    assert_eq!(early, (404, "NOT_FOUND_PAYMENT_SESSION".to_owned()));
    let key = sim.authorize().await;
    assert_eq!(refused(sim.confirm(&key).header("Idempotency-Key", "k")).await, early);
    assert_eq!(answered(sim.confirm(&key).header("Idempotency-Key", "k2")).await.0, 200);
}

#[tokio::test]
async fn a_key_is_at_most_300_characters_and_posts_only() {
    let sim = Sim::start().await;
    let key = sim.authorize().await;
    let long = "k".repeat(301);
    let answer = refused(sim.confirm(&key).header("Idempotency-Key", &long)).await;
    assert_eq!(answer, (400, "INVALID_IDEMPOTENCY_KEY".to_owned()));
    let lookup = sim.toss(Method::GET, &format!("payments/{key}")).header("Idempotency-Key", &long);
    assert_eq!(answered(lookup).await.0, 200);
    assert_eq!(answered(sim.confirm(&key).header("Idempotency-Key", &long[1..])).await.0, 200);
}

#[tokio::test]
async fn the_second_of_two_at_once_is_told_so() {
    let sim = Sim::start().await;
    let key = sim.authorize().await;
    // Longer than any test: whoever is first does not come back.
    sim.fault("confirm", "before", json!({"do": "latency", "ms": 600_000, "times": 2})).await;
    let confirm = || refused(sim.confirm(&key).header("Idempotency-Key", "k"));
    let told = tokio::select! { one = confirm() => one, other = confirm() => other };
    assert_eq!(told, (409, "IDEMPOTENT_REQUEST_PROCESSING".to_owned()));
    assert_eq!(sim.truth().await, (0, 0));
}

#[tokio::test]
async fn the_window_closes_on_the_simulators_clock() {
    let sim = Sim::start().await;
    let key = sim.authorize().await;
    let lookup = || sim.toss(Method::GET, &format!("payments/orders/{ORDER}"));
    assert_eq!(answered(lookup()).await.1["status"], "IN_PROGRESS");
    sim.advance(601).await;
    assert_eq!(answered(lookup()).await.1["status"], "EXPIRED");
    assert_eq!(refused(sim.confirm(&key)).await, (404, "NOT_FOUND_PAYMENT_SESSION".to_owned()));
}

#[tokio::test]
async fn cancels_are_one_per_second_but_for_replays() {
    let sim = Sim::start().await;
    let key = sim.authorize().await;
    sim.control("clock", json!({"stopped": true})).await;
    answered(sim.confirm(&key)).await;
    let first = answered(sim.cancel(&key, Some(3_000)).header("Idempotency-Key", "r1")).await;
    assert_eq!((first.0, &first.1["balanceAmount"]), (200, &json!(7_000)));
    assert_eq!(answered(sim.cancel(&key, Some(3_000)).header("Idempotency-Key", "r1")).await, first);
    let soon = refused(sim.cancel(&key, Some(1_000)).header("Idempotency-Key", "r2")).await;
    assert_eq!(soon, (403, "FORBIDDEN_CONSECUTIVE_REQUEST".to_owned()));
    sim.advance(1).await;
    let rest = answered(sim.cancel(&key, None).header("Idempotency-Key", "r3")).await;
    assert_eq!((rest.0, &rest.1["status"]), (200, &json!("CANCELED")));
    assert_eq!(sim.truth().await, (10_000, 10_000));
}

#[tokio::test]
async fn transactions_come_in_pages() {
    let sim = Sim::start().await;
    let key = sim.authorize().await;
    answered(sim.confirm(&key)).await;
    answered(sim.cancel(&key, Some(3_000))).await;
    let span = "startDate=2020-01-01T00:00:00&endDate=2099-12-31T23:59:59.999";
    let (status, first) = answered(sim.toss(Method::GET, &format!("transactions?{span}&limit=1"))).await;
    assert_eq!((status, first.as_array().unwrap().len(), &first[0]["status"]), (200, 1, &json!("DONE")));
    let after = first[0]["transactionKey"].as_str().unwrap();
    let (_, second) = answered(sim.toss(Method::GET, &format!("transactions?{span}&startingAfter={after}"))).await;
    assert_eq!((second.as_array().unwrap().len(), &second[0]["amount"]), (1, &json!(3_000)));
    let missing = refused(sim.toss(Method::GET, "transactions?startDate=2020-01-01T00:00:00")).await;
    assert_eq!(missing, (400, "INVALID_REQUEST".to_owned()));
}

#[tokio::test]
async fn requests_are_counted_with_their_keys() {
    let sim = Sim::start().await;
    let key = sim.authorize().await;
    answered(sim.confirm(&key).header("Idempotency-Key", "1-1-1")).await;
    answered(sim.cancel(&key, None)).await;
    answered(sim.toss(Method::GET, &format!("payments/orders/{ORDER}"))).await;
    let confirms = sim.get("/__sim/requests?operation=confirm").await;
    let confirm = &confirms["requests"][0];
    assert_eq!(confirms["requests"].as_array().unwrap().len(), 1);
    assert_eq!((&confirm["idempotency_key"], &confirm["provider_order_id"]), (&json!("1-1-1"), &json!(ORDER)));
    assert_eq!(confirm["payment_key"], json!(key));
    let all = sim.get("/__sim/requests").await;
    let operations: Vec<_> = all["requests"].as_array().unwrap().iter().map(|it| &it["operation"]).collect();
    assert_eq!(operations, ["confirm", "cancel", "lookup"]);
    assert_eq!(all["requests"][1]["provider_order_id"], ORDER);
}

#[tokio::test]
async fn a_test_code_is_answered_without_touching_the_books() {
    let sim = Sim::start().await;
    let key = sim.authorize().await;
    let with = |code: &str| sim.confirm(&key).header("TossPayments-Test-Code", code);
    assert_eq!(refused(with("COMMON_ERROR")).await, (500, "COMMON_ERROR".to_owned()));
    assert_eq!(refused(with("DUPLICATED_ORDER_ID")).await, (400, "DUPLICATED_ORDER_ID".to_owned()));
    assert_eq!(refused(with("NO_SUCH_CODE")).await, (400, "INVALID_TEST_CODE".to_owned()));
    assert_eq!(answered(sim.confirm(&key)).await.0, 200);
}

#[tokio::test]
async fn malformed_controls_get_a_sentence() {
    let sim = Sim::start().await;
    for (path, body, status) in [
        ("toss/authorize", "{", 400),
        ("toss/authorize", r#"{"amount_krw":1}"#, 422),
        ("toss/authorize", r#"{"provider_order_id":"order-1","amount_krw":500,"method":"gold"}"#, 422),
        ("toss/authorize", r#"{"provider_order_id":"order-1","amount_krw":500,"decline":"NO_SUCH"}"#, 422),
        ("toss/cancel", r#"{"payment_key":"none"}"#, 422),
        ("faults", r#"{"provider":"toss","operation":"confirm","do":"explode"}"#, 422),
        ("clock", r#"{"advance_s":-1}"#, 422),
        ("clock", r#"{"advance_s":4000000000}"#, 422),
        ("nothing", "{}", 404),
    ] {
        let (got, answer) = answered(sim.request(Method::POST, &format!("/__sim/{path}")).body(body)).await;
        assert_eq!(got, status, "{path} {body}: {answer}");
        assert!(answer["message"].as_str().is_some_and(|sentence| sentence.ends_with('.')), "{answer}");
    }
}

#[tokio::test]
async fn one_connection_carries_pipelined_and_chunked_requests() {
    let sim = Sim::start().await;
    let requests = "GET /__sim/clock HTTP/1.1\r\nHost: s\r\n\r\n\
                    POST /__sim/clock HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\n\r\n\
                    6\r\n{\"adva\r\nb\r\nnce_s\": 60}\r\n0\r\n\r\n\
                    HEAD / HTTP/1.1\r\nHost: s\r\n\r\n\
                    GET /__sim/nothing HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n";
    let answer = String::from_utf8(raw(sim.address, requests.as_bytes()).await.unwrap()).unwrap();
    let statuses: Vec<_> = answer.match_indices("HTTP/1.1 ").map(|(at, _)| &answer[at + 9..at + 12]).collect();
    assert_eq!(statuses, ["200", "200", "200", "404"], "{answer}");
    assert!(answer.contains("\"advanced_s\":60"), "{answer}");
    let smuggled = raw(
        sim.address,
        b"POST / HTTP/1.1\r\nHost: s\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    );
    assert!(smuggled.await.unwrap().starts_with(b"HTTP/1.1 400 "));
}
