//! Pools: the limits of their connections, and a network that swallows them without a word.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nbbang::domain::error::{Code, Error};
use nbbang::storage::clock::ahead_ms;
use nbbang::storage::databases::{Database, MAIN};
use nbbang::storage::tx::Tx;
use nbbang::storage::violates;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

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

    // The connections that there are get no answer any more; new ones would.
    network.swallow();
    let stuck = database.pool();
    assert_eq!(database.heal(0).await, 0);
    tokio::time::timeout(std::time::Duration::from_secs(30), stuck.close_event()).await.expect("it is replaced");
    assert_eq!(ahead_ms(&database.pool()).await.unwrap(), 0);
}

/// A network between us and the server.
struct Network {
    address: std::net::SocketAddr,
    /// Shared by the connections of this moment.
    silent: Arc<arc_swap::ArcSwap<AtomicBool>>,
}

impl Network {
    async fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let silent = Arc::new(arc_swap::ArcSwap::from_pointee(AtomicBool::new(false)));
        let (server, present) = (server.to_owned(), Arc::clone(&silent));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                let (client_reads, client_writes) = client.into_split();
                let (server_reads, server_writes) = server.into_split();
                tokio::spawn(carry(client_reads, server_writes, present.load_full()));
                tokio::spawn(carry(server_reads, client_writes, present.load_full()));
            }
        });
        Self { address, silent }
    }

    /// From now on the present connections carry nothing; later ones work.
    fn swallow(&self) {
        self.silent.swap(Arc::new(AtomicBool::new(false))).store(true, Ordering::SeqCst);
    }
}

async fn carry(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    silent: Arc<AtomicBool>,
) {
    let mut buffer = [0; 8192];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if !silent.load(Ordering::SeqCst) && to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
    // Not even an end of the connection gets through.
    if silent.load(Ordering::SeqCst) {
        std::future::pending::<()>().await;
    }
}
