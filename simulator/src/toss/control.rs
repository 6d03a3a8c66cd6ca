//! `/__sim/toss`: what the payment window and Toss's own console do, and Toss's books for an audit.

use serde::Deserialize;
use serde_json::json;

use super::books::{Approval, Canceller};
use super::codes::{self, Code};
use super::payment::Method;
use crate::control::{body, unfit};
use crate::http::{Request, Response};
use crate::{World, lock};

pub fn answer(world: &World, request: &Request, path: &[&str]) -> Result<Response, Response> {
    match (request.method.as_str(), path) {
        ("POST", ["authorize"]) => authorize(world, &body(request)?),
        ("POST", ["cancel"]) => cancel(world, &body(request)?),
        ("GET", ["truth"]) => Ok(Response::json(200, &json!({ "orders": lock(&world.toss.books).truth() }))),
        _ => Err(Response::message(404, "No such control; GET / lists them.")),
    }
}

/// What the customer did in the window; in words, because it comes from outside.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    pub provider_order_id: String,
    pub amount_krw: i64,
    pub method: Option<String>,
    pub decline: Option<String>,
    pub order_name: Option<String>,
}

impl Wanted {
    /// The customer approves (the issuer may still decline): gives the payment key, or a sentence that says what is wrong.
    pub fn authorize(&self, world: &World) -> Result<String, String> {
        let method = self.method.as_deref().unwrap_or("card");
        let method = Method::find(method).ok_or_else(|| {
            format!("There is no method {method:?}; there are {}.", Method::ALL.map(|(_, word, _)| word).join(", "))
        })?;
        let decline = self.decline.as_deref().map(decline).transpose()?;
        let approval = Approval {
            order_id: self.provider_order_id.clone(),
            order_name: self.order_name.clone().unwrap_or_else(|| "nbbang".to_owned()),
            amount_krw: self.amount_krw,
            method,
            decline,
        };
        let now = world.clock.now();
        world.toss.work(now, |books| books.authorize(approval, now))
    }
}

fn decline(name: &str) -> Result<Code, String> {
    codes::decline(name).ok_or_else(|| {
        let known: Vec<&str> = codes::DECLINES.iter().map(|code| code.name).collect();
        format!("No issuer declines with {name:?}; they do with {}.", known.join(", "))
    })
}

fn authorize(world: &World, wanted: &Wanted) -> Result<Response, Response> {
    let payment_key = wanted.authorize(world).map_err(|sentence| unfit(&sentence))?;
    Ok(Response::json(201, &json!({ "payment_key": payment_key })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BackOfficeCancel {
    payment_key: String,
    amount_krw: Option<i64>,
}

fn cancel(world: &World, wanted: &BackOfficeCancel) -> Result<Response, Response> {
    let now = world.clock.now();
    let cancelled = world.toss.work(now, |books| {
        books.cancel(&wanted.payment_key, wanted.amount_krw, "상점 관리자 취소", Canceller::BackOffice, now)
    });
    match cancelled {
        Ok(payment) => Ok(Response::json(200, &payment.object(now))),
        Err(code) => Err(Response::message(422, &format!("Toss would not cancel that: {}.", code.name))),
    }
}
