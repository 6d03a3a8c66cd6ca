//! Trust: what people do becomes entries, entries become a number, and the number stands on the parties of hosts.

use crate::app::App;
use crate::domain::error::Result;
use crate::domain::id::Id;
use crate::domain::party::Party;
use crate::domain::trust::Entry;
use crate::domain::user::User;
use crate::storage::cache::CacheKey;
use crate::storage::databases::Database;
use crate::storage::pool::Pool;
use crate::storage::trust::{self, OldCopies};
use crate::storage::tx::Tx;
use crate::storage::using;

/// From the news of these parties.
pub(super) async fn pass_on(app: &App, database: &Database, parties: &[Id<Party>]) -> Result<()> {
    let entries = using(&database.pool(), async |conn| trust::earned(conn, parties).await).await?;
    enter(app, &entries).await
}

async fn enter(app: &App, entries: &[Entry]) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut main = Tx::begin(&app.databases.main()).await?;
    let changed = trust::enter(&mut main, entries).await?;
    main.commit().await?;
    told(app, &changed).await;
    Ok(())
}

/// Nobody sees them as they were.
pub(super) async fn told(app: &App, changed: &[Id<User>]) {
    let profiles: Vec<CacheKey> = changed.iter().copied().map(CacheKey::Profile).collect();
    app.cache.forget(&profiles).await;
    app.cache.forget_later(profiles);
}

/// A step back toward the trust of a new user, for those for whom it is time. Says for how many.
pub async fn step_all(app: &App, limit: i64) -> Result<usize> {
    let now = app.clock.now();
    let steps = using(&app.databases.main(), async |main| trust::due_steps(main, now, limit).await).await?;
    enter(app, &steps).await?;
    Ok(steps.len())
}

/// Shows hosts on their parties as they are; says how many. What a crash leaves behind is done again.
pub async fn spread(app: &App, limit: i64) -> Result<usize> {
    let old = using(&app.databases.main(), async |main| trust::old_copies(main, None, limit).await).await?;
    let mut count = 0;
    for host in &old {
        match show(app, host).await {
            Ok(()) => count += 1,
            Err(error) => tracing::warn!(?error, user = %host.user_id, "a host is not shown as he is yet"),
        }
    }
    Ok(count)
}

/// Shows an erased host everywhere as nobody.
pub(super) async fn show_everywhere(app: &App, user: Id<User>) -> Result<()> {
    let main = app.databases.main();
    let old = using(&main, async |main| {
        trust::copies_are_old(main, user).await?;
        trust::old_copies(main, Some(user), 1).await
    });
    for host in old.await? {
        show(app, &host).await?;
    }
    Ok(())
}

async fn show(app: &App, host: &OldCopies) -> Result<()> {
    for party in &host.parties {
        let show = |pool: Pool| async move { trust::show_host(&mut *pool.acquire().await?, *party, host).await };
        app.databases.on_shard(party.shard(), show).await?;
    }
    let views: Vec<CacheKey> = host.parties.iter().copied().map(CacheKey::Party).collect();
    app.cache.forget(&views).await;
    app.cache.forget_later(views);
    using(&app.databases.main(), async |main| trust::copies_are_new(main, host).await).await
}
