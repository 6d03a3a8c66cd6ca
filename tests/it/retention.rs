//! What is kept for how long: each kind of row goes when its time is over and not before, a batch at a time, along an index, and
//! the operators' page says the same.

use std::sync::Arc;

use nbbang::app::{clock, retention};
use nbbang::jobs;
use nbbang::storage::migrate::Set;
use nbbang::storage::retention::{BATCH, Clock, RULES, Rule};
use serde_json::json;
use sqlx::{Connection, PgConnection};
use time::{Duration, OffsetDateTime};

use crate::person::{draft, food};
use crate::world::{World, one, world};

/// How a row of each kind comes to be, at the moment `$1` and unlike the row of another number `$2`: of the user, party and
/// payment there are.
const ROWS: &[(&str, &str, &str)] = &[
    (
        "idempotency keys of parties, with their answers",
        "idempotency",
        "insert into idempotency select id, 1, 'r', 'k' || $2, '', '{}', $1 from parties",
    ),
    (
        "events in the outbox",
        "outbox",
        "insert into outbox select id, 1000 + $2, '[]', '2026-01-01', $1 from parties",
    ),
    (
        "messages",
        "messages",
        "insert into messages select 1000 + $2, id, 1000 + $2, 1, 't', 'c' || $2, 'k' || $2, '', $1 from parties",
    ),
    ("how far members have read", "reads", "insert into reads select id, 1000 + $2, 1, $1 from parties"),
    (
        "hints of Toss",
        "webhooks",
        "insert into webhooks select id, 't' || $2, 1, '2026-01-01', $1 from payments",
    ),
    (
        "idempotency keys of parties that were opened",
        "creations",
        "insert into creations select max(id), 'k' || $2, '', 1, $1 from users",
    ),
    (
        "idempotency keys outside of parties, with their answers",
        "main_idempotency",
        "insert into main_idempotency select max(id), 'r', 'k' || $2, '', null, $1 from users",
    ),
    (
        "refresh tokens, and sessions without one",
        "refresh_tokens",
        "with s as (insert into sessions (user_id, chain_key, created_at)
             select max(id), decode(repeat('00', 32), 'hex'), '2026-01-01' from users returning id)
         insert into refresh_tokens select sha256(('t' || $2)::bytea), id, '2026-01-01', $1 from s",
    ),
    (
        "ends of sessions, for the access tokens that are left",
        "ended_sessions",
        "insert into ended_sessions values (1000 + $2, $1)",
    ),
    (
        "pushes",
        "pushes",
        "insert into pushes (user_id, party_id, kind, subject_id, edition, facts, created_at, expires_at, ended_at, outcome)
         select max(id), 1, 'joined', 1, $2, '{}', '2026-01-01', $1, '2026-01-01', 'sent' from users",
    ),
    (
        "the record of the use of positions, without the positions",
        "location_uses",
        "insert into location_uses select max(id) + 0 * $2, 'places', $1 from users",
    ),
    (
        "reports of users",
        "reports",
        "insert into reports select $2, max(id), 'user', $2, max(id), 'spam', null, 'k' || $2, '', '2026-01-01', 'upheld', 'n', $1
         from users",
    ),
    (
        "invitations",
        "invitations",
        "insert into invitations select 'c' || $2, 1, max(id), 'k' || $2, '2026-01-01', $1 from users",
    ),
    (
        "the record of what operators did",
        "operator_acts",
        "insert into operator_acts (act, subject_type, subject_id, body, at) values ('a', 'user', $2, '{}', $1)",
    ),
];

struct Row {
    rule: &'static Rule,
    table: &'static str,
    insert: &'static str,
}

fn rows() -> Vec<Row> {
    let row = |rule: &'static Rule| {
        let (_, table, insert) =
            ROWS.iter().find(|(what, _, _)| *what == rule.what).unwrap_or_else(|| panic!("no row of {}", rule.what));
        Row { rule, table, insert }
    };
    RULES.iter().map(row).collect()
}

impl Row {
    /// Where its rows are; of the party databases the one that has the party.
    async fn database(&self, world: &World) -> PgConnection {
        if self.rule.set == Set::Main {
            return PgConnection::connect(&world.urls.main).await.unwrap();
        }
        for url in &world.urls.parties {
            let mut db = PgConnection::connect(url).await.unwrap();
            let parties: i64 = sqlx::query_scalar("select count(*) from parties").fetch_one(&mut db).await.unwrap();
            if parties > 0 {
                return db;
            }
        }
        panic!("no party");
    }

    /// The moment before which its rows have had their time.
    fn limit(&self, world: &World) -> OffsetDateTime {
        let now = if self.rule.clock == Clock::Real { clock::real() } else { world.app.clock.now() };
        now - self.rule.period
    }

    async fn insert(&self, db: &mut PgConnection, at: OffsetDateTime, numbers: std::ops::Range<i64>) {
        for number in numbers {
            sqlx::query(self.insert).bind(at).bind(number).execute(&mut *db).await.unwrap();
        }
    }

    async fn count(&self, db: &mut PgConnection) -> i64 {
        let count = format!("select count(*) from {}", self.table);
        sqlx::query_scalar(sqlx::AssertSqlSafe(count)).fetch_one(db).await.unwrap()
    }
}

/// A world with a party, a payment and nothing else that will be over.
async fn settled(world: &World) {
    let (mina, juno) = (world.person("mina").await, world.person("juno").await);
    let party = mina.opens(draft(&json!({}))).await;
    juno.joins_and_pays(&party, food(8_000)).await;
    world.settle().await;
    // Over for long: what of it is kept hangs on that.
    for url in &world.urls.parties {
        let end = "update parties set state = 'cancelled', ended_at = '2026-01-01', due_at = null";
        crate::scratch::execute(url, end).await;
    }
}

#[tokio::test]
async fn each_goes_when_its_time_is_over_and_not_before() {
    world(|world| async move {
        settled(&world).await;
        let (rows, mut had) = (rows(), Vec::new());
        for row in &rows {
            let (mut db, limit) = (row.database(&world).await, row.limit(&world));
            had.push(row.count(&mut db).await);
            row.insert(&mut db, limit - Duration::seconds(5), 1..2).await;
            row.insert(&mut db, limit + Duration::minutes(5), 2..3).await;
        }
        let mut main = PgConnection::connect(&world.urls.main).await.unwrap();
        let sessions = "select count(*) from sessions";
        let signed_in = one(&mut main, sessions).await;
        assert_eq!(retention::forget(&world.app).await, 0, "there is no more");
        for (row, had) in rows.iter().zip(had) {
            assert_eq!(row.count(&mut row.database(&world).await).await, had + 1, "{}", row.rule.what);
        }
        assert_eq!(one(&mut main, sessions).await, signed_in - 1, "with its last token");
    })
    .await;
}

#[tokio::test]
async fn a_pile_is_forgotten_batch_by_batch() {
    world(|world| async move {
        settled(&world).await;
        for row in rows() {
            let (mut db, limit) = (row.database(&world).await, row.limit(&world));
            let before = row.count(&mut db).await;
            let mut tx = db.begin().await.unwrap();
            row.insert(&mut tx, limit - Duration::seconds(5), 1..BATCH + 2).await;
            tx.commit().await.unwrap();
            assert_eq!(jobs::tidy(Arc::clone(&world.app)).await.unwrap(), 1, "more of {}", row.rule.what);
            assert_eq!(row.count(&mut db).await, before + 1, "{}", row.rule.what);
            assert_eq!(jobs::tidy(Arc::clone(&world.app)).await.unwrap(), 0);
            assert_eq!(row.count(&mut db).await, before, "{}", row.rule.what);
        }
    })
    .await;
}

#[tokio::test]
async fn what_another_process_is_deleting_is_left_to_it() {
    world(|world| async move {
        settled(&world).await;
        for row in rows() {
            let (mut db, limit) = (row.database(&world).await, row.limit(&world));
            let before = row.count(&mut db).await;
            row.insert(&mut db, limit - Duration::seconds(5), 1..3).await;
            let mut other = db.begin().await.unwrap();
            let lock =
                format!("select from {} where ctid = (select max(ctid) from {}) for update", row.table, row.table);
            sqlx::query(sqlx::AssertSqlSafe(lock)).execute(&mut *other).await.unwrap();
            assert_eq!(retention::forget(&world.app).await, 0, "{}", row.rule.what);
            other.rollback().await.unwrap();
            assert_eq!(row.count(&mut db).await, before + 1, "{}", row.rule.what);
            retention::forget(&world.app).await;
            assert_eq!(row.count(&mut db).await, before, "{}", row.rule.what);
        }
    })
    .await;
}

#[tokio::test]
async fn no_statement_reads_a_table_to_find_what_is_over() {
    world(|world| async move {
        settled(&world).await;
        for row in rows() {
            let mut db = row.database(&world).await;
            // As the pools have it; and a table of a test is so small that it would be read whole.
            sqlx::raw_sql("set enable_bitmapscan = off; set enable_seqscan = off").execute(&mut db).await.unwrap();
            let sql = row.rule.sql.replace("$1", "now()").replace("$2", "1000");
            let explain = format!("explain {sql}");
            let plan: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(explain)).fetch_all(&mut db).await.unwrap();
            let plan = plan.join("\n");
            assert!(
                plan.contains("Index") && !plan.contains("Seq Scan") && !plan.contains("Sort"),
                "{}: {plan}",
                row.rule.what
            );
        }
    })
    .await;
}

#[test]
fn the_operators_page_says_the_same() {
    let page = include_str!("../../docs/OPERATIONS.md");
    let (_, section) = page.split_once("## What is kept for how long").unwrap();
    let table = section.split_once("| forgotten | after |").unwrap().1.split("\n\n").next().unwrap();
    let told: Vec<&str> = table.lines().skip(2).collect();
    let period = |period: Duration| match (period.whole_hours(), period.whole_days()) {
        (1, _) => "1 hour".to_owned(),
        (24, _) => "24 hours".to_owned(),
        (hours, _) if hours % 24 != 0 => format!("{hours} hours"),
        (_, days) if days % 365 == days / 1460 + 1 && days > 365 => format!("{} years", days / 365),
        (_, days) => format!("{days} days"),
    };
    let kept = |rule: &Rule| format!("| {} | {} after {} |", rule.what, period(rule.period), rule.since);
    assert_eq!(told, RULES.iter().map(kept).collect::<Vec<_>>());
}
