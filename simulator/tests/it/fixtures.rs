//! Every documented exchange, replayed: the simulator has to say what the fixture says.

use std::path::Path;

use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::harness::{AUTHORIZATION, Merchant, Sim};

#[tokio::test]
async fn every_fixture_is_what_the_simulator_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/toss");
    let mut replayed = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let fixture: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert!(fixture["source"].as_str().is_some_and(|source| !source.is_empty()), "{name} has no source");
        replay(&name, &fixture).await;
        replayed += 1;
    }
    assert!(replayed >= 12, "{replayed}");
}

async fn replay(name: &str, fixture: &Value) {
    let mut merchant = Merchant::start(&[]).await;
    let sim = Sim::start_with(&merchant.base).await;
    sim.control("clock", json!({"stopped": true})).await;
    let mut payment_key = fixture["payment_key"].as_str().unwrap().to_owned();
    let stand_in = payment_key.clone();
    for step in fixture["given"].as_array().unwrap() {
        let (verb, what) = step.as_object().unwrap().iter().next().unwrap();
        let what = with_key(what, &stand_in, &payment_key);
        match verb.as_str() {
            "authorize" => payment_key = sim.authorize_with(what).await,
            "advance_s" => sim.advance(u32::try_from(what.as_u64().unwrap()).unwrap()).await,
            "confirm" => drop(sim.toss(Method::POST, "payments/confirm").json(&what).send().await.unwrap()),
            "cancel" => {
                drop(
                    sim.toss(Method::POST, &format!("payments/{payment_key}/cancel")).json(&what).send().await.unwrap(),
                );
            }
            other => panic!("{name}: no step {other}"),
        }
    }
    let fixture = with_key(fixture, &stand_in, &payment_key);
    let varies: Vec<&str> = fixture["varies"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    if fixture["webhook"].is_object() {
        let webhook = merchant.next().await;
        let wanted = &fixture["webhook"];
        let sent = |header: &String| (header.clone(), json!(webhook.header(header)));
        let headers: Map<String, Value> = wanted["headers"].as_object().unwrap().keys().map(sent).collect();
        same(&format!("{name} headers"), &varies, "", &wanted["headers"], &Value::Object(headers));
        same(name, &varies, "", &wanted["body"], &serde_json::from_slice(&webhook.body).unwrap());
        return;
    }
    let request = &fixture["request"];
    let method: Method = request["method"].as_str().unwrap().parse().unwrap();
    let mut asked = sim.request(method, &format!("/toss{}", request["path"].as_str().unwrap()));
    assert!(request["headers"]["Authorization"].as_str().is_some_and(|it| it.len() <= AUTHORIZATION.len()), "{name}");
    for (header, value) in request["headers"].as_object().unwrap() {
        asked = asked.header(header, value.as_str().unwrap());
    }
    if !request["body"].is_null() {
        asked = asked.json(&request["body"]);
    }
    let response = asked.send().await.unwrap();
    assert_eq!(json!(response.status().as_u16()), fixture["response"]["status"], "{name}");
    same(name, &varies, "", &fixture["response"]["body"], &response.json().await.unwrap());
}

fn with_key(value: &Value, stand_in: &str, payment_key: &str) -> Value {
    serde_json::from_str(&value.to_string().replace(stand_in, payment_key)).unwrap()
}

/// The same fields everywhere; the same values but for what varies, which has the same shape.
fn same(name: &str, varies: &[&str], field: &str, wanted: &Value, said: &Value) {
    match (wanted, said) {
        (Value::Object(wanted), Value::Object(said)) => {
            assert_eq!(wanted.keys().collect::<Vec<_>>(), said.keys().collect::<Vec<_>>(), "{name}, {field}");
            for (field, wanted) in wanted {
                same(name, varies, field, wanted, &said[field]);
            }
        }
        (Value::Array(wanted), Value::Array(said)) => {
            assert_eq!(wanted.len(), said.len(), "{name}, {field}");
            for (wanted, said) in wanted.iter().zip(said) {
                same(name, varies, field, wanted, said);
            }
        }
        (Value::String(wanted), Value::String(said)) if field == "message" => {
            assert!(!wanted.is_empty() && !said.is_empty(), "{name}");
        }
        (Value::String(wanted), Value::String(said)) if varies.contains(&field) => {
            assert_eq!(shape(wanted), shape(said), "{name}, {field}: {wanted} and {said}");
        }
        _ => assert_eq!(wanted, said, "{name}, {field}"),
    }
}

/// Letters and digits alike, so that times and keys are compared by how they are written.
fn shape(text: &str) -> String {
    if let Some(rest) = text.strip_prefix("ps_") {
        return format!("ps_{}", if rest.chars().all(|c| c.is_ascii_alphanumeric()) { "…" } else { rest });
    }
    text.chars().map(|c| if c.is_ascii_digit() || ('A'..='F').contains(&c) { '0' } else { c }).collect()
}
