//! A transaction on one database; what is not committed is rolled back.

use std::ops::{Deref, DerefMut};

use sqlx::{PgConnection, Postgres, Transaction};

use crate::domain::error::Result;
use crate::storage::bounded;
use crate::storage::pool::Pool;

pub struct Tx(Transaction<'static, Postgres>);

impl Tx {
    /// In READ COMMITTED, which the shard fence stands on.
    pub async fn begin(pool: &Pool) -> Result<Self> {
        bounded(pool.begin_with("begin isolation level read committed")).await.map(Self)
    }

    pub async fn commit(self) -> Result<()> {
        bounded(self.0.commit()).await
    }
}

impl Deref for Tx {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.0
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.0
    }
}
