//! How much one client may ask: a class for every operation, a quota for each class, and the arithmetic of both.

crate::words! {
    /// What kind of thing a request asks for, by what it costs and what its abuse would do.
    pub enum Class {
        /// Reading one thing or a list of one's own.
        Read => "read",
        /// Searching near a point.
        Search => "search",
        /// The map provider, which is paid by the call.
        Map => "map",
        /// Changing something.
        Write => "write",
        /// Signing in.
        SignIn => "sign_in",
        /// A new access token for a refresh token.
        Refresh => "refresh",
        /// Confirming a payment.
        Payment => "payment",
        /// Handing in a purchase.
        Purchase => "purchase",
        /// Complaints.
        Report => "report",
        /// Pages for the public, and their pictures.
        Page => "page",
        /// Webhooks that were refused or about nothing of ours; the others are not counted.
        Webhook => "webhook",
    }
}

/// So many at once, and as many again in each window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    pub count: u64,
    pub window_s: u64,
}

/// What a client has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub is_allowed: bool,
    pub quota: Quota,
    pub remaining: u64,
    /// Until all of it is there again, in µs.
    pub full_in_us: u64,
    /// Until one more is allowed, in µs.
    pub retry_in_us: u64,
}

impl Class {
    /// An app that is used hard by one person stays far below; sign-in and webhooks are counted by address, which a whole
    /// mobile network may share.
    pub const fn quota(self) -> Quota {
        let (count, window_s) = match self {
            Self::Read | Self::Refresh | Self::Page => (600, 60),
            Self::Search | Self::Write => (120, 60),
            Self::Map | Self::SignIn => (60, 60),
            Self::Payment | Self::Purchase | Self::Webhook => (30, 60),
            Self::Report => (20, 3600),
        };
        Quota { count, window_s }
    }

    /// Whether each process counts by itself: what is cheap is not worth a question to Redis, which would cost as much as the
    /// answer itself. Of several processes each then allows the quota.
    pub const fn is_local(self) -> bool {
        matches!(self, Self::Read | Self::Search | Self::Page)
    }
}

impl Quota {
    pub const fn window_us(self) -> u64 {
        self.window_s * 1_000_000
    }

    /// Between two requests of one who asks as fast as he may for long.
    pub const fn interval_us(self) -> u64 {
        self.window_us() / self.count
    }

    /// The generic cell rate algorithm: `debt_us` is how far the client is ahead of the pace, and one more request adds an
    /// interval, as long as that stays within a window. The standing after it, and the debt.
    pub fn take(self, debt_us: u64) -> (Standing, u64) {
        let after = debt_us.saturating_add(self.interval_us());
        let is_allowed = after <= self.window_us();
        let debt = if is_allowed { after } else { debt_us };
        (self.standing(is_allowed, debt), debt)
    }

    /// A debt that only a clock that was set back can have made is none.
    pub const fn credible(self, debt_us: u64) -> u64 {
        if debt_us > self.window_us() { 0 } else { debt_us }
    }

    /// Of one with this debt.
    pub fn standing(self, is_allowed: bool, debt_us: u64) -> Standing {
        let room = self.window_us().saturating_sub(debt_us);
        Standing {
            is_allowed,
            quota: self,
            remaining: room / self.interval_us(),
            full_in_us: debt_us,
            retry_in_us: debt_us.saturating_add(self.interval_us()).saturating_sub(self.window_us()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: Quota = Quota { count: 3, window_s: 60 };

    #[test]
    fn a_burst_and_then_one_in_each_interval() {
        let mut debt = 0;
        for remaining in [2, 1, 0] {
            let (standing, after) = QUOTA.take(debt);
            assert!(standing.is_allowed);
            assert_eq!(standing.remaining, remaining);
            debt = after;
        }
        let (refused, after) = QUOTA.take(debt);
        assert!(!refused.is_allowed);
        assert_eq!((after, refused.remaining, refused.retry_in_us), (debt, 0, 20_000_000), "a refusal costs nothing");
        assert!(!QUOTA.take(debt - 19_999_999).0.is_allowed);
        assert!(QUOTA.take(debt - 20_000_000).0.is_allowed);
        assert_eq!(QUOTA.take(0).0.full_in_us, 20_000_000);
    }

    #[test]
    fn every_class_lets_something_through_and_is_in_the_documentation() {
        let page = include_str!("../../docs/OPERATIONS.md");
        for class in Class::ALL {
            let quota = class.quota();
            let row = format!("| `{}` | {} | {} s |", class.word(), quota.count, quota.window_s);
            assert!(page.contains(&row), "{row}");
            assert!(quota.count > 0 && quota.interval_us() > 0 && quota.window_us() % quota.count == 0, "{class:?}");
        }
    }
}
