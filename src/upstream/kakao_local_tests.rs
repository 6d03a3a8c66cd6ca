//! Kakao's documented answers and errors, and its quota, against our client on a real socket.

use serde_json::{Value, json};
use time::macros::datetime;

use super::*;
use crate::upstream::scripted::{Act, answer_text, serve};

const POINT: Point = Point { lat: 37.498, lng: 127.028 };
const EVENING: Time = datetime!(2026-11-24 20:00 +9);

fn kakao(address: &str) -> KakaoLocal {
    KakaoLocal::new(address, &SecretString::from("0123456789abcdef")).unwrap()
}

fn at(now: Time) -> When {
    When { now, deadline: Deadline::within(Duration::from_secs(20)) }
}

fn fixture(name: &str) -> Value {
    let path = format!("{}/simulator/fixtures/kakao/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A documented success, with fields and words that we do not know.
fn answer(name: &str) -> Act {
    let mut body = fixture(name)["response"]["body"].clone();
    body["a field of tomorrow"] = json!([1, {"x": "y"}]);
    for document in body["documents"].as_array_mut().unwrap() {
        document["another"] = json!(null);
    }
    Act::Answer(200, body)
}

/// The answer to a question that is answered with `act`, also when it is asked once more.
async fn places(act: Act) -> Reply<Place> {
    let (address, _server) = serve(vec![act.clone(), act]);
    kakao(&address).places("강남역", None, at(EVENING)).await
}

#[tokio::test]
async fn it_asks_as_documented() {
    let (address, server) = serve(vec![answer("keyword_found"), answer("address_street"), answer("region_both")]);
    let kakao = kakao(&format!("{address}/kakao/"));
    kakao.places("강남역 & 1", Some(POINT), at(EVENING)).await.unwrap();
    kakao.addresses("강남대로 396", at(EVENING)).await.unwrap();
    kakao.regions(POINT, at(EVENING)).await.unwrap();
    for line in [
        "GET /kakao/v2/local/search/keyword.json?query=%EA%B0%95%EB%82%A8%EC%97%AD+%26+1&x=127.028&y=37.498 HTTP/1.1\r\n",
        "GET /kakao/v2/local/search/address.json?query=%EA%B0%95%EB%82%A8%EB%8C%80%EB%A1%9C+396 HTTP/1.1\r\n",
        "GET /kakao/v2/local/geo/coord2regioncode.json?x=127.028&y=37.498 HTTP/1.1\r\n",
    ] {
        let request = server.asked.recv().unwrap();
        assert!(request.starts_with(line), "{request}");
        assert!(request.contains("authorization: KakaoAK 0123456789abcdef\r\n"), "{request}");
    }
}

#[tokio::test]
async fn a_place_has_what_kakao_says_of_it_and_nothing_that_is_empty() {
    let place = Place {
        name: "강남역".into(),
        category: Some("지하철역".into()),
        address: Some("서울 강남구 역삼동 858".into()),
        street_address: Some("서울 강남구 강남대로 396".into()),
        point: Point { lat: 37.4979, lng: 127.0276 },
    };
    assert_eq!(places(answer("keyword_found")).await, Ok(Some(vec![place.clone()])));
    let mut bare = fixture("keyword_found")["response"]["body"].clone();
    bare["documents"][0]["category_group_name"] = json!("");
    bare["documents"][0]["road_address_name"] = json!("");
    let found = places(Act::Answer(200, bare)).await.unwrap().unwrap();
    assert_eq!(found, [Place { street_address: None, ..place }], "the last of the categories is the nearest");
    assert_eq!(places(answer("keyword_none")).await, Ok(Some(vec![])));
}

#[tokio::test]
async fn an_address_has_both_of_its_forms() {
    let (address, _server) = serve(vec![answer("address_street"), answer("address_region")]);
    let kakao = kakao(&address);
    let street = kakao.addresses("강남대로 396", at(EVENING)).await.unwrap().unwrap();
    let point = Point { lat: 37.4979, lng: 127.0276 };
    assert_eq!(
        street,
        [Address {
            address: "서울 강남구 역삼동 858".into(),
            street_address: Some("서울 강남구 강남대로 396".into()),
            building: Some("강남역".into()),
            postal_code: Some("06000".into()),
            point,
        }]
    );
    let region = kakao.addresses("역삼동", at(EVENING)).await.unwrap().unwrap();
    let whole = Address {
        address: "서울 강남구 역삼동".into(),
        street_address: None,
        building: None,
        postal_code: None,
        point,
    };
    assert_eq!(region, [whole]);
}

#[tokio::test]
async fn a_region_is_told_by_its_type_and_not_by_its_place_in_the_list() {
    let mut turned = fixture("region_both")["response"]["body"].clone();
    turned["documents"].as_array_mut().unwrap().reverse();
    let (address, _server) = serve(vec![answer("region_both"), Act::Answer(200, turned), answer("region_abroad")]);
    let kakao = kakao(&address);
    let kinds = |regions: Reply<Region>| -> Vec<(RegionKind, String)> {
        regions.unwrap().unwrap().into_iter().map(|region| (region.kind, region.name)).collect()
    };
    let (legal, office) =
        ((RegionKind::Legal, "역삼동".to_owned()), (RegionKind::Administrative, "역삼1동".to_owned()));
    assert_eq!(kinds(kakao.regions(POINT, at(EVENING)).await), [legal.clone(), office.clone()]);
    assert_eq!(kinds(kakao.regions(POINT, at(EVENING)).await), [office, legal]);
    assert_eq!(kinds(kakao.regions(POINT, at(EVENING)).await), []);
}

/// Whatever status it comes with: the code alone tells.
#[tokio::test]
async fn every_documented_error_is_sorted_by_its_code() {
    let errors = fixture("errors");
    for error in errors.as_array().unwrap() {
        assert!(error["source"].as_str().is_some_and(|source| !source.is_empty()), "{error}");
        for status in [error["status"].as_u64().unwrap(), 400, 429, 500] {
            let said = places(Act::Answer(u16::try_from(status).unwrap(), error["body"].clone())).await;
            let means = match &said {
                Ok(None) => "nonsense",
                Err(Fault::Busy { retry_after_ms: Some(LONGEST_MS) }) => "used_up",
                Err(fault) => fault.word(),
                Ok(Some(_)) => "found",
            };
            assert_eq!(means, error["means"], "{status} {error}");
            assert!(!format!("{said:?}").contains("203.0.113.7"), "{said:?}");
        }
    }
}

#[tokio::test]
async fn what_is_no_answer_of_kakaos_is_unknown() {
    let json = |status: u16, body: Value| Act::Answer(status, body);
    let incomplete = json!({"meta": {}, "documents": [{"place_name": "강남역"}]});
    let nowhere = json!({"meta": {}, "documents": [{"place_name": "강남역", "x": "north", "y": "37.5"}]});
    for (act, why) in [
        (Act::Raw(answer_text(200, "", "<html>")), why::GARBAGE),
        (Act::Raw(answer_text(200, "", r#"{"documents": [{"#)), why::GARBAGE),
        (json(200, json!({"code": -10, "msg": "an error within a success"})), why::GARBAGE),
        (json(200, incomplete), why::GARBAGE),
        (json(200, nowhere), why::GARBAGE),
        (Act::Raw(answer_text(401, "", "<html>nginx</html>")), why::GARBAGE),
        (Act::Raw(answer_text(502, "", "<html>nginx</html>")), why::SERVER_ERROR),
        (Act::Raw(answer_text(302, "location: http://127.0.0.1:9/\r\n", "")), why::REDIRECT),
        (json(400, json!({"code": -77, "msg": "?"})), why::UNKNOWN_CODE),
        (json(403, json!({"errorType": "ErrorOfTomorrow", "message": "?"})), why::UNKNOWN_CODE),
        (json(400, json!({"errorType": "no code, but a sentence", "message": "?"})), why::GARBAGE),
        (Act::Reset(b""), why::RESET),
        (Act::Reset(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"), why::RESET),
    ] {
        assert_eq!(places(act).await, Err(Fault::Unknown(why)), "{why}");
    }
    let busy = Act::Raw(answer_text(429, "retry-after: 7\r\n", "slow down"));
    assert_eq!(places(busy).await, Err(Fault::Busy { retry_after_ms: Some(7_000) }));
    let new_code = Act::Raw(answer_text(429, "", r#"{"errorType": "TooFast", "message": ""}"#));
    assert_eq!(places(new_code).await, Err(Fault::Busy { retry_after_ms: None }));
}

#[tokio::test]
async fn a_question_without_a_usable_answer_is_asked_once_more_and_no_other() {
    for (bad, asked) in [
        (Act::Reset(b""), 2),
        (Act::Answer(400, json!({"code": -1, "msg": ""})), 2),
        (Act::Answer(400, json!({"code": -2, "msg": ""})), 1),
        (Act::Answer(400, json!({"code": -10, "msg": ""})), 1),
        (Act::Answer(401, json!({"code": -401, "msg": ""})), 1),
    ] {
        let (address, server) = serve(vec![bad, answer("keyword_found")]);
        let found = kakao(&address).places("강남역", None, at(EVENING)).await;
        assert_eq!(matches!(found, Ok(Some(_))), asked == 2, "{found:?}");
        assert_eq!(server.asked.try_iter().count(), asked);
    }
}

#[tokio::test]
async fn nobody_is_asked_until_a_quota_is_renewed() {
    let quota = Act::Answer(400, json!({"code": -10, "msg": "API limit has been exceeded."}));
    let (address, server) = serve(vec![quota, answer("address_street"), answer("keyword_found")]);
    let kakao = kakao(&address);
    let evening = Err(Fault::Busy { retry_after_ms: Some(LONGEST_MS) });
    assert_eq!(kakao.places("강남역", None, at(EVENING)).await, evening);
    let late = datetime!(2026-11-24 23:59 +9);
    assert_eq!(kakao.places("강남역", None, at(late)).await, Err(Fault::Busy { retry_after_ms: Some(60_000) }));
    assert!(kakao.addresses("강남대로 396", at(late)).await.is_ok(), "each kind has its own");
    assert!(kakao.places("강남역", None, at(datetime!(2026-11-25 0:00 +9))).await.is_ok());
    let asked = server.asked.iter().take(3).map(|request| request.contains("keyword.json"));
    assert_eq!(asked.collect::<Vec<_>>(), [true, false, true]);
}

#[test]
fn the_key_is_not_shown() {
    assert!(!format!("{:?}", kakao("http://127.0.0.1:9")).contains("0123456789abcdef"));
}
