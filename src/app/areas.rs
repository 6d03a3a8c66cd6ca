//! Names for the areas of parties, after they are made: asked of the map by the centre of the coarse cell, never by the exact
//! spot. A party does without until then, and for ever if it must.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::{StreamExt, stream};

use crate::app::{App, places};
use crate::domain::error::Result;
use crate::domain::geo::Point;
use crate::domain::id::Id;
use crate::domain::party::Party;
use crate::domain::place::neighbourhood;
use crate::storage::areas::{self, Unnamed};
use crate::storage::cache::CacheKey;
use crate::storage::databases::Database;
use crate::storage::using;

/// How many areas of one database are asked about at the same time.
const AT_ONCE: usize = 4;

/// Names the areas that wait for it; says how many parties are done with.
pub async fn name_all(app: &App, limit: i64) -> Result<usize> {
    let mut count = 0;
    for database in app.databases.party_databases() {
        count += database.done(name_on(app, database, limit).await);
    }
    Ok(count)
}

async fn name_on(app: &App, database: &Database, limit: i64) -> Result<usize> {
    let now = app.clock.now();
    let claim = async |conn: &mut _| {
        let due = areas::due(conn, now, limit).await?;
        if due.is_empty() { Ok(Vec::new()) } else { areas::claim(conn, &due, now).await }
    };
    let unnamed = using(&database.pool(), claim).await?;
    // Without an answer the others would get none either; their next time is set already.
    let down = &AtomicBool::new(false);
    let named = together(unnamed).into_iter().map(|(centre, parties)| async move {
        if down.load(Ordering::Relaxed) {
            return 0;
        }
        name(app, database, centre, &parties).await.unwrap_or_else(|error| {
            down.store(true, Ordering::Relaxed);
            tracing::warn!(?error, "areas get no names for now; the map is asked again");
            0
        })
    });
    let named: Vec<usize> = stream::iter(named).buffer_unordered(AT_ONCE).collect().await;
    Ok(named.into_iter().sum())
}

/// Those in one cell are one question.
fn together(unnamed: Vec<Unnamed>) -> Vec<(Point, Vec<Id<Party>>)> {
    let mut cells: Vec<(Point, Vec<Id<Party>>)> = Vec::new();
    for Unnamed { party, centre } in unnamed {
        match cells.iter_mut().find(|(cell, _)| *cell == centre) {
            Some((_, parties)) => parties.push(party),
            None => cells.push((centre, vec![party])),
        }
    }
    cells
}

async fn name(app: &App, database: &Database, centre: Point, parties: &[Id<Party>]) -> Result<usize> {
    let regions = places::regions_of_area(app, centre).await?;
    let Some(name) = neighbourhood(&regions) else {
        using(&database.pool(), async |conn| areas::give_up(conn, parties).await).await?;
        return Ok(parties.len());
    };
    using(&database.pool(), async |conn| areas::name(conn, parties, name).await).await?;
    app.cache.forget(&parties.iter().copied().map(CacheKey::Party).collect::<Vec<_>>()).await;
    Ok(parties.len())
}
