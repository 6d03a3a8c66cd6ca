//! What operators decide: disputes, payouts, transfers that never came, parties that nobody can end otherwise. Each act is
//! written down before it is done.

use serde_json::{Value, json};
use sqlx::PgConnection;

use crate::app::parties::command;
use crate::app::search::Page;
use crate::app::{App, clock, orders, payments};
use crate::domain::dispute::{Dispute, Payout};
use crate::domain::error::{Code, Error, FieldFault, Result};
use crate::domain::id::Id;
use crate::domain::listing::Listing;
use crate::domain::money::Krw;
use crate::domain::order::Order;
use crate::domain::party::{CancelReason, Party};
use crate::domain::payment::Payment;
use crate::domain::user::User;
use crate::storage::acts::{self, Act};
use crate::storage::pool::Pool;
use crate::storage::{operators, users, using};

pub use crate::storage::acts::Operator;
pub use crate::storage::operators::{OpenDispute, Review, UnpaidPayout};

/// Who acts.
#[derive(Clone, Copy, Debug)]
pub enum By {
    Operator(Id<User>),
    /// Somebody with a shell on one of our machines.
    Command,
}

/// Whether this user is one of the staff; to others nothing is where they look.
pub async fn must_be(app: &App, user: Id<User>) -> Result<()> {
    let is = using(&app.databases.main(), async |main| acts::is_operator(main, user).await).await?;
    if is { Ok(()) } else { Err(Code::NotFound.into()) }
}

/// Does something that an operator wants, and writes it down: that he does it before, what came of it after.
pub(super) async fn audited<T>(
    app: &App,
    by: By,
    (act, subject_type, subject_id): (&'static str, &'static str, i64),
    body: Value,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let by = match by {
        By::Operator(user) => Some(user),
        By::Command => None,
    };
    let act = Act { by, act, subject_type, subject_id, body };
    let main = app.databases.main();
    let number = using(&main, async |main| acts::begin(main, &act, clock::real()).await).await?;
    let done = work.await;
    let outcome = done.as_ref().map_or_else(|error| error.code.word(), |_| "done");
    if let Err(error) = using(&main, async |main| acts::end(main, number, outcome).await).await {
        tracing::warn!(?error, number, outcome, "what came of an operator's act was not written down");
    }
    done
}

pub async fn add(app: &App, by: By, user: Id<User>) -> Result<()> {
    let main = app.databases.main();
    let add = using(&main, async |main| {
        if !users::exists(main, user).await? {
            return Err(Code::NotFound.into());
        }
        acts::add(main, user, clock::real()).await
    });
    audited(app, by, ("operator_added", "user", user.raw()), json!({}), add).await
}

pub async fn remove(app: &App, by: By, user: Id<User>) -> Result<()> {
    let main = app.databases.main();
    let remove = using(&main, async |main| acts::remove(main, user).await);
    audited(app, by, ("operator_removed", "user", user.raw()), json!({}), remove).await
}

pub async fn all(app: &App) -> Result<Vec<Operator>> {
    using(&app.databases.main(), async |main| acts::operators(main).await).await
}

/// Some of a list that is spread over all databases, from behind an id on.
#[derive(Clone, Copy, Debug)]
pub struct Slice {
    pub after: i64,
    pub limit: usize,
}

impl Slice {
    pub const ALL: Self = Self { after: 0, limit: 1_000_000 };

    pub(super) fn fetch(self) -> i64 {
        i64::try_from(self.limit).unwrap_or(i64::MAX).saturating_add(1)
    }

    pub(super) fn page<T>(self, mut items: Vec<T>, id: impl Fn(&T) -> i64) -> Page<T, i64> {
        items.sort_by_key(&id);
        let more = items.len() > self.limit;
        items.truncate(self.limit);
        let next = items.last().filter(|_| more).map(id);
        Page { items, next }
    }
}

/// Disputes that wait for a decision, of all databases, the oldest first.
pub async fn disputes(app: &App, slice: Slice) -> Result<Page<OpenDispute, i64>> {
    let all = everywhere(app, async |conn| operators::disputes(conn, slice.after, slice.fetch()).await).await?;
    Ok(slice.page(all, |dispute| dispute.id.raw()))
}

/// Payouts that are due or will be, of all databases, the oldest first.
pub async fn payouts(app: &App, slice: Slice) -> Result<Page<UnpaidPayout, i64>> {
    let all = everywhere(app, async |conn| operators::payouts(conn, slice.after, slice.fetch()).await).await?;
    Ok(slice.page(all, |payout| payout.id.raw()))
}

async fn everywhere<T>(app: &App, list: impl AsyncFn(&mut PgConnection) -> Result<Vec<T>>) -> Result<Vec<T>> {
    let mut all = Vec::new();
    for database in app.databases.party_databases() {
        all.extend(using(&database.pool(), async |conn| list(conn).await).await?);
    }
    Ok(all)
}

/// So much of a disputed share goes back to the guest, the rest to the host.
pub async fn decide(app: &App, by: By, order: Id<Order>, refund: Krw, note: &str) -> Result<Party> {
    let decide = orders::by_operator(app, order, |party, at| party.decide(order, refund, note, at));
    audited(app, by, ("dispute_decided", "order", order.raw()), json!({"refund_krw": refund}), decide).await
}

/// As `decide`, by the dispute's own id; none: the dispute is dismissed.
pub async fn decide_dispute(
    app: &App,
    by: By,
    dispute: Id<Dispute>,
    refund: Option<Krw>,
    note: &str,
) -> Result<(Id<Party>, Dispute)> {
    let find = |pool: Pool| async move { operators::disputed(&mut *pool.acquire().await?, dispute).await };
    let order = app.databases.look(dispute.shard(), find).await?.ok_or(Code::NotFound)?;
    let party = decide(app, by, order, refund.unwrap_or_default(), note).await?;
    let decided = party.order(order)?.dispute.clone();
    Ok((party.id, decided.ok_or(Code::NotFound)?))
}

/// The host has been paid so much.
pub async fn paid_out(
    app: &App,
    by: By,
    party: Id<Party>,
    payout: Id<Payout>,
    amount: Krw,
    note: Option<String>,
) -> Result<Party> {
    let pay = command(app, party, |party, at| party.pay_out(payout, amount, note.clone(), at.now));
    audited(app, by, ("payout_paid", "payout", payout.raw()), json!({"amount_krw": amount}), pay).await
}

/// As `paid_out`, by the payout's id alone.
pub async fn decide_payout(
    app: &App,
    by: By,
    payout: Id<Payout>,
    amount: Krw,
    note: &str,
) -> Result<(Id<Party>, Id<User>, Payout)> {
    let note = crate::domain::text::clean(note, 200).map_err(|fault| Error::field("/note", fault))?;
    if amount < Krw::ZERO {
        return Err(Error::field("/amount_krw", FieldFault::OutOfRange));
    }
    let find = |pool: Pool| async move { operators::paying(&mut *pool.acquire().await?, payout).await };
    let party = app.databases.look(payout.shard(), find).await?.ok_or(Code::NotFound)?;
    let party = paid_out(app, by, party, payout, amount, Some(note)).await?;
    let paid = party.payouts.iter().find(|other| other.id == payout).cloned().ok_or(Code::NotFound)?;
    Ok((party.id, party.host_id, paid))
}

/// Payments that a person has to look at, of all databases.
pub async fn reviews(app: &App) -> Result<Vec<Review>> {
    everywhere(app, async |conn| operators::reviews(conn).await).await
}

/// Asks about a payment in review, or for a refund that was refused, once more.
pub async fn try_again(app: &App, by: By, payment: Id<Payment>) -> Result<()> {
    let again = async {
        let party = payments::party_of(app, payment).await?;
        command(app, party, |party, at| party.try_again(payment, at.now)).await.map(drop)
    };
    audited(app, by, ("review_retried", "payment", payment.raw()), json!({}), again).await
}

pub async fn unpaid(app: &App, by: By, order: Id<Order>) -> Result<()> {
    let unpaid = async { orders::by_operator(app, order, |party, _| party.transfer_unpaid(order)).await.map(drop) };
    audited(app, by, ("transfer_unpaid", "order", order.raw()), json!({}), unpaid).await
}

pub async fn cancel(app: &App, by: By, party: Id<Party>) -> Result<Listing> {
    let cancel = command(app, party, |party, at| party.cancel(CancelReason::Operator, at));
    let cancelled = audited(app, by, ("party_cancelled", "party", party.raw()), json!({}), cancel).await?;
    Ok(cancelled.listing())
}

pub async fn complete(app: &App, by: By, party: Id<Party>) -> Result<()> {
    let complete = async { command(app, party, Party::complete_by_operator).await.map(drop) };
    audited(app, by, ("party_completed", "party", party.raw()), json!({}), complete).await
}
