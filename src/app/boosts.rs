//! Boosts at work: one is spent in the main database first and lifts the party on its shard then; what a crash left between
//! the two is finished or given back.

use time::Duration;

use crate::app::parties::{self, Room};
use crate::app::{App, Expected, entitlements};
use crate::domain::error::{Code, Error, Result};
use crate::domain::id::Id;
use crate::domain::party::Party;
use crate::domain::user::User;
use crate::domain::{At, Time};
use crate::stop_point;
use crate::storage::boosts::{self, Spent};
use crate::storage::cache::CacheKey;
use crate::storage::tx::Tx;
use crate::storage::{patiently, using};

/// How long the request that spent a boost is left to it.
const PATIENCE: Duration = Duration::seconds(15);

/// Lifts a party to the top of the search, for one boost of its host's. While it is lifted, this is for nothing.
pub async fn boost(app: &App, user: Id<User>, id: Id<Party>, expected: &Expected) -> Result<Room> {
    let party = parties::find(app, id).await?;
    let is_host = party.must_be_host(user);
    parties::discreet(app, id, user, is_host).await?;
    let now = app.clock.now();
    if party.is_boosted(now) {
        return parties::room(app, party, user);
    }
    expected.check(party.version)?;
    party.may_be_boosted(now)?;
    let starts_at = patiently(spend(app, user, id, now)).await?;
    stop_point!("boost.spent");
    let spent = Spent { party_id: id, starts_at };
    let lifted = lift(app, spent).await;
    stop_point!("boost.lifted");
    let party = conclude(app, spent, lifted).await?;
    parties::room(app, party, user)
}

/// Spends one of the user's boosts on a party from now on, unless one is running there: whoever tries at the same time, or
/// again after a crash, gets that one. Says since when it runs.
async fn spend(app: &App, user: Id<User>, party: Id<Party>, now: Time) -> Result<Time> {
    let mut tx = Tx::begin(&app.databases.main()).await?;
    boosts::lock(&mut tx, user).await?;
    if let Some(starts_at) = boosts::running(&mut tx, party, now).await? {
        return Ok(starts_at);
    }
    if entitlements::boosts_left(app, &mut tx, user).await? < 1 {
        return Err(Code::NoBoosts.into());
    }
    if !boosts::spend(&mut tx, user, party, now).await? {
        return Err(Error::internal(Code::Busy, "this half hour of the party has a boost that was given back"));
    }
    tx.commit().await?;
    Ok(now)
}

async fn lift(app: &App, spent: Spent) -> Result<Party> {
    let boost = |party: &mut Party, at: &At| party.boost(spent.starts_at, at.now);
    let party = parties::command(app, spent.party_id, boost).await?;
    app.cache.forget(&[CacheKey::Tile(party.point().centre().tile())]).await;
    Ok(party)
}

/// Notes what has become of a boost. A party that is not open any more will never be again, and a boost that is over lifts
/// nothing, so whoever comes to this later comes to the same.
async fn conclude(app: &App, spent: Spent, lifted: Result<Party>) -> Result<Party> {
    let was_lifted = |party: &Party| party.boosted_at.is_some_and(|at| at >= spent.starts_at);
    let now = app.clock.now();
    let noted = match &lifted {
        Ok(party) if was_lifted(party) => {
            using(&app.databases.main(), async |main| boosts::applied(main, spent, now).await).await
        }
        Err(error) if !is_over(error) => Ok(()),
        _ => using(&app.databases.main(), async |main| boosts::give_back(main, spent, now).await).await,
    };
    if let Err(error) = noted {
        tracing::warn!(?error, party = %spent.party_id, "what became of a boost was not noted; a job does that");
    }
    lifted
}

/// Finishes boosts whose request is gone, or gives them back; says how many.
pub async fn finish(app: &App, limit: i64) -> Result<usize> {
    let before = app.clock.now() - PATIENCE;
    let pending = using(&app.databases.main(), async |main| boosts::pending(main, before, limit).await).await?;
    let mut count = 0;
    for spent in pending {
        let lifted = lift(app, spent).await;
        match conclude(app, spent, lifted).await {
            Err(error) if !is_over(&error) => {
                tracing::warn!(?error, party = %spent.party_id, "a boost was not finished; it is tried again");
            }
            _ => count += 1,
        }
    }
    Ok(count)
}

/// Whether the party is one that nobody can join any more.
fn is_over(error: &Error) -> bool {
    matches!(error.code, Code::PartyNotOpen | Code::DeadlinePassed | Code::NotFound)
}
