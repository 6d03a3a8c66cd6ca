//! The id lease: whatever clocks, crashes and pauses do, no id is made twice.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nbbang::app::clock::real_ms;
use nbbang::app::ids::Ids;
use nbbang::domain::error::Code;
use nbbang::domain::id::{Id, Shard};
use nbbang::storage::databases::{Database, Databases, MAIN};

use crate::scratch::Scratch;

const NOON: u64 = 1_000_000_000;

/// A clock that the test sets.
#[derive(Clone)]
struct Hands(Arc<AtomicU64>);

impl Hands {
    fn at(ms: u64) -> Self {
        Self(Arc::new(AtomicU64::new(ms)))
    }

    fn set(&self, ms: u64) {
        self.0.store(ms, Ordering::SeqCst);
    }

    fn read(&self) -> impl Fn() -> u64 + Send + Sync + 'static {
        let hands = Arc::clone(&self.0);
        move || hands.load(Ordering::SeqCst)
    }
}

async fn hold(databases: &Databases, hands: &Hands) -> Ids {
    Ids::hold(Arc::clone(databases.main_database()), hands.read()).await.unwrap()
}

fn shard() -> Shard {
    Shard::of_hash(5)
}

/// As many ids as the lease allows, at most `most`.
fn spend(ids: &Ids, most: usize) -> Vec<i64> {
    std::iter::from_fn(|| ids.try_next(shard()).ok()).take(most).collect()
}

fn assert_all_differ(made: &[i64]) {
    assert_eq!(made.iter().collect::<HashSet<_>>().len(), made.len(), "an id was made twice");
}

#[tokio::test]
async fn two_holders_have_two_slots() {
    let (_scratch, databases) = Scratch::migrated(1).await;
    let hands = Hands::at(NOON);
    let (one, two) = (hold(&databases, &hands).await, hold(&databases, &hands).await);
    assert_ne!(one.slot(), two.slot());
    let made = [spend(&one, 10_000), spend(&two, 10_000)].concat();
    assert_eq!(made.len(), 20_000);
    assert_all_differ(&made);
}

#[tokio::test]
async fn a_clock_set_back_repeats_nothing_even_after_a_restart() {
    let (_scratch, databases) = Scratch::migrated(1).await;
    let hands = Hands::at(NOON);
    let mut made = Vec::new();
    // More often than there are slots, so that each start finds a slot that was used at the same time of day.
    for _ in 0..70 {
        hands.set(NOON);
        let ids = hold(&databases, &hands).await;
        made.extend(spend(&ids, 100));
        hands.set(NOON - 3_600_000);
        made.extend(spend(&ids, 100));
        ids.stop().await;
    }
    assert_eq!(made.len(), 70 * 200);
    assert_all_differ(&made);
}

#[tokio::test]
async fn after_a_clock_set_back_ids_do_not_run_out_for_as_long_as_the_step() {
    let (_scratch, databases) = Scratch::migrated(1).await;
    let hands = Hands::at(NOON);
    let ids = hold(&databases, &hands).await;
    let mut made = spend(&ids, 1);
    hands.set(NOON - 3_600_000);
    made.extend(spend(&ids, usize::MAX));
    assert_eq!(made.len(), 10_000 * 32, "the whole lease of ten seconds");
    ids.renew().await.unwrap();
    made.extend(spend(&ids, 1000));
    assert_eq!(made.len(), 10_000 * 32 + 1000);
    assert_all_differ(&made);
}

#[tokio::test]
async fn a_holder_that_slept_past_its_lease_spends_only_its_own() {
    let (_scratch, databases) = Scratch::migrated(1).await;
    let hands = Hands::at(NOON);
    // All slots have been used, so that the next one to be taken is the sleeper's.
    let sleeper = hold(&databases, &hands).await;
    for _ in 1..32 {
        hold(&databases, &hands).await;
    }
    let mut made = spend(&sleeper, 1000);

    hands.set(NOON + 60_000);
    let successor = hold(&databases, &hands).await;
    assert_eq!(successor.slot(), sleeper.slot());
    assert!(spend(&sleeper, 1).is_empty(), "by its clock, its lease is over");

    // Now both clocks say what the sleeper's said: it spends the rest of its lease, the successor its own.
    hands.set(NOON);
    made.extend(spend(&successor, 50_000));
    made.extend(spend(&sleeper, usize::MAX));
    assert!(made.len() > 51_000);
    assert_all_differ(&made);

    hands.set(NOON + 60_000);
    sleeper.renew().await.unwrap();
    assert_ne!(successor.slot(), sleeper.slot(), "the loser takes another slot");
    made.extend(spend(&sleeper, 1000));
    successor.renew().await.unwrap();
    made.extend(spend(&successor, usize::MAX));
    assert_all_differ(&made);
}

#[tokio::test]
async fn more_holders_than_slots_disturb_but_never_repeat() {
    let (_scratch, databases) = Scratch::migrated(1).await;
    let hands = Hands::at(NOON);
    let mut holders = Vec::new();
    for _ in 0..40 {
        holders.push(hold(&databases, &hands).await);
    }
    let mut made = Vec::new();
    for second in 0..20 {
        hands.set(NOON + second * 3000);
        for ids in &holders {
            ids.renew().await.unwrap();
            made.extend(spend(ids, 100));
        }
    }
    assert_eq!(made.len(), 20 * 40 * 100, "each had its ids");
    assert_all_differ(&made);
}

#[tokio::test]
async fn beyond_the_lease_it_waits_and_then_says_busy() {
    let (_scratch, databases) = Scratch::migrated(1).await;
    let hands = Hands::at(NOON);
    let ids = hold(&databases, &hands).await;
    hands.set(NOON + 10_000);
    assert_eq!(ids.try_next(shard()).unwrap_err().code, Code::Busy);
    let (id, renewed) = tokio::join!(ids.next(shard()), ids.renew());
    renewed.unwrap();
    assert_eq!(Id::<()>::from_raw(id.unwrap()).millis(), NOON + 10_000);

    hands.set(NOON + 60_000);
    assert_eq!(ids.next(shard()).await.unwrap_err().code, Code::Busy, "nobody renews");
}

#[tokio::test]
async fn the_lease_is_kept_in_the_background_until_the_stop() {
    let (_scratch, databases) = Scratch::migrated(1).await;
    let hands = Hands::at(NOON);
    let ids = Ids::start(Arc::clone(databases.main_database()), hands.read()).await.unwrap();
    hands.set(NOON + 10_000);
    assert_eq!(Id::<()>::from_raw(ids.next(shard()).await.unwrap()).millis(), NOON + 10_000);
    ids.stop().await;
    let holder: Option<uuid::Uuid> = sqlx::query_scalar("select holder from id_slots where slot = $1")
        .bind(i16::from(ids.slot()))
        .fetch_one(&*databases.main())
        .await
        .unwrap();
    assert_eq!(holder, None);
    hands.set(NOON + 60_000);
    assert_eq!(ids.next(shard()).await.unwrap_err().code, Code::Busy, "none after the stop");
}

/// Two processes at a time, each killed (SIGKILL) after some ids and started anew, 200 in all.
#[tokio::test]
async fn two_hundred_restarts_by_kill_repeat_nothing() {
    let (scratch, _databases) = Scratch::migrated(1).await;
    let url = scratch.url(0);
    let lanes: Vec<_> = (0..2)
        .map(|_| {
            let url = url.clone();
            tokio::task::spawn_blocking(move || (0..100).flat_map(|_| one_life(&url)).collect::<Vec<i64>>())
        })
        .collect();
    let mut made = Vec::new();
    for lane in lanes {
        made.extend(lane.await.unwrap());
    }
    assert!(made.len() >= 200 * 500);
    assert_all_differ(&made);
}

const DATABASE: &str = "NBBANG_TEST_IDS_DATABASE";

/// A process that makes ids until it is killed; what it had time to say.
fn one_life(url: &str) -> Vec<i64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "ids::child", "--nocapture"])
        .env(DATABASE, url)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let is_id = |line: String| line.strip_prefix("id ").and_then(|id| id.parse().ok());
    let mut made: Vec<i64> = lines.by_ref().filter_map(is_id).take(500).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    // What was in the pipe has been made too. The last line may be cut off.
    let mut rest: Vec<i64> = lines.filter_map(is_id).collect();
    rest.pop();
    made.extend(rest);
    made
}

/// Not a test by itself: the process of [`one_life`].
#[tokio::test]
async fn child() {
    let Ok(url) = std::env::var(DATABASE) else { return };
    let main = Arc::new(Database::new(MAIN, &url).unwrap());
    let ids = Ids::start(main, real_ms).await.unwrap();
    let mut out = std::io::stdout().lock();
    writeln!(out).unwrap();
    while let Ok(id) = ids.next(shard()).await {
        if writeln!(out, "id {id}").is_err() {
            return;
        }
    }
}
