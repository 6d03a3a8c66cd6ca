//! The migrations of the main and the party databases: applying them, and a check that only reads.

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{Connection, PgConnection};

use crate::storage::bounded;
use crate::storage::databases::{Database, Databases};
use crate::storage::shards;

/// Which migrations a database needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    Main,
    Party,
}

impl Set {
    /// What others have applied is theirs: the other set in the same database, or a newer version of this program.
    pub fn migrator(self) -> Migrator {
        let mut migrator = match self {
            Self::Main => sqlx::migrate!("migrations/main"),
            Self::Party => sqlx::migrate!("migrations/party"),
        };
        migrator.set_ignore_missing(true);
        migrator
    }
}

/// Brings every database up to date, each under a lock, and gives out the shards the first time. Says what it did, or
/// what an operator has to do.
pub async fn run(databases: &Databases) -> Result<Vec<String>, String> {
    let mut done = Vec::new();
    for (database, set) in sets(databases) {
        let applied = apply(database, set).await?;
        done.push(match applied {
            0 => format!("{}: up to date", database.name()),
            1 => format!("{}: 1 migration applied", database.name()),
            _ => format!("{}: {applied} migrations applied", database.name()),
        });
    }
    done.extend(shards::seed(databases).await?);
    Ok(done)
}

pub fn sets(databases: &Databases) -> impl Iterator<Item = (&Database, Set)> {
    let parties = databases.party_databases().iter().map(|database| (&**database, Set::Party));
    std::iter::once((&**databases.main_database(), Set::Main)).chain(parties)
}

/// Whether this program can work on the schemas that are there. A party database that does not answer is no obstacle: the
/// shards of the others work.
pub async fn ready(databases: &Databases) -> Result<(), String> {
    for (database, set) in sets(databases) {
        match standing(database, set).await {
            Ok(Standing::UpToDate) => {}
            Ok(standing) => return Err(unready(database, standing)),
            Err(why) if set == Set::Main => return Err(why),
            Err(why) => tracing::error!(database = database.name(), "{why}"),
        }
    }
    Ok(())
}

/// As [`ready`], on connections of the pools: cheap enough to be asked every second.
pub async fn still_ready(databases: &Databases) -> Result<(), String> {
    for (database, set) in sets(databases) {
        let pool = database.pool();
        let standing = bounded(async { check(&mut *pool.acquire().await?, set).await }).await;
        match standing {
            Ok(Standing::UpToDate) => {}
            Ok(standing) => return Err(unready(database, standing)),
            Err(error) if set == Set::Main => return Err(error.to_string()),
            Err(error) => tracing::warn!(database = database.name(), %error, "a party database does not answer"),
        }
    }
    Ok(())
}

fn unready(database: &Database, standing: Standing) -> String {
    match standing {
        Standing::Damaged(what) => format!("{}: {}", database.name(), what.join(" ")),
        _ => format!("The database {} lacks migrations. Run `nbbang migrate`.", database.name()),
    }
}

/// [`check`] on a connection of its own.
pub async fn standing(database: &Database, set: Set) -> Result<Standing, String> {
    let standing = async {
        let mut connection = database.connect().await?;
        let standing = check(&mut connection, set).await?;
        connection.close().await?;
        Ok(standing)
    };
    standing.await.map_err(|error| database.explain(&error))
}

async fn apply(database: &Database, set: Set) -> Result<usize, String> {
    let explain = |error| database.explain(&error);
    let migrator = set.migrator();
    // A connection of its own: sqlx keeps the lock when a migration fails, and it ends with the connection.
    let mut connection = database.connect().await.map_err(explain)?;
    let before = check(&mut connection, set).await.map_err(explain)?;
    if let Standing::Damaged(what) = before {
        return Err(format!("{}: {}", database.name(), what.join(" ")));
    }
    migrator.run_direct(None, &mut connection, false).await.map_err(|error| failed(database, error))?;
    connection.close().await.map_err(explain)?;
    Ok(match before {
        Standing::Pending(versions) => versions.len(),
        _ => 0,
    })
}

fn failed(database: &Database, error: MigrateError) -> String {
    match error {
        MigrateError::Execute(error) => database.explain(&error),
        MigrateError::ExecuteMigration(error, version) => format!(
            "Migration {version} failed in {}: {}. Nothing of it was kept; correct the cause and run `nbbang migrate` again.",
            database.name(),
            error.to_string().trim_end_matches('.')
        ),
        error => format!("{}: {error}.", database.name()),
    }
}

/// How a database stands to the migrations of this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    UpToDate,
    /// These versions are not applied.
    Pending(Vec<i64>),
    /// A migration was half applied or changed afterwards: one sentence each.
    Damaged(Vec<String>),
}

/// Only reads: works for a role that may only SELECT, takes no lock and makes no table. A database without the table of
/// migrations has all of them pending. Migrations that this program does not know belong to a newer one and are fine.
pub async fn check(connection: &mut PgConnection, set: Set) -> sqlx::Result<Standing> {
    let there: bool =
        sqlx::query_scalar("select to_regclass('_sqlx_migrations') is not null").fetch_one(&mut *connection).await?;
    let applied: Vec<(i64, Vec<u8>, bool)> = if there {
        sqlx::query_as("select version, checksum, success from _sqlx_migrations").fetch_all(connection).await?
    } else {
        Vec::new()
    };
    let (mut pending, mut damaged) = (Vec::new(), Vec::new());
    for migration in set.migrator().iter() {
        let version = migration.version;
        match applied.iter().find(|(applied, ..)| *applied == version) {
            None => pending.push(version),
            Some((_, _, false)) => damaged.push(format!(
                "Migration {version} was applied only in part. Repair what it left, remove its row from _sqlx_migrations, \
                 and run `nbbang migrate`."
            )),
            Some((_, checksum, true)) if **checksum != *migration.checksum => damaged.push(format!(
                "Migration {version} is not the one that was applied: its file was changed afterwards. Restore the file; a \
                 change of the schema is a new migration."
            )),
            Some(_) => {}
        }
    }
    Ok(match (damaged.is_empty(), pending.is_empty()) {
        (false, _) => Standing::Damaged(damaged),
        (true, false) => Standing::Pending(pending),
        (true, true) => Standing::UpToDate,
    })
}
