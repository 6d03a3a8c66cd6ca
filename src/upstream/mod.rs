//! The providers we call: one file each, and the few ways in which a call can go wrong.

pub mod apns;
pub mod app_store;
pub mod apple_login;
mod breaker;
mod budget;
pub mod client;
pub mod fcm;
pub mod kakao_local;
pub mod kakao_login;
pub mod oidc;
mod quota;
#[cfg(test)]
mod scripted;
pub mod toss;

use crate::domain::Time;
use crate::domain::error::Decline;

/// What a provider's answer, or the lack of one, means to us. Only `Unknown` leaves open whether it was done; a call
/// that moves money may be repeated under a new key after anything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No connection: surely not delivered.
    Unreachable,
    /// Not now, and not done: their limits, their maintenance, or our own breaker, bulkhead or deadline.
    Busy { retry_after_ms: Option<u64> },
    /// Not now, by the provider's own word, and not done; it repeats that word to the same key.
    NotNow,
    /// The other side could not prove who it is; nothing was sent.
    Untrusted,
    /// Delivered, perhaps done: ask again before doing anything else. The word is one of [`why`], for the log.
    Unknown(&'static str),
    /// The user's: declined, or too late.
    Rejected(Decline),
    /// Done before; the truth has to be looked up.
    Already,
    /// Ours: our key or our request. The provider's code, for the log.
    Refused(String),
}

/// What a push service says of a note that has reached it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// On its way.
    Taken,
    /// The app is not on that phone any more, and since when, if they say.
    Gone { since: Option<Time> },
    /// This note, or this phone's token, is nothing for them, also later. The provider's code, for the log.
    Unfit(String),
}

/// Why an outcome is unknown.
pub mod why {
    pub const TIMEOUT: &str = "timeout";
    /// The connection broke after the request had been sent.
    pub const RESET: &str = "reset";
    /// Not what the provider documents: HTML, half a JSON, a field that is missing.
    pub const GARBAGE: &str = "garbage";
    pub const TOO_LARGE: &str = "too_large";
    pub const REDIRECT: &str = "redirect";
    /// 5xx without a code.
    pub const SERVER_ERROR: &str = "server_error";
    /// A code by which the provider says that it failed.
    pub const PROVIDER_ERROR: &str = "provider_error";
    pub const UNKNOWN_CODE: &str = "unknown_code";
    pub const IN_PROGRESS: &str = "in_progress";
    /// An answer about another payment, order or amount.
    pub const MISMATCH: &str = "mismatch";
    /// Words that are not signed by whom they come from.
    pub const UNVERIFIED: &str = "unverified";
    /// A success that left the payment in a state which is none.
    pub const UNEXPECTED_STATE: &str = "unexpected_state";

    /// Those which may be gone a moment later.
    pub(super) const PASSING: [&str; 5] = [TIMEOUT, RESET, GARBAGE, SERVER_ERROR, PROVIDER_ERROR];

    /// Those which say that the provider is ill.
    pub(super) const OUTAGES: [&str; 7] = [TIMEOUT, RESET, GARBAGE, TOO_LARGE, REDIRECT, SERVER_ERROR, PROVIDER_ERROR];
}

impl Fault {
    /// The word for metrics.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Busy { .. } => "busy",
            Self::NotNow => "not_now",
            Self::Untrusted => "untrusted",
            Self::Unknown(why) => why,
            Self::Rejected(_) => "rejected",
            Self::Already => "already",
            Self::Refused(_) => "refused",
        }
    }

    /// Whether the provider answered with an error of its own: one that it repeats to the same key.
    pub fn is_stored_answer(&self) -> bool {
        match self {
            Self::NotNow | Self::Rejected(_) | Self::Already | Self::Refused(_) => true,
            Self::Unknown(why) => [why::PROVIDER_ERROR, why::UNKNOWN_CODE].contains(why),
            Self::Unreachable | Self::Busy { .. } | Self::Untrusted => false,
        }
    }

    /// Whether the same question may well be answered a moment later.
    fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable => true,
            Self::Unknown(why) => why::PASSING.contains(why),
            _ => false,
        }
    }

    /// Whether this speaks against the provider's health; a decline or a mistake of ours does not.
    fn is_outage(&self) -> bool {
        match self {
            Self::Unreachable | Self::Untrusted => true,
            Self::Unknown(why) => why::OUTAGES.contains(why),
            Self::Busy { .. } | Self::NotNow | Self::Rejected(_) | Self::Already | Self::Refused(_) => false,
        }
    }
}
