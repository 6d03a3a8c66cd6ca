//! What the Server API answers, and what its errors mean: <https://developer.apple.com/documentation/appstoreserverapi/error-codes>.

use reqwest::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::upstream::client::Answer;
use crate::upstream::{Fault, why};

/// What Apple says, without a code, to a key, issuer or bundle id that do not belong together.
pub const UNAUTHENTICATED: &str = "UNAUTHENTICATED";
/// What we say when something has to be changed that Apple does not know.
pub const NOT_FOUND: &str = "NOT_FOUND";

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sorted<T> {
    Well(T),
    /// Too much was asked; Apple's word for until when, in milliseconds since 1970.
    Limited {
        until: Option<i64>,
    },
    Failed(Fault),
}

pub(super) fn read<T: DeserializeOwned>(answer: &Answer) -> Sorted<T> {
    found(answer).some()
}

/// For a question about one thing: none when Apple knows no such thing.
pub(super) fn found<T: DeserializeOwned>(answer: &Answer) -> Sorted<Option<T>> {
    if answer.status.is_success() {
        return match serde_json::from_slice(&answer.body) {
            Ok(value) => Sorted::Well(Some(value)),
            Err(_) => Sorted::Failed(Fault::Unknown(why::GARBAGE)),
        };
    }
    sorted(answer)
}

/// For what is answered with nothing.
pub(super) fn done(answer: &Answer) -> Sorted<()> {
    if answer.status.is_success() { Sorted::Well(()) } else { sorted(answer).some() }
}

impl<T> Sorted<Option<T>> {
    fn some(self) -> Sorted<T> {
        match self {
            Self::Well(Some(value)) => Sorted::Well(value),
            Self::Well(None) => Sorted::Failed(Fault::Refused(NOT_FOUND.to_owned())),
            Self::Limited { until } => Sorted::Limited { until },
            Self::Failed(fault) => Sorted::Failed(fault),
        }
    }
}

/// What an unsuccessful answer means.
fn sorted<T>(answer: &Answer) -> Sorted<Option<T>> {
    let code = error_code(answer);
    let fault = match code {
        Some(4_290_000) => return limited(answer),
        // The account, the original transaction, a test notification that was not yet sent, the transaction.
        Some(4_040_001 | 4_040_005 | 4_040_008 | 4_040_010) => return Sorted::Well(None),
        // By Apple's own word to be asked again.
        Some(4_040_002 | 4_040_004 | 4_040_006 | 5_000_000 | 5_000_001) => Fault::Unknown(why::PROVIDER_ERROR),
        // Our app, our request: its 7 digits begin with the status that belongs to them.
        Some(code @ (4_000_000..=4_039_999 | 4_040_003 | 4_040_007)) => Fault::Refused(code.to_string()),
        Some(code) => {
            tracing::warn!(upstream = "app_store", status = answer.status.as_u16(), code, "a code we do not know");
            if answer.status == StatusCode::TOO_MANY_REQUESTS {
                return limited(answer);
            }
            Fault::Unknown(why::UNKNOWN_CODE)
        }
        None => match answer.status {
            StatusCode::TOO_MANY_REQUESTS => return limited(answer),
            StatusCode::UNAUTHORIZED => Fault::Refused(UNAUTHENTICATED.to_owned()),
            status if status.is_redirection() => Fault::Unknown(why::REDIRECT),
            status if status.is_server_error() => Fault::Unknown(why::SERVER_ERROR),
            _ => Fault::Unknown(why::GARBAGE),
        },
    };
    Sorted::Failed(fault)
}

fn limited<T>(answer: &Answer) -> Sorted<T> {
    Sorted::Limited { until: answer.retry_after }
}

fn error_code(answer: &Answer) -> Option<i64> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Failure {
        error_code: i64,
    }

    serde_json::from_slice(&answer.body).ok().map(|failure: Failure| failure.error_code)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireTransaction {
    pub(super) signed_transaction_info: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WirePurchases {
    pub(super) revision: String,
    pub(super) has_more: bool,
    pub(super) signed_transactions: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireStandings {
    #[serde(default)]
    pub(super) data: Vec<WireGroup>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireGroup {
    #[serde(default)]
    pub(super) last_transactions: Vec<WireStanding>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireStanding {
    pub(super) status: i64,
    pub(super) original_transaction_id: String,
    pub(super) signed_transaction_info: String,
    pub(super) signed_renewal_info: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireHistory {
    pagination_token: Option<String>,
    #[serde(default)]
    has_more: bool,
    #[serde(default)]
    pub(super) notification_history: Vec<Listed>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listed {
    pub(super) signed_payload: String,
}

impl WireHistory {
    /// More without a way to it would be lost without a word.
    pub(super) fn next(&self) -> Result<Option<String>, Fault> {
        match &self.pagination_token {
            Some(token) if self.has_more => Ok(Some(token.clone())),
            None if self.has_more => Err(Fault::Unknown(why::GARBAGE)),
            _ => Ok(None),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireTestToken {
    pub(super) test_notification_token: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireTest {
    #[serde(default)]
    send_attempts: Vec<WireAttempt>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireAttempt {
    attempt_date: i64,
    send_attempt_result: String,
}

impl WireTest {
    pub(super) fn last(self) -> Option<String> {
        self.send_attempts.into_iter().max_by_key(|it| it.attempt_date).map(|it| it.send_attempt_result)
    }
}
