//! Users who have asked to be erased: the mark, the erasing in the main database, and what is still to be done after it.

use sqlx::PgConnection;

use crate::domain::Time;
use crate::domain::error::{Code, Result};
use crate::domain::id::Id;
use crate::domain::party::Party;
use crate::domain::user::User;
use crate::storage::{bounded, invitations, location_uses, tx::Tx};

/// How far an erasure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    There,
    Erased,
}

/// Marks the user, who joins and hosts nothing from now on; the job looks at it at `next_at`. Waits for what he begins just now.
pub async fn ask(tx: &mut Tx, user: Id<User>, now: Time, next_at: Time) -> Result<Standing> {
    let row = sqlx::query!("select erased_at from users where id = $1 for update", user.raw());
    let row = bounded(row.fetch_optional(&mut **tx)).await?.ok_or(Code::Unauthenticated)?;
    if row.erased_at.is_some() {
        return Ok(Standing::Erased);
    }
    let mark = sqlx::query!(
        "insert into erasures (user_id, asked_at, next_at) values ($1, $2, $3)
         on conflict (user_id) do update set next_at = excluded.next_at",
        user.raw(),
        now,
        next_at,
    );
    bounded(mark.execute(&mut **tx)).await?;
    Ok(Standing::There)
}

/// Whether he has asked for it.
pub async fn is_asked(conn: &mut PgConnection, user: Id<User>) -> Result<bool> {
    let there =
        sqlx::query_scalar!(r#"select exists (select from erasures where user_id = $1) as "there!""#, user.raw());
    bounded(there.fetch_one(conn)).await
}

/// It cannot be done now.
pub async fn take_back(conn: &mut PgConnection, user: Id<User>) -> Result<()> {
    let delete = sqlx::query!(
        "delete from erasures where user_id = $1
             and exists (select from users where id = $1 and erased_at is null)",
        user.raw(),
    );
    bounded(delete.execute(conn)).await?;
    Ok(())
}

/// In the main database: parties that he is in and that are not over.
pub async fn going_on(conn: &mut PgConnection, user: Id<User>) -> Result<Vec<Id<Party>>> {
    let ids = sqlx::query_scalar!(
        r#"select party_id as "id!" from my_parties
           where user_id = $1 and state in ('open', 'locked', 'placed', 'arrived')
           union select party_id from hosting where user_id = $1"#,
        user.raw(),
    );
    Ok(bounded(ids.fetch_all(conn)).await?.into_iter().map(Id::from_raw).collect())
}

/// On a party database: parties of his with news that the main database has not heard, with money for him as their host, or
/// with a complaint of his that nobody has decided.
pub async fn unsettled(conn: &mut PgConnection, user: Id<User>) -> Result<Vec<Id<Party>>> {
    let ids = sqlx::query_scalar!(
        r#"select o.party_id as "id!" from outbox b join orders o on o.party_id = b.party_id
           where b.relayed_at is null and o.user_id = $1
           union
           select p.party_id from payouts p join parties on parties.id = p.party_id
           where p.paid_at is null and p.amount_krw > 0 and parties.host_id = $1
           union
           select d.party_id from disputes d join orders o on o.id = d.order_id
           where d.state = 'open' and o.user_id = $1"#,
        user.raw(),
    );
    Ok(bounded(ids.fetch_all(conn)).await?.into_iter().map(Id::from_raw).collect())
}

/// On a party database: whether the main database has not heard all of his parties.
pub async fn has_news(conn: &mut PgConnection, user: Id<User>) -> Result<bool> {
    let there = sqlx::query_scalar!(
        r#"select exists (
               select from outbox b join orders o on o.party_id = b.party_id
               where b.relayed_at is null and o.user_id = $1
           ) as "there!""#,
        user.raw(),
    );
    bounded(there.fetch_one(conn)).await
}

/// Takes everything away that tells who he is, in the main database; what is left is a number with a name that is nobody's.
/// Says whose blocks have changed.
pub async fn erase(
    tx: &mut Tx,
    user: Id<User>,
    nickname: &str,
    token: uuid::Uuid,
    now: Time,
    real: Time,
) -> Result<Vec<Id<User>>> {
    let id = user.raw();
    let grants = sqlx::query!(
        "update erasures set next_at = $2, grants = grants || array(
             select grant_sealed from identities where user_id = $1 and grant_sealed is not null
         ) where user_id = $1",
        id,
        now,
    );
    bounded(grants.execute(&mut **tx)).await?;
    bounded(sqlx::query!("delete from identities where user_id = $1", id).execute(&mut **tx)).await?;
    let ended = sqlx::query!(
        "insert into ended_sessions (session_id, ended_at) select id, $2 from sessions where user_id = $1
         on conflict do nothing",
        id,
        real,
    );
    bounded(ended.execute(&mut **tx)).await?;
    // And with them his phones.
    bounded(sqlx::query!("delete from sessions where user_id = $1", id).execute(&mut **tx)).await?;
    bounded(sqlx::query!("delete from preferences where user_id = $1", id).execute(&mut **tx)).await?;
    bounded(sqlx::query!("delete from pushes where user_id = $1", id).execute(&mut **tx)).await?;
    let apart = sqlx::query_scalar!(
        r#"with gone as (delete from blocks where user_id = $1 or blocked_id = $1 returning user_id, blocked_id)
           select distinct case user_id when $1 then blocked_id else user_id end as "id!" from gone"#,
        id,
    );
    let apart = bounded(apart.fetch_all(&mut **tx)).await?;
    location_uses::forget(&mut *tx, user).await?;
    invitations::forget(&mut *tx, user).await?;
    bounded(sqlx::query!("delete from creations where user_id = $1", id).execute(&mut **tx)).await?;
    bounded(sqlx::query!("delete from operators where user_id = $1", id).execute(&mut **tx)).await?;
    bounded(sqlx::query!("update reports set note = null where reporter_id = $1", id).execute(&mut **tx)).await?;
    let profile = sqlx::query!(
        "update users set nickname = $2, app_account_token = $3, erased_at = $4 where id = $1 and erased_at is null",
        id,
        nickname,
        token,
        now,
    );
    bounded(profile.execute(&mut **tx)).await?;
    Ok(apart.into_iter().map(Id::from_raw).collect())
}

/// One that the job has to look at.
pub struct Due {
    pub user_id: Id<User>,
    pub erased: bool,
    /// What is to be withdrawn at the provider, encrypted.
    pub grants: Vec<String>,
}

/// Leases those that are due: each next time is later, up to every six hours.
pub async fn due(conn: &mut PgConnection, now: Time, limit: i64) -> Result<Vec<Due>> {
    let rows = sqlx::query!(
        r#"
        with due as (
            select user_id from erasures where next_at <= $1 order by next_at limit $2 for update skip locked
        )
        update erasures e
        set next_at = $1 + least(make_interval(secs => 10 * power(2, least(e.tries, 12))), interval '6 hours'), tries = e.tries + 1
        from due, users u
        where e.user_id = due.user_id and u.id = e.user_id
        returning e.user_id, e.grants, u.erased_at is not null as "erased!"
        "#,
        now,
        limit,
    );
    let due = bounded(rows.fetch_all(conn)).await?.into_iter().map(|row| Due {
        user_id: Id::from_raw(row.user_id),
        erased: row.erased,
        grants: row.grants,
    });
    Ok(due.collect())
}

/// This one is withdrawn.
pub async fn withdrawn(conn: &mut PgConnection, user: Id<User>, grant: &str) -> Result<()> {
    let update =
        sqlx::query!("update erasures set grants = array_remove(grants, $2) where user_id = $1", user.raw(), grant);
    bounded(update.execute(conn)).await?;
    Ok(())
}

/// All is done.
pub async fn finish(tx: &mut Tx, user: Id<User>) -> Result<()> {
    bounded(sqlx::query!("delete from my_parties where user_id = $1", user.raw()).execute(&mut **tx)).await?;
    // What another process had noted of him still.
    location_uses::forget(&mut *tx, user).await?;
    let done = sqlx::query!("update erasures set next_at = null where user_id = $1", user.raw());
    bounded(done.execute(&mut **tx)).await?;
    Ok(())
}
