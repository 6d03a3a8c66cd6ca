//! Notifications that never arrived, fetched from Apple's own list of them; what they mean, `purchases` says.

use time::Duration;

use crate::app::store::Store;
use crate::app::{App, purchases};
use crate::domain::Time;
use crate::domain::error::Result;
use crate::domain::purchase::Environment;
use crate::storage::app_store_history::{self as stored, Leased};
use crate::storage::using;
use crate::upstream::Fault;
use crate::upstream::app_store::server_api::{self, ServerApi, When, Window};
use crate::upstream::client::Deadline;

/// How long a process has an environment to itself; each page renews it.
const LEASE: Duration = Duration::minutes(10);
const EVERY: Duration = Duration::HOUR;
/// After a fault that says nothing of when to come back.
const LATER: Duration = Duration::minutes(5);
/// What is looked at again, in case Apple's list is late or its clock is not ours.
const OVERLAP: Duration = Duration::hours(6);
/// How much is gone through before it is written down: the list's order is not promised, so a part of a window is nothing.
const WINDOW: Duration = Duration::days(7);
/// Apple measures how far its list goes back when it gets the question, which is later.
const MARGIN: Duration = Duration::HOUR;

/// Goes on by one window where it is due, and says how many there were: 0 or 1. Most notifications are known already, and they come in
/// no order; an error ends the window, which is gone through again later.
pub async fn recover(app: &App) -> Result<usize> {
    let Some((store, api)) = app.store.as_ref().and_then(|store| Some((store, store.api.as_ref()?))) else {
        return Ok(0);
    };
    let (now, main) = (app.clock.now(), app.databases.main());
    let accepted: Vec<&str> = api.environments().map(Environment::word).collect();
    let lease = async |main: &mut _| {
        stored::plan(main, &accepted, now).await?;
        stored::lease(main, &accepted, now, now + LEASE).await
    };
    let Some(leased) = using(&main, lease).await? else { return Ok(0) };
    let environment = leased.environment;
    let window = window(&leased, now);
    match walk(app, store, api, environment, window).await? {
        Ok(found) => {
            let next_at = if window.until < now { now } else { now + EVERY };
            using(&main, async |main| stored::reached(main, environment, window.until, next_at).await).await?;
            tracing::debug!(environment = environment.word(), found, "the app store's list was gone through");
            count(environment, "ok");
            Ok(1)
        }
        Err(fault) => {
            using(&main, async |main| stored::postpone(main, environment, now + wait(&fault)).await).await?;
            tracing::warn!(environment = environment.word(), ?fault, "the app store's list cannot be read");
            count(environment, fault.word());
            Ok(0)
        }
    }
}

/// The next part of the list, as far back as it goes.
fn window(leased: &Leased, now: Time) -> Window {
    let first = now - server_api::reach(leased.environment) + MARGIN;
    let reached = leased.reached_at.map_or(first, |reached_at| reached_at.max(first));
    Window { from: (reached - OVERLAP).max(first), until: (reached + WINDOW).min(now) }
}

/// How many notifications there were; the outer error is ours and the inner one Apple's.
async fn walk(
    app: &App,
    store: &Store,
    api: &ServerApi,
    environment: Environment,
    window: Window,
) -> Result<Result<usize, Fault>> {
    let (mut count, mut next) = (0, None);
    loop {
        let when = When { now: app.clock.now(), deadline: Deadline::within(app.config.patience.background) };
        let told = match api.notifications(environment, window, next.as_deref(), when).await {
            Ok(told) => told,
            Err(fault) => return Ok(Err(fault)),
        };
        for rejection in &told.rejected {
            tracing::error!(environment = environment.word(), %rejection, "a message of the app store's list is not believed");
        }
        for notification in &told.notifications {
            purchases::follow_listed(app, store, notification).await?;
        }
        count += told.notifications.len();
        next = told.next;
        if next.is_none() {
            return Ok(Ok(count));
        }
        let until = app.clock.now() + LEASE;
        using(&app.databases.main(), async |main| stored::hold(main, environment, until).await).await?;
    }
}

fn wait(fault: &Fault) -> Duration {
    match fault {
        Fault::Busy { retry_after_ms: Some(ms) } => {
            Duration::milliseconds(i64::try_from(*ms).unwrap_or(i64::MAX)).clamp(Duration::SECOND, EVERY)
        }
        _ => LATER,
    }
}

fn count(environment: Environment, outcome: &'static str) {
    metrics::counter!("app_store_history_total", "environment" => environment.word(), "outcome" => outcome)
        .increment(1);
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: Time = datetime!(2026-11-22 12:00 UTC);

    #[test]
    fn a_list_is_gone_through_from_as_far_back_as_it_goes_and_to_its_end() {
        for (environment, days, windows) in [(Environment::Production, 180, 26), (Environment::Sandbox, 30, 5)] {
            let mut leased = Leased { environment, reached_at: None };
            let (mut count, mut until) = (0, NOW - Duration::days(days) + MARGIN);
            while leased.reached_at != Some(NOW) {
                let window = window(&leased, NOW);
                assert!(window.from <= until && window.until - window.from <= WINDOW + OVERLAP, "{window:?}");
                assert!(window.from > NOW - Duration::days(days), "{window:?}");
                until = window.until;
                leased.reached_at = Some(until);
                count += 1;
            }
            assert_eq!(count, windows);
        }
    }

    #[test]
    fn what_lay_still_for_long_is_not_asked_for_farther_back_than_there_is() {
        let leased = Leased { environment: Environment::Sandbox, reached_at: Some(NOW - Duration::days(400)) };
        assert_eq!(window(&leased, NOW).from, NOW - Duration::days(30) + MARGIN);
    }
}
