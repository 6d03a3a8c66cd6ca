//! What a user has bought and not used up: Plus, boosts, and what they allow. How he came by them is in `purchases.rs`.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::app::App;
use crate::domain::Time;
use crate::domain::error::{Code, Result};
use crate::domain::id::Id;
use crate::domain::purchase::claim::counts;
use crate::domain::purchase::{Environment, Subscription, SubscriptionState, grant, subscription};
use crate::domain::terms::Limits;
use crate::domain::user::User;
use crate::storage::{boosts, bounded, patiently, purchases, testers, using};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entitlements {
    pub plus: Plus,
    /// Below zero when boosts were refunded that are spent.
    pub boosts: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plus {
    pub state: SubscriptionState,
    /// Of the subscription that counts; none if there never was one.
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub expires_at: Option<Time>,
    pub will_renew: Option<bool>,
    pub environment: Option<Environment>,
}

pub async fn mine(app: &App, user: Id<User>) -> Result<Entitlements> {
    let mut conn = bounded(app.databases.main().acquire()).await?;
    patiently(of(app, &mut conn, user, app.clock.now())).await
}

pub(super) async fn of(app: &App, conn: &mut PgConnection, user: Id<User>, now: Time) -> Result<Entitlements> {
    let is_tester = testers::is_one(conn, user).await?;
    let plus = match plus(app, conn, user, is_tester, now).await? {
        Some((environment, it)) => Plus {
            state: it.state(now),
            expires_at: Some(it.access_until()),
            will_renew: Some(it.will_renew()),
            environment: Some(environment),
        },
        None => Plus { state: SubscriptionState::None, expires_at: None, will_renew: None, environment: None },
    };
    Ok(Entitlements { plus, boosts: balance(app, conn, user, is_tester).await? })
}

/// How many boosts a user has left.
pub(super) async fn boosts_left(app: &App, conn: &mut PgConnection, user: Id<User>) -> Result<i64> {
    let is_tester = testers::is_one(conn, user).await?;
    balance(app, conn, user, is_tester).await
}

async fn balance(app: &App, conn: &mut PgConnection, user: Id<User>, is_tester: bool) -> Result<i64> {
    let grants = purchases::grants(conn, user).await?;
    let counting =
        grants.into_iter().filter(|(environment, _)| counts(*environment, is_tester, app.config.sandbox_for_all));
    let spent = boosts::spent(conn, user).await?;
    Ok(grant::balance(counting.map(|(_, grant)| grant), spent))
}

/// What a user may do by what he has: a party keeps the limits that it was made with.
pub(super) async fn limits(app: &App, conn: &mut PgConnection, user: Id<User>, now: Time) -> Result<Limits> {
    Ok(if plus_until(app, conn, user, now).await?.is_some() { Limits::PLUS } else { Limits::BASIC })
}

/// Until when there is access to Plus, if there is any.
pub(super) async fn plus_until(app: &App, conn: &mut PgConnection, user: Id<User>, now: Time) -> Result<Option<Time>> {
    let all = purchases::subscriptions(conn, user).await?;
    if all.is_empty() {
        return Ok(None);
    }
    let is_tester = testers::is_one(conn, user).await?;
    let best = best(app, all, is_tester, now);
    Ok(best.filter(|(_, it)| it.state(now).has_access()).map(|(_, it)| it.access_until()))
}

async fn plus(
    app: &App,
    conn: &mut PgConnection,
    user: Id<User>,
    is_tester: bool,
    now: Time,
) -> Result<Option<(Environment, Subscription)>> {
    Ok(best(app, purchases::subscriptions(conn, user).await?, is_tester, now))
}

fn best(
    app: &App,
    mut all: Vec<(Environment, Subscription)>,
    is_tester: bool,
    now: Time,
) -> Option<(Environment, Subscription)> {
    all.retain(|(environment, _)| counts(*environment, is_tester, app.config.sandbox_for_all));
    subscription::best(&all, now).cloned()
}

/// Lets purchases in the sandbox count for a user.
pub async fn add_tester(app: &App, user: Id<User>) -> Result<()> {
    let added = using(&app.databases.main(), async |conn| testers::add(conn, user, app.clock.now()).await).await?;
    if added { Ok(()) } else { Err(Code::NotFound.into()) }
}

/// From now on they do not.
pub async fn remove_tester(app: &App, user: Id<User>) -> Result<()> {
    let removed = using(&app.databases.main(), async |conn| testers::remove(conn, user).await).await?;
    if removed { Ok(()) } else { Err(Code::NotFound.into()) }
}

/// Id, nickname, since when.
pub async fn testers(app: &App) -> Result<Vec<(Id<User>, String, Time)>> {
    using(&app.databases.main(), async |conn| testers::all(conn).await).await
}
