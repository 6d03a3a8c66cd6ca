//! Trust: what a party database says of people's doings, and the entries in the main database.

use sqlx::PgConnection;

use crate::domain::Time;
use crate::domain::error::{Code, Error, Result};
use crate::domain::id::Id;
use crate::domain::party::Party;
use crate::domain::trust::{Entry, PROMPT, STEP, TrustKind, day, week};
use crate::domain::user::{FIRST_TRUST, User};
use crate::storage::{bounded, tx::Tx};

/// From a party database: what the news of these parties, and their ends, say of people. What was said before may be said
/// again. A no-show can be taken back until the party is completed, so it counts then.
pub async fn earned(conn: &mut PgConnection, parties: &[Id<Party>]) -> Result<Vec<Entry>> {
    let parties: Vec<i64> = parties.iter().map(|party| party.raw()).collect();
    let rows = sqlx::query!(
        r#"
        with news as (
            select b.party_id, b.created_at, e ->> 'kind' as kind, (e ->> 'order_id')::bigint as order_id
            from outbox b, jsonb_array_elements(b.events) e
            where b.party_id = any($1) and b.relayed_at is null
                and e ->> 'kind' in ('host_abandoned', 'transfer_received')
        )
        select o.user_id as "user_id!", case o.state when 'no_show' then 'no_show' else 'completed' end as "kind!",
            o.id as "source_id!", p.ended_at as "at!"
        from parties p join orders o on o.party_id = p.id
        where p.id = any($1) and p.state = 'completed' and o.state in ('picked_up', 'no_show')
        union all
        select p.host_id, news.kind, p.id, news.created_at
        from news join parties p on p.id = news.party_id where news.kind = 'host_abandoned'
        union all
        select o.user_id, 'paid_promptly', o.id, news.created_at
        from news join orders o on o.id = news.order_id join parties p on p.id = o.party_id
        where news.kind = 'transfer_received' and o.transfer_sent_at <= p.locked_at + make_interval(secs => $2)
        union all
        select p.host_id, 'received_promptly', o.id, news.created_at
        from news join orders o on o.id = news.order_id join parties p on p.id = o.party_id
        where news.kind = 'transfer_received' and news.created_at <= o.transfer_sent_at + make_interval(secs => $2)
        "#,
        &parties,
        PROMPT.as_seconds_f64(),
    );
    let unknown = || Error::internal(Code::Internal, "news of an unknown kind");
    let entry = |user: i64, kind: &str, source_id: i64, at: Time| {
        let kind = TrustKind::from_word(kind).ok_or_else(unknown)?;
        Ok(Entry { user_id: Id::from_raw(user), kind, source_id, at })
    };
    let rows = rows.fetch_all(conn).await?.into_iter();
    rows.map(|row| entry(row.user_id, &row.kind, row.source_id, row.at)).collect()
}

/// Adds what is not there yet and sums up anew. Who sums up has the users locked, so that he sees all entries of theirs. Says
/// whose trust is another now.
pub async fn enter(tx: &mut Tx, entries: &[Entry]) -> Result<Vec<Id<User>>> {
    let users: Vec<i64> = entries.iter().map(|entry| entry.user_id.raw()).collect();
    let kinds: Vec<String> = entries.iter().map(|entry| entry.kind.word().to_owned()).collect();
    let sources: Vec<i64> = entries.iter().map(|entry| entry.source_id).collect();
    let points: Vec<i16> = entries.iter().map(|entry| entry.kind.points()).collect();
    let days: Vec<time::Date> = entries.iter().map(|entry| day(entry.at)).collect();
    let times: Vec<Time> = entries.iter().map(|entry| entry.at).collect();
    let lock = sqlx::query!("select from users where id = any($1) order by id for update", &users);
    bounded(lock.execute(&mut **tx)).await?;
    let insert = sqlx::query!(
        "insert into trust_entries (user_id, kind, source_id, points, day, at)
         select x.* from unnest($1::bigint[], $2::text[], $3::bigint[], $4::smallint[], $5::date[], $6::timestamptz[])
             as x (user_id, kind, source_id, points, day, at)
         join users u on u.id = x.user_id
         on conflict do nothing",
        &users,
        &kinds,
        &sources,
        &points,
        &days,
        &times,
    );
    if bounded(insert.execute(&mut **tx)).await?.rows_affected() == 0 {
        return Ok(Vec::new());
    }
    let update = sqlx::query_scalar!(
        "update users set trust = trust_of(id) where id = any($1) and trust <> trust_of(id) returning id",
        &users,
    );
    let changed = bounded(update.fetch_all(&mut **tx)).await?;
    for user in &changed {
        copies_are_old(tx, Id::from_raw(*user)).await?;
    }
    Ok(changed.into_iter().map(Id::from_raw).collect())
}

/// Those below the trust of a new user whose last strike, and last step back, is a week ago: one more step for each.
pub async fn due_steps(conn: &mut PgConnection, now: Time, limit: i64) -> Result<Vec<Entry>> {
    let users = sqlx::query_scalar!(
        "select id from users u
         where trust < $1 and erased_at is null and not exists (
             select from trust_entries t where t.user_id = u.id and (t.points < 0 or t.kind = 'week') and t.at > $2
         )
         order by id limit $3",
        FIRST_TRUST,
        now - STEP,
        limit,
    );
    let users = bounded(users.fetch_all(conn)).await?.into_iter();
    let step = |user| Entry { user_id: Id::from_raw(user), kind: TrustKind::Week, source_id: week(now), at: now };
    Ok(users.map(step).collect())
}

/// Name or trust of a user has changed, and stands on parties of his as it was.
pub async fn copies_are_old(conn: &mut PgConnection, user: Id<User>) -> Result<()> {
    let mark = sqlx::query!(
        "insert into host_copies (user_id, version) values ($1, 1)
         on conflict (user_id) do update set version = host_copies.version + 1",
        user.raw(),
    );
    bounded(mark.execute(conn)).await?;
    Ok(())
}

/// A host whose parties show him as he was.
pub struct OldCopies {
    pub user_id: Id<User>,
    pub version: i64,
    pub nickname: String,
    pub trust: i16,
    pub erased: bool,
    /// Those that he hosts, and those that he has hosted.
    pub parties: Vec<Id<Party>>,
}

pub async fn old_copies(conn: &mut PgConnection, user: Option<Id<User>>, limit: i64) -> Result<Vec<OldCopies>> {
    let rows = sqlx::query!(
        r#"
        select c.user_id, c.version, u.nickname, u.trust, u.erased_at is not null as "erased!",
            array(
                select party_id from hosting where user_id = c.user_id
                union
                select party_id from my_parties
                where user_id = c.user_id and summary ->> 'role' = 'host'
                    and (u.erased_at is not null or state not in ('completed', 'cancelled'))
            ) as "parties!"
        from host_copies c join users u on u.id = c.user_id
        where $2::bigint is null or c.user_id = $2
        order by c.user_id limit $1
        "#,
        limit,
        user.map(Id::raw),
    );
    let rows = bounded(rows.fetch_all(conn)).await?.into_iter().map(|row| OldCopies {
        user_id: Id::from_raw(row.user_id),
        version: row.version,
        nickname: row.nickname,
        trust: row.trust,
        erased: row.erased,
        parties: row.parties.into_iter().map(Id::from_raw).collect(),
    });
    Ok(rows.collect())
}

/// Unless they have become old again meanwhile.
pub async fn copies_are_new(conn: &mut PgConnection, old: &OldCopies) -> Result<()> {
    let done =
        sqlx::query!("delete from host_copies where user_id = $1 and version = $2", old.user_id.raw(), old.version);
    bounded(done.execute(conn)).await?;
    Ok(())
}

/// On a party database: shows the host of a party as he is, without a new version of it, as with an area's name. An account
/// of one who is erased goes too.
pub async fn show_host(conn: &mut PgConnection, party: Id<Party>, host: &OldCopies) -> Result<()> {
    let update = sqlx::query!(
        r#"
        with fence as materialized (select shard_fence((($1::bigint >> 10) & 8191)::int))
        update parties p set host_nickname = $3, host_trust = $4,
            sealed_account = case when $5 then null else sealed_account end
        from fence where p.id = $1 and p.host_id = $2
        "#,
        party.raw(),
        host.user_id.raw(),
        host.nickname,
        host.trust,
        host.erased,
    );
    update.execute(conn).await?;
    Ok(())
}
