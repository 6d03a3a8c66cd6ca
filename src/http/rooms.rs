//! A party's room in JSON: the exact spot, the orders, the quote. It is for members alone; `parties.rs` has what everybody sees.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::{App, parties};
use crate::domain::error::Result;
use crate::domain::money::Krw;
use crate::domain::party::{CancelReason, Placement};
use crate::domain::terms::{Pickup, TransferAccount};
use crate::errors;
use crate::http::extract::{Caller, ETag, Path};
use crate::http::orders::OrderView;
use crate::http::parties::PartyView;
use crate::http::quotes::QuoteView;
use crate::http::schema::{IfNoneMatch, OrderId, PartyId, Timestamp, UserId};

/// What the host told about the order at the store.
#[derive(Serialize, ToSchema)]
pub struct PlacementView {
    /// What the store calls the order.
    #[schema(example = "B-1024")]
    store_order_no: String,
    /// What the store charges in all.
    #[schema(example = 34_000)]
    receipt_total_krw: Krw,
    eta_at: Timestamp,
    placed_at: Timestamp,
}

impl From<Placement> for PlacementView {
    fn from(placement: Placement) -> Self {
        Self {
            store_order_no: placement.store_order_no,
            receipt_total_krw: placement.receipt_total_krw,
            eta_at: placement.eta_at.into(),
            placed_at: placement.placed_at.into(),
        }
    }
}

/// A party as its members see it.
#[derive(Serialize, ToSchema)]
pub struct RoomView {
    #[serde(flatten)]
    party: PartyView,
    pickup: Pickup,
    my_order_id: OrderId,
    /// The members' orders; payments are shown of one's own alone.
    orders: Vec<OrderView>,
    /// Final from the lock on.
    #[serde(skip_serializing_if = "Option::is_none")]
    quote: Option<QuoteView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    placement: Option<PlacementView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    locked_at: Option<Timestamp>,
    /// Until when the host has to place the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    placement_due_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arrived_at: Option<Timestamp>,
    /// From then on a guest who has not come is a no-show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pickup_until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancel_reason: Option<CancelReason>,
    /// Of a transfer party, for confirmed members.
    #[serde(skip_serializing_if = "Option::is_none")]
    transfer_account: Option<TransferAccount>,
}

impl RoomView {
    pub fn of(room: parties::Room, viewer: UserId) -> Self {
        let parties::Room { party, account } = room;
        let seen = |order: &&crate::domain::order::Order| {
            order.is_live() || order.user_id == viewer || party.ended_at.is_some()
        };
        Self {
            my_order_id: party.order_of(viewer).map_or(OrderId::from_raw(0), |order| order.id),
            orders: party.orders.iter().filter(seen).map(|order| OrderView::seen_by(order, &party, viewer)).collect(),
            quote: party.quote.clone().map(|quote| QuoteView::of(quote, true)),
            placement: party.placement.clone().map(PlacementView::from),
            locked_at: party.locked_at.map(Timestamp),
            placement_due_at: party.placement_due_at().map(Timestamp),
            arrived_at: party.arrived_at.map(Timestamp),
            pickup_until: party.pickup_until().map(Timestamp),
            cancel_reason: party.cancel_reason,
            transfer_account: account,
            pickup: party.terms.pickup.clone(),
            party: party.listing().into(),
        }
    }
}

/// The room as the answer to a change, with its new version.
pub fn changed(room: parties::Room, caller: Caller) -> HttpResponse {
    let tag = ETag::of(room.party.version);
    HttpResponse::Ok().insert_header(tag.header()).json(RoomView::of(room, caller.user_id))
}

errors!(GetRoomErrors: CALLER; NotFound, NotAMember);

/// A party's room
///
/// The members' view: the exact spot, the orders, the quote.
#[utoipa::path(
    tag = "Parties",
    security(("bearer" = [])),
    params(
        ("id" = PartyId, Path, description = "The party's id."),
        IfNoneMatch,
    ),
    responses(
        (status = 200, description = "The room.", body = RoomView, headers(("ETag" = String, description = "Its version."))),
        (status = 304, description = "The client has this version."),
        GetRoomErrors,
    ),
)]
#[get("/v1/parties/{id}/room")]
pub async fn get_room(app: Data<App>, caller: Caller, id: Path<PartyId>, request: HttpRequest) -> Result<HttpResponse> {
    let room = parties::see(&app, caller.user_id, id.0).await?;
    let tag = ETag::of(room.party.version);
    Ok(tag.respond(&request, RoomView::of(room, caller.user_id)))
}
