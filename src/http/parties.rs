//! Parties in JSON: opening one, its public view, its course. What members see is in `rooms.rs`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get, patch, post, put};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::{App, Expected, boosts, cached, parties};
use crate::domain::error::Result;
use crate::domain::geo::DistanceBand;
use crate::domain::listing::Listing;
use crate::domain::money::Krw;
use crate::domain::party::{HostReason, Placing, State};
use crate::domain::split::Split;
use crate::domain::terms::{Draft, Edit, Settlement, Store};
use crate::errors;
use crate::http::extract::{Caller, ETag, Json, Keyed, Path};
use crate::http::rooms::{RoomView, changed};
use crate::http::schema::{IdempotencyKey, IfMatch, IfNoneMatch, PartyId, Timestamp, UserId, finished};

/// About where it is: the centre of a cell of some 200 m, and how far its edge is.
#[derive(Serialize, ToSchema)]
pub struct Area {
    /// Degrees, WGS 84.
    #[schema(example = 37.498_5)]
    lat: f64,
    /// Degrees, WGS 84.
    #[schema(example = 127.028_1)]
    lng: f64,
    /// The neighbourhood.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "역삼동")]
    name: Option<String>,
    /// Metres.
    #[schema(example = 200)]
    radius_m: u16,
}

/// Who opened a party.
#[derive(Serialize, ToSchema)]
pub struct HostView {
    id: UserId,
    /// Not unique.
    #[schema(example = "민아")]
    nickname: String,
    /// 0 to 100.
    #[schema(example = 50)]
    trust: i16,
}

/// A party as everybody sees it. `fee_krw` is the delivery fee as things stand, `fee_cap_krw` the most that a guest pays of it.
#[derive(Serialize, ToSchema)]
pub struct PartyView {
    id: PartyId,
    /// In the host's words.
    #[schema(example = "치킨 같이 시켜요")]
    title: String,
    store: Store,
    area: Area,
    state: State,
    host: HostView,
    /// Members who have joined, the host among them.
    #[schema(example = 2)]
    member_count: i16,
    /// As `member_count`, with the seats that are only held.
    #[schema(example = 3)]
    seats_taken: i16,
    /// Most members, the host counted.
    #[schema(example = 4)]
    capacity: i16,
    /// Fewest members with which the party is locked, the host counted.
    #[schema(example = 2)]
    min_members: i16,
    /// Least food in all with which the party is locked.
    #[schema(example = 20_000)]
    min_order_krw: Krw,
    /// Food of those who have joined.
    #[schema(example = 31_000)]
    food_total_krw: Krw,
    /// The delivery fee as things stand.
    #[schema(example = 3_000)]
    fee_krw: Krw,
    /// The most that a guest pays of it.
    #[schema(example = 1_500)]
    fee_cap_krw: Krw,
    deadline_at: Timestamp,
    settlement: Settlement,
    split: Split,
    /// Lifted to the top of the search for a while.
    #[schema(example = false)]
    boosted: bool,
    /// Rises with each change.
    #[schema(example = 3)]
    version: i64,
    created_at: Timestamp,
    /// In search results: how far its area's centre is.
    #[serde(skip_serializing_if = "Option::is_none")]
    distance_band: Option<DistanceBand>,
}

impl From<Listing> for PartyView {
    fn from(listing: Listing) -> Self {
        Self {
            id: listing.id,
            title: listing.title,
            store: listing.store,
            area: Area { lat: listing.area.lat, lng: listing.area.lng, name: listing.area_name, radius_m: 200 },
            state: listing.state,
            host: HostView { id: listing.host_id, nickname: listing.host_nickname, trust: listing.host_trust },
            member_count: listing.member_count,
            seats_taken: listing.seats_taken,
            capacity: listing.capacity,
            min_members: listing.min_members,
            min_order_krw: listing.min_order_krw,
            food_total_krw: listing.food_total_krw,
            fee_krw: listing.fee_krw,
            fee_cap_krw: listing.fee_cap_krw,
            deadline_at: listing.deadline_at.into(),
            settlement: listing.settlement,
            split: listing.split,
            boosted: listing.is_boosted,
            version: listing.version,
            created_at: listing.created_at.into(),
            distance_band: None,
        }
    }
}

/// The public view as it is cached.
pub fn public_view(listing: Listing) -> Result<Vec<u8>> {
    finished(&PartyView::from(listing))
}

errors!(CreatePartyErrors: CALLER, BODY, KEYED; TrustTooLow, AlreadyHosting, SettlementUnavailable);

/// Open a party
///
/// The caller becomes its host; his own order comes with it. A user hosts one party at a time (two with Plus).
#[utoipa::path(
    tag = "Parties",
    security(("bearer" = [])),
    params(IdempotencyKey),
    request_body(content = Draft, description = "The party to open. `deadline_at` must be 10 minutes to 24 hours ahead."),
    responses(
        (status = 201, description = "The party is open; its room.", body = RoomView, headers(
            ("Location" = String, description = "Where the party is."),
            ("ETag" = String, description = "Its version."),
            ("Idempotency-Replayed" = String, description = "`true` on the answer to a repeated command."),
        )),
        CreatePartyErrors,
    ),
)]
#[post("/v1/parties")]
pub async fn create_party(app: Data<App>, caller: Caller, draft: Keyed<Draft>) -> Result<HttpResponse> {
    let key = draft.key("POST /v1/parties");
    let opened = parties::open(&app, caller.user_id, draft.body.clone(), &key).await?;
    let party = &opened.room.party;
    let mut response = HttpResponse::Created();
    response.insert_header(("Location", format!("/v1/parties/{}", party.id)));
    response.insert_header(ETag::of(party.version).header());
    if opened.replayed {
        response.insert_header(("Idempotency-Replayed", "true"));
    }
    Ok(response.json(RoomView::of(opened.room, caller.user_id)))
}

errors!(GetPartyErrors: CALLER; NotFound);

/// A party
///
/// The public view: about where it is, never the exact spot.
#[utoipa::path(
    tag = "Parties",
    security(("bearer" = [])),
    params(
        ("id" = PartyId, Path, description = "The party's id."),
        IfNoneMatch,
    ),
    responses(
        (status = 200, description = "The party.", body = PartyView, headers(("ETag" = String, description = "Its version."))),
        (status = 304, description = "The client has this version."),
        GetPartyErrors,
    ),
)]
#[get("/v1/parties/{id}")]
pub async fn get_party(
    app: Data<App>,
    caller: Caller,
    id: Path<PartyId>,
    request: HttpRequest,
) -> Result<HttpResponse> {
    let entry = cached::party(&app, caller.user_id, id.0, public_view).await?;
    Ok(ETag::of(entry.version).respond_finished(&request, entry.body))
}

errors!(UpdatePartyErrors: CALLER, BODY; NotFound, NotTheHost, PreconditionFailed, PartyNotOpen, DeadlinePassed, TermsFrozen);

/// Edit an open party
///
/// By the host. Once a guest holds a seat only title, memo, `auto_lock`, capacity and a deadline up to 30 minutes later can
/// change; the position never can. A merge patch (RFC 7396): what is absent stays.
#[utoipa::path(
    tag = "Parties",
    security(("bearer" = [])),
    params(
        ("id" = PartyId, Path, description = "The party's id."),
        IfMatch,
    ),
    request_body(content = Edit, description = "What to change.", example = json!({"title": "치킨 같이 시켜요 (한 자리!)"})),
    responses((status = 200, description = "The room, as changed.", body = RoomView), UpdatePartyErrors),
)]
#[patch("/v1/parties/{id}")]
pub async fn update_party(
    app: Data<App>,
    caller: Caller,
    id: Path<PartyId>,
    expected: Expected,
    edit: Json<Edit>,
) -> Result<HttpResponse> {
    Ok(changed(parties::edit(&app, caller.user_id, id.0, edit.0, &expected).await?, caller))
}

errors!(LockPartyErrors: CALLER; PreconditionFailed, NotFound, NotTheHost, WrongState, TooFewMembers, OrderTooSmall, PaymentPending);

/// Lock a party
///
/// By the host, once there are enough members and food. Unpaid seats expire, the split is final, and what guests paid too
/// much goes back. Repeated: 200 and the room as it is.
#[utoipa::path(
    tag = "Parties",
    security(("bearer" = [])),
    params(("id" = PartyId, Path, description = "The party's id."), IfMatch),
    responses((status = 200, description = "The room.", body = RoomView), LockPartyErrors),
)]
#[put("/v1/parties/{id}/lock")]
pub async fn lock_party(app: Data<App>, caller: Caller, id: Path<PartyId>, expected: Expected) -> Result<HttpResponse> {
    Ok(changed(parties::lock(&app, caller.user_id, id.0, &expected).await?, caller))
}

/// The order at the store.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlacementBody {
    /// 1 to 60 characters.
    #[schema(example = "B-1024", min_length = 1, max_length = 60)]
    store_order_no: String,
    /// What the store charges in all; at least half of the quote's total.
    #[schema(example = 34_000, minimum = 1)]
    receipt_total_krw: Krw,
    /// When the food is expected; 40 minutes from now by default.
    #[serde(default, deserialize_with = "crate::domain::json::present")]
    eta_at: Option<Timestamp>,
}

errors!(PlacePartyErrors: CALLER, BODY; PreconditionFailed, NotFound, NotTheHost, WrongState, ReceiptImplausible);

/// Tell that the order is placed
///
/// By the host, within 15 minutes of the lock. Until arrival another body corrects it.
#[utoipa::path(
    tag = "Parties",
    security(("bearer" = [])),
    params(("id" = PartyId, Path, description = "The party's id."), IfMatch),
    request_body(content = PlacementBody, description = "The order at the store.", example = json!({"store_order_no": "B-1024", "receipt_total_krw": 34000})),
    responses((status = 200, description = "The room.", body = RoomView), PlacePartyErrors),
)]
#[put("/v1/parties/{id}/placement")]
pub async fn place_party(
    app: Data<App>,
    caller: Caller,
    id: Path<PartyId>,
    expected: Expected,
    body: Json<PlacementBody>,
) -> Result<HttpResponse> {
    let PlacementBody { store_order_no, receipt_total_krw, eta_at } = body.0;
    let placing = Placing { store_order_no, receipt_total_krw, eta_at: eta_at.map(|at| at.0) };
    Ok(changed(parties::place(&app, caller.user_id, id.0, placing, &expected).await?, caller))
}

errors!(ArrivePartyErrors: CALLER; PreconditionFailed, NotFound, NotAMember, WrongState);

/// Tell that the food has arrived
///
/// By the host, or by a guest as his vote: when half of the guests say so, it has. Then the pick-up window of 30 minutes begins.
#[utoipa::path(
    tag = "Parties",
    security(("bearer" = [])),
    params(("id" = PartyId, Path, description = "The party's id."), IfMatch),
    responses((status = 200, description = "The room.", body = RoomView), ArrivePartyErrors),
)]
#[put("/v1/parties/{id}/arrival")]
pub async fn arrive_party(
    app: Data<App>,
    caller: Caller,
    id: Path<PartyId>,
    expected: Expected,
) -> Result<HttpResponse> {
    Ok(changed(parties::arrive(&app, caller.user_id, id.0, &expected).await?, caller))
}

/// Why a host cancels.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancellationBody {
    /// `host` in an open or locked party, `store` in a placed one.
    reason: HostReason,
}

errors!(CancelPartyErrors: CALLER, BODY; PreconditionFailed, NotFound, NotTheHost, WrongState);

/// Cancel a party
///
/// By the host: `host` while it is open or locked, `store` once it is placed and the store does not deliver. Everybody gets
/// all of his money back.
#[utoipa::path(
    tag = "Parties",
    security(("bearer" = [])),
    params(("id" = PartyId, Path, description = "The party's id."), IfMatch),
    request_body(content = CancellationBody, description = "Why.", example = json!({"reason": "host"})),
    responses((status = 200, description = "The room.", body = RoomView), CancelPartyErrors),
)]
#[put("/v1/parties/{id}/cancellation")]
pub async fn cancel_party(
    app: Data<App>,
    caller: Caller,
    id: Path<PartyId>,
    expected: Expected,
    body: Json<CancellationBody>,
) -> Result<HttpResponse> {
    Ok(changed(parties::cancel(&app, caller.user_id, id.0, body.0.reason.into(), &expected).await?, caller))
}

errors!(BoostPartyErrors: CALLER; PreconditionFailed, NotFound, NotTheHost, PartyNotOpen, DeadlinePassed, NoBoosts);

/// Boost a party
///
/// By the host of an open party: one boost lifts it to the top of the search for 30 minutes. While it is lifted, repeating this
/// is 200 and spends nothing.
#[utoipa::path(
    tag = "Parties",
    security(("bearer" = [])),
    params(("id" = PartyId, Path, description = "The party's id."), IfMatch),
    responses((status = 200, description = "The room.", body = RoomView), BoostPartyErrors),
)]
#[put("/v1/parties/{id}/boost")]
pub async fn boost_party(
    app: Data<App>,
    caller: Caller,
    id: Path<PartyId>,
    expected: Expected,
) -> Result<HttpResponse> {
    Ok(changed(boosts::boost(&app, caller.user_id, id.0, &expected).await?, caller))
}
