//! Pools: the limits of their connections, and a network that swallows them without a word.

use std::time::Duration;

use nbbang::domain::error::{Code, Error};
use nbbang::storage::clock::ahead_ms;
use nbbang::storage::databases::{Database, Databases, MAIN};
use nbbang::storage::lanes::Lanes;
use nbbang::storage::tx::Tx;
use nbbang::storage::violates;

use crate::network::Network;
use crate::scratch::Scratch;

#[tokio::test]
async fn a_broken_constraint_is_known_whatever_language_the_server_speaks() {
    let (_scratch, databases) = Scratch::migrated(1).await;
    let told = sqlx::raw_sql(
        "do $$ begin
             raise exception '중복된 키 값이 \"orders_live\" 고유 제약 조건을 위반함' using errcode = '23505', constraint = 'orders_live';
         end $$",
    );
    let error = Error::from(told.execute(&*databases.main()).await.unwrap_err());
    assert!(violates(&error, "orders_live"), "{error:?}");
    assert!(!violates(&error, "orders_pkey"), "{error:?}");
}

#[tokio::test]
async fn connections_are_in_read_committed_and_have_limits() {
    let (_scratch, databases) = Scratch::migrated(1).await;
    let settings: Vec<String> = sqlx::query_scalar(
        "select name || '=' || setting from pg_settings where name in \
         ('default_transaction_isolation', 'statement_timeout', 'idle_in_transaction_session_timeout') order by name",
    )
    .fetch_all(&*databases.main())
    .await
    .unwrap();
    assert_eq!(
        settings,
        [
            "default_transaction_isolation=read committed",
            "idle_in_transaction_session_timeout=15000",
            "statement_timeout=8000"
        ]
    );
}

#[tokio::test]
async fn what_is_not_committed_did_not_happen() {
    let (_scratch, databases) = Scratch::migrated(1).await;
    for (commit, expected) in [(false, 0), (true, 5)] {
        let mut tx = Tx::begin(&databases.main()).await.unwrap();
        sqlx::query("update dev_clock set ahead_ms = ahead_ms + 5").execute(&mut *tx).await.unwrap();
        if commit {
            tx.commit().await.unwrap();
        } else {
            drop(tx);
        }
        assert_eq!(ahead_ms(&databases.main()).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_server_that_is_gone_is_unavailable() {
    let database = Database::new(MAIN, "postgres://me@127.0.0.1:1/x").unwrap();
    let refusal = ahead_ms(&database.pool()).await.unwrap_err();
    assert_eq!(refusal.code, Code::DatabaseUnavailable);
    assert_eq!(database.heal(7).await, 8, "a new pool would not help");
}

#[tokio::test]
async fn a_pool_whose_peer_vanished_is_replaced() {
    let (scratch, _databases) = Scratch::migrated(1).await;
    let url = scratch.url(0);
    let (_, server) = url.split_once('@').unwrap();
    let (server, name) = server.split_once('/').unwrap();
    let network = Network::to(server).await;
    let database = Database::new(MAIN, &format!("postgres://postgres@{}/{name}", network.address)).unwrap();

    let before = ahead_ms(&database.pool()).await;
    assert_eq!(before.unwrap(), 0);
    assert_eq!(database.heal(0).await, 0, "a pool that works stays");

    // sqlx takes it back in a task of its own; until then the next one gets a new connection, and that one works.
    while database.pool().num_idle() == 0 {
        tokio::task::yield_now().await;
    }
    // The connections that there are get no answer any more; new ones would.
    network.swallow();
    let stuck = database.pool();
    assert_eq!(database.heal(0).await, 0);
    tokio::time::timeout(Duration::from_secs(30), stuck.close_event()).await.expect("it is replaced");
    assert_eq!(ahead_ms(&database.pool()).await.unwrap(), 0);
}

/// One that waits for each of them would wait for a minute.
#[tokio::test]
async fn lanes_whose_peer_vanished_are_given_up_together() {
    let (scratch, _databases) = Scratch::migrated(0).await;
    let (_, server) =
        scratch.url(0).split_once('@').map(|(user, server)| (user.to_owned(), server.to_owned())).unwrap();
    let (server, name) = server.split_once('/').unwrap();
    let network = Network::to(server).await;
    let options = format!("postgres://postgres@{}/{name}", network.address).parse().unwrap();
    let lanes = Lanes::new(options, 30, Duration::from_secs(2));
    let mut taken = Vec::new();
    for _ in 0..30 {
        taken.push(lanes.take().await.unwrap());
    }
    for lane in taken {
        lane.done(Ok(())).unwrap();
    }
    // Until then they are not asked whether they are still there.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    network.swallow();
    let lane = tokio::time::timeout(Duration::from_secs(20), lanes.take()).await;
    lane.expect("it waits for all of them").unwrap().done(Ok(())).unwrap();
}

/// sqlx waits for the answer to a ping before it takes a connection back; of a vanished peer that never comes.
#[tokio::test]
async fn the_end_does_not_wait_for_a_connection_whose_peer_vanished() {
    let (scratch, _databases) = Scratch::migrated(0).await;
    let url = scratch.url(0);
    let (server, name) = url.split_once('@').unwrap().1.split_once('/').unwrap();
    let network = Network::to(server).await;
    let main = Database::new(MAIN, &format!("postgres://postgres@{}/{name}", network.address)).unwrap();
    let databases = Databases::new(main, Vec::new());
    let held = databases.main().acquire().await.unwrap();
    network.swallow();
    drop(held);
    tokio::time::timeout(Duration::from_secs(30), databases.close()).await.expect("it ends");
}
