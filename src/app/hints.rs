//! The provider's hints: kept once, and followed up by asking it. What they say does not matter.

use std::sync::Arc;

use futures_util::{StreamExt, stream};

use crate::app::parties::{command, find};
use crate::app::payments::{AT_ONCE, find_late, give_back_declined, recover_one};
use crate::app::refunds::foreign;
use crate::app::{App, random};
use crate::domain::At;
use crate::domain::error::{Code, Error, Result};
use crate::domain::money::Krw;
use crate::domain::party::Party;
use crate::domain::payment::{Payment, PaymentState};
use crate::domain::refund::Refund;
use crate::stop_point;
use crate::storage::databases::Database;
use crate::storage::payments::{self, Hinted};
use crate::storage::using;
use crate::upstream::client::Deadline;

/// Keeps a hint of the provider; what it says does not matter, only which order it is about. False: about nothing of ours.
pub async fn keep(app: &App, provider_order_id: &str, transmission: Option<&str>) -> Result<bool> {
    let transmission = transmission.map_or_else(|| random().to_string(), str::to_owned);
    let transmission = transmission.as_str();
    let Some((payment, attempt)) = Payment::of_provider_order_id(provider_order_id) else { return Ok(false) };
    let now = app.clock.now();
    let keep = |pool: crate::storage::pool::Pool| async move {
        payments::insert_webhook(&mut *pool.acquire().await?, payment, attempt, transmission, now).await
    };
    let is_ours = app.databases.on_shard(payment.shard(), keep).await?;
    if is_ours {
        app.news.money.ring();
    }
    Ok(is_ours)
}

/// Follows up the provider's hints by asking it; says how many there were.
pub async fn follow_all(app: &Arc<App>, limit: i64) -> Result<usize> {
    let mut count = 0;
    for database in app.databases.party_databases() {
        count += database.done(follow_on(app, database, limit).await);
    }
    Ok(count)
}

async fn follow_on(app: &Arc<App>, database: &Database, limit: i64) -> Result<usize> {
    let hinted = using(&database.pool(), async |conn| payments::hinted(conn, limit).await).await?;
    let followed = hinted.into_iter().map(|hinted| async move {
        follow_one(app, database, hinted).await.unwrap_or_else(|error| {
            tracing::warn!(?error, payment = %hinted.payment, "a hint could not be followed");
            false
        })
    });
    let followed: Vec<bool> = stream::iter(followed).buffer_unordered(AT_ONCE).collect().await;
    Ok(followed.into_iter().filter(|followed| *followed).count())
}

async fn follow_one(app: &Arc<App>, database: &Database, hinted: Hinted) -> Result<bool> {
    let asked_at = app.clock.now();
    if !follow(app, hinted).await? {
        return Ok(false);
    }
    stop_point!("hint.followed");
    let handled = async |conn: &mut _| payments::hints_handled(conn, hinted, asked_at, app.clock.now()).await;
    using(&database.pool(), handled).await?;
    Ok(true)
}

/// False if the provider did not answer, or our own refund is under way: then the hint is followed later.
async fn follow(app: &Arc<App>, hinted: Hinted) -> Result<bool> {
    let Hinted { party: party_id, payment: id, attempt } = hinted;
    let mut party = find(app, party_id).await?;
    if attempt < party.payment(id)?.1.attempt {
        return give_back_declined(app, party.payment(id)?.1, attempt).await;
    }
    if party.payment(id)?.1.confirming() {
        // The job has its schedule; a hint only brings it forward.
        party = recover_one(app, party_id, id).await?;
    }
    let payment = party.payment(id)?.1;
    if payment.refunds.iter().any(Refund::in_flight) {
        return Ok(false);
    }
    if payment.confirming() {
        return Ok(true);
    }
    if payment.captured_krw == Krw::ZERO {
        return find_late(app, party_id, payment).await;
    }
    let Ok(found) =
        app.toss.look_up(&payment.provider_order_id(), Deadline::within(app.config.patience.background)).await
    else {
        return Ok(false);
    };
    let Some(found) = found else { return Ok(true) };
    let strange: Vec<_> = foreign(payment, &found).cloned().collect();
    if strange.is_empty() {
        return Ok(true);
    }
    let record = |party: &mut Party, at: &At| {
        // Ours may have been sent meanwhile.
        let present = party.payment(id)?.1;
        if present.refunds != payment.refunds || present.state == PaymentState::Confirming {
            return Err(Error::internal(Code::Busy, "a refund was sent meanwhile"));
        }
        strange.iter().try_for_each(|row| party.foreign_cancel(id, &row.transaction_key, row.amount_krw, at))
    };
    command(app, party_id, record).await?;
    Ok(true)
}
