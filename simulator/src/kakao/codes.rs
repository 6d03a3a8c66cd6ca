//! Kakao's errors in both of its shapes. The older gateway says `{"code": -10, "msg": …}`, the one of Local
//! `{"errorType": …, "message": …}`; as with Toss the status does not tell what a code means. The texts are ours.

use serde_json::{Value, json};

use crate::http::Response;

/// A code, and the status that it comes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    pub name: &'static str,
    pub status: u16,
    pub message: &'static str,
}

macro_rules! codes {
    ($($constant:ident = $status:literal $name:literal $message:literal,)*) => {
        $(pub const $constant: Code = Code { name: $name, status: $status, message: $message };)*
        static ALL: &[Code] = &[$($constant),*];
    };
}

codes! {
    INTERNAL = 400 "-1" "internal server error",
    BAD_PARAMETER = 400 "-2" "bad parameter",
    NOT_ENABLED = 403 "-3" "the API is not enabled for this app",
    BLOCKED = 403 "-4" "the account is blocked",
    NOT_PERMITTED = 403 "-5" "insufficient permission",
    MAINTENANCE = 400 "-7" "the service is under maintenance",
    BAD_HEADER = 400 "-8" "bad header",
    ENDED = 400 "-9" "the API has ended",
    QUOTA = 400 "-10" "API limit has been exceeded.",
    PAID_LIMIT = 400 "-11" "the limit of paid calls has been exceeded.",
    SUSPENDED = 403 "-12" "the app is suspended",
    NO_SUCH_KEY = 401 "-401" "ip mismatched! callerIp=203.0.113.7. check out registered ips.",
    TIMEOUT = 400 "-603" "timeout in the platform",
    SERVICE_CHECK = 503 "-9798" "service check",
    ACCESS_DENIED = 401 "AccessDeniedError" "wrong appKey or no Authorization : KakaoAK header, callerIp=203.0.113.7",
    NOT_AUTHORIZED = 403 "NotAuthorizedError" "App(nbbang) disabled OPEN_MAP_AND_LOCAL service.",
    MISSING_PARAMETER = 400 "MissingParameter" "a parameter is required",
    INVALID_ARGUMENT = 400 "InvalidArgument" "a parameter is out of its range",
    THROTTLED = 429 "RequestThrottled" "API limit has been exceeded.",
}

impl Code {
    pub fn response(self) -> Response {
        Response::json(self.status, &body(self.name, self.message))
    }
}

/// The error of this name, known or not, in the shape that goes with it.
pub fn named(name: &str, status: Option<u16>) -> Response {
    let known = ALL.iter().find(|code| code.name == name);
    let message = known.map_or("an error", |code| code.message);
    let status = status.or(known.map(|code| code.status)).unwrap_or(500);
    Response::json(status, &body(name, message))
}

fn body(name: &str, message: &str) -> Value {
    match name.parse::<i64>() {
        Ok(code) => json!({ "code": code, "msg": message }),
        Err(_) => json!({ "errorType": name, "message": message }),
    }
}
