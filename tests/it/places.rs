//! Places, addresses and neighbourhoods over HTTP, whatever the map does; and the names of parties' areas.

use std::time::Duration;

use nbbang::domain::geo::Point;
use serde_json::{Value, json};

use crate::person::{Answer, Person, draft};
use crate::world::{World, world, world_with};

/// Each operation of the map, and how a question begins that asks for it; two digits end it.
const QUESTIONS: [(&str, &str); 3] = [
    ("keyword", "/v1/places?lat=37.498123&lng=127.028456&query=강남역"),
    ("address", "/v1/places/addresses?query=강남대로%203"),
    ("region", "/v1/places/regions?lng=127.028456&lat=37.4"),
];

/// The answers to so many questions are spoiled.
async fn spoils(world: &World, operation: &str, times: u32, how: Value) {
    let mut fault = json!({"provider": "kakao", "operation": operation, "times": times});
    fault.as_object_mut().unwrap().extend(how.as_object().unwrap().clone());
    world.fault(fault).await;
}

/// What the map was asked.
async fn heard(world: &World, operation: &str) -> Vec<String> {
    let heard = world.sim("GET", &format!("/__sim/requests?provider=kakao&operation={operation}"), Value::Null).await;
    heard["requests"].as_array().unwrap().iter().map(|it| it["query"].as_str().unwrap().to_owned()).collect()
}

/// Nothing of what the map says or is reaches a client, nor a status of its that would mean something else here.
#[track_caller]
fn keeps_quiet(answer: &Answer, what: &str) {
    let text = answer.text.to_lowercase();
    for leak in [
        "nginx",
        "<html",
        "kakao",
        "127.0.0.1",
        "203.0.113.7",
        "api limit",
        "errortype",
        "\"msg\"",
        "accessdenied",
        "throttled",
    ] {
        assert!(!text.contains(leak), "{what}: {leak} leaks: {text}");
    }
    assert!(![401, 403, 429].contains(&answer.status), "{what}: {}", answer.status);
}

#[tokio::test]
async fn what_is_looked_for_is_found() {
    world(|world| async move {
        let mina = world.person("mina").await;
        let near = mina.get("/v1/places?query=강남역&lat=37.4981&lng=127.0278").await.expect(200);
        assert_eq!(
            near["items"][0],
            json!({
                "name": "강남역", "category": "지하철역", "address": "서울 강남구 역삼동 858",
                "street_address": "서울 강남구 강남대로 396", "lat": 37.4979, "lng": 127.0276, "distance_m": 28,
            })
        );
        let anywhere = mina.get("/v1/places?query=%20%20강남역%20").await.expect(200);
        assert!(anywhere["items"][0].get("distance_m").is_none(), "far from what? {anywhere}");
        let many = mina.get("/v1/places?query=아파트&lat=37.4981&lng=127.0278").await.expect(200);
        assert_eq!(many["items"].as_array().unwrap().len(), 15);

        let addresses = mina.get("/v1/places/addresses?query=강남대로%20396").await.expect(200);
        assert_eq!(
            addresses["items"][0],
            json!({
                "address": "서울 강남구 역삼동 858", "street_address": "서울 강남구 강남대로 396", "building": "강남역",
                "postal_code": "06000", "lat": 37.4979, "lng": 127.0276,
            })
        );
        let regions = mina.get("/v1/places/regions?lat=37.498&lng=127.028").await.expect(200);
        let legal = json!({
            "kind": "legal", "name": "역삼동", "city": "서울특별시", "district": "강남구", "code": "1168010100",
        });
        assert_eq!(regions["items"][0], legal);
        assert_eq!(
            (&regions["items"][1]["kind"], &regions["items"][1]["name"]),
            (&json!("administrative"), &json!("역삼1동"))
        );
        for nothing in
            ["/v1/places?query=zzz", "/v1/places/addresses?query=zzz", "/v1/places/regions?lat=48.8566&lng=2.3522"]
        {
            assert_eq!(mina.get(nothing).await.expect(200), json!({"items": []}), "{nothing}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_makes_no_sense_is_pointed_at() {
    world(|world| async move {
        let mina = world.person("mina").await;
        let long = "가".repeat(101);
        for (path, pointers) in [
            ("/v1/places".to_owned(), vec!["query"]),
            ("/v1/places?query=".to_owned(), vec!["query"]),
            ("/v1/places?query=%20%09".to_owned(), vec!["query"]),
            (format!("/v1/places?query={long}"), vec!["query"]),
            ("/v1/places?query=a&lat=37".to_owned(), vec!["lng"]),
            ("/v1/places?query=a&lng=127".to_owned(), vec!["lat"]),
            ("/v1/places?query=&lat=91&lng=181".to_owned(), vec!["query", "lat", "lng"]),
            ("/v1/places?query=a&radius_m=3".to_owned(), vec!["radius_m"]),
            ("/v1/places/addresses?query=%E2%80%AE".to_owned(), vec!["query"]),
            ("/v1/places/addresses?query=a&lat=1".to_owned(), vec!["lat"]),
            ("/v1/places/regions?lat=37".to_owned(), vec!["lng"]),
            ("/v1/places/regions?lat=-91&lng=NaN".to_owned(), vec!["lat", "lng"]),
        ] {
            let answer = mina.get(&path).await;
            let fields = answer.body["fields"].as_array().cloned().unwrap_or_default();
            let pointed: Vec<_> = fields.iter().map(|field| field["pointer"].as_str().unwrap()).collect();
            assert_eq!(pointed, pointers, "{path}");
            assert_eq!(answer.code(422), "invalid", "{path}");
        }
        assert_eq!(world.get("/v1/places?query=a").await.code(401), "unauthenticated");
        for (operation, _) in QUESTIONS {
            assert!(heard(&world, operation).await.is_empty(), "the map was asked for nothing");
        }
    })
    .await;
}

#[tokio::test]
async fn each_fault_of_each_operation_is_what_the_table_says() {
    world(|world| async move {
        let mina = world.person("mina").await;
        let status = |status: u16, code: &str| json!({"do": "status", "status": status, "code": code});
        for (operation, path) in QUESTIONS {
            // Each time another question.
            let mut numbers = 10..;
            let mut next = || format!("{path}{}", numbers.next().unwrap());
            for (how, wanted, code) in [
                (json!({"do": "reset"}), 502, "map_bad_answer"),
                (json!({"do": "truncate"}), 502, "map_bad_answer"),
                (json!({"do": "garbage"}), 502, "map_bad_answer"),
                (json!({"do": "html"}), 502, "map_bad_answer"),
                (json!({"do": "html", "status": 403}), 502, "map_bad_answer"),
                (json!({"do": "wrong_body"}), 502, "map_bad_answer"),
                (json!({"do": "status", "status": 500}), 502, "map_bad_answer"),
                (status(400, "-1"), 502, "map_bad_answer"),
                (status(418, "Teapot"), 502, "map_bad_answer"),
                (status(400, "-603"), 504, "map_timeout"),
                (json!({"do": "status", "status": 429}), 503, "map_unavailable"),
                (status(429, "RequestThrottled"), 503, "map_unavailable"),
                (status(400, "-7"), 503, "map_unavailable"),
                (status(503, "-9798"), 503, "map_unavailable"),
                (status(401, "-401"), 500, "internal"),
                (status(401, "AccessDeniedError"), 500, "internal"),
                (status(403, "NotAuthorizedError"), 500, "internal"),
                (status(403, "-3"), 500, "internal"),
                (status(400, "MissingParameter"), 500, "internal"),
                (status(400, "-2"), 422, "invalid"),
                (status(400, "InvalidArgument"), 422, "invalid"),
                // The last: nobody is asked any more.
                (status(400, "-10"), 503, "map_unavailable"),
            ] {
                let what = format!("{operation} {how}");
                // Twice: a question may be asked once more.
                spoils(&world, operation, 2, how.clone()).await;
                let answer = mina.get(&next()).await;
                keeps_quiet(&answer, &what);
                let retry_after = answer.header("retry-after").parse::<u32>();
                assert_eq!(answer.clone().code(wanted), code, "{what}");
                assert!(wanted != 503 || retry_after.is_ok_and(|seconds| (1..=3_600).contains(&seconds)), "{what}");
                world.heals().await;
                // So that the breaker stays closed.
                for _ in 0..if how["code"] == "-10" { 0 } else { 3 } {
                    mina.get(&next()).await.expect(200);
                }
            }
            assert_eq!(mina.get(&next()).await.code(503), "map_unavailable", "{operation}: the quota is used up");
        }
    })
    .await;
}

#[tokio::test]
async fn a_question_is_asked_once_and_its_answer_outlives_the_map() {
    world(|world| async move {
        if world.urls.redis.is_none() {
            return;
        }
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        for (operation, path) in QUESTIONS {
            let path = format!("{path}98");
            let first = mina.get(&path).await.expect(200);
            spoils(&world, operation, 9, json!({"do": "status", "status": 400, "code": "-10"})).await;
            assert_eq!(juno.get(&path).await.expect(200), first, "{operation}");
            assert_eq!(heard(&world, operation).await.len(), 1, "{operation}");
        }
        // Some metres away: the same question, and a distance of one's own.
        let path = "/v1/places?lat=37.498323&lng=127.028256&query=강남역98";
        assert_eq!(juno.get(path).await.expect(200)["items"], json!([]));
        assert_eq!(heard(&world, "keyword").await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_quota_is_asked_for_again_after_midnight_in_seoul() {
    world(|world| async move {
        let mina = world.person("mina").await;
        let path = "/v1/places?query=강남역";
        spoils(&world, "keyword", 1, json!({"do": "status", "status": 400, "code": "-10"})).await;
        for _ in 0..3 {
            assert_eq!(mina.get(path).await.code(503), "map_unavailable");
        }
        assert_eq!(heard(&world, "keyword").await.len(), 1);
        world.moves_clocks(86_400).await;
        mina.get(path).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn a_map_that_hangs_is_504_after_our_patience() {
    let short = |config: &mut nbbang::config::Config| config.patience.phone = Duration::from_secs(1);
    world_with(short, |world| async move {
        let mina = world.person("mina").await;
        for (operation, path) in QUESTIONS {
            spoils(&world, operation, 1, json!({"do": "hang"})).await;
            let answer = mina.get(&format!("{path}10")).await;
            keeps_quiet(&answer, operation);
            assert_eq!(answer.code(504), "map_timeout", "{operation}");
            mina.get(&format!("{path}11")).await.expect(200);
        }
    })
    .await;
}

#[tokio::test]
async fn a_map_that_cannot_be_reached_or_trusted_stops_no_party() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let liar = format!("https://{}", listener.local_addr().unwrap());
    // It talks, but not TLS.
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            drop(tokio::io::AsyncWriteExt::write_all(&mut socket, b"HTTP/1.1 400 Bad Request\r\n\r\n").await);
        }
    });
    for (address, status, code) in
        [("http://127.0.0.1:9/kakao".to_owned(), 503, "map_unavailable"), (liar, 502, "map_untrusted")]
    {
        let elsewhere = |config: &mut nbbang::config::Config| config.kakao.base_url = address;
        world_with(elsewhere, |world| async move {
            let mina = world.person("mina").await;
            for (operation, path) in QUESTIONS {
                let answer = mina.get(&format!("{path}10")).await;
                keeps_quiet(&answer, operation);
                assert_eq!(answer.code(status), code, "{operation}");
            }
            let party = mina.opens(draft(&json!({}))).await;
            world.settle().await;
            assert!(area(&mina, &party).await.get("name").is_none());
        })
        .await;
    }
}

/// The public view's area.
async fn area(person: &Person, party: &str) -> Value {
    person.get(&format!("/v1/parties/{party}")).await.expect(200)["area"].clone()
}

#[tokio::test]
async fn an_area_gets_its_name_and_the_map_never_the_exact_spot() {
    world(|world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let spot = Point { lat: 37.500_701, lng: 127.036_502 };
        let pickup = json!({"lat": spot.lat, "lng": spot.lng, "label": "역삼역 1번 출구"});
        let party = mina.opens(draft(&json!({"pickup": pickup}))).await;
        assert!(area(&juno, &party).await.get("name").is_none(), "a party does not wait for the map");
        let before = juno.get(&format!("/v1/parties/{party}")).await;
        world.settle().await;
        assert_eq!(area(&juno, &party).await["name"], "역삼동");
        assert_eq!(mina.room(&party).await["area"]["name"], "역삼동");
        let near = juno.get("/v1/parties?lat=37.5007&lng=127.0365").await.expect(200);
        assert_eq!(near["items"][0]["area"]["name"], "역삼동");
        let edits = mina.request("PATCH", &format!("/v1/parties/{party}")).header("If-Match", before.header("etag"));
        let edited = edits.json(&json!({"title": "새 제목"})).send().await.unwrap();
        assert_eq!(edited.status(), 200, "a name is no change that anybody has to know of");

        let centre = spot.centre().rounded(4);
        assert_eq!(heard(&world, "region").await, [format!("x={}&y={}", centre.lng, centre.lat)]);
        world.settle().await;
        assert_eq!(heard(&world, "region").await.len(), 1, "once is enough");
        assert_eq!(area(&juno, &party).await["name"], "역삼동", "a command keeps it");
    })
    .await;
}

#[tokio::test]
async fn parties_in_one_cell_are_one_question_and_a_place_without_a_name_is_asked_for_once() {
    world(|world| async move {
        let (mina, juno, sena) = (world.person("mina").await, world.person("juno").await, world.person("sena").await);
        let first = mina.opens(draft(&json!({}))).await;
        let second = juno.opens(draft(&json!({}))).await;
        let abroad = sena.opens(draft(&json!({"pickup": {"lat": 35.1, "lng": 129.0, "label": "부산"}}))).await;
        world.settle().await;
        assert_eq!(area(&sena, &first).await["name"], area(&sena, &second).await["name"]);
        assert!(area(&sena, &first).await["name"].is_string());
        assert!(area(&sena, &abroad).await.get("name").is_none());
        assert_eq!(heard(&world, "region").await.len(), 2);
        world.pass(3_600).await;
        assert_eq!(heard(&world, "region").await.len(), 2, "the map has said that it has no name");
    })
    .await;
}

#[tokio::test]
async fn an_area_gets_its_name_after_an_outage() {
    world(|world| async move {
        let mina = world.person("mina").await;
        spoils(&world, "region", 9, json!({"do": "status", "status": 503})).await;
        let party = mina.opens(draft(&json!({}))).await;
        world.settle().await;
        let asked = heard(&world, "region").await.len();
        assert!((1..=2).contains(&asked), "{asked}");
        world.settle().await;
        assert_eq!(heard(&world, "region").await.len(), asked, "not before its time");
        assert!(area(&mina, &party).await.get("name").is_none());
        world.heals().await;
        world.pass(29).await;
        assert!(area(&mina, &party).await.get("name").is_none());
        world.pass(2).await;
        assert_eq!(area(&mina, &party).await["name"], "역삼동");
    })
    .await;
}

#[tokio::test]
async fn a_party_that_is_over_needs_no_name() {
    world(|world| async move {
        let mina = world.person("mina").await;
        let party = mina.opens(draft(&json!({}))).await;
        mina.cancels(&party, "host").await.expect(200);
        world.settle().await;
        assert!(heard(&world, "region").await.is_empty());
    })
    .await;
}
