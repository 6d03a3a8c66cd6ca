//! A party as one whole: loaded with one statement, locked for its command, saved with one statement.

use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::PgConnection;
use sqlx::types::Json;

use crate::domain::dispute::{Dispute, Payout};
use crate::domain::error::{Code, Error, Result};
use crate::domain::event::Event;
use crate::domain::id::Id;
use crate::domain::ledger::Entry;
use crate::domain::order::{Order, OrderState};
use crate::domain::party::Party;
use crate::domain::payment::Payment;
use crate::domain::refund::Refund;
use crate::domain::{At, Time};
use crate::storage::idempotency::Key;

/// A party's rows, as the database's functions put them together.
#[derive(Deserialize)]
pub struct Document {
    party: Party,
    orders: Vec<Order>,
    payments: Vec<Payment>,
    refunds: Vec<Refund>,
    disputes: Vec<Dispute>,
    payouts: Vec<Payout>,
}

impl Document {
    pub fn assemble(self) -> Party {
        let Self { mut party, mut orders, mut payments, refunds, disputes, payouts } = self;
        for refund in refunds {
            if let Some(payment) = payments.iter_mut().find(|payment| payment.id == refund.payment_id) {
                payment.refunds.push(refund);
            }
        }
        for payment in payments {
            if let Some(order) = orders.iter_mut().find(|order| order.id == payment.order_id) {
                order.payments.push(payment);
            }
        }
        for dispute in disputes {
            if let Some(order) = orders.iter_mut().find(|order| order.id == dispute.order_id) {
                order.dispute = Some(dispute);
            }
        }
        party.orders = orders;
        party.payouts = payouts;
        party
    }
}

/// A party as it was loaded, and as the command has left it.
pub struct Locked {
    before: Party,
    pub party: Party,
}

/// The party, for a look.
pub async fn find(conn: &mut PgConnection, id: Id<Party>) -> Result<Option<Party>> {
    let document = sqlx::query_scalar!(r#"select party_document($1) as "document: Json<Document>""#, id.raw())
        .fetch_one(conn)
        .await?;
    Ok(document.map(|Json(document)| document.assemble()))
}

/// Parties, for a look.
pub async fn find_all(conn: &mut PgConnection, ids: &[Id<Party>]) -> Result<Vec<Party>> {
    let ids: Vec<i64> = ids.iter().map(|id| id.raw()).collect();
    let documents = sqlx::query_scalar!(
        r#"select party_document(id) as "document: Json<Document>" from unnest($1::bigint[]) as x (id)"#,
        &ids,
    );
    let documents = documents.fetch_all(conn).await?.into_iter().flatten();
    Ok(documents.map(|Json(document)| document.assemble()).collect())
}

/// The party, for a command: nobody else changes it until the transaction ends. Takes the shard's fence.
pub async fn lock(conn: &mut PgConnection, id: Id<Party>) -> Result<Locked> {
    let document =
        sqlx::query_scalar!(r#"select lock_party($1) as "document: Json<Document>""#, id.raw()).fetch_one(conn).await?;
    let Json(document) = document.ok_or(Code::NotFound)?;
    let party = document.assemble();
    Ok(Locked { before: party.clone(), party })
}

/// Which party an order is of.
pub async fn of_order(conn: &mut PgConnection, id: Id<Order>) -> Result<Option<Id<Party>>> {
    let party = sqlx::query_scalar!("select party_id from orders where id = $1", id.raw());
    Ok(party.fetch_optional(conn).await?.map(Id::from_raw))
}

/// Which party a payment is of.
pub async fn of_payment(conn: &mut PgConnection, id: Id<Payment>) -> Result<Option<Id<Party>>> {
    let party = sqlx::query_scalar!("select party_id from payments where id = $1", id.raw());
    Ok(party.fetch_optional(conn).await?.map(Id::from_raw))
}

/// Parties that live here and that the system has something to do with.
pub async fn due(conn: &mut PgConnection, now: Time, limit: i64) -> Result<Vec<Id<Party>>> {
    let ids = sqlx::query_scalar!(
        r#"
        select id from parties
        where due_at <= $1
            and exists (select from shard_owner o where o.shard = (id >> 10) & 8191 and o.state = 'active')
        order by due_at limit $2
        "#,
        now,
        limit,
    );
    Ok(ids.fetch_all(conn).await?.into_iter().map(Id::from_raw).collect())
}

/// Writes when the system has to look at a party again.
pub async fn set_due(conn: &mut PgConnection, party: &Party) -> Result<()> {
    sqlx::query!("update parties set due_at = $2 where id = $1", party.id.raw(), party.due_at()).execute(conn).await?;
    Ok(())
}

/// Writes a new party, and the answer to the command that made it; false if it is there already, because an earlier try got
/// this far.
pub async fn insert(conn: &mut PgConnection, party: &Party, key: &Key<'_>, now: Time) -> Result<bool> {
    let party_row = row(party)?;
    let order_rows = party.orders.iter().map(|order| order_row(party, order)).collect::<Result<Vec<_>>>()?;
    let answer = json!({
        "party": party_row, "orders": order_rows, "payments": [], "refunds": [], "disputes": [], "payouts": [],
    });
    let inserted = sqlx::query_scalar!(
        r#"
        with fence as materialized (select shard_fence($5)),
        party as (
            insert into parties select p.* from fence, jsonb_populate_record(null::parties, $1) p
            on conflict (id) do nothing
            returning id
        ),
        placed as (
            insert into orders select o.* from party, jsonb_populate_recordset(null::orders, $2) o
        ),
        told as (
            insert into outbox (party_id, version, seq, events, created_at) select id, 1, 1, $3, $4 from party
        ),
        kept as (
            insert into idempotency (party_id, user_id, route, key, fingerprint, answer, created_at)
            select id, $6, $7, $8, $9, $10, $4 from party
        )
        select id from party
        "#,
        party_row,
        Value::Array(order_rows),
        Json(&party.news.events) as Json<&Vec<Event>>,
        now,
        i32::from(party.id.shard().number()),
        party.host_id.raw(),
        key.route,
        key.key,
        key.fingerprint,
        answer,
    );
    Ok(inserted.fetch_optional(conn).await?.is_some())
}

/// Writes what a command has changed; false if that is nothing.
pub async fn save(conn: &mut PgConnection, locked: &mut Locked, at: &At<'_>) -> Result<bool> {
    let Locked { before, party } = locked;
    if party == before {
        return Ok(false);
    }
    let version = party.version;
    party.version += 1;
    for order in &mut party.orders {
        if before.orders.iter().find(|old| old.id == order.id) != Some(order) {
            order.version = party.version;
        }
    }
    let news = std::mem::take(&mut party.news);
    let ledger = legs(party, &news.entries, at)?;
    let changed = Changed::between(before, party)?;
    let saved = sqlx::query_scalar!(
        r#"
        with saved as (
            update parties set (
                version, host_nickname, host_trust, state, title, store, category, pickup, min_members, capacity,
                deadline_at, latest_deadline_at, auto_lock, min_order_krw, fee_tiers, discount_krw, split, sealed_account, quote, placement,
                reminders, locked_at, arrived_at, arrived_by, ended_at, cancel_reason, fee_max_krw, fee_cap_krw,
                member_ids, kicked_ids, seats_taken, member_count, food_total_krw, due_at, boosted_at, boosted_until
            ) = (
                select
                    p.version, p.host_nickname, p.host_trust, p.state, p.title, p.store, p.category, p.pickup,
                    p.min_members, p.capacity, p.deadline_at, p.latest_deadline_at, p.auto_lock, p.min_order_krw, p.fee_tiers, p.discount_krw,
                    p.split, p.sealed_account, p.quote, p.placement, p.reminders, p.locked_at, p.arrived_at,
                    p.arrived_by, p.ended_at, p.cancel_reason, p.fee_max_krw, p.fee_cap_krw, p.member_ids, p.kicked_ids,
                    p.seats_taken, p.member_count, p.food_total_krw, p.due_at, p.boosted_at, p.boosted_until
                from jsonb_populate_record(null::parties, $1) p
            ), last_seq = coalesce(last_seq, 0) + 1
            where id = $2 and version = $3
            returning id, version, last_seq
        ),
        saved_orders as (
            insert into orders select o.* from saved, jsonb_populate_recordset(null::orders, $4) o
            on conflict (id) do update set
                state = excluded.state, version = excluded.version, items = excluded.items,
                food_krw = excluded.food_krw, fee_cap_krw = excluded.fee_cap_krw, owed_krw = excluded.owed_krw,
                held_until = excluded.held_until, joined_at = excluded.joined_at, voted_at = excluded.voted_at,
                no_show_at = excluded.no_show_at, kick_reason = excluded.kick_reason, transfer_state = excluded.transfer_state,
                transfer_sent_at = excluded.transfer_sent_at, transfer_disputed_at = excluded.transfer_disputed_at
        ),
        saved_payments as (
            insert into payments select x.* from saved, jsonb_populate_recordset(null::payments, $5) x
            on conflict (id) do update set
                state = excluded.state, captured_krw = excluded.captured_krw, attempt = excluded.attempt,
                tries = excluded.tries, payment_key = excluded.payment_key, decline_code = excluded.decline_code,
                sent_at = excluded.sent_at, check_at = excluded.check_at, checks = excluded.checks,
                paid_at = excluded.paid_at
        ),
        saved_refunds as (
            insert into refunds select x.* from saved, jsonb_populate_recordset(null::refunds, $6) x
            on conflict (id) do update set
                state = excluded.state, tries = excluded.tries, send_at = excluded.send_at,
                transaction_key = excluded.transaction_key, done_at = excluded.done_at
        ),
        saved_disputes as (
            insert into disputes select x.* from saved, jsonb_populate_recordset(null::disputes, $7) x
            on conflict (id) do update set
                state = excluded.state, frozen_krw = excluded.frozen_krw, refund_krw = excluded.refund_krw,
                decision_note = excluded.decision_note, decided_at = excluded.decided_at
        ),
        saved_payouts as (
            insert into payouts select x.* from saved, jsonb_populate_recordset(null::payouts, $8) x
            on conflict (id) do update set
                amount_krw = excluded.amount_krw, paid_at = excluded.paid_at, note = excluded.note
        ),
        booked as (
            insert into ledger select x.* from saved, jsonb_populate_recordset(null::ledger, $9) x
        ),
        told as (
            insert into outbox (party_id, version, seq, events, created_at)
            select id, version, last_seq, $10, $11 from saved
        )
        select id from saved
        "#,
        row(party)?,
        party.id.raw(),
        version,
        Value::Array(changed.orders),
        Value::Array(changed.payments),
        Value::Array(changed.refunds),
        Value::Array(changed.disputes),
        Value::Array(changed.payouts),
        Value::Array(ledger),
        Json(&news.events) as Json<&Vec<Event>>,
        at.now,
    );
    match saved.fetch_optional(conn).await? {
        Some(_) => Ok(true),
        None => Err(Error::internal(Code::Internal, "a locked party was changed by somebody else")),
    }
}

/// The rows that a command has made or changed.
#[derive(Default)]
struct Changed {
    orders: Vec<Value>,
    payments: Vec<Value>,
    refunds: Vec<Value>,
    disputes: Vec<Value>,
    payouts: Vec<Value>,
}

impl Changed {
    fn between(before: &Party, after: &Party) -> Result<Self> {
        let mut changed = Self::default();
        let party_id = ("party_id", json!(after.id));
        for order in &after.orders {
            let old = before.orders.iter().find(|old| old.id == order.id);
            if old == Some(order) {
                continue;
            }
            changed.orders.push(order_row(after, order)?);
            for payment in &order.payments {
                let old = old.and_then(|old| old.payment(payment.id));
                if old == Some(payment) {
                    continue;
                }
                changed.payments.push(with(payment, [party_id.clone()])?);
                for refund in &payment.refunds {
                    if !old.is_some_and(|old| old.refunds.contains(refund)) {
                        changed.refunds.push(with(refund, [party_id.clone()])?);
                    }
                }
            }
            if let Some(dispute) = &order.dispute
                && old.and_then(|old| old.dispute.as_ref()) != Some(dispute)
            {
                changed.disputes.push(with(dispute, [party_id.clone()])?);
            }
        }
        for payout in after.payouts.iter().filter(|payout| !before.payouts.contains(payout)) {
            changed.payouts.push(with(payout, [party_id.clone()])?);
        }
        Ok(changed)
    }
}

/// The party's row: its own fields, and what is derived from them and from its orders.
fn row(party: &Party) -> Result<Value> {
    let members: Vec<_> = party.orders.iter().filter(|order| order.is_live()).map(|order| order.user_id).collect();
    let kicked = party.orders.iter().filter(|order| order.state == OrderState::Kicked);
    let centre = party.point().centre();
    let (x, y) = centre.plane();
    with(
        party,
        [
            ("category", json!(party.terms.store.category)),
            ("fee_max_krw", json!(party.terms.tariff.fee_max())),
            ("fee_cap_krw", json!(party.terms.tariff.flat_cap())),
            ("member_ids", json!(members)),
            ("kicked_ids", json!(kicked.map(|order| order.user_id).collect::<Vec<_>>())),
            ("seats_taken", json!(party.seats_taken())),
            ("member_count", json!(party.member_count())),
            ("food_total_krw", json!(party.food_total())),
            ("area_lat", json!(centre.lat)),
            ("area_lng", json!(centre.lng)),
            ("area", json!(format!("({x},{y})"))),
            // Of a new party: from then on it is the business of `areas`.
            ("area_check_at", json!(text(party.created_at))),
            // Of a new party: the step that makes it. The others are counted where they are written.
            ("last_seq", json!(1)),
            ("due_at", party.due_at().map_or(Value::Null, |at| json!(text(at)))),
        ],
    )
}

fn order_row(party: &Party, order: &Order) -> Result<Value> {
    with(order, [("party_id", json!(party.id))])
}

fn legs(party: &Party, entries: &[Entry], at: &At<'_>) -> Result<Vec<Value>> {
    let mut legs = Vec::with_capacity(2 * entries.len());
    for entry in entries {
        let transaction: Id<Entry> = at.id()?;
        for (id, account, amount) in
            [(transaction, entry.debit, entry.amount_krw), (at.id()?, entry.credit, -entry.amount_krw)]
        {
            legs.push(json!({
                "id": id,
                "transaction_id": transaction,
                "party_id": party.id,
                "account": account,
                "order_id": entry.order_id,
                "kind": entry.kind,
                "source_id": entry.source_id,
                "amount_krw": amount,
                "created_at": text(at.now),
            }));
        }
    }
    Ok(legs)
}

fn with<const N: usize>(value: &impl serde::Serialize, more: [(&str, Value); N]) -> Result<Value> {
    let mut value = serde_json::to_value(value).map_err(|error| Error::internal(Code::Internal, error))?;
    if let Value::Object(fields) = &mut value {
        fields.extend(more.into_iter().map(|(name, value)| (name.to_owned(), value)));
    }
    Ok(value)
}

fn text(at: Time) -> String {
    at.format(&time::format_description::well_known::Rfc3339).unwrap_or_default()
}
