//! Parameters in the path and in the query.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use super::body::fault;
use crate::domain::device::DeviceId;
use crate::domain::error::{Code, Error, FieldFault, Result};
use crate::domain::id::Id;
use crate::domain::invitation::InvitationCode;

/// A parameter of a path, the first if it is an id; what cannot be one of ours is not found.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

impl<T> FromRequest for Path<Id<T>> {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = request.match_info().iter().next().and_then(|(_, text)| Id::parse(text));
        ready(id.map(Path).ok_or_else(|| Code::NotFound.into()))
    }
}

impl FromRequest for Path<InvitationCode> {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let code = request.match_info().get("code").and_then(InvitationCode::parse);
        ready(code.map(Path).ok_or_else(|| Code::NotFound.into()))
    }
}

impl FromRequest for Path<DeviceId> {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = request.match_info().iter().next().and_then(|(_, text)| DeviceId::parse(text));
        ready(id.map(Path).ok_or_else(|| Code::NotFound.into()))
    }
}

/// The parameters of a query, by the fields of a `T` with `deny_unknown_fields`.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parse(request.query_string()).map(Query))
    }
}

fn parse<T: DeserializeOwned>(query: &str) -> Result<T> {
    if !is_well_encoded(query) {
        return Err(Code::Malformed.into());
    }
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    if let Some((name, _)) = pairs.find(|(name, value)| name.contains('\0') || value.contains('\0')) {
        return Err(Error::field(name.replace('\0', ""), FieldFault::NotText));
    }
    let reader = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
    serde_path_to_error::deserialize(reader).map_err(|e| {
        let message = e.inner().to_string();
        let (fault, named) = fault(&message);
        let at = e.path().iter().find_map(|segment| match segment {
            Segment::Map { key } => Some(key.as_str()),
            _ => None,
        });
        Error::field(named.or(at).unwrap_or_default(), fault)
    })
}

/// Whether each `%` begins the encoding of a byte, and the bytes are UTF-8.
fn is_well_encoded(query: &str) -> bool {
    let mut bytes = Vec::with_capacity(query.len());
    let mut rest = query.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else { return false };
        bytes.extend(u8::try_from(high * 16 + low));
    }
    std::str::from_utf8(&bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use crate::domain::error::Field;
    use crate::domain::user::Language;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it can be read counts")]
    struct Nearby {
        lat: f64,
        limit: Option<u8>,
        language: Option<Language>,
    }

    #[test]
    fn a_wrong_parameter_is_named() {
        for (query, pointer, fault) in [
            ("", "lat", FieldFault::Required),
            ("lat=x", "lat", FieldFault::WrongType),
            ("lat=", "lat", FieldFault::WrongType),
            ("lat=1&limit=256", "limit", FieldFault::OutOfRange),
            ("lat=1&limit=-1", "limit", FieldFault::WrongType),
            ("lat=1&lat=2", "lat", FieldFault::Duplicate),
            ("lat=1&lng=2", "lng", FieldFault::Unknown),
            ("lat=1&language=fr", "language", FieldFault::NotPermittedWord),
            ("lat=1%00", "lat", FieldFault::NotText),
        ] {
            let error = parse::<Nearby>(query).unwrap_err();
            assert_eq!(error.code, Code::Invalid, "{query}");
            assert_eq!(error.more.fields, [Field { pointer: pointer.into(), fault }], "{query}");
        }
        assert!(parse::<Nearby>("lat=37.5&limit=20&language=ko").is_ok());
    }

    #[test]
    fn bad_encoding_is_malformed() {
        for query in ["lat=%", "lat=%1", "lat=%zz", "lat=%ff"] {
            assert_eq!(parse::<Nearby>(query).unwrap_err().code, Code::Malformed, "{query}");
        }
    }
}
