//! `/__sim/pushes`, `/__sim/apns` and `/__sim/fcm`: what phones show, the keys, and apps that are taken off phones.

use serde::Deserialize;
use serde_json::json;

use super::apns::millis;
use super::{APNS_KEY_ID, PROJECT_ID, TEAM_ID, TOPIC};
use crate::control::{body, unfit};
use crate::http::{Request, Response};
use crate::{World, lock};

pub fn answer(world: &World, request: &Request, path: &[&str]) -> Result<Response, Response> {
    match (request.method.as_str(), path) {
        ("GET", []) => {
            let books = lock(&world.push.books);
            Ok(Response::json(
                200,
                &json!({
                    "pushes": books.shown,
                    "provider_tokens": books.provider_tokens.len(),
                    "access_tokens": books.used_access_tokens.len(),
                }),
            ))
        }
        ("DELETE", []) => {
            lock(&world.push.books).shown.clear();
            Ok(Response::empty(204))
        }
        ("POST", ["unregister"]) => unregister(world, body(request)?),
        _ => Err(Response::message(404, "No such control; GET / lists them.")),
    }
}

pub fn apns_control(world: &World, request: &Request, path: &[&str]) -> Result<Response, Response> {
    match (request.method.as_str(), path) {
        ("GET", ["key.p8"]) => Ok(Response::new(200, "application/pkcs8", world.push.apns_key_pem())),
        ("GET", ["key"]) => {
            Ok(Response::json(200, &json!({ "key_id": APNS_KEY_ID, "team_id": TEAM_ID, "topic": TOPIC })))
        }
        _ => Err(Response::message(404, "No such control; GET / lists them.")),
    }
}

pub fn fcm_control(world: &World, request: &Request, path: &[&str]) -> Result<Response, Response> {
    match (request.method.as_str(), path) {
        ("GET", ["service-account.json"]) => match world.push.service_account() {
            Ok(file) => Ok(Response::new(200, "application/json", file)),
            Err(sentence) => Err(Response::message(500, &sentence)),
        },
        ("GET", ["project"]) => Ok(Response::json(200, &json!({ "project_id": PROJECT_ID }))),
        ("DELETE", ["tokens"]) => {
            lock(&world.push.books).access_tokens.clear();
            Ok(Response::empty(204))
        }
        _ => Err(Response::message(404, "No such control; GET / lists them.")),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unregister {
    platform: String,
    token: String,
    /// Milliseconds of 1970; now.
    since_ms: Option<i64>,
    /// The app is back under the same token.
    #[serde(default)]
    again: bool,
}

fn unregister(world: &World, wanted: Unregister) -> Result<Response, Response> {
    let platform = match wanted.platform.as_str() {
        "ios" => "ios",
        "android" => "android",
        _ => return Err(unfit("There are the platforms ios and android.")),
    };
    let mut books = lock(&world.push.books);
    let key = (platform, wanted.token);
    if wanted.again {
        books.unregistered.remove(&key);
    } else {
        books.unregistered.insert(key, wanted.since_ms.unwrap_or_else(millis));
    }
    Ok(Response::empty(204))
}
