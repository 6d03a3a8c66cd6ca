//! The operators' commands: what they print and how they end. A mistake is told in a sentence that says what to do.

pub mod books;
pub mod health;
mod money;
mod operators;
mod seed;
mod testers;

pub use money::{
    Decision, disputes_decide, disputes_list, parties_cancel, parties_complete, payouts_list, payouts_paid,
    reviews_list, reviews_retry, transfers_unpaid,
};

pub use operators::{operators_add, operators_list, operators_remove};
pub use testers::{testers_add, testers_list, testers_remove};

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use secrecy::ExposeSecret;

use crate::app::store::Store;
use crate::app::{App, app_store_api, wordlists};
use crate::config::{Config, keys};
use crate::storage::cache;
use crate::storage::databases::{Database, Databases};
use crate::storage::migrate::{self, Set, Standing};
use crate::storage::shards;

/// Ends as the command line's own mistakes do.
const DAMAGED: u8 = 2;

/// `nbbang migrate`
pub async fn migrate() -> ExitCode {
    let outcome = match databases() {
        Ok(databases) => migrate::run(&databases).await,
        Err(code) => return code,
    };
    match outcome {
        Ok(done) => {
            print(&done);
            ExitCode::SUCCESS
        }
        Err(why) => complain(&[why]),
    }
}

/// `nbbang migrate --check`: 0 up to date, 1 pending, 2 damaged or not to be read.
pub async fn migrate_check() -> ExitCode {
    let Ok(databases) = databases() else { return ExitCode::from(DAMAGED) };
    let mut worst = 0;
    for (database, set) in migrate::sets(&databases) {
        let (line, level) = match migrate::standing(database, set).await {
            Ok(Standing::UpToDate) => ("up to date".to_owned(), 0),
            Ok(Standing::Pending(versions)) => (format!("{} pending. Run `nbbang migrate`.", list(&versions)), 1),
            Ok(Standing::Damaged(what)) => (what.join(" "), DAMAGED),
            Err(why) => (why, DAMAGED),
        };
        print(&[format!("{}: {line}", database.name())]);
        worst = worst.max(level);
    }
    ExitCode::from(worst)
}

/// `nbbang shards list`
pub async fn shards_list() -> ExitCode {
    let holdings = match databases() {
        Ok(databases) => shards::holdings(&databases).await,
        Err(code) => return code,
    };
    match holdings {
        Ok(holdings) => {
            print(&[format!("{:<32} {:>8} {:>8} {:>8}", "database", "mapped", "active", "other")]);
            for held in holdings {
                print(&[format!("{:<32} {:>8} {:>8} {:>8}", held.database, held.mapped, held.active, held.other)]);
            }
            ExitCode::SUCCESS
        }
        Err(why) => complain(&[why]),
    }
}

/// `nbbang seed`
pub async fn seed() -> ExitCode {
    with_app(|app| async move {
        if !app.config.is_dev() {
            return Err(
                "Sample parties are for dev mode alone, and NBBANG_MODE is prod. Nothing was changed.".to_owned()
            );
        }
        match seed::seed(&app).await {
            Ok(0) => Ok(vec!["The sample parties are open already.".to_owned()]),
            Ok(count) => Ok(vec![format!("{count} sample parties opened.")]),
            Err(error) => Err(error.to_string()),
        }
    })
    .await
}

/// `nbbang openapi`
pub fn openapi() -> ExitCode {
    match serde_json::to_string_pretty(&crate::http::openapi()) {
        Ok(document) => {
            print(&[document]);
            ExitCode::SUCCESS
        }
        Err(error) => complain(&[error.to_string()]),
    }
}

/// `nbbang errors`
pub fn errors() -> ExitCode {
    print(&[crate::http::errors_markdown().trim_end()]);
    ExitCode::SUCCESS
}

/// Does something with the use cases, and prints what comes of it.
async fn with_app<F: Future<Output = Result<Vec<String>, String>>>(work: impl FnOnce(Arc<App>) -> F) -> ExitCode {
    let config = match Config::from_env() {
        Ok(config) => config,
        Err(mistakes) => return complain(&mistakes),
    };
    let app = match App::start(config).await {
        Ok(app) => app,
        Err(why) => return complain(&[why]),
    };
    let done = work(Arc::clone(&app)).await;
    app.stop().await;
    match done {
        Ok(lines) => {
            print(&lines);
            ExitCode::SUCCESS
        }
        Err(why) => complain(&[why]),
    }
}

/// `nbbang doctor`: one line per check, `ok` or what to do.
pub async fn doctor() -> ExitCode {
    let config = match Config::from_env() {
        Ok(config) => config,
        Err(mistakes) => {
            for mistake in mistakes {
                tell("settings", Err(mistake));
            }
            return ExitCode::FAILURE;
        }
    };
    let mut well = true;
    let mut check = |what: &str, found: Result<String, String>| {
        well &= found.is_ok();
        tell(what, found);
    };
    check("settings", Ok(format!("{} mode", if config.is_dev() { "dev" } else { "prod" })));
    for warning in &config.warnings {
        print(&[format!("note  settings: {warning}")]);
    }
    let api_key = match keys::load(&config) {
        Ok(keys) => {
            check("keys", Ok(format!("{} to sign, {} to encrypt", keys.jwt.len(), keys.data.len())));
            keys.app_store_api
        }
        Err(mistakes) => {
            for mistake in mistakes {
                check("keys", Err(mistake));
            }
            None
        }
    };
    match Store::open(&config, api_key.as_ref()) {
        Ok(Some(store)) => {
            check("App Store", Ok(store.summary(&config)));
            match &store.api {
                Some(api) => {
                    for (environment, found) in app_store_api::examine(api).await {
                        check(&format!("App Store {}", environment.word()), found);
                    }
                }
                None => print(&[
                    "note  App Store: NBBANG_APP_STORE_API_KEY_FILE is not set: missed notifications stay missed",
                ]),
            }
        }
        Ok(None) => print(&["note  App Store: NBBANG_APP_STORE_BUNDLE_ID is not set: nothing is sold"]),
        Err(why) => check("App Store", Err(why)),
    }
    let pushes = [("APNs", &config.apns.base_url, "iPhones"), ("FCM", &config.fcm.base_url, "Android phones")];
    for (service, base_url, phones) in pushes {
        match base_url {
            Some(url) => check(service, Ok(format!("{phones} are reached through {url}"))),
            None => print(&[&format!("note  {service}: it is not set up: {phones} are told nothing")]),
        }
    }
    check("words", wordlists::examine(&config));
    match config.storage.databases() {
        Ok(databases) => {
            let mut current = true;
            for (database, set) in migrate::sets(&databases) {
                let found = examine(database, set).await;
                current &= found.is_ok();
                check(&format!("database {}", database.name()), found);
            }
            if current {
                check("shards", agree(&databases).await);
            }
        }
        Err(why) => check("databases", Err(why)),
    }
    match &config.storage.redis_url {
        Some(url) => check("Redis", cache::examine(url.expose_secret()).await.map_err(|why| format!("{why}."))),
        None => print(&["note  Redis: NBBANG_REDIS_URL is not set: single-process mode"]),
    }
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn examine(database: &Database, set: Set) -> Result<String, String> {
    let version = async {
        let mut connection = database.connect().await?;
        sqlx::query_scalar::<_, String>("select current_setting('server_version')").fetch_one(&mut connection).await
    };
    let version = version.await.map_err(|error| database.explain(&error))?;
    let major: u32 = version.split(['.', ' ']).next().and_then(|major| major.parse().ok()).unwrap_or_default();
    if major < 15 {
        return Err(format!("PostgreSQL 15 or later is needed, and this is {version}. Upgrade the server."));
    }
    match migrate::standing(database, set).await? {
        Standing::UpToDate => Ok(format!("PostgreSQL {version}, migrations up to date")),
        Standing::Pending(versions) => Err(format!("{} pending. Run `nbbang migrate`.", list(&versions))),
        Standing::Damaged(what) => Err(what.join(" ")),
    }
}

/// Whether every party database owns what the map gives it. During a move one of them has a shard less.
async fn agree(databases: &Databases) -> Result<String, String> {
    databases.load_map().await.map_err(|error| error.internal.unwrap_or_else(|| error.code.word().to_owned()))?;
    for held in shards::holdings(databases).await? {
        if held.mapped != held.active {
            return Err(format!(
                "The map gives {} shards to {}, which owns {}. Unless a shard is being moved now, its address in \
                 NBBANG_PARTY_DATABASE_URLS is that of another database.",
                held.mapped, held.database, held.active
            ));
        }
    }
    Ok(format!("the map, epoch {}, and the databases agree", databases.map().epoch))
}

fn list(versions: &[i64]) -> String {
    let versions: Vec<String> = versions.iter().map(ToString::to_string).collect();
    format!("migration{} {}", if versions.len() == 1 { "" } else { "s" }, versions.join(", "))
}

fn databases() -> Result<Databases, ExitCode> {
    let config = Config::from_env().map_err(|mistakes| complain(&mistakes))?;
    config.storage.databases().map_err(|why| complain(&[why]))
}

fn tell(what: &str, found: Result<String, String>) {
    print(&[match found {
        Ok(fine) => format!("ok    {what}: {fine}"),
        Err(todo) => format!("FAIL  {what}: {todo}"),
    }]);
}

/// Lines to standard output. A reader that has gone is no failure of ours.
pub fn print<T: AsRef<str>>(lines: &[T]) {
    let mut out = std::io::stdout().lock();
    for line in lines {
        drop(writeln!(out, "{}", line.as_ref()));
    }
}

/// Sentences to standard error, and the exit code that goes with them.
pub fn complain<T: AsRef<str>>(sentences: &[T]) -> ExitCode {
    let mut out = std::io::stderr().lock();
    for sentence in sentences {
        drop(writeln!(out, "nbbang: {}", sentence.as_ref()));
    }
    ExitCode::FAILURE
}
