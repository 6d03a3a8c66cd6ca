//! Where each logical shard lives: the map in the main database, its copy in memory, and what the party databases say.

use sqlx::{Connection, PgConnection};

use crate::domain::error::{Code, Error, Result};
use crate::domain::id::Shard;
use crate::storage::bounded;
use crate::storage::databases::{Database, Databases};
use crate::storage::pool::Pool;

/// The map in memory; `homes` are positions in the list of party databases.
#[derive(Clone, Debug, Default)]
pub struct ShardMap {
    pub epoch: i64,
    homes: Box<[u16]>,
}

impl ShardMap {
    pub fn home(&self, shard: Shard) -> Option<u16> {
        self.homes.get(usize::from(shard.number())).copied()
    }
}

pub async fn epoch(main: &Pool) -> Result<i64> {
    let mut conn = bounded(main.acquire()).await?;
    bounded(sqlx::query_scalar!("select epoch from shard_map_epoch").fetch_one(&mut *conn)).await
}

/// The whole map; `names` are the party databases of the settings, and a map that names another is refused.
pub async fn load(main: &Pool, names: &[&str]) -> Result<ShardMap> {
    let mut conn = bounded(main.acquire()).await?;
    let rows = bounded(
        sqlx::query!(
            r#"
            select m.database, array_agg(m.shard) as "shards!", max(e.epoch) as "epoch!"
            from shard_map m cross join shard_map_epoch e
            group by m.database
            "#
        )
        .fetch_all(&mut *conn),
    )
    .await?;
    let refuse = |why: String| Error::internal(Code::Internal, why);
    let mut homes = vec![None; usize::from(Shard::COUNT)];
    let mut epoch = 0;
    for row in rows {
        let home = names.iter().position(|name| *name == row.database).and_then(|home| u16::try_from(home).ok());
        let home = home.ok_or_else(|| refuse(missing(&row.database, row.shards.len(), names)))?;
        for shard in row.shards {
            if let Some(place) = usize::try_from(shard).ok().and_then(|shard| homes.get_mut(shard)) {
                *place = Some(home);
            }
        }
        epoch = row.epoch;
    }
    let homes: Option<Box<[u16]>> = homes.into_iter().collect();
    let homes = homes.ok_or_else(|| refuse("The shard map is not complete. Run `nbbang migrate`.".into()))?;
    Ok(ShardMap { epoch, homes })
}

fn missing(name: &str, shards: usize, names: &[&str]) -> String {
    format!(
        "{shards} shards live in the party database {name}, and NBBANG_PARTY_DATABASE_URLS has only {}. Name it again: a \
         name stays for ever.",
        names.join(", ")
    )
}

/// Gives the shards to the party databases, in even ranges, the first time; afterwards only checks that the settings have
/// every database of the map. Says what it did. A crash in between leaves owners without a map, which the next run finds
/// to be its own.
pub async fn seed(databases: &Databases) -> Result<Option<String>, String> {
    let main = databases.main_database();
    let explain = |error| main.explain(&error);
    let mut connection = main.connect().await.map_err(explain)?;
    let mut tx = connection.begin().await.map_err(explain)?;
    sqlx::query!("select epoch from shard_map_epoch for update").fetch_one(&mut *tx).await.map_err(explain)?;
    let known = sqlx::query!(r#"select database, count(*) as "shards!" from shard_map group by database"#)
        .fetch_all(&mut *tx)
        .await
        .map_err(explain)?;
    let parties = databases.party_databases();
    if !known.is_empty() {
        let names: Vec<&str> = parties.iter().map(|database| database.name()).collect();
        let lost = known.iter().find(|row| !names.contains(&row.database.as_str()));
        return match lost {
            Some(row) => Err(missing(&row.database, usize::try_from(row.shards).unwrap_or_default(), &names)),
            None => Ok(None),
        };
    }
    for (index, database) in parties.iter().enumerate() {
        let (first, last) = range(index, parties.len());
        own(database, first, last).await?;
        sqlx::query!(
            "insert into shard_map (shard, database) select shard, $3 from generate_series($1::int, $2::int) shard",
            first,
            last,
            database.name()
        )
        .execute(&mut *tx)
        .await
        .map_err(explain)?;
    }
    sqlx::query!("update shard_map_epoch set epoch = 1").execute(&mut *tx).await.map_err(explain)?;
    tx.commit().await.map_err(explain)?;
    Ok(Some(format!("{} shards spread over {} party databases", Shard::COUNT, parties.len())))
}

/// The first and last shard of the database at `index` among `count`.
fn range(index: usize, count: usize) -> (i32, i32) {
    let edge = |index: usize| i32::try_from(index * usize::from(Shard::COUNT) / count.max(1)).unwrap_or(i32::MAX);
    (edge(index), edge(index + 1) - 1)
}

async fn own(database: &Database, first: i32, last: i32) -> Result<(), String> {
    let explain = |error| database.explain(&error);
    let mut connection = database.connect().await.map_err(explain)?;
    let present = sqlx::query!(
        r#"
        select count(*) as "all!",
               count(*) filter (where shard between $1 and $2 and state = 'active' and epoch = 1) as "ours!"
        from shard_owner
        "#,
        first,
        last
    )
    .fetch_one(&mut connection)
    .await
    .map_err(explain)?;
    if present.all == 0 {
        return sqlx::query!(
            "insert into shard_owner (shard, state, epoch) select shard, 'active', 1 from generate_series($1::int, $2::int) shard",
            first,
            last
        )
        .execute(&mut connection)
        .await
        .map(drop)
        .map_err(explain);
    }
    if present.all == present.ours && present.ours == i64::from(last - first + 1) {
        return Ok(());
    }
    Err(format!(
        "The party database {} holds shards already, but the main database has no shard map. Does one of them belong to \
         another installation, or do two names mean the same database? Correct NBBANG_MAIN_DATABASE_URL or \
         NBBANG_PARTY_DATABASE_URLS.",
        database.name()
    ))
}

/// One party database in the map's eyes and in its own.
pub struct Holding {
    pub database: String,
    /// Shards that the map gives it.
    pub mapped: i64,
    /// Shards that it owns itself, and writes to.
    pub active: i64,
    /// Shards that it is about to get or has given away.
    pub other: i64,
}

/// What every party database holds, for operators.
pub async fn holdings(databases: &Databases) -> Result<Vec<Holding>, String> {
    let main = databases.main_database();
    let mapped = async {
        let mut connection = main.connect().await?;
        sqlx::query!(r#"select database, count(*) as "shards!" from shard_map group by database"#)
            .fetch_all(&mut connection)
            .await
    };
    let mapped = mapped.await.map_err(|error| main.explain(&error))?;
    let mut holdings = Vec::new();
    for database in databases.party_databases() {
        let (active, other) = owned(database).await.map_err(|error| database.explain(&error))?;
        let mapped = mapped.iter().find(|row| row.database == database.name()).map_or(0, |row| row.shards);
        holdings.push(Holding { database: database.name().to_owned(), mapped, active, other });
    }
    Ok(holdings)
}

async fn owned(database: &Database) -> sqlx::Result<(i64, i64)> {
    let mut connection: PgConnection = database.connect().await?;
    let row = sqlx::query!(
        r#"
        select count(*) filter (where state = 'active') as "active!", count(*) filter (where state <> 'active') as "other!"
        from shard_owner
        "#
    )
    .fetch_one(&mut connection)
    .await?;
    Ok((row.active, row.other))
}

/// Whether the database of this pool holds the shard.
pub async fn owns(pool: &Pool, shard: Shard) -> Result<bool> {
    let owner = sqlx::query_scalar!(
        r#"select exists (select from shard_owner where shard = $1 and state = 'active') as "owns!""#,
        i32::from(shard.number()),
    );
    let mut conn = bounded(pool.acquire()).await?;
    bounded(owner.fetch_one(&mut *conn)).await
}

/// The first thing in every transaction that writes to a party database.
pub async fn fence(connection: &mut PgConnection, shard: Shard) -> Result<()> {
    bounded(sqlx::query!("select shard_fence($1)", i32::from(shard.number())).execute(connection)).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ranges_are_even_and_leave_no_shard_out() {
        for count in 1..=7 {
            let ranges: Vec<_> = (0..count).map(|index| range(index, count)).collect();
            assert_eq!((ranges[0].0, ranges[count - 1].1), (0, 8191));
            assert!(ranges.windows(2).all(|pair| pair[1].0 == pair[0].1 + 1), "{ranges:?}");
            let sizes: Vec<i32> = ranges.iter().map(|(first, last)| last - first + 1).collect();
            assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "{sizes:?}");
        }
    }
}
