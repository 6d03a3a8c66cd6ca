//! Connections for single statements, some to each thread: what is read and written stays on the thread that asked, and
//! nobody asks the server whether it is still there after every statement, as sqlx's pool does. Not for transactions.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use crate::domain::error::{Code, Result};

/// A connection that has rested so long is asked whether it is still there.
const RESTED: Duration = Duration::from_secs(1);

/// The lanes to one database.
pub struct Lanes {
    /// Which of a thread's are to this database.
    number: usize,
    options: PgConnectOptions,
    per_thread: usize,
    patience: Duration,
}

/// What one thread has of one database.
struct Local {
    free: Arc<Semaphore>,
    rested: Mutex<Vec<(PgConnection, Instant)>>,
}

thread_local! {
    static LOCAL: RefCell<HashMap<usize, Arc<Local>>> = RefCell::default();
}

impl Lanes {
    /// Connects to nothing yet; `patience` is for a free lane and for a connection.
    pub fn new(options: PgConnectOptions, per_thread: usize, patience: Duration) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        Self { number: NEXT.fetch_add(1, Ordering::Relaxed), options, per_thread, patience }
    }

    /// A connection of this thread, for one statement.
    pub async fn take(&self) -> Result<Lane> {
        let local = self.local();
        let free = timeout(self.patience, Arc::clone(&local.free).acquire_owned()).await;
        let permit = free.ok().and_then(std::result::Result::ok).ok_or(sqlx::Error::PoolTimedOut)?;
        while let Some((mut connection, since)) = local.pop() {
            if since.elapsed() < RESTED || matches!(timeout(self.patience, connection.ping()).await, Ok(Ok(()))) {
                return Ok(Lane { connection, local, _permit: permit });
            }
            // The others have lost their peer too; to ask each would take its time for each.
            local.forget();
        }
        let connected = timeout(self.patience, self.options.connect()).await;
        let connection = connected.unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
        Ok(Lane { connection, local, _permit: permit })
    }

    fn local(&self) -> Arc<Local> {
        let new = || Arc::new(Local { free: Arc::new(Semaphore::new(self.per_thread)), rested: Mutex::default() });
        LOCAL.with_borrow_mut(|all| Arc::clone(all.entry(self.number).or_insert_with(new)))
    }
}

impl Local {
    fn pop(&self) -> Option<(PgConnection, Instant)> {
        self.rested.lock().ok()?.pop()
    }

    fn forget(&self) {
        if let Ok(mut rested) = self.rested.lock() {
            rested.clear();
        }
    }
}

/// A connection for one statement. It is closed unless [`Lane::done`] says that the statement has ended, so that nobody
/// gets another's answer or waits for it.
pub struct Lane {
    connection: PgConnection,
    local: Arc<Local>,
    _permit: OwnedSemaphorePermit,
}

impl Lane {
    /// Gives the connection back, if the statement's outcome says that it is well, and the outcome to the caller.
    pub fn done<T>(self, outcome: Result<T>) -> Result<T> {
        let Self { connection, local, _permit } = self;
        let broken = outcome.as_ref().is_err_and(|error| error.code == Code::DatabaseUnavailable);
        if !broken && let Ok(mut rested) = local.rested.lock() {
            rested.push((connection, Instant::now()));
        }
        outcome
    }
}

impl Deref for Lane {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Lane {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}
