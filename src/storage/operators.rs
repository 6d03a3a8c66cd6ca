//! What waits for an operator on a party database.

use sqlx::PgConnection;

use crate::domain::Time;
use crate::domain::dispute::{Dispute, DisputeKind, Payout};
use crate::domain::error::{Code, Error, Result};
use crate::domain::id::Id;
use crate::domain::order::Order;
use crate::domain::party::Party;
use crate::domain::payment::Payment;
use crate::domain::user::User;

/// A dispute that nobody has decided.
pub struct OpenDispute {
    pub id: Id<Dispute>,
    pub party_id: Id<Party>,
    pub order_id: Id<Order>,
    pub kind: DisputeKind,
    pub note: Option<String>,
    pub asked_krw: Option<i64>,
    pub frozen_krw: i64,
    pub opened_at: Time,
}

/// In the order of their ids, which is that of time.
pub async fn disputes(conn: &mut PgConnection, after: i64, limit: i64) -> Result<Vec<OpenDispute>> {
    let rows = sqlx::query!(
        "select id, party_id, order_id, kind, note, amount_krw, frozen_krw, opened_at from disputes
         where state = 'open' and id > $1 order by id limit $2",
        after,
        limit,
    );
    let unknown = || Error::internal(Code::Internal, "a dispute is of an unknown kind");
    let mut open = Vec::new();
    for row in rows.fetch_all(conn).await? {
        open.push(OpenDispute {
            id: Id::from_raw(row.id),
            party_id: Id::from_raw(row.party_id),
            order_id: Id::from_raw(row.order_id),
            kind: DisputeKind::from_word(&row.kind).ok_or_else(unknown)?,
            note: row.note,
            asked_krw: row.amount_krw,
            frozen_krw: row.frozen_krw,
            opened_at: row.opened_at,
        });
    }
    Ok(open)
}

/// The order that a dispute is about.
pub async fn disputed(conn: &mut PgConnection, id: Id<Dispute>) -> Result<Option<Id<Order>>> {
    let order = sqlx::query_scalar!("select order_id from disputes where id = $1", id.raw());
    Ok(order.fetch_optional(conn).await?.map(Id::from_raw))
}

/// The party that a payout is of.
pub async fn paying(conn: &mut PgConnection, id: Id<Payout>) -> Result<Option<Id<Party>>> {
    let party = sqlx::query_scalar!("select party_id from payouts where id = $1", id.raw());
    Ok(party.fetch_optional(conn).await?.map(Id::from_raw))
}

/// A payout that has not been made.
pub struct UnpaidPayout {
    pub id: Id<Payout>,
    pub party_id: Id<Party>,
    pub host_id: Id<User>,
    pub amount_krw: i64,
    pub due_at: Time,
    /// Disputes that are open in the party.
    pub disputes: i64,
}

pub async fn payouts(conn: &mut PgConnection, after: i64, limit: i64) -> Result<Vec<UnpaidPayout>> {
    let rows = sqlx::query!(
        r#"
        select p.id, p.party_id, parties.host_id, p.amount_krw, p.due_at,
            (select count(*) from disputes d where d.party_id = p.party_id and d.state = 'open') as "disputes!"
        from payouts p join parties on parties.id = p.party_id
        where p.paid_at is null and p.amount_krw > 0 and p.id > $1
        order by p.id limit $2
        "#,
        after,
        limit,
    );
    let unpaid = rows.fetch_all(conn).await?.into_iter().map(|row| UnpaidPayout {
        id: Id::from_raw(row.id),
        party_id: Id::from_raw(row.party_id),
        host_id: Id::from_raw(row.host_id),
        amount_krw: row.amount_krw,
        due_at: row.due_at,
        disputes: row.disputes,
    });
    Ok(unpaid.collect())
}

/// A payment, or a refund of it, that a person has to look at.
pub struct Review {
    pub payment_id: Id<Payment>,
    pub party_id: Id<Party>,
    pub state: String,
    pub captured_krw: i64,
    /// What the provider refuses to give back.
    pub refused_krw: i64,
}

pub async fn reviews(conn: &mut PgConnection) -> Result<Vec<Review>> {
    let rows = sqlx::query!(
        r#"
        select p.id, p.party_id, p.state, p.captured_krw, coalesce(sum(r.amount_krw), 0)::bigint as "refused!"
        from payments p left join refunds r on r.payment_id = p.id and r.state = 'review'
        where p.state = 'review' or r.id is not null
        group by p.id
        order by p.id
        "#,
    );
    let reviews = rows.fetch_all(conn).await?.into_iter().map(|row| Review {
        payment_id: Id::from_raw(row.id),
        party_id: Id::from_raw(row.party_id),
        state: row.state,
        captured_krw: row.captured_krw,
        refused_krw: row.refused,
    });
    Ok(reviews.collect())
}
