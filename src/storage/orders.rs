//! Taking a seat: one statement that commits itself, so that ten thousand who want the last seat cost one row lock each.

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::types::Json;

use crate::domain::Time;
use crate::domain::error::Result;
use crate::domain::event::{Event, EventKind};
use crate::domain::id::Id;
use crate::domain::item::{self, Item};
use crate::domain::order::Order;
use crate::domain::party::{Join, MAX_EXPIRED_HOLDS, Party};
use crate::domain::payment::{self, Payment};
use crate::storage::idempotency::Key;

/// A seat that was taken, as it was at that moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Seat {
    pub order: Order,
    pub payment: Option<Payment>,
    /// The store's name, as the provider's window shows it.
    pub order_name: String,
}

/// A seat that was taken just now.
pub struct Taken {
    pub seat: Seat,
    /// The party has all it was waiting for, and locks itself.
    pub lock: bool,
}

/// Takes a seat if state, deadline, free seats, blocks and the user's own past allow it; none if it changes no row, and then
/// `Party::may_join` says why.
pub async fn join(
    conn: &mut PgConnection,
    party: Id<Party>,
    join: &Join,
    ids: (Id<Order>, Id<Payment>),
    key: &Key<'_>,
    now: Time,
) -> Result<Option<Taken>> {
    let (order, payment) = ids;
    let blocked: Vec<i64> = join.blocked.iter().map(|user| user.raw()).collect();
    let told = |kind| Json(vec![Event { kind, order_id: Some(order), user_id: Some(join.user_id), amount_krw: None }]);
    let taken = sqlx::query!(
        r#"
        with fence as materialized (select $2::bigint as party from shard_fence($1)),
        -- All that it demands and promises is of the row that it has locked: whoever waited for an edit sees the new terms.
        seat as (
            update parties p set
                version = p.version + 1,
                last_seq = coalesce(p.last_seq, 0) + 1,
                seats_taken = p.seats_taken + 1,
                member_ids = p.member_ids || $3::bigint,
                member_count = p.member_count + case when p.settlement = 'prepaid' then 0 else 1 end,
                food_total_krw = p.food_total_krw + case when p.settlement = 'prepaid' then 0 else $6 end,
                due_at = case
                    when p.settlement = 'prepaid' then least(p.due_at, $8)
                    when p.auto_lock and p.member_count + 1 >= p.min_members and p.food_total_krw + $6 >= p.min_order_krw
                        then $7
                    else p.due_at
                end
            from fence
            where p.id = fence.party and p.state = 'open' and p.deadline_at > $7 and p.seats_taken < p.capacity
                and $3 <> all (p.member_ids) and $3 <> all (p.kicked_ids) and not p.member_ids && $4
                and (
                    p.settlement <> 'prepaid'
                    or $6 + coalesce(p.fee_cap_krw, p.fee_max_krw * $6 / greatest(p.min_order_krw, $6)) >= $15
                )
                and $16 > (
                    select count(*) from orders o where o.party_id = $2 and o.user_id = $3 and o.state = 'expired'
                )
                and not exists (
                    select from idempotency i
                    where i.party_id = $2 and i.user_id = $3 and i.route = $11 and i.key = $12
                )
            returning
                p.id, p.version, p.last_seq, p.settlement = 'prepaid' as prepaid, p.store ->> 'name' as order_name,
                coalesce(p.fee_cap_krw, p.fee_max_krw * $6 / greatest(p.min_order_krw, $6)) as cap, p.due_at <= $7 as lock
        ),
        seated as (
            insert into orders (
                id, party_id, user_id, state, version, items, food_krw, fee_cap_krw, held_until, joined_at, created_at
            )
            select
                $5, id, $3, case when prepaid then 'held' else 'joined' end, version, $9, $6, cap,
                case when prepaid then $8 end, case when prepaid then null else $7 end, $7
            from seat
            returning *
        ),
        to_pay as (
            insert into payments (
                id, party_id, order_id, kind, state, amount_krw, captured_krw, attempt, tries, expires_at, checks
            )
            select $10, id, $5, 'join', 'ready', $6 + cap, 0, 1, 0, $8, 0 from seat where prepaid
            returning *
        ),
        told as (
            insert into outbox (party_id, version, seq, events, created_at)
            select id, version, last_seq, case when prepaid then $13::jsonb else $14::jsonb end, $7 from seat
        ),
        answer as (
            select json_build_object(
                'order', (select row_to_json(seated) from seated), 'payment', (select row_to_json(to_pay) from to_pay),
                'order_name', (select order_name from seat)
            ) as seat
        ),
        kept as (
            insert into idempotency (party_id, user_id, route, key, fingerprint, answer, created_at)
            select seat.id, $3, $11, $12, $17, answer.seat, $7 from seat, answer
        )
        select answer.seat as "seat!: Json<Seat>", coalesce(seat.lock, false) as "lock!" from seat, answer
        "#,
        i32::from(party.shard().number()),
        party.raw(),
        join.user_id.raw(),
        &blocked,
        order.raw(),
        item::food(&join.items).get(),
        now,
        now + payment::TIME_TO_PAY,
        Json(&join.items) as Json<&Vec<Item>>,
        payment.raw(),
        key.route,
        key.key,
        told(EventKind::SeatHeld) as _,
        told(EventKind::Joined) as _,
        payment::MIN_AMOUNT.get(),
        i64::try_from(MAX_EXPIRED_HOLDS).unwrap_or(i64::MAX),
        key.fingerprint,
    );
    let taken = taken.fetch_optional(conn).await?;
    Ok(taken.map(|row| Taken { seat: row.seat.0, lock: row.lock }))
}

impl Seat {
    /// The order with its payment, as clients see it.
    pub fn into_order(self) -> Order {
        let Self { mut order, payment, .. } = self;
        order.payments.extend(payment);
        order
    }
}
