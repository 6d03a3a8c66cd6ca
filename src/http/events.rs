//! A party's events as a stream (server-sent events of the HTML standard): which of a step each member is told, and in which form.

use actix_web::http::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse, get};
use futures_util::stream;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::app::events::{self, Following, Heard, Told, Viewer};
use crate::domain::error::{Error, FieldFault, Result};
use crate::domain::event::{Audience, Event, EventKind, What};
use crate::domain::id::Id;
use crate::domain::money::Krw;
use crate::domain::user::User;
use crate::errors;
use crate::http::extract::{Caller, Path};
use crate::http::messages::MessageView;
use crate::http::schema::{OrderId, PartyId, Timestamp, UserId, finished};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// A proxy that gathers answers must not gather these (nginx).
const NO_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// Says nothing, and shows both ends that the other is there.
const HEARTBEAT: Bytes = Bytes::from_static(b":\n\n");

/// A change of a party: the data of an event `change`.
#[derive(Serialize, ToSchema)]
pub struct RoomChange {
    /// The event's id; rises.
    #[schema(example = 12)]
    seq: i64,
    /// The party's version now.
    #[schema(example = 7)]
    version: i64,
    /// What has happened, as far as it is the caller's to know; may be empty.
    events: Vec<RoomEvent>,
    at: Timestamp,
}

/// One thing that has happened in a party.
#[derive(Serialize, ToSchema)]
pub struct RoomEvent {
    kind: EventKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<OrderId>,
    /// Whom it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<UserId>,
    /// Only of what is the caller's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 500)]
    amount_krw: Option<Krw>,
}

/// The data of the event `ready`, the first of a stream that resumes nothing.
#[derive(Serialize, ToSchema)]
pub struct Ready {
    /// The newest step of the party: what is read from now on is at least as new.
    #[schema(example = 11)]
    seq: i64,
}

errors!(FollowPartyErrors: CALLER; NotFound, NotAMember, Invalid);

/// Follow a party live
///
/// A stream of server-sent events for members: `change` with a `RoomChange` each time that the party comes to have another version, `message` with a
/// `Message` for each message, both with their `seq` as id and in its order; first `ready` with the newest `seq`, unless the stream resumes. With
/// `Last-Event-ID` it goes on behind that id, without loss or repeat. A comment comes after 15 seconds of silence.
///
/// The server ends the stream when the caller leaves or is sent away (after that event), when the access token ends, with the session, when he is suspended,
/// when he reads too slowly, and when the process ends. Come again with `Last-Event-ID` and a good token; 403 and 404 are final.
#[utoipa::path(
    tag = "Chat",
    security(("bearer" = [])),
    params(
        ("id" = PartyId, Path, description = "The party's id."),
        ("Last-Event-ID" = Option<u32>, Header, description = "The id of the last event that arrived.", example = 11),
    ),
    responses(
        (status = 200, description = "The stream.", body = String, content_type = "text/event-stream", example = json!(
            "retry: 1000\nid: 11\nevent: ready\ndata: {\"seq\":11}\n\nid: 12\nevent: message\ndata: {\"seq\":12,\"kind\":\"text\",…}\n\n"
        )),
        FollowPartyErrors,
    ),
)]
#[get("/v1/parties/{id}/events")]
pub async fn follow_party(
    app: Data<App>,
    caller: Caller,
    id: Path<PartyId>,
    request: HttpRequest,
) -> Result<HttpResponse> {
    let after = last_event_id(&request)?;
    let app = app.into_inner();
    let viewer = Viewer { user_id: caller.user_id, session_id: caller.session_id, until: caller.expires_at };
    let following = events::follow(&app, viewer, id.0, after).await?;
    let first = match after {
        // How long a browser waits before it comes again.
        Some(_) => Bytes::from_static(b"retry: 1000\n\n"),
        None => frame("retry: 1000\n", following.seq, "ready", &Ready { seq: following.seq })?,
    };
    let stream = stream::unfold((Some(first), following), |(first, mut following)| async move {
        let bytes = match first {
            Some(first) => Ok(first),
            None => match following.next().await? {
                Heard::Silence => Ok(HEARTBEAT),
                Heard::Step(told) => written(&told, &following),
            },
        };
        Some((bytes, (None, following)))
    });
    let mut response = HttpResponse::Ok();
    response.content_type("text/event-stream");
    response.insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")));
    response.insert_header((NO_BUFFERING, HeaderValue::from_static("no")));
    Ok(response.streaming(stream))
}

/// A number of ours; of a stream that nobody has numbered yet 0.
fn last_event_id(request: &HttpRequest) -> Result<Option<i64>> {
    let Some(id) = request.headers().get(LAST_EVENT_ID) else { return Ok(None) };
    let id = id.to_str().ok().and_then(|id| id.parse::<u32>().ok());
    id.map(|id| Some(i64::from(id))).ok_or_else(|| Error::field("Last-Event-ID", FieldFault::OutOfRange))
}

/// The step as this viewer is told it.
fn written(told: &Told, following: &Following) -> Result<Bytes> {
    let step = &told.step;
    match &step.what {
        What::Said(message) => shared(told, || frame("", step.seq, "message", &MessageView::from(message))),
        What::Changed { version, events } => {
            let change = |events| {
                frame(
                    "",
                    step.seq,
                    "change",
                    &RoomChange { seq: step.seq, version: *version, events, at: step.at.into() },
                )
            };
            let is_same_for_all =
                |event: &Event| event.kind.audience() == Audience::Members && event.amount_krw.is_none();
            if events.iter().all(is_same_for_all) {
                return shared(told, || change(events.iter().map(|event| view(event, false)).collect()));
            }
            change(seen(events, following.viewer.user_id, following.host_id))
        }
    }
}

fn shared(told: &Told, make: impl FnOnce() -> Result<Bytes>) -> Result<Bytes> {
    if let Some(bytes) = told.shared.get() {
        return Ok(bytes.clone());
    }
    let bytes = make()?;
    Ok(told.shared.get_or_init(|| bytes).clone())
}

/// Of a step's events those that are this viewer's to know.
fn seen(events: &[Event], viewer: Id<User>, host: Id<User>) -> Vec<RoomEvent> {
    let own = |event: &Event| event.user_id == Some(viewer);
    let is_told = |event: &&Event| match event.kind.audience() {
        Audience::Members => true,
        Audience::Oneself => own(event),
        Audience::Host => viewer == host,
    };
    let with_amount = |event: &Event| own(event) || event.kind.audience() == Audience::Host;
    events.iter().filter(is_told).map(|event| view(event, with_amount(event))).collect()
}

fn view(event: &Event, with_amount: bool) -> RoomEvent {
    RoomEvent {
        kind: event.kind,
        order_id: event.order_id,
        user_id: event.user_id,
        amount_krw: event.amount_krw.filter(|_| with_amount),
    }
}

fn frame(before: &str, seq: i64, name: &str, data: &impl Serialize) -> Result<Bytes> {
    let data = finished(data)?;
    let mut bytes = format!("{before}id: {seq}\nevent: {name}\ndata: ").into_bytes();
    // JSON has no line breaks of its own.
    bytes.extend_from_slice(&data);
    bytes.extend_from_slice(b"\n\n");
    Ok(bytes.into())
}
