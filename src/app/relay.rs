//! Passes on what has happened in parties: to "my parties", the hosting slots, people's phones and their trust in the main database. Any row may be passed
//! on twice or out of order; the newest version wins.

use sqlx::PgConnection;

use crate::app::{App, pushes, trust};
use crate::domain::error::Result;
use crate::domain::id::Id;
use crate::domain::party::Party;
use crate::domain::user::User;
use crate::stop_point;
use crate::storage::cache::CacheKey;
use crate::storage::databases::Database;
use crate::storage::tx::Tx;
use crate::storage::{hosting, my_parties, outbox, patiently, pushes as stored_pushes, users, using};

/// Passes on what is waiting; says of how many parties. One whose news cannot be passed on does not hold up the others.
pub async fn relay(app: &App, limit: i64) -> Result<usize> {
    let mut count = 0;
    for database in app.databases.party_databases() {
        count += database.done(relay_from(app, database, limit).await);
    }
    Ok(count)
}

async fn relay_from(app: &App, database: &Database, limit: i64) -> Result<usize> {
    let pending = using(&database.pool(), async |conn| outbox::pending(conn, limit).await).await?;
    if pending.is_empty() {
        return Ok(0);
    }
    let Err(error) = pass_on(app, database, &pending).await else { return Ok(pending.len()) };
    tracing::warn!(?error, "news was not passed on together; passing it on party by party");
    let mut count = 0;
    for party in pending {
        match pass_on(app, database, &[party]).await {
            Ok(()) => count += 1,
            Err(error) => tracing::warn!(?error, %party, "a party's news was not passed on"),
        }
    }
    Ok(count)
}

/// All of them at once: a statement for each step, however many parties there are.
async fn pass_on(app: &App, database: &Database, parties: &[Id<Party>]) -> Result<()> {
    let copies = using(&database.pool(), async |conn| my_parties::of(conn, parties).await).await?;
    // The host always has an order, so every party is among them.
    let mut versions: Vec<(Id<Party>, i64)> = copies.iter().map(|copy| (copy.summary.party_id, copy.version)).collect();
    versions.dedup();
    let of = |ended| copies.iter().filter(move |copy| copy.ended == ended).map(|copy| copy.summary.party_id);
    let copy = async |main: &mut PgConnection| {
        my_parties::save(main, &copies).await?;
        hosting::release(main, &of(true).collect::<Vec<_>>()).await?;
        hosting::confirm(main, &of(false).collect::<Vec<_>>()).await
    };
    // Also after the versions were read; what comes on top is told again, and stands there already.
    let told = pushes::told(app, database, parties).await?;
    if told.is_empty() {
        using(&app.databases.main(), copy).await?;
    } else {
        let users: Vec<Id<User>> = copies.iter().map(|copy| copy.user).collect();
        patiently(async {
            let mut main = Tx::begin(&app.databases.main()).await?;
            users::hold(&mut main, &users).await?;
            copy(&mut main).await?;
            stored_pushes::insert(&mut main, &told, app.clock.now()).await?;
            main.commit().await
        })
        .await?;
        app.news.pushes.ring();
    }
    // After the versions were read: what they say is there by now.
    trust::pass_on(app, database, parties).await?;
    stop_point!("relay.passed_on");
    // Who wrote may have ended before he could, or Redis may not have heard him.
    let views: Vec<CacheKey> = parties.iter().copied().map(CacheKey::Party).collect();
    app.cache.forget(&views).await;
    app.cache.forget_later(views);
    using(&database.pool(), async |conn| outbox::relayed(conn, &versions, app.clock.now()).await).await
}
