//! Orders over HTTP: what may be eaten, what a seat costs, and what a repeated or late command says.

use serde_json::{Value, json};

use crate::operations::pointer;
use crate::person::{draft, food, id, transfer_draft};
use crate::world::world;

fn item(name: &str, price: i64, quantity: i64) -> Value {
    json!([{"name": name, "unit_price_krw": price, "quantity": quantity}])
}

#[tokio::test]
async fn what_is_eaten_has_limits() {
    world(|world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let party = mina.opens(draft(&json!({}))).await;
        let mut wrong = vec![
            (json!([]), "/items", "too_few"),
            (item("a", 0, 1), "/items", "too_few"),
            (item("", 1_000, 1), "/items/0/name", "empty"),
            (item(&"가".repeat(61), 1_000, 1), "/items/0/name", "too_long"),
            (item("a\u{0}", 1_000, 1), "/items/0/name", "control_characters"),
            (item("a", 1_000_001, 1), "/items/0/unit_price_krw", "out_of_range"),
            (item("a", -1, 1), "/items/0/unit_price_krw", "out_of_range"),
            (item("a", i64::MAX, 99), "/items/0/unit_price_krw", "out_of_range"),
            (item("a", 1, 0), "/items/0/quantity", "out_of_range"),
            (item("a", 1, i64::MAX), "/items/0/quantity", "out_of_range"),
            (item("a", 1_000_000, 6), "/items", "out_of_range"),
        ];
        wrong.push((json!(vec![item("a", 1, 1)[0].clone(); 31]), "/items", "too_many"));
        for (items, at, fault) in &wrong {
            let answer = juno.joins(&party, items.clone()).await;
            assert_eq!((answer.status, pointer(&answer)), (422, *at), "{items}: {}", answer.text);
            assert_eq!(answer.body["fields"][0]["code"], *fault, "{items}");
        }
        let order = juno.joins_and_pays(&party, food(8_000)).await;
        for (items, at, fault) in &wrong {
            let answer = juno.put(&format!("/v1/orders/{order}/items"), json!({"items": items})).await;
            assert_eq!((answer.status, pointer(&answer)), (422, *at), "{items}: {}", answer.text);
            assert_eq!(answer.body["fields"][0]["code"], *fault, "{items}");
        }
        let host = mina.room(&party).await["my_order_id"].as_str().unwrap().to_owned();
        let nothing = mina.put(&format!("/v1/orders/{host}/items"), json!({"items": []})).await.expect(200);
        assert_eq!(nothing["food_krw"], 0, "a host may eat nothing");
        for reason in ["", "?reason=", "?reason=%20", "?reason=a%07b", &format!("?reason={}", "a".repeat(201))] {
            let answer = mina.delete(&format!("/v1/orders/{order}{reason}")).await;
            assert_eq!((answer.status, pointer(&answer)), (422, "reason"), "{reason}: {}", answer.text);
        }
    })
    .await;
}

#[tokio::test]
async fn an_amount_that_cannot_be_paid_is_refused_at_once() {
    world(|world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let free = draft(&json!({"fee_tiers": [{"from_krw": 0, "fee_krw": 0}]}));
        let party = mina.opens(free).await;
        assert_eq!(juno.joins(&party, food(199)).await.code(422), "amount_too_small");
        let order = juno.joins(&party, food(200)).await.expect(201);
        let payment = &order["payment"];
        assert_eq!(
            (&payment["amount_krw"], &payment["order_id"], &payment["kind"]),
            (&json!(200), &order["id"], &json!("join"))
        );
        let key = juno.authorizes(payment, "card").await;
        let path = format!("/v1/payments/{}/confirmation", id(payment));
        let less = juno.post(&path, json!({"payment_key": key, "amount_krw": 199})).await;
        assert_eq!(less.code(422), "amount_mismatch");
        for bad in ["", " ", "a b", "키", &"a".repeat(201)] {
            let answer = juno.post(&path, json!({"payment_key": bad, "amount_krw": 200})).await;
            assert_eq!((answer.status, pointer(&answer)), (422, "/payment_key"), "{bad}");
        }
        assert_eq!(
            mina.get(&format!("/v1/payments/{}", id(payment))).await.code(404),
            "not_found",
            "the payer's alone"
        );
        let others = mina.post(&path, json!({"payment_key": key, "amount_krw": 200})).await;
        assert_eq!(others.code(404), "not_found");
        juno.confirms(payment, &key).await.expect(200);
        world.pass(3 * 3600).await;
        assert_eq!(juno.joins(&party, food(8_000)).await.code(409), "party_not_open");
    })
    .await;
}

#[tokio::test]
async fn what_has_ended_says_how() {
    world(|world| async move {
        let (mina, juno, sena) = (world.person("mina").await, world.person("juno").await, world.person("sena").await);
        let party = mina.opens(draft(&json!({"capacity": 2}))).await;
        let held = juno.joins(&party, food(8_000)).await.expect(201);
        let full = sena.joins(&party, food(8_000)).await;
        assert_eq!(full.body["state"], "open");
        assert_eq!(full.code(409), "party_full");
        let path = format!("/v1/orders/{}", id(&held));
        for _ in 0..2 {
            assert_eq!(juno.delete(&path).await.expect(200)["state"], "left");
        }
        let change = juno.put(&format!("{path}/items"), json!({"items": food(1_000)})).await;
        assert_eq!(change.body["state"], "left");
        assert_eq!(change.code(409), "wrong_state");
        assert_eq!(juno.order(&id(&held)).await["payment"]["state"], "cancelled");
        let paid = sena.joins_and_pays(&party, food(8_000)).await;
        for _ in 0..2 {
            assert_eq!(mina.delete(&format!("/v1/orders/{paid}?reason=x")).await.expect(200)["state"], "kicked");
        }
        world.settle().await;
        let back = sena.order(&paid).await;
        assert_eq!(
            (&back["paid_krw"], &back["refunded_krw"], &back["refunding_krw"]),
            (&json!(10_000), &json!(10_000), &json!(0))
        );
        let host = mina.room(&party).await["my_order_id"].as_str().unwrap().to_owned();
        assert_eq!(mina.delete(&format!("/v1/orders/{host}")).await.code(409), "host_cannot_leave");
        let again = juno.joins_and_pays(&party, food(8_000)).await;
        world.pass(2 * 3600 - 60).await;
        mina.does(&party, "lock").await.expect(200);
        for address in [format!("/v1/orders/{again}"), format!("/v1/orders/{again}?reason=x")] {
            let late = juno.delete(&address).await;
            assert_eq!(late.body["state"], "locked");
            assert_eq!(late.code(409), "party_not_open");
        }
    })
    .await;
}

#[tokio::test]
async fn the_two_sides_of_a_transfer_each_say_their_own() {
    world(|world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let party = mina.opens(transfer_draft(&json!({}))).await;
        let order = id(&juno.joins(&party, food(8_000)).await.expect(201));
        let path = |rest: &str| format!("/v1/orders/{order}/transfer{rest}");
        assert_eq!(juno.put(&path(""), Value::Null).await.code(409), "wrong_state", "nothing is owed yet");
        mina.does(&party, "lock").await.expect(200);
        assert_eq!(juno.order(&order).await["transfer_state"], "due");
        let early = mina.put(&path("/receipt"), Value::Null).await;
        assert_eq!(early.body["state"], "due");
        assert_eq!(early.code(409), "wrong_state");
        for _ in 0..2 {
            assert_eq!(juno.put(&path(""), Value::Null).await.expect(200)["transfer_state"], "sent");
        }
        for _ in 0..2 {
            assert_eq!(mina.put(&path("/dispute"), Value::Null).await.expect(200)["transfer_state"], "disputed");
        }
        for _ in 0..2 {
            assert_eq!(mina.put(&path("/receipt"), Value::Null).await.expect(200)["transfer_state"], "received");
        }
        assert_eq!(
            juno.put(&path(""), Value::Null).await.expect(200)["transfer_state"],
            "received",
            "whatever came after"
        );
        let dispute = mina.put(&path("/dispute"), Value::Null).await;
        assert_eq!(dispute.expect(200)["transfer_state"], "received", "it has happened, and was settled after");
    })
    .await;
}
