//! Databases of a test's own, which go when it ends.

use nbbang::storage::databases::{Database, Databases, MAIN};
use nbbang::storage::migrate;
use sqlx::{Connection, PgConnection};

pub struct Scratch {
    server: String,
    names: Vec<String>,
}

impl Scratch {
    /// Empty databases: a main one and `parties` party databases.
    pub async fn empty(parties: usize) -> Self {
        let server =
            std::env::var("NBBANG_TEST_POSTGRES_URL").expect("NBBANG_TEST_POSTGRES_URL; run the tests by bin/test");
        let run = nbbang::app::random().simple().to_string();
        let names = std::iter::once(MAIN.to_owned()).chain((0..parties).map(|n| format!("party_{n}")));
        let scratch = Self { server, names: names.map(|name| format!("t_{run}_{name}")).collect() };
        for name in &scratch.names {
            execute(&scratch.server, &format!("create database {name}")).await;
        }
        scratch
    }

    pub async fn migrated(parties: usize) -> (Self, Databases) {
        let scratch = Self::empty(parties).await;
        let databases = scratch.databases();
        migrate::run(&databases).await.unwrap();
        (scratch, databases)
    }

    pub fn databases(&self) -> Databases {
        let parties = (1..self.names.len()).map(|n| Database::new(format!("party_{}", n - 1), &self.url(n)).unwrap());
        let parties = parties.collect();
        Databases::new(Database::new(MAIN, &self.url(0)).unwrap(), parties)
    }

    /// The address of the main database (0) or of a party database (from 1).
    pub fn url(&self, index: usize) -> String {
        format!("{}/{}", self.server.rsplit_once('/').unwrap().0, self.names[index])
    }

    pub async fn execute(&self, index: usize, sql: &str) {
        execute(&self.url(index), sql).await;
    }
}

pub async fn execute(url: &str, sql: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let (server, names) = (self.server.clone(), std::mem::take(&mut self.names));
        // A thread with a runtime of its own, since the test's cannot be waited for here.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            for name in names {
                runtime.block_on(execute(&server, &format!("drop database if exists {name} with (force)")));
            }
        });
        drop(dropping.join());
    }
}
