//! `/__sim/app-store/purchases`: what happens in the store, for which the app's server gets a notification.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Shape;
use super::api::Asked;
use super::books::{Sale, Sent};
use super::control::{Purchase, minted, shape, uuid};
use super::delivery::Due;
use super::messages::{self, App, Inside, MONTH, millis};
use crate::control::{body, unfit};
use crate::http::{Request, Response};
use crate::{World, lock};

pub fn bundle_id() -> String {
    "com.example.nbbang".to_owned()
}

pub fn app_apple_id() -> i64 {
    1_234_567_890
}

pub fn answer(world: &World, request: &Request, path: &[&str]) -> Result<Response, Response> {
    match path {
        [] => buy(world, &body(request)?),
        [id, event] => happen(world, request, id, event),
        _ => Err(Response::message(404, "POST a purchase, or to /{transaction_id}/{event}.")),
    }
}

fn buy(world: &World, wanted: &Purchase) -> Result<Response, Response> {
    if wanted.tamper.is_some() {
        return Err(unfit("A purchase in the store is genuine; /transactions mints forgeries."));
    }
    let sale = wanted.sale(world)?;
    lock(&world.app_store.books).enter(sale.clone());
    let kind = if sale.is_subscription() { ("SUBSCRIBED", Some("INITIAL_BUY")) } else { ("ONE_TIME_CHARGE", None) };
    told(world, &sale, kind)
}

/// What the person or the store may do afterwards.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Happening {
    /// Laid over the transaction's claims.
    #[serde(default)]
    claims: Map<String, Value>,
    /// Laid over what is said of the renewal.
    #[serde(default)]
    renewal_claims: Map<String, Value>,
}

fn happen(world: &World, request: &Request, id: &str, event: &str) -> Result<Response, Response> {
    let happening: Happening = if request.body.is_empty() { Happening::default() } else { body(request)? };
    let now = world.clock.now();
    let now_ms = millis(now);
    let mut books = lock(&world.app_store.books);
    let Some(mut sale) = books.sale(id) else { return Err(Response::message(404, "There is no such transaction.")) };
    let (mut over, mut renewal) = (json!({}), json!({}));
    let kind = match event {
        "renewal" => {
            sale = books.last_of(&sale);
            let from = sale.number("expiresDate").ok_or_else(|| unfit("It is no subscription."))?;
            over = json!({
                "transactionId": format!("2000{}", lock(&world.app_store.ids).digits(12)),
                "purchaseDate": from,
                "expiresDate": from + MONTH,
                "transactionReason": "RENEWAL",
            });
            renewal =
                json!({ "isInBillingRetryPeriod": null, "gracePeriodExpiresDate": null, "expirationIntent": null });
            ("DID_RENEW", None)
        }
        "failure" => {
            renewal = json!({ "isInBillingRetryPeriod": true, "gracePeriodExpiresDate": null, "expirationIntent": 2 });
            ("DID_FAIL_TO_RENEW", None)
        }
        "grace" => {
            let until = sale.number("expiresDate").unwrap_or(now_ms).max(now_ms) + 16 * 86_400_000;
            renewal = json!({ "isInBillingRetryPeriod": true, "gracePeriodExpiresDate": until, "expirationIntent": 2 });
            ("DID_FAIL_TO_RENEW", Some("GRACE_PERIOD"))
        }
        "cancellation" => {
            renewal = json!({ "autoRenewStatus": 0 });
            ("DID_CHANGE_RENEWAL_STATUS", Some("AUTO_RENEW_DISABLED"))
        }
        "expiry" => {
            over = json!({ "expiresDate": sale.number("expiresDate").unwrap_or(now_ms).min(now_ms) });
            renewal = json!({ "autoRenewStatus": 0, "isInBillingRetryPeriod": null, "gracePeriodExpiresDate": null, "expirationIntent": 1 });
            ("EXPIRED", Some("VOLUNTARY"))
        }
        "refund" => {
            over = json!({ "revocationDate": now_ms, "revocationReason": 0 });
            ("REFUND", None)
        }
        "refund-reversal" => {
            over = json!({ "revocationDate": null, "revocationReason": null, "revocationPercentage": null, "revocationType": null });
            ("REFUND_REVERSED", None)
        }
        "consumption-request" => ("CONSUMPTION_REQUEST", None),
        _ => return Err(unfit(EVENTS)),
    };
    messages::overlay(&mut sale.claims, &over);
    messages::overlay(&mut sale.claims, &Value::Object(happening.claims));
    messages::overlay(&mut sale.claims, &json!({ "signedDate": now_ms }));
    let original = sale.text("originalTransactionId").to_owned();
    books.say_of_renewal(&original, &renewal);
    books.say_of_renewal(&original, &Value::Object(happening.renewal_claims));
    books.enter(sale.clone());
    drop(books);
    told(world, &sale, kind)
}

const EVENTS: &str = "There is no such event; there are renewal, failure, grace, cancellation, expiry, refund, \
                      refund-reversal and consumption-request.";

/// Sends the notification, and answers with what a phone would have in its hands.
fn told(world: &World, sale: &Sale, (kind, subtype): (&str, Option<&str>)) -> Result<Response, Response> {
    let (sent, transaction) = notification(world, sale, kind, subtype)?;
    let body = json!({
        "transaction_id": sale.text("transactionId"),
        "signed_transaction": transaction,
        "claims": sale.claims,
        "notification_uuid": sent.uuid,
        "signedPayload": sent.payload,
    });
    deliver(world, sent);
    Ok(Response::json(201, &body))
}

fn notification(world: &World, sale: &Sale, kind: &str, subtype: Option<&str>) -> Result<(Sent, String), Response> {
    let (now, pki) = (world.clock.now(), world.app_store.pki(sale.shape));
    let mut renewal = lock(&world.app_store.books).renewal_info(sale, now);
    messages::overlay(&mut renewal, &json!({ "signedDate": millis(now) }));
    let transaction = minted(pki, &sale.claims, None)?;
    let inside = Inside {
        transaction: Some(transaction.clone()),
        renewal_info: sale.is_subscription().then(|| minted(pki, &renewal, None)).transpose()?,
        app_transaction: None,
    };
    let uuid = uuid(&world.app_store);
    let mut claims = messages::notification(&sale.app, kind, subtype, &uuid, &inside, now);
    if sale.is_subscription() {
        let status = lock(&world.app_store.books).status(sale, now);
        messages::overlay(&mut claims, &json!({ "data": { "status": status } }));
    }
    let sent = Sent {
        uuid,
        app: sale.app.clone(),
        kind: kind.to_owned(),
        subtype: subtype.map(str::to_owned),
        transaction_id: Some(sale.text("transactionId").to_owned()),
        original_transaction_id: Some(sale.text("originalTransactionId").to_owned()),
        payload: minted(pki, &claims, None)?,
        at: now,
        attempts: Vec::new(),
    };
    Ok((sent, transaction))
}

pub fn deliver(world: &World, sent: Sent) {
    let due = Due::first(&sent);
    // In the books before it goes, since there its tries are noted.
    lock(&world.app_store.books).send(sent);
    world.app_store.delivery.send(due);
}

/// The Server API's test notification.
pub fn test(asked: &Asked<'_>) -> Response {
    let (world, now) = (asked.world, asked.now);
    let app = App {
        bundle_id: asked.bundle_id.clone(),
        app_apple_id: app_apple_id(),
        environment: asked.environment.to_owned(),
    };
    let uuid = uuid(&world.app_store);
    let claims = messages::notification(&app, "TEST", None, &uuid, &Inside::default(), now);
    let shape = shape(None).unwrap_or(Shape::Apple);
    let payload = world.app_store.pki(shape).sign(&claims).unwrap_or_default();
    let sent = Sent {
        uuid: uuid.clone(),
        app,
        kind: "TEST".to_owned(),
        subtype: None,
        transaction_id: None,
        original_transaction_id: None,
        payload,
        at: now,
        attempts: Vec::new(),
    };
    deliver(world, sent);
    Response::json(200, &json!({ "testNotificationToken": format!("{uuid}_{}", millis(now)) }))
}
