//! Finding parties in JSON: near a point, and one's own.

use actix_web::http::header::ContentType;
use actix_web::web::Data;
use actix_web::{HttpResponse, get};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::app::search::{self, After, Found, Nearby};
use crate::domain::Time;
use crate::domain::error::{Code, Error, Field, FieldFault, Result};
use crate::domain::geo::Point;
use crate::domain::id::Id;
use crate::domain::listing::{Place, Role, Summary};
use crate::domain::order::OrderState;
use crate::domain::party::State;
use crate::domain::terms::{Category, Store};
use crate::errors;
use crate::http::extract::{Caller, Json, Query, cursor};
use crate::http::parties::{PartyView, public_view};
use crate::http::schema::{OrderId, PartyId, Timestamp};

/// Where to look, and for what.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NearbyQuery {
    lat: f64,
    lng: f64,
    radius_m: Option<u32>,
    category: Option<Category>,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// Parties near a point.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what `page_of` writes")]
pub struct NearbyPage {
    /// Boosted ones first, then nearest.
    items: Vec<PartyView>,
    /// For the next page; absent on the last.
    #[schema(example = "c2VhcmNoLWFmdGVyLWE")]
    next_cursor: Option<String>,
}

errors!(FindPartiesErrors: CALLER, QUERY; InvalidCursor);

/// Find parties
///
/// Open parties near a point, boosted ones first, then nearest; distances are from the centre of each party's area. The point is neither stored
/// nor logged.
#[utoipa::path(
    tag = "Parties",
    security(("bearer" = [])),
    params(
        ("lat" = f64, Query, description = "Degrees, WGS 84.", example = 37.498, minimum = -90, maximum = 90),
        ("lng" = f64, Query, description = "Degrees, WGS 84.", example = 127.028, minimum = -180, maximum = 180),
        ("radius_m" = Option<u32>, Query, description = "Metres, 1000 by default.", example = 1000, minimum = 100, maximum = 3000),
        ("category" = Option<Category>, Query, description = "Only stores of this kind.", example = "chicken"),
        ("limit" = Option<u32>, Query, description = "How many at the most, 20 by default.", example = 20, minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before, with the same filters."),
    ),
    responses((status = 200, description = "Parties.", body = NearbyPage), FindPartiesErrors),
)]
#[get("/v1/parties")]
pub async fn find_parties(app: Data<App>, caller: Caller, query: Query<NearbyQuery>) -> Result<HttpResponse> {
    let NearbyQuery { lat, lng, radius_m, category, limit, cursor } = query.0;
    let radius_m = radius_m.unwrap_or(1000);
    let mut wrong = Vec::new();
    let mut demand = |holds: bool, pointer: &str| {
        if !holds {
            wrong.push(Field { pointer: pointer.to_owned(), fault: FieldFault::OutOfRange });
        }
    };
    demand(Point::new(lat, 0.0).is_some(), "lat");
    demand(Point::new(0.0, lng).is_some(), "lng");
    demand((100..=3000).contains(&radius_m), "radius_m");
    demand(limit.is_none_or(|limit| (1..=100).contains(&limit)), "limit");
    let centre = Point::new(lat, lng).filter(|_| wrong.is_empty()).ok_or_else(|| Error::fields(wrong))?;
    let filters = format!("nearby {lat} {lng} {radius_m} {category:?}");
    let after = match cursor {
        Some(text) => Some(after(cursor::read(&filters, &text)?).ok_or(Code::InvalidCursor)?),
        None => None,
    };
    let nearby = Nearby { centre, radius_m, category, after, limit: limit.unwrap_or(20) };
    let app = app.into_inner();
    let page = search::nearby(&app, caller.user_id, nearby, public_view).await?;
    let next = page.next.map(|after| cursor::write(&filters, words(&after)));
    Ok(HttpResponse::Ok().content_type(ContentType::json()).body(page_of(&page.items, next.as_deref())))
}

/// A [`NearbyPage`], from views that are finished but for the last field, which depends on who asks.
fn page_of(items: &[Found], next_cursor: Option<&str>) -> Vec<u8> {
    let mut page = Vec::with_capacity(items.iter().map(|(view, _)| view.len() + 40).sum::<usize>() + 100);
    page.extend_from_slice(b"{\"items\":[");
    for (n, (view, band)) in items.iter().enumerate() {
        if n > 0 {
            page.push(b',');
        }
        match (band, view.strip_suffix(b"}")) {
            (Some(band), Some(open)) => {
                page.extend_from_slice(open);
                page.extend_from_slice(b",\"distance_band\":\"");
                page.extend_from_slice(band.word().as_bytes());
                page.extend_from_slice(b"\"}");
            }
            _ => page.extend_from_slice(view),
        }
    }
    page.push(b']');
    // Base64url: nothing in it has to be escaped.
    for part in next_cursor.map(|cursor| [",\"next_cursor\":\"", cursor, "\""]).into_iter().flatten() {
        page.extend_from_slice(part.as_bytes());
    }
    page.push(b'}');
    page
}

/// A place as a cursor keeps it.
fn words(after: &After) -> [u64; 4] {
    let After { place, as_of } = after;
    let as_of_ms = u64::try_from(as_of.unix_timestamp_nanos() / 1_000_000).unwrap_or_default();
    [as_of_ms, u64::from(place.is_boosted), place.distance.to_bits(), place.id.raw().cast_unsigned()]
}

fn after([as_of_ms, is_boosted, distance, id]: [u64; 4]) -> Option<After> {
    let as_of = Time::from_unix_timestamp_nanos(i128::from(as_of_ms) * 1_000_000).ok()?;
    let (distance, id) = (f64::from_bits(distance), Id::from_raw(id.cast_signed()));
    Some(After { place: Place { is_boosted: is_boosted == 1, distance, id }, as_of })
}

/// One of the caller's own parties.
#[derive(Serialize, ToSchema)]
pub struct MyParty {
    id: PartyId,
    /// In the host's words.
    #[schema(example = "치킨 같이 시켜요")]
    title: String,
    store: Store,
    state: State,
    role: Role,
    my_order_id: OrderId,
    my_order_state: OrderState,
    /// Members who have joined and seats that are held, the host among them.
    #[schema(example = 3)]
    seats_taken: i16,
    /// Most members, the host counted.
    #[schema(example = 4)]
    capacity: i16,
    deadline_at: Timestamp,
    created_at: Timestamp,
}

impl From<Summary> for MyParty {
    fn from(summary: Summary) -> Self {
        Self {
            id: summary.party_id,
            title: summary.title,
            store: summary.store,
            state: summary.state,
            role: summary.role,
            my_order_id: summary.order_id,
            my_order_state: summary.order_state,
            seats_taken: summary.seats_taken,
            capacity: summary.capacity,
            deadline_at: summary.deadline_at.into(),
            created_at: summary.created_at.into(),
        }
    }
}

/// The caller's own parties.
#[derive(Serialize, ToSchema)]
pub struct MyPartiesPage {
    /// Newest first.
    items: Vec<MyParty>,
    /// For the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "bXktcGFydGllcy1hZnRlcg")]
    next_cursor: Option<String>,
}

/// Which of one's own parties.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MyPartiesQuery {
    state: Option<State>,
    limit: Option<usize>,
    cursor: Option<String>,
}

errors!(ListMyPartiesErrors: CALLER, QUERY; InvalidCursor);

/// My parties
///
/// Those that the caller is or was in, newest first.
#[utoipa::path(
    tag = "People",
    security(("bearer" = [])),
    params(
        ("state" = Option<State>, Query, description = "Only parties in this state.", example = "open"),
        ("limit" = Option<u32>, Query, description = "How many at the most, 20 by default.", example = 20, minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before, with the same filters."),
    ),
    responses((status = 200, description = "The caller's parties.", body = MyPartiesPage), ListMyPartiesErrors),
)]
#[get("/v1/me/parties")]
pub async fn list_my_parties(
    app: Data<App>,
    caller: Caller,
    query: Query<MyPartiesQuery>,
) -> Result<Json<MyPartiesPage>> {
    let MyPartiesQuery { state, limit, cursor } = query.0;
    let limit = limit.unwrap_or(20);
    if !(1..=100).contains(&limit) {
        return Err(Error::field("limit", FieldFault::OutOfRange));
    }
    let filters = format!("mine {} {state:?}", caller.user_id);
    let before = match cursor {
        Some(text) => {
            let [id] = cursor::read(&filters, &text)?;
            Some(Id::from_raw(id.cast_signed()))
        }
        None => None,
    };
    let page = search::mine(&app, caller.user_id, state, before, limit).await?;
    Ok(Json(MyPartiesPage {
        items: page.items.into_iter().map(MyParty::from).collect(),
        next_cursor: page.next.map(|id| cursor::write(&filters, [id.raw().cast_unsigned()])),
    }))
}

#[cfg(test)]
mod tests {
    use actix_web::web::Bytes;
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::geo::DistanceBand;

    #[test]
    fn a_page_is_put_together_from_finished_views() {
        let view = |text: &'static str| Bytes::from_static(text.as_bytes());
        let found = vec![(view(r#"{"id":"1"}"#), Some(DistanceBand::Under300m)), (view(r#"{"id":"2"}"#), None)];
        let read = |page: Vec<u8>| serde_json::from_slice::<Value>(&page).unwrap();
        let items = json!([{"id": "1", "distance_band": "under_300m"}, {"id": "2"}]);
        assert_eq!(read(page_of(&found, Some("abc"))), json!({"items": items, "next_cursor": "abc"}));
        assert_eq!(read(page_of(&[], None)), json!({"items": []}));
    }
}
