//! Each fault, before and after the effect: what the merchant sees, and what Toss's books say.

use std::io::ErrorKind;

use reqwest::Method;
use serde_json::json;

use crate::harness::{ORDER, Sim, answered, refused};

/// Whether the money moved, for a fault that strikes the one confirm.
async fn struck(when: &str, fault: serde_json::Value) -> (std::io::Result<Vec<u8>>, bool) {
    let sim = Sim::start().await;
    let key = sim.authorize().await;
    sim.fault("confirm", when, fault).await;
    let answer = sim.confirm_raw(&key).await;
    let moved = sim.truth().await == (10_000, 0);
    assert_eq!(sim.get("/__sim/faults").await, json!({"faults": []}));
    (answer, moved)
}

#[tokio::test]
async fn reset_garbage_truncate_and_hang_break_the_connection() {
    for (when, moves) in [("before", false), ("after_effect", true)] {
        let (answer, moved) = struck(when, json!({"do": "reset"})).await;
        assert_eq!((answer.unwrap_err().kind(), moved), (ErrorKind::ConnectionReset, moves));

        let (answer, moved) = struck(when, json!({"do": "garbage"})).await;
        assert_eq!((answer.unwrap().starts_with(b"HTTP"), moved), (false, moves));

        let (answer, moved) = struck(when, json!({"do": "hang"})).await;
        assert_eq!((answer.unwrap(), moved), (Vec::new(), moves));

        let (answer, moved) = struck(when, json!({"do": "drop"})).await;
        assert_eq!((answer.unwrap(), moved), (Vec::new(), moves));

        let (answer, moved) = struck(when, json!({"do": "truncate"})).await;
        let answer = String::from_utf8_lossy(&answer.unwrap()).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
        assert!(
            head.starts_with("HTTP/1.1 200 ") && !body.is_empty() && body.len() < length.parse().unwrap(),
            "{answer}"
        );
        assert_eq!(moved, moves);
    }
}

#[tokio::test]
async fn html_and_status_are_answers_of_something_in_between() {
    for (when, moves) in [("before", false), ("after_effect", true)] {
        let (answer, moved) = struck(when, json!({"do": "html"})).await;
        let answer = String::from_utf8(answer.unwrap()).unwrap();
        assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains("<html>"), "{answer}");
        assert_eq!(moved, moves);

        let (answer, moved) = struck(when, json!({"do": "status", "status": 503})).await;
        assert!(answer.unwrap().starts_with(b"HTTP/1.1 503 "));
        assert_eq!(moved, moves);
    }
}

#[tokio::test]
async fn a_status_with_a_code_is_kept_under_the_idempotency_key() {
    for (when, captured) in [("before", 0), ("after_effect", 10_000)] {
        let sim = Sim::start().await;
        let key = sim.authorize().await;
        let code = "FAILED_INTERNAL_SYSTEM_PROCESSING";
        sim.fault("confirm", when, json!({"do": "status", "status": 500, "code": code})).await;
        for _ in 0..2 {
            let answer = refused(sim.confirm(&key).header("Idempotency-Key", "k")).await;
            assert_eq!(answer, (500, code.to_owned()));
            assert_eq!(sim.truth().await, (captured, 0));
        }
    }
}

#[tokio::test]
async fn a_lost_answer_is_replayed_under_its_idempotency_key() {
    let sim = Sim::start().await;
    let key = sim.authorize().await;
    sim.fault("confirm", "after_effect", json!({"do": "reset"})).await;
    let confirm = || sim.confirm(&key).header("Idempotency-Key", "k");
    confirm().send().await.unwrap_err();
    assert_eq!(answered(confirm()).await.1["status"], "DONE");
    assert_eq!(sim.truth().await, (10_000, 0));
}

#[tokio::test]
async fn a_duplicate_is_done_once_under_its_key() {
    for when in ["before", "after_effect"] {
        let sim = Sim::start().await;
        let key = sim.authorize().await;
        sim.fault("confirm", when, json!({"do": "duplicate"})).await;
        assert_eq!(answered(sim.confirm(&key).header("Idempotency-Key", "k")).await.1["status"], "DONE");
        sim.fault("cancel", when, json!({"do": "duplicate"})).await;
        assert_eq!(refused(sim.cancel(&key, Some(4_000))).await.1, "FORBIDDEN_CONSECUTIVE_REQUEST", "without a key");
        assert_eq!(sim.truth().await, (10_000, 4_000));
    }
}

#[tokio::test]
async fn an_error_says_what_was_planned() {
    let sim = Sim::start().await;
    let key = sim.authorize().await;
    for fault in [
        json!({"do": "status", "status": 503, "text": "canary"}),
        json!({"do": "status", "status": 400, "code": "PROVIDER_ERROR", "text": "canary"}),
        json!({"do": "html", "text": "canary"}),
    ] {
        sim.fault("confirm", "before", fault).await;
        assert!(sim.confirm(&key).send().await.unwrap().text().await.unwrap().contains("canary"));
    }
}

#[tokio::test]
async fn latency_goes_by() {
    for when in ["before", "after_effect"] {
        let (answer, moved) = struck(when, json!({"do": "latency", "ms": 1})).await;
        assert!(answer.unwrap().starts_with(b"HTTP/1.1 200 "));
        assert!(moved);
    }
}

#[tokio::test]
async fn a_wrong_body_is_somebody_elses_payment() {
    let sim = Sim::start().await;
    let key = sim.authorize().await;
    sim.fault("confirm", "before", json!({"do": "wrong_body"})).await;
    sim.fault("lookup", "after_effect", json!({"do": "wrong_body"})).await;
    for request in [sim.confirm(&key), sim.toss(Method::GET, &format!("payments/orders/{ORDER}"))] {
        let (status, body) = answered(request).await;
        assert_eq!((status, &body["status"], &body["paymentKey"]), (200, &json!("DONE"), &json!(key)));
        assert_ne!(body["orderId"], ORDER);
        assert_ne!(body["totalAmount"], 10_000);
    }
    assert_eq!(sim.truth().await, (0, 0));
}

#[tokio::test]
async fn other_operations_fail_apart_and_faults_can_be_ended() {
    let sim = Sim::start().await;
    let key = sim.authorize().await;
    for operation in ["cancel", "lookup", "list"] {
        sim.fault(operation, "before", json!({"do": "status", "status": 503, "times": 99})).await;
    }
    assert_eq!(answered(sim.confirm(&key)).await.0, 200);
    let lookup = || sim.toss(Method::GET, &format!("payments/{key}"));
    let list = sim.toss(Method::GET, "transactions");
    for request in [sim.cancel(&key, None), lookup(), list] {
        assert_eq!(request.send().await.unwrap().status(), 503);
    }
    assert_eq!(sim.get("/__sim/faults").await["faults"].as_array().unwrap().len(), 3);
    assert_eq!(sim.request(Method::DELETE, "/__sim/faults").send().await.unwrap().status(), 204);
    assert_eq!(answered(lookup()).await.1["status"], "DONE");
}
