//! Disputes, as operators see and decide them.

use actix_web::web::Data;
use actix_web::{get, put};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{SliceQuery, any, next};
use crate::app::App;
use crate::app::operators::{self, OpenDispute};
use crate::domain::dispute::{Dispute, DisputeKind, DisputeState};
use crate::domain::error::{Error, FieldFault, Result};
use crate::domain::id::Id;
use crate::domain::json::present;
use crate::domain::money::Krw;
use crate::domain::report::Verdict;
use crate::errors;
use crate::http::extract::{Json, Operator, Path, Query};
use crate::http::schema::{AnyId, OrderId, PartyId, Timestamp};

/// A guest's complaint, as operators see it.
#[derive(Serialize, ToSchema)]
pub struct DisputeCase {
    id: AnyId,
    party_id: PartyId,
    order_id: OrderId,
    kind: DisputeKind,
    state: DisputeState,
    /// In the guest's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "콜라가 빠졌어요")]
    note: Option<String>,
    /// What the guest asks back; all of it when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 2_000)]
    amount_krw: Option<Krw>,
    /// What is frozen, and the most that can go back.
    #[schema(example = 13_000)]
    frozen_krw: Krw,
    /// What an operator has granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 2_000)]
    refund_krw: Option<Krw>,
    opened_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_at: Option<Timestamp>,
}

impl From<OpenDispute> for DisputeCase {
    fn from(open: OpenDispute) -> Self {
        Self {
            id: any(open.id),
            party_id: open.party_id,
            order_id: open.order_id,
            kind: open.kind,
            state: DisputeState::Open,
            note: open.note,
            amount_krw: open.asked_krw.map(Krw::new),
            frozen_krw: Krw::new(open.frozen_krw),
            refund_krw: None,
            opened_at: open.opened_at.into(),
            decided_at: None,
        }
    }
}

impl DisputeCase {
    fn of(party_id: PartyId, dispute: Dispute) -> Self {
        Self {
            id: any(dispute.id),
            party_id,
            order_id: dispute.order_id,
            kind: dispute.kind,
            state: dispute.state,
            note: dispute.note,
            amount_krw: dispute.amount_krw,
            frozen_krw: dispute.frozen_krw,
            refund_krw: dispute.refund_krw,
            opened_at: dispute.opened_at.into(),
            decided_at: dispute.decided_at.map(Into::into),
        }
    }
}

/// Disputes that wait for a decision.
#[derive(Serialize, ToSchema)]
pub struct DisputeCasesPage {
    /// The oldest first.
    items: Vec<DisputeCase>,
    /// For the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ZGlzcHV0ZXMtYWZ0ZXI")]
    next_cursor: Option<String>,
}

errors!(ListDisputesErrors: CALLER, QUERY; NotFound, InvalidCursor);

/// Disputes that wait
///
/// Those that no operator has decided, the oldest first.
#[utoipa::path(
    tag = "Operators",
    security(("bearer" = [])),
    params(
        ("limit" = Option<u32>, Query, description = "How many at the most, 20 by default.", example = 20, minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before."),
    ),
    responses((status = 200, description = "Disputes.", body = DisputeCasesPage), ListDisputesErrors),
)]
#[get("/v1/admin/disputes")]
pub async fn list_disputes(app: Data<App>, operator: Operator<Query<SliceQuery>>) -> Result<Json<DisputeCasesPage>> {
    let page = operators::disputes(&app, operator.asked.0.slice("disputes")?).await?;
    let next_cursor = next("disputes", &page);
    Ok(Json(DisputeCasesPage { items: page.items.into_iter().map(DisputeCase::from).collect(), next_cursor }))
}

/// An operator's decision of a dispute.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DisputeDecision {
    outcome: Verdict,
    /// If it is upheld: what goes back to the guest, the rest being the host's.
    #[serde(default, deserialize_with = "present")]
    #[schema(example = 2_000, minimum = 1)]
    refund_krw: Option<Krw>,
    /// Why, up to 200 characters.
    #[schema(example = "콜라 값을 돌려드립니다", min_length = 1, max_length = 200)]
    note: String,
}

impl DisputeDecision {
    fn refund(&self) -> Result<Option<Krw>> {
        let fault = match (self.outcome, self.refund_krw) {
            (Verdict::Upheld, Some(refund)) if refund > Krw::ZERO => return Ok(Some(refund)),
            (Verdict::Dismissed, None | Some(Krw::ZERO)) => return Ok(None),
            (Verdict::Upheld, Some(_)) => FieldFault::OutOfRange,
            (Verdict::Upheld, None) => FieldFault::Required,
            (Verdict::Dismissed, Some(_)) => FieldFault::NotAllowedHere,
        };
        Err(Error::field("/refund_krw", fault))
    }
}

errors!(DecideDisputeErrors: CALLER, BODY; NotFound, WrongState);

/// Decide a dispute
///
/// A part of what is frozen, or all of it, goes back to the guest, the rest to the host. The same decision again changes
/// nothing.
#[utoipa::path(
    tag = "Operators",
    security(("bearer" = [])),
    params(("id" = AnyId, Path, description = "The dispute's id.")),
    request_body(content = DisputeDecision, description = "The decision."),
    responses((status = 200, description = "The dispute.", body = DisputeCase), DecideDisputeErrors),
)]
#[put("/v1/admin/disputes/{id}/decision")]
pub async fn decide_dispute(
    app: Data<App>,
    operator: Operator<Json<DisputeDecision>>,
    id: Path<AnyId>,
) -> Result<Json<DisputeCase>> {
    let decision = operator.asked.0;
    let id = Id::from_raw(id.0.raw());
    let decided = operators::decide_dispute(&app, operator.by, id, decision.refund()?, &decision.note).await?;
    Ok(Json(DisputeCase::of(decided.0, decided.1)))
}
