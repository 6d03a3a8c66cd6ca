//! What operators decide: disputes, payouts, transfers that never came, parties that nobody can end otherwise.

use sqlx::PgConnection;

use crate::app::parties::command;
use crate::app::{App, orders, payments};
use crate::domain::dispute::Payout;
use crate::domain::error::Result;
use crate::domain::id::Id;
use crate::domain::money::Krw;
use crate::domain::order::Order;
use crate::domain::party::{CancelReason, Party};
use crate::domain::payment::Payment;
use crate::storage::operators;

pub use crate::storage::operators::{OpenDispute, Review, UnpaidPayout};

/// Disputes that wait for a decision, of all databases.
pub async fn disputes(app: &App) -> Result<Vec<OpenDispute>> {
    everywhere(app, async |conn| operators::disputes(conn).await).await
}

/// Payouts that are due or will be, of all databases.
pub async fn payouts(app: &App) -> Result<Vec<UnpaidPayout>> {
    everywhere(app, async |conn| operators::payouts(conn).await).await
}

async fn everywhere<T>(app: &App, list: impl AsyncFn(&mut PgConnection) -> Result<Vec<T>>) -> Result<Vec<T>> {
    let mut all = Vec::new();
    for database in app.databases.party_databases() {
        all.extend(list(&mut *database.pool().acquire().await?).await?);
    }
    Ok(all)
}

/// So much of a disputed share goes back to the guest, the rest to the host.
pub async fn decide(app: &App, order: Id<Order>, refund: Krw, note: &str) -> Result<()> {
    orders::by_operator(app, order, |party, at| party.decide(order, refund, note, at)).await.map(drop)
}

/// The host has been paid so much.
pub async fn paid_out(
    app: &App,
    party: Id<Party>,
    payout: Id<Payout>,
    amount: Krw,
    note: Option<String>,
) -> Result<()> {
    command(app, party, |party, at| party.pay_out(payout, amount, note.clone(), at.now)).await.map(drop)
}

/// Payments that a person has to look at, of all databases.
pub async fn reviews(app: &App) -> Result<Vec<Review>> {
    everywhere(app, async |conn| operators::reviews(conn).await).await
}

/// Asks about a payment in review, or for a refund that was refused, once more.
pub async fn try_again(app: &App, payment: Id<Payment>) -> Result<()> {
    let party = payments::party_of(app, payment).await?;
    command(app, party, |party, at| party.try_again(payment, at.now)).await.map(drop)
}

pub async fn unpaid(app: &App, order: Id<Order>) -> Result<()> {
    orders::by_operator(app, order, |party, _| party.transfer_unpaid(order)).await.map(drop)
}

pub async fn cancel(app: &App, party: Id<Party>) -> Result<()> {
    command(app, party, |party, at| party.cancel(CancelReason::Operator, at)).await.map(drop)
}

pub async fn complete(app: &App, party: Id<Party>) -> Result<()> {
    command(app, party, Party::complete_by_operator).await.map(drop)
}
