//! Google's: the tokens of a service account, and `messages:send` of the HTTP v1 API
//! (<https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages/send>, errors in `…/v1/ErrorCode`).

use serde_json::{Value, json};

use super::keys::{CLIENT_EMAIL, RSA_KEY_ID};
use super::{PROJECT_ID, Shown, bearer, met};
use crate::clock::real;
use crate::http::{Answer, Request, Response};
use crate::ids::Ids;
use crate::{World, lock};

const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const LIFETIME_S: i64 = 3599;
const MESSAGE_MAX: usize = 4096;

pub async fn answer(world: &World, request: &Request, path: &[&str]) -> Answer {
    match (request.method.as_str(), path) {
        ("POST", ["token"]) => met(world, ("fcm", "token"), || token(world, request), ungranted).await,
        ("POST", ["v1", "projects", project, "messages:send"]) => {
            let does = || send(world, request, project).unwrap_or_else(|refused| refused);
            met(world, ("fcm", "send"), does, named).await
        }
        _ => named("NOT_FOUND", Some(404)).into(),
    }
}

fn ungranted(error: &str, status: Option<u16>) -> Response {
    Response::json(status.unwrap_or(400), &json!({ "error": error, "error_description": "Invalid JWT." }))
}

/// An error of FCM's own stands in the details, beside Google's common one.
fn named(code: &str, status: Option<u16>) -> Response {
    let (usual, common, is_own) = match code {
        "UNREGISTERED" => (404, "NOT_FOUND", true),
        "INVALID_ARGUMENT" => (400, "INVALID_ARGUMENT", true),
        "SENDER_ID_MISMATCH" => (403, "PERMISSION_DENIED", true),
        "QUOTA_EXCEEDED" => (429, "RESOURCE_EXHAUSTED", true),
        "UNAVAILABLE" => (503, "UNAVAILABLE", true),
        "INTERNAL" | "InternalServerError" => (500, "INTERNAL", true),
        "THIRD_PARTY_AUTH_ERROR" => (401, "UNAUTHENTICATED", true),
        "UNAUTHENTICATED" => (401, "UNAUTHENTICATED", false),
        "PERMISSION_DENIED" => (403, "PERMISSION_DENIED", false),
        "NOT_FOUND" => (404, "NOT_FOUND", false),
        other => (500, other, false),
    };
    let status = status.unwrap_or(usual);
    let mut error = json!({ "code": status, "message": "Simulated.", "status": common });
    if is_own && let Some(error) = error.as_object_mut() {
        let code = if code == "InternalServerError" { "INTERNAL" } else { code };
        let own = json!({ "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code });
        error.insert("details".to_owned(), json!([own]));
    }
    Response::json(status, &json!({ "error": error }))
}

fn token(world: &World, request: &Request) -> Response {
    let assertion = request.form("assertion").filter(|_| request.form("grant_type").as_deref() == Some(GRANT));
    let opened = assertion.and_then(|assertion| world.push.google.opened(&assertion));
    let Some((header, claims)) = opened else { return ungranted("invalid_grant", None) };
    let text = |of: &Value, name: &str| of.get(name).and_then(Value::as_str).map(str::to_owned);
    let seconds = |name: &str| claims.get(name).and_then(Value::as_i64).unwrap_or_default();
    let (now, iat, exp) = (real().unix_timestamp(), seconds("iat"), seconds("exp"));
    let is_good = text(&header, "alg").as_deref() == Some("RS256")
        && text(&header, "kid").as_deref() == Some(RSA_KEY_ID)
        && text(&claims, "iss").as_deref() == Some(CLIENT_EMAIL)
        && text(&claims, "aud").as_deref() == Some(&*world.push.token_uri)
        && text(&claims, "scope").as_deref() == Some(SCOPE)
        && iat <= now + 60
        && now < exp
        && exp - iat <= 3600;
    if !is_good {
        return ungranted("invalid_grant", None);
    }
    let token = format!("ya29.simulator-{}", super::name(&mut Ids::random()));
    lock(&world.push.books).access_tokens.insert(token.clone(), now + LIFETIME_S);
    Response::json(200, &json!({ "access_token": token, "expires_in": LIFETIME_S, "token_type": "Bearer" }))
}

fn send(world: &World, request: &Request, project: &str) -> Result<Response, Response> {
    let no = |code: &str| named(code, None);
    let mut books = lock(&world.push.books);
    let access = bearer(request).unwrap_or_default();
    let until = books.access_tokens.get(access).copied().unwrap_or_default();
    if until <= real().unix_timestamp() {
        return Err(no("UNAUTHENTICATED"));
    }
    books.used_access_tokens.insert(access.to_owned());
    if project != PROJECT_ID {
        return Err(no("PERMISSION_DENIED"));
    }
    let said: Value = serde_json::from_slice(&request.body).map_err(|_| no("INVALID_ARGUMENT"))?;
    let text = |pointer: &str| said.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let data = said.pointer("/message/data").cloned().unwrap_or_else(|| json!({}));
    let is_text = data.as_object().is_some_and(|data| data.values().all(Value::is_string));
    let token = text("/message/token").filter(|token| token.len() >= 16).ok_or_else(|| no("INVALID_ARGUMENT"))?;
    if !is_text || request.body.len() > MESSAGE_MAX {
        return Err(no("INVALID_ARGUMENT"));
    }
    let ttl = text("/message/android/ttl");
    if ttl.is_some_and(|ttl| ttl.strip_suffix('s').and_then(|s| s.parse::<u32>().ok()).is_none_or(|s| s > 2_419_200)) {
        return Err(no("INVALID_ARGUMENT"));
    }
    if books.unregistered_since("android", &token).is_some() {
        return Err(no("UNREGISTERED"));
    }
    books.show(Shown {
        platform: "android",
        token,
        // What takes another's place on the screen; the collapse key does so on the way alone.
        collapse_id: text("/message/android/notification/tag"),
        title: text("/message/notification/title").unwrap_or_default(),
        body: text("/message/notification/body").unwrap_or_default(),
        data,
        urgent: text("/message/android/priority").as_deref() == Some("HIGH"),
        times: 1,
    });
    let name = format!("projects/{PROJECT_ID}/messages/0:{}", super::name(&mut Ids::random()));
    Ok(Response::json(200, &json!({ "name": name })))
}
