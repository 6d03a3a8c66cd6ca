//! Kakao Local: its wire types, its client and what its answers mean; it decides nothing and stores nothing.

use std::fmt;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::client::{self, Answer, Deadline, Lane};
use super::quota::Quota;
use super::{Fault, why};
use crate::domain::Time;
use crate::domain::error::{Code, Error, Result};
use crate::domain::geo::Point;
use crate::domain::place::{Address, Place, Region, RegionKind};

/// A person who types waits for it.
const PATIENCE: Duration = Duration::from_secs(3);
/// While they work on it.
const MAINTENANCE_MS: u64 = 60_000;
/// However long a quota is closed, clients come back to look.
const LONGEST_MS: u64 = 3_600_000;

pub struct KakaoLocal {
    http: reqwest::Client,
    base: Url,
    authorization: HeaderValue,
    keyword: Kind,
    address: Kind,
    region: Kind,
}

/// A kind of question, with a lane of its own here and a quota of its own there.
struct Kind {
    path: [&'static str; 2],
    lane: Lane,
    quota: Quota,
}

/// When a question is asked, and until when it has to be answered.
#[derive(Clone, Copy, Debug)]
pub struct When {
    pub now: Time,
    pub deadline: Deadline,
}

/// None when Kakao can make no sense of what a person has typed.
pub type Reply<T> = Result<Option<Vec<T>>, Fault>;

impl KakaoLocal {
    pub fn new(base_url: &str, rest_api_key: &SecretString) -> Result<Self> {
        let base = Url::parse(base_url).ok().filter(|url| !url.cannot_be_a_base());
        let base = base.ok_or_else(|| Error::internal(Code::Internal, "the address of Kakao is no URL"))?;
        let key = format!("KakaoAK {}", rest_api_key.expose_secret());
        let mut authorization = HeaderValue::try_from(key).map_err(|error| Error::internal(Code::Internal, error))?;
        authorization.set_sensitive(true);
        let kind = |operation, path| Kind {
            path,
            lane: Lane::new("kakao", operation, 32, PATIENCE),
            quota: Quota::new("kakao", operation),
        };
        Ok(Self {
            http: client::http()?,
            base,
            authorization,
            keyword: kind("keyword", ["search", "keyword.json"]),
            address: kind("address", ["search", "address.json"]),
            region: kind("region", ["geo", "coord2regioncode.json"]),
        })
    }

    /// Places by name or kind, the fifteen that fit best; those near a point come first.
    pub async fn places(&self, query: &str, near: Option<Point>, when: When) -> Reply<Place> {
        let mut parameters = vec![("query", query.to_owned())];
        parameters.extend(near.map(coordinates).into_iter().flatten());
        self.ask(&self.keyword, &parameters, when, WirePlace::understood).await
    }

    /// Addresses that fit, ten at the most.
    pub async fn addresses(&self, query: &str, when: When) -> Reply<Address> {
        self.ask(&self.address, &[("query", query.to_owned())], when, WireAddress::understood).await
    }

    /// The regions that a point is in; nothing at sea and abroad.
    pub async fn regions(&self, point: Point, when: When) -> Reply<Region> {
        self.ask(&self.region, &coordinates(point), when, WireRegion::understood).await
    }

    async fn ask<W: DeserializeOwned, T>(
        &self,
        kind: &Kind,
        parameters: &[(&str, String)],
        when: When,
        understood: fn(W) -> Option<T>,
    ) -> Reply<T> {
        if let Some(wait) = kind.quota.closed_for(when.now) {
            return Err(Fault::Busy { retry_after_ms: Some(millis(wait)) });
        }
        let mut address = self.base.clone();
        if let Ok(mut segments) = address.path_segments_mut() {
            segments.pop_if_empty().extend(["v2", "local"]).extend(kind.path);
        }
        address.query_pairs_mut().extend_pairs(parameters);
        let request = self.http.get(address).header(AUTHORIZATION, self.authorization.clone());
        let read = |answer: &Answer| {
            kind.quota.count(when.now);
            let read = documents(answer).map(|documents| documents.into_iter().map(understood).collect());
            match read {
                Ok(Some(found)) => Ok(Some(found)),
                Ok(None) => Err(Fault::Unknown(why::GARBAGE)),
                Err(Refusal::Nonsense) => Ok(None),
                Err(Refusal::UsedUp) => Err(Fault::Busy { retry_after_ms: Some(millis(kind.quota.used_up(when.now))) }),
                Err(Refusal::Fault(fault)) => Err(fault),
            }
        };
        kind.lane.ask(request, when.deadline, read).await
    }
}

/// What Kakao's codes come to.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    /// What a person has typed makes no sense to Kakao.
    Nonsense,
    /// Nothing more today.
    UsedUp,
    Fault(Fault),
}

/// The documents of a successful answer, or what its code means. Whatever status comes with a code says nothing.
fn documents<W: DeserializeOwned>(answer: &Answer) -> Result<Vec<W>, Refusal> {
    #[derive(Deserialize)]
    struct Documents<W> {
        documents: Vec<W>,
    }

    if answer.status.is_success() {
        let found: Option<Documents<W>> = serde_json::from_slice(&answer.body).ok();
        return found.map(|found| found.documents).ok_or(Refusal::Fault(Fault::Unknown(why::GARBAGE)));
    }
    let too_many = answer.status == StatusCode::TOO_MANY_REQUESTS;
    let busy = || Fault::Busy { retry_after_ms: answer.retry_after_ms };
    Err(match error_code(answer) {
        Some(code) => refusal(&code, answer).unwrap_or_else(|| {
            tracing::warn!(upstream = "kakao", status = answer.status.as_u16(), code, "a code we do not know");
            Refusal::Fault(if too_many { busy() } else { Fault::Unknown(why::UNKNOWN_CODE) })
        }),
        None if too_many => Refusal::Fault(busy()),
        None if answer.status.is_redirection() => Refusal::Fault(Fault::Unknown(why::REDIRECT)),
        None if answer.status.is_server_error() => Refusal::Fault(Fault::Unknown(why::SERVER_ERROR)),
        None => Refusal::Fault(Fault::Unknown(why::GARBAGE)),
    })
}

/// The code of an unsuccessful answer, in either of Kakao's shapes; what does not look like one never reaches a log. The text
/// beside it goes nowhere: it can hold our address.
fn error_code(answer: &Answer) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Failure {
        Gateway {
            code: i64,
        },
        Local {
            #[serde(rename = "errorType")]
            kind: String,
        },
    }

    match serde_json::from_slice(&answer.body).ok()? {
        Failure::Gateway { code } => Some(code.to_string()),
        Failure::Local { kind } => {
            let looks_like_one =
                (1..=64).contains(&kind.len()) && kind.bytes().all(|byte| byte.is_ascii_alphanumeric());
            looks_like_one.then_some(kind)
        }
    }
}

fn refusal(code: &str, answer: &Answer) -> Option<Refusal> {
    let fault = match code {
        "-2" | "InvalidArgument" => return Some(Refusal::Nonsense),
        // The day's, and that of the calls that are paid for.
        "-10" | "-11" => return Some(Refusal::UsedUp),
        "RequestThrottled" => Fault::Busy { retry_after_ms: answer.retry_after_ms },
        "-7" | "-9798" => Fault::Busy { retry_after_ms: answer.retry_after_ms.or(Some(MAINTENANCE_MS)) },
        "-1" => Fault::Unknown(why::PROVIDER_ERROR),
        "-603" => Fault::Unknown(why::TIMEOUT),
        // Our key, our app's permissions, our address, our request.
        "-3" | "-4" | "-5" | "-6" | "-8" | "-9" | "-12" | "-401" | "AccessDeniedError" | "NotAuthorizedError"
        | "MissingParameter" => Fault::Refused(code.to_owned()),
        _ => return None,
    };
    Some(Refusal::Fault(fault))
}

fn coordinates(point: Point) -> [(&'static str, String); 2] {
    [("x", point.lng.to_string()), ("y", point.lat.to_string())]
}

fn millis(wait: time::Duration) -> u64 {
    u64::try_from(wait.whole_milliseconds()).unwrap_or_default().min(LONGEST_MS)
}

impl fmt::Debug for KakaoLocal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KakaoLocal").field("host", &self.base.host_str()).finish_non_exhaustive()
    }
}

/// The fields we need; what Kakao has no value for is an empty text.
#[derive(Deserialize)]
struct WirePlace {
    place_name: String,
    #[serde(default)]
    category_name: String,
    #[serde(default)]
    category_group_name: String,
    #[serde(default)]
    address_name: String,
    #[serde(default)]
    road_address_name: String,
    x: String,
    y: String,
}

#[derive(Deserialize)]
struct WireAddress {
    address_name: String,
    x: String,
    y: String,
    address: Option<WireLot>,
    road_address: Option<WireStreet>,
}

#[derive(Deserialize)]
struct WireLot {
    address_name: String,
}

#[derive(Deserialize)]
struct WireStreet {
    address_name: String,
    #[serde(default)]
    building_name: String,
    #[serde(default)]
    zone_no: String,
}

#[derive(Deserialize)]
struct WireRegion {
    region_type: String,
    region_1depth_name: String,
    #[serde(default)]
    region_2depth_name: String,
    region_3depth_name: String,
    code: String,
}

impl WirePlace {
    fn understood(self) -> Option<Place> {
        let last = self.category_name.rsplit('>').next().unwrap_or_default();
        Some(Place {
            name: said(&self.place_name)?,
            category: said(&self.category_group_name).or_else(|| said(last)),
            address: said(&self.address_name),
            street_address: said(&self.road_address_name),
            point: point(&self.x, &self.y)?,
        })
    }
}

impl WireAddress {
    fn understood(self) -> Option<Address> {
        let street = self.road_address;
        Some(Address {
            address: self.address.and_then(|lot| said(&lot.address_name)).or_else(|| said(&self.address_name))?,
            street_address: street.as_ref().and_then(|street| said(&street.address_name)),
            building: street.as_ref().and_then(|street| said(&street.building_name)),
            postal_code: street.as_ref().and_then(|street| said(&street.zone_no)),
            point: point(&self.x, &self.y)?,
        })
    }
}

impl WireRegion {
    fn understood(self) -> Option<Region> {
        let kind = match self.region_type.as_str() {
            "B" => RegionKind::Legal,
            "H" => RegionKind::Administrative,
            _ => return None,
        };
        Some(Region {
            kind,
            name: self.region_3depth_name.trim().to_owned(),
            city: said(&self.region_1depth_name)?,
            district: said(&self.region_2depth_name),
            code: self.code,
        })
    }
}

fn point(x: &str, y: &str) -> Option<Point> {
    Point::new(y.trim().parse().ok()?, x.trim().parse().ok()?)
}

fn said(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
#[path = "kakao_local_tests.rs"]
mod tests;
