//! Payments from their beginning to their truth: keys, repetitions, methods, top-ups, and seats that are gone meanwhile.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::person::{food, fresh_key, id};
use crate::table::Table;
use crate::world::world;

fn confirmation(payment: &Value) -> String {
    format!("/v1/payments/{}/confirmation", payment["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_confirmation_repeated_or_doubled_acts_once() {
    world(|world| async move {
        for (name, same) in [("same", true), ("different", false)] {
            let table = Table::held(&world, name).await;
            let payment_key = table.guest.authorizes(&table.payment, "card").await;
            let body = json!({"payment_key": payment_key, "amount_krw": 10_000});
            let (path, key) = (confirmation(&table.payment), fresh_key());
            let keys: Vec<_> = (0..8).map(|_| if same { key.clone() } else { fresh_key() }).collect();
            let answers = join_all(keys.iter().map(|key| table.guest.post_as(key, &path, body.clone()))).await;
            assert!(answers.iter().all(|answer| [200, 202].contains(&answer.status)), "{answers:?}");
            for key in &keys {
                assert_eq!(table.guest.post_as(key, &path, body.clone()).await.expect(200)["state"], "paid");
            }
            assert_eq!(world.asked("confirm", &table.payment).await.len(), 1, "{name}");
            assert_eq!(table.seat().await, ("joined".to_owned(), 10_000, 0));
        }
    })
    .await;
}

#[tokio::test]
async fn a_declined_payment_is_paid_at_the_second_attempt() {
    world(|world| async move {
        let table = Table::held(&world, "juno").await;
        let body = json!({
            "provider_order_id": table.payment["provider_order_id"], "amount_krw": 10_000, "decline": "REJECT_CARD_PAYMENT",
        });
        let first = world.sim("POST", "/__sim/toss/authorize", body).await["payment_key"].as_str().unwrap().to_owned();
        for _ in 0..2 {
            let answer = table.guest.confirms(&table.payment, &first).await;
            assert_eq!(answer.body["decline_code"], "insufficient_funds");
            assert_eq!(answer.code(402), "payment_declined");
        }
        assert_eq!(world.asked("confirm", &table.payment).await.len(), 1, "the answer is known");
        let next = table.payment().await;
        let of = |payment: &Value| payment["provider_order_id"].as_str().unwrap().to_owned();
        assert_eq!((of(&table.payment).ends_with("-1"), of(&next).ends_with("-2")), (true, true));
        assert_eq!(table.pays().await.expect(200)["state"], "paid");
        let again = table.guest.confirms(&next, &first).await.expect(200);
        assert_eq!(again["state"], "paid", "what is true of it by now");
    })
    .await;
}

#[tokio::test]
async fn keys_and_amounts_that_are_not_of_the_payment_change_nothing() {
    world(|world| async move {
        let (juno, sena) = (Table::held(&world, "juno").await, Table::held(&world, "sena").await);
        let unpaid = sena.guest.authorizes(&sena.payment, "card").await;
        assert_eq!(juno.guest.confirms(&juno.payment, &unpaid).await.code(422), "amount_mismatch");
        sena.guest.confirms(&sena.payment, &unpaid).await.expect(200);
        assert_eq!(
            juno.guest.confirms(&juno.payment, &unpaid).await.code(422),
            "amount_mismatch",
            "used up by another"
        );

        let mut dearer = juno.payment.clone();
        dearer["amount_krw"] = json!(10_001);
        let wrong = juno.guest.authorizes(&dearer, "card").await;
        assert_eq!(juno.guest.confirms(&dearer, &wrong).await.code(422), "amount_mismatch", "said to us");
        assert_eq!(
            juno.guest.confirms(&juno.payment, &wrong).await.code(422),
            "amount_mismatch",
            "said to the provider"
        );
        assert_eq!(juno.state().await, "ready");

        let garbage = juno.guest.confirms(&juno.payment, "no-such-key").await;
        assert_eq!(garbage.body["decline_code"], "session_expired");
        garbage.expect(402);
        for key in ["", "a b", "키", &"k".repeat(201)] {
            assert_eq!(juno.guest.confirms(&juno.payment, key).await.code(422), "invalid");
        }
        assert_eq!(sena.guest.confirms(&juno.payment, &wrong).await.code(404), "not_found", "somebody else's payment");
        assert_eq!(juno.host.get(&format!("/v1/payments/{}", id(&juno.payment))).await.code(404), "not_found");
        assert_eq!(juno.pays().await.expect(200)["state"], "paid");
    })
    .await;
}

#[tokio::test]
async fn a_method_that_cannot_be_given_back_in_parts_is_taken_back_whole() {
    world(|world| async move {
        for method in ["virtual_account", "mobile"] {
            let table = Table::held(&world, method).await;
            let key = table.guest.authorizes(&table.payment, method).await;
            let answer = table.guest.confirms(&table.payment, &key).await;
            assert_eq!(answer.body["decline_code"], "method_unavailable", "{method}");
            assert_eq!(answer.code(402), "payment_declined", "{method}");
            assert_eq!(world.held_there(&table.payment).await, 0, "{method}");
            assert_eq!(table.account("provider").await, 0);
            assert_eq!(table.pays().await.expect(200)["state"], "paid", "{method}: with a card");
        }
        for method in ["easy_pay", "transfer"] {
            let table = Table::held(&world, method).await;
            let key = table.guest.authorizes(&table.payment, method).await;
            assert_eq!(table.guest.confirms(&table.payment, &key).await.expect(200)["state"], "paid", "{method}");
        }
    })
    .await;
}

#[tokio::test]
async fn taking_a_method_back_goes_on_until_it_is_done() {
    world(|world| async move {
        for (n, fault) in [
            json!({"do": "status", "status": 500, "code": "FAILED_REFUND_PROCESS"}),
            json!({"do": "reset"}),
            json!({"when": "after_effect", "do": "reset"}),
        ]
        .into_iter()
        .enumerate()
        {
            let table = Table::held(&world, &format!("guest{n}")).await;
            world.spoils("cancel", 1, fault).await;
            let key = table.guest.authorizes(&table.payment, "mobile").await;
            table.guest.confirms(&table.payment, &key).await.expect(202);
            world.pass(10).await;
            world.pass(20).await;
            assert_eq!(table.state().await, "declined");
            assert_eq!(world.held_there(&table.payment).await, 0);
        }
    })
    .await;
}

#[tokio::test]
async fn the_time_to_pay_ends() {
    world(|world| async move {
        let table = Table::held(&world, "juno").await;
        let key = table.guest.authorizes(&table.payment, "card").await;
        world.pass(301).await;
        assert_eq!(table.guest.confirms(&table.payment, &key).await.code(409), "payment_expired");
        assert_eq!(table.state().await, "expired");
        assert_eq!(table.seat().await, ("expired".to_owned(), 0, 0));
        assert!(world.asked("confirm", &table.payment).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_payment_that_the_provider_cannot_tell_of_waits_and_then_its_seat_goes() {
    world(|world| async move {
        let table = Table::held(&world, "juno").await;
        world.spoils("confirm", 1, json!({"when": "after_effect", "do": "reset"})).await;
        table.pays().await.expect(202);
        world.spoils("lookup", 1_000, json!({"do": "status", "status": 503})).await;
        for (seconds, state) in
            [(10, "held"), (20, "held"), (90, "held"), (180, "held"), (360, "held"), (40, "held"), (30, "expired")]
        {
            world.pass(seconds).await;
            assert_eq!(table.seat().await.0, state);
            assert_eq!(table.state().await, "confirming");
        }
        world.heals().await;
        world.pass(3_600).await;
        world.pass(2).await;
        assert_eq!(table.state().await, "refunded");
        assert_eq!(table.seat().await, ("expired".to_owned(), 10_000, 10_000), "its seat is gone");
        assert_eq!((table.account("order").await, table.account("refunding").await), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn a_payment_that_the_provider_has_never_heard_of_ends_after_eleven_minutes() {
    world(|world| async move {
        let table = Table::held(&world, "juno").await;
        world.spoils("confirm", 1, json!({"do": "reset"})).await;
        world.spoils("lookup", 1_000, json!({"do": "status", "status": 404, "code": "NOT_FOUND_PAYMENT"})).await;
        let key = table.guest.authorizes(&table.payment, "card").await;
        table.guest.confirms(&table.payment, &key).await.expect(202);
        for seconds in [10, 20, 90, 180, 180, 150] {
            world.pass(seconds).await;
            assert_eq!(table.state().await, "confirming");
        }
        world.pass(40).await;
        assert_eq!(table.state().await, "expired");
        assert_eq!(table.seat().await.0, "expired");
        assert_eq!(table.guest.confirms(&table.payment, &key).await.code(409), "payment_expired");
    })
    .await;
}

#[tokio::test]
async fn who_leaves_while_confirming_gets_all_back_or_is_not_charged() {
    world(|world| async move {
        for (when, charged) in [("after_effect", 10_000), ("before", 0)] {
            let table = Table::held(&world, when).await;
            world.spoils("confirm", 1, json!({"when": when, "do": "reset"})).await;
            table.pays().await.expect(202);
            assert_eq!(table.leaves().await.expect(200)["state"], "left");
            world.pass(10).await;
            for seconds in [20, 90, 180, 180, 180] {
                world.pass(seconds).await;
            }
            assert_eq!(table.seat().await, ("left".to_owned(), charged, charged), "{when}");
            assert_eq!(
                world.asked("confirm", &table.payment).await.len(),
                1,
                "{when}: nobody pays for a seat that is gone"
            );
            let state = table.state().await;
            assert!(["refunded", "cancelled"].contains(&state.as_str()), "{when}: {state}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_lock_waits_for_a_payment_under_way_and_the_deadline_for_two_minutes() {
    world(|world| async move {
        let table = Table::paid(&world, "juno").await;
        let sena = world.person("sena").await;
        // The last minutes before the deadline.
        for _ in 0..7 {
            world.pass(1_000).await;
        }
        world.spoils("confirm", 1, json!({"when": "after_effect", "do": "reset"})).await;
        world.spoils("lookup", 1_000, json!({"do": "status", "status": 503})).await;
        let order = sena.joins(&table.party, food(6_000)).await.expect(201);
        sena.pays(&order["payment"]).await.expect(202);
        let refused = table.host.does(&table.party, "lock").await;
        assert_eq!(refused.body["retryable"], true);
        assert_eq!(refused.code(409), "payment_pending");
        world.pass(210).await;
        assert_eq!(table.host.room(&table.party).await["state"], "open", "the deadline waits");
        world.pass(120).await;
        assert_eq!(table.host.room(&table.party).await["state"], "locked", "but not for ever");
        assert_eq!(sena.order(&id(&order)).await["state"], "expired");
        world.heals().await;
        world.pass(600).await;
        world.pass(2).await;
        let after = sena.order(&id(&order)).await;
        assert_eq!((&after["paid_krw"], &after["refunded_krw"]), (&json!(8_000), &json!(8_000)));
    })
    .await;
}

#[tokio::test]
async fn dearer_items_wait_for_their_top_up_and_cheaper_ones_give_back() {
    world(|world| async move {
        let table = Table::paid(&world, "juno").await;
        let order = table.eats(9_500).await.expect(200);
        assert_eq!(order["food_krw"], 8_000, "not yet");
        let top_up = order["payment"].clone();
        assert_eq!((&top_up["kind"], &top_up["amount_krw"]), (&json!("top_up"), &json!(1_500)));
        table.guest.pays(&top_up).await.expect(200);
        assert_eq!(table.guest.order(&table.order).await["food_krw"], 9_500);
        assert_eq!(table.seat().await, ("joined".to_owned(), 11_500, 0));

        table.eats(7_000).await.expect(200);
        world.pass(2).await;
        // 4,500 too much: the top-up's 1,500 first, the rest of the first payment; both are one second's work each.
        assert_eq!(table.seat().await, ("joined".to_owned(), 11_500, 2_500));
        assert_eq!(world.held_there(&top_up).await, 0);
        assert_eq!(world.held_there(&table.payment).await, 9_000);
    })
    .await;
}

#[tokio::test]
async fn a_top_up_found_after_its_time_is_refunded_and_one_in_time_is_served() {
    world(|world| async move {
        for (name, gone) in [("stays", false), ("leaves", true)] {
            let table = Table::paid(&world, name).await;
            let top_up = table.eats(9_500).await.expect(200)["payment"].clone();
            world.spoils("confirm", 1, json!({"when": "after_effect", "do": "reset"})).await;
            table.guest.pays(&top_up).await.expect(202);
            assert_eq!(table.eats(9_000).await.code(409), "payment_pending");
            if gone {
                table.leaves().await.expect(200);
            }
            world.pass(10).await;
            world.pass(2).await;
            let expected = if gone { ("left", 11_500, 11_500) } else { ("joined", 11_500, 0) };
            let (state, paid, refunded) = table.seat().await;
            assert_eq!((state.as_str(), paid, refunded), expected);
            assert_eq!(table.guest.order(&table.order).await["food_krw"], if gone { 8_000 } else { 9_500 });
        }
    })
    .await;
}

#[tokio::test]
async fn a_top_up_that_nobody_has_paid_is_dropped_at_the_lock() {
    world(|world| async move {
        let table = Table::paid(&world, "juno").await;
        let top_up = table.eats(9_500).await.expect(200)["payment"].clone();
        let key = table.guest.authorizes(&top_up, "card").await;
        table.host.does(&table.party, "lock").await.expect(200);
        assert_eq!(table.guest.confirms(&top_up, &key).await.code(409), "payment_expired");
        world.pass(2).await;
        assert_eq!(world.held_there(&top_up).await, 0);
        assert_eq!(table.guest.order(&table.order).await["food_krw"], 8_000);
    })
    .await;
}

#[tokio::test]
async fn a_capture_after_a_decline_goes_back_and_the_next_attempt_stands() {
    world(|world| async move {
        for (name, again) in [("gives-up", false), ("tries-again", true)] {
            let table = Table::held(&world, name).await;
            world.spoils("webhook", 1_000, json!({"do": "drop"})).await;
            let decline = json!({"when": "after_effect", "do": "status", "status": 403, "code": "REJECT_CARD_PAYMENT"});
            world.spoils("confirm", 1, decline).await;
            let first = table.payment["provider_order_id"].as_str().unwrap().to_owned();
            table.pays().await.expect(402);
            assert_eq!(world.held_there(&table.payment).await, 10_000, "though it said that it was not");
            if again {
                table.pays().await.expect(200);
            }
            // What goes back may need a second try.
            world.spoils("cancel", 1, json!({"do": "reset"})).await;
            world.hints(&first, "late").await.expect(200);
            world.settle().await;
            let (state, paid) = if again { ("joined", 10_000) } else { ("held", 0) };
            assert_eq!(table.seat().await, (state.to_owned(), paid, 0));
            assert_eq!(world.held_there(&table.payment).await, paid);
            assert_eq!(table.account("provider").await, paid);
            world.heals().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_capture_that_the_provider_denied_is_found_by_its_hint() {
    world(|world| async move {
        for (name, expired) in [("soon", false), ("late", true)] {
            let table = Table::held(&world, name).await;
            world.spoils("webhook", 1_000, json!({"do": "drop"})).await;
            world.spoils("confirm", 1, json!({"when": "after_effect", "do": "status", "status": 429})).await;
            table.pays().await.expect(503);
            if expired {
                world.pass(301).await;
            }
            world.hints(table.payment["provider_order_id"].as_str().unwrap(), name).await.expect(200);
            world.settle().await;
            world.pass(2).await;
            let back = if expired { 10_000 } else { 0 };
            let state = if expired { "expired" } else { "joined" };
            assert_eq!(table.seat().await, (state.to_owned(), 10_000, back));
            world.heals().await;
        }
    })
    .await;
}
