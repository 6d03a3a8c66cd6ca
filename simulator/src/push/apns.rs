//! Apple's: <https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns>. Over HTTP/2 alone.

use serde_json::{Value, json};

use super::{APNS_KEY_ID, Books, Shown, TEAM_ID, TOPIC, bearer, met};
use crate::clock::real;
use crate::http::{Answer, Request, Response};
use crate::ids::Ids;
use crate::{World, lock};

const PAYLOAD_MAX: usize = 4096;
const COLLAPSE_ID_MAX: usize = 64;
const TOKEN_LIFETIME_S: i64 = 3600;
/// Clocks differ.
const AHEAD_S: i64 = 60;
/// Tokens may not change more often than every 20 minutes; a few servers may each have their own.
const UPDATES_S: i64 = 1200;
const UPDATES_MAX: usize = 8;

pub async fn answer(world: &World, request: &Request, path: &[&str]) -> Answer {
    met(world, ("apns", "send"), || send(world, request, path).unwrap_or_else(|refused| refused), named).await
}

/// <https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns>
fn named(reason: &str, status: Option<u16>) -> Response {
    let usual = match reason {
        "BadCertificate"
        | "BadCertificateEnvironment"
        | "ExpiredProviderToken"
        | "Forbidden"
        | "InvalidProviderToken"
        | "MissingProviderToken" => 403,
        "BadPath" => 404,
        "MethodNotAllowed" => 405,
        "ExpiredToken" | "Unregistered" => 410,
        "PayloadTooLarge" => 413,
        "TooManyProviderTokenUpdates" | "TooManyRequests" => 429,
        "InternalServerError" => 500,
        "ServiceUnavailable" | "Shutdown" => 503,
        _ => 400,
    };
    let status = status.unwrap_or(usual);
    let mut body = json!({ "reason": reason });
    if status == 410
        && let Some(body) = body.as_object_mut()
    {
        body.insert("timestamp".to_owned(), json!(millis()));
    }
    Response::json(status, &body)
}

fn send(world: &World, request: &Request, path: &[&str]) -> Result<Response, Response> {
    let no = |reason: &str| named(reason, None);
    if !request.is_http2 {
        return Err(Response::message(505, "Apple speaks HTTP/2 alone."));
    }
    if request.method != "POST" {
        return Err(no("MethodNotAllowed"));
    }
    let ["3", "device", token] = path else { return Err(no("BadPath")) };
    let mut books = lock(&world.push.books);
    check_sender(world, &mut books, request)?;
    match request.header("apns-topic") {
        None => return Err(no("MissingTopic")),
        Some(topic) if topic != TOPIC => return Err(no("TopicDisallowed")),
        Some(_) => {}
    }
    if request.header("apns-push-type") != Some("alert") {
        return Err(no("InvalidPushType"));
    }
    let priority = request.header("apns-priority").unwrap_or("10");
    if !["1", "5", "10"].contains(&priority) {
        return Err(no("BadPriority"));
    }
    let expiration = request.header("apns-expiration").map(str::parse::<i64>).transpose();
    let expiration = expiration.map_err(|_| no("BadExpirationDate"))?;
    let collapse_id = request.header("apns-collapse-id");
    if collapse_id.is_some_and(|id| id.len() > COLLAPSE_ID_MAX) {
        return Err(no("BadCollapseId"));
    }
    if request.body.is_empty() {
        return Err(no("PayloadEmpty"));
    }
    if request.body.len() > PAYLOAD_MAX {
        return Err(no("PayloadTooLarge"));
    }
    if token.len() < 64 || !token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(no("BadDeviceToken"));
    }
    if let Some(since) = books.unregistered_since("ios", token) {
        return Err(Response::json(410, &json!({ "reason": "Unregistered", "timestamp": since })));
    }
    let mut payload: Value = serde_json::from_slice(&request.body).map_err(|_| no("BadMessageId"))?;
    let text = |pointer: &str| payload.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (title, body) = (text("/aps/alert/title"), text("/aps/alert/body"));
    if let Some(payload) = payload.as_object_mut() {
        payload.remove("aps");
    }
    // Nobody is shown what is too late already.
    if expiration.is_none_or(|at| at == 0 || at > real().unix_timestamp()) {
        books.show(Shown {
            platform: "ios",
            token: (*token).to_owned(),
            collapse_id: collapse_id.map(str::to_owned),
            title,
            body,
            data: payload,
            urgent: priority == "10",
            times: 1,
        });
    }
    Ok(Response::empty(200).with("apns-id", super::name(&mut Ids::random())))
}

fn check_sender(world: &World, books: &mut Books, request: &Request) -> Result<(), Response> {
    let no = |reason: &str| named(reason, None);
    let token = bearer(request).ok_or_else(|| no("MissingProviderToken"))?;
    let (header, claims) = world.push.apple.opened(token).ok_or_else(|| no("InvalidProviderToken"))?;
    let text = |of: &Value, name: &str| of.get(name).and_then(Value::as_str).map(str::to_owned);
    let is_ours = text(&header, "alg").as_deref() == Some("ES256")
        && text(&header, "kid").as_deref() == Some(APNS_KEY_ID)
        && text(&claims, "iss").as_deref() == Some(TEAM_ID);
    let iat = claims.get("iat").and_then(Value::as_i64).filter(|_| is_ours);
    let iat = iat.ok_or_else(|| no("InvalidProviderToken"))?;
    let now = real().unix_timestamp();
    if iat > now + AHEAD_S || iat + TOKEN_LIFETIME_S < now {
        return Err(no("ExpiredProviderToken"));
    }
    if !books.provider_tokens.iter().any(|(seen, _)| seen == token) {
        let lately = books.provider_tokens.iter().filter(|(_, at)| *at + UPDATES_S > now).count();
        if lately >= UPDATES_MAX {
            return Err(no("TooManyProviderTokenUpdates"));
        }
        books.provider_tokens.push((token.to_owned(), now));
    }
    Ok(())
}

pub fn millis() -> i64 {
    i64::try_from(real().unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}
