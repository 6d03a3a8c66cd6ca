//! `/toss/v1`: the merchant's API, in the order in which a request meets it: key, fault, idempotency, books, fault.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use serde_json::{Value, json};
use time::macros::{format_description, offset};
use time::{OffsetDateTime, PrimitiveDateTime};

use super::books::Canceller;
use super::codes::{self, Code};
use super::idempotency::{LENGTH_MAX, Scope, Seen};
use super::payment::Payment;
use crate::faults::{Deed, Strike, When};
use crate::http::{Answer, Request, Response};
use crate::journal::Heard;
use crate::{World, lock};

const LIST_DEFAULT: usize = 100;
const LIST_MAX: usize = 10_000;
/// Some clients leave the padding out, and the real one takes that.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What is asked for.
enum Call {
    Confirm(Option<Confirmation>),
    Cancel { payment_key: String, cancellation: Option<Cancellation> },
    ByKey(String),
    ByOrder(String),
    List,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Confirmation {
    payment_key: String,
    order_id: String,
    amount: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cancellation {
    cancel_reason: String,
    cancel_amount: Option<i64>,
}

pub async fn answer(world: &World, request: &Request, path: &[&str]) -> Answer {
    let Some(call) = Call::read(request, path) else {
        return Response::json(404, &json!({ "code": "NOT_FOUND", "message": "존재하지 않는 API입니다." })).into();
    };
    hear(world, request, &call);
    let api_key = match api_key(request.header("authorization")) {
        Ok(api_key) => api_key,
        Err(code) => return refusal(code).into(),
    };
    let key = request.header("idempotency-key").filter(|_| request.method == "POST");
    if key.is_some_and(|key| key.chars().count() > LENGTH_MAX) {
        return refusal(codes::INVALID_IDEMPOTENCY_KEY).into();
    }
    let scope = key.map(|key| Scope {
        key: key.to_owned(),
        api_key,
        method: request.method.clone(),
        url: request.target.clone(),
    });

    let operation = call.operation();
    let before = lock(&world.faults).strike("toss", operation, When::Before);
    let comes_twice = before.as_ref().is_some_and(|strike| strike.deed == Deed::Duplicate);
    let spoils = |strike: &&Strike| !matches!(strike.deed, Deed::Latency | Deed::Duplicate);
    if let Some(strike) = before.as_ref().filter(spoils) {
        return undone(world, &call, strike, scope);
    }
    if comes_twice {
        again(world, request, &call, scope.as_ref());
    }
    let seen = scope.as_ref().map(|scope| lock(&world.toss.idempotency_keys).begin(scope, world.clock.now()));
    if let Some(slow) = before.filter(|_| seen != Some(Seen::InFlight)) {
        // Meanwhile the key is in flight, and whoever comes with it is told so at once.
        tokio::time::sleep(slow.latency).await;
    }
    let is_first = matches!(seen, Some(Seen::New));
    let again_scope = scope.clone();
    let response = match seen {
        Some(Seen::Answered(response)) => response,
        Some(Seen::InFlight) => refusal(codes::IDEMPOTENT_REQUEST_PROCESSING),
        Some(Seen::New) | None => carry_out(world, request, &call).map_or_else(refusal, |it| Response::json(200, &it)),
    };

    let after = lock(&world.faults).strike("toss", operation, When::AfterEffect);
    let response = after.as_ref().and_then(own_error).unwrap_or(response);
    if let Some(scope) = scope.filter(|_| is_first) {
        lock(&world.toss.idempotency_keys).finish(scope, world.clock.now(), &response);
    }
    match after {
        None => response.into(),
        Some(strike) if strike.deed == Deed::Duplicate => again(world, request, &call, again_scope.as_ref()).into(),
        Some(strike) => {
            tokio::time::sleep(strike.latency).await;
            spoiled(world, &call, &strike, response)
        }
    }
}

/// The same request, as one more that something on the way has made of it.
fn again(world: &World, request: &Request, call: &Call, scope: Option<&Scope>) -> Response {
    let now = world.clock.now();
    let answer = || carry_out(world, request, call).map_or_else(refusal, |it| Response::json(200, &it));
    let Some(scope) = scope else { return answer() };
    let seen = lock(&world.toss.idempotency_keys).begin(scope, now);
    match seen {
        Seen::Answered(response) => response,
        Seen::InFlight => refusal(codes::IDEMPOTENT_REQUEST_PROCESSING),
        Seen::New => {
            let response = answer();
            lock(&world.toss.idempotency_keys).finish(scope.clone(), now, &response);
            response
        }
    }
}

impl Call {
    fn read(request: &Request, path: &[&str]) -> Option<Self> {
        match (request.method.as_str(), path) {
            ("POST", ["payments", "confirm"]) => Some(Self::Confirm(serde_json::from_slice(&request.body).ok())),
            ("POST", ["payments", payment_key, "cancel"]) => Some(Self::Cancel {
                payment_key: (*payment_key).to_owned(),
                cancellation: serde_json::from_slice(&request.body).ok(),
            }),
            ("GET", ["payments", "orders", order_id]) => Some(Self::ByOrder((*order_id).to_owned())),
            ("GET", ["payments", payment_key]) => Some(Self::ByKey((*payment_key).to_owned())),
            ("GET", ["transactions"]) => Some(Self::List),
            _ => None,
        }
    }

    fn operation(&self) -> &'static str {
        match self {
            Self::Confirm(_) => "confirm",
            Self::Cancel { .. } => "cancel",
            Self::ByKey(_) | Self::ByOrder(_) => "lookup",
            Self::List => "list",
        }
    }

    fn payment_key(&self) -> Option<&str> {
        match self {
            Self::Confirm(confirmation) => confirmation.as_ref().map(|it| it.payment_key.as_str()),
            Self::Cancel { payment_key, .. } | Self::ByKey(payment_key) => Some(payment_key),
            Self::ByOrder(_) | Self::List => None,
        }
    }
}

fn hear(world: &World, request: &Request, call: &Call) {
    let books = lock(&world.toss.books);
    let order_of = |key: &str| books.by_key(key).map(|payment| payment.order_id.clone());
    let provider_order_id = match call {
        Call::Confirm(confirmation) => confirmation.as_ref().map(|it| it.order_id.clone()),
        Call::Cancel { payment_key, .. } | Call::ByKey(payment_key) => order_of(payment_key),
        Call::ByOrder(order_id) => Some(order_id.clone()),
        Call::List => None,
    };
    lock(&world.journal).record(Heard {
        provider: "toss",
        operation: call.operation(),
        idempotency_key: request.header("idempotency-key").map(str::to_owned),
        provider_order_id,
        payment_key: call.payment_key().map(str::to_owned),
        query: None,
        at: world.clock.now(),
    });
}

/// The secret key out of `Basic base64(key + ":")`. Only test keys work here, so that no live one ever gets used to it.
fn api_key(header: Option<&str>) -> Result<String, Code> {
    let Some(header) = header else { return Err(codes::UNAUTHORIZED_KEY) };
    let key = header
        .strip_prefix("Basic ")
        .and_then(|encoded| BASE64.decode(encoded.trim()).ok())
        .and_then(|decoded| String::from_utf8(decoded).ok())
        .and_then(|decoded| Some(decoded.split_once(':')?.0.to_owned()))
        .ok_or(codes::INCORRECT_BASIC_AUTH_FORMAT)?;
    if key.starts_with("test_sk_") || key.starts_with("test_gsk_") { Ok(key) } else { Err(codes::UNAUTHORIZED_KEY) }
}

fn carry_out(world: &World, request: &Request, call: &Call) -> Result<Value, Code> {
    if let Some(name) = request.header("tosspayments-test-code") {
        return Err(codes::find(name).unwrap_or(codes::INVALID_TEST_CODE));
    }
    let now = world.clock.now();
    world.toss.work(now, |books| match call {
        Call::Confirm(None) | Call::Cancel { cancellation: None, .. } => Err(codes::INVALID_REQUEST),
        Call::Confirm(Some(it)) => Ok(books.confirm(&it.payment_key, &it.order_id, it.amount, now)?.object(now)),
        Call::Cancel { payment_key, cancellation: Some(it) } => {
            if !(1..=200).contains(&it.cancel_reason.chars().count()) {
                return Err(codes::INVALID_REQUEST);
            }
            let cancelled = books.cancel(payment_key, it.cancel_amount, &it.cancel_reason, Canceller::Merchant, now);
            Ok(cancelled?.object(now))
        }
        Call::ByKey(key) => books.by_key(key).map(|it| it.object(now)).ok_or(codes::NOT_FOUND_PAYMENT),
        Call::ByOrder(id) => books.by_order(id).map(|it| it.object(now)).ok_or(codes::NOT_FOUND_PAYMENT),
        Call::List => {
            let limit = request.param("limit").map_or(Some(LIST_DEFAULT), |limit| limit.parse().ok());
            let limit = limit.filter(|limit| (1..=LIST_MAX).contains(limit)).ok_or(codes::INVALID_REQUEST)?;
            let after = request.param("startingAfter");
            books.list(day(request, "startDate")?, day(request, "endDate")?, after.as_deref(), limit)
        }
    })
}

/// A time in Seoul without a zone, `2022-01-01T00:00:00` with or without a fraction.
fn day(request: &Request, name: &str) -> Result<OffsetDateTime, Code> {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second][optional [.[subsecond]]]");
    let text = request.param(name).ok_or(codes::INVALID_REQUEST)?;
    let at = PrimitiveDateTime::parse(&text, format).map_err(|_| codes::INVALID_REQUEST)?;
    Ok(at.assume_offset(offset!(+9)))
}

/// The answer when Toss did nothing. Its own error is kept under the idempotency key, as every answer of Toss's is;
/// other faults happen on the way to it.
fn undone(world: &World, call: &Call, strike: &Strike, scope: Option<Scope>) -> Answer {
    let Some(response) = own_error(strike) else {
        let begun = json!({ "mId": "tvivarepublica", "lastTransactionKey": null, "paymentKey": call.payment_key() });
        return spoiled(world, call, strike, Response::json(200, &begun));
    };
    if let Some(scope) = scope {
        let (mut keys, now) = (lock(&world.toss.idempotency_keys), world.clock.now());
        if keys.begin(&scope, now) == Seen::New {
            keys.finish(scope, now, &response);
        }
    }
    response.into()
}

/// The error with a code that a fault makes Toss answer.
fn own_error(strike: &Strike) -> Option<Response> {
    let name = strike.code.as_deref()?;
    let known = codes::find(name);
    let message = known.map_or("알 수 없는 오류입니다.", |code| code.message);
    let message = [message, strike.text.as_deref().unwrap_or_default()].concat();
    let status = strike.status.or(known.map(|code| code.status)).unwrap_or(500);
    Some(Response::json(status, &json!({ "code": name, "message": message })))
}

fn spoiled(world: &World, call: &Call, strike: &Strike, response: Response) -> Answer {
    if strike.deed == Deed::WrongBody {
        let now = world.clock.now();
        let payment_key = match call {
            Call::ByOrder(order_id) => lock(&world.toss.books).by_order(order_id).map(|it| it.key.clone()),
            _ => call.payment_key().map(str::to_owned),
        };
        return Response::json(200, &Payment::of_another(payment_key.unwrap_or_default(), now).object(now)).into();
    }
    strike.spoil(response)
}

fn refusal(code: Code) -> Response {
    Response::json(code.status, &code.body())
}
