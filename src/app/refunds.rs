//! Money on its way back: refunds are sent one by one, and again until the provider has surely done them. No transaction is
//! open while it is asked.

use std::sync::Arc;

use futures_util::{StreamExt, stream};

use crate::app::App;
use crate::app::parties::command;
use crate::app::payments::AT_ONCE;
use crate::domain::At;
use crate::domain::error::{Code, Result};
use crate::domain::id::Id;
use crate::domain::party::Party;
use crate::domain::payment::Payment;
use crate::domain::refund::{Cancellation, Refund};
use crate::stop_point;
use crate::storage::cache::CacheKey;
use crate::storage::databases::Database;
use crate::storage::tx::Tx;
use crate::storage::{parties, patiently, payments, using};
use crate::upstream::Fault;
use crate::upstream::client::Deadline;
use crate::upstream::toss;

/// Sends every refund whose time has come; says how many there were.
pub async fn send_due(app: &Arc<App>, limit: i64) -> Result<usize> {
    let mut count = 0;
    for database in app.databases.party_databases() {
        count += database.done(send_on(app, database, limit).await);
    }
    Ok(count)
}

async fn send_on(app: &Arc<App>, database: &Database, limit: i64) -> Result<usize> {
    let now = app.clock.now();
    let due = using(&database.pool(), async |conn| payments::refunds_due(conn, now, limit).await).await?;
    let sent = due.into_iter().map(|(party, payment)| async move {
        send_one(app, party, payment).await.unwrap_or_else(|error| {
            tracing::warn!(?error, %payment, "a refund could not be sent");
            false
        })
    });
    let sent: Vec<bool> = stream::iter(sent).buffer_unordered(AT_ONCE).collect().await;
    Ok(sent.into_iter().filter(|sent| *sent).count())
}

/// Marks one refund of a payment as sent, sends it and takes the answer; false if there is none to send.
async fn send_one(app: &Arc<App>, party_id: Id<Party>, id: Id<Payment>) -> Result<bool> {
    let Some(marked) = patiently(mark(app, party_id, id)).await? else { return Ok(false) };
    stop_point!("refund.marked");
    let Marked { refund, payment, again } = marked;
    let deadline = Deadline::within(app.config.patience.background);
    let answer = if again {
        send_again(app, &payment, &refund, deadline).await
    } else {
        give_back(app, &payment, &refund, deadline).await
    };
    stop_point!("refund.answered");
    let take = |party: &mut Party, at: &At| {
        let present =
            party.payment(id)?.1.refunds.iter().find(|present| present.id == refund.id).ok_or(Code::NotFound)?;
        let takes = present.takes(&answer, &refund);
        if takes { party.resolve_refund(id, refund.id, answer.clone(), at.now) } else { Ok(()) }
    };
    command(app, party_id, take).await?;
    stop_point!("refund.resolved");
    Ok(true)
}

async fn give_back(app: &App, payment: &Payment, refund: &Refund, deadline: Deadline) -> Cancellation {
    match cancel(app, payment, refund, deadline).await {
        Ok(done) => done,
        Err(Fault::Already) => match find_cancellation(app, payment, refund, deadline).await {
            Found::Done(done) => done,
            Found::Nothing => cancellation(Fault::Already),
            Found::NoAnswer => Cancellation::Unknown,
        },
        Err(fault) => cancellation(fault),
    }
}

/// After an answer was lost. The provider repeats a stored answer to the same key for ever; so when it repeats an error and
/// has no such cancellation, then the first sending has ended without effect, and a new key may be used.
async fn send_again(app: &App, payment: &Payment, refund: &Refund, deadline: Deadline) -> Cancellation {
    match find_cancellation(app, payment, refund, deadline).await {
        Found::Done(done) => return done,
        Found::NoAnswer => return Cancellation::Unknown,
        Found::Nothing => {}
    }
    match cancel(app, payment, refund, deadline).await {
        Ok(done) => done,
        Err(fault) if fault.is_stored_answer() => match find_cancellation(app, payment, refund, deadline).await {
            Found::Done(done) => done,
            Found::NoAnswer => Cancellation::Unknown,
            Found::Nothing => cancellation_that_failed(fault),
        },
        // What we know of this sending says nothing about the first.
        Err(_) => Cancellation::Unknown,
    }
}

/// What an error means of which it is known that nothing was done.
fn cancellation_that_failed(fault: Fault) -> Cancellation {
    match cancellation(fault) {
        Cancellation::Unknown => Cancellation::NotDone { retry_after_ms: None },
        known => known,
    }
}

async fn cancel(app: &App, payment: &Payment, refund: &Refund, deadline: Deadline) -> Result<Cancellation, Fault> {
    let cancel = toss::Cancel {
        payment_key: payment.payment_key.as_deref().unwrap_or_default(),
        provider_order_id: &payment.provider_order_id(),
        amount_krw: refund.amount_krw,
        reason: refund.reason.word(),
        idempotency_key: &refund.key(),
    };
    let done = app.toss.cancel(&cancel, deadline).await?;
    Ok(Cancellation::Done { transaction_key: done.transaction_key })
}

fn cancellation(fault: Fault) -> Cancellation {
    match fault {
        Fault::Unreachable | Fault::Untrusted | Fault::NotNow => Cancellation::NotDone { retry_after_ms: None },
        Fault::Busy { retry_after_ms } => Cancellation::NotDone { retry_after_ms },
        Fault::Refused(code) => {
            tracing::error!(%code, "the provider refuses a refund");
            Cancellation::Refused
        }
        // All of the payment is back already, and not by this refund.
        Fault::Already | Fault::Rejected(_) => Cancellation::Refused,
        Fault::Unknown(_) => Cancellation::Unknown,
    }
}

enum Found {
    Done(Cancellation),
    Nothing,
    NoAnswer,
}

/// At most one refund of a payment is under way, so the one cancellation of its amount that no other refund has a name for is it.
async fn find_cancellation(app: &App, payment: &Payment, refund: &Refund, deadline: Deadline) -> Found {
    match app.toss.look_up(&payment.provider_order_id(), deadline).await {
        Ok(Some(found)) => {
            let ours = foreign(payment, &found).find(|row| row.amount_krw == refund.amount_krw);
            let done = ours.map(|row| Cancellation::Done { transaction_key: row.transaction_key.clone() });
            done.map_or(Found::Nothing, Found::Done)
        }
        Ok(None) => Found::Nothing,
        Err(_) => Found::NoAnswer,
    }
}

/// What was cancelled at the provider and none of our refunds has a name for.
pub(super) fn foreign<'a>(payment: &'a Payment, found: &'a toss::Payment) -> impl Iterator<Item = &'a toss::CancelRow> {
    let known = |key: &str| payment.refunds.iter().any(|refund| refund.transaction_key.as_deref() == Some(key));
    found.cancels.iter().filter(move |row| row.done && !known(&row.transaction_key))
}

/// A refund that is committed as sent.
struct Marked {
    refund: Refund,
    payment: Payment,
    /// It was sent before, and nobody knows what became of it.
    again: bool,
}

async fn mark(app: &App, party_id: Id<Party>, id: Id<Payment>) -> Result<Option<Marked>> {
    let pool = app.databases.party(party_id.shard())?;
    let mut tx = Tx::begin(&pool).await?;
    let mut locked = parties::lock(&mut tx, party_id).await?;
    let mint = app.mint(party_id.shard());
    let at = At { now: app.clock.now(), mint: &mint };
    let Some(refund) = locked.party.payment_mut(id)?.next_refund(at.now) else { return Ok(None) };
    let again = refund.in_flight();
    refund.send(at.now);
    let refund = refund.clone();
    parties::save(&mut tx, &mut locked, &at).await?;
    tx.commit().await?;
    app.cache.forget(&[CacheKey::Party(party_id)]).await;
    Ok(Some(Marked { refund, payment: locked.party.payment(id)?.1.clone(), again }))
}
