//! Rate limits through the whole: each class to its end, shared by processes, kept when Redis goes, and never another's.

use std::net::TcpListener;
use std::sync::Arc;

use futures_util::future::join_all;
use nbbang::app::App;
use nbbang::config::Config;
use nbbang::domain::limit::Class;
use serde_json::{Value, json};

use crate::person::{Answer, Person, draft, food};
use crate::redis::Redis;
use crate::world::{World, world_with};

fn on(config: &mut Config) {
    config.rate_limits.are_on = true;
}

/// A complaint that is refused for its form; counted all the same.
async fn complains(person: &Person) -> Answer {
    person.post("/v1/reports", json!({})).await
}

/// How many of so many at once are let through.
async fn let_through(person: &Person, many: usize) -> usize {
    let answers = join_all((0..many).map(|_| complains(person))).await;
    let odd = answers.iter().find(|answer| ![422, 429].contains(&answer.status));
    assert!(odd.is_none(), "{odd:?}");
    answers.iter().filter(|answer| answer.status == 422).count()
}

fn quota(class: Class) -> usize {
    usize::try_from(class.quota().count).unwrap()
}

#[tokio::test]
async fn of_a_thousand_at_once_exactly_the_quota_is_let_through() {
    world_with(on, |world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        assert_eq!(let_through(&mina, 1000).await, quota(Class::Report));
        let refused = complains(&mina).await;
        assert_eq!(refused.header("ratelimit-policy"), "\"report\";q=20;w=3600");
        assert!(refused.header("ratelimit").starts_with("\"report\";r=0;t=3"), "{}", refused.header("ratelimit"));
        let wait: u64 = refused.header("retry-after").parse().unwrap();
        assert!((1..=180).contains(&wait), "{wait}");
        assert_eq!(refused.body["retry_after_ms"].as_u64().unwrap().div_ceil(1000), wait);
        assert_eq!(refused.code(429), "too_many_requests");
        // Neither another user on the same address nor another class.
        let other = complains(&juno).await;
        assert_eq!((other.status, other.header("ratelimit")), (422, "\"report\";r=19;t=180"));
        mina.get("/v1/me").await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn each_class_has_an_end() {
    world_with(on, |world| async move {
        let mina = world.person("mina").await;
        let anonymous = async |path: &str| {
            let request = world.client.post(format!("{}{path}", world.base)).json(&json!({}));
            Answer::of(request.send().await.unwrap()).await
        };
        for class in Class::ALL {
            let (mut passed, most) = (0, quota(*class) * 2);
            let last = loop {
                let answer = match class {
                    Class::Read => mina.get("/v1/me").await,
                    Class::Search => mina.get("/v1/parties").await,
                    Class::Map => mina.get("/v1/places").await,
                    Class::Write => {
                        mina.request("PATCH", "/v1/me")
                            .json(&json!({"x": 1}))
                            .send()
                            .await
                            .map(Answer::of)
                            .unwrap()
                            .await
                    }
                    Class::SignIn => anonymous("/v1/sessions/apple").await,
                    Class::Refresh => anonymous("/v1/sessions/refresh").await,
                    Class::Payment => mina.post("/v1/payments/1/confirmation", json!({})).await,
                    Class::Purchase => mina.post("/v1/purchases/app-store", json!({})).await,
                    Class::Page => world.get("/i/0000000000").await,
                    Class::Report => complains(&mina).await,
                    Class::Webhook => anonymous("/v1/webhooks/app-store").await,
                };
                if answer.status == 429 {
                    break answer;
                }
                passed += 1;
                assert!(passed <= most, "{class:?} has no end");
            };
            let said = if *class == Class::Page {
                last.text.contains("잠시만요")
            } else {
                last.body["code"] == "too_many_requests"
            };
            assert!(said, "{class:?}: {}", last.text);
            // One sign-in was the harness's own.
            assert!(passed + 1 >= quota(*class), "{class:?} ends after {passed}");
        }
    })
    .await;
}

#[tokio::test]
async fn processes_count_together() {
    world_with(on, |world| async move {
        let mina = world.person("mina").await;
        assert_eq!(let_through(&mina, 12).await, 12);
        let other = another(&world).await;
        let there = Person::sign_in(&world.client, &other, &world.simulator, "mina").await;
        assert_eq!(there.id, mina.id);
        assert_eq!(let_through(&there, 12).await, 8);
    })
    .await;
}

/// A second process's server.
async fn another(world: &World) -> String {
    let mut config = world.app.config.clone();
    let store = &mut config.app_store;
    store.root_certs.clear();
    (store.bundle_id, store.api_base_url, store.api_key_id) = (None, None, None);
    (store.api_issuer_id, store.api_key_file) = (None, None);
    let app = App::start(config).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(nbbang::http::serve(Arc::clone(&app), listener).unwrap());
    base
}

#[tokio::test]
async fn without_redis_the_process_counts_by_itself() {
    let without = |config: &mut Config| {
        on(config);
        config.storage.redis_url = None;
    };
    world_with(without, |world| async move {
        let mina = world.person("mina").await;
        assert_eq!(let_through(&mina, 100).await, quota(Class::Report));
    })
    .await;
}

#[tokio::test]
async fn when_redis_goes_the_process_counts_on_and_nobody_gets_an_error() {
    let mut redis = Redis::start().await;
    let url = redis.url();
    let change = move |config: &mut Config| {
        on(config);
        config.storage.redis_url = Some(url.into());
    };
    world_with(change, |world| async move {
        let mina = world.person("mina").await;
        assert_eq!(let_through(&mina, 30).await, quota(Class::Report));
        redis.kill();
        assert_eq!(let_through(&mina, 30).await, 0);
        assert_eq!(let_through(&world.person("juno").await, 100).await, quota(Class::Report));
    })
    .await;
}

#[tokio::test]
async fn who_sends_forged_notifications_is_not_listened_to_any_more_and_others_are() {
    world_with(on, |world| async move {
        let genuine = world.mints_notice("TEST", None, &json!({}), &json!({})).await;
        let forged = world.mints_notice("TEST", None, &json!({}), &json!({"tamper": "signature_bit_flipped"})).await;
        // However many: Apple's own are not counted.
        for _ in 0..quota(Class::Webhook) * 2 {
            world.delivers(&genuine).await.expect(200);
        }
        for _ in 0..quota(Class::Webhook) {
            assert_eq!(world.delivers(&forged).await.code(422), "purchase_invalid");
        }
        assert_eq!(world.delivers(&forged).await.code(429), "too_many_requests");
        // Before anything is verified: from this address even what is genuine.
        assert_eq!(world.delivers(&genuine).await.code(429), "too_many_requests");
    })
    .await;
}

#[tokio::test]
async fn hints_about_nothing_count_and_their_sender_does_not_hear_it() {
    world_with(on, |world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let party = mina.opens(draft(&json!({}))).await;
        let joined = juno.joins(&party, food(8_000)).await.expect(201);
        let order = |id: &Value| json!({"data": {"orderId": format!("{}-1", id.as_str().unwrap())}});
        let hint = async |body: Value| {
            let request = world.client.post(format!("{}/v1/webhooks/toss", world.base)).json(&body);
            Answer::of(request.send().await.unwrap()).await
        };
        for _ in 0..quota(Class::Webhook) * 2 {
            hint(order(&joined["payment"]["id"])).await.expect(200);
        }
        for n in 0..quota(Class::Webhook) {
            hint(order(&if n % 2 == 0 { json!("1024") } else { json!("nonsense") })).await.expect(200);
        }
        assert_eq!(hint(order(&json!("1024"))).await.code(429), "too_many_requests");
    })
    .await;
}

#[tokio::test]
async fn in_dev_nobody_is_limited_unless_it_is_switched_on() {
    world_with(
        |_| (),
        |world| async move {
            let mina = world.person("mina").await;
            let answer = complains(&mina).await;
            assert_eq!((answer.status, answer.header("ratelimit")), (422, ""));
            assert_eq!(let_through(&mina, 100).await, 100);
        },
    )
    .await;
}
