//! The pools: one of the main database, one of each party database; a pool that got stuck is replaced.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection};
use tokio::time::timeout;

use crate::domain::error::{Code, Error, Result};
use crate::domain::id::Shard;
use crate::storage::lanes::{Lane, Lanes};
use crate::storage::pool::Pool;
use crate::storage::shards::{self, ShardMap};
use crate::storage::{STATEMENT, moved, patiently};

/// How long a request waits for a connection of the pool.
const ACQUIRE: Duration = Duration::from_secs(2);

/// How long the watchdog waits for a connection's answer to a ping.
const ANSWER: Duration = Duration::from_secs(2);

/// How often the watchdog looks.
const WATCH: Duration = Duration::from_secs(1);

/// So many times in a row without a connection, and the pool is stuck rather than busy.
const STUCK_AFTER: u8 = 3;

/// How long the end waits for connections that are in use.
const LAST: Duration = Duration::from_secs(5);

pub const MAIN: &str = "main";

pub struct Databases {
    main: Arc<Database>,
    parties: Vec<Arc<Database>>,
    map: ArcSwap<ShardMap>,
}

impl Databases {
    /// Connects to nothing yet; the shard map is empty until it is loaded.
    pub fn new(main: Database, parties: Vec<Database>) -> Self {
        let parties = parties.into_iter().map(Arc::new).collect();
        Self { main: Arc::new(main), parties, map: ArcSwap::from_pointee(ShardMap::default()) }
    }

    pub fn main(&self) -> Pool {
        self.main.pool()
    }

    /// The pool of the party database where the shard lives.
    pub fn party(&self, shard: Shard) -> Result<Pool> {
        self.home(shard).map(Database::pool)
    }

    fn home(&self, shard: Shard) -> Result<&Database> {
        let home = self.map.load().home(shard).and_then(|home| self.parties.get(usize::from(home)));
        home.map(Arc::as_ref).ok_or_else(|| Error::internal(Code::Internal, "the shard map is not loaded"))
    }

    /// A connection to the main database for one statement.
    pub async fn main_lane(&self) -> Result<Lane> {
        self.main.lanes.take().await
    }

    /// A connection for one statement to the party database where the shard lives.
    pub async fn lane(&self, shard: Shard) -> Result<Lane> {
        self.home(shard)?.lanes.take().await
    }

    pub fn main_database(&self) -> &Arc<Database> {
        &self.main
    }

    pub fn party_databases(&self) -> &[Arc<Database>] {
        &self.parties
    }

    pub fn all(&self) -> impl Iterator<Item = &Arc<Database>> {
        std::iter::once(&self.main).chain(&self.parties)
    }

    pub fn map(&self) -> Arc<ShardMap> {
        self.map.load_full()
    }

    /// Reads the shard map anew.
    pub async fn load_map(&self) -> Result<()> {
        let names: Vec<&str> = self.parties.iter().map(|database| database.name()).collect();
        let map = patiently(shards::load(&self.main(), &names)).await?;
        // Two loads can overlap; the older answer must not win.
        self.map.rcu(|present| if present.epoch > map.epoch { Arc::clone(present) } else { Arc::new(map.clone()) });
        Ok(())
    }

    /// Does the work where the shard lives. When the fence says that it has moved, the map is read anew and the work done
    /// once more, so it must be a transaction of its own.
    pub async fn on_shard<T, F: Future<Output = Result<T>>>(
        &self,
        shard: Shard,
        work: impl Fn(Pool) -> F,
    ) -> Result<T> {
        match patiently(work(self.party(shard)?)).await {
            Err(error) if moved(&error) => {
                self.load_map().await?;
                patiently(work(self.party(shard)?)).await
            }
            done => done,
        }
    }

    /// As [`Self::on_shard`] for a look: what is not found may have moved, so then the owner is asked before it is believed.
    pub async fn look<T, F: Future<Output = Result<Option<T>>>>(
        &self,
        shard: Shard,
        work: impl Fn(Pool) -> F,
    ) -> Result<Option<T>> {
        let pool = self.party(shard)?;
        if let Some(found) = patiently(work(pool.clone())).await? {
            return Ok(Some(found));
        }
        if patiently(shards::owns(&pool, shard)).await? {
            return Ok(None);
        }
        self.load_map().await?;
        patiently(work(self.party(shard)?)).await
    }

    /// All databases that hold one of the shards.
    pub fn homes(&self, shards: &[Shard]) -> Result<Vec<Arc<Database>>> {
        let map = self.map.load();
        let mut homes: Vec<u16> = shards.iter().filter_map(|shard| map.home(*shard)).collect();
        homes.sort_unstable();
        homes.dedup();
        let databases: Option<Vec<_>> =
            homes.into_iter().map(|home| self.parties.get(usize::from(home)).cloned()).collect();
        databases
            .filter(|databases| !databases.is_empty())
            .ok_or_else(|| Error::internal(Code::Internal, "the shard map is not loaded"))
    }

    /// Each with the others that live in the same database.
    pub fn by_home<T>(&self, items: Vec<T>, shard: impl Fn(&T) -> Shard) -> Result<Vec<(Arc<Database>, Vec<T>)>> {
        let mut homes: Vec<(Arc<Database>, Vec<T>)> = Vec::new();
        for item in items {
            let Some(home) = self.homes(&[shard(&item)])?.pop() else { continue };
            match homes.iter_mut().find(|(known, _)| Arc::ptr_eq(known, &home)) {
                Some((_, items)) => items.push(item),
                None => homes.push((home, vec![item])),
            }
        }
        Ok(homes)
    }

    /// Keeps the pools and the map healthy until the last user of `self` is gone.
    pub fn watch(self: &Arc<Self>) {
        for database in self.all() {
            let database = Arc::downgrade(database);
            tokio::spawn(async move {
                let mut misses = 0;
                while let Some(database) = database.upgrade() {
                    misses = database.heal(misses).await;
                    drop(database);
                    tokio::time::sleep(WATCH).await;
                }
            });
        }
        let databases = Arc::downgrade(self);
        tokio::spawn(async move {
            while let Some(databases) = databases.upgrade() {
                if let Err(error) = databases.follow_map().await {
                    tracing::warn!(?error, "the shard map cannot be read");
                }
                drop(databases);
                tokio::time::sleep(WATCH * 5).await;
            }
        });
    }

    async fn follow_map(&self) -> Result<()> {
        if shards::epoch(&self.main()).await? == self.map().epoch { Ok(()) } else { self.load_map().await }
    }

    /// Ends all connections, after the work that is going on; one whose peer has vanished is not waited for.
    pub async fn close(&self) {
        let closed = self.all().map(|database| async move {
            if timeout(LAST, database.pool().close()).await.is_err() {
                tracing::warn!(database = database.name(), "a connection did not come back and is left behind");
            }
        });
        futures_util::future::join_all(closed).await;
    }
}

/// One database, and the pool of connections to it.
pub struct Database {
    name: String,
    options: PgConnectOptions,
    pool: ArcSwap<Pool>,
    lanes: Lanes,
}

impl Database {
    /// Needs a running Tokio, and connects to nothing yet. The name is `main` or that of a party database.
    pub fn new(name: impl Into<String>, url: &str) -> sqlx::Result<Self> {
        let options = PgConnectOptions::from_str(url)?.application_name("nbbang").disable_statement_logging();
        let pool = ArcSwap::from_pointee(pool(&options));
        let lanes = Lanes::new(limited(&options), lanes_per_thread(), ACQUIRE);
        Ok(Self { name: name.into(), options, pool, lanes })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn pool(&self) -> Pool {
        Pool::clone(&self.pool.load())
    }

    /// A connection for one statement.
    pub async fn lane(&self) -> Result<Lane> {
        self.lanes.take().await
    }

    /// How much a job has done here. One that failed is told to the log: it must not hold up the other databases.
    pub fn done(&self, done: Result<usize>) -> usize {
        done.unwrap_or_else(|error| {
            tracing::warn!(?error, database = self.name, "a job did not get on with this database; it is tried again");
            0
        })
    }

    /// A connection of one's own, without the limits of the pool's; for operators' commands.
    pub async fn connect(&self) -> sqlx::Result<PgConnection> {
        timeout(ACQUIRE * 2, self.options.connect()).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    /// Why the database cannot be used, and what an operator can do about it.
    pub fn explain(&self, error: &sqlx::Error) -> String {
        let setting = if self.name == MAIN { "NBBANG_MAIN_DATABASE_URL" } else { "NBBANG_PARTY_DATABASE_URLS" };
        let user = self.options.get_username();
        let database = self.options.get_database().unwrap_or(user);
        let address = match self.options.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => format!("{}:{}", self.options.get_host(), self.options.get_port()),
        };
        let state = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        match (state.as_deref(), error) {
            (Some("3D000"), _) => format!(
                "The database {database} ({}) does not exist at {address}. Make it (`createdb {database}`) or correct \
                 {setting}, and start again.",
                self.name
            ),
            (Some("28P01" | "28000"), _) => {
                format!(
                    "PostgreSQL at {address} does not let {user} in: {error}. Correct user and password in {setting}."
                )
            }
            (Some("42501"), _) => {
                format!(
                    "{user} may not do this in the database {database} at {address}: {error}. Grant it, or use another user in {setting}."
                )
            }
            (None, sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut) => format!(
                "PostgreSQL ({}) does not answer at {address}: {error}. Start it, or correct {setting}.",
                self.name
            ),
            _ => format!("The database {database} ({}) at {address} answers: {error}.", self.name),
        }
    }

    /// The watchdog's look. A peer that vanished without a word leaves a hanging ping behind each connection that comes
    /// back to sqlx's pool, and with it the connection's place, for as long as TCP hopes (a quarter of an hour). When a
    /// new connection works and the pool's do not, the pool is replaced. Says how often in a row there was none.
    pub async fn heal(&self, misses: u8) -> u8 {
        let pool = self.pool();
        let misses = match pool.acquire().await {
            Ok(mut connection) => {
                let silent = timeout(ANSWER, connection.ping()).await.is_err();
                if silent {
                    connection.close_on_drop();
                }
                if silent { STUCK_AFTER } else { 0 }
            }
            Err(_) => misses.saturating_add(1),
        };
        if misses < STUCK_AFTER || !self.answers().await {
            return misses;
        }
        tracing::warn!(database = self.name, "the pool hands out no working connection; replacing it");
        metrics::counter!("nbbang_pool_replacements_total", "database" => self.name.clone()).increment(1);
        let stuck = self.pool.swap(Arc::new(self::pool(&self.options)));
        // Closed at once for newcomers; what is going on may end.
        tokio::spawn(async move { timeout(Duration::from_mins(1), stuck.close()).await });
        0
    }

    async fn answers(&self) -> bool {
        let fresh = async {
            let mut connection = self.options.connect().await?;
            connection.ping().await?;
            connection.close().await
        };
        matches!(timeout(ANSWER, fresh).await, Ok(Ok(())))
    }
}

fn pool(options: &PgConnectOptions) -> Pool {
    let pool = PgPoolOptions::new()
        .max_connections(pool_size())
        .acquire_timeout(ACQUIRE)
        .test_before_acquire(false)
        .connect_lazy_with(limited(options));
    Pool::new(pool)
}

/// As many as a pool has at the most.
pub fn most_connections() -> usize {
    usize::try_from(pool_size()).unwrap_or(16)
}

fn pool_size() -> u32 {
    (cores() * 4).clamp(16, 64)
}

fn cores() -> u32 {
    std::thread::available_parallelism().map_or(4, |cores| u32::try_from(cores.get()).unwrap_or(64))
}

/// There are about as many threads that serve as there are cores.
fn lanes_per_thread() -> usize {
    usize::try_from(16 / cores()).map_or(8, |lanes| lanes.clamp(2, 8))
}

fn limited(options: &PgConnectOptions) -> PgConnectOptions {
    options.clone().statement_cache_capacity(500).options([
        ("default_transaction_isolation", "read committed"),
        ("statement_timeout", &format!("{}ms", STATEMENT.as_millis())),
        // As long as a repeated command waits for the first.
        ("lock_timeout", "5s"),
        // A process that was paused or cut off must not keep its locks.
        ("idle_in_transaction_session_timeout", "15s"),
        ("jit", "off"),
        // Of a box on the map PostgreSQL always thinks that it holds a thousandth of all rows, and would read it whole by a
        // bitmap and sort it; walking the index in order reads what is shown.
        ("enable_bitmapscan", "off"),
    ])
}
