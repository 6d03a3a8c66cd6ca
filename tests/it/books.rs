//! The provider's books against ours: a day of everything agrees, and whatever differs is found, told once and settled.

use std::process::Command;
use std::sync::Arc;

use nbbang::app::App;
use nbbang::app::books::{self, Compared};
use nbbang::domain::books::{What, last_over};
use nbbang::storage::books as stored;
use nbbang_simulator::Simulator;
use serde_json::{Value, json};
use time::{Date, Duration};

use crate::table::Table;
use crate::world::{World, config, world};

/// A day and three hours: whatever the hour is, a day of Seoul is surely over by then.
const A_DAY: u32 = 27 * 3_600;

/// Which day it is at the provider.
fn day(world: &World) -> Date {
    last_over(world.app.clock.now() + Duration::hours(26))
}

fn words(found: &Compared) -> Vec<(&'static str, i64, i64)> {
    let words = |(_, found): &(String, nbbang::domain::books::Difference)| {
        (found.what.word(), found.ours_krw.get(), found.theirs_krw.get())
    };
    found.differences.iter().map(words).collect()
}

async fn compare(world: &World, day: Date) -> Compared {
    books::compare(&world.app, day).await.unwrap()
}

/// What was found on the day and the one after, for tests that run at midnight.
async fn agree(world: &World, from: Date) {
    for day in [from, from.next_day().unwrap()] {
        if day > last_over(world.app.clock.now()) {
            world.pass(A_DAY).await;
        }
        let found = compare(world, day).await;
        assert_eq!((words(&found), found.waiting), (Vec::new(), 0), "{day}");
    }
}

/// The provider without a word of its own about what happens.
async fn silent(world: &World) {
    world.spoils("webhook", 10_000, json!({"do": "drop"})).await;
}

/// The same databases with a provider that has none of their payments.
async fn elsewhere(world: &World) -> (Arc<App>, String) {
    let simulator = Simulator::bind("127.0.0.1:0", "http://127.0.0.1:9").await.unwrap();
    let url = format!("http://{}", simulator.address());
    tokio::spawn(simulator.run());
    let ahead = (world.app.clock.now() - nbbang::app::clock::real()).whole_seconds();
    world.client.post(format!("{url}/__sim/clock")).json(&json!({"advance_s": ahead})).send().await.unwrap();
    (App::start(config(&world.urls, &url)).await.unwrap(), url)
}

#[tokio::test]
async fn a_day_of_everything_has_no_difference() {
    world(|world| async move {
        let day = day(&world);
        Table::paid(&world, "paid").await;
        let left = Table::paid(&world, "left").await;
        left.eats(7_000).await.expect(200);
        world.pass(2).await;
        left.leaves().await.expect(200);
        let dearer = Table::paid(&world, "dearer").await;
        let top_up = dearer.eats(9_500).await.expect(200)["payment"].clone();
        dearer.guest.pays(&top_up).await.expect(200);
        let declined = Table::held(&world, "declined").await;
        world.spoils("confirm", 1, json!({"do": "status", "status": 403, "code": "REJECT_CARD_PAYMENT"})).await;
        declined.pays().await.expect(402);
        declined.pays().await.expect(200);
        // Money that cannot be given back in part is taken back at once, a deposit is not waited for.
        for method in ["mobile", "virtual_account"] {
            let table = Table::held(&world, &method.replace('_', "-")).await;
            let key = table.guest.authorizes(&table.payment, method).await;
            table.guest.confirms(&table.payment, &key).await.expect(402);
        }
        let lost = Table::held(&world, "lost").await;
        world.spoils("confirm", 1, json!({"when": "after_effect", "do": "reset"})).await;
        lost.pays().await.expect(202);
        Table::held(&world, "unpaid").await;
        let cancelled = Table::paid(&world, "cancelled").await;
        cancelled.host.cancels(&cancelled.party, "host").await.expect(200);
        let by_hand = Table::paid(&world, "by-hand").await;
        let key = by_hand.payment().await;
        let key = world.asked("confirm", &key).await[0]["payment_key"].clone();
        world.sim("POST", "/__sim/toss/cancel", json!({"payment_key": key, "amount_krw": 1_000})).await;
        by_hand.told(&world, "by-hand").await;
        for seconds in [10, 5, 600] {
            world.pass(seconds).await;
        }
        world.pass(A_DAY).await;
        let found = compare(&world, day).await;
        assert!(found.orders >= 8, "only {}", found.orders);
        agree(&world, day).await;
    })
    .await;
}

impl Table {
    /// The provider's hint about the payment.
    async fn told(&self, world: &World, transmission: &str) {
        let order = self.payment().await["provider_order_id"].as_str().unwrap().to_owned();
        world.hints(&order, transmission).await.expect(200);
    }
}

#[tokio::test]
async fn money_at_the_provider_that_we_do_not_know_is_found_and_goes_back() {
    world(|world| async move {
        silent(&world).await;
        let day = day(&world);
        let table = Table::held(&world, "juno").await;
        // It has the money and says that it is too busy.
        world.spoils("confirm", 1, json!({"when": "after_effect", "do": "status", "status": 429})).await;
        table.pays().await.expect(503);
        world.pass(301).await;
        assert_eq!(table.seat().await, ("expired".to_owned(), 0, 0));
        world.moves_clocks(A_DAY).await;
        let found = compare(&world, day).await;
        assert_eq!(words(&found), [("capture_unknown", 0, 10_000)]);
        assert_eq!(found.differences[0].0, table.payment["provider_order_id"].as_str().unwrap());
        for _ in 0..3 {
            world.pass(2).await;
        }
        assert_eq!(table.seat().await, ("expired".to_owned(), 10_000, 10_000), "asking was all it wanted");
        assert_eq!(books::open(&world.app).await.unwrap().len(), 1);
        agree(&world, day).await;
        assert!(books::open(&world.app).await.unwrap().is_empty(), "settled");
    })
    .await;
}

#[tokio::test]
async fn a_refund_made_by_hand_at_the_provider_is_found() {
    world(|world| async move {
        silent(&world).await;
        let day = day(&world);
        let table = Table::paid(&world, "juno").await;
        let key = world.asked("confirm", &table.payment).await[0]["payment_key"].clone();
        world.sim("POST", "/__sim/toss/cancel", json!({"payment_key": key, "amount_krw": 3_000})).await;
        world.moves_clocks(A_DAY).await;
        assert_eq!(words(&compare(&world, day).await), [("refund_unknown", 0, 3_000)]);
        // A repeat does nothing.
        assert_eq!(words(&compare(&world, day).await), [("refund_unknown", 0, 3_000)]);
        assert_eq!(books::open(&world.app).await.unwrap().len(), 1);
        world.settle().await;
        assert_eq!(table.state().await, "review", "a person looks at what was done by hand");
        agree(&world, day).await;
        assert!(books::open(&world.app).await.unwrap().is_empty(), "and the books agree again");
    })
    .await;
}

#[tokio::test]
async fn what_the_provider_does_not_have_is_found() {
    world(|world| async move {
        let day = day(&world);
        let (paid, other, back) =
            (Table::paid(&world, "paid").await, Table::paid(&world, "other").await, Table::paid(&world, "back").await);
        back.leaves().await.expect(200);
        world.settle().await;
        let (app, url) = elsewhere(&world).await;
        // There the second one was paid with another amount, and the third one's refund never came.
        for (table, amount) in [(&other, 9_999), (&back, 10_000)] {
            let order = &table.payment["provider_order_id"];
            let post = |path: &str, body: Value| {
                world.client.post(format!("{url}{path}")).basic_auth("test_sk_simulator", Some("")).json(&body)
            };
            let wanted = json!({"provider_order_id": order, "amount_krw": amount});
            let key: Value = post("/__sim/toss/authorize", wanted).send().await.unwrap().json().await.unwrap();
            let body = json!({"paymentKey": key["payment_key"], "orderId": order, "amount": amount});
            assert!(post("/toss/v1/payments/confirm", body).send().await.unwrap().status().is_success());
        }
        world.moves_clocks(A_DAY).await;
        world.client.post(format!("{url}/__sim/clock")).json(&json!({"advance_s": A_DAY})).send().await.unwrap();
        app.follow_clock().await.unwrap();
        let found = books::compare(&app, day).await.unwrap();
        let of = |table: &Table| {
            let order = table.payment["provider_order_id"].as_str().unwrap();
            let of = found.differences.iter().find(|found| found.0 == order).unwrap();
            (of.1.what, of.1.ours_krw.get(), of.1.theirs_krw.get())
        };
        assert_eq!(of(&paid), (What::CaptureMissing, 10_000, 0));
        assert_eq!(of(&other), (What::CaptureAmount, 10_000, 9_999));
        assert_eq!(of(&back), (What::RefundMissing, 10_000, 0));
        assert_eq!(found.differences.len(), 3);
        app.stop().await;
        // The provider we had all the time agrees, which settles them.
        agree(&world, day).await;
        assert!(books::open(&world.app).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_is_under_way_is_no_difference_until_it_is_final() {
    world(|world| async move {
        silent(&world).await;
        let day = day(&world);
        let table = Table::held(&world, "juno").await;
        world.spoils("confirm", 1, json!({"when": "after_effect", "do": "reset"})).await;
        table.pays().await.expect(202);
        world.moves_clocks(A_DAY).await;
        assert_eq!(table.state().await, "confirming");
        assert_eq!(books::compare_due(&world.app).await.unwrap(), 1);
        assert_eq!(books::compare_due(&world.app).await.unwrap(), 0, "not before tomorrow");
        let found = compare(&world, day).await;
        assert_eq!((words(&found), found.waiting), (Vec::new(), 1));

        world.pass(1).await;
        assert_eq!(table.state().await, "refunded", "its seat is long gone");
        world.pass(A_DAY).await;
        while books::compare_due(&world.app).await.unwrap() > 0 {}
        let found = compare(&world, day).await;
        assert_eq!((words(&found), found.waiting), (Vec::new(), 0));
    })
    .await;
}

#[tokio::test]
async fn a_refund_in_doubt_is_under_way() {
    world(|world| async move {
        silent(&world).await;
        let day = day(&world);
        let table = Table::paid(&world, "juno").await;
        table.leaves().await.expect(200);
        world.spoils("cancel", 1, json!({"when": "after_effect", "do": "reset"})).await;
        world.settle().await;
        world.moves_clocks(A_DAY).await;
        let found = compare(&world, day).await;
        assert_eq!((words(&found), found.waiting), (Vec::new(), 1));
        world.pass(1).await;
        let found = compare(&world, day).await;
        assert_eq!((words(&found), found.waiting), (Vec::new(), 0));
    })
    .await;
}

#[tokio::test]
async fn two_processes_compare_a_day_once_and_a_dead_one_does_not_keep_it() {
    world(|world| async move {
        Table::paid(&world, "juno").await;
        world.pass(A_DAY).await;
        let lists = async || {
            let heard = world.sim("GET", "/__sim/requests?provider=toss&operation=list", Value::Null).await;
            heard["requests"].as_array().unwrap().len()
        };
        let (one, two) = tokio::join!(books::compare_due(&world.app), books::compare_due(&world.app));
        assert_eq!((one.unwrap() + two.unwrap(), lists().await), (1, 1));

        world.pass(24 * 3_600).await;
        // A process takes the next day and dies.
        let now = world.app.clock.now();
        let mut main = world.app.databases.main().acquire().await.unwrap();
        stored::plan(&mut main, last_over(now), now).await.unwrap();
        assert!(stored::lease(&mut main, now, now + Duration::minutes(15)).await.unwrap().is_some());
        assert_eq!(books::compare_due(&world.app).await.unwrap(), 0);
        world.pass(901).await;
        assert_eq!(books::compare_due(&world.app).await.unwrap(), 1);
        assert_eq!(lists().await, 2);
        // Nobody was there for three days.
        world.pass(3 * 24 * 3_600).await;
        let mut done = 0;
        while books::compare_due(&world.app).await.unwrap() > 0 {
            done += 1;
        }
        assert_eq!(done, 3);
    })
    .await;
}

#[tokio::test]
async fn a_day_that_cannot_be_compared_stays_due() {
    world(|world| async move {
        Table::paid(&world, "juno").await;
        world.pass(A_DAY).await;
        for fault in [json!({"do": "status", "status": 503}), json!({"do": "wrong_body"}), json!({"do": "truncate"})] {
            world.spoils("list", 2, fault).await;
            assert!(books::compare_due(&world.app).await.is_err());
            world.heals().await;
            world.pass(901).await;
        }
        assert_eq!(books::compare_due(&world.app).await.unwrap(), 1);
        assert!(books::open(&world.app).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_long_day_comes_in_pages() {
    world(|world| async move {
        let day = day(&world);
        let table = Table::paid(&world, "juno").await;
        let post = async |path: &str, body: Value| {
            let request = world.client.post(format!("{}{path}", world.simulator));
            let answer = request.basic_auth("test_sk_simulator", Some("")).json(&body).send().await.unwrap();
            answer.json::<Value>().await.unwrap()
        };
        silent(&world).await;
        // Somebody else's shop under the same key, which gives all of it back: two lines each.
        for n in 0..505 {
            let order = format!("{}-1", 900_000 + n);
            let key = post("/__sim/toss/authorize", json!({"provider_order_id": order, "amount_krw": 500})).await;
            let key = key["payment_key"].as_str().unwrap().to_owned();
            post("/toss/v1/payments/confirm", json!({"paymentKey": key, "orderId": order, "amount": 500})).await;
            post(&format!("/toss/v1/payments/{key}/cancel"), json!({"cancelReason": "x"})).await;
        }
        let last = Table::paid(&world, "sena").await;
        world.pass(A_DAY).await;
        let found = compare(&world, day).await;
        assert_eq!((words(&found), found.orders), (Vec::new(), 507), "{}", found.day);
        drop((table, last));
        let heard = world.sim("GET", "/__sim/requests?provider=toss&operation=list", Value::Null).await;
        assert_eq!(heard["requests"].as_array().unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn the_command_prints_sentences_and_ends_with_one_for_differences() {
    world(|world| async move {
        silent(&world).await;
        let day = day(&world);
        let table = Table::paid(&world, "juno").await;
        world.moves_clocks(A_DAY).await;
        let (code, told) = nbbang(&world, &["books", "--day", &day.to_string()]).await;
        assert_eq!(code, Some(0), "{told}");
        assert!(told.contains("1 orders moved money") && told.contains("agree"), "{told}");

        let key = world.asked("confirm", &table.payment).await[0]["payment_key"].clone();
        let day = self::day(&world);
        world.sim("POST", "/__sim/toss/cancel", json!({"payment_key": key, "amount_krw": 3_000})).await;
        world.moves_clocks(A_DAY).await;
        let (code, told) = nbbang(&world, &["books", "--day", &day.to_string()]).await;
        assert_eq!(code, Some(1), "{told}");
        let order = table.payment["provider_order_id"].as_str().unwrap();
        assert!(told.contains(&format!("Order {order}: the provider has given back 3000 KRW")), "{told}");

        let id = books::open(&world.app).await.unwrap()[0].id.to_string();
        assert!(nbbang(&world, &["books", "open"]).await.1.contains(order));
        assert_eq!(nbbang(&world, &["books", "accept", &id, "--note", "a gift"]).await.0, Some(0));
        assert_eq!(nbbang(&world, &["books", "accept", &id, "--note", "a gift"]).await.0, Some(1));
        assert!(books::open(&world.app).await.unwrap().is_empty());
        compare(&world, day).await;
        assert!(books::open(&world.app).await.unwrap().is_empty(), "accepted is accepted");

        let (code, told) = nbbang(&world, &["books", "--day", "2999-01-01"]).await;
        assert!(code == Some(1) && told.contains("not surely over"), "{told}");
        let (code, told) = nbbang(&world, &["books", "--day", "yesterday"]).await;
        assert!(code == Some(1) && told.contains("is no day"), "{told}");
    })
    .await;
}

async fn nbbang(world: &World, arguments: &[&str]) -> (Option<i32>, String) {
    let [a, b] = &world.urls.parties;
    let mut command = Command::new(env!("CARGO_BIN_EXE_nbbang"));
    command
        .args(arguments)
        .env("NBBANG_MODE", "dev")
        .env("NBBANG_MAIN_DATABASE_URL", &world.urls.main)
        .env("NBBANG_PARTY_DATABASE_URLS", format!("party_a={a},party_b={b}"))
        .env("NBBANG_TOSS_BASE_URL", format!("{}/toss", world.simulator));
    // The simulator lives in this thread.
    let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let told = [done.stdout, done.stderr].concat();
    (done.status.code(), String::from_utf8_lossy(&told).into_owned())
}
