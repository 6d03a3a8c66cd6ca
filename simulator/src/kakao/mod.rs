//! Kakao Local, as a server with a REST key sees it: places by keyword, addresses, the region of a point. It answers out of a
//! small gazetteer of Seoul; only the postal codes and the last digits of regions' codes are made up.

mod codes;
mod gazetteer;

use serde_json::{Value, json};

use crate::faults::{Deed, Strike, When};
use crate::http::{Answer, Request, Response};
use crate::journal::Heard;
use crate::{World, lock};
use codes::Code;
use gazetteer::{Point, addresses, named, region};

/// What faults can be planned for.
pub const OPERATIONS: &[&str] = &["keyword", "address", "region"];

/// Only such keys work here, so that no live one ever gets used to it.
const KEYS: &str = "simulator";
const PAGE_MAX: usize = 45;
const RADIUS_MAX: f64 = 20_000.0;

pub async fn answer(world: &World, request: &Request, path: &[&str]) -> Answer {
    let operation = match (request.method.as_str(), path) {
        ("GET", ["v2", "local", "search", "keyword.json"]) => "keyword",
        ("GET", ["v2", "local", "search", "address.json"]) => "address",
        ("GET", ["v2", "local", "geo", "coord2regioncode.json"]) => "region",
        _ => return Response::json(404, &json!({ "errorType": "NotFound", "message": "no such API" })).into(),
    };
    hear(world, request, operation);
    let key = request.header("authorization").and_then(|value| value.strip_prefix("KakaoAK "));
    if !key.is_some_and(|key| key.starts_with(KEYS)) {
        return codes::ACCESS_DENIED.response().into();
    }
    // Nothing here has an effect, so a fault after it is the same as one before.
    let mut faults = [When::Before, When::AfterEffect].into_iter();
    let strike = faults.find_map(|when| lock(&world.faults).strike("kakao", operation, when));
    let response = match operation {
        "keyword" => keyword(request),
        "address" => address(request),
        _ => regions(request),
    };
    let response = response.map_or_else(Code::response, |found| Response::json(200, &found));
    match strike {
        None => response.into(),
        Some(strike) => {
            tokio::time::sleep(strike.latency).await;
            spoiled(&strike, response)
        }
    }
}

fn hear(world: &World, request: &Request, operation: &'static str) {
    lock(&world.journal).record(Heard {
        provider: "kakao",
        operation,
        idempotency_key: None,
        provider_order_id: None,
        payment_key: None,
        query: request.target.split_once('?').map(|(_, query)| query.to_owned()),
        at: world.clock.now(),
    });
}

fn spoiled(strike: &Strike, response: Response) -> Answer {
    match (&strike.code, strike.deed) {
        (Some(name), _) => codes::named(name, strike.status).into(),
        // Something else than what is documented.
        (None, Deed::WrongBody) => {
            Response::json(200, &json!({ "meta": {}, "documents": [{ "place": "?", "coordinates": [127, 37] }] }))
                .into()
        }
        _ => strike.spoil(response),
    }
}

fn keyword(request: &Request) -> Result<Value, Code> {
    let query = query(request)?;
    let page = Page::of(request, 15, 15)?;
    let near = match (request.param("x"), request.param("y")) {
        (None, None) => None,
        _ => Some(point(request)?),
    };
    let radius = match request.param("radius") {
        None => None,
        Some(text) => {
            Some(number(&text).filter(|radius| (0.0..=RADIUS_MAX).contains(radius)).ok_or(codes::INVALID_ARGUMENT)?)
        }
    };
    if radius.is_some() && near.is_none() {
        return Err(codes::MISSING_PARAMETER);
    }
    let by_distance = match request.param("sort").as_deref() {
        None | Some("accuracy") => false,
        Some("distance") if near.is_some() => true,
        _ => return Err(codes::INVALID_ARGUMENT),
    };
    let found = named(&query, near, radius, by_distance);
    let mut answer = page.cut(found);
    if let Some(meta) = answer.get_mut("meta").and_then(Value::as_object_mut) {
        meta.insert("same_name".to_owned(), json!({ "region": [], "keyword": query, "selected_region": "" }));
    }
    Ok(answer)
}

fn address(request: &Request) -> Result<Value, Code> {
    let query = query(request)?;
    Ok(Page::of(request, 10, 30)?.cut(addresses(&query)))
}

fn regions(request: &Request) -> Result<Value, Code> {
    let documents = region(point(request)?);
    Ok(json!({ "meta": { "total_count": documents.len() }, "documents": documents }))
}

fn query(request: &Request) -> Result<String, Code> {
    request
        .param("query")
        .map(|query| query.trim().to_owned())
        .filter(|query| !query.is_empty())
        .ok_or(codes::MISSING_PARAMETER)
}

fn point(request: &Request) -> Result<Point, Code> {
    let (Some(x), Some(y)) = (request.param("x"), request.param("y")) else { return Err(codes::MISSING_PARAMETER) };
    let lng = number(&x).filter(|lng| (-180.0..=180.0).contains(lng)).ok_or(codes::INVALID_ARGUMENT)?;
    let lat = number(&y).filter(|lat| (-90.0..=90.0).contains(lat)).ok_or(codes::BAD_PARAMETER)?;
    Ok(Point { lat, lng })
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

struct Page {
    number: usize,
    size: usize,
}

impl Page {
    fn of(request: &Request, usual: usize, most: usize) -> Result<Self, Code> {
        let count = |name: &str, usual: usize, most: usize| match request.param(name) {
            None => Ok(usual),
            Some(text) => text.parse().ok().filter(|count| (1..=most).contains(count)).ok_or(codes::INVALID_ARGUMENT),
        };
        Ok(Self { number: count("page", 1, PAGE_MAX)?, size: count("size", usual, most)? })
    }

    /// This page of what was found; what is beyond the 45 that can be looked at is only counted.
    fn cut(&self, found: Vec<Value>) -> Value {
        let total = found.len();
        let pageable = total.min(PAGE_MAX);
        let before = (self.number - 1) * self.size;
        let documents: Vec<Value> = found.into_iter().take(pageable).skip(before).take(self.size).collect();
        json!({
            "meta": { "total_count": total, "pageable_count": pageable, "is_end": before + self.size >= pageable },
            "documents": documents,
        })
    }
}
