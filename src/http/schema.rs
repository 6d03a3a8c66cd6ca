//! How our values look in JSON and in the OpenAPI document; the shapes of each noun are in that noun's file.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, KnownFormat, Ref, RefOr, Required, Response, ResponseBuilder, SchemaFormat};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use crate::domain::Time;
use crate::domain::error::{Code, Error, Result};
use crate::domain::id::Id;
use crate::domain::json::time_ms;
use crate::domain::message::Message;
use crate::domain::order::Order;
use crate::domain::party::Party;
use crate::domain::payment::Payment;
use crate::domain::user::User;
use crate::http::error::{Problem, row};
use crate::http::events::{Ready, RoomChange};
use crate::http::examples;

// utoipa names a component by the type as written; by these names all ids are the component `Id`.
pub type UserId = Id<User>;
pub type OrderId = Id<Order>;
pub type PartyId = Id<Party>;
pub type PaymentId = Id<Payment>;
pub type MessageId = Id<Message>;
/// Of something that has no address of its own.
pub type AnyId = Id<()>;

impl<T> PartialSchema for Id<T> {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("A 64-bit id as a decimal string: a number would lose digits in JavaScript."))
            .pattern(Some("^[1-9][0-9]{0,18}$"))
            .examples([json!("117440512000000001")])
            .into()
    }
}

impl<T> ToSchema for Id<T> {
    fn name() -> std::borrow::Cow<'static, str> {
        "Id".into()
    }
}

/// A time in JSON: RFC 3339 in UTC with three digits of fraction; any RFC 3339 time is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub Time);

impl From<Time> for Timestamp {
    fn from(time: Time) -> Self {
        Self(time)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        time_ms::serialize(&self.0, serializer)
    }
}

/// As in JSON, without the quotes.
impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        time_ms::serialize(&self.0, f)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        time_ms::deserialize(deserializer).map(Self)
    }
}

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("An RFC 3339 time, written by us in UTC with milliseconds."))
            .examples([json!("2026-11-24T12:30:00.000Z")])
            .into()
    }
}

impl ToSchema for Timestamp {
    fn name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }
}

/// A body as it goes out.
pub fn finished(body: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(body).map_err(|error| Error::internal(Code::Internal, error))
}

/// For `params(…)`: the header `Idempotency-Key` of an operation whose body is `extract::Keyed`.
pub struct IdempotencyKey;

impl IntoParams for IdempotencyKey {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let words = "Names this command: a repetition with the same key and body acts once and gets the same answer, for 24 hours. \
                     Bare or quoted, 1 to 255 visible ASCII characters.";
        let key = text().pattern(Some(r#"^("([!#-\[\]-~]|\\["\\]){1,255}"|[!#-~][!-~]{0,254})$"#));
        vec![header_parameter("Idempotency-Key", words, examples::KEY, Required::True, key)]
    }
}

/// For `params(…)`: the header `If-None-Match` of an operation that answers with `extract::ETag`.
pub struct IfNoneMatch;

impl IntoParams for IfNoneMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let words = "The `ETag` of the version that you have: 304 when it is still the present one.";
        vec![header_parameter("If-None-Match", words, "\"v12\"", Required::False, text())]
    }
}

/// For `params(…)`: the header `If-Match` of an operation that takes an `Expected`.
pub struct IfMatch;

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let words = "The `ETag` of the version that you want to change, as in `\"v12\"`, or `*`: 412 when it is not the present one.";
        vec![header_parameter("If-Match", words, "*", Required::False, text())]
    }
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn header_parameter(name: &str, words: &str, example: &str, required: Required, schema: ObjectBuilder) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(required)
        .description(Some(words))
        .schema(Some(schema))
        .example(Some(json!(example)))
        .build()
}

/// The refusals that any operation can answer with.
pub const ALWAYS: &[Code] = &[Code::TooManyRequests, Code::Busy, Code::DatabaseUnavailable, Code::Internal];
/// Those of an operation that wants to know who asks.
pub const CALLER: &[Code] = &[Code::Unauthenticated, Code::TokenExpired, Code::Suspended];
/// Those of an operation with a JSON body.
pub const BODY: &[Code] =
    &[Code::RequestTimeout, Code::Malformed, Code::PayloadTooLarge, Code::UnsupportedMediaType, Code::Invalid];
/// Those of an operation with parameters in its query.
pub const QUERY: &[Code] = &[Code::Malformed, Code::Invalid];
/// Those of an operation that wants an `Idempotency-Key`.
pub const KEYED: &[Code] =
    &[Code::IdempotencyKeyMissing, Code::IdempotencyKeyMalformed, Code::IdempotencyKeyReused, Code::RequestInProgress];

/// Declares the refusals of an operation, for its `responses(…)`: `errors!(JoinErrors: CALLER, BODY, KEYED; NotFound, PartyFull);`
/// is a type that adds one response for each status, with the codes it can carry. [`ALWAYS`] is in it always.
#[macro_export]
macro_rules! errors {
    ($name:ident: $($group:ident),* $(; $($code:ident),* $(,)?)?) => {
        struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<String, utoipa::openapi::RefOr<utoipa::openapi::Response>> {
                $crate::http::schema::problem_responses(&[
                    $($crate::http::schema::$group,)*
                    &[$($($crate::domain::error::Code::$code),*)?],
                    $crate::http::schema::ALWAYS,
                ])
            }
        }
    };
}

/// One response for each status of `codes`.
pub fn problem_responses(codes: &[&[Code]]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for &code in codes.iter().copied().flatten() {
        let of_status = by_status.entry(row(code).status.as_u16()).or_default();
        if !of_status.contains(&code) {
            of_status.push(code);
        }
    }
    by_status.into_iter().map(|(status, codes)| (status.to_string(), problem_response(&codes).into())).collect()
}

fn problem_response(codes: &[Code]) -> Response {
    let lines = codes.iter().map(|code| format!("- `{}`: {}.", code.word(), row(*code).title));
    let examples = codes.iter().map(|code| {
        let example = utoipa::openapi::example::ExampleBuilder::new().value(Some(json!(Problem::example(*code))));
        (code.word(), example.build())
    });
    let content =
        ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).examples_from_iter(examples).build();
    ResponseBuilder::new()
        .description(lines.collect::<Vec<_>>().join("\n"))
        .content("application/problem+json", content)
        .extensions(Some(
            ExtensionsBuilder::new().add("x-codes", codes.iter().map(|code| code.word()).collect::<Vec<_>>()).build(),
        ))
        .build()
}

/// What the document says before its operations.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "N-bbang",
        description = "People near one another order delivery food together and split the fee to the won.\n\n\
            **To try it**: `POST /v1/dev/sessions` (in development) gives an `access_token`; put it into *Authorize*.\n\n\
            Ids are decimal strings, money `*_krw` integers, times `*_at` RFC 3339 in UTC. A field without a value is absent,\n\
            never `null`; in a PATCH `null` clears (RFC 7396). Unknown fields of a request are refused; tolerate unknown fields\n\
            and words in answers. Refusals are `application/problem+json`: branch on `code`, show `detail`.\n\
            `X-Request-Id` and `traceparent` are honoured.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    servers((url = "/", description = "This server")),
    components(schemas(Problem, RoomChange, Ready)),
    tags(
        (name = "Developing", description = "In development only: tokens for made-up users, and the rules' clock."),
        (name = "Sessions", description = "Signing in, staying signed in, signing out."),
        (name = "People", description = "Profiles, blocks and reports."),
        (name = "Parties", description = "From the first order to the last won."),
        (name = "Chat", description = "What members say to each other, and following a party live."),
        (name = "Orders", description = "A member's seat and what it costs."),
        (name = "Payments", description = "Paying for a seat, through Toss Payments."),
        (name = "Purchases", description = "What is bought in the App Store: Plus and boosts."),
        (name = "Places", description = "Places, addresses and neighbourhoods on the map."),
        (name = "Operators", description = "For the staff; to others nothing is here. Every act is written down."),
        (name = "Webhooks", description = "For the providers."),
        (name = "Service", description = "Whether the service lives, and the keys of its tokens."),
    ),
    modifiers(&Bearer),
)]
pub struct Preface;

struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("The `access_token` of a session."));
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme.build()));
    }
}

/// `document` without the types `null` that utoipa gives to every `Option`: a field of ours without a value is absent, and
/// generators of Swift and Kotlin break on them.
pub fn without_nulls(document: &mut Value) {
    match document {
        Value::Object(map) => {
            map.values_mut().for_each(without_nulls);
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|word| word != "null");
                if let [one] = types.as_slice() {
                    let one = one.clone();
                    map.insert("type".to_owned(), one);
                }
            }
            if let Some(Value::Array(choices)) = map.get_mut("oneOf") {
                choices.retain(|choice| choice != &json!({"type": "null"}));
                if let [Value::Object(one)] = choices.as_slice() {
                    let one = one.clone();
                    map.remove("oneOf");
                    map.extend(one);
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

/// `document` without `allOf`, which utoipa makes of flattened fields and generators of types that nobody wants to read: each
/// schema has its properties in one place.
pub fn without_all_of(document: &mut Value) {
    let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) else { return };
    let before = schemas.clone();
    for schema in schemas.values_mut().filter_map(Value::as_object_mut) {
        let Some(Value::Array(parts)) = schema.remove("allOf") else { continue };
        let mut properties = serde_json::Map::new();
        let mut required = Vec::new();
        for part in parts {
            let name = part.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next());
            let part = name.and_then(|name| before.get(name)).unwrap_or(&part);
            properties.extend(part.get("properties").and_then(Value::as_object).into_iter().flatten().map(owned));
            required.extend(part.get("required").and_then(Value::as_array).into_iter().flatten().cloned());
        }
        let whole = json!({"type": "object", "properties": properties, "required": required});
        schema.extend(whole.as_object().into_iter().flatten().map(owned));
    }
}

fn owned((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), value.clone())
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn times_have_three_digits_and_a_z() {
        let text = |time| serde_json::to_value(Timestamp(time)).unwrap();
        assert_eq!(text(datetime!(2026-11-24 12:30 UTC)), "2026-11-24T12:30:00.000Z");
        assert_eq!(text(datetime!(2026-11-24 21:30:00.1234 +9)), "2026-11-24T12:30:00.123Z");
    }

    #[test]
    fn any_rfc_3339_time_is_read_to_the_millisecond() {
        let read = |text: &str| serde_json::from_value::<Timestamp>(json!(text)).map(|time| time.0);
        assert_eq!(read("2026-11-24T21:30:00.1239+09:00").unwrap(), datetime!(2026-11-24 12:30:00.123 UTC));
        assert_eq!(read("2026-11-24T12:30:00Z").unwrap(), datetime!(2026-11-24 12:30 UTC));
        for bad in [
            "",
            "2026-11-24",
            "2026-11-24T12:30:00",
            "1732450000",
            "0000-01-01T00:00:00+23:59",
            "9999-12-31T23:59:59-23:59",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn headers_are_parameters() {
        #[utoipa::path(get, path = "/{id}", params(("id" = OrderId, Path), IdempotencyKey, IfMatch, IfNoneMatch))]
        #[expect(dead_code, reason = "only its description counts")]
        fn some_operation() {}

        let operation = <__path_some_operation as utoipa::Path>::operation();
        let parameters = serde_json::to_value(operation.parameters).unwrap();
        let names: Vec<_> = parameters.as_array().unwrap().iter().map(|parameter| &parameter["name"]).collect();
        assert_eq!(names, ["id", "Idempotency-Key", "If-Match", "If-None-Match"]);
    }

    #[test]
    fn nulls_leave_the_document() {
        let mut document = json!({
            "a": {"type": ["string", "null"]},
            "b": {"oneOf": [{"type": "null"}, {"$ref": "#/x"}], "description": "kept"},
        });
        without_nulls(&mut document);
        assert_eq!(document, json!({"a": {"type": "string"}, "b": {"$ref": "#/x", "description": "kept"}}));
    }
}
