//! sqlx's pool, with connections that belong to the runtime of the process and not to the thread that happened to ask first:
//! actix's threads end before the jobs and the payments under way do.

use std::ops::Deref;

use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Postgres, Transaction};
use tokio::runtime::Handle;
use tokio_util::context::TokioContext;

#[derive(Clone, Debug)]
pub struct Pool {
    pool: PgPool,
    runtime: Handle,
}

impl Pool {
    /// Its connections live as long as the runtime that runs now.
    pub fn new(pool: PgPool) -> Self {
        Self { pool, runtime: Handle::current() }
    }

    pub async fn acquire(&self) -> sqlx::Result<PoolConnection<Postgres>> {
        TokioContext::new(self.pool.acquire(), self.runtime.clone()).await
    }

    pub async fn begin_with(&self, statement: &'static str) -> sqlx::Result<Transaction<'static, Postgres>> {
        TokioContext::new(self.pool.begin_with(statement), self.runtime.clone()).await
    }
}

impl Deref for Pool {
    type Target = PgPool;

    fn deref(&self) -> &PgPool {
        &self.pool
    }
}
