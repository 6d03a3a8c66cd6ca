//! What members say in their party, and how far they have read.

use sqlx::PgConnection;

use crate::domain::Time;
use crate::domain::error::{Code, Error, Result};
use crate::domain::event::EventKind;
use crate::domain::id::Id;
use crate::domain::message::{AFTER_THE_END, Line, Message, Read, Said, TOLD};
use crate::domain::party::Party;
use crate::domain::user::User;
use crate::storage::idempotency::Key;

/// What a member says.
pub struct New<'a> {
    pub id: Id<Message>,
    pub text: &'a str,
    pub client_key: &'a str,
}

/// Writes a message of a member, and gives it its place; none if he is no member, if the party is over for too long, or if he
/// has said this before.
pub async fn insert(
    conn: &mut PgConnection,
    party: Id<Party>,
    user: Id<User>,
    new: &New<'_>,
    key: &Key<'_>,
    now: Time,
) -> Result<Option<i64>> {
    let seq = sqlx::query_scalar!(
        r#"
        with fence as materialized (select $2::bigint as party from shard_fence($1)),
        -- Who waited here for a kick is looked at again, by the row that it left.
        step as (
            update parties p set last_seq = coalesce(p.last_seq, 0) + 1
            from fence
            where p.id = fence.party and (p.ended_at is null or p.ended_at > $9)
                and ($3 = any (p.member_ids) or p.state = 'cancelled')
                and exists (
                    select from orders o
                    where o.party_id = $2 and o.user_id = $3 and o.joined_at is not null
                        and o.state in ('joined', 'confirmed', 'picked_up', 'no_show', 'cancelled')
                )
                and not exists (
                    select from messages m
                    where m.party_id = $2 and m.user_id = $3 and (m.key = $7 or m.client_key = $6)
                )
            returning p.id, p.last_seq
        )
        insert into messages (id, party_id, seq, user_id, text, client_key, key, fingerprint, created_at)
        select $4, id, last_seq, $3, $5, $6, $7, $8, $10 from step
        returning seq
        "#,
        i32::from(party.shard().number()),
        party.raw(),
        user.raw(),
        new.id.raw(),
        new.text,
        new.client_key,
        key.key,
        key.fingerprint,
        now - AFTER_THE_END,
        now,
    );
    Ok(seq.fetch_optional(conn).await?)
}

/// What this very command has said before; another one under the same key, or another text under the same name, is refused.
pub async fn answered(
    conn: &mut PgConnection,
    party: Id<Party>,
    user: Id<User>,
    new: &New<'_>,
    key: &Key<'_>,
) -> Result<Option<Message>> {
    let row = sqlx::query!(
        "select id, seq, text, client_key, key, fingerprint, created_at from messages
         where party_id = $1 and user_id = $2 and (key = $3 or client_key = $4)
         order by key = $3 desc limit 1",
        party.raw(),
        user.raw(),
        key.key,
        new.client_key,
    );
    let Some(row) = row.fetch_optional(conn).await? else { return Ok(None) };
    let same = if row.key == key.key { row.fingerprint == key.fingerprint } else { row.text == new.text };
    if !same {
        return Err(Code::IdempotencyKeyReused.into());
    }
    Ok(Some(Message {
        id: Id::from_raw(row.id),
        party_id: party,
        seq: row.seq,
        user_id: user,
        text: row.text,
        client_key: row.client_key,
        created_at: row.created_at,
    }))
}

/// Where a page of the chat begins: before this line, and after this step.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub after: i64,
    pub before: (i64, i32),
}

/// The lines of a window, newest first, without those of `apart`.
pub async fn lines(
    conn: &mut PgConnection,
    party: Id<Party>,
    window: Window,
    apart: &[Id<User>],
    limit: i64,
) -> Result<Vec<Line>> {
    let apart: Vec<i64> = apart.iter().map(|user| user.raw()).collect();
    let told: Vec<&str> = TOLD.iter().map(|kind| kind.word()).collect();
    let rows = sqlx::query!(
        r#"
        select
            seq as "seq!", part as "part!", at as "at!", id as "id?", user_id as "user_id?", text as "text?",
            client_key as "client_key?", kind as "kind?"
        from (
            (
                select
                    m.seq, 0 as part, m.created_at as at, m.id, m.user_id, m.text, m.client_key, null::text as kind
                from messages m
                where m.party_id = $1 and m.seq > $2 and m.seq <= $3 and m.user_id <> all ($5)
                order by m.seq desc limit $7
            )
            union all
            (
                select
                    o.seq, e.part::int, o.created_at, null, (e.event ->> 'user_id')::bigint, null, null, e.event ->> 'kind'
                from outbox o cross join jsonb_array_elements(o.events) with ordinality as e (event, part)
                where o.party_id = $1 and o.seq > $2 and o.seq <= $3 and e.event ->> 'kind' = any ($6)
                order by o.seq desc, e.part desc limit $7
            )
        ) x
        where (seq, part) < ($3, $4)
        order by seq desc, part desc limit $7
        "#,
        party.raw(),
        window.after,
        window.before.0,
        window.before.1,
        &apart,
        &told as &[&str],
        // One more may be cut off by its part.
        limit.saturating_add(TOLD.len().try_into().unwrap_or(i64::MAX)),
    );
    let rows = rows.fetch_all(conn).await?.into_iter().take(usize::try_from(limit).unwrap_or(usize::MAX));
    let lines = rows.map(|row| {
        let user_id = row.user_id.map(Id::from_raw);
        let what = match (row.id, row.text.zip(row.client_key), user_id, row.kind) {
            (Some(id), Some((text, client_key)), Some(user_id), _) => Said::Text(Message {
                id: Id::from_raw(id),
                party_id: party,
                seq: row.seq,
                user_id,
                text,
                client_key,
                created_at: row.at,
            }),
            (_, _, user_id, Some(kind)) => Said::Event(EventKind::from_word(&kind)?, user_id),
            _ => return None,
        };
        Some(Line { seq: row.seq, part: row.part, created_at: row.at, what })
    });
    lines.collect::<Option<_>>().ok_or_else(|| Error::internal(Code::Internal, "a line that is nothing"))
}

/// How many messages of others there are after a step.
pub async fn unread(
    conn: &mut PgConnection,
    party: Id<Party>,
    user: Id<User>,
    after: i64,
    apart: &[Id<User>],
) -> Result<i64> {
    let apart: Vec<i64> = apart.iter().map(|user| user.raw()).collect();
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from messages
           where party_id = $1 and seq > $2 and user_id <> $3 and user_id <> all ($4)"#,
        party.raw(),
        after,
        user.raw(),
        &apart,
    );
    Ok(count.fetch_one(conn).await?)
}

/// How far everybody has read, as far as it is written down.
pub async fn reads(conn: &mut PgConnection, party: Id<Party>) -> Result<Vec<Read>> {
    let rows =
        sqlx::query!("select user_id, seq, seen_at from reads where party_id = $1 order by user_id", party.raw());
    let rows = rows.fetch_all(conn).await?.into_iter();
    Ok(rows.map(|row| Read { user_id: Id::from_raw(row.user_id), seq: row.seq, seen_at: row.seen_at }).collect())
}

/// Writes down how far members have read; nobody reads backwards.
pub async fn save_reads(conn: &mut PgConnection, reads: &[(Id<Party>, Read)]) -> Result<()> {
    let parties: Vec<i64> = reads.iter().map(|(party, _)| party.raw()).collect();
    let users: Vec<i64> = reads.iter().map(|(_, read)| read.user_id.raw()).collect();
    let seqs: Vec<i64> = reads.iter().map(|(_, read)| read.seq).collect();
    let times: Vec<Time> = reads.iter().map(|(_, read)| read.seen_at).collect();
    sqlx::query!(
        r#"
        with seen as materialized (
            select x.*, shard_fence(((x.party_id >> 10) & 8191)::int)
            from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::timestamptz[]) as x (party_id, user_id, seq, seen_at)
        )
        insert into reads (party_id, user_id, seq, seen_at)
        -- Always in the same order, so that two processes do not wait for each other.
        select party_id, user_id, seq, seen_at from seen
        where exists (select from parties p where p.id = seen.party_id)
        order by party_id, user_id
        on conflict (party_id, user_id) do update
        set seq = greatest(reads.seq, excluded.seq), seen_at = greatest(reads.seen_at, excluded.seen_at)
        "#,
        &parties,
        &users,
        &seqs,
        &times,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A message that phones have not been told of.
pub struct Untold {
    pub id: Id<Message>,
    pub party_id: Id<Party>,
    pub user_id: Id<User>,
    pub created_at: Time,
    /// Who has read it by now.
    pub read_by: Vec<Id<User>>,
}

/// Those that live here, the oldest first; none from before `since`.
pub async fn untold(conn: &mut PgConnection, since: Time, limit: i64) -> Result<Vec<Untold>> {
    let rows = sqlx::query!(
        r#"
        select
            m.id, m.party_id, m.user_id, m.created_at,
            array(select r.user_id from reads r where r.party_id = m.party_id and r.seq >= m.seq) as "read_by!"
        from messages m
        where m.told_at is null and m.created_at >= $1
            and exists (select from shard_owner o where o.shard = (m.party_id >> 10) & 8191 and o.state = 'active')
        order by m.created_at limit $2
        "#,
        since,
        limit,
    );
    let untold = rows.fetch_all(conn).await?.into_iter().map(|row| Untold {
        id: Id::from_raw(row.id),
        party_id: Id::from_raw(row.party_id),
        user_id: Id::from_raw(row.user_id),
        created_at: row.created_at,
        read_by: row.read_by.into_iter().map(Id::from_raw).collect(),
    });
    Ok(untold.collect())
}

pub async fn told(conn: &mut PgConnection, ids: &[Id<Message>], now: Time) -> Result<()> {
    let ids: Vec<i64> = ids.iter().map(|id| id.raw()).collect();
    sqlx::query!(
        r#"
        with told as materialized (
            select id, shard_fence(((id >> 10) & 8191)::int) from unnest($1::bigint[]) as x (id)
        )
        update messages m set told_at = $2 from told where m.id = told.id and m.told_at is null
        "#,
        &ids,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub async fn find(conn: &mut PgConnection, id: Id<Message>) -> Result<Option<Message>> {
    let row = sqlx::query!(
        "select party_id, seq, user_id, text, client_key, created_at from messages where id = $1",
        id.raw()
    );
    Ok(row.fetch_optional(conn).await?.map(|row| Message {
        id,
        party_id: Id::from_raw(row.party_id),
        seq: row.seq,
        user_id: Id::from_raw(row.user_id),
        text: row.text,
        client_key: row.client_key,
        created_at: row.created_at,
    }))
}

/// All that a user has said here, the oldest first.
pub async fn of(conn: &mut PgConnection, user: Id<User>) -> Result<Vec<Message>> {
    let rows = sqlx::query!(
        "select id, party_id, seq, text, client_key, created_at from messages where user_id = $1 order by id",
        user.raw(),
    );
    let rows = rows.fetch_all(conn).await?.into_iter().map(|row| Message {
        id: Id::from_raw(row.id),
        party_id: Id::from_raw(row.party_id),
        seq: row.seq,
        user_id: user,
        text: row.text,
        client_key: row.client_key,
        created_at: row.created_at,
    });
    Ok(rows.collect())
}

/// Of one who has gone. No fence: what is copied during a move has its time at both ends.
pub async fn forget(conn: &mut PgConnection, user: Id<User>) -> Result<()> {
    sqlx::query!("delete from messages where user_id = $1", user.raw()).execute(&mut *conn).await?;
    sqlx::query!("delete from reads where user_id = $1", user.raw()).execute(conn).await?;
    Ok(())
}
