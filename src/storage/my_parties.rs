//! The list of a user's own parties: copies in the main database, written from the outboxes.

use sqlx::PgConnection;
use sqlx::types::Json;

use crate::domain::Time;
use crate::domain::error::{Code, Error, Result};
use crate::domain::id::Id;
use crate::domain::listing::{Role, Summary};
use crate::domain::order::OrderState;
use crate::domain::party::{Party, State};
use crate::domain::terms::Store;
use crate::domain::user::User;

/// What one person has to see of a party, and of which version that is.
pub struct Copy {
    pub user: Id<User>,
    pub version: i64,
    pub ended: bool,
    pub summary: Summary,
}

/// From a party database: the copies of some parties for everyone who has or had an order in them, the newest order counting.
pub async fn of(conn: &mut PgConnection, parties: &[Id<Party>]) -> Result<Vec<Copy>> {
    let parties: Vec<i64> = parties.iter().map(|party| party.raw()).collect();
    let rows = sqlx::query!(
        r#"
        select distinct on (o.party_id, o.user_id)
            o.user_id, o.id as order_id, o.state as order_state, p.id as party_id, p.version, p.host_id, p.title,
            p.store as "store: Json<Store>", p.state, p.seats_taken, p.capacity, p.deadline_at, p.created_at,
            p.ended_at is not null as "ended!"
        from parties p join orders o on o.party_id = p.id
        where p.id = any($1)
        order by o.party_id, o.user_id, o.id desc
        "#,
        &parties,
    );
    let unknown = || Error::internal(Code::Internal, "a party's row holds an unknown word");
    let rows = rows.fetch_all(conn).await?.into_iter();
    let copies = rows.map(|row| {
        let summary = Summary {
            party_id: Id::from_raw(row.party_id),
            title: row.title,
            store: row.store.0,
            state: State::from_word(&row.state).ok_or_else(unknown)?,
            role: if row.user_id == row.host_id { Role::Host } else { Role::Guest },
            order_id: Id::from_raw(row.order_id),
            order_state: OrderState::from_word(&row.order_state).ok_or_else(unknown)?,
            seats_taken: row.seats_taken,
            capacity: row.capacity,
            deadline_at: row.deadline_at,
            created_at: row.created_at,
        };
        Ok(Copy { user: Id::from_raw(row.user_id), version: row.version, ended: row.ended, summary })
    });
    copies.collect()
}

/// Into the main database. Older versions change nothing, however late they come. Rows are written in one order, so that two
/// who write at once do not wait for each other in a circle.
pub async fn save(conn: &mut PgConnection, copies: &[Copy]) -> Result<()> {
    let users: Vec<i64> = copies.iter().map(|copy| copy.user.raw()).collect();
    let parties: Vec<i64> = copies.iter().map(|copy| copy.summary.party_id.raw()).collect();
    let versions: Vec<i64> = copies.iter().map(|copy| copy.version).collect();
    let live: Vec<bool> = copies.iter().map(|copy| copy.summary.order_state.is_live()).collect();
    let states: Vec<String> = copies.iter().map(|copy| copy.summary.state.word().to_owned()).collect();
    let documents: Vec<Json<&Summary>> = copies.iter().map(|copy| Json(&copy.summary)).collect();
    sqlx::query!(
        r#"
        insert into my_parties (user_id, party_id, version, live, state, summary)
        select u.id, x.party_id, x.version, x.live, x.state, x.summary
        from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::boolean[], $5::text[], $6::jsonb[])
            as x (user_id, party_id, version, live, state, summary)
        join users u on u.id = x.user_id
        where not exists (select from erasures e where e.user_id = u.id and e.next_at is null)
        order by u.id, x.party_id
        on conflict (user_id, party_id) do update set
            version = excluded.version, live = excluded.live, state = excluded.state, summary = excluded.summary
        where my_parties.version < excluded.version
        "#,
        &users,
        &parties,
        &versions,
        &live,
        &states,
        &documents as _,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Newest first, from below the cursor on.
pub async fn list(
    conn: &mut PgConnection,
    user: Id<User>,
    state: Option<State>,
    before: Option<Id<Party>>,
    limit: i64,
) -> Result<Vec<Summary>> {
    let rows = sqlx::query_scalar!(
        r#"
        select summary as "summary: Json<Summary>" from my_parties
        where user_id = $1 and ($2::text is null or state = $2) and ($3::bigint is null or party_id < $3)
        order by party_id desc limit $4
        "#,
        user.raw(),
        state.map(State::word),
        before.map(Id::raw),
        limit,
    );
    Ok(rows.fetch_all(conn).await?.into_iter().map(|Json(summary)| summary).collect())
}

/// Seats in parties that are open and can be joined, of the newest first; in no index.
pub async fn open_seats(conn: &mut PgConnection, now: Time, limit: i64) -> Result<Vec<(Id<User>, Summary)>> {
    let rows = sqlx::query!(
        r#"
        select user_id, summary as "summary: Json<Summary>" from my_parties
        where state = 'open' and live and (summary ->> 'deadline_at')::timestamptz > $1
        order by party_id desc limit $2
        "#,
        now,
        limit,
    );
    Ok(rows.fetch_all(conn).await?.into_iter().map(|row| (Id::from_raw(row.user_id), row.summary.0)).collect())
}
