//! `/__sim/login`: sign somebody in, rotate keys, see what Apple was asked to forget.

use serde::Deserialize;
use serde_json::json;

use super::{Grant, Issuer, tokens};
use crate::control::{body, unfit};
use crate::http::{Request, Response};
use crate::{World, clock, lock};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotation {
    provider: Issuer,
    #[serde(default)]
    keep_old: bool,
}

pub fn answer(world: &World, request: &Request, path: &[&str]) -> Result<Response, Response> {
    match (request.method.as_str(), path) {
        ("POST", []) => sign_in(world, request),
        ("POST", ["rotation"]) => {
            let rotation: Rotation = body(request)?;
            lock(world.login.keys(rotation.provider)).rotate(rotation.keep_old).map_err(|sentence| unfit(&sentence))?;
            Ok(Response::empty(204))
        }
        ("GET", ["grants"]) => Ok(Response::json(200, &json!({ "grants": *lock(&world.login.grants) }))),
        _ => Ok(Response::message(404, "No such control; GET / lists them.")),
    }
}

/// What the phone gets from the issuer. Tokens live by the real clock, as those who verify them do.
fn sign_in(world: &World, request: &Request) -> Result<Response, Response> {
    let wanted: tokens::Wanted = body(request)?;
    let mut keys = lock(world.login.keys(wanted.provider));
    let token = tokens::token(&mut keys, &wanted, clock::real()).map_err(|sentence| unfit(&sentence))?;
    if wanted.provider == Issuer::Kakao {
        return Ok(Response::json(200, &json!({ "id_token": token })));
    }
    let authorization_code = format!("c.{}", lock(&world.login.ids).hex());
    let grant = Grant {
        subject: wanted.subject,
        authorization_code: authorization_code.clone(),
        refresh_token: None,
        revoked: false,
    };
    lock(&world.login.grants).push(grant);
    Ok(Response::json(200, &json!({ "identity_token": token, "authorization_code": authorization_code })))
}
