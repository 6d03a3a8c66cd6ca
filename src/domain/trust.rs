//! Why somebody is trusted: entries that are only ever added. How they sum up is in the database (`trust_of`).

use time::{Date, Duration, UtcOffset};

use crate::domain::Time;
use crate::domain::id::Id;
use crate::domain::user::User;

crate::words! {
    /// What an entry is for.
    pub enum TrustKind {
        Completed => "completed",
        PaidPromptly => "paid_promptly",
        ReceivedPromptly => "received_promptly",
        NoShow => "no_show",
        HostAbandoned => "host_abandoned",
        ReportUpheld => "report_upheld",
        Week => "week",
    }
}

impl TrustKind {
    pub const fn points(self) -> i16 {
        match self {
            Self::Completed | Self::PaidPromptly | Self::ReceivedPromptly | Self::Week => 1,
            Self::NoShow => -10,
            Self::HostAbandoned => -15,
            Self::ReportUpheld => -20,
        }
    }
}

/// How soon after the lock a share is sent promptly, and after that received promptly.
pub const PROMPT: Duration = Duration::minutes(10);

/// How long after the last strike, or the last step, comes a step back toward the trust of a new user.
pub const STEP: Duration = Duration::weeks(1);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub user_id: Id<User>,
    pub kind: TrustKind,
    /// The order, party or report; with user and kind it is there once.
    pub source_id: i64,
    pub at: Time,
}

/// The day on which it counts.
pub fn day(at: Time) -> Date {
    at.to_offset(UtcOffset::from_hms(9, 0, 0).unwrap_or(UtcOffset::UTC)).date()
}

/// The number of the week in which a step is made, so that there is one.
pub fn week(now: Time) -> i64 {
    now.unix_timestamp().div_euclid(STEP.whole_seconds())
}

#[cfg(test)]
mod tests {
    use time::macros::{date, datetime};

    use super::*;

    #[test]
    fn days_are_those_of_seoul() {
        assert_eq!(day(datetime!(2026-11-24 14:59:59 UTC)), date!(2026 - 11 - 24));
        assert_eq!(day(datetime!(2026-11-24 15:00 UTC)), date!(2026 - 11 - 25));
    }

    #[test]
    fn two_moments_a_week_apart_are_in_two_weeks() {
        let now = datetime!(2026-11-24 12:00 UTC);
        assert_eq!(week(now + STEP), week(now) + 1);
    }
}
