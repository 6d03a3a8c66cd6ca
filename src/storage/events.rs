//! What happens in parties, step by step, for those who follow it; the steps are the outbox's rows and the messages.

use sqlx::PgConnection;
use sqlx::types::Json;

use crate::domain::Time;
use crate::domain::error::{Code, Error, Result};
use crate::domain::event::{Event, Step, What};
use crate::domain::id::Id;
use crate::domain::message::Message;
use crate::domain::party::Party;
use crate::domain::user::User;

/// How somebody stands to what happens in a party.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    pub host_id: Id<User>,
    /// The newest step.
    pub last_seq: i64,
    /// As `Party::is_member`.
    pub is_member: bool,
    /// The step with which his present membership began; 0 of the host.
    pub since: i64,
}

pub async fn standing(conn: &mut PgConnection, party: Id<Party>, user: Id<User>) -> Result<Option<Standing>> {
    let row = sqlx::query!(
        r#"
        select
            p.host_id, coalesce(p.last_seq, 0) as "last_seq!",
            exists (
                select from orders o
                where o.party_id = p.id and o.user_id = $2 and o.joined_at is not null
                    and o.state in ('joined', 'confirmed', 'picked_up', 'no_show', 'cancelled')
            ) as "is_member!",
            coalesce((
                select max(o.seq) from outbox o cross join jsonb_array_elements(o.events) e
                where o.party_id = p.id and e ->> 'kind' = 'joined' and (e ->> 'user_id')::bigint = $2
            ), 0) as "since!"
        from parties p where p.id = $1
        "#,
        party.raw(),
        user.raw(),
    );
    let row = row.fetch_optional(conn).await?;
    Ok(row.map(|row| Standing {
        host_id: Id::from_raw(row.host_id),
        last_seq: row.last_seq,
        is_member: row.is_member,
        since: row.since,
    }))
}

/// A party with somebody who follows it.
pub struct Watched {
    pub party_id: Id<Party>,
    pub last_seq: i64,
    /// Everyone who may follow it.
    pub members: Vec<Id<User>>,
}

/// Those of these parties that live here.
pub async fn watched(conn: &mut PgConnection, parties: &[Id<Party>]) -> Result<Vec<Watched>> {
    let parties: Vec<i64> = parties.iter().map(|party| party.raw()).collect();
    let rows = sqlx::query!(
        r#"
        select
            p.id, coalesce(p.last_seq, 0) as "last_seq!",
            array(
                select o.user_id from orders o
                where o.party_id = p.id and o.joined_at is not null
                    and o.state in ('joined', 'confirmed', 'picked_up', 'no_show', 'cancelled')
            ) as "members!"
        from parties p where p.id = any ($1)
        "#,
        &parties,
    );
    let watched = rows.fetch_all(conn).await?.into_iter().map(|row| Watched {
        party_id: Id::from_raw(row.id),
        last_seq: row.last_seq,
        members: row.members.into_iter().map(Id::from_raw).collect(),
    });
    Ok(watched.collect())
}

/// The steps of each party after the one that is named with it, in order, at most `limit` of each party.
pub async fn after(conn: &mut PgConnection, from: &[(Id<Party>, i64)], limit: i64) -> Result<Vec<Step>> {
    let (parties, seqs): (Vec<i64>, Vec<i64>) = from.iter().map(|(party, seq)| (party.raw(), *seq)).unzip();
    let rows = sqlx::query!(
        r#"
        select w.party_id as "party_id!", x.seq as "seq!", x.at as "at!", x.version, x.events as "events: Json<Vec<Event>>",
            x.id, x.user_id, x.text, x.client_key
        from unnest($1::bigint[], $2::bigint[]) as w (party_id, seq)
        cross join lateral (
            (
                select
                    o.seq, o.created_at as at, o.version, o.events, null::bigint as id, null::bigint as user_id,
                    null::text as text, null::text as client_key
                from outbox o where o.party_id = w.party_id and o.seq > w.seq order by o.seq limit $3
            )
            union all
            (
                select m.seq, m.created_at, null, null, m.id, m.user_id, m.text, m.client_key
                from messages m where m.party_id = w.party_id and m.seq > w.seq order by m.seq limit $3
            )
            order by seq limit $3
        ) x
        order by 1, 2
        "#,
        &parties,
        &seqs,
        limit,
    );
    let steps = rows.fetch_all(conn).await?.into_iter().map(|row| {
        let party_id = Id::from_raw(row.party_id);
        let changed = row.version.zip(row.events);
        let said = row.id.zip(row.user_id).zip(row.text.zip(row.client_key));
        let what = match (changed, said) {
            (Some((version, Json(events))), _) => What::Changed { version, events },
            (None, Some(((id, user_id), (text, client_key)))) => What::Said(Message {
                id: Id::from_raw(id),
                party_id,
                seq: row.seq,
                user_id: Id::from_raw(user_id),
                text,
                client_key,
                created_at: row.at,
            }),
            (None, None) => return Err(Error::internal(Code::Internal, "a step that is nothing")),
        };
        let at: Time = row.at;
        Ok(Step { party_id, seq: row.seq, at, what })
    });
    steps.collect()
}
