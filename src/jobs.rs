//! What goes on without being asked: the parties' clock, payments to ask about, refunds to send, news to pass on and to push, books
//! to compare, old answers to forget. Each is due by the database alone, so any number of processes may do it.

use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::app::news::Bell;
use crate::app::{
    App, app_store_history, areas, books, boosts, erasure, hints, hosting, parties, payments, purchases, pushes,
    refunds, relay, retention, trust,
};
use crate::domain::error::Result;
use crate::storage::databases::Database;
use crate::storage::{parties as stored, patiently, using};

/// How many of a kind are done in one go.
const BATCH: i64 = 100;
/// How many areas are named in one go: while the map hangs, each keeps the process from ending.
const AREAS: i64 = 20;
const SECOND: Duration = Duration::from_secs(1);
/// How long news gathers before it is passed on.
const GATHER: Duration = Duration::from_millis(20);
const TEN_SECONDS: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_mins(1);
const TEN_MINUTES: Duration = Duration::from_mins(10);
const HOUR: Duration = Duration::from_hours(1);

/// Runs the jobs until `stop` says so; what they are at is finished first.
pub async fn run(app: Arc<App>, stop: watch::Receiver<bool>) {
    let mut jobs = JoinSet::new();
    let job = |name, pause, bell| Job { name, pause, bell, app: Arc::clone(&app), stop: stop.clone() };
    let events: Rings = |app| &app.news.events;
    let money: Rings = |app| &app.news.money;
    let told: Rings = |app| &app.news.pushes;
    jobs.spawn(job("clock", SECOND, None).repeat(tick));
    jobs.spawn(job("relay", SECOND, Some(events)).repeat(|app| async move { relay::relay(&app, BATCH).await }));
    jobs.spawn(job("refunds", SECOND, Some(money)).repeat(|app| async move { refunds::send_due(&app, BATCH).await }));
    jobs.spawn(job("recovery", SECOND, None).repeat(|app| async move { payments::recover(&app, BATCH).await }));
    jobs.spawn(job("hints", SECOND, Some(money)).repeat(|app| async move { hints::follow_all(&app, BATCH).await }));
    jobs.spawn(job("books", TEN_MINUTES, None).repeat(|app| async move { books::compare_due(&app).await }));
    jobs.spawn(job("areas", SECOND, None).repeat(|app| async move { areas::name_all(&app, AREAS).await }));
    jobs.spawn(job("boosts", TEN_SECONDS, None).repeat(|app| async move { boosts::finish(&app, BATCH).await }));
    jobs.spawn(job("trust", SECOND, Some(events)).repeat(|app| async move { trust::spread(&app, BATCH).await }));
    jobs.spawn(job("chat", SECOND, None).repeat(|app| async move { pushes::tell_messages(&app, BATCH).await }));
    jobs.spawn(job("pushes", SECOND, Some(told)).repeat(|app| async move { pushes::send_due(&app, BATCH).await }));
    jobs.spawn(job("erasures", SECOND, None).repeat(|app| async move { erasure::finish_all(&app, BATCH).await }));
    jobs.spawn(job("steps", TEN_MINUTES, None).repeat(|app| async move { trust::step_all(&app, BATCH).await }));
    jobs.spawn(job("notifications", MINUTE, None).repeat(|app| async move { app_store_history::recover(&app).await }));
    jobs.spawn(job("revocation", MINUTE, None).repeat(look_for_revoked));
    jobs.spawn(job("tidy", HOUR, None).repeat(tidy));
    while jobs.join_next().await.is_some() {}
}

/// Does everything that is due now, until nothing is.
pub async fn settle(app: &Arc<App>) -> Result<()> {
    loop {
        let done = tick(Arc::clone(app)).await?
            + hints::follow_all(app, BATCH).await?
            + payments::recover(app, BATCH).await?
            + refunds::send_due(app, BATCH).await?
            + areas::name_all(app, AREAS).await?
            + boosts::finish(app, BATCH).await?
            + relay::relay(app, BATCH).await?
            + pushes::tell_messages(app, BATCH).await?
            + pushes::send_due(app, BATCH).await?
            + trust::step_all(app, BATCH).await?
            + trust::spread(app, BATCH).await?
            + erasure::finish_all(app, BATCH).await?;
        if done == 0 {
            return Ok(());
        }
    }
}

type Rings = fn(&App) -> &Bell;

/// A job of this process.
struct Job {
    name: &'static str,
    /// How long it waits when it has found nothing, unless its bell rings.
    pause: Duration,
    bell: Option<Rings>,
    app: Arc<App>,
    stop: watch::Receiver<bool>,
}

impl Job {
    async fn repeat<F: Future<Output = Result<usize>>>(self, work: impl Fn(Arc<App>) -> F) {
        let Self { name, pause, bell, app, mut stop } = self;
        while !*stop.borrow() {
            // From before the work on, so that no ring is lost.
            let bell = bell.map(|bell| bell(&app).listen());
            let rung = async { if let Some(bell) = bell { bell.await } else { pending().await } };
            let done = work(Arc::clone(&app)).await;
            let ok = if done.is_ok() { "true" } else { "false" };
            metrics::counter!("nbbang_jobs_total", "name" => name, "ok" => ok).increment(1);
            match done {
                Ok(0) => {}
                Ok(_) => continue,
                Err(error) => tracing::warn!(job = name, ?error, "a job failed; it is tried again"),
            }
            tokio::select! {
                _ = stop.changed() => {}
                () = rung => tokio::time::sleep(GATHER).await,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
}

/// The clock of parties: what is due in each, in a transaction of its own.
async fn tick(app: Arc<App>) -> Result<usize> {
    // In dev mode another process may have moved the clock.
    app.follow_clock().await?;
    let mut count = 0;
    for database in app.databases.party_databases() {
        count += database.done(tick_on(&app, database).await);
    }
    Ok(count)
}

async fn tick_on(app: &App, database: &Database) -> Result<usize> {
    let due = using(&database.pool(), async |conn| stored::due(conn, app.clock.now(), BATCH).await).await?;
    let mut count = 0;
    for id in due {
        match parties::tick(app, id).await {
            Ok(()) => count += 1,
            Err(error) => tracing::warn!(?error, party = %id, "a party's clock did not go on"),
        }
    }
    Ok(count)
}

async fn look_for_revoked(app: Arc<App>) -> Result<usize> {
    purchases::look_for_revoked(&app).await;
    Ok(0)
}

/// Forgets some of what has had its time, and looks after hosting slots; says of how many kinds there may be more.
pub async fn tidy(app: Arc<App>) -> Result<usize> {
    let more = retention::forget(&app).await;
    patiently(hosting::tidy(&app, app.clock.now())).await?;
    Ok(more)
}
