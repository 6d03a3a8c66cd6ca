//! `/__sim/app-store`: signs whatever a test wants to be signed, right or wrong.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::api_key::{ISSUER_ID, KEY_ID};
use super::books::{Sale, Sent};
use super::messages::{self, App, Inside};
use super::ocsp::Status;
use super::sales::{self, app_apple_id, bundle_id};
use super::{AppStore, Pki, Shape, Tamper};
use crate::control::{body, unfit};
use crate::http::{Request, Response};
use crate::{World, lock};

pub fn answer(world: &World, request: &Request, path: &[&str]) -> Result<Response, Response> {
    match (request.method.as_str(), path) {
        ("GET", ["root.der"]) => root(&world.app_store, request),
        ("GET", ["tampers"]) => Ok(tampers()),
        ("GET", ["api-key.p8"]) => Ok(Response::new(200, "application/pkcs8", world.app_store.api_key.pem())),
        ("GET", ["api-key"]) => Ok(Response::json(200, &json!({ "key_id": KEY_ID, "issuer_id": ISSUER_ID }))),
        ("GET", ["consumption"]) => {
            Ok(Response::json(200, &json!({ "consumption": lock(&world.app_store.books).consumption() })))
        }
        ("PUT", ["ocsp"]) => say(&world.app_store, &body(request)?),
        ("POST", ["purchases", rest @ ..]) => sales::answer(world, request, rest),
        ("POST", ["transactions"]) => transaction(world, &body(request)?),
        ("POST", ["notifications"]) => notification(world, body(request)?),
        _ => Err(Response::message(404, "No such control; GET / lists them.")),
    }
}

fn root(store: &AppStore, request: &Request) -> Result<Response, Response> {
    let shape = shape(request.param("shape").as_deref())?;
    Ok(Response::new(200, "application/pkix-cert", store.pki(shape).root_der()))
}

fn tampers() -> Response {
    let words: Vec<&str> = Tamper::ALL.iter().map(|tamper| tamper.word()).collect();
    Response::json(200, &json!({ "tampers": words }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    leaf: Option<String>,
    intermediate: Option<String>,
}

/// What the responder says from now on.
fn say(store: &AppStore, wanted: &Said) -> Result<Response, Response> {
    let status = |word: &Option<String>| {
        let word = word.as_deref().unwrap_or("good");
        Status::from_word(word).ok_or_else(|| unfit(STATUSES))
    };
    *lock(&store.said) = [status(&wanted.leaf)?, status(&wanted.intermediate)?];
    Ok(Response::empty(204))
}

const STATUSES: &str =
    "There are good, revoked, unknown, forged, forged_revoked, stale, other_serial and unauthorized.";

/// Whose purchase it is, of what, and how the chain is made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Purchase {
    #[serde(default = "bundle_id")]
    bundle_id: String,
    #[serde(default = "app_apple_id")]
    app_apple_id: i64,
    #[serde(default = "environment")]
    environment: String,
    #[serde(default = "product_id")]
    product_id: String,
    transaction_id: Option<String>,
    app_account_token: Option<String>,
    shape: Option<String>,
    pub tamper: Option<String>,
    /// Laid over the transaction's claims; null removes.
    #[serde(default)]
    claims: Map<String, Value>,
}

fn environment() -> String {
    "Sandbox".to_owned()
}

fn product_id() -> String {
    "plus_monthly".to_owned()
}

impl Purchase {
    fn app(&self) -> App {
        App {
            bundle_id: self.bundle_id.clone(),
            app_apple_id: self.app_apple_id,
            environment: self.environment.clone(),
        }
    }

    /// As the store enters it into its books.
    pub fn sale(&self, world: &World) -> Result<Sale, Response> {
        Ok(sold(shape(self.shape.as_deref())?, self.app(), self.claims(world)))
    }

    fn claims(&self, world: &World) -> Value {
        let now = world.clock.now();
        let made = || format!("2000{}", lock(&world.app_store.ids).digits(12));
        let transaction_id = self.transaction_id.clone().unwrap_or_else(made);
        let is_subscription = !self.product_id.starts_with("boost");
        let mut claims = messages::transaction(&self.app(), &self.product_id, is_subscription, &transaction_id, now);
        if let Some(token) = &self.app_account_token {
            messages::overlay(&mut claims, &json!({ "appAccountToken": token }));
        }
        messages::overlay(&mut claims, &Value::Object(self.claims.clone()));
        claims
    }
}

/// The claims say whose it is, whatever was asked for.
fn sold(shape: Shape, mut app: App, claims: Value) -> Sale {
    for (name, field) in [("bundleId", &mut app.bundle_id), ("environment", &mut app.environment)] {
        if let Some(said) = claims.get(name).and_then(Value::as_str) {
            said.clone_into(field);
        }
    }
    Sale { app, shape, claims }
}

fn transaction(world: &World, wanted: &Purchase) -> Result<Response, Response> {
    let sale = wanted.sale(world)?;
    let tamper = tamper(wanted.tamper.as_deref())?;
    let signed = minted(world.app_store.pki(sale.shape), &sale.claims, tamper)?;
    let claims = sale.claims.clone();
    // The store knows nothing of forgeries.
    if tamper.is_none() {
        lock(&world.app_store.books).enter(sale);
    }
    Ok(Response::json(201, &json!({ "signed_transaction": signed, "claims": claims })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(rename = "type")]
    kind: String,
    subtype: Option<String>,
    notification_uuid: Option<String>,
    /// Its `tamper` forges the token inside.
    purchase: Purchase,
    /// Laid over the claims of the renewal; only subscriptions have them.
    #[serde(default)]
    renewal_claims: Map<String, Value>,
    renewal_tamper: Option<String>,
    /// Laid over the notification's own claims.
    #[serde(default)]
    claims: Map<String, Value>,
    tamper: Option<String>,
    /// Sent to the app's server too, and kept in the history.
    #[serde(default)]
    deliver: bool,
}

fn notification(world: &World, wanted: Wanted) -> Result<Response, Response> {
    let (now, app, purchase) = (world.clock.now(), wanted.purchase.app(), &wanted.purchase);
    let sale = purchase.sale(world)?;
    let (pki, bought) = (world.app_store.pki(sale.shape), sale.claims.clone());
    let mut renewal = messages::renewal_info(&app, &bought, now);
    messages::overlay(&mut renewal, &Value::Object(wanted.renewal_claims));
    let renews = bought.get("expiresDate").is_some();
    let inside = Inside {
        transaction: Some(minted(pki, &bought, tamper(purchase.tamper.as_deref())?)?),
        renewal_info: renews.then(|| minted(pki, &renewal, tamper(wanted.renewal_tamper.as_deref())?)).transpose()?,
        app_transaction: Some(minted(pki, &messages::app_transaction(&app, now), None)?),
    };
    let uuid = wanted.notification_uuid.unwrap_or_else(|| uuid(&world.app_store));
    let mut claims = messages::notification(&app, &wanted.kind, wanted.subtype.as_deref(), &uuid, &inside, now);
    messages::overlay(&mut claims, &Value::Object(wanted.claims));
    let signed = minted(pki, &claims, tamper(wanted.tamper.as_deref())?)?;
    if wanted.deliver {
        let sent = Sent {
            uuid: uuid.clone(),
            app: sale.app.clone(),
            kind: wanted.kind,
            subtype: wanted.subtype,
            transaction_id: Some(sale.text("transactionId").to_owned()),
            original_transaction_id: Some(sale.text("originalTransactionId").to_owned()),
            payload: signed.clone(),
            at: now,
            attempts: Vec::new(),
        };
        sales::deliver(world, sent);
    }
    if purchase.tamper.is_none() {
        lock(&world.app_store.books).enter(sale);
    }
    Ok(Response::json(201, &json!({ "signedPayload": signed, "notification_uuid": uuid, "transaction": bought })))
}

pub fn minted(pki: &Pki, claims: &Value, tamper: Option<Tamper>) -> Result<String, Response> {
    let token = match tamper {
        Some(tamper) => pki.forge(claims, tamper),
        None => pki.sign(claims),
    };
    token.map_err(|sentence| Response::message(500, &sentence))
}

pub fn shape(word: Option<&str>) -> Result<Shape, Response> {
    let word = word.unwrap_or("apple");
    Shape::from_word(word).ok_or_else(|| unfit(&format!("There is no shape {word:?}; there are apple and plain.")))
}

fn tamper(word: Option<&str>) -> Result<Option<Tamper>, Response> {
    word.map(|word| {
        let unknown = || unfit(&format!("Nothing is forged by {word:?}; GET /__sim/app-store/tampers says what is."));
        Tamper::from_word(word).ok_or_else(unknown)
    })
    .transpose()
}

/// Random, version 4.
pub fn uuid(store: &AppStore) -> String {
    let hex = lock(&store.ids).hex().to_lowercase();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-4{}-a{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}
