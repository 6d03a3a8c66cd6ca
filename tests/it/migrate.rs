//! Migrations: applied once, and checked by who may only read.

use std::process::{Command, Output};

use nbbang::storage::databases::{Database, Databases, MAIN};
use nbbang::storage::migrate::{self, Set, Standing};

use crate::scratch::{Scratch, execute};

async fn standing(databases: &Databases) -> Standing {
    migrate::standing(databases.main_database(), Set::Main).await.unwrap()
}

fn nbbang(scratch: &Scratch, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nbbang"))
        .args(arguments)
        .env("NBBANG_MAIN_DATABASE_URL", scratch.url(0))
        .env("NBBANG_PARTY_DATABASE_URLS", format!("party_0={}", scratch.url(1)))
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn the_commands_tell_pending_applied_and_damaged_apart() {
    let scratch = Scratch::empty(1).await;
    let check = nbbang(&scratch, &["migrate", "--check"]);
    assert_eq!(check.status.code(), Some(1), "{check:?}");
    assert!(text(&check.stdout).contains("party_0: migrations 2001"), "{check:?}");
    assert!(!nbbang(&scratch, &["doctor"]).status.success());

    let migrated = nbbang(&scratch, &["migrate"]);
    assert!(migrated.status.success(), "{migrated:?}");
    assert_eq!(nbbang(&scratch, &["migrate", "--check"]).status.code(), Some(0));
    let doctor = nbbang(&scratch, &["doctor"]);
    assert!(doctor.status.success(), "{doctor:?}");
    assert!(text(&nbbang(&scratch, &["shards", "list"]).stdout).contains("8192"));

    scratch.execute(1, "update _sqlx_migrations set success = false").await;
    let check = nbbang(&scratch, &["migrate", "--check"]);
    assert_eq!(check.status.code(), Some(2), "{check:?}");
    let migrated = nbbang(&scratch, &["migrate"]);
    assert_eq!(migrated.status.code(), Some(1));
    assert!(text(&migrated.stderr).contains("applied only in part"), "{migrated:?}");
}

#[tokio::test]
async fn two_at_once_and_once_more_apply_each_migration_once() {
    let scratch = Scratch::empty(2).await;
    let (one, two) = (scratch.databases(), scratch.databases());
    let (one, two) = tokio::join!(migrate::run(&one), migrate::run(&two));
    assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
    assert_eq!(standing(&scratch.databases()).await, Standing::UpToDate);
}

#[tokio::test]
async fn a_role_that_may_only_select_can_check_and_leaves_no_trace() {
    let scratch = Scratch::empty(1).await;
    let role = format!("reader_{}", nbbang::app::random().simple());
    scratch.execute(0, &format!("create role {role} login; revoke create on schema public from public")).await;
    let url = scratch.url(0).replacen("postgres@", &format!("{role}@"), 1);
    let reader = Databases::new(Database::new(MAIN, &url).unwrap(), Vec::new());

    let fresh = Set::Main.migrator().iter().map(|migration| migration.version).collect();
    assert_eq!(standing(&reader).await, Standing::Pending(fresh));
    let mut main = scratch.databases().main_database().connect().await.unwrap();
    let tables: i64 = sqlx::query_scalar("select count(*) from pg_tables where schemaname = 'public'")
        .fetch_one(&mut main)
        .await
        .unwrap();
    assert_eq!(tables, 0, "a check makes no table");

    migrate::run(&scratch.databases()).await.unwrap();
    let refusal = migrate::standing(reader.main_database(), Set::Main).await.unwrap_err();
    assert!(refusal.contains(&role) && refusal.contains("Grant it"), "{refusal}");
    scratch.execute(0, &format!("grant select on all tables in schema public to {role}")).await;
    // The lock of a migration that is going on does not stop a check.
    let mut migrating = scratch.databases().main_database().connect().await.unwrap();
    sqlx::migrate::Migrate::lock(&mut migrating).await.unwrap();
    assert_eq!(standing(&reader).await, Standing::UpToDate);

    scratch.execute(0, &format!("drop owned by {role}; drop role {role}")).await;
}

#[tokio::test]
async fn damage_is_told_and_a_newer_program_s_migrations_are_none() {
    let (scratch, databases) = Scratch::migrated(1).await;
    let newer = "insert into _sqlx_migrations (version, description, success, checksum, execution_time) \
                 values (1999, 'newer', true, '', 0)";
    scratch.execute(0, newer).await;
    assert_eq!(standing(&databases).await, Standing::UpToDate);
    migrate::ready(&databases).await.unwrap();

    scratch.execute(0, "update _sqlx_migrations set checksum = 'x' where version = 1001").await;
    assert!(matches!(standing(&databases).await, Standing::Damaged(what) if what[0].contains("its file was changed")));
    scratch.execute(0, "update _sqlx_migrations set success = false where version = 1001").await;
    assert!(matches!(standing(&databases).await, Standing::Damaged(what) if what[0].contains("only in part")));
    assert!(migrate::ready(&databases).await.unwrap_err().starts_with("main: Migration 1001"));
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let scratch = Scratch::empty(0).await;
    let url = format!("{}_nowhere", scratch.url(0));
    let databases = Databases::new(Database::new(MAIN, &url).unwrap(), Vec::new());
    let refusal = migrate::run(&databases).await.unwrap_err();
    assert!(refusal.contains("_nowhere (main) does not exist") && refusal.contains("createdb"), "{refusal}");
    let databases = Databases::new(Database::new(MAIN, "postgres://me@127.0.0.1:1/x").unwrap(), Vec::new());
    let refusal = migrate::run(&databases).await.unwrap_err();
    assert!(refusal.contains("does not answer at 127.0.0.1:1"), "{refusal}");
}

#[tokio::test]
async fn both_sets_can_live_in_one_database() {
    let scratch = Scratch::empty(0).await;
    let party = Database::new("party_0", &scratch.url(0)).unwrap();
    let databases = Databases::new(Database::new(MAIN, &scratch.url(0)).unwrap(), vec![party]);
    migrate::run(&databases).await.unwrap();
    migrate::ready(&databases).await.unwrap();
    execute(&scratch.url(0), "begin; select shard_fence(1); select slot from id_slots; commit").await;
}
