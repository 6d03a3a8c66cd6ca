//! The split and the ledger of a party in JSON.

use actix_web::get;
use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::{App, parties};
use crate::domain::error::{Error, FieldFault, Result};
use crate::domain::ledger::{Account, EntryKind, Leg};
use crate::domain::money::Krw;
use crate::domain::party::{Quote, QuotedShare, WithMe};
use crate::errors;
use crate::http::extract::{Caller, Json, Path, Query};
use crate::http::schema::{AnyId, OrderId, PartyId, Timestamp, UserId};

/// The split. `fee_krw` and `discount_krw` are what is left to share: the shares add up to them.
#[derive(Serialize, ToSchema)]
pub struct QuoteView {
    /// From the lock on; before it, an estimate from those who have joined.
    #[serde(rename = "final")]
    #[schema(example = false)]
    last: bool,
    /// All food.
    #[schema(example = 31_000)]
    food_total_krw: Krw,
    /// What is left of the delivery fee to share.
    #[schema(example = 3_000)]
    fee_krw: Krw,
    /// What of the discount is shared in proportion to food.
    #[schema(example = 0)]
    discount_krw: Krw,
    /// Food and fee less the discount.
    #[schema(example = 34_000)]
    total_krw: Krw,
    /// For members.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    shares: Vec<ShareView>,
    /// For outsiders who ask with `food_krw`.
    #[serde(skip_serializing_if = "Option::is_none")]
    with_me: Option<WithMeView>,
}

/// One member's part.
#[derive(Serialize, ToSchema)]
pub struct ShareView {
    order_id: OrderId,
    user_id: UserId,
    /// What the member eats.
    #[schema(example = 15_500)]
    food_krw: Krw,
    /// The member's part of the fee.
    #[schema(example = 1_500)]
    fee_krw: Krw,
    /// The member's part of the discount.
    #[schema(example = 0)]
    discount_krw: Krw,
    /// Food and fee less the discount.
    #[schema(example = 17_000)]
    owed_krw: Krw,
}

/// What the caller would pay if he joined now and nobody else did.
#[expect(clippy::struct_field_names, reason = "the names of the contract")]
#[derive(Serialize, ToSchema)]
pub struct WithMeView {
    /// The caller's part of the fee.
    #[schema(example = 1_000)]
    fee_krw: Krw,
    /// The caller's part of the discount.
    #[schema(example = 0)]
    discount_krw: Krw,
    /// Food and fee less the discount.
    #[schema(example = 13_000)]
    owed_krw: Krw,
    /// The most that he would ever pay of the fee.
    #[schema(example = 1_500)]
    fee_cap_krw: Krw,
    /// What a guest of a prepaid party pays at once; what is too much comes back at the lock.
    #[schema(example = 13_500)]
    prepay_krw: Krw,
}

impl QuoteView {
    pub fn of(quote: Quote, last: bool) -> Self {
        Self {
            last,
            food_total_krw: quote.food_total_krw,
            fee_krw: quote.fee_krw,
            discount_krw: quote.discount_krw,
            total_krw: quote.total_krw,
            shares: quote.shares.into_iter().map(ShareView::from).collect(),
            with_me: None,
        }
    }
}

impl From<QuotedShare> for ShareView {
    fn from(share: QuotedShare) -> Self {
        Self {
            order_id: share.order_id,
            user_id: share.user_id,
            food_krw: share.food_krw,
            fee_krw: share.fee_krw,
            discount_krw: share.discount_krw,
            owed_krw: share.owed_krw,
        }
    }
}

impl From<WithMe> for WithMeView {
    fn from(with_me: WithMe) -> Self {
        Self {
            fee_krw: with_me.fee_krw,
            discount_krw: with_me.discount_krw,
            owed_krw: with_me.owed_krw,
            fee_cap_krw: with_me.fee_cap_krw,
            prepay_krw: with_me.prepay_krw,
        }
    }
}

/// What somebody would eat.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuoteQuery {
    food_krw: Option<i64>,
}

errors!(GetQuoteErrors: CALLER, QUERY; NotFound);

/// The split of a party
///
/// Members see every share. Outsiders see the totals, and with `food_krw` what they would pay themselves.
#[utoipa::path(
    tag = "Parties",
    security(("bearer" = [])),
    params(
        ("id" = PartyId, Path, description = "The party's id."),
        ("food_krw" = Option<i64>, Query, description = "The price of what the caller would eat, 1 to 5,000,000 KRW.", example = 12_000, minimum = 1, maximum = 5_000_000),
    ),
    responses((status = 200, description = "The split.", body = QuoteView), GetQuoteErrors),
)]
#[get("/v1/parties/{id}/quote")]
pub async fn get_quote(
    app: Data<App>,
    caller: Caller,
    id: Path<PartyId>,
    query: Query<QuoteQuery>,
) -> Result<Json<QuoteView>> {
    let food = query.0.food_krw;
    if food.is_some_and(|food| !(1..=5_000_000).contains(&food)) {
        return Err(Error::field("food_krw", FieldFault::OutOfRange));
    }
    let seen = parties::quote(&app, caller.user_id, id.0, food.map(Krw::new)).await?;
    let mut view = QuoteView::of(seen.quote, seen.last);
    if !seen.member {
        view.shares.clear();
    }
    view.with_me = seen.with_me.map(WithMeView::from);
    Ok(Json(view))
}

/// The double entry of a party: everything that was captured, given back, passed on and paid out.
#[derive(Serialize, ToSchema)]
pub struct LedgerView {
    /// All legs, the oldest first.
    items: Vec<LegView>,
    /// The sum of all amounts: always 0.
    #[schema(example = 0)]
    sum_krw: Krw,
}

/// One leg of a transaction. Debits are positive, credits negative.
#[derive(Serialize, ToSchema)]
pub struct LegView {
    id: AnyId,
    /// The legs of one transaction sum to 0.
    transaction_id: AnyId,
    account: Account,
    /// The order that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<OrderId>,
    kind: EntryKind,
    /// The payment, refund, order, dispute or payout that it comes from.
    source_id: AnyId,
    /// A debit above 0, a credit below.
    #[schema(example = 13_500)]
    amount_krw: Krw,
    created_at: Timestamp,
}

impl From<Leg> for LegView {
    fn from(leg: Leg) -> Self {
        Self {
            id: AnyId::from_raw(leg.id.raw()),
            transaction_id: AnyId::from_raw(leg.transaction_id.raw()),
            account: leg.account,
            order_id: leg.order_id,
            kind: leg.kind,
            source_id: leg.source_id,
            amount_krw: leg.amount_krw,
            created_at: leg.created_at.into(),
        }
    }
}

errors!(GetLedgerErrors: CALLER; NotFound, NotAMember);

/// The ledger of a party
///
/// For members, who can check every won. Empty for transfer parties.
#[utoipa::path(
    tag = "Parties",
    security(("bearer" = [])),
    params(("id" = PartyId, Path, description = "The party's id.")),
    responses((status = 200, description = "The ledger.", body = LedgerView), GetLedgerErrors),
)]
#[get("/v1/parties/{id}/ledger")]
pub async fn get_ledger(app: Data<App>, caller: Caller, id: Path<PartyId>) -> Result<Json<LedgerView>> {
    let legs = parties::entries(&app, caller.user_id, id.0).await?;
    let sum_krw = legs.iter().map(|leg| leg.amount_krw).sum();
    Ok(Json(LedgerView { items: legs.into_iter().map(LegView::from).collect(), sum_krw }))
}
