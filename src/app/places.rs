//! Looking for places on the map. Points are rounded before they leave the house: nobody's exact position does, and neighbours
//! ask the same.

use crate::app::App;
use crate::domain::error::{Code, Error, Field, FieldFault, Result};
use crate::domain::geo::Point;
use crate::domain::place::{Address, Place, Region};
use crate::upstream::client::Deadline;
use crate::upstream::kakao_local::When;
use crate::upstream::{Fault, why};

/// Decimals of a degree: some 100 m where it is only about what comes first, some 10 m where the answer depends on it.
const NEAR: i32 = 3;
const EXACT: i32 = 4;
/// When nobody has said how long it takes.
const COME_BACK_MS: u64 = 5_000;

/// A place, and how far it is from where somebody looks.
pub struct Found {
    pub place: Place,
    pub distance_m: Option<u32>,
}

/// Places by name or kind, those near a point first.
pub async fn find(app: &App, query: &str, near: Option<Point>) -> Result<Vec<Found>> {
    let asked = near.map(|point| point.rounded(NEAR));
    let places = load_places(app, query, asked, patient(app)).await?;
    let found = |place: Place| Found { distance_m: near.map(|near| near.metres_to(place.point)), place };
    Ok(places.into_iter().map(found).collect())
}

/// Addresses that fit what somebody has typed.
pub async fn addresses(app: &App, query: &str) -> Result<Vec<Address>> {
    load_addresses(app, query, patient(app)).await
}

/// The regions of a point; none at sea and abroad.
pub async fn regions(app: &App, point: Point) -> Result<Vec<Region>> {
    load_regions(app, point.rounded(EXACT), patient(app)).await
}

/// As [`regions`] of the centre of a party's area, while nobody waits.
pub(super) async fn regions_of_area(app: &App, centre: Point) -> Result<Vec<Region>> {
    load_regions(app, centre.rounded(EXACT), Deadline::within(app.config.patience.background)).await
}

fn patient(app: &App) -> Deadline {
    Deadline::within(app.config.patience.phone)
}

async fn load_places(app: &App, query: &str, near: Option<Point>, deadline: Deadline) -> Result<Vec<Place>> {
    let reply = app.kakao.places(query, near, when(app, deadline)).await;
    reply.map_err(|fault| refusal(&fault))?.ok_or_else(|| nonsense(&["query"], FieldFault::NotPermittedCharacter))
}

async fn load_addresses(app: &App, query: &str, deadline: Deadline) -> Result<Vec<Address>> {
    let reply = app.kakao.addresses(query, when(app, deadline)).await;
    reply.map_err(|fault| refusal(&fault))?.ok_or_else(|| nonsense(&["query"], FieldFault::NotPermittedCharacter))
}

async fn load_regions(app: &App, point: Point, deadline: Deadline) -> Result<Vec<Region>> {
    let reply = app.kakao.regions(point, when(app, deadline)).await;
    reply.map_err(|fault| refusal(&fault))?.ok_or_else(|| nonsense(&["lat", "lng"], FieldFault::OutOfRange))
}

fn when(app: &App, deadline: Deadline) -> When {
    When { now: app.clock.now(), deadline }
}

fn nonsense(parameters: &[&str], fault: FieldFault) -> Error {
    Error::fields(parameters.iter().map(|name| Field { pointer: (*name).to_owned(), fault }).collect())
}

/// What we tell a client when the map gave no usable answer; the map's own words and statuses stay here.
fn refusal(fault: &Fault) -> Error {
    let code = match fault {
        Fault::Unreachable | Fault::Busy { .. } | Fault::NotNow => Code::MapUnavailable,
        Fault::Untrusted => Code::MapUntrusted,
        Fault::Unknown(why::TIMEOUT) => Code::MapTimeout,
        Fault::Unknown(_) => Code::MapBadAnswer,
        Fault::Refused(_) | Fault::Rejected(_) | Fault::Already => Code::Internal,
    };
    let retry_after_ms = match fault {
        Fault::Busy { retry_after_ms } => Some(retry_after_ms.unwrap_or(COME_BACK_MS)),
        _ => None,
    };
    Error::internal(code, format_args!("map: {fault:?}")).with(|more| more.retry_after_ms = retry_after_ms)
}
