//! Versions of things in `ETag`, `If-None-Match` and `If-Match`.

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderName};
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest, HttpResponse, HttpResponseBuilder};
use std::future::{Ready, ready};

use serde::Serialize;

use crate::app::Expected;
use crate::domain::error::{Error, Result};

/// The tag of one version of a thing. It goes out strong, and weak when the answer is compressed.
///
/// What it names is the version, not the bytes: `If-Match` takes the weak form too, since a client whose answers are
/// compressed never sees another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ETag(String);

impl ETag {
    pub fn of(version: i64) -> Self {
        Self(format!("v{version}"))
    }

    /// 304 if the client has this version, else 200 with `body`.
    pub fn respond(&self, request: &HttpRequest, body: impl Serialize) -> HttpResponse {
        self.answer(request, |response| response.json(body))
    }

    /// As `respond`, with JSON that is written already.
    pub fn respond_finished(&self, request: &HttpRequest, json: Bytes) -> HttpResponse {
        self.respond_as(request, header::ContentType::json(), json)
    }

    pub fn respond_as(&self, request: &HttpRequest, kind: header::ContentType, body: Bytes) -> HttpResponse {
        self.answer(request, |response| response.content_type(kind).body(body))
    }

    fn answer(
        &self,
        request: &HttpRequest,
        whole: impl FnOnce(&mut HttpResponseBuilder) -> HttpResponse,
    ) -> HttpResponse {
        let unchanged = named(request, &header::IF_NONE_MATCH).is_some_and(|tags| self.is_in(&tags));
        let mut response = if unchanged { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        response.insert_header(self.header());
        if unchanged { response.finish() } else { whole(&mut response) }
    }

    /// For an answer to a change.
    pub fn header(&self) -> (HeaderName, String) {
        (header::ETAG, format!("\"{}\"", self.0))
    }

    fn is_in(&self, tags: &str) -> bool {
        tags.trim() == "*"
            || tags.split(',').any(|tag| {
                let tag = tag.trim();
                let tag = tag.strip_prefix("W/").unwrap_or(tag);
                tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')) == Some(&self.0)
            })
    }
}

/// From `If-Match`; tags that are not of our making name no version.
impl FromRequest for Expected {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let tags = named(request, &header::IF_MATCH).filter(|tags| tags.trim() != "*");
        ready(Ok(Self(tags.map(|tags| tags.split(',').filter_map(version).collect()))))
    }
}

fn version(tag: &str) -> Option<i64> {
    let tag = tag.trim();
    tag.strip_prefix("W/").unwrap_or(tag).strip_prefix("\"v")?.strip_suffix('"')?.parse().ok()
}

/// All values of a header that is a list; one that cannot be read is there all the same, and names nothing of ours.
fn named(request: &HttpRequest, name: &HeaderName) -> Option<String> {
    let values: Vec<_> =
        request.headers().get_all(name).map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    (!values.is_empty()).then(|| values.join(","))
}

#[cfg(test)]
mod tests {
    use actix_web::http::StatusCode;
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_client_gets_what_it_has_not() {
        let tag = ETag::of(12);
        for (value, status) in [
            (r#""v12""#, StatusCode::NOT_MODIFIED),
            (r#"W/"v12""#, StatusCode::NOT_MODIFIED),
            (r#""v11", W/"v12""#, StatusCode::NOT_MODIFIED),
            ("*", StatusCode::NOT_MODIFIED),
            (r#""v1""#, StatusCode::OK),
            ("v12", StatusCode::OK),
            (r#""v12" junk"#, StatusCode::OK),
        ] {
            let request = TestRequest::get().insert_header(("if-none-match", value)).to_http_request();
            let response = tag.respond(&request, 1);
            assert_eq!(response.status(), status, "{value}");
            assert_eq!(response.headers().get("etag").unwrap(), "\"v12\"");
        }
        assert_eq!(tag.respond(&TestRequest::get().to_http_request(), 1).status(), StatusCode::OK);
    }

    #[test]
    fn a_client_changes_what_it_has_seen() {
        let expected = |value: Option<&str>| {
            let request =
                value.into_iter().fold(TestRequest::put(), |request, value| request.insert_header(("if-match", value)));
            Expected::from_request(&request.to_http_request(), &mut Payload::None).into_inner().unwrap().0
        };
        assert_eq!(expected(Some("\"v12\"")), Some(vec![12]));
        assert_eq!(expected(Some("W/\"v12\", \"v7\"")), Some(vec![12, 7]));
        assert_eq!(expected(Some("\"another\", v12")), Some(Vec::new()), "no version of ours, so none fits");
        assert_eq!(expected(Some("*")), None);
        assert_eq!(expected(None), None);
    }
}
