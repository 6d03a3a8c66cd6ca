//! Pages for the public, in HTML and without a script: where an invitation leads, with its picture, and what tells phones to open such
//! links in the app. They show the public view of a party and nothing else.

mod canvas;
mod card;
mod words;

use std::sync::LazyLock;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::json;

use crate::app::cached::Seen;
use crate::app::{App, invitations};
use crate::domain::error::{Code, Error, Result};
use crate::domain::invitation::InvitationCode;
use crate::domain::money::Krw;
use crate::domain::split::Split;
use crate::domain::terms::{Settlement, Store};
use crate::domain::user::Language;
use crate::http::extract::{ETag, Path, language};
use crate::http::pages::card::Card;
use crate::http::pages::words::{Fee, Words};
use crate::http::parties::public_view;
use crate::http::schema::{PartyId, Timestamp};

/// The addresses; they are no operations of the API.
pub const ADDRESSES: [&str; 4] =
    ["/i/{code}", "/i/{code}/card.png", "/.well-known/apple-app-site-association", "/.well-known/assetlinks.json"];

pub fn configure(routes: &mut web::ServiceConfig) {
    let get = |address: &'static str| web::resource(address).guard(actix_web::guard::Get());
    let [page, picture, apple, android] = ADDRESSES;
    routes.service(get(page).to(show_invitation));
    routes.service(get(picture).to(draw_card));
    routes.service(get(apple).to(get_apple_association));
    routes.service(get(android).to(get_asset_links));
}

/// Whether a person looks at what is there, so that a refusal is a page too.
pub fn is_page(path: &str) -> bool {
    path.starts_with("/i/") && !path.ends_with("/card.png")
}

static CSS: &str = include_str!("../../assets/page.css");

/// The style that stands in the page, and nothing else but pictures of ours.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = BASE64_STANDARD.encode(digest(&SHA256, CSS.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
});

/// What a page tells of a party, read from the public view as it is cached.
#[derive(Deserialize)]
struct View {
    id: PartyId,
    title: String,
    store: Store,
    area: Area,
    seats_taken: i16,
    capacity: i16,
    fee_krw: Krw,
    fee_cap_krw: Krw,
    deadline_at: Timestamp,
    settlement: Settlement,
    split: Split,
    version: i64,
}

#[derive(Deserialize)]
struct Area {
    name: Option<String>,
}

impl View {
    fn of(seen: &Seen) -> Result<Self> {
        serde_json::from_slice(&seen.entry.body).map_err(|error| Error::internal(Code::Internal, error))
    }

    fn seats_left(&self) -> i16 {
        (self.capacity - self.seats_taken).max(0)
    }

    fn fee(&self, seen: &Seen) -> Fee {
        let (alone, own) = (seen.alone_krw, seen.next_guest_krw);
        Fee { split: self.split, alone, whole: self.fee_krw, own, cap: self.fee_cap_krw }
    }
}

#[derive(Template)]
#[template(path = "invitation.html")]
struct InvitationPage<'a> {
    words: &'static Words,
    css: &'static str,
    card_size: (u32, u32),
    apps: Apps<'a>,
    banner: Option<String>,
    url: &'a str,
    code: &'a str,
    version: i64,
    title: &'a str,
    store: &'a str,
    category: &'static str,
    summary: String,
    fee_heading: &'static str,
    fee: String,
    saves: Option<String>,
    alone: Option<String>,
    note: String,
    seats: String,
    is_full: bool,
    dots: Vec<bool>,
    deadline: String,
    deadline_at: String,
    area: Option<String>,
    paying: &'static str,
}

#[derive(Template)]
#[template(path = "sorry.html")]
struct SorryPage<'a> {
    words: &'static Words,
    css: &'static str,
    apps: Apps<'a>,
    heading: &'static str,
    detail: &'static str,
}

/// Where to get the app, and how to open it.
struct Apps<'a> {
    open: Option<String>,
    ios_store: Option<&'a str>,
    android_store: Option<&'a str>,
}

impl<'a> Apps<'a> {
    /// `code`: what to open it with.
    fn of(app: &'a App, code: Option<&str>) -> Self {
        let pages = &app.config.pages;
        let has_app = pages.ios_app_id.is_some() || pages.android_package.is_some();
        Self {
            open: code.filter(|_| has_app).map(|code| format!("nbbang://i/{code}")),
            ios_store: pages.ios_store_url.as_deref(),
            android_store: pages.android_store_url.as_deref(),
        }
    }

    fn is_any(&self) -> bool {
        self.open.is_some() || self.ios_store.is_some() || self.android_store.is_some()
    }
}

async fn show_invitation(app: Data<App>, code: Path<InvitationCode>, language: Language) -> Result<HttpResponse> {
    let (_, seen) = invitations::follow(&app, &code.0, public_view).await?;
    let view = View::of(&seen)?;
    let (code, fee, left) = (code.0.as_str(), view.fee(&seen), view.seats_left());
    let url = format!("{}/i/{code}", app.config.pages.public_url);
    let deadline = words::deadline(view.deadline_at.0, app.clock.now(), language);
    let pages = &app.config.pages;
    let apple_id = app.config.app_store.app_apple_id.filter(|_| pages.ios_app_id.is_some());
    let words = words::of(language);
    let page = InvitationPage {
        words,
        css: CSS,
        card_size: card::SIZE,
        apps: Apps::of(&app, Some(code)),
        banner: apple_id.map(|id| format!("app-id={id}, app-argument={url}")),
        summary: [
            view.store.name.as_str(),
            &words::seats_left(left, language),
            &fee.summary(language),
            &words::until(&deadline, language),
        ]
        .join(" · "),
        url: &url,
        code,
        version: view.version,
        title: &view.title,
        store: &view.store.name,
        category: words::category(view.store.category, language),
        fee_heading: if fee.own.is_some() { words.own_fee } else { words.shared_fee },
        fee: words::won(fee.shown(), language),
        saves: fee.badge(language),
        alone: fee.saved().map(|_| words::won(fee.alone, language)),
        note: fee.note(language),
        seats: words::seats(left, language),
        is_full: left == 0,
        dots: (0..view.capacity).map(|seat| seat < view.seats_taken).collect(),
        deadline,
        deadline_at: view.deadline_at.to_string(),
        area: view.area.name.as_deref().map(|area| words::near(area, language)),
        paying: words::paying(view.settlement, language),
    };
    let html = page.render().map_err(|error| Error::internal(Code::Internal, error))?;
    let mut response = in_html(StatusCode::OK, html);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=30"));
    Ok(response)
}

fn in_html(status: StatusCode, html: String) -> HttpResponse {
    HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY.as_str()))
        // The code is in the address, and no business of the stores'.
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header((HeaderName::from_static("x-robots-tag"), "noindex"))
        .insert_header((header::VARY, "accept-language"))
        .body(html)
}

/// A refusal for people.
pub fn sorry(request: &HttpRequest, code: Code, status: StatusCode) -> Option<HttpResponse> {
    let app = request.app_data::<Data<App>>()?;
    let language = language(request);
    let [heading, detail] = words::sorry(code, language);
    let page = SorryPage { words: words::of(language), css: CSS, apps: Apps::of(app, None), heading, detail };
    page.render().ok().map(|html| in_html(status, html))
}

/// Which language the picture is in: it is asked for by machines that speak none.
#[derive(Deserialize)]
struct CardQuery {
    lang: Option<Language>,
}

async fn draw_card(
    app: Data<App>,
    code: Path<InvitationCode>,
    query: Option<web::Query<CardQuery>>,
    request: HttpRequest,
) -> Result<HttpResponse> {
    let (_, seen) = invitations::follow(&app, &code.0, public_view).await?;
    let view = View::of(&seen)?;
    let language = query.and_then(|query| query.0.lang).unwrap_or(Language::Korean);
    let card = Card {
        language,
        seats_left: view.seats_left(),
        fee: view.fee(&seen),
        title: view.title,
        category: view.store.category,
        store: view.store.name,
    };
    let picture = app.pictures.get((view.id, view.version, language), move || card.draw()).await?;
    let mut response = ETag::of(view.version).respond_as(&request, header::ContentType::png(), picture);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
    Ok(response)
}

/// Tells iOS that the app opens our links.
async fn get_apple_association(app: Data<App>) -> Result<HttpResponse> {
    let id = app.config.pages.ios_app_id.as_ref().ok_or(Code::NotFound)?;
    let components = json!([{"/": "/i/*/card.png", "exclude": true}, {"/": "/i/*"}]);
    Ok(association(&json!({"applinks": {"details": [{"appIDs": [id], "components": components}]}})))
}

/// Tells Android the same.
async fn get_asset_links(app: Data<App>) -> Result<HttpResponse> {
    let pages = &app.config.pages;
    let package = pages.android_package.as_ref().ok_or(Code::NotFound)?;
    Ok(association(&json!([{
        "relation": ["delegate_permission/common.handle_all_urls"],
        "target": {
            "namespace": "android_app", "package_name": package, "sha256_cert_fingerprints": pages.android_certs,
        },
    }])))
}

fn association(body: &serde_json::Value) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "public, max-age=3600")).json(body)
}
