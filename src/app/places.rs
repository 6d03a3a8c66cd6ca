//! Looking for places on the map. Points are rounded before they leave the house: nobody's exact position does, and neighbours
//! ask the same.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::app::{App, location_uses};
use crate::domain::error::{Code, Error, Field, FieldFault, Result};
use crate::domain::geo::Point;
use crate::domain::id::Id;
use crate::domain::location_use::LocationPurpose;
use crate::domain::place::{Address, Place, Region};
use crate::domain::user::User;
use crate::storage::cache::{CacheKey, Loaded};
use crate::upstream::client::Deadline;
use crate::upstream::kakao_local::{Reply, When};
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
pub async fn find(app: &App, user: Id<User>, query: &str, near: Option<Point>) -> Result<Vec<Found>> {
    if near.is_some() {
        location_uses::note(app, user, LocationPurpose::Places);
    }
    let (kakao, when) = (Arc::clone(&app.kakao), when(app, app.config.patience.phone));
    let (query, about) = (query.to_lowercase(), near.map(|point| point.rounded(NEAR)));
    let question = format!("{query} {about:?}");
    let ask = async move { typed(kakao.places(&query, about, when).await) };
    let places: Vec<Place> = repeated(app, "places", question, ask).await?;
    let found = |place: Place| Found { distance_m: near.map(|near| near.metres_to(place.point)), place };
    Ok(places.into_iter().map(found).collect())
}

/// Addresses that fit what somebody has typed.
pub async fn addresses(app: &App, query: &str) -> Result<Vec<Address>> {
    let (kakao, when) = (Arc::clone(&app.kakao), when(app, app.config.patience.phone));
    let query = query.to_lowercase();
    let question = query.clone();
    repeated(app, "addresses", question, async move { typed(kakao.addresses(&query, when).await) }).await
}

/// The regions of a point; none at sea and abroad.
pub async fn regions(app: &App, user: Id<User>, point: Point) -> Result<Vec<Region>> {
    location_uses::note(app, user, LocationPurpose::Regions);
    regions_within(app, point, app.config.patience.phone).await
}

/// As [`regions`] of the centre of a party's area, while nobody waits.
pub(super) async fn regions_of_area(app: &App, centre: Point) -> Result<Vec<Region>> {
    regions_within(app, centre, app.config.patience.background).await
}

async fn regions_within(app: &App, point: Point, patience: Duration) -> Result<Vec<Region>> {
    let (kakao, when) = (Arc::clone(&app.kakao), when(app, patience));
    let point = point.rounded(EXACT);
    let question = format!("{point:?}");
    let ask = async move { understood(kakao.regions(point, when).await, &["lat", "lng"], FieldFault::OutOfRange) };
    repeated(app, "regions", question, ask).await
}

/// What the map has answered to this question before, if that is fresh enough or it gives no answer now; else what it answers.
async fn repeated<T: Serialize + DeserializeOwned>(
    app: &App,
    kind: &'static str,
    question: String,
    ask: impl Future<Output = Result<Vec<T>>> + Send + 'static,
) -> Result<Vec<T>> {
    let internal = |error| Error::internal(Code::Internal, error);
    let load = move || async move {
        let found = ask.await?;
        let body = serde_json::to_vec(&found).map_err(internal)?;
        Ok((!found.is_empty()).then_some(Loaded { version: 0, body }))
    };
    let key = CacheKey::Map { kind, question };
    let Some(entry) = app.cache.read_through(&key, load).await? else { return Ok(Vec::new()) };
    let Ok(found) = serde_json::from_slice(&entry.body) else {
        // Nothing that we wrote: the next one asks the map.
        app.cache.forget(&[key]).await;
        return Err(Error::internal(Code::MapBadAnswer, "a cached answer of the map cannot be read"));
    };
    Ok(found)
}

fn when(app: &App, patience: Duration) -> When {
    When { now: app.clock.now(), deadline: Deadline::within(patience) }
}

fn typed<T>(reply: Reply<T>) -> Result<Vec<T>> {
    understood(reply, &["query"], FieldFault::NotPermittedCharacter)
}

/// What the map has found, or what we tell a client; the map's own words and statuses stay here.
fn understood<T>(reply: Reply<T>, parameters: &[&str], nonsense: FieldFault) -> Result<Vec<T>> {
    let field = |name: &&str| Field { pointer: (*name).to_owned(), fault: nonsense };
    match reply {
        Ok(Some(found)) => Ok(found),
        Ok(None) => Err(Error::fields(parameters.iter().map(field).collect())),
        Err(fault) => Err(refusal(&fault)),
    }
}

fn refusal(fault: &Fault) -> Error {
    let code = match fault {
        Fault::Unreachable | Fault::Busy { .. } | Fault::NotNow => Code::MapUnavailable,
        Fault::Untrusted => Code::MapUntrusted,
        Fault::Unknown(why::TIMEOUT) => Code::MapTimeout,
        Fault::Unknown(_) => Code::MapBadAnswer,
        Fault::Refused(_) | Fault::Rejected(_) | Fault::Already => Code::Internal,
    };
    if let Fault::Refused(_) | Fault::Untrusted = fault {
        // Also when nobody sees it, because an older answer does.
        tracing::error!(?fault, "the map provider refuses us, or is not who it should be");
    }
    let retry_after_ms = match fault {
        Fault::Busy { retry_after_ms } => Some(retry_after_ms.unwrap_or(COME_BACK_MS)),
        _ => None,
    };
    Error::internal(code, format_args!("map: {fault:?}")).with(|more| more.retry_after_ms = retry_after_ms)
}
