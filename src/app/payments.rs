//! Money on its way in: confirming payments, and asking about those whose answer was lost. No transaction is open while the
//! provider is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::{StreamExt, stream};

use crate::app::parties::{command, command_once, find};
use crate::app::{App, Key, random};
use crate::domain::At;
use crate::domain::error::{Code, Decline, Error, Result};
use crate::domain::id::Id;
use crate::domain::money::Krw;
use crate::domain::order::Order;
use crate::domain::party::Party;
use crate::domain::payment::{LEASE, Outcome, Payment};
use crate::domain::user::User;
use crate::stop_point;
use crate::storage::databases::Database;
use crate::storage::{parties, payments, using};
use crate::upstream::Fault;
use crate::upstream::client::Deadline;
use crate::upstream::toss::{self, Status};

/// How many payments of one database are asked about at the same time.
pub(super) const AT_ONCE: usize = 8;

/// A payment with what a client needs to pay it.
pub struct ToPay {
    pub payment: Payment,
    pub order_name: String,
    pub user_id: Id<User>,
}

pub async fn see(app: &App, payer: Id<User>, id: Id<Payment>) -> Result<ToPay> {
    let party = find(app, party_of(app, id).await?).await?;
    to_pay(&party, id, payer)
}

pub(super) async fn party_of(app: &App, id: Id<Payment>) -> Result<Id<Party>> {
    let found = app
        .databases
        .look(id.shard(), |pool| async move { parties::of_payment(&mut *pool.acquire().await?, id).await })
        .await?;
    found.ok_or_else(|| Code::NotFound.into())
}

fn to_pay(party: &Party, id: Id<Payment>, payer: Id<User>) -> Result<ToPay> {
    let (order, payment) = of(party, id, payer)?;
    Ok(ToPay { payment: payment.clone(), order_name: party.order_name().to_owned(), user_id: order.user_id })
}

fn of(party: &Party, id: Id<Payment>, payer: Id<User>) -> Result<(&Order, &Payment)> {
    party.payment(id).and_then(|found| if found.0.user_id == payer { Ok(found) } else { Err(Code::NotFound.into()) })
}

/// Confirms a payment that the payer has authorized in the provider's window. It goes on when the phone hangs up, and answers
/// what is true of the payment: paid, or still confirming. The key is kept with what it has begun, and its answer is not:
/// repeated, it gets what is true by then.
pub async fn confirm(
    app: &Arc<App>,
    payer: Id<User>,
    id: Id<Payment>,
    payment_key: &str,
    amount: Krw,
    key: &Key<'_>,
) -> Result<ToPay> {
    let party_id = party_of(app, id).await?;
    let begun = AtomicBool::new(false);
    let start = |party: &mut Party, at: &At| {
        of(party, id, payer)?;
        begun.store(party.begin_payment(id, payment_key, amount, at.now)?, Ordering::Relaxed);
        Ok(())
    };
    let party = command_once(app, party_id, Some((payer, key)), start).await?;
    if !begun.into_inner() {
        return to_pay(&party, id, payer);
    }
    stop_point!("confirm.begun");
    let work = Box::pin(send(Arc::clone(app), party, id, Deadline::within(app.config.patience.phone)));
    let party = app.see_through(work).await?;
    to_pay(&party, id, payer)
}

/// Sends a confirmation that is committed as begun, and takes the answer.
async fn send(app: Arc<App>, party: Party, id: Id<Payment>, deadline: Deadline) -> Result<Party> {
    let payment = party.payment(id)?.1;
    let answer = capture(&app, payment, deadline).await;
    stop_point!("confirm.answered");
    let (outcome, refusal) = match answer {
        Ok(paid) => (usable(&app, payment, &paid, deadline).await, None),
        Err(Fault::Already | Fault::Refused(_)) if not_this_payment(&app, payment, deadline).await => {
            (Outcome::NotDone, Some(Code::AmountMismatch.into()))
        }
        Err(Fault::Already) => (ask(&app, payment, deadline).await, None),
        Err(fault) => (outcome_of(&fault), refusal(&fault)),
    };
    let party = resolve(&app, party.id, payment, outcome).await?;
    stop_point!("confirm.resolved");
    match (outcome, refusal) {
        (Outcome::Declined(decline), _) => {
            Err(Error::from(Code::PaymentDeclined).with(|more| more.decline = Some(decline)))
        }
        (Outcome::NotDone, Some(error)) if !party.payment(id)?.1.confirming() => Err(error),
        _ => Ok(party),
    }
}

async fn capture(app: &App, payment: &Payment, deadline: Deadline) -> Result<toss::Payment, Fault> {
    let confirm = toss::Confirm {
        payment_key: payment.payment_key.as_deref().unwrap_or_default(),
        provider_order_id: &payment.provider_order_id(),
        amount_krw: payment.amount_krw,
        idempotency_key: &payment.key(),
    };
    app.toss.confirm(&confirm, deadline).await
}

/// Whether the client's key is not of this order and amount: then it is his mistake, and nothing was done for this payment. But
/// an answer about another payment may also be a wrong one; so the order itself must not have been paid.
async fn not_this_payment(app: &App, payment: &Payment, deadline: Deadline) -> bool {
    let key = payment.payment_key.as_deref().unwrap_or_default();
    let Ok(Some(found)) = app.toss.look_up_key(key, deadline).await else { return false };
    let order = payment.provider_order_id();
    if found.total_krw == payment.amount_krw && found.provider_order_id == order {
        return false;
    }
    let unpaid = |found: &toss::Payment| {
        matches!(found.status, Status::Ready | Status::InProgress | Status::Aborted | Status::Expired)
    };
    app.toss.look_up(&order, deadline).await.is_ok_and(|found| found.as_ref().is_none_or(unpaid))
}

/// Takes the outcome of what was sent, unless somebody knows better by now.
async fn resolve(app: &App, party: Id<Party>, sent: &Payment, outcome: Outcome) -> Result<Party> {
    let take = |party: &mut Party, at: &At| {
        let takes = party.payment(sent.id)?.1.takes(outcome, sent);
        if takes { party.resolve_payment(sent.id, outcome, at) } else { Ok(()) }
    };
    command(app, party, take).await
}

/// What we tell the client about an attempt that surely did nothing.
fn refusal(fault: &Fault) -> Option<Error> {
    let code = match fault {
        Fault::Unreachable | Fault::Busy { .. } | Fault::NotNow => Code::PaymentUnavailable,
        Fault::Untrusted => Code::PaymentUntrusted,
        Fault::Refused(_) => Code::Internal,
        Fault::Unknown(_) | Fault::Rejected(_) | Fault::Already => return None,
    };
    let retry_after_ms = match fault {
        Fault::Busy { retry_after_ms } => Some(retry_after_ms.unwrap_or(5_000)),
        Fault::Unreachable | Fault::NotNow => Some(5_000),
        _ => None,
    };
    Some(Error::internal(code, format_args!("confirm: {fault:?}")).with(|more| more.retry_after_ms = retry_after_ms))
}

fn outcome_of(fault: &Fault) -> Outcome {
    match fault {
        Fault::Rejected(decline) => Outcome::Declined(*decline),
        Fault::Unreachable | Fault::Busy { .. } | Fault::NotNow | Fault::Untrusted | Fault::Refused(_) => {
            Outcome::NotDone
        }
        Fault::Unknown(_) | Fault::Already => Outcome::Unknown,
    }
}

/// A captured payment counts if parts of it can be given back; one that cannot, or that waits for a deposit, is taken back
/// whole and counts as declined.
async fn usable(app: &App, payment: &Payment, found: &toss::Payment, deadline: Deadline) -> Outcome {
    match verdict(payment, found) {
        Some(outcome) => outcome,
        None => take_back(app, payment, deadline).await,
    }
}

/// None: it is captured, and cannot stay so.
fn verdict(payment: &Payment, found: &toss::Payment) -> Option<Outcome> {
    let same = found.total_krw == payment.amount_krw
        && found.provider_order_id == payment.provider_order_id()
        && Some(&found.payment_key) == payment.payment_key.as_ref();
    Some(match found.status {
        Status::Aborted | Status::Expired if same => Outcome::Declined(Decline::SessionExpired),
        // Of another try of the same order it says nothing about this one.
        Status::Aborted | Status::Expired | Status::Ready | Status::InProgress | Status::Other => Outcome::Unknown,
        _ if !same => Outcome::Contradiction,
        // What somebody has cancelled of it meanwhile is found as what it is: not our refund.
        Status::Done | Status::PartialCanceled if found.partial_cancelable => Outcome::Paid,
        Status::Done | Status::WaitingForDeposit => return None,
        Status::PartialCanceled => Outcome::Contradiction,
        // Cancelled before we could record it: nothing of it is left, so it is as if it had been declined.
        Status::Canceled => Outcome::Declined(Decline::MethodUnavailable),
    })
}

async fn take_back(app: &App, payment: &Payment, deadline: Deadline) -> Outcome {
    let cancel = toss::Cancel {
        payment_key: payment.payment_key.as_deref().unwrap_or_default(),
        provider_order_id: &payment.provider_order_id(),
        amount_krw: payment.amount_krw,
        reason: "method cannot be used",
        // Another key each time, because errors are repeated to the same one. The whole can go back only once.
        idempotency_key: &format!("{}-back-{}", payment.key(), payment.checks),
    };
    let answer = app.toss.cancel(&cancel, deadline).await;
    stop_point!("take_back.answered");
    match answer {
        Ok(_) | Err(Fault::Already) => Outcome::Declined(Decline::MethodUnavailable),
        Err(_) => Outcome::Unknown,
    }
}

/// Asks the provider what became of the attempt under way.
async fn ask(app: &App, payment: &Payment, deadline: Deadline) -> Outcome {
    match app.toss.look_up(&payment.provider_order_id(), deadline).await {
        Ok(None) => Outcome::NotFound,
        Ok(Some(found)) => usable(app, payment, &found, deadline).await,
        Err(_) => Outcome::Unknown,
    }
}

/// Looks for money that was captured though we had been told that it was not; false if the provider does not answer.
pub(super) async fn find_late(app: &App, party: Id<Party>, payment: &Payment) -> Result<bool> {
    let deadline = Deadline::within(app.config.patience.background);
    let Ok(found) = app.toss.look_up(&payment.provider_order_id(), deadline).await else { return Ok(false) };
    let captured = |found: &toss::Payment| matches!(found.status, Status::Done | Status::PartialCanceled);
    if let Some(found) = found.filter(captured) {
        let outcome = usable(app, payment, &found, deadline).await;
        resolve(app, party, payment, outcome).await?;
    }
    Ok(true)
}

/// What was captured after all by an attempt that the provider had called declined goes back whole: its payer was told that
/// nothing was charged, and has perhaps paid by another attempt. It comes and goes without an entry in the ledger. False if
/// the provider does not answer.
pub(super) async fn give_back_declined(app: &App, payment: &Payment, attempt: i16) -> Result<bool> {
    let deadline = Deadline::within(app.config.patience.background);
    let provider_order_id = payment.provider_order_id_of(attempt);
    let Ok(found) = app.toss.look_up(&provider_order_id, deadline).await else { return Ok(false) };
    let captured = |found: &toss::Payment| matches!(found.status, Status::Done | Status::PartialCanceled);
    let Some(found) = found.filter(captured) else { return Ok(true) };
    tracing::error!(%provider_order_id, "a payment that the provider had called declined was captured; it goes back");
    let cancel = toss::Cancel {
        payment_key: &found.payment_key,
        provider_order_id: &provider_order_id,
        amount_krw: found.balance_krw,
        reason: "declined before",
        // The whole can go back only once, so each try may have a key of its own.
        idempotency_key: &format!("{provider_order_id}-back-{}", random()),
    };
    Ok(matches!(app.toss.cancel(&cancel, deadline).await, Ok(_) | Err(Fault::Already)))
}

/// Asks about every payment whose time has come; says how many there were.
pub async fn recover(app: &Arc<App>, limit: i64) -> Result<usize> {
    let mut count = 0;
    for database in app.databases.party_databases() {
        count += database.done(recover_on(app, database, limit).await);
    }
    Ok(count)
}

async fn recover_on(app: &Arc<App>, database: &Database, limit: i64) -> Result<usize> {
    let now = app.clock.now();
    let due = using(&database.pool(), async |conn| payments::lease_due(conn, now, LEASE, limit).await).await?;
    let count = due.len();
    let asked = due.into_iter().map(|(party, payment)| async move {
        if let Err(error) = recover_one(app, party, payment).await {
            tracing::warn!(?error, %payment, "a payment could not be asked about");
        }
    });
    stream::iter(asked).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
    Ok(count)
}

/// Asks about one payment. It is this worker's alone from the first step on: what another one, who was here before, has to
/// say about nothing having been done is not heard any more.
pub(super) async fn recover_one(app: &Arc<App>, party_id: Id<Party>, id: Id<Payment>) -> Result<Party> {
    let party = command(app, party_id, |party, at| party.ask_about(id, at.now)).await?;
    let payment = party.payment(id)?.1;
    if !payment.confirming() {
        return Ok(party);
    }
    stop_point!("recover.begun");
    let deadline = Deadline::within(app.config.patience.background);
    let outcome = match app.toss.look_up(&payment.provider_order_id(), deadline).await {
        Ok(None) => Outcome::NotFound,
        // Authorized, and our confirmation never arrived: the same again, under the same key, if there is still a seat.
        Ok(Some(found)) if found.status == Status::InProgress && party.awaits(id) => {
            capture_again(app, payment, deadline).await
        }
        Ok(Some(found)) => usable(app, payment, &found, deadline).await,
        Err(_) => Outcome::Unknown,
    };
    stop_point!("recover.answered");
    resolve(app, party_id, payment, outcome).await
}

async fn capture_again(app: &App, payment: &Payment, deadline: Deadline) -> Outcome {
    match capture(app, payment, deadline).await {
        Ok(paid) => usable(app, payment, &paid, deadline).await,
        Err(Fault::Rejected(decline)) => Outcome::Declined(decline),
        Err(fault) if fault.is_stored_answer() => capture_failed(app, payment, deadline).await,
        Err(_) => Outcome::Unknown,
    }
}

/// The provider repeats an error to our key, so the first sending has ended: what it has of the payment now is final.
async fn capture_failed(app: &App, payment: &Payment, deadline: Deadline) -> Outcome {
    match app.toss.look_up(&payment.provider_order_id(), deadline).await {
        Ok(Some(found)) if found.status == Status::InProgress => Outcome::NotDone,
        Ok(Some(found)) => usable(app, payment, &found, deadline).await,
        Ok(None) => Outcome::NotFound,
        Err(_) => Outcome::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::payment::PaymentKind;
    use crate::upstream::toss::Method;

    #[test]
    fn what_became_of_another_try_of_the_order_says_nothing_of_this_one() {
        let (id, order, amount) = (Id::from_raw(1), Id::from_raw(2), Krw::new(10_000));
        let now = time::macros::datetime!(2026-11-24 12:00 UTC);
        let mut payment = Payment::new(id, order, PaymentKind::Join, amount, now + time::Duration::HOUR).unwrap();
        payment.begin("mine", amount, now).unwrap();
        let found = |payment_key: &str, status| toss::Payment {
            payment_key: payment_key.to_owned(),
            provider_order_id: payment.provider_order_id(),
            status,
            total_krw: amount,
            balance_krw: Krw::ZERO,
            method: Method::Card,
            partial_cancelable: true,
            cancels: Vec::new(),
            last_transaction_key: None,
        };
        for over in [Status::Aborted, Status::Expired] {
            let declined = Outcome::Declined(Decline::SessionExpired);
            assert_eq!(verdict(&payment, &found("mine", over)), Some(declined));
            assert_eq!(verdict(&payment, &found("another", over)), Some(Outcome::Unknown));
        }
        assert_eq!(verdict(&payment, &found("mine", Status::Done)), Some(Outcome::Paid));
        assert_eq!(verdict(&payment, &found("another", Status::Done)), Some(Outcome::Contradiction));
    }
}
