//! What handlers ask of a request: its body, path, query, key and caller, each refused in our own words.

mod body;
pub mod cursor;
mod etag;
mod idempotency;
mod operator;
mod parameters;
mod strict;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, web};
use std::future::{Ready, ready};

pub use body::{Json, Raw};
pub use etag::ETag;
pub use idempotency::{Fingerprint, IdempotencyKey, Keyed};
pub use operator::Operator;
pub use parameters::{Path, Query};

use crate::app::auth::Session;
use crate::app::keys::Access;
use crate::app::{App, clock};
use crate::domain::error::{Code, Error, Result};
use crate::domain::id::Id;
use crate::domain::user::{Language, User};

/// Who asks, by the access token of the request.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    pub user_id: Id<User>,
    pub session_id: Id<Session>,
    /// When the token ends, in seconds since 1970.
    pub expires_at: i64,
}

impl FromRequest for Caller {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(caller(request))
    }
}

fn caller(request: &HttpRequest) -> Result<Caller> {
    let Holder(caller) = holder(request)?;
    app(request)?.access.check(caller.user_id, caller.session_id)?;
    Ok(caller)
}

/// Whose access token it is, whatever has become of him and of his session: for what a phone says again that has not heard
/// the answer.
pub struct Holder(pub Caller);

impl FromRequest for Holder {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(holder(request))
    }
}

fn holder(request: &HttpRequest) -> Result<Holder> {
    let token = bearer(request).ok_or(Code::Unauthenticated)?;
    let access = app(request)?.keys.verify(token, clock::real())?;
    let Access { user_id, session_id, expires_at } = access;
    Ok(Holder(Caller { user_id, session_id, expires_at }))
}

fn app(request: &HttpRequest) -> Result<&web::Data<App>> {
    request.app_data::<web::Data<App>>().ok_or_else(|| Error::internal(Code::Internal, "no App in app_data"))
}

pub fn bearer(request: &HttpRequest) -> Option<&str> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The language that the client likes best of those that we speak.
impl FromRequest for Language {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(language(request)))
    }
}

/// By `Accept-Language`; Korean when it does not say.
pub fn language(request: &HttpRequest) -> Language {
    let value = request.headers().get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    preferred(value.unwrap_or_default())
}

fn preferred(accepted: &str) -> Language {
    let mut best = (0, Language::Korean);
    for choice in accepted.split(',') {
        let (tag, weight) = choice.split_once(';').unwrap_or((choice, ""));
        let weight = thousandths(weight);
        let primary = tag.trim().split('-').next().unwrap_or_default().to_ascii_lowercase();
        match Language::from_word(&primary) {
            Some(language) if weight > best.0 => best = (weight, language),
            _ => {}
        }
    }
    best.1
}

/// `q=0.8` is 800; without a weight it is 1000, and a weight that cannot be read counts for nothing.
fn thousandths(weight: &str) -> u32 {
    let Some(weight) = weight.trim().strip_prefix("q=") else { return 1000 };
    let (whole, fraction) = weight.split_once('.').unwrap_or((weight, ""));
    format!("{whole}{fraction:0<3}").parse().unwrap_or(0).min(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_the_first_of_the_best() {
        for (accepted, language) in [
            ("", Language::Korean),
            ("en", Language::English),
            ("en-US,en;q=0.9,ko;q=0.8", Language::English),
            ("ko-KR,ko;q=0.9,en;q=0.8", Language::Korean),
            ("fr, en;q=0.2", Language::English),
            ("en;q=0.1, ko;q=0.15", Language::Korean),
            ("en;q=0, *", Language::Korean),
            ("en;q=x", Language::Korean),
            ("fr", Language::Korean),
            ("EN", Language::English),
        ] {
            assert_eq!(preferred(accepted), language, "{accepted}");
        }
    }
}
