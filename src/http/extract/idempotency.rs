//! The `Idempotency-Key` of a request and the fingerprint of its body; not what has been done under it.

use std::fmt;
use std::future::{Future, Ready, ready};
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use aws_lc_rs::digest::{SHA256, digest};
use serde::de::DeserializeOwned;

use super::body::{body, read, shape};
use crate::app::Key;
use crate::domain::error::{Code, Error, Result};

/// 1 to 255 visible ASCII characters; written bare or as a quoted string (RFC 8941), which makes no difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(pub String);

impl FromRequest for IdempotencyKey {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(key(request))
    }
}

/// What a request asks for, whatever its spaces and the order of its fields: SHA-256 of the body in canonical form.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// `serde_json` writes the names of an object in order.
    pub fn of(body: &serde_json::Value) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, body.to_string().as_bytes()).as_ref());
        Self(bytes)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A JSON body that must be acted on once, with its key.
#[derive(Debug)]
pub struct Keyed<T> {
    pub key: IdempotencyKey,
    pub fingerprint: Fingerprint,
    pub body: T,
}

impl<T> Keyed<T> {
    /// The command's name for `app`; `route` tells apart what one key is used for.
    pub fn key(&self, route: &'static str) -> Key<'_> {
        Key { route, key: &self.key.0, fingerprint: &self.fingerprint.0 }
    }
}

impl<T: DeserializeOwned> FromRequest for Keyed<T> {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let key = key(request);
        let body = body(request, payload);
        Box::pin(async move {
            let key = key?;
            let value = read(&body.await?)?;
            Ok(Self { key, fingerprint: Fingerprint::of(&value), body: shape(value)? })
        })
    }
}

fn key(request: &HttpRequest) -> Result<IdempotencyKey> {
    let mut values = request.headers().get_all("idempotency-key");
    let value = values.next().ok_or(Code::IdempotencyKeyMissing)?;
    let text = value.to_str().ok().filter(|_| values.next().is_none());
    text.and_then(parse).map(IdempotencyKey).ok_or_else(|| Code::IdempotencyKeyMalformed.into())
}

fn parse(text: &str) -> Option<String> {
    let text = text.trim();
    let key = match text.strip_prefix('"') {
        Some(quoted) => unquote(quoted.strip_suffix('"')?)?,
        None => text.to_owned(),
    };
    ((1..=255).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic())).then_some(key)
}

/// A quoted string escapes `"` and `\`, and nothing else.
fn unquote(quoted: &str) -> Option<String> {
    let mut key = String::with_capacity(quoted.len());
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => key.push(chars.next().filter(|c| matches!(c, '"' | '\\'))?),
            '"' => return None,
            c => key.push(c),
        }
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_bare_or_quoted() {
        for (text, key) in [
            ("k-1", Some("k-1")),
            ("\"k-1\"", Some("k-1")),
            (r#""a\"b\\""#, Some(r#"a"b\"#)),
            (" k ", Some("k")),
            ("", None),
            ("\"\"", None),
            ("\"", None),
            ("\"a", None),
            (r#""a\n""#, None),
            (r#""a"b""#, None),
            ("a b", None),
            ("키", None),
        ] {
            assert_eq!(parse(text).as_deref(), key, "{text}");
        }
        assert!(parse(&"a".repeat(255)).is_some());
        assert!(parse(&"a".repeat(256)).is_none());
    }

    #[test]
    fn a_fingerprint_is_of_what_is_asked() {
        let of = |text: &[u8]| Fingerprint::of(&read(text).unwrap());
        assert_eq!(of(br#"{"a":1,"b":[2,3]}"#), of(br#" { "b": [2, 3], "a": 1 }"#));
        assert_ne!(of(br#"{"b":[2,3]}"#), of(br#"{"b":[3,2]}"#));
        assert_ne!(Fingerprint::of(&json!({"a": 1})), Fingerprint::of(&json!({"a": "1"})));
    }
}
