//! JSON bodies: read whole, once, and strictly; not what they mean.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::web::{Bytes, BytesMut};
use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder};
use futures_util::StreamExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};
use tokio::time::timeout;

use super::app;
use super::strict::{Exact, NUL, Strict};
use crate::domain::error::{Code, Error, FieldFault, Result};
use crate::domain::json::time_ms::NOT_A_TIME;

/// The largest body that we read.
const LIMIT: usize = 64 * 1024;

/// A JSON body, in requests and in answers.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Json<T> {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = body(request, payload);
        Box::pin(async move { shape(read(&body.await?)?).map(Json) })
    }
}

impl<T: Serialize> Responder for Json<T> {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok().json(self.0)
    }
}

/// A body of whatever kind, as a provider sends it.
pub struct Raw(pub Bytes);

impl FromRequest for Raw {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let arrived = arrived(request, payload);
        Box::pin(async move { arrived.await.map(Self) })
    }
}

/// The bytes of the body: JSON by its header, uncompressed, and not more than [`LIMIT`].
pub fn body(request: &HttpRequest, payload: &mut Payload) -> impl Future<Output = Result<Bytes>> + use<> {
    let promised = promised(request);
    let arrived = arrived(request, payload);
    async move {
        promised?;
        arrived.await
    }
}

/// Whoever sends it byte by byte has no longer for it than others.
fn arrived(request: &HttpRequest, payload: &mut Payload) -> impl Future<Output = Result<Bytes>> + use<> {
    let patience = app(request).map(|app| app.config.patience.body);
    let mut payload = payload.take();
    async move {
        let all = async {
            let mut body = BytesMut::new();
            while let Some(chunk) = payload.next().await {
                let chunk = chunk.map_err(|e| Error::internal(Code::Malformed, e))?;
                if body.len() + chunk.len() > LIMIT {
                    return Err(Code::PayloadTooLarge.into());
                }
                body.extend_from_slice(&chunk);
            }
            Ok(body.freeze())
        };
        timeout(patience?, all).await.unwrap_or_else(|_| Err(Code::RequestTimeout.into()))
    }
}

/// Refuses by the headers alone.
fn promised(request: &HttpRequest) -> Result<()> {
    let headers = request.headers();
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let length = text(header::CONTENT_LENGTH).parse::<u64>().unwrap_or(0);
    if length > LIMIT as u64 {
        return Err(Code::PayloadTooLarge.into());
    }
    let kind = text(header::CONTENT_TYPE).split(';').next().unwrap_or_default().trim();
    let encoding = text(header::CONTENT_ENCODING);
    if !kind.eq_ignore_ascii_case("application/json") || !matches!(encoding, "" | "identity") {
        return Err(Code::UnsupportedMediaType.into());
    }
    Ok(())
}

/// The JSON value of a body; refuses what is no JSON, has a name twice, or text that PostgreSQL cannot hold.
pub fn read(body: &[u8]) -> Result<Value> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let strict = serde_path_to_error::deserialize::<_, Strict>(&mut reader);
    let strict = strict.map_err(|e| {
        if e.inner().is_data() {
            refused(e.path(), &e.inner().to_string())
        } else {
            Error::internal(Code::Malformed, e.inner())
        }
    })?;
    reader.end().map_err(|e| Error::internal(Code::Malformed, e))?;
    Ok(strict.0)
}

/// `value` as a `T`, or which field is not as it should be.
pub fn shape<T: DeserializeOwned>(value: Value) -> Result<T> {
    serde_path_to_error::deserialize(Exact(value)).map_err(|e| refused(e.path(), &e.inner().to_string()))
}

/// Our words for serde's.
fn refused(path: &Path, message: &str) -> Error {
    let (fault, name) = fault(message);
    let mut pointer = pointer(path);
    // serde tells a missing or unknown field of an object at the object.
    if let Some(name) = name
        && !pointer.ends_with(&format!("/{}", escaped(name)))
    {
        pointer = format!("{pointer}/{}", escaped(name));
    }
    Error::field(pointer, fault)
}

/// What serde's message means, and the field that it names.
pub fn fault(message: &str) -> (FieldFault, Option<&str>) {
    let named = message.split('`').nth(1);
    match message {
        _ if message.starts_with("missing field") => (FieldFault::Required, named),
        _ if message.starts_with("unknown field") => (FieldFault::Unknown, named),
        _ if message.starts_with("duplicate field") => (FieldFault::Duplicate, named),
        _ if message.starts_with("unknown variant") => (FieldFault::NotPermittedWord, None),
        _ if message.starts_with(NUL) => (FieldFault::NotText, None),
        _ if message.starts_with(NOT_A_TIME) => (FieldFault::NotATime, None),
        _ if message.starts_with("invalid value: integer") => (FieldFault::OutOfRange, None),
        _ if message.starts_with("number too large") => (FieldFault::OutOfRange, None),
        _ => (FieldFault::WrongType, None),
    }
}

/// A JSON pointer (RFC 6901).
fn pointer(path: &Path) -> String {
    path.iter().fold(String::new(), |pointer, segment| match segment {
        Segment::Seq { index } => format!("{pointer}/{index}"),
        Segment::Map { key } => format!("{pointer}/{}", escaped(key)),
        Segment::Enum { .. } | Segment::Unknown => pointer,
    })
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use crate::domain::error::Field;
    use crate::domain::json::present;
    use crate::http::schema::Timestamp;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it can be read counts")]
    struct Outer {
        name: String,
        count: u8,
        #[serde(default, deserialize_with = "present")]
        inner: Option<Vec<Inner>>,
        #[serde(default, deserialize_with = "present")]
        at: Option<Timestamp>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it can be read counts")]
    struct Inner {
        #[serde(rename = "a/b")]
        odd: crate::domain::user::Language,
    }

    fn faults(body: &str) -> Vec<Field> {
        let error = read(body.as_bytes()).and_then(shape::<Outer>).unwrap_err();
        assert_eq!(error.code, Code::Invalid, "{body}");
        error.more.fields
    }

    #[test]
    fn a_wrong_field_is_pointed_at() {
        for (body, pointer, fault) in [
            (r#"{"count":1}"#, "/name", FieldFault::Required),
            (r#"{"name":"a","count":1,"x~y":1}"#, "/x~0y", FieldFault::Unknown),
            (r#"{"name":"a","count":"1"}"#, "/count", FieldFault::WrongType),
            (r#"{"name":"a","count":1.5}"#, "/count", FieldFault::WrongType),
            (r#"{"name":"a","count":256}"#, "/count", FieldFault::OutOfRange),
            (r#"{"name":"a","count":-1}"#, "/count", FieldFault::OutOfRange),
            (r#"{"name":null,"count":1}"#, "/name", FieldFault::WrongType),
            (r#"{"name":"a","count":1,"inner":null}"#, "/inner", FieldFault::WrongType),
            (
                r#"{"name":"a","count":1,"inner":[{"a/b":"ko"},{"a/b":"fr"}]}"#,
                "/inner/1/a~1b",
                FieldFault::NotPermittedWord,
            ),
            (r#"{"name":"a","count":1,"inner":[{}]}"#, "/inner/0/a~1b", FieldFault::Required),
            (r#"{"name":"a","count":1,"inner":[{"a/b":"ko","z":0}]}"#, "/inner/0/z", FieldFault::Unknown),
            (r#"{"name":"a","count":1,"at":"today"}"#, "/at", FieldFault::NotATime),
            (r#"{"name":"a\u0000","count":1}"#, "/name", FieldFault::NotText),
            (r#"{"name":"a","name":"b","count":1}"#, "/name", FieldFault::Duplicate),
            (r#"{"name":"a","count":1,"inner":[{"a/b":"ko","a/b":"en"}]}"#, "/inner/0/a~1b", FieldFault::Duplicate),
            (r#"{"name":"a","count":1,"inner":[["ko"]]}"#, "/inner/0", FieldFault::WrongType),
            (r#"{"name":["a"],"count":1}"#, "/name", FieldFault::WrongType),
            (r#"["a",1]"#, "", FieldFault::WrongType),
            ("null", "", FieldFault::WrongType),
        ] {
            assert_eq!(faults(body), [Field { pointer: pointer.into(), fault }], "{body}");
        }
    }

    #[test]
    fn what_is_no_json_is_malformed() {
        let deep = "[".repeat(10_000);
        let bad: [&[u8]; 8] = [b"", b"{", b"{}{}", b"{'a':1}", b"\xff", b"\"\\ud800\"", b"[1,]", deep.as_bytes()];
        for body in bad {
            assert_eq!(read(body).unwrap_err().code, Code::Malformed, "{}", String::from_utf8_lossy(body));
        }
        assert_eq!(read(b" {\"a\": [1]} \n").unwrap(), serde_json::json!({"a": [1]}));
    }
}
