//! A command acts once, however often and however simultaneously it is sent, and its answer comes again.

use std::collections::BTreeSet;
use std::sync::Arc;

use nbbang::jobs;
use serde_json::{Value, json};
use time::Duration;
use time::format_description::well_known::Rfc3339;

use crate::crowd::at_once;
use crate::person::{Answer, Person, draft, food, fresh_key, id, transfer_draft};
use crate::world::{World, world};

/// With whatever header this is.
async fn posts(person: &Person, path: &str, body: &Value, keys: &[&str]) -> Answer {
    let request =
        keys.iter().fold(person.request("POST", path), |request, key| request.header("Idempotency-Key", *key));
    Answer::of(request.json(body).send().await.unwrap()).await
}

/// A party far enough ahead that a day can pass in it.
fn tomorrow(world: &World) -> Value {
    let deadline = world.app.clock.now() + Duration::hours(24);
    json!({"deadline_at": deadline.format(&Rfc3339).unwrap()})
}

#[tokio::test]
async fn a_key_is_asked_for_and_has_to_be_one() {
    world(|world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let party = mina.opens(draft(&json!({}))).await;
        let order = juno.joins(&party, food(8_000)).await.expect(201);
        let payment = format!("/v1/payments/{}/confirmation", order["payment"]["id"].as_str().unwrap());
        let items = json!({"items": food(1_000)});
        let paid = json!({"payment_key": "key", "amount_krw": 10_000});
        for (path, body) in [
            ("/v1/parties".to_owned(), draft(&json!({}))),
            (format!("/v1/parties/{party}/orders"), items),
            (payment, paid),
        ] {
            assert_eq!(posts(&juno, &path, &body, &[]).await.code(400), "idempotency_key_missing", "{path}");
            let long = "k".repeat(256);
            for wrong in ["", "\"", "a b", "\"a", &long] {
                let told = posts(&juno, &path, &body, &[wrong]).await.code(400);
                assert_eq!(told, "idempotency_key_malformed", "{path} {wrong:?}");
            }
            assert_eq!(posts(&juno, &path, &body, &["a", "a"]).await.code(400), "idempotency_key_malformed");
        }
    })
    .await;
}

#[tokio::test]
async fn the_answer_comes_again_byte_by_byte_after_the_party_has_gone_on() {
    world(|world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        for terms in [draft(&json!({})), transfer_draft(&json!({}))] {
            let (open, join) = (fresh_key(), fresh_key());
            let opened = posts(&mina, "/v1/parties", &terms, &[&open]).await;
            let party = id(&opened.clone().expect(201));
            let (path, items) = (format!("/v1/parties/{party}/orders"), json!({"items": food(8_000)}));
            let joined = posts(&juno, &path, &items, &[&join]).await;
            assert_eq!((joined.status, joined.header("Idempotency-Replayed")), (201, ""));

            // He leaves, comes back, and the party ends.
            let order = id(&joined.body);
            juno.delete(&format!("/v1/orders/{order}")).await.expect(200);
            let second = juno.joins(&party, food(9_000)).await.expect(201);
            assert_ne!(id(&second), order);
            mina.cancels(&party, "host").await.expect(200);

            // Quoted or bare, spaced or not: the same command.
            let quoted = format!("\"{join}\"");
            for key in [&join, &quoted] {
                let again = posts(&juno, &path, &items, &[key]).await;
                assert_eq!((again.status, again.header("Idempotency-Replayed")), (201, "true"));
                assert_eq!((&again.text, again.header("Location")), (&joined.text, joined.header("Location")));
                assert_eq!(again.header("ETag"), joined.header("ETag"));
            }
            let again = posts(&mina, "/v1/parties", &terms, &[&open]).await;
            assert_eq!((again.status, again.header("Idempotency-Replayed")), (201, "true"));
            assert_eq!((&again.text, again.header("Location")), (&opened.text, opened.header("Location")));

            let other = json!({"items": food(8_001)});
            assert_eq!(posts(&juno, &path, &other, &[&join]).await.code(422), "idempotency_key_reused");
            let mut other = terms.clone();
            other["title"] = json!("다른 파티");
            assert_eq!(posts(&mina, "/v1/parties", &other, &[&open]).await.code(422), "idempotency_key_reused");
        }
    })
    .await;
}

#[tokio::test]
async fn a_key_is_of_one_user_and_one_route() {
    world(|world| async move {
        let (mina, juno, sena) = (world.person("mina").await, world.person("juno").await, world.person("sena").await);
        let key = fresh_key();
        let (ours, theirs) = (draft(&json!({})), transfer_draft(&json!({})));
        let party = id(&posts(&mina, "/v1/parties", &ours, &[&key]).await.expect(201));
        let other = id(&posts(&juno, "/v1/parties", &theirs, &[&key]).await.expect(201));
        assert_ne!(party, other);
        let items = json!({"items": food(8_000)});
        let mut seats = BTreeSet::new();
        for (person, party) in [(&juno, &party), (&sena, &party), (&sena, &other)] {
            let joined = posts(person, &format!("/v1/parties/{party}/orders"), &items, &[&key]).await;
            assert_eq!(joined.header("Idempotency-Replayed"), "");
            assert!(seats.insert(id(&joined.expect(201))));
        }
    })
    .await;
}

#[tokio::test]
async fn a_refusal_is_judged_anew() {
    world(|world| async move {
        let [mina, juno, sena] = [world.person("mina").await, world.person("juno").await, world.person("sena").await];
        let party = mina.opens(transfer_draft(&json!({"capacity": 2}))).await;
        let first = juno.joins(&party, food(8_000)).await.expect(201);
        let (key, path) = (fresh_key(), format!("/v1/parties/{party}/orders"));
        let items = json!({"items": food(8_000)});
        assert_eq!(posts(&sena, &path, &items, &[&key]).await.code(409), "party_full");
        juno.delete(&format!("/v1/orders/{}", id(&first))).await.expect(200);
        let joined = posts(&sena, &path, &items, &[&key]).await;
        assert_eq!((joined.status, joined.header("Idempotency-Replayed")), (201, ""));

        let open = fresh_key();
        let terms = draft(&json!({}));
        assert_eq!(posts(&mina, "/v1/parties", &terms, &[&open]).await.code(409), "already_hosting");
        mina.cancels(&party, "host").await.expect(200);
        posts(&mina, "/v1/parties", &terms, &[&open]).await.expect(201);
    })
    .await;
}

#[tokio::test]
async fn what_was_done_is_answered_even_if_it_could_not_be_done_again() {
    world(|world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let open = fresh_key();
        let terms = transfer_draft(&json!({}));
        let party = id(&posts(&mina, "/v1/parties", &terms, &[&open]).await.expect(201));
        let (key, path, items) = (fresh_key(), format!("/v1/parties/{party}/orders"), json!({"items": food(8_000)}));
        let joined = posts(&juno, &path, &items, &[&key]).await;
        sqlx::query("update users set trust = 0").execute(&*world.app.databases.main()).await.unwrap();
        assert_eq!(posts(&juno, &path, &items, &[&key]).await.text, joined.clone().text);
        assert_eq!(posts(&juno, &path, &json!({"items": food(1)}), &[&key]).await.code(422), "idempotency_key_reused");
        assert_eq!(id(&posts(&mina, "/v1/parties", &terms, &[&open]).await.expect(201)), party);
        juno.delete(&format!("/v1/orders/{}", id(&joined.body))).await.expect(200);
        assert_eq!(juno.joins(&party, food(8_000)).await.code(403), "trust_too_low");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_at_once_act_once() {
    world(|world| async move {
        let (mina, juno) = (Arc::new(world.person("mina").await), Arc::new(world.person("juno").await));
        for terms in [draft(&json!({})), transfer_draft(&json!({}))] {
            let key = fresh_key();
            let commands = vec![(Arc::clone(&mina), key, terms); 100];
            let opened = at_once(100, commands, |(mina, key, terms)| async move {
                posts(&mina, "/v1/parties", &terms, &[&key]).await
            });
            let party = one_effect(&opened.await.into_iter().map(|done| done.answer).collect::<Vec<_>>());

            let key = fresh_key();
            let commands = vec![(Arc::clone(&juno), key, format!("/v1/parties/{party}/orders")); 100];
            let joined = at_once(100, commands, |(juno, key, path)| async move {
                posts(&juno, &path, &json!({"items": food(8_000)}), &[&key]).await
            });
            let order = one_effect(&joined.await.into_iter().map(|done| done.answer).collect::<Vec<_>>());
            let room = mina.room(&party).await;
            assert_eq!((&room["orders"][1]["id"], &room["version"]), (&json!(order), &json!(2)));
            mina.cancels(&party, "host").await.expect(200);
        }
    })
    .await;
}

/// All got the same answer, and all but one as a repetition; the id of what was made.
fn one_effect(answers: &[Answer]) -> String {
    let texts: BTreeSet<&str> = answers.iter().map(|answer| answer.text.as_str()).collect();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(answers.iter().all(|answer| answer.status == 201));
    let first = answers.iter().filter(|answer| answer.header("Idempotency-Replayed").is_empty());
    assert_eq!(first.count(), 1);
    id(&answers[0].body)
}

#[tokio::test]
async fn an_answer_is_kept_for_a_day() {
    world(|world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let (open, join) = (fresh_key(), fresh_key());
        let terms = transfer_draft(&tomorrow(&world));
        let opened = posts(&mina, "/v1/parties", &terms, &[&open]).await;
        let party = id(&opened.clone().expect(201));
        let (path, items) = (format!("/v1/parties/{party}/orders"), json!({"items": food(8_000)}));
        let joined = posts(&juno, &path, &items, &[&join]).await;
        assert_eq!(joined.status, 201);

        world.pass(23 * 3600 + 3500).await;
        jobs::tidy(Arc::clone(&world.app)).await.unwrap();
        assert_eq!(posts(&juno, &path, &items, &[&join]).await.text, joined.text);
        assert_eq!(posts(&mina, "/v1/parties", &terms, &[&open]).await.text, opened.text);

        world.pass(200).await;
        jobs::tidy(Arc::clone(&world.app)).await.unwrap();
        assert_eq!(posts(&juno, &path, &items, &[&join]).await.code(409), "already_joined");
        assert_eq!(posts(&mina, "/v1/parties", &terms, &[&open]).await.code(422), "invalid", "its deadline is over");
    })
    .await;
}

#[tokio::test]
async fn a_transition_that_has_happened_is_answered_as_it_is_and_one_that_cannot_names_the_state() {
    world(|world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let party = mina.opens(transfer_draft(&json!({}))).await;
        let order = id(&juno.joins(&party, food(8_000)).await.expect(201));
        let refused = |answer: Answer| {
            let body = answer.expect(409);
            (body["code"].as_str().unwrap().to_owned(), body["state"].as_str().unwrap().to_owned())
        };
        let wrong = |state: &str| ("wrong_state".to_owned(), state.to_owned());
        assert_eq!(refused(mina.places(&party, 20_000).await), wrong("open"));
        assert_eq!(refused(mina.does(&party, "arrival").await), wrong("open"));
        assert_eq!(refused(juno.put(&format!("/v1/orders/{order}/pickup"), Value::Null).await), wrong("joined"));
        for _ in 0..2 {
            assert_eq!(mina.does(&party, "lock").await.expect(200)["state"], "locked");
        }
        for _ in 0..2 {
            assert_eq!(mina.places(&party, 20_000).await.expect(200)["state"], "placed");
        }
        assert_eq!(mina.does(&party, "lock").await.expect(200)["state"], "placed", "whatever came after");
        assert_eq!(refused(mina.cancels(&party, "host").await), wrong("placed"));
        for _ in 0..2 {
            assert_eq!(mina.does(&party, "arrival").await.expect(200)["state"], "arrived");
        }
        for _ in 0..2 {
            let picked = juno.put(&format!("/v1/orders/{order}/pickup"), Value::Null).await.expect(200);
            assert_eq!(picked["state"], "picked_up");
        }
        for what in ["lock", "arrival"] {
            assert_eq!(mina.does(&party, what).await.expect(200)["state"], "completed", "{what}");
        }
        assert_eq!(mina.places(&party, 20_000).await.expect(200)["state"], "completed");
        assert_eq!(refused(mina.places(&party, 20_001).await), wrong("completed"), "not with another receipt");
        assert_eq!(refused(mina.cancels(&party, "host").await), wrong("completed"));
    })
    .await;
}

#[tokio::test]
async fn leaving_and_kicking_twice_is_as_good_as_once() {
    world(|world| async move {
        let [mina, juno, sena] = [world.person("mina").await, world.person("juno").await, world.person("sena").await];
        let party = mina.opens(draft(&json!({}))).await;
        let [left, kicked] =
            [juno.joins_and_pays(&party, food(8_000)).await, sena.joins_and_pays(&party, food(8_000)).await];
        for _ in 0..3 {
            assert_eq!(juno.delete(&format!("/v1/orders/{left}")).await.expect(200)["state"], "left");
            let path = format!("/v1/orders/{kicked}?reason=no");
            assert_eq!(mina.delete(&path).await.expect(200)["state"], "kicked");
        }
        mina.cancels(&party, "host").await.expect(200);
        for _ in 0..2 {
            assert_eq!(mina.cancels(&party, "host").await.expect(200)["state"], "cancelled");
            assert_eq!(juno.delete(&format!("/v1/orders/{left}")).await.expect(200)["state"], "left");
        }
        world.settle().await;
        for (person, order) in [(&juno, &left), (&sena, &kicked)] {
            let order = person.order(order).await;
            assert_eq!((&order["paid_krw"], &order["refunded_krw"]), (&json!(10_000), &json!(10_000)), "back, once");
        }
    })
    .await;
}
