//! The OpenAPI document, made of the routes that are served, and the page that shows it.

use std::sync::{Arc, LazyLock};

use actix_web::dev::ResourceDef;
use actix_web::http::header;
use actix_web::web;
use actix_web::{HttpResponse, http};
use serde_json::Value;
use time::Duration;
use utoipa::OpenApi;
use utoipa_actix_web::AppExt;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::app::{App, random, search};
use crate::domain::error::Result;
use crate::http::schema::{Preface, Timestamp, without_all_of, without_nulls};
use crate::http::{examples, pages};

/// The OpenAPI document with everything in it, as in development.
pub fn openapi() -> Value {
    document(true)
}

fn document(dev: bool) -> Value {
    let app = actix_web::App::new().into_utoipa_app().openapi(Preface::openapi());
    let (_, document) = app.configure(|routes| super::configure(routes, dev)).split_for_parts();
    let mut document = serde_json::to_value(document).unwrap_or_default();
    without_nulls(&mut document);
    without_all_of(&mut document);
    examples::fill(&mut document);
    renamed(&mut document);
    document
}

/// Names that say more outside of this program, or that clients' languages have given away: `SwiftUI` has a `State`.
const NAMES: [(&str, &str); 10] = [
    ("State", "PartyState"),
    ("Role", "PartyRole"),
    ("Draft", "NewParty"),
    ("Edit", "PartyChange"),
    ("PickupEdit", "PickupChange"),
    ("Account", "LedgerAccount"),
    ("LegView", "LedgerLeg"),
    ("Code", "ProblemCode"),
    ("Kind", "ProductKind"),
    ("Environment", "StoreEnvironment"),
];

/// Gives schemas the names that clients see; what is a view to us is the thing itself to them.
fn renamed(document: &mut Value) {
    let name = |name: &str| {
        let other = NAMES.iter().find(|(ours, _)| *ours == name).map(|(_, theirs)| *theirs);
        other.or(name.strip_suffix("View")).unwrap_or(name).to_owned()
    };
    if let Some(Value::Object(schemas)) = document.pointer_mut("/components/schemas") {
        *schemas = std::mem::take(schemas).into_iter().map(|(ours, schema)| (name(&ours), schema)).collect();
    }
    refer(document, &name);
}

fn refer(value: &mut Value, name: &impl Fn(&str) -> String) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get_mut("$ref")
                && let Some((folder, ours)) = reference.rsplit_once('/')
            {
                *reference = format!("{folder}/{}", name(ours));
            }
            map.values_mut().for_each(|inner| refer(inner, name));
        }
        Value::Array(list) => list.iter_mut().for_each(|inner| refer(inner, name)),
        _ => {}
    }
}

/// The document as it is served, with the addresses and methods that it knows.
pub struct Served {
    json: String,
    dev: bool,
    addresses: Vec<(ResourceDef, Vec<String>)>,
}

static DEV: LazyLock<Arc<Served>> = LazyLock::new(|| Arc::new(Served::new(true)));
static PROD: LazyLock<Arc<Served>> = LazyLock::new(|| Arc::new(Served::new(false)));

impl Served {
    fn new(dev: bool) -> Self {
        let document = document(dev);
        let addresses =
            document.get("paths").and_then(Value::as_object).into_iter().flatten().map(|(path, operations)| {
                let methods = operations.as_object().into_iter().flat_map(serde_json::Map::keys);
                (ResourceDef::new(path.as_str()), methods.map(|method| method.to_uppercase()).collect())
            });
        let pages = ["/openapi.json", "/docs", "/docs/{_:.*}"].into_iter().chain(pages::ADDRESSES);
        let pages = pages.map(|path| (ResourceDef::new(path), vec!["GET".to_owned()]));
        let addresses = addresses.chain(pages).collect();
        Self { json: document.to_string(), dev, addresses }
    }

    /// The methods that `path` knows, for the header `Allow`; none for a path that is nowhere.
    pub fn methods(&self, path: &str) -> Option<String> {
        let known = self.addresses.iter().filter(|(address, _)| address.is_match(path));
        let mut methods: Vec<_> = known.flat_map(|(_, methods)| methods).map(String::as_str).collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.sort_unstable();
        methods.dedup();
        (!methods.is_empty()).then(|| methods.join(", "))
    }
}

pub fn configure(routes: &mut web::ServiceConfig, dev: bool) {
    let served = if dev { &*DEV } else { &*PROD }.clone();
    let config = Config::new(["/openapi.json"]).persist_authorization(true).try_it_out_enabled(true);
    routes
        .app_data(web::Data::from(served))
        .service(web::resource("/openapi.json").guard(actix_web::guard::Get()).to(get_openapi))
        .service(web::redirect("/docs", "/docs/"))
        .service(SwaggerUi::new("/docs/{_:.*}").config(config));
}

async fn get_openapi(app: web::Data<App>, served: web::Data<Served>) -> Result<HttpResponse> {
    let json = if served.dev { tried_out(&app, &served.json).await? } else { served.json.clone() };
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, http::header::ContentType::json()))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(json))
}

/// The document with examples that run as they are: ids of a party that is open now, a deadline ahead, a fresh key.
async fn tried_out(app: &App, json: &str) -> Result<String> {
    let deadline = Timestamp(app.clock.now() + Duration::hours(2));
    let mut real = vec![(examples::KEY, random().to_string()), (examples::DEADLINE, deadline.to_string())];
    let sample = search::sample(app).await?;
    if let Some(open) = sample.open {
        real.extend([(examples::PARTY, open.party_id.to_string()), (examples::USER, open.user_id.to_string())]);
    }
    if let Some(joined) = sample.joined {
        real.extend([(examples::JOINED, joined.party_id.to_string()), (examples::ORDER, joined.order_id.to_string())]);
    }
    Ok(real.into_iter().fold(json.to_owned(), |json, (placeholder, value)| json.replace(placeholder, &value)))
}
