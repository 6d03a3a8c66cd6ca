//! Places on the map in JSON: by name, by address, and the regions of a point.

use actix_web::get;
use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::app::places::{self, Found};
use crate::domain::error::{Error, Field, FieldFault, Result};
use crate::domain::geo::Point;
use crate::domain::place::{Address, Region, RegionKind};
use crate::domain::text;
use crate::errors;
use crate::http::extract::{Caller, Json, Query};

const LONGEST_QUERY: usize = 100;

/// A place with a name.
#[derive(Serialize, ToSchema)]
pub struct PlaceView {
    /// What it is called.
    #[schema(example = "강남역")]
    name: String,
    /// What kind of place it is, in Korean.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "지하철역")]
    category: Option<String>,
    /// By lot number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "서울 강남구 역삼동 858")]
    address: Option<String>,
    /// By street and number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "서울 강남구 강남대로 396")]
    street_address: Option<String>,
    /// Degrees, WGS 84.
    #[schema(example = 37.497_9)]
    lat: f64,
    /// Degrees, WGS 84.
    #[schema(example = 127.027_6)]
    lng: f64,
    /// Metres from the point that was asked with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 42)]
    distance_m: Option<u32>,
}

impl From<Found> for PlaceView {
    fn from(found: Found) -> Self {
        let Found { place, distance_m } = found;
        Self {
            name: place.name,
            category: place.category,
            address: place.address,
            street_address: place.street_address,
            lat: place.point.lat,
            lng: place.point.lng,
            distance_m,
        }
    }
}

/// Places that fit.
#[derive(Serialize, ToSchema)]
pub struct PlacesPage {
    /// The best first, fifteen at the most.
    items: Vec<PlaceView>,
}

/// What to look for, and where.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlacesQuery {
    query: String,
    lat: Option<f64>,
    lng: Option<f64>,
}

errors!(FindPlacesErrors: CALLER, QUERY; MapUnavailable, MapTimeout, MapBadAnswer, MapUntrusted);

/// Find places
///
/// Stations, schools, buildings and the like by name or kind; with a point those near it come first. The point is neither stored
/// nor logged, and rounded before the map is asked. Nothing found is an empty list. When the map is away, a pin is enough to open
/// a party.
#[utoipa::path(
    tag = "Places",
    security(("bearer" = [])),
    params(
        ("query" = String, Query, description = "A name or a kind, 1 to 100 characters.", example = "강남역", min_length = 1, max_length = 100),
        ("lat" = Option<f64>, Query, description = "Degrees, WGS 84; with `lng`.", example = 37.498, minimum = -90, maximum = 90),
        ("lng" = Option<f64>, Query, description = "Degrees, WGS 84; with `lat`.", example = 127.028, minimum = -180, maximum = 180),
    ),
    responses((status = 200, description = "Places.", body = PlacesPage), FindPlacesErrors),
)]
#[get("/v1/places")]
pub async fn find_places(app: Data<App>, caller: Caller, query: Query<PlacesQuery>) -> Result<Json<PlacesPage>> {
    let PlacesQuery { query, lat, lng } = query.0;
    let mut wrong = Vec::new();
    let query = cleaned(&query, &mut wrong);
    let near = point(lat.unwrap_or_default(), lng.unwrap_or_default(), &mut wrong);
    let missing = if lat.is_some() { "lng" } else { "lat" };
    if lat.is_some() != lng.is_some() {
        wrong.push(Field { pointer: missing.to_owned(), fault: FieldFault::Required });
    }
    fine(wrong)?;
    let near = near.filter(|_| lat.is_some());
    let found = places::find(&app, caller.user_id, &query, near).await?;
    Ok(Json(PlacesPage { items: found.into_iter().map(PlaceView::from).collect() }))
}

/// An address, or a whole neighbourhood.
#[derive(Serialize, ToSchema)]
pub struct AddressView {
    /// By lot number.
    #[schema(example = "서울 강남구 역삼동 858")]
    address: String,
    /// By street and number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "서울 강남구 강남대로 396")]
    street_address: Option<String>,
    /// The building there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "강남역")]
    building: Option<String>,
    /// Five digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "06232")]
    postal_code: Option<String>,
    /// Degrees, WGS 84.
    #[schema(example = 37.497_9)]
    lat: f64,
    /// Degrees, WGS 84.
    #[schema(example = 127.027_6)]
    lng: f64,
}

impl From<Address> for AddressView {
    fn from(found: Address) -> Self {
        Self {
            address: found.address,
            street_address: found.street_address,
            building: found.building,
            postal_code: found.postal_code,
            lat: found.point.lat,
            lng: found.point.lng,
        }
    }
}

/// Addresses that fit.
#[derive(Serialize, ToSchema)]
pub struct AddressesPage {
    /// The best first, ten at the most.
    items: Vec<AddressView>,
}

/// What to look for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddressesQuery {
    query: String,
}

errors!(FindAddressesErrors: CALLER, QUERY; MapUnavailable, MapTimeout, MapBadAnswer, MapUntrusted);

/// Find addresses
///
/// Where an address is that somebody has typed: by lot number, by street and number, or a neighbourhood. Nothing found is an empty
/// list.
#[utoipa::path(
    tag = "Places",
    security(("bearer" = [])),
    params(
        ("query" = String, Query, description = "An address, 1 to 100 characters.", example = "강남대로 396", min_length = 1, max_length = 100),
    ),
    responses((status = 200, description = "Addresses.", body = AddressesPage), FindAddressesErrors),
)]
#[get("/v1/places/addresses")]
pub async fn find_addresses(
    app: Data<App>,
    _caller: Caller,
    query: Query<AddressesQuery>,
) -> Result<Json<AddressesPage>> {
    let mut wrong = Vec::new();
    let query = cleaned(&query.0.query, &mut wrong);
    fine(wrong)?;
    let found = places::addresses(&app, &query).await?;
    Ok(Json(AddressesPage { items: found.into_iter().map(AddressView::from).collect() }))
}

/// A region that a point is in.
#[derive(Serialize, ToSchema)]
pub struct RegionView {
    kind: RegionKind,
    /// The neighbourhood.
    #[schema(example = "역삼동")]
    name: String,
    /// City or province.
    #[schema(example = "서울특별시")]
    city: String,
    /// District, town or county.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "강남구")]
    district: Option<String>,
    /// Ten digits.
    #[schema(example = "1168010100")]
    code: String,
}

impl From<Region> for RegionView {
    fn from(region: Region) -> Self {
        let Region { kind, name, city, district, code } = region;
        Self { kind, name, city, district, code }
    }
}

/// The regions of a point.
#[derive(Serialize, ToSchema)]
pub struct RegionsPage {
    /// One of each kind; none at sea and abroad.
    items: Vec<RegionView>,
}

/// Where.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionsQuery {
    lat: f64,
    lng: f64,
}

errors!(FindRegionsErrors: CALLER, QUERY; MapUnavailable, MapTimeout, MapBadAnswer, MapUntrusted);

/// Regions of a point
///
/// What people call the neighbourhood of a point. The point is neither stored nor logged, and rounded before the map is asked.
#[utoipa::path(
    tag = "Places",
    security(("bearer" = [])),
    params(
        ("lat" = f64, Query, description = "Degrees, WGS 84.", example = 37.498, minimum = -90, maximum = 90),
        ("lng" = f64, Query, description = "Degrees, WGS 84.", example = 127.028, minimum = -180, maximum = 180),
    ),
    responses((status = 200, description = "Regions.", body = RegionsPage), FindRegionsErrors),
)]
#[get("/v1/places/regions")]
pub async fn find_regions(app: Data<App>, caller: Caller, query: Query<RegionsQuery>) -> Result<Json<RegionsPage>> {
    let mut wrong = Vec::new();
    let point = point(query.0.lat, query.0.lng, &mut wrong);
    fine(wrong)?;
    let found = match point {
        Some(point) => places::regions(&app, caller.user_id, point).await?,
        None => Vec::new(),
    };
    Ok(Json(RegionsPage { items: found.into_iter().map(RegionView::from).collect() }))
}

fn cleaned(query: &str, wrong: &mut Vec<Field>) -> String {
    let squeezed = query.split_whitespace().collect::<Vec<_>>().join(" ");
    text::clean(&squeezed, LONGEST_QUERY).unwrap_or_else(|fault| {
        wrong.push(Field { pointer: "query".to_owned(), fault });
        String::new()
    })
}

fn point(lat: f64, lng: f64, wrong: &mut Vec<Field>) -> Option<Point> {
    for (name, holds) in [("lat", Point::new(lat, 0.0).is_some()), ("lng", Point::new(0.0, lng).is_some())] {
        if !holds {
            wrong.push(Field { pointer: name.to_owned(), fault: FieldFault::OutOfRange });
        }
    }
    Point::new(lat, lng)
}

fn fine(wrong: Vec<Field>) -> Result<()> {
    if wrong.is_empty() { Ok(()) } else { Err(Error::fields(wrong)) }
}
