//! What an app's server asks of the issuers: their keys, and of Apple a refresh token for a code and to forget it.

use serde_json::{Value, json};

use super::Issuer;
use crate::faults::{Deed, Strike, When};
use crate::http::{Answer, Request, Response};
use crate::journal::Heard;
use crate::{World, lock};

pub async fn answer(world: &World, request: &Request, issuer: Issuer, path: &[&str]) -> Answer {
    let operation = match (issuer, request.method.as_str(), path) {
        (Issuer::Apple, "GET", ["auth", "keys"]) | (Issuer::Kakao, "GET", [".well-known", "jwks.json"]) => "jwks",
        (Issuer::Kakao, "GET", [".well-known", "openid-configuration"]) => return configuration(request).into(),
        (Issuer::Apple, "POST", ["auth", "token"]) => "token",
        (Issuer::Apple, "POST", ["auth", "revoke"]) => "revoke",
        _ => return Response::message(404, "The issuer has no such address.").into(),
    };
    let at = world.clock.now();
    let heard = Heard {
        provider: "login",
        operation,
        idempotency_key: None,
        provider_order_id: None,
        payment_key: None,
        query: None,
        at,
    };
    lock(&world.journal).record(heard);
    let strike = |when| lock(&world.faults).strike("login", operation, when);
    if let Some(strike) = strike(When::Before) {
        tokio::time::sleep(strike.latency).await;
        if strike.deed != Deed::Latency {
            return spoiled(&strike, Response::empty(500));
        }
    }
    let response = match operation {
        "jwks" => key_set(world, issuer),
        "token" => exchange(world, request),
        _ => revoke(world, request),
    };
    match strike(When::AfterEffect) {
        None => response.into(),
        Some(strike) => {
            tokio::time::sleep(strike.latency).await;
            spoiled(&strike, response)
        }
    }
}

fn spoiled(strike: &Strike, response: Response) -> Answer {
    match (strike.deed, &strike.code, strike.status) {
        (Deed::Status, Some(code), Some(status)) => Response::json(status, &json!({ "error": code })).into(),
        (Deed::WrongBody, _, _) => Response::json(200, &json!({ "keys": "none" })).into(),
        _ => strike.spoil(response),
    }
}

fn key_set(world: &World, issuer: Issuer) -> Response {
    match lock(world.login.keys(issuer)).public() {
        Ok(keys) => Response::json(200, &keys),
        Err(sentence) => Response::message(500, &sentence),
    }
}

fn configuration(request: &Request) -> Response {
    let base = format!("http://{}/kakao-login", request.header("host").unwrap_or("127.0.0.1"));
    Response::json(
        200,
        &json!({
            "issuer": Issuer::Kakao.name(),
            "jwks_uri": format!("{base}/.well-known/jwks.json"),
            "id_token_signing_alg_values_supported": ["RS256"],
            "subject_types_supported": ["public"],
        }),
    )
}

fn exchange(world: &World, request: &Request) -> Response {
    let (grant_type, code) = (request.form("grant_type"), request.form("code").unwrap_or_default());
    if !has_credentials(request) {
        return refusal("invalid_client");
    }
    if grant_type.as_deref() != Some("authorization_code") {
        return refusal("unsupported_grant_type");
    }
    let mut grants = lock(&world.login.grants);
    let Some(grant) = grants.iter_mut().find(|grant| grant.authorization_code == code) else {
        return refusal("invalid_grant");
    };
    if grant.refresh_token.is_some() {
        return refusal("invalid_grant");
    }
    let refresh_token = format!("r.{}", lock(&world.login.ids).hex());
    grant.refresh_token = Some(refresh_token.clone());
    Response::json(
        200,
        &json!({
            "access_token": "a.simulated", "token_type": "Bearer", "expires_in": 3600, "refresh_token": refresh_token,
        }),
    )
}

fn revoke(world: &World, request: &Request) -> Response {
    if !has_credentials(request) {
        return refusal("invalid_client");
    }
    let token = request.form("token");
    for grant in lock(&world.login.grants).iter_mut().filter(|grant| grant.refresh_token == token) {
        grant.revoked = true;
    }
    // Apple answers so for tokens that it does not know, too.
    Response::empty(200)
}

/// The client's id, and as its secret a token that names a key and a team.
fn has_credentials(request: &Request) -> bool {
    let secret = request.form("client_secret").unwrap_or_default();
    let claims = jsonwebtoken::dangerous::insecure_decode::<Value>(&secret);
    let client = request.form("client_id");
    claims.is_ok_and(|token| {
        let claim = |name: &str| token.claims.get(name).and_then(Value::as_str).map(str::to_owned);
        token.header.kid.is_some()
            && token.header.alg == jsonwebtoken::Algorithm::ES256
            && claim("aud").as_deref() == Some(Issuer::Apple.name())
            && claim("iss").is_some()
            && client.is_some()
            && claim("sub") == client
    })
}

fn refusal(error: &str) -> Response {
    Response::json(400, &json!({ "error": error }))
}
