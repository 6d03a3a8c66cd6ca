//! Who owns a shard, and that nobody writes past a move.

use nbbang::domain::error::{Code, Error};
use nbbang::domain::id::Shard;
use nbbang::storage::databases::{Database, Databases, MAIN};
use nbbang::storage::tx::Tx;
use nbbang::storage::{migrate, moved, shards};

use crate::scratch::Scratch;

fn shard(number: u64) -> Shard {
    Shard::of_hash(number)
}

#[tokio::test]
async fn the_first_migration_spreads_the_shards_evenly_and_the_next_changes_nothing() {
    let (scratch, databases) = Scratch::migrated(2).await;
    databases.load_map().await.unwrap();
    for number in [0, 4095, 4096, 8191] {
        let home = databases.map().home(shard(number));
        assert_eq!(home, Some(u16::from(number >= 4096)), "{number}");
        let pool = databases.party(shard(number)).unwrap();
        let mut tx = Tx::begin(&pool).await.unwrap();
        shards::fence(&mut tx, shard(number)).await.unwrap();
    }
    assert_eq!(databases.map().epoch, 1);
    assert_eq!(
        migrate::run(&scratch.databases()).await.unwrap(),
        ["main: up to date", "party_0: up to date", "party_1: up to date"]
    );
    for held in shards::holdings(&databases).await.unwrap() {
        assert_eq!((held.mapped, held.active, held.other), (4096, 4096, 0), "{}", held.database);
    }
}

#[tokio::test]
async fn a_seeding_that_died_half_way_is_finished() {
    let (scratch, databases) = Scratch::migrated(2).await;
    scratch.execute(0, "delete from shard_map; update shard_map_epoch set epoch = 0").await;
    scratch.execute(2, "delete from shard_owner").await;
    migrate::run(&databases).await.unwrap();
    assert!(shards::holdings(&databases).await.unwrap().iter().all(|held| held.mapped == 4096 && held.active == 4096));
}

#[tokio::test]
async fn a_main_database_of_another_installation_is_refused() {
    let (scratch, databases) = Scratch::migrated(2).await;
    scratch.execute(0, "delete from shard_map; update shard_map_epoch set epoch = 0").await;
    scratch.execute(1, "update shard_owner set epoch = 7 where shard = 3").await;
    let refusal = migrate::run(&databases).await.unwrap_err();
    assert!(refusal.contains("party_0 holds shards already"), "{refusal}");
}

#[tokio::test]
async fn a_map_with_a_database_that_the_settings_lack_is_refused() {
    let (scratch, _databases) = Scratch::migrated(2).await;
    let only = Database::new("party_0", &scratch.url(1)).unwrap();
    let databases = Databases::new(Database::new(MAIN, &scratch.url(0)).unwrap(), vec![only]);
    let refusal = databases.load_map().await.unwrap_err().internal.unwrap();
    assert!(refusal.contains("4096 shards live in the party database party_1"), "{refusal}");
    assert_eq!(migrate::run(&databases).await.unwrap_err(), refusal);
    assert_eq!(databases.party(shard(1)).unwrap_err().code, Code::Internal, "and nothing is guessed");
}

#[tokio::test]
async fn the_fence_holds_a_move_back_and_turns_away_who_comes_after_it() {
    let (_scratch, databases) = Scratch::migrated(1).await;
    databases.load_map().await.unwrap();
    let pool = databases.party(shard(9)).unwrap();

    let mut writer = Tx::begin(&pool).await.unwrap();
    shards::fence(&mut writer, shard(9)).await.unwrap();

    let mut mover = Tx::begin(&pool).await.unwrap();
    let free: bool =
        sqlx::query_scalar("select pg_try_advisory_xact_lock(7013, 9)").fetch_one(&mut *mover).await.unwrap();
    assert!(!free, "a write is going on");
    writer.commit().await.unwrap();

    sqlx::query("select pg_advisory_xact_lock(7013, 9)").execute(&mut *mover).await.unwrap();
    sqlx::query("update shard_owner set state = 'moved', epoch = 2 where shard = 9")
        .execute(&mut *mover)
        .await
        .unwrap();

    // A writer that came before the move was committed, and began to wait.
    let late_pool = pool.clone();
    let late = tokio::spawn(async move {
        let mut late = Tx::begin(&late_pool).await?;
        shards::fence(&mut late, shard(9)).await
    });
    let waits = "select count(*) from pg_locks where locktype = 'advisory' and not granted \
                 and database = (select oid from pg_database where datname = current_database())";
    while sqlx::query_scalar::<_, i64>(waits).fetch_one(&*pool).await.unwrap() == 0 {
        tokio::task::yield_now().await;
    }
    mover.commit().await.unwrap();
    let refusal = late.await.unwrap().unwrap_err();
    assert!(moved(&refusal), "it waited, and then saw the new owner: {refusal:?}");
    assert_eq!(refusal.code, Code::Busy);

    let mut other = Tx::begin(&pool).await.unwrap();
    shards::fence(&mut other, shard(10)).await.unwrap();
}

#[tokio::test]
async fn work_on_a_moved_shard_is_done_again_where_it_lives_now() {
    let (scratch, databases) = Scratch::migrated(2).await;
    databases.load_map().await.unwrap();
    scratch.execute(1, "update shard_owner set state = 'moved', epoch = 2 where shard = 9").await;
    scratch.execute(2, "insert into shard_owner (shard, state, epoch) values (9, 'active', 2)").await;
    let work = |pool| async move {
        let mut tx = Tx::begin(&pool).await?;
        shards::fence(&mut tx, shard(9)).await?;
        let name: String = sqlx::query_scalar("select current_database()").fetch_one(&mut *tx).await?;
        Ok::<_, Error>(name)
    };
    let refusal = databases.on_shard(shard(9), work).await.unwrap_err();
    assert!(moved(&refusal), "the map still says the old place");
    scratch
        .execute(0, "update shard_map set database = 'party_1' where shard = 9; update shard_map_epoch set epoch = 2")
        .await;
    let name = databases.on_shard(shard(9), work).await.unwrap();
    assert!(name.ends_with("party_1"), "{name}");
}
