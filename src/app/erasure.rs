//! Erasing a user who wants it: he leaves what is open, the main database forgets who he was, and a job finishes what a crash
//! or a provider holds up. Orders and ledgers stay, of a number that is nobody's.

use std::sync::Arc;

use time::Duration;

use crate::app::auth::{Grant, Session};
use crate::app::parties::{command, find};
use crate::app::{App, access, clock, random, trust};
use crate::domain::error::{Code, Error, Result};
use crate::domain::id::Id;
use crate::domain::party::{Farewell, Party};
use crate::domain::user::{ERASED_NICKNAME, User};
use crate::stop_point;
use crate::storage::cache::CacheKey;
use crate::storage::erasures::{self, Due, Standing};
use crate::storage::tx::Tx;
use crate::storage::{access as stored_access, messages, trust as stored_trust, using};
use crate::upstream::Fault;
use crate::upstream::client::Deadline;

/// How long the job leaves an erasure to the request that began it.
const HEAD_START: Duration = Duration::minutes(1);

/// By one who is signed in. Refused between a party's lock and its settlement. What has been done already is done, and who
/// asks again, his session having ended with it, hears so.
pub async fn erase(app: &App, user: Id<User>, session: Id<Session>) -> Result<()> {
    let signed_in = app.access.check(user, session);
    if signed_in.is_err() && !using(&app.databases.main(), async |main| erasures::is_asked(main, user).await).await? {
        return signed_in;
    }
    go(app, user).await
}

async fn go(app: &App, user: Id<User>) -> Result<()> {
    let now = app.clock.now();
    let mut main = Tx::begin(&app.databases.main()).await?;
    if stored_access::is_suspended(&mut main, user).await? {
        return Err(Code::Suspended.into());
    }
    if erasures::ask(&mut main, user, now, now + HEAD_START).await? == Standing::Erased {
        return Ok(());
    }
    main.commit().await?;
    stop_point!("erase.asked");
    if let Err(error) = leave(app, user).await {
        using(&app.databases.main(), async |main| erasures::take_back(main, user).await).await?;
        return Err(error);
    }
    stop_point!("erase.left");

    let mut main = Tx::begin(&app.databases.main()).await?;
    let apart = erasures::erase(&mut main, user, ERASED_NICKNAME, random(), now, clock::real()).await?;
    stored_trust::copies_are_old(&mut main, user).await?;
    main.commit().await?;
    stop_point!("erase.erased");
    access::told(app).await;
    let keys = apart.into_iter().chain([user]).map(CacheKey::Blocks).chain([CacheKey::Profile(user)]);
    let keys: Vec<CacheKey> = keys.collect();
    app.cache.forget(&keys).await;
    app.cache.forget_later(keys);
    app.news.events.ring();
    Ok(())
}

/// Leaves open parties and cancels those that he hosts, unless there is one that he cannot leave.
async fn leave(app: &App, user: Id<User>) -> Result<()> {
    let mut parties = Vec::new();
    for id in involved(app, user).await? {
        match find(app, id).await {
            Ok(party) => parties.push(party),
            // Reserved and not made.
            Err(error) if error.code == Code::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    for party in &parties {
        farewell(party, user)?;
    }
    for party in parties {
        if !matches!(farewell(&party, user)?, Farewell::Free) {
            command(app, party.id, |party, at| match farewell(party, user)? {
                Farewell::Cancel(reason) => party.cancel(reason, at),
                Farewell::Leave(order) => party.leave(order, at),
                Farewell::Free | Farewell::Stay => Ok(()),
            })
            .await?;
        }
    }
    Ok(())
}

fn farewell(party: &Party, user: Id<User>) -> Result<Farewell> {
    match party.farewell(user) {
        Farewell::Stay => Err(Error::state(Code::ActiveParty, party.state.word())),
        other => Ok(other),
    }
}

/// Every party that he may have to leave, or has to stay for.
async fn involved(app: &App, user: Id<User>) -> Result<Vec<Id<Party>>> {
    let mut ids = using(&app.databases.main(), async |main| erasures::going_on(main, user).await).await?;
    for database in app.databases.party_databases() {
        ids.extend(using(&database.pool(), async |conn| erasures::unsettled(conn, user).await).await?);
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// Goes on with what is not finished; says how many are.
pub async fn finish_all(app: &Arc<App>, limit: i64) -> Result<usize> {
    let now = app.clock.now();
    let due = using(&app.databases.main(), async |main| erasures::due(main, now, limit).await).await?;
    let mut count = 0;
    for due in due {
        let user = due.user_id;
        let finished = if due.erased { finish(app, due).await } else { go(app, user).await.map(|()| true) };
        match finished {
            Ok(finished) => count += usize::from(finished),
            Err(error) if error.code == Code::ActiveParty => {}
            Err(error) => tracing::warn!(?error, %user, "an erasure is not finished; it is tried again"),
        }
    }
    Ok(count)
}

async fn finish(app: &App, due: Due) -> Result<bool> {
    let user = due.user_id;
    // What he began in the very moment of asking.
    leave(app, user).await?;
    for database in app.databases.party_databases() {
        if using(&database.pool(), async |conn| erasures::has_news(conn, user).await).await? {
            return Ok(false);
        }
    }
    trust::show_everywhere(app, user).await?;
    for database in app.databases.party_databases() {
        using(&database.pool(), async |conn| messages::forget(conn, user).await).await?;
    }
    for grant in &due.grants {
        withdraw(app, user, grant).await?;
    }
    let mut main = Tx::begin(&app.databases.main()).await?;
    erasures::finish(&mut main, user).await?;
    main.commit().await?;
    Ok(true)
}

/// Tells Apple that we are done with this user.
async fn withdraw(app: &App, user: Id<User>, sealed: &str) -> Result<()> {
    let not_now = |what: &str| Error::internal(Code::SignInUnavailable, what);
    let apple = app.apple_login.as_ref().ok_or_else(|| not_now("signing in with Apple is not set up"))?;
    let grant: Grant = app.vault.open(user, sealed)?;
    let deadline = Deadline::within(app.config.patience.background);
    match apple.revoke(&grant.refresh_token, &grant.audience, clock::real(), deadline).await {
        // What is gone already is gone.
        Ok(()) | Err(Fault::Already) => {}
        Err(fault) => return Err(not_now(fault.word())),
    }
    using(&app.databases.main(), async |main| erasures::withdrawn(main, user, sealed).await).await
}
