//! The errors of the App Store Server API: <https://developer.apple.com/documentation/appstoreserverapi/error-codes>.

use serde_json::json;

use super::messages::millis;
use crate::clock::real;
use crate::http::Response;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    pub status: u16,
    pub number: i64,
    message: &'static str,
}

macro_rules! codes {
    ($($name:ident = $status:literal, $number:literal, $message:literal;)*) => {
        $(pub const $name: Code = Code { status: $status, number: $number, message: $message };)*

        const ALL: &[Code] = &[$($name),*];
    };
}

codes! {
    GENERAL_BAD_REQUEST = 400, 4_000_000, "Bad request.";
    INVALID_APP = 400, 4_000_002, "Invalid request app identifier.";
    INVALID_REVISION = 400, 4_000_005, "Invalid request revision.";
    INVALID_TRANSACTION_ID = 400, 4_000_006, "Invalid transaction id.";
    START_TOO_FAR = 400, 4_000_012, "Invalid request. Start date is too far in the past.";
    START_AFTER_END = 400, 4_000_013, "Invalid request. Start date is after the end date.";
    INVALID_PAGINATION = 400, 4_000_014, "Invalid request. Pagination token is invalid.";
    INVALID_START = 400, 4_000_015, "Invalid request. Start date is invalid.";
    INVALID_END = 400, 4_000_016, "Invalid request. End date is invalid.";
    INVALID_TYPE = 400, 4_000_018, "Invalid request. Notification type or subtype is invalid.";
    MULTIPLE_FILTERS = 400, 4_000_019, "Invalid request. Supply either a transaction id or a notification type, not both.";
    INVALID_TEST_TOKEN = 400, 4_000_020, "Invalid request. Test notification token is invalid.";
    INVALID_CONSENT = 400, 4_000_035, "Invalid request. The customer consented field is invalid and must be true.";
    INVALID_DELIVERY = 400, 4_000_036, "Invalid request. The delivery status field is invalid.";
    INVALID_SAMPLE = 400, 4_000_041, "Invalid request. The sample content provided field is invalid.";
    INVALID_TOKEN_UUID = 400, 4_000_183, "Invalid request. The app account token field must be a valid UUID.";
    FAMILY_UNSUPPORTED = 400, 4_000_185, "Invalid request. Family Sharing transactions aren't supported by this endpoint.";
    NOT_ORIGINAL = 400, 4_000_187, "Invalid request. The transaction ID provided is not an original transaction ID.";
    ACCOUNT_NOT_FOUND_RETRYABLE = 404, 4_040_002, "Account not found. Please try again.";
    APP_NOT_FOUND = 404, 4_040_003, "App not found.";
    APP_NOT_FOUND_RETRYABLE = 404, 4_040_004, "App not found. Please try again.";
    ORIGINAL_NOT_FOUND_RETRYABLE = 404, 4_040_006, "Original transaction id not found. Please try again.";
    NO_SERVER_URL = 404, 4_040_007, "No App Store Server Notification URL provided for the app.";
    TEST_NOT_FOUND = 404, 4_040_008, "Test notification not found.";
    TRANSACTION_NOT_FOUND = 404, 4_040_010, "Transaction id not found.";
    RATE_LIMIT = 429, 4_290_000, "Rate limit exceeded.";
    GENERAL_INTERNAL = 500, 5_000_000, "An unknown error occurred.";
    GENERAL_INTERNAL_RETRYABLE = 500, 5_000_001, "An unknown error occurred. Please try again.";
}

/// How long nothing more may be asked after too much was.
const LIMIT_S: i64 = 30;

impl Code {
    pub fn response(self) -> Response {
        let response = Response::json(self.status, &json!({ "errorCode": self.number, "errorMessage": self.message }));
        limited(response)
    }
}

/// One by its number, documented or not.
pub fn numbered(number: &str, status: Option<u16>) -> Response {
    let number: i64 = number.parse().unwrap_or_default();
    let code = ALL.iter().find(|code| code.number == number).copied();
    let code = code.unwrap_or(Code { status: 400, number, message: "Something new." });
    Code { status: status.unwrap_or(code.status), ..code }.response()
}

/// The real one answers so to a token that it does not like, and does not say why.
pub fn unauthenticated() -> Response {
    Response::new(401, "text/plain", "Unauthenticated\n\nRequest ID: SIMULATOR.0.0\n".as_bytes())
}

/// Apple's `Retry-After` is a time, in milliseconds since 1970: a real one, since a server waits by its own clock.
fn limited(response: Response) -> Response {
    if response.status == 429 {
        let until = millis(real() + time::Duration::seconds(LIMIT_S));
        response.with("Retry-After", until.to_string())
    } else {
        response
    }
}
