//! Kakao Local as simulated: every documented exchange replayed, its errors in both shapes, pages, faults.

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Sim, answered};

const KEYWORD: &str = "/kakao/v2/local/search/keyword.json";

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/kakao")
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn asked(sim: &Sim, path: &str) -> reqwest::RequestBuilder {
    sim.request(Method::GET, path).header("Authorization", "KakaoAK simulator")
}

async fn plan(sim: &Sim, operation: &str, more: Value) {
    let mut fault = json!({"provider": "kakao", "operation": operation});
    fault.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    sim.control("faults", fault).await;
}

/// The same but for a message's words.
fn same(name: &str, wanted: &Value, said: &Value) {
    let without_words = |body: &Value| {
        let mut body = body.clone();
        for field in ["message", "msg"] {
            if let Some(words) = body.get_mut(field) {
                assert!(!words.as_str().unwrap().is_empty(), "{name}");
                *words = Value::Null;
            }
        }
        body
    };
    assert_eq!(without_words(wanted), without_words(said), "{name}");
}

#[tokio::test]
async fn every_fixture_is_what_the_simulator_says() {
    let sim = Sim::start().await;
    let mut replayed = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let fixture = read(&path);
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if fixture.is_array() {
            continue;
        }
        assert!(fixture["source"].as_str().is_some_and(|source| !source.is_empty()), "{name} has no source");
        let mut request = sim.request(Method::GET, &format!("/kakao{}", fixture["request"]["path"].as_str().unwrap()));
        for (header, value) in fixture["request"]["headers"].as_object().unwrap() {
            request = request.header(header, value.as_str().unwrap());
        }
        let (status, body) = answered(request).await;
        assert_eq!(json!(status), fixture["response"]["status"], "{name}");
        same(&name, &fixture["response"]["body"], &body);
        replayed += 1;
    }
    assert!(replayed >= 9, "{replayed}");
}

#[tokio::test]
async fn every_error_has_its_shape() {
    let sim = Sim::start().await;
    for error in read(&folder().join("errors.json")).as_array().unwrap() {
        let body = &error["body"];
        let code =
            body["code"].as_i64().map_or_else(|| body["errorType"].as_str().unwrap().to_owned(), |it| it.to_string());
        plan(&sim, "keyword", json!({"do": "status", "status": error["status"], "code": code})).await;
        let (status, said) = answered(asked(&sim, &format!("{KEYWORD}?query=a"))).await;
        assert_eq!(json!(status), error["status"], "{code}");
        same(&code, body, &said);
    }
}

#[tokio::test]
async fn only_a_simulators_key_works() {
    let sim = Sim::start().await;
    for key in ["KakaoAK 0123456789abcdef0123456789abcdef", "KakaoAK ", "Bearer simulator", "simulator"] {
        let request = sim.request(Method::GET, &format!("{KEYWORD}?query=a")).header("Authorization", key);
        let (status, body) = answered(request).await;
        assert_eq!((status, &body["errorType"]), (401, &json!("AccessDeniedError")), "{key}");
    }
}

#[tokio::test]
async fn pages_follow_one_another_to_the_end() {
    let sim = Sim::start().await;
    // 지하철역: more than the 45 that can be looked at.
    let page = async |number: u32| {
        let path = format!("{KEYWORD}?query=%EC%A7%80%ED%95%98%EC%B2%A0%EC%97%AD&page={number}&size=15");
        answered(asked(&sim, &path)).await.1
    };
    let mut names = Vec::new();
    for number in 1..=3 {
        let page = page(number).await;
        assert_eq!(page["meta"]["pageable_count"], 45);
        assert!(page["meta"]["total_count"].as_u64().unwrap() > 45);
        assert_eq!(page["meta"]["is_end"], number == 3, "{number}");
        names.extend(page["documents"].as_array().unwrap().iter().map(|it| it["id"].to_string()));
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 45);
    assert!(page(4).await["documents"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn wrong_parameters_are_refused() {
    let sim = Sim::start().await;
    for (path, kind) in [
        (format!("{KEYWORD}?query=%20"), "MissingParameter"),
        (format!("{KEYWORD}?query=a&size=16"), "InvalidArgument"),
        (format!("{KEYWORD}?query=a&x=127"), "MissingParameter"),
        (format!("{KEYWORD}?query=a&radius=100"), "MissingParameter"),
        (format!("{KEYWORD}?query=a&x=127&y=37&radius=20001"), "InvalidArgument"),
        (format!("{KEYWORD}?query=a&sort=distance"), "InvalidArgument"),
        ("/kakao/v2/local/search/address.json?query=a&size=31".to_owned(), "InvalidArgument"),
        ("/kakao/v2/local/geo/coord2regioncode.json?x=181&y=37".to_owned(), "InvalidArgument"),
        ("/kakao/v2/local/geo/coord2regioncode.json?x=127".to_owned(), "MissingParameter"),
    ] {
        let (status, body) = answered(asked(&sim, &path)).await;
        assert_eq!((status, &body["errorType"]), (400, &json!(kind)), "{path}");
    }
}

#[tokio::test]
async fn an_operation_fails_apart_and_what_was_asked_is_known() {
    let sim = Sim::start().await;
    let region = || asked(&sim, "/kakao/v2/local/geo/coord2regioncode.json?x=127.0276&y=37.4979");
    for (deed, status) in [(json!({"do": "html"}), 502), (json!({"do": "status", "status": 503}), 503)] {
        plan(&sim, "region", deed).await;
        assert_eq!(asked(&sim, &format!("{KEYWORD}?query=a")).send().await.unwrap().status(), 200);
        assert_eq!(region().send().await.unwrap().status(), status);
    }
    plan(&sim, "region", json!({"do": "reset", "when": "after_effect"})).await;
    region().send().await.unwrap_err();
    plan(&sim, "region", json!({"do": "wrong_body"})).await;
    let (status, body) = answered(region()).await;
    assert_eq!((status, body["documents"][0].get("region_type")), (200, None));
    assert_eq!(answered(region()).await.0, 200);
    let heard = sim.get("/__sim/requests?provider=kakao&operation=region").await;
    let heard = heard["requests"].as_array().unwrap();
    assert_eq!(heard.len(), 5);
    assert!(heard.iter().all(|it| it["query"] == "x=127.0276&y=37.4979"), "{heard:?}");
}
