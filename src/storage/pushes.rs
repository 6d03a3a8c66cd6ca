//! SQL of what waits to be told to users on their phones.

use sqlx::PgConnection;
use sqlx::types::Json;

use crate::domain::Time;
use crate::domain::error::{Code, Error, Result};
use crate::domain::id::Id;
use crate::domain::party::Party;
use crate::domain::preferences::Chosen;
use crate::domain::push::{Commit, Facts, Push, PushKind};
use crate::domain::user::{Language, User};
use crate::storage::devices::{self, Device};
use crate::storage::{bounded, preferences};

/// One that waits, of some number.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub id: i64,
    pub user_id: Id<User>,
    pub party_id: Id<Party>,
    pub kind: PushKind,
    pub subject_id: i64,
    pub edition: i64,
    pub about: Option<Id<User>>,
    pub facts: Facts,
    pub expires_at: Time,
    pub deferred: bool,
    /// This one counted.
    pub tries: i32,
    /// Devices that have it.
    pub reached: Vec<String>,
}

crate::words! {
    /// What has become of a push.
    pub enum Outcome {
        Sent => "sent",
        /// Its user has switched its kind off.
        Unwanted => "unwanted",
        /// Its user and the one whom it tells about keep away from each other.
        Apart => "apart",
        NoDevice => "no_device",
        /// Its time was in quiet hours.
        Quiet => "quiet",
        /// There is newer news of the party.
        Superseded => "superseded",
        /// There is nothing to be reminded of any more.
        Moot => "moot",
        Late => "late",
        Refused => "refused",
    }
}

/// On a party database: what these parties' news are, commit by commit.
pub async fn news(conn: &mut PgConnection, parties: &[Id<Party>]) -> Result<Vec<(Id<Party>, Commit)>> {
    let parties: Vec<i64> = parties.iter().map(|party| party.raw()).collect();
    let rows = sqlx::query!(
        r#"select party_id, version, events as "events: Json<Vec<crate::domain::event::Event>>", created_at
           from outbox where party_id = any($1) and relayed_at is null
           order by party_id, version"#,
        &parties,
    );
    let rows = bounded(rows.fetch_all(conn)).await?.into_iter();
    let commit = rows.map(|row| {
        (Id::from_raw(row.party_id), Commit { version: row.version, at: row.created_at, events: row.events.0 })
    });
    Ok(commit.collect())
}

/// What is there already stays as it is. One for now is only kept for somebody who has a phone.
pub async fn insert(conn: &mut PgConnection, pushes: &[Push], now: Time) -> Result<u64> {
    if pushes.is_empty() {
        return Ok(0);
    }
    let users: Vec<i64> = pushes.iter().map(|push| push.user_id.raw()).collect();
    let parties: Vec<i64> = pushes.iter().map(|push| push.party_id.raw()).collect();
    let kinds: Vec<String> = pushes.iter().map(|push| push.kind.word().to_owned()).collect();
    let subjects: Vec<i64> = pushes.iter().map(|push| push.subject.raw()).collect();
    let editions: Vec<i64> = pushes.iter().map(|push| push.edition).collect();
    let about: Vec<Option<i64>> = pushes.iter().map(|push| push.about.map(Id::raw)).collect();
    let facts: Vec<Json<&Facts>> = pushes.iter().map(|push| Json(&push.facts)).collect();
    let due: Vec<Time> = pushes.iter().map(|push| push.due_at).collect();
    let expires: Vec<Time> = pushes.iter().map(|push| push.expires_at).collect();
    let insert = sqlx::query!(
        r#"
        insert into pushes (
            user_id, party_id, kind, subject_id, edition, about_id, facts, created_at, next_at, expires_at
        )
        select u.id, x.party_id, x.kind, x.subject_id, x.edition, x.about_id, x.facts, $10, x.due_at, x.expires_at
        from unnest(
            $1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::jsonb[], $8::timestamptz[],
            $9::timestamptz[]
        ) with ordinality as x (
            user_id, party_id, kind, subject_id, edition, about_id, facts, due_at, expires_at, place
        )
        join users u on u.id = x.user_id
        where u.erased_at is null and (x.due_at > $10 or exists (select from devices d where d.user_id = u.id))
        order by u.id, x.place
        on conflict on constraint pushes_once do nothing
        "#,
        &users,
        &parties,
        &kinds,
        &subjects,
        &editions,
        &about as &[Option<i64>],
        &facts as _,
        &due,
        &expires,
        now,
    );
    Ok(bounded(insert.execute(conn)).await?.rows_affected())
}

/// Leases those that are due, for a minute, which is what is left to whoever finds that this process has died.
pub async fn due(conn: &mut PgConnection, now: Time, limit: i64) -> Result<Vec<Waiting>> {
    let rows = sqlx::query!(
        r#"
        with due as (
            select id from pushes where next_at <= $1 order by next_at limit $2 for update skip locked
        )
        update pushes p
        set next_at = $1 + interval '1 minute', tries = p.tries + 1
        from due where p.id = due.id
        returning p.id, p.user_id, p.party_id, p.kind, p.subject_id, p.edition, p.about_id,
            p.facts as "facts: Json<Facts>", p.expires_at, p.deferred, p.tries, p.reached
        "#,
        now,
        limit,
    );
    let unknown = || Error::internal(Code::Internal, "a push of an unknown kind");
    let rows = bounded(rows.fetch_all(conn)).await?.into_iter();
    let waiting = rows.map(|row| {
        Ok(Waiting {
            id: row.id,
            user_id: Id::from_raw(row.user_id),
            party_id: Id::from_raw(row.party_id),
            kind: PushKind::from_word(&row.kind).ok_or_else(unknown)?,
            subject_id: row.subject_id,
            edition: row.edition,
            about: row.about_id.map(Id::from_raw),
            facts: row.facts.0,
            expires_at: row.expires_at,
            deferred: row.deferred,
            tries: row.tries,
            reached: row.reached,
        })
    });
    let mut waiting = waiting.collect::<Result<Vec<_>>>()?;
    waiting.sort_by_key(|push| push.id);
    Ok(waiting)
}

/// Whom a push is for, as he is now.
pub struct Recipient {
    pub language: Language,
    pub chosen: Chosen,
    pub devices: Vec<Device>,
    /// He and the one whom it tells about keep away from each other.
    pub is_apart: bool,
}

/// None when he is gone.
pub async fn recipient(conn: &mut PgConnection, push: &Waiting) -> Result<Option<Recipient>> {
    let Some((chosen, language)) = preferences::find(conn, push.user_id).await? else { return Ok(None) };
    let apart = sqlx::query_scalar!(
        r#"select exists (
               select from blocks
               where (user_id = $1 and blocked_id = $2) or (user_id = $2 and blocked_id = $1)
           ) as "apart!""#,
        push.user_id.raw(),
        push.about.map(Id::raw),
    );
    let is_apart = bounded(apart.fetch_one(&mut *conn)).await?;
    let devices = devices::of(conn, push.user_id).await?;
    Ok(Some(Recipient { language, chosen, devices, is_apart }))
}

/// It is done with.
pub async fn end(
    conn: &mut PgConnection,
    push: &Waiting,
    reached: &[String],
    outcome: Outcome,
    now: Time,
) -> Result<()> {
    let end = sqlx::query!(
        "update pushes set next_at = null, ended_at = $3, outcome = $4, reached = $2 where id = $1 and ended_at is null",
        push.id,
        reached,
        now,
        outcome.word(),
    );
    bounded(end.execute(conn)).await?;
    Ok(())
}

/// It is tried again then.
pub async fn later(conn: &mut PgConnection, push: &Waiting, reached: &[String], next_at: Time) -> Result<()> {
    let later = sqlx::query!(
        "update pushes set next_at = $3, reached = $2 where id = $1 and ended_at is null",
        push.id,
        reached,
        next_at,
    );
    bounded(later.execute(conn)).await?;
    Ok(())
}

/// It waits for the end of quiet hours, and with it only what is newest of its party.
pub async fn defer(conn: &mut PgConnection, push: &Waiting, until: Time, expires_at: Time, now: Time) -> Result<()> {
    let defer = sqlx::query!(
        "update pushes set next_at = $2, expires_at = $3, deferred = true, tries = 0 where id = $1 and ended_at is null",
        push.id,
        until,
        expires_at,
    );
    bounded(defer.execute(&mut *conn)).await?;
    let older = sqlx::query!(
        "update pushes p set next_at = null, ended_at = $3, outcome = 'superseded'
         where user_id = $1 and party_id = $2 and deferred and ended_at is null and exists (
             select from pushes newer
             where newer.user_id = $1 and newer.party_id = $2 and newer.deferred and newer.ended_at is null
                 and newer.id > p.id)",
        push.user_id.raw(),
        push.party_id.raw(),
        now,
    );
    bounded(older.execute(conn)).await?;
    Ok(())
}
