//! Payouts, as operators see them and say that they are made.

use actix_web::web::Data;
use actix_web::{get, put};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{SliceQuery, any, next};
use crate::app::App;
use crate::app::operators::{self, UnpaidPayout};
use crate::domain::dispute::{Payout, PayoutOutcome};
use crate::domain::error::Result;
use crate::domain::id::Id;
use crate::domain::money::Krw;
use crate::errors;
use crate::http::extract::{Json, Operator, Path, Query};
use crate::http::schema::{AnyId, PartyId, Timestamp, UserId};

/// Money for a host.
#[derive(Serialize, ToSchema)]
pub struct PayoutView {
    id: AnyId,
    party_id: PartyId,
    host_id: UserId,
    /// What the host is owed.
    #[schema(example = 26_000)]
    amount_krw: Krw,
    due_at: Timestamp,
    /// Disputes of the party that are open; half of the guests freeze the payout.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 0)]
    open_disputes: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    paid_at: Option<Timestamp>,
}

impl From<UnpaidPayout> for PayoutView {
    fn from(unpaid: UnpaidPayout) -> Self {
        Self {
            id: any(unpaid.id),
            party_id: unpaid.party_id,
            host_id: unpaid.host_id,
            amount_krw: Krw::new(unpaid.amount_krw),
            due_at: unpaid.due_at.into(),
            open_disputes: Some(unpaid.disputes),
            paid_at: None,
        }
    }
}

impl PayoutView {
    fn of((party_id, host_id, payout): (PartyId, UserId, Payout)) -> Self {
        Self {
            id: any(payout.id),
            party_id,
            host_id,
            amount_krw: payout.amount_krw,
            due_at: payout.due_at.into(),
            open_disputes: None,
            paid_at: payout.paid_at.map(Into::into),
        }
    }
}

/// Payouts that have not been made.
#[derive(Serialize, ToSchema)]
pub struct PayoutsPage {
    /// The oldest first.
    items: Vec<PayoutView>,
    /// For the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "cGF5b3V0cy1hZnRlcg")]
    next_cursor: Option<String>,
}

errors!(ListPayoutsErrors: CALLER, QUERY; NotFound, InvalidCursor);

/// Payouts that wait
///
/// What hosts are owed, due or not yet, the oldest first.
#[utoipa::path(
    tag = "Operators",
    security(("bearer" = [])),
    params(
        ("limit" = Option<u32>, Query, description = "How many at the most, 20 by default.", example = 20, minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before."),
    ),
    responses((status = 200, description = "Payouts.", body = PayoutsPage), ListPayoutsErrors),
)]
#[get("/v1/admin/payouts")]
pub async fn list_payouts(app: Data<App>, operator: Operator<Query<SliceQuery>>) -> Result<Json<PayoutsPage>> {
    let page = operators::payouts(&app, operator.asked.0.slice("payouts")?).await?;
    let next_cursor = next("payouts", &page);
    Ok(Json(PayoutsPage { items: page.items.into_iter().map(PayoutView::from).collect(), next_cursor }))
}

/// An operator's word that a host has been paid.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PayoutDecision {
    #[expect(dead_code, reason = "there is one outcome")]
    outcome: PayoutOutcome,
    /// What was paid; it must be what is owed by now.
    #[schema(example = 26_000, minimum = 1)]
    amount_krw: Krw,
    /// The bank's reference, up to 200 characters.
    #[schema(example = "KB 20261202-0001", min_length = 1, max_length = 200)]
    note: String,
}

errors!(DecidePayoutErrors: CALLER, BODY; NotFound, AmountMismatch, PayoutFrozen, TooEarly);

/// Tell that a host has been paid
///
/// Enters it into the ledger, once. Refused before it is due, while disputes freeze it, and when the amount is not what is owed.
#[utoipa::path(
    tag = "Operators",
    security(("bearer" = [])),
    params(("id" = AnyId, Path, description = "The payout's id.")),
    request_body(content = PayoutDecision, description = "What was paid."),
    responses((status = 200, description = "The payout.", body = PayoutView), DecidePayoutErrors),
)]
#[put("/v1/admin/payouts/{id}/decision")]
pub async fn decide_payout(
    app: Data<App>,
    operator: Operator<Json<PayoutDecision>>,
    id: Path<AnyId>,
) -> Result<Json<PayoutView>> {
    let Json(PayoutDecision { amount_krw, note, .. }) = operator.asked;
    let paid = operators::decide_payout(&app, operator.by, Id::from_raw(id.0.raw()), amount_krw, &note).await?;
    Ok(Json(PayoutView::of(paid)))
}
