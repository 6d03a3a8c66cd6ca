//! Refunds whose way to the provider goes wrong: each is done once in the end, or a person looks at it.

use nbbang::app::operators::{self, By};
use std::time::Duration;

use serde_json::{Value, json};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::table::Table;
use crate::world::{World, world, world_with};

/// A guest leaves, and the cancellation of his payment goes wrong.
async fn goes_wrong(world: &World, name: &str, fault: Value) -> Table {
    let table = Table::paid(world, name).await;
    table.leaves().await.expect(200);
    world.spoils("cancel", 1, fault).await;
    world.settle().await;
    assert_eq!(table.seat().await, ("left".to_owned(), 10_000, 0), "{name}");
    assert_eq!(table.account("refunding").await, -10_000, "{name}: on its way");
    table
}

async fn is_back(world: &World, table: &Table, name: &str) {
    assert_eq!(table.seat().await, ("left".to_owned(), 10_000, 10_000), "{name}");
    assert_eq!(table.state().await, "refunded", "{name}");
    assert_eq!(world.held_there(&table.payment).await, 0, "{name}");
    assert_eq!(table.account("refunding").await, 0, "{name}");
}

async fn keys(world: &World, table: &Table) -> Vec<Value> {
    world.asked("cancel", &table.payment).await.into_iter().map(|heard| heard["idempotency_key"].clone()).collect()
}

#[tokio::test]
async fn a_lost_answer_is_found_without_sending_again() {
    world(|world| async move {
        for how in ["reset", "truncate", "garbage", "html", "wrong_body"] {
            let table = goes_wrong(&world, how, json!({"when": "after_effect", "do": how})).await;
            world.pass(10).await;
            is_back(&world, &table, how).await;
            assert_eq!(keys(&world, &table).await.len(), 1, "{how}");
        }
        let fault = json!({"when": "after_effect", "do": "status", "status": 500, "code": "FAILED_REFUND_PROCESS"});
        let table = goes_wrong(&world, "error", fault).await;
        world.pass(10).await;
        is_back(&world, &table, "error").await;
    })
    .await;
}

#[tokio::test]
async fn a_lost_request_is_sent_again_under_its_key() {
    world(|world| async move {
        for how in ["reset", "truncate", "garbage", "html", "wrong_body"] {
            let table = goes_wrong(&world, how, json!({"do": how})).await;
            world.pass(10).await;
            is_back(&world, &table, how).await;
            let keys = keys(&world, &table).await;
            assert_eq!((keys.len(), &keys[0]), (2, &keys[1]), "{how}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_provider_that_hangs_is_asked_again() {
    let short = |config: &mut nbbang::config::Config| config.patience.background = Duration::from_millis(1_500);
    world_with(short, |world| async move {
        for when in ["before", "after_effect"] {
            let table = goes_wrong(&world, when, json!({"when": when, "do": "hang"})).await;
            world.pass(10).await;
            is_back(&world, &table, when).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_definite_no_for_now_is_tried_under_a_new_key() {
    world(|world| async move {
        for (name, fault) in [
            ("limit", json!({"do": "status", "status": 429})),
            ("second", json!({"do": "status", "status": 403, "code": "FORBIDDEN_CONSECUTIVE_REQUEST"})),
            ("night", json!({"do": "status", "status": 403, "code": "NOT_AVAILABLE_BANK"})),
        ] {
            let table = goes_wrong(&world, name, fault).await;
            world.pass(4).await;
            is_back(&world, &table, name).await;
            let keys = keys(&world, &table).await;
            assert_eq!(keys.len(), 2, "{name}");
            assert_ne!(keys[0], keys[1], "{name}");
        }
    })
    .await;
}

/// The first sending was lost, and to the second the provider has an error that it repeats to our key for ever.
#[tokio::test]
async fn a_repeated_error_frees_the_refund() {
    world(|world| async move {
        for (n, (status, code)) in [
            (403, "FORBIDDEN_CONSECUTIVE_REQUEST"),
            (403, "NOT_AVAILABLE_BANK"),
            (500, "FAILED_REFUND_PROCESS"),
            (500, "FAILED_METHOD_HANDLING_CANCEL"),
            (400, "PROVIDER_ERROR"),
            (500, "NEVER_SEEN_BEFORE"),
        ]
        .into_iter()
        .enumerate()
        {
            let table = goes_wrong(&world, &format!("guest{n}"), json!({"do": "reset"})).await;
            world.spoils("cancel", 1, json!({"do": "status", "status": status, "code": code})).await;
            world.pass(10).await;
            for _ in 0..3 {
                world.pass(10).await;
            }
            is_back(&world, &table, code).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_definite_refusal_is_for_a_person() {
    world(|world| async move {
        for (n, code) in
            ["NOT_CANCELABLE_PAYMENT", "EXCEED_MAX_REFUND_DUE", "ALREADY_REFUND_PAYMENT"].into_iter().enumerate()
        {
            let fault = json!({"do": "status", "status": 403, "code": code});
            let table = goes_wrong(&world, &format!("guest{n}"), fault).await;
            world.pass(3_600).await;
            assert_eq!(table.seat().await, ("left".to_owned(), 10_000, 0), "{code}");
            assert_eq!(keys(&world, &table).await.len(), 1, "{code}: not again");
            assert_eq!(table.account("refunding").await, -10_000, "{code}: still owed");
            let waiting = operators::reviews(&world.app).await.unwrap();
            assert_eq!((waiting.len(), waiting[0].refused_krw), (1, 10_000), "{code}");
            // The cause is mended, and a person says so.
            operators::try_again(&world.app, By::Command, waiting[0].payment_id).await.unwrap();
            world.settle().await;
            assert_eq!(table.seat().await, ("left".to_owned(), 10_000, 10_000), "{code}");
            assert!(
                operators::try_again(&world.app, By::Command, waiting[0].payment_id).await.is_err(),
                "nothing is left to try"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn two_refunds_of_one_payment_are_a_second_apart() {
    world(|world| async move {
        let table = Table::paid(&world, "juno").await;
        for price in [7_000, 6_000, 5_000] {
            table.eats(price).await.expect(200);
        }
        world.settle().await;
        for _ in 0..2 {
            world.pass(2).await;
        }
        assert_eq!(table.seat().await, ("joined".to_owned(), 10_000, 3_000));
        let refunds = world.asked("cancel", &table.payment).await;
        assert_eq!(refunds.len(), 3, "none was refused for coming too soon");
        let at = |heard: &Value| OffsetDateTime::parse(heard["at"].as_str().unwrap(), &Rfc3339).unwrap();
        let apart = refunds.windows(2).map(|pair| at(&pair[1]) - at(&pair[0]));
        assert!(apart.clone().all(|gap| gap >= time::Duration::SECOND), "{:?}", apart.collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test]
async fn a_refund_in_doubt_holds_up_the_next_one_of_its_payment() {
    world(|world| async move {
        let table = Table::paid(&world, "juno").await;
        table.eats(7_000).await.expect(200);
        world.spoils("cancel", 1, json!({"when": "after_effect", "do": "reset"})).await;
        world.spoils("lookup", 3, json!({"do": "status", "status": 503})).await;
        world.settle().await;
        table.leaves().await.expect(200);
        world.pass(10).await;
        assert_eq!(world.asked("cancel", &table.payment).await.len(), 1, "nothing while nobody knows");
        for _ in 0..4 {
            world.pass(10).await;
        }
        assert_eq!(table.seat().await, ("left".to_owned(), 10_000, 10_000));
        assert_eq!(world.asked("cancel", &table.payment).await.len(), 2);
    })
    .await;
}

/// Two workers have the same refund in hand, and the one that was delayed knows least.
#[tokio::test]
async fn a_late_word_that_nothing_was_done_is_not_believed() {
    world(|world| async move {
        let table = Table::paid(&world, "juno").await;
        table.leaves().await.expect(200);
        // The first worker hears very late that the provider is busy; meanwhile its time is over, and a second one sends.
        world.spoils("cancel", 1, json!({"when": "after_effect", "do": "latency", "ms": 1_500})).await;
        let first = world.settle();
        let second = async {
            while world.asked("cancel", &table.payment).await.is_empty() {}
            world.pass(40).await;
        };
        tokio::join!(first, second);
        world.pass(300).await;
        is_back(&world, &table, "late").await;
    })
    .await;
}
