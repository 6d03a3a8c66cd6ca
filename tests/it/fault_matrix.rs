//! Every operation of the payment provider × before or after its effect × every way to fail: what the client sees, what becomes
//! of the money once the fault is gone, and that nothing of the provider's reaches anybody.

use std::time::Duration;

use nbbang::app::books;
use nbbang::app::operators;
use nbbang::config::Config;
use nbbang::domain::books::last_over;
use serde_json::{Value, json};

use crate::network::Network;
use crate::person::Answer;
use crate::table::Table;
use crate::world::{World, world_with};

/// What the simulator's errors say, which must go nowhere.
const CANARY: &str = "canary-3b1f";

/// What the client is told.
#[derive(Clone, Copy, Debug)]
enum Seen {
    /// 200: paid.
    Paid,
    /// 202 with the payment: poll it after two seconds.
    Unknown,
    /// 503 `payment_unavailable`: the same again after five.
    Busy,
    /// 500 `internal`: the same again some time.
    Ours,
}

/// What has become of it when the fault is gone, and jobs and clocks have run.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Paid,
    /// Nobody was charged, and the seat went to the next.
    Expired,
    Refunded,
    /// A person looks at it.
    Review,
}

struct Row {
    name: &'static str,
    fault: &'static str,
    /// Of a confirmation, before and after its effect.
    confirm: [(Seen, End); 2],
    /// Of a refund, before and after its effect: whether it is through all the same, and its end.
    cancel: [(bool, End); 2],
    /// Of the look-up by which a confirmation learns what it has done before: its end is always `Paid`.
    look_up: Seen,
    /// Whether the day's list is to be had all the same.
    list: bool,
}

const LOST: Row = Row {
    name: "",
    fault: "",
    confirm: [(Seen::Unknown, End::Paid), (Seen::Unknown, End::Paid)],
    cancel: [(false, End::Refunded), (false, End::Refunded)],
    look_up: Seen::Unknown,
    list: false,
};

/// An error that the provider keeps under our key: then it is known that nothing was done, and the payment is free again.
const KEPT: Row = Row { confirm: [(Seen::Unknown, End::Expired), (Seen::Unknown, End::Paid)], ..LOST };

/// It says that it is not now; if it has done it all the same, its hint tells.
const BUSY: Row = Row { confirm: [(Seen::Busy, End::Expired), (Seen::Busy, End::Paid)], ..LOST };

/// Our key or our request is wrong, it says: nobody but a person can mend that, and a refund waits for him.
const OURS: Row = Row {
    confirm: [(Seen::Ours, End::Expired), (Seen::Ours, End::Paid)],
    cancel: [(false, End::Review), (false, End::Review)],
    ..LOST
};

const MATRIX: [Row; 19] = [
    Row { name: "latency", fault: r#"{"do": "latency", "ms": 2500}"#, ..LOST },
    Row { name: "s401", fault: r#"{"do": "status", "status": 401}"#, ..LOST },
    Row { name: "s403", fault: r#"{"do": "status", "status": 403}"#, ..LOST },
    Row { name: "s429", fault: r#"{"do": "status", "status": 429}"#, ..BUSY },
    Row { name: "s500", fault: r#"{"do": "status", "status": 500}"#, ..LOST },
    Row { name: "s503", fault: r#"{"do": "status", "status": 503}"#, ..LOST },
    Row { name: "key", fault: r#"{"do": "status", "status": 401, "code": "UNAUTHORIZED_KEY"}"#, ..OURS },
    Row { name: "forbidden", fault: r#"{"do": "status", "status": 403, "code": "FORBIDDEN_REQUEST"}"#, ..OURS },
    Row { name: "limit", fault: r#"{"do": "status", "status": 429, "code": "TOO_MANY_REQUESTS"}"#, ..BUSY },
    Row {
        name: "ill",
        fault: r#"{"do": "status", "status": 500, "code": "FAILED_INTERNAL_SYSTEM_PROCESSING"}"#,
        ..KEPT
    },
    Row { name: "new", fault: r#"{"do": "status", "status": 503, "code": "SOMETHING_NEW"}"#, ..KEPT },
    Row { name: "reset", fault: r#"{"do": "reset"}"#, ..LOST },
    Row { name: "truncate", fault: r#"{"do": "truncate"}"#, ..LOST },
    Row { name: "garbage", fault: r#"{"do": "garbage"}"#, ..LOST },
    Row { name: "html", fault: r#"{"do": "html"}"#, ..LOST },
    Row { name: "hang", fault: r#"{"do": "hang"}"#, ..LOST },
    Row { name: "wrong", fault: r#"{"do": "wrong_body"}"#, ..LOST },
    Row { name: "drop", fault: r#"{"do": "drop"}"#, ..LOST },
    Row {
        name: "twice",
        fault: r#"{"do": "duplicate"}"#,
        confirm: [(Seen::Paid, End::Paid), (Seen::Paid, End::Paid)],
        cancel: [(true, End::Refunded), (true, End::Refunded)],
        look_up: Seen::Paid,
        list: true,
    },
];

const WHEN: [&str; 2] = ["before", "after_effect"];

impl Row {
    fn planned(&self, when: &str) -> Value {
        let mut fault: Value = serde_json::from_str(self.fault).unwrap();
        fault["when"] = when.into();
        if ["status", "html"].contains(&fault["do"].as_str().unwrap()) {
            fault["text"] = CANARY.into();
        }
        fault
    }
}

/// A confirmation waits for three quarters of a second, and the jobs for a bit more.
fn impatient(config: &mut Config) {
    config.patience.phone = Duration::from_secs(1);
    config.patience.background = Duration::from_millis(1_500);
}

/// So few rows at a time that no breaker opens, each few in a world of their own; the provider's hints are lost.
async fn in_worlds(few: usize, check: impl AsyncFn(&World, &Row)) {
    for rows in MATRIX.chunks(few) {
        world_with(impatient, async |world| {
            world.spoils("webhook", 10_000, json!({"do": "drop"})).await;
            for row in rows {
                check(&world, row).await;
            }
        })
        .await;
    }
}

impl Seen {
    fn check(self, name: &str, answer: Answer) {
        quiet(name, &answer);
        let retry = answer.header("retry-after").to_owned();
        let told = (answer.status, answer.body["retryable"].as_bool());
        match self {
            Self::Paid => assert_eq!((told, retry.as_str()), ((200, None), ""), "{name}: {answer:?}"),
            Self::Unknown => {
                assert_eq!((told, retry.as_str()), ((202, None), "2"), "{name}: {answer:?}");
                assert_eq!(answer.body["state"], "confirming", "{name}");
            }
            Self::Busy => {
                assert_eq!((told, retry.as_str()), ((503, Some(true)), "5"), "{name}: {answer:?}");
                assert_eq!(answer.body["outcome"], "not_attempted", "{name}");
                assert_eq!(answer.code(503), "payment_unavailable", "{name}");
            }
            Self::Ours => {
                assert_eq!((told, retry.as_str()), ((500, Some(true)), ""), "{name}: {answer:?}");
                assert_eq!(answer.code(500), "internal", "{name}");
            }
        }
    }
}

/// Nothing of the provider's: neither its words nor its 401, 403 and 429, of which the app would log its user out.
fn quiet(name: &str, answer: &Answer) {
    assert!(![401, 403, 429].contains(&answer.status), "{name}: {answer:?}");
    let text = answer.text.to_lowercase();
    for leak in [CANARY, "nginx", "<html", "오류입니다", "unauthorized_key", "forbidden_request", "another-order"]
    {
        assert!(!text.contains(leak), "{name}: {leak} leaks: {text}");
    }
}

/// Everything that a client can look at.
async fn look_around(name: &str, table: &Table) {
    let payment = format!("/v1/payments/{}", table.payment["id"].as_str().unwrap());
    for path in [payment, format!("/v1/orders/{}", table.order), format!("/v1/parties/{}", table.party)] {
        quiet(name, &table.guest.get(&path).await);
    }
}

/// The fault is gone; the hint comes late, and time goes by.
async fn recovers(world: &World, table: &Table, hinted: bool) {
    world.sim("DELETE", "/__sim/faults", Value::Null).await;
    world.spoils("webhook", 10_000, json!({"do": "drop"})).await;
    if hinted {
        world.hints(table.payment["provider_order_id"].as_str().unwrap(), "late").await.expect(200);
    }
    for seconds in [10, 10, 20, 20, 300] {
        world.pass(seconds).await;
    }
}

async fn ends(world: &World, name: &str, table: &Table, end: End) {
    let (state, seat, held) = (table.state().await, table.seat().await, world.held_there(&table.payment).await);
    let seat = (seat.0.as_str(), seat.1, seat.2);
    match end {
        End::Paid => assert_eq!((state.as_str(), seat, held), ("paid", ("joined", 10_000, 0), 10_000), "{name}"),
        End::Expired => assert_eq!((state.as_str(), seat, held), ("expired", ("expired", 0, 0), 0), "{name}"),
        End::Refunded => assert_eq!((state.as_str(), seat, held), ("refunded", ("left", 10_000, 10_000), 0), "{name}"),
        End::Review => {
            let waiting = operators::reviews(&world.app).await.unwrap();
            let id = table.payment["id"].as_str().unwrap();
            assert!(waiting.iter().any(|review| review.payment_id.to_string() == id), "{name}: nobody looks at it");
        }
    }
    look_around(name, table).await;
}

async fn confirms(side: usize) {
    in_worlds(9, async |world, row| {
        let name = format!("confirm, {}, {}", WHEN[side], row.name);
        let (seen, end) = row.confirm[side];
        let table = Table::held(world, row.name).await;
        world.spoils("confirm", 1, row.planned(WHEN[side])).await;
        let key = table.guest.authorizes(&table.payment, "card").await;
        seen.check(&name, table.guest.confirms(&table.payment, &key).await);
        look_around(&name, &table).await;
        if row.name == "latency" {
            // The slow one arrives after all.
            while world.held_there(&table.payment).await == 0 {}
        }
        let hinted = end == End::Paid && matches!(seen, Seen::Busy | Seen::Ours);
        recovers(world, &table, hinted).await;
        ends(world, &name, &table, end).await;
    })
    .await;
}

#[tokio::test]
async fn confirmations_that_never_arrive() {
    confirms(0).await;
}

#[tokio::test]
async fn confirmations_whose_answer_is_lost() {
    confirms(1).await;
}

async fn cancels(side: usize) {
    in_worlds(9, async |world, row| {
        let name = format!("cancel, {}, {}", WHEN[side], row.name);
        let (through, end) = row.cancel[side];
        let table = Table::paid(world, row.name).await;
        world.spoils("cancel", 1, row.planned(WHEN[side])).await;
        let left = table.leaves().await;
        quiet(&name, &left);
        left.expect(200);
        world.settle().await;
        let back = if through { 10_000 } else { 0 };
        assert_eq!(table.seat().await, ("left".to_owned(), 10_000, back), "{name}");
        look_around(&name, &table).await;
        if row.name == "latency" {
            while world.held_there(&table.payment).await > 0 {}
        }
        recovers(world, &table, end == End::Review).await;
        ends(world, &name, &table, end).await;
    })
    .await;
}

#[tokio::test]
async fn refunds_that_never_arrive() {
    cancels(0).await;
}

#[tokio::test]
async fn refunds_whose_answer_is_lost() {
    cancels(1).await;
}

async fn looks_up(side: usize) {
    in_worlds(4, async |world, row| {
        let name = format!("look-up, {}, {}", WHEN[side], row.name);
        let table = Table::held(world, row.name).await;
        let before =
            json!({"when": "after_effect", "do": "status", "status": 400, "code": "ALREADY_PROCESSED_PAYMENT"});
        world.spoils("confirm", 1, before).await;
        world.spoils("lookup", 4, row.planned(WHEN[side])).await;
        row.look_up.check(&name, table.pays().await);
        look_around(&name, &table).await;
        recovers(world, &table, false).await;
        ends(world, &name, &table, End::Paid).await;
    })
    .await;
}

#[tokio::test]
async fn look_ups_that_never_arrive() {
    looks_up(0).await;
}

#[tokio::test]
async fn look_ups_whose_answer_is_lost() {
    looks_up(1).await;
}

#[tokio::test]
async fn lists_that_do_not_come() {
    in_worlds(3, async |world, row| {
        Table::paid(world, row.name).await;
        let day = last_over(world.app.clock.now() + time::Duration::hours(26));
        world.pass(27 * 3_600).await;
        for when in WHEN {
            let name = format!("list, {when}, {}", row.name);
            // It is asked twice.
            world.spoils("list", 2, row.planned(when)).await;
            assert_eq!(books::compare(&world.app, day).await.is_ok(), row.list, "{name}");
            world.heals().await;
            let found = books::compare(&world.app, day).await.unwrap();
            assert_eq!((found.differences.len(), found.waiting), (0, 0), "{name}");
        }
        world.spoils("webhook", 10_000, json!({"do": "drop"})).await;
    })
    .await;
}

/// Nobody listens at the provider's address: surely nothing is delivered.
#[tokio::test]
async fn a_connection_that_is_refused() {
    let network = std::sync::OnceLock::<Network>::new();
    let simulated = std::sync::Mutex::new(String::new());
    // The world makes its simulator itself, so the network learns of it here.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let between = |config: &mut Config| {
        impatient(config);
        let to = config.toss.base_url.strip_prefix("http://").unwrap().strip_suffix("/toss").unwrap().to_owned();
        config.toss.base_url = format!("http://{address}/toss");
        *simulated.lock().unwrap() = to;
    };
    world_with(between, async |world| {
        let to = simulated.lock().unwrap().clone();
        let network = network.get_or_init(|| Network::refusing(address, &to));
        world.spoils("webhook", 10_000, json!({"do": "drop"})).await;

        let table = Table::held(&world, "confirm").await;
        Seen::Busy.check("confirm, refused", table.pays().await);
        look_around("confirm, refused", &table).await;
        network.heals().await;
        Seen::Paid.check("confirm, again", table.pays().await);

        table.leaves().await.expect(200);
        network.refuse().await;
        world.settle().await;
        assert_eq!(table.seat().await, ("left".to_owned(), 10_000, 0), "cancel, refused");
        network.heals().await;
        recovers(&world, &table, false).await;
        ends(&world, "cancel, refused", &table, End::Refunded).await;

        let table = Table::held(&world, "lookup").await;
        world.spoils("confirm", 1, json!({"when": "after_effect", "do": "reset"})).await;
        Seen::Unknown.check("look-up, refused", table.pays().await);
        network.refuse().await;
        world.pass(10).await;
        assert_eq!(table.state().await, "confirming", "look-up, refused");
        look_around("look-up, refused", &table).await;
        let day = last_over(world.app.clock.now() + time::Duration::hours(26));
        world.moves_clocks(27 * 3_600).await;
        assert!(books::compare(&world.app, day).await.is_err(), "list, refused");
        network.heals().await;
        world.settle().await;
        world.pass(5).await;
        assert_eq!(table.state().await, "refunded", "its seat is long gone");
        let found = books::compare(&world.app, day).await.unwrap();
        assert_eq!((found.differences.len(), found.waiting), (0, 0), "list, refused");
    })
    .await;
}
