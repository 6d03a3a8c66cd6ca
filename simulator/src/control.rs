//! `/__sim`: the strings to pull at. What belongs to one provider is in that provider's module.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::faults::Fault;
use crate::http::{Request, Response};
use crate::{World, app_store, lock, login, push, toss};

pub fn answer(world: &World, request: &Request, path: &[&str]) -> Response {
    let answered = match (request.method.as_str(), path) {
        ("GET", ["faults"]) => Ok(Response::json(200, &json!({ "faults": lock(&world.faults).planned() }))),
        ("POST", ["faults"]) => plan_fault(world, request),
        ("DELETE", ["faults"]) => {
            lock(&world.faults).clear();
            Ok(Response::empty(204))
        }
        ("GET", ["clock"]) => Ok(clock(world)),
        ("POST", ["clock"]) => change_clock(world, request),
        ("GET", ["requests"]) => Ok(requests(world, request)),
        ("GET", ["webhook-base"]) => Ok(webhook_base(world)),
        ("PUT", ["webhook-base"]) => set_webhook_base(world, request),
        (_, ["app-store", rest @ ..]) => app_store::control(world, request, rest),
        (_, ["pushes", rest @ ..]) => push::control(world, request, rest),
        (_, ["apns", rest @ ..]) => push::apns_control(world, request, rest),
        (_, ["fcm", rest @ ..]) => push::fcm_control(world, request, rest),
        (_, ["toss", rest @ ..]) => toss::control(world, request, rest),
        (_, ["login", rest @ ..]) => login::control(world, request, rest),
        _ => Ok(Response::message(404, "No such control; GET / lists them.")),
    };
    answered.unwrap_or_else(|refused| refused)
}

/// The request's JSON, or the answer that says what is wrong with it.
pub fn body<T: DeserializeOwned>(request: &Request) -> Result<T, Response> {
    serde_json::from_slice(&request.body).map_err(|e| {
        let status = if e.is_data() { 422 } else { 400 };
        Response::message(status, &format!("The body does not fit: {e}."))
    })
}

pub fn unfit(sentence: &str) -> Response {
    Response::message(422, sentence)
}

fn plan_fault(world: &World, request: &Request) -> Result<Response, Response> {
    let fault: Fault = body(request)?;
    lock(&world.faults).plan(fault.clone()).map_err(|sentence| unfit(&sentence))?;
    Ok(Response::json(201, &fault))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockChange {
    #[serde(default)]
    advance_s: u32,
    /// True stops the clock, false lets it run on.
    stopped: Option<bool>,
}

fn change_clock(world: &World, request: &Request) -> Result<Response, Response> {
    let change: ClockChange = body(request)?;
    match change.stopped {
        Some(true) => world.clock.stop(),
        Some(false) => world.clock.run(),
        None => {}
    }
    world.clock.advance(change.advance_s).map_err(|sentence| unfit(&sentence))?;
    world.toss.clock_moved();
    world.app_store.clock_moved();
    Ok(clock(world))
}

fn clock(world: &World) -> Response {
    let now = world.clock.now().format(&time::format_description::well_known::Rfc3339).unwrap_or_default();
    Response::json(
        200,
        &json!({ "now": now, "advanced_s": world.clock.advanced_s(), "stopped": world.clock.is_stopped() }),
    )
}

fn requests(world: &World, request: &Request) -> Response {
    let (provider, operation) = (request.param("provider"), request.param("operation"));
    let journal = lock(&world.journal);
    Response::json(200, &json!({ "requests": journal.find(provider.as_deref(), operation.as_deref()) }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookBase {
    url: String,
}

fn set_webhook_base(world: &World, request: &Request) -> Result<Response, Response> {
    let wanted: WebhookBase = body(request)?;
    world.set_webhook_base(&wanted.url).map_err(|sentence| unfit(&sentence))?;
    Ok(webhook_base(world))
}

fn webhook_base(world: &World) -> Response {
    Response::json(200, &json!({ "url": world.webhook_base() }))
}
