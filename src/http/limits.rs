//! Which class of the rate limits each operation is in, and what a client is told of where it stands.

use std::net::IpAddr;

use actix_web::HttpResponse;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;

use crate::app::limits::{self, Client};
use crate::app::{App, clock};
use crate::domain::error::{Code, Error};
use crate::domain::limit::{Class, Standing};
use crate::http::extract;

const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Set on the answer to a webhook that was about nothing, though its sender must not hear that.
pub(super) struct Worthless;

/// The table. What is in no class is not limited: the probes, the documents and what does not exist.
pub fn class(method: &Method, path: &str) -> Option<Class> {
    let mut segments = [""; 6];
    for (at, segment) in segments.iter_mut().zip(path.strip_prefix('/')?.split('/')) {
        *at = segment;
    }
    let is_read = method == Method::GET || method == Method::HEAD;
    Some(match segments {
        ["v1", "sessions", "refresh", ..] => Class::Refresh,
        ["v1", "sessions", "apple" | "kakao", ..] | ["v1", "dev", "sessions", ..] => Class::SignIn,
        ["v1", "webhooks", ..] => Class::Webhook,
        ["v1", "payments", _, "confirmation", ..] => Class::Payment,
        ["v1", "purchases", ..] => Class::Purchase,
        ["v1", "reports", ..] => Class::Report,
        ["v1", "places", ..] => Class::Map,
        ["v1", "parties", "", ..] if is_read => Class::Search,
        ["v1", ..] if is_read => Class::Read,
        ["v1", ..] => Class::Write,
        ["i", ..] => Class::Page,
        _ => return None,
    })
}

/// Counts the request before anything is done for it; of webhooks only those that turn out to be worth nothing.
pub async fn limit<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let app = request.app_data::<Data<App>>().filter(|app| app.config.rate_limits.are_on).cloned();
    let class = class(request.method(), request.path());
    let (Some(app), Some(class)) = (app, class) else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    let client = client(&app, &request, class);
    let standing = if class == Class::Webhook {
        limits::look(&app, class, client).await
    } else {
        limits::charge(&app, class, client).await
    };
    if !standing.is_allowed {
        let retry_after_ms = standing.retry_in_us.div_ceil(1000);
        let refusal = Error::from(Code::TooManyRequests).with(|more| more.retry_after_ms = Some(retry_after_ms));
        let mut response = HttpResponse::from_error(refusal);
        tell(response.headers_mut(), class, standing);
        // `into_response` would lose the refusal, of which the problem document is made.
        return Ok(ServiceResponse::new(request.into_parts().0, response));
    }
    let mut response = next.call(request).await?.map_into_boxed_body();
    if class != Class::Webhook {
        tell(response.headers_mut(), class, standing);
    } else if response.status().is_client_error() || response.response().extensions().contains::<Worthless>() {
        limits::charge(&app, class, client).await;
    }
    Ok(response)
}

/// By the access token, if it is good; who has none, and who is about to get one, counts by the address.
fn client(app: &App, request: &ServiceRequest, class: Class) -> Client {
    let by_address = matches!(class, Class::SignIn | Class::Refresh | Class::Webhook | Class::Page);
    let token = extract::bearer(request.request()).filter(|_| !by_address);
    match token.and_then(|token| app.keys.verify(token, clock::real()).ok()) {
        Some(access) => Client::User(access.user_id),
        None => Client::at(address(app, request)),
    }
}

fn address(app: &App, request: &ServiceRequest) -> IpAddr {
    let peer = request.peer_addr().map_or(IpAddr::from([0; 4]), |peer| peer.ip());
    let forwarded: Vec<&str> = request.headers().get_all(FORWARDED_FOR).filter_map(|line| line.to_str().ok()).collect();
    limits::address(&app.config.rate_limits.trusted_proxies, peer, &forwarded)
}

/// As the IETF draft has it (draft-ietf-httpapi-ratelimit-headers).
fn tell(headers: &mut HeaderMap, class: Class, standing: Standing) {
    let (name, quota) = (class.word(), standing.quota);
    let full_in_s = standing.full_in_us.div_ceil(1_000_000);
    let limit = format!("\"{name}\";r={};t={full_in_s}", standing.remaining);
    let policy = format!("\"{name}\";q={};w={}", quota.count, quota.window_s);
    for (header, value) in [(LIMIT, limit), (POLICY, policy)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(header, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every operation in the document, and the class that it is meant to be in.
    #[test]
    fn every_operation_has_its_class() {
        let document = serde_json::to_value(crate::http::openapi()).unwrap();
        let mut told = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys().filter(|key| *key != "parameters") {
                let concrete = path.split('/').map(|part| if part.starts_with('{') { "1" } else { part });
                let concrete = concrete.collect::<Vec<_>>().join("/");
                let method = method.to_uppercase();
                let class = class(&method.parse().unwrap(), &concrete).map_or("none", Class::word);
                let expected = match (method.as_str(), path.as_str()) {
                    (_, "/v1/sessions/refresh") => "refresh",
                    (_, "/v1/sessions/apple" | "/v1/sessions/kakao" | "/v1/dev/sessions") => "sign_in",
                    (_, "/v1/webhooks/toss" | "/v1/webhooks/app-store") => "webhook",
                    (_, "/v1/payments/{id}/confirmation") => "payment",
                    (_, "/v1/purchases/app-store") => "purchase",
                    (_, "/v1/reports") => "report",
                    (_, "/v1/places" | "/v1/places/addresses" | "/v1/places/regions") => "map",
                    ("GET", "/v1/parties") => "search",
                    (_, path) if !path.starts_with("/v1/") => "none",
                    ("GET", _) => "read",
                    _ => "write",
                };
                assert_eq!(class, expected, "{method} {path}");
                told.push(class);
            }
        }
        for page in ["/i/7k3m9q2xvd", "/i/7k3m9q2xvd/card.png"] {
            told.extend(class(&Method::GET, page).map(Class::word));
        }
        for class in Class::ALL {
            assert!(told.contains(&class.word()), "nothing is in {class:?}");
        }
    }
}
