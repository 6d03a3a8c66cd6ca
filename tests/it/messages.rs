//! A party's chat: said once, in one order, read backwards, by members alone.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::person::{Person, draft, food, fresh_key, id, transfer_draft};
use crate::world::{World, world};

fn path(party: &str) -> String {
    format!("/v1/parties/{party}/messages")
}

/// The lines of a page, oldest first: texts, and what the system tells in brackets.
fn lines(page: &Value) -> Vec<String> {
    let line = |item: &Value| match item["kind"].as_str().unwrap() {
        "text" => item["text"].as_str().unwrap().to_owned(),
        _ => format!("[{}]", item["event"].as_str().unwrap()),
    };
    page["items"].as_array().unwrap().iter().rev().map(line).collect()
}

async fn chat(person: &Person, party: &str) -> Value {
    person.get(&path(party)).await.expect(200)
}

async fn party_of_two(world: &World) -> (Person, Person, String, String) {
    let (mina, juno) = (world.person("mina").await, world.person("juno").await);
    let party = mina.opens(transfer_draft(&json!({}))).await;
    let order = id(&juno.joins(&party, food(8_000)).await.expect(201));
    (mina, juno, party, order)
}

#[tokio::test]
async fn what_is_said_and_done_stands_in_one_order() {
    world(|world| async move {
        let (mina, juno, party, _) = party_of_two(&world).await;
        mina.says(&party, "안녕하세요").await;
        let said = juno.says(&party, "반가워요").await;
        mina.does(&party, "lock").await.expect(200);
        mina.says(&party, "주문할게요").await;
        assert_eq!(
            lines(&chat(&mina, &party).await),
            ["[created]", "[joined]", "안녕하세요", "반가워요", "[locked]", "주문할게요"]
        );
        let page = chat(&juno, &party).await;
        assert_eq!(
            lines(&page),
            ["[joined]", "안녕하세요", "반가워요", "[locked]", "주문할게요"],
            "from his joining on"
        );
        assert_eq!(page["items"][2], said);
        let joined = page["items"].as_array().unwrap().last().unwrap();
        assert_eq!((&joined["user_id"], &joined["seq"]), (&json!(juno.id), &json!(2)));
    })
    .await;
}

#[tokio::test]
async fn it_is_paged_backwards_without_gaps() {
    world(|world| async move {
        let (mina, _, party, _) = party_of_two(&world).await;
        for n in 0..23 {
            mina.says(&party, &n.to_string()).await;
        }
        let (mut all, mut next) = (Vec::new(), String::new());
        loop {
            let page = mina.get(&format!("{}?limit=4{next}", path(&party))).await.expect(200);
            let items = page["items"].as_array().unwrap().clone();
            assert!(items.len() == 4 || page.get("next_cursor").is_none());
            all.extend(items);
            // What is said meanwhile moves nothing.
            mina.says(&party, "새로운 말").await;
            let Some(cursor) = page.get("next_cursor") else { break };
            next = format!("&cursor={}", cursor.as_str().unwrap());
        }
        let seqs: Vec<i64> = all.iter().map(|item| item["seq"].as_i64().unwrap()).collect();
        assert_eq!(seqs, (1..=25).rev().collect::<Vec<_>>());
        let other = mina.get(&format!("/v1/me/parties?{}", &next[1..])).await;
        assert_eq!(other.code(422), "invalid_cursor");
        for bad in ["limit=0", "limit=101", "cursor=x"] {
            mina.get(&format!("{}?{bad}", path(&party))).await.expect(422);
        }
    })
    .await;
}

#[tokio::test]
async fn the_same_is_said_once_however_often_it_is_sent() {
    world(|world| async move {
        let (mina, juno, party, _) = party_of_two(&world).await;
        let body = json!({"text": "한 번만", "client_key": "c1"});
        let key = fresh_key();
        let at = path(&party);
        let answers = join_all((0..20).map(|_| mina.post_as(&key, &at, body.clone()))).await;
        let first = answers.iter().filter(|answer| answer.header("idempotency-replayed") != "true").count();
        assert_eq!(first, 1);
        let said = answers[0].body.clone();
        for answer in answers {
            assert_eq!(answer.expect(201), said);
        }
        // An app that has lost its key still has its own name for what it said.
        let again = mina.post(&path(&party), body.clone()).await;
        assert_eq!(again.header("idempotency-replayed"), "true");
        assert_eq!(again.expect(201), said);
        let other = json!({"text": "다른 말", "client_key": "c1"});
        assert_eq!(mina.post(&path(&party), other.clone()).await.code(422), "idempotency_key_reused");
        assert_eq!(mina.post_as(&key, &path(&party), other).await.code(422), "idempotency_key_reused");
        // Names are each one's own.
        juno.post(&path(&party), body).await.expect(201);
        assert_eq!(lines(&chat(&mina, &party).await)[2..], ["한 번만", "한 번만"]);
    })
    .await;
}

#[tokio::test]
async fn many_at_once_get_numbers_without_gaps() {
    world(|world| async move {
        let (mina, juno, party, _) = party_of_two(&world).await;
        let say = async |who: &Person, n: i64| who.says(&party, &n.to_string()).await["seq"].as_i64().unwrap();
        let both = (0..50).map(|n| say(if n % 2 == 0 { &mina } else { &juno }, n));
        let mut seqs = join_all(both).await;
        seqs.sort_unstable();
        assert_eq!(seqs, (3..53).collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test]
async fn only_members_speak_and_not_for_ever() {
    world(|world| async move {
        let (mina, juno, party, order) = party_of_two(&world).await;
        let sena = world.person("sena").await;
        let body = json!({"text": "저요", "client_key": "c"});
        assert_eq!(sena.post(&path(&party), body.clone()).await.code(403), "not_a_member");
        assert_eq!(sena.get(&path(&party)).await.code(403), "not_a_member");
        assert_eq!(sena.post("/v1/parties/1/messages", body.clone()).await.code(404), "not_found");
        juno.delete(&format!("/v1/orders/{order}")).await.expect(200);
        assert_eq!(juno.post(&path(&party), body.clone()).await.code(403), "not_a_member");
        let prepaid = sena.opens(draft(&json!({}))).await;
        juno.joins(&prepaid, food(8_000)).await.expect(201);
        assert_eq!(juno.post(&path(&prepaid), body.clone()).await.code(403), "not_a_member", "a seat that is held");

        mina.cancels(&party, "host").await.expect(200);
        mina.says(&party, "미안해요").await;
        world.pass(23 * 3600).await;
        mina.says(&party, "아직 여기 있어요").await;
        world.pass(3601).await;
        let late = mina.post(&path(&party), body).await;
        assert_eq!(late.body["state"], "cancelled");
        assert_eq!(late.code(409), "wrong_state");
        chat(&mina, &party).await;
    })
    .await;
}

#[tokio::test]
async fn what_nobody_has_to_bear_is_refused() {
    world(|world| async move {
        let (mina, _, party, _) = party_of_two(&world).await;
        let long = "가".repeat(501);
        for (text, fault) in [
            ("", "empty"),
            (" \n ", "empty"),
            (&*long, "too_long"),
            ("a\u{0}", "control_characters"),
            ("시\n발", "offensive"),
        ] {
            let refused = mina.post(&path(&party), json!({"text": text, "client_key": "c"})).await;
            let field = &refused.body["fields"][0];
            assert_eq!((field["pointer"].as_str(), field["code"].as_str()), (Some("/text"), Some(fault)), "{text}");
        }
        let refused = mina.post(&path(&party), json!({"text": "a", "client_key": ""})).await;
        assert_eq!(refused.body["fields"][0]["pointer"], "/client_key");
        let request = mina.request("POST", &path(&party)).json(&json!({"text": "a", "client_key": "c"}));
        let refused = crate::person::Answer::of(request.send().await.unwrap()).await;
        assert_eq!(refused.code(400), "idempotency_key_missing");
        let said = mina.says(&party, "첫 줄\n둘째 줄").await;
        assert_eq!(said["text"], "첫 줄\n둘째 줄");
    })
    .await;
}

#[tokio::test]
async fn those_who_keep_apart_do_not_hear_each_other() {
    world(|world| async move {
        let (mina, juno, party, _) = party_of_two(&world).await;
        mina.says(&party, "하나").await;
        juno.says(&party, "둘").await;
        juno.put(&format!("/v1/me/blocks/{}", mina.id), Value::Null).await.expect(204);
        mina.says(&party, "셋").await;
        assert_eq!(lines(&chat(&juno, &party).await), ["[joined]", "둘"]);
        let hers = chat(&mina, &party).await;
        assert_eq!(lines(&hers), ["[created]", "[joined]", "하나", "셋"]);
        assert_eq!(chat(&juno, &party).await["unread_count"], 0);
        assert!(hers["reads"].as_array().unwrap().iter().all(|read| read["user_id"] == json!(mina.id)));
    })
    .await;
}

#[tokio::test]
async fn what_is_unread_is_counted_and_survives_the_process() {
    world(|world| async move {
        let (mina, juno, party, _) = party_of_two(&world).await;
        let unread = async |who: &Person| chat(who, &party).await["unread_count"].clone();
        for text in ["하나", "둘", "셋"] {
            mina.says(&party, text).await;
        }
        assert_eq!((unread(&mina).await, unread(&juno).await), (json!(0), json!(3)), "one's own are read");
        let read = format!("{}/read", path(&party));
        juno.put(&read, json!({"seq": 4})).await.expect(204);
        assert_eq!(unread(&juno).await, 1);
        juno.put(&read, json!({"seq": 1})).await.expect(204);
        assert_eq!(unread(&juno).await, 1, "nobody reads backwards");
        juno.put(&read, json!({"seq": 1_000_000})).await.expect(204);
        mina.says(&party, "넷").await;
        assert_eq!(unread(&juno).await, 1, "nor ahead");
        let reads = chat(&mina, &party).await["reads"].clone();
        let his = reads.as_array().unwrap().iter().find(|read| read["user_id"] == json!(juno.id)).unwrap();
        assert_eq!(his["seq"], 5);
        juno.put(&read, json!({"seq": -1})).await.expect(422);
        let sena = world.person("sena").await;
        assert_eq!(sena.put(&read, json!({"seq": 1})).await.code(403), "not_a_member");

        // Another process knows what was written down.
        nbbang::app::reads::write_down(&world.app).await.unwrap();
        let (app, base) = crate::events::another(&world, |_| ()).await;
        let there = Person::sign_in(&world.client, &base, &world.simulator, "juno").await;
        assert_eq!(unread(&there).await, 1);
        app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_message_is_reported_with_what_it_said() {
    world(|world| async move {
        let (mina, juno, party, order) = party_of_two(&world).await;
        let (sena, olga) = (world.person("sena").await, world.operator("olga").await);
        let said = id(&mina.says(&party, "나쁜 말").await);
        let report = json!({"subject_type": "message", "subject_id": said, "reason": "abuse"});
        assert_eq!(sena.post("/v1/reports", report.clone()).await.code(404), "not_found");
        let own = mina.post("/v1/reports", report.clone()).await;
        assert_eq!(own.body["fields"][0]["pointer"], "/subject_id");
        juno.post("/v1/reports", report.clone()).await.expect(201);
        assert_eq!(juno.post("/v1/reports", report.clone()).await.code(409), "already_reported");
        juno.delete(&format!("/v1/orders/{order}")).await.expect(200);
        // Who comes after it was said has not seen it.
        sena.joins(&party, food(8_000)).await.expect(201);
        assert_eq!(sena.post("/v1/reports", report).await.code(404), "not_found");
        let case = olga.get("/v1/admin/reports").await.expect(200)["items"][0].clone();
        assert_eq!((&case["accused_id"], &case["subject_text"]), (&json!(mina.id), &json!("나쁜 말")));
    })
    .await;
}

#[tokio::test]
async fn who_goes_takes_his_words_along() {
    world(|world| async move {
        let (mina, juno, party, order) = party_of_two(&world).await;
        juno.says(&party, "잘 있어요").await;
        mina.says(&party, "안녕").await;
        let export = juno.get("/v1/me/export").await.expect(200);
        assert_eq!(export["messages"][0]["text"], "잘 있어요");
        assert_eq!(export["messages"].as_array().unwrap().len(), 1);
        juno.delete(&format!("/v1/orders/{order}")).await.expect(200);
        juno.delete("/v1/me").await.expect(204);
        world.pass(120).await;
        assert_eq!(lines(&chat(&mina, &party).await), ["[created]", "[joined]", "안녕", "[left]"]);
    })
    .await;
}
