//! The provider's webhooks: hints that are followed up, and change nothing that the provider itself does not confirm.

use serde_json::{Value, json};

use crate::person::Answer;
use crate::table::Table;
use crate::world::{World, world};

async fn posts(world: &World, body: &str) -> Answer {
    let request = world.client.post(format!("{}/v1/webhooks/toss", world.base));
    Answer::of(request.header("content-type", "application/json").body(body.to_owned()).send().await.unwrap()).await
}

fn order_of(table: &Table) -> String {
    table.payment["provider_order_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_is_not_ours_is_received_and_forgotten() {
    world(|world| async move {
        let table = Table::held(&world, "juno").await;
        for order in ["1-1", "9223372036854775807-1", "99999999999999999999-1", "0-1", "-1", "", "abc", "a-b-c", "💸-1"]
        {
            let body = json!({"eventType": "PAYMENT_STATUS_CHANGED", "data": {"orderId": order, "status": "DONE"}});
            posts(&world, &body.to_string()).await.expect(200);
        }
        // Of payouts and the like; refused, they would come again and again.
        for body in ["null", "[]", "{\"data\":{}}", "{\"data\":{\"orderId\":7}}", "{\"data\":{\"payoutId\":\"a\"}}"] {
            posts(&world, body).await.expect(200);
        }
        for body in ["", "{", "\u{0}"] {
            assert_eq!(posts(&world, body).await.code(400), "malformed", "{body}");
        }
        for body in ["null", "[]", "{\"data\":{}}", "{\"data\":{\"orderId\":7}}"] {
            assert_eq!(posts(&world, body).await.status, 200, "of another kind: {body}");
        }
        let large = format!("{{\"data\":{{\"orderId\":\"{}\"}}}}", "1".repeat(70_000));
        assert_eq!(posts(&world, &large).await.code(413), "payload_too_large");
        // It says that the payment is done; the provider does not.
        let lie = json!({"data": {"orderId": order_of(&table), "status": "DONE", "totalAmount": 10_000}});
        posts(&world, &lie.to_string()).await.expect(200);
        world.settle().await;
        assert_eq!(table.seat().await, ("held".to_owned(), 0, 0));
    })
    .await;
}

#[tokio::test]
async fn a_hint_before_the_answer_brings_the_truth_forward() {
    world(|world| async move {
        let table = Table::held(&world, "juno").await;
        world.spoils("webhook", 1_000, json!({"do": "drop"})).await;
        world.spoils("confirm", 1, json!({"when": "after_effect", "do": "reset"})).await;
        table.pays().await.expect(202);
        for transmission in ["a", "a", "b", "c", "b"] {
            world.hints(&order_of(&table), transmission).await.expect(200);
        }
        world.settle().await;
        assert_eq!(table.seat().await, ("joined".to_owned(), 10_000, 0), "before the first look was due");
        world.hints(&order_of(&table), "a").await.expect(200);
        world.hints(&order_of(&table).replace("-1", "-7"), "d").await.expect(200);
        world.settle().await;
        assert_eq!(table.account("order").await, -10_000, "once");
        assert_eq!(world.asked("confirm", &table.payment).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_hint_while_the_confirmation_is_under_way_changes_nothing() {
    world(|world| async move {
        for when in ["before", "after_effect"] {
            let table = Table::held(&world, when).await;
            world.spoils("confirm", 1, json!({"when": when, "do": "latency", "ms": 700})).await;
            let key = table.guest.authorizes(&table.payment, "card").await;
            let meanwhile = async {
                while world.asked("confirm", &table.payment).await.is_empty() {}
                world.hints(&order_of(&table), "early").await.expect(200);
                world.settle().await;
            };
            let (answer, ()) = tokio::join!(table.guest.confirms(&table.payment, &key), meanwhile);
            answer.expect(200);
            assert_eq!(table.seat().await, ("joined".to_owned(), 10_000, 0), "{when}");
            assert_eq!(table.account("order").await, -10_000);
        }
    })
    .await;
}

#[tokio::test]
async fn hints_that_never_come_are_not_needed() {
    world(|world| async move {
        world.spoils("webhook", 1_000, json!({"do": "drop"})).await;
        let table = Table::held(&world, "juno").await;
        world.spoils("confirm", 1, json!({"do": "reset"})).await;
        table.pays().await.expect(202);
        world.pass(10).await;
        table.leaves().await.expect(200);
        world.spoils("cancel", 1, json!({"when": "after_effect", "do": "reset"})).await;
        world.settle().await;
        world.pass(10).await;
        assert_eq!(table.seat().await, ("left".to_owned(), 10_000, 10_000));
    })
    .await;
}

#[tokio::test]
async fn a_cancellation_that_we_did_not_order_is_booked_and_shown_to_a_person() {
    world(|world| async move {
        for (name, amount, then) in [("part", 3_000, "review"), ("whole", 10_000, "review")] {
            let table = Table::paid(&world, name).await;
            cancels_there(&world, &table, amount).await;
            for transmission in ["x", "x", "y"] {
                world.hints(&order_of(&table), transmission).await.expect(200);
            }
            world.settle().await;
            world.settle().await;
            assert_eq!(table.state().await, then, "{name}");
            assert_eq!(table.account("provider").await, 10_000 - amount, "{name}: as there");
            assert_eq!(table.account("order").await, amount - 10_000, "{name}");
            let ledger = table.host.get(&format!("/v1/parties/{}/ledger", table.party)).await.expect(200);
            let foreign =
                ledger["items"].as_array().unwrap().iter().filter(|leg| leg["kind"] == "foreign_cancel").count();
            assert_eq!(foreign, 2, "{name}: one entry, two legs");
        }
    })
    .await;
}

#[tokio::test]
async fn our_own_refunds_are_not_taken_for_foreign_ones() {
    world(|world| async move {
        let table = Table::paid(&world, "juno").await;
        table.leaves().await.expect(200);
        // Its answer is lost, and the hint of it comes first.
        world.spoils("cancel", 1, json!({"when": "after_effect", "do": "reset"})).await;
        world.settle().await;
        world.hints(&order_of(&table), "of-ours").await.expect(200);
        world.settle().await;
        assert_eq!(table.state().await, "paid", "the hint waits");
        world.pass(10).await;
        assert_eq!(table.state().await, "refunded");
        assert_eq!(table.seat().await, ("left".to_owned(), 10_000, 10_000));
    })
    .await;
}

#[tokio::test]
async fn a_part_cancelled_there_before_we_knew_that_it_was_paid_is_found() {
    world(|world| async move {
        let table = Table::held(&world, "juno").await;
        world.spoils("webhook", 1_000, json!({"do": "drop"})).await;
        world.spoils("confirm", 1, json!({"when": "after_effect", "do": "reset"})).await;
        table.pays().await.expect(202);
        cancels_there(&world, &table, 4_000).await;
        world.hints(&order_of(&table), "both").await.expect(200);
        world.settle().await;
        assert_eq!(table.state().await, "review");
        assert_eq!(table.account("provider").await, 6_000);
    })
    .await;
}

/// Somebody cancels in the provider's own console.
async fn cancels_there(world: &World, table: &Table, amount: i64) {
    let truth = world.sim("GET", "/__sim/toss/truth", Value::Null).await;
    let mut rows = truth["orders"].as_array().unwrap().iter();
    let row = rows.find(|row| row["provider_order_id"] == order_of(table) && row["captured_krw"] != 0).unwrap();
    let body = json!({"payment_key": row["payment_key"], "amount_krw": amount});
    world.sim("POST", "/__sim/toss/cancel", body).await;
}
