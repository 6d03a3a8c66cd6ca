//! The App Store Server API, in the order in which a request meets it: fault, token, books, fault.

use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::api_codes::{self as codes, Code};
use super::books::Sale;
use super::messages::{self, App, millis};
use super::ocsp::Question;
use super::page::Page;
use super::{Shape, history, sales};
use crate::faults::{Deed, Strike, When};
use crate::http::{Answer, Request, Response};
use crate::journal::Heard;
use crate::{World, lock};

/// How many transactions come at once.
const PAGE: usize = 20;

/// One request, of an app that has shown its key.
pub struct Asked<'a> {
    pub world: &'a World,
    pub request: &'a Request,
    pub environment: &'static str,
    pub bundle_id: String,
    pub now: OffsetDateTime,
}

pub async fn answer(world: &World, request: &Request, environment: &'static str, path: &[&str]) -> Answer {
    hear(world, request, "api");
    let before = lock(&world.faults).strike("app_store", "api", When::Before);
    if let Some(strike) = before {
        tokio::time::sleep(strike.latency).await;
        if strike.deed != Deed::Latency {
            return spoiled(&strike, codes::GENERAL_INTERNAL.response());
        }
    }
    let response = answered(world, request, environment, path);
    let after = lock(&world.faults).strike("app_store", "api", When::AfterEffect);
    match after {
        None => response.into(),
        Some(strike) => {
            tokio::time::sleep(strike.latency).await;
            spoiled(&strike, response)
        }
    }
}

fn answered(world: &World, request: &Request, environment: &'static str, path: &[&str]) -> Response {
    let now = world.clock.now();
    let times = [now, crate::clock::real()];
    let bundle_id = world.app_store.api_key.bundle_id(request.header("authorization"), &times);
    let ours = |id: &String| *id == sales::bundle_id() || lock(&world.app_store.books).knows_app(id);
    let Some(bundle_id) = bundle_id.filter(ours) else { return codes::unauthenticated() };
    let asked = Asked { world, request, environment, bundle_id, now };
    carry_out(&asked, path).unwrap_or_else(Code::response)
}

fn carry_out(asked: &Asked<'_>, path: &[&str]) -> Result<Response, Code> {
    match (asked.request.method.as_str(), path) {
        ("GET", ["v1", "transactions", id]) => transaction(asked, id),
        ("GET", ["v1" | "v2", "history", id]) => purchases(asked, id),
        ("GET", ["v1", "subscriptions", id]) => subscriptions(asked, id),
        ("PUT", ["v2", "transactions", "consumption", id]) => consumption(asked, id),
        ("PUT", ["v1", "transactions", id, "appAccountToken"]) => account_token(asked, id),
        ("POST", ["v1", "notifications", "history"]) => history::answer(asked),
        ("POST", ["v1", "notifications", "test"]) => Ok(sales::test(asked)),
        ("GET", ["v1", "notifications", "test", token]) => history::test_status(asked, token),
        _ => Ok(Response::new(404, "text/plain", "Not Found")),
    }
}

impl Asked<'_> {
    fn sale(&self, id: &str) -> Result<Sale, Code> {
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(codes::INVALID_TRANSACTION_ID);
        }
        let sale = lock(&self.world.app_store.books).found(self.environment, &self.bundle_id, id);
        sale.ok_or(codes::TRANSACTION_NOT_FOUND)
    }

    /// Signed now, whenever it was bought.
    fn signed(&self, sale: &Sale) -> String {
        self.sign(sale.shape, sale.claims.clone())
    }

    fn sign(&self, shape: Shape, mut claims: Value) -> String {
        messages::overlay(&mut claims, &json!({ "signedDate": millis(self.now) }));
        self.world.app_store.pki(shape).sign(&claims).unwrap_or_default()
    }

    fn head(&self, app: &App) -> Value {
        let in_production = self.environment == "Production";
        json!({
            "bundleId": self.bundle_id,
            "appAppleId": in_production.then_some(app.app_apple_id),
            "environment": self.environment,
        })
    }
}

fn transaction(asked: &Asked<'_>, id: &str) -> Result<Response, Code> {
    let sale = asked.sale(id)?;
    Ok(Response::json(200, &json!({ "signedTransactionInfo": asked.signed(&sale) })))
}

fn purchases(asked: &Asked<'_>, id: &str) -> Result<Response, Code> {
    let sale = asked.sale(id)?;
    let mut all = lock(&asked.world.app_store.books).of_same_person(&sale);
    if asked.request.param("sort").as_deref() == Some("DESCENDING") {
        all.reverse();
    }
    if let Some(product_id) = asked.request.param("productId") {
        all.retain(|sale| sale.text("productId") == product_id);
    }
    let page = Page::begun(asked.request.param("revision").as_deref(), id).ok_or(codes::INVALID_REVISION)?;
    let (shown, after) = page.cut(&all, PAGE);
    let mut body = asked.head(&sale.app);
    let more = json!({
        "revision": after.word(id),
        "hasMore": after.0 < all.len(),
        "signedTransactions": shown.iter().map(|sale| asked.signed(sale)).collect::<Vec<_>>(),
    });
    messages::overlay(&mut body, &more);
    Ok(Response::json(200, &body))
}

fn subscriptions(asked: &Asked<'_>, id: &str) -> Result<Response, Code> {
    let one = asked.sale(id)?;
    let books = lock(&asked.world.app_store.books);
    let mut seen: Vec<String> = Vec::new();
    let mut transactions = Vec::new();
    for sale in books.of_same_person(&one).iter().filter(|sale| sale.is_subscription()) {
        let original = sale.text("originalTransactionId").to_owned();
        if !seen.contains(&original) {
            let last = books.last_of(sale);
            transactions.push(json!({
                "status": books.status(&last, asked.now),
                "originalTransactionId": original,
                "signedTransactionInfo": asked.signed(&last),
                "signedRenewalInfo": asked.sign(last.shape, books.renewal_info(&last, asked.now)),
            }));
            seen.push(original);
        }
    }
    let groups = if transactions.is_empty() {
        Vec::new()
    } else {
        vec![json!({ "subscriptionGroupIdentifier": "21400001", "lastTransactions": transactions })]
    };
    let mut body = asked.head(&one.app);
    messages::overlay(&mut body, &json!({ "data": groups }));
    Ok(Response::json(200, &body))
}

fn consumption(asked: &Asked<'_>, id: &str) -> Result<Response, Code> {
    const DELIVERY: [&str; 5] = [
        "DELIVERED",
        "UNDELIVERED_QUALITY_ISSUE",
        "UNDELIVERED_WRONG_ITEM",
        "UNDELIVERED_SERVER_OUTAGE",
        "UNDELIVERED_OTHER",
    ];
    let sale = asked.sale(id)?;
    if sale.text("inAppOwnershipType") == "FAMILY_SHARED" {
        return Err(codes::FAMILY_UNSUPPORTED);
    }
    let said: Value = serde_json::from_slice(&asked.request.body).map_err(|_| codes::GENERAL_BAD_REQUEST)?;
    if said.get("customerConsented").and_then(Value::as_bool) != Some(true) {
        return Err(codes::INVALID_CONSENT);
    }
    let delivery = said.get("deliveryStatus").and_then(Value::as_str).unwrap_or_default();
    if !DELIVERY.contains(&delivery) {
        return Err(codes::INVALID_DELIVERY);
    }
    if !said.get("sampleContentProvided").is_some_and(Value::is_boolean) {
        return Err(codes::INVALID_SAMPLE);
    }
    lock(&asked.world.app_store.books).note_consumption(id, &said);
    Ok(Response::empty(202))
}

fn account_token(asked: &Asked<'_>, id: &str) -> Result<Response, Code> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        app_account_token: String,
    }

    let sale = asked.sale(id)?;
    let body: Body = serde_json::from_slice(&asked.request.body).map_err(|_| codes::GENERAL_BAD_REQUEST)?;
    if !is_uuid(&body.app_account_token) {
        return Err(codes::INVALID_TOKEN_UUID);
    }
    if sale.text("originalTransactionId") != id {
        return Err(codes::NOT_ORIGINAL);
    }
    if sale.text("inAppOwnershipType") == "FAMILY_SHARED" {
        return Err(codes::FAMILY_UNSUPPORTED);
    }
    lock(&asked.world.app_store.books).set_account_token(&sale, &body.app_account_token);
    Ok(Response::empty(200))
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<usize> = text.split('-').map(str::len).collect();
    parts == [8, 4, 4, 4, 12] && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// Says whether certificates are revoked, as the controls want it.
pub async fn responder(world: &World, request: &Request) -> Answer {
    hear(world, request, "ocsp");
    let mut faults = [When::Before, When::AfterEffect].into_iter();
    let strike = faults.find_map(|when| lock(&world.faults).strike("app_store", "ocsp", when));
    let response = certificate_status(world, request)
        .map_or_else(|| Response::empty(400), |der| Response::new(200, "application/ocsp-response", der));
    match strike {
        None => response.into(),
        Some(strike) => {
            tokio::time::sleep(strike.latency).await;
            spoiled(&strike, response)
        }
    }
}

fn certificate_status(world: &World, request: &Request) -> Option<Vec<u8>> {
    let question = Question::read(&request.body)?;
    let said = *lock(&world.app_store.said);
    Shape::ALL.into_iter().find_map(|shape| {
        let pki = world.app_store.pki(shape);
        let status = if pki.is_about_leaf(&question)? { said.first() } else { said.last() };
        pki.ocsp(&question, *status?, world.clock.now()).ok()
    })
}

fn hear(world: &World, request: &Request, operation: &'static str) {
    lock(&world.journal).record(Heard {
        provider: "app_store",
        operation,
        idempotency_key: None,
        provider_order_id: None,
        payment_key: None,
        query: Some(format!("{} {}", request.method, request.target)),
        at: world.clock.now(),
    });
}

fn spoiled(strike: &Strike, response: Response) -> Answer {
    match (&strike.code, strike.deed) {
        (Some(number), _) => codes::numbered(number, strike.status).into(),
        // Something else than what is documented.
        (None, Deed::WrongBody) => Response::json(200, &json!({ "transactions": [1, 2] })).into(),
        _ => strike.spoil(response),
    }
}
