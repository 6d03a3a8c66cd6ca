//! Orders in JSON: joining, changing, leaving, picking up, telling of transfers and complaints.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, delete, get, post, put};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::orders::{self, Complaint, InParty};
use crate::app::{App, Expected};
use crate::domain::dispute::{Dispute, DisputeKind, DisputeState};
use crate::domain::error::Result;
use crate::domain::item::Item;
use crate::domain::json::present;
use crate::domain::money::Krw;
use crate::domain::order::{Order, OrderState, TransferState};
use crate::domain::party::Party;
use crate::errors;
use crate::http::extract::{Caller, ETag, Json, Keyed, Path, Query};
use crate::http::payments::PaymentView;
use crate::http::schema::{IdempotencyKey, IfMatch, IfNoneMatch, OrderId, PartyId, Timestamp, UserId};

/// A member's seat and what he eats.
#[derive(Serialize, ToSchema)]
pub struct OrderView {
    id: OrderId,
    party_id: PartyId,
    user_id: UserId,
    state: OrderState,
    /// In transfer parties, from the lock on.
    #[serde(skip_serializing_if = "Option::is_none")]
    transfer_state: Option<TransferState>,
    /// What the member eats; the host may eat nothing.
    items: Vec<Item>,
    /// The price of `items`.
    #[schema(example = 12_000)]
    food_krw: Krw,
    /// The most that the guest pays of the delivery fee; the host has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 1_500)]
    fee_cap_krw: Option<Krw>,
    /// Food and fee less the discount, from the lock on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 13_000)]
    owed_krw: Option<Krw>,
    /// Paid in all, whatever went back.
    #[schema(example = 13_500)]
    paid_krw: Krw,
    /// On its way back.
    #[schema(example = 0)]
    refunding_krw: Krw,
    /// Has gone back.
    #[schema(example = 500)]
    refunded_krw: Krw,
    /// Until when a held seat has to be paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    held_until: Option<Timestamp>,
    /// The payment to make, or the last one; one's own alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    payment: Option<PaymentView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dispute: Option<DisputeView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    joined_at: Option<Timestamp>,
    /// Rises with each change.
    #[schema(example = 2)]
    version: i64,
}

/// A guest's complaint.
#[derive(Serialize, ToSchema)]
pub struct DisputeView {
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
    /// What an operator has granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 2_000)]
    refund_krw: Option<Krw>,
    opened_at: Timestamp,
}

impl From<Dispute> for DisputeView {
    fn from(dispute: Dispute) -> Self {
        Self {
            kind: dispute.kind,
            state: dispute.state,
            note: dispute.note,
            amount_krw: dispute.amount_krw,
            refund_krw: dispute.refund_krw,
            opened_at: dispute.opened_at.into(),
        }
    }
}

impl OrderView {
    pub fn seen_by(order: &Order, party: &Party, viewer: UserId) -> Self {
        Self::of(order, party.id, &party.terms.store.name, order.user_id == viewer)
    }

    /// Others' payments and complaints are not shown.
    fn of(order: &Order, party_id: PartyId, order_name: &str, own: bool) -> Self {
        let view = Self::whole(order, party_id, order_name);
        if own { view } else { Self { payment: None, dispute: None, ..view } }
    }

    fn whole(order: &Order, party_id: PartyId, order_name: &str) -> Self {
        let payment = order.present_payment();
        Self {
            id: order.id,
            party_id,
            user_id: order.user_id,
            state: order.state,
            transfer_state: order.transfer_state,
            items: order.items.clone(),
            food_krw: order.food_krw,
            fee_cap_krw: order.fee_cap_krw,
            owed_krw: order.owed_krw,
            paid_krw: order.captured(),
            refunding_krw: order.refunding(),
            refunded_krw: order.refunded(),
            held_until: order.held_until.map(Timestamp),
            payment: payment.map(|payment| PaymentView::of(payment, order.user_id, order_name)),
            dispute: order.dispute.clone().map(DisputeView::from),
            joined_at: order.joined_at.map(Timestamp),
            version: order.version,
        }
    }
}

impl From<&InParty> for OrderView {
    fn from(seat: &InParty) -> Self {
        Self::of(&seat.order, seat.party_id, &seat.order_name, seat.own)
    }
}

pub(super) fn changed(seat: &InParty) -> HttpResponse {
    HttpResponse::Ok().insert_header(ETag::of(seat.order.version).header()).json(OrderView::from(seat))
}

/// What somebody eats.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ItemsBody {
    /// All of it: what was ordered before is replaced.
    #[schema(min_items = 1, max_items = 30)]
    items: Vec<Item>,
}

errors!(JoinPartyErrors: CALLER, BODY, KEYED;
    NotFound, TrustTooLow, AlreadyJoined, Kicked, PartyNotOpen, DeadlinePassed, TooManyHolds, PartyFull, AmountTooSmall);

/// Join a party
///
/// Takes a seat. In a prepaid party it is held for 5 minutes, until its `payment` is made: give the payment's fields to the
/// Toss widget and confirm it with the `payment_key` that comes back. In a transfer party it is taken at once.
#[utoipa::path(
    tag = "Orders",
    security(("bearer" = [])),
    params(
        ("id" = PartyId, Path, description = "The party's id."),
        IdempotencyKey,
    ),
    request_body(content = ItemsBody, description = "What the guest eats, for more than 0 KRW."),
    responses(
        (status = 201, description = "The seat is taken, or held until it is paid.", body = OrderView, headers(
            ("Location" = String, description = "Where the order is."),
            ("ETag" = String, description = "Its version."),
            ("Idempotency-Replayed" = String, description = "`true` on the answer to a repeated command."),
        )),
        JoinPartyErrors,
    ),
)]
#[post("/v1/parties/{id}/orders")]
pub async fn join_party(
    app: Data<App>,
    caller: Caller,
    id: Path<PartyId>,
    body: Keyed<ItemsBody>,
) -> Result<HttpResponse> {
    let key = body.key("POST /v1/parties/{id}/orders");
    let joined = orders::join(&app, caller.user_id, id.0, body.body.items.clone(), &key).await?;
    let mut response = HttpResponse::Created();
    response.insert_header(("Location", format!("/v1/orders/{}", joined.order.order.id)));
    response.insert_header(ETag::of(joined.order.order.version).header());
    if joined.replayed {
        response.insert_header(("Idempotency-Replayed", "true"));
    }
    Ok(response.json(OrderView::from(&joined.order)))
}

errors!(GetOrderErrors: CALLER; NotFound);

/// An order
///
/// For its owner and the host of its party.
#[utoipa::path(
    tag = "Orders",
    security(("bearer" = [])),
    params(
        ("id" = OrderId, Path, description = "The order's id."),
        IfNoneMatch,
    ),
    responses(
        (status = 200, description = "The order.", body = OrderView, headers(("ETag" = String, description = "Its version."))),
        (status = 304, description = "The client has this version."),
        GetOrderErrors,
    ),
)]
#[get("/v1/orders/{id}")]
pub async fn get_order(
    app: Data<App>,
    caller: Caller,
    id: Path<OrderId>,
    request: HttpRequest,
) -> Result<HttpResponse> {
    let seat = orders::see(&app, caller.user_id, id.0).await?;
    Ok(ETag::of(seat.order.version).respond(&request, OrderView::from(&seat)))
}

errors!(ChangeItemsErrors: CALLER, BODY;
    NotFound, NotTheOwner, PreconditionFailed, PartyNotOpen, DeadlinePassed, WrongState, PaymentPending, AmountTooSmall);

/// Change one's items
///
/// While the party is open. Cheaper items act at once, and the difference goes back; dearer ones of a prepaid guest act when
/// the `top_up` payment in the answer is made, within 5 minutes.
#[utoipa::path(
    tag = "Orders",
    security(("bearer" = [])),
    params(
        ("id" = OrderId, Path, description = "The order's id."),
        IfMatch,
    ),
    request_body(content = ItemsBody, description = "What the guest eats now."),
    responses((status = 200, description = "The order.", body = OrderView), ChangeItemsErrors),
)]
#[put("/v1/orders/{id}/items")]
pub async fn change_items(
    app: Data<App>,
    caller: Caller,
    id: Path<OrderId>,
    expected: Expected,
    body: Json<ItemsBody>,
) -> Result<HttpResponse> {
    Ok(changed(&orders::change_items(&app, caller.user_id, id.0, body.0.items, &expected).await?))
}

/// Why a guest is sent away.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndQuery {
    reason: Option<String>,
}

errors!(EndOrderErrors: CALLER, QUERY; PreconditionFailed, NotFound, PartyNotOpen, DeadlinePassed, WrongState, HostCannotLeave);

/// Leave a party, or send a guest away
///
/// The owner leaves; the host sends a guest away and must give a reason. Only while the party is open; all money goes back. A
/// guest who was sent away cannot return.
#[utoipa::path(
    tag = "Orders",
    security(("bearer" = [])),
    params(
        ("id" = OrderId, Path, description = "The order's id."),
        IfMatch,
        ("reason" = Option<String>, Query, description = "Why the guest is sent away, 1 to 200 characters.", example = "연락이 안 돼요"),
    ),
    responses((status = 200, description = "The order, as it ended.", body = OrderView), EndOrderErrors),
)]
#[delete("/v1/orders/{id}")]
pub async fn end_order(
    app: Data<App>,
    caller: Caller,
    id: Path<OrderId>,
    expected: Expected,
    query: Query<EndQuery>,
) -> Result<HttpResponse> {
    Ok(changed(&orders::end(&app, caller.user_id, id.0, query.0.reason.as_deref(), &expected).await?))
}

errors!(PickUpErrors: CALLER; PreconditionFailed, NotFound, WrongState);

/// Pick up an order
///
/// By its owner or the host, once the food has arrived. The owner's own word overrides a no-show.
#[utoipa::path(
    tag = "Orders",
    security(("bearer" = [])),
    params(("id" = OrderId, Path, description = "The order's id."), IfMatch),
    responses((status = 200, description = "The order.", body = OrderView), PickUpErrors),
)]
#[put("/v1/orders/{id}/pickup")]
pub async fn pick_up_order(
    app: Data<App>,
    caller: Caller,
    id: Path<OrderId>,
    expected: Expected,
) -> Result<HttpResponse> {
    Ok(changed(&orders::pick_up(&app, caller.user_id, id.0, &expected).await?))
}

errors!(NoShowErrors: CALLER; PreconditionFailed, NotFound, NotTheHost, WrongState, TooEarly);

/// Tell that a guest has not come
///
/// By the host, from 30 minutes after the arrival on.
#[utoipa::path(
    tag = "Orders",
    security(("bearer" = [])),
    params(("id" = OrderId, Path, description = "The order's id."), IfMatch),
    responses((status = 200, description = "The order.", body = OrderView), NoShowErrors),
)]
#[put("/v1/orders/{id}/no-show")]
pub async fn no_show_order(
    app: Data<App>,
    caller: Caller,
    id: Path<OrderId>,
    expected: Expected,
) -> Result<HttpResponse> {
    Ok(changed(&orders::no_show(&app, caller.user_id, id.0, &expected).await?))
}

/// What went wrong.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DisputeBody {
    kind: DisputeKind,
    /// Up to 200 characters.
    #[serde(default, deserialize_with = "present")]
    #[schema(example = "콜라가 빠졌어요", max_length = 200)]
    note: Option<String>,
    /// What the guest asks back; all of it when absent.
    #[serde(default, deserialize_with = "present")]
    #[schema(example = 2_000, minimum = 1)]
    amount_krw: Option<Krw>,
}

errors!(DisputeErrors: CALLER, BODY; PreconditionFailed, NotFound, NotTheOwner, WrongState, DisputeClosed);

/// Complain about an order
///
/// By a guest of a prepaid party, from the arrival until 24 hours after it. His share is frozen until an operator decides.
#[utoipa::path(
    tag = "Orders",
    security(("bearer" = [])),
    params(("id" = OrderId, Path, description = "The order's id."), IfMatch),
    request_body(content = DisputeBody, description = "What went wrong.", example = json!({"kind": "item_missing", "note": "콜라가 빠졌어요", "amount_krw": 2000})),
    responses((status = 200, description = "The order.", body = OrderView), DisputeErrors),
)]
#[put("/v1/orders/{id}/dispute")]
pub async fn dispute_order(
    app: Data<App>,
    caller: Caller,
    id: Path<OrderId>,
    expected: Expected,
    body: Json<DisputeBody>,
) -> Result<HttpResponse> {
    let DisputeBody { kind, note, amount_krw } = body.0;
    Ok(changed(&orders::dispute(&app, caller.user_id, id.0, Complaint { kind, note, amount_krw }, &expected).await?))
}
