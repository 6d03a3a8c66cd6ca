//! Comparing what the payment provider has done with what the ledger says of it: order by order, to the won.

use std::collections::BTreeMap;

use time::{Date, Duration, UtcOffset};

use crate::domain::Time;
use crate::domain::money::Krw;

/// So long after its end a day is surely over, and lost answers of it have been asked for several times.
const SURELY_OVER: Duration = Duration::hours(2);

crate::words! {
    /// How the provider's books and ours differ about an order.
    pub enum What {
        /// The provider holds money that the ledger does not know.
        CaptureUnknown => "capture_unknown",
        /// The ledger has a capture that the provider has not made.
        CaptureMissing => "capture_missing",
        CaptureAmount => "capture_amount",
        /// The provider has given money back, and the ledger does not know.
        RefundUnknown => "refund_unknown",
        /// The ledger has a refund that the provider has not made.
        RefundMissing => "refund_missing",
        RefundAmount => "refund_amount",
    }
}

/// One side's money of one order: what was captured, and what went back, by the provider's name for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    pub captured_krw: Krw,
    pub refunds: BTreeMap<String, Krw>,
}

impl Account {
    fn held(&self) -> Krw {
        self.captured_krw - self.refunds.values().copied().sum()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub what: What,
    /// Of a refund, else empty.
    pub transaction_key: String,
    pub ours_krw: Krw,
    pub theirs_krw: Krw,
}

pub fn differences(ours: &Account, theirs: &Account) -> Vec<Difference> {
    let capture =
        |what, ours_krw, theirs_krw| vec![Difference { what, transaction_key: String::new(), ours_krw, theirs_krw }];
    match (ours.captured_krw, theirs.captured_krw) {
        // What was taken back before it counted is as if it had never been.
        (Krw::ZERO, _) if ours.refunds.is_empty() && theirs.held() == Krw::ZERO => Vec::new(),
        (Krw::ZERO, _) if ours.refunds.is_empty() => capture(What::CaptureUnknown, Krw::ZERO, theirs.held()),
        (captured, Krw::ZERO) => capture(What::CaptureMissing, captured, Krw::ZERO),
        (captured, theirs_krw) if captured != theirs_krw => capture(What::CaptureAmount, captured, theirs_krw),
        _ => refunds(ours, theirs),
    }
}

fn refunds(ours: &Account, theirs: &Account) -> Vec<Difference> {
    let keys: std::collections::BTreeSet<&String> = ours.refunds.keys().chain(theirs.refunds.keys()).collect();
    let differ = |key: &String| {
        let (own, their) = (ours.refunds.get(key).copied(), theirs.refunds.get(key).copied());
        let what = match (own, their) {
            (None, _) => What::RefundUnknown,
            (_, None) => What::RefundMissing,
            _ => What::RefundAmount,
        };
        let (ours_krw, theirs_krw) = (own.unwrap_or(Krw::ZERO), their.unwrap_or(Krw::ZERO));
        let difference = || Difference { what, transaction_key: key.clone(), ours_krw, theirs_krw };
        (own != their).then(difference)
    };
    keys.into_iter().filter_map(differ).collect()
}

/// The provider's days are Seoul's.
const SEOUL: UtcOffset = match UtcOffset::from_hms(9, 0, 0) {
    Ok(offset) => offset,
    Err(_) => UtcOffset::UTC,
};

pub fn begins(day: Date) -> Time {
    day.midnight().assume_offset(SEOUL)
}

pub fn ends(day: Date) -> Time {
    begins(day) + Duration::DAY
}

/// The last day that is surely over.
pub fn last_over(now: Time) -> Date {
    let today = (now - SURELY_OVER).to_offset(SEOUL).date();
    today.previous_day().unwrap_or(today)
}

#[cfg(test)]
mod tests {
    use time::macros::{date, datetime};

    use super::*;

    fn account(captured: i64, refunds: &[(&str, i64)]) -> Account {
        let refunds = refunds.iter().map(|(key, amount)| ((*key).to_owned(), Krw::new(*amount))).collect();
        Account { captured_krw: Krw::new(captured), refunds }
    }

    fn found(ours: &Account, theirs: &Account) -> Vec<(&'static str, i64, i64)> {
        let all = differences(ours, theirs).into_iter();
        all.map(|found| (found.what.word(), found.ours_krw.get(), found.theirs_krw.get())).collect()
    }

    #[test]
    fn books_that_agree_have_no_difference() {
        for agreed in [account(0, &[]), account(9_500, &[]), account(9_500, &[("a", 1_000), ("b", 8_500)])] {
            assert_eq!(found(&agreed, &agreed), []);
        }
        assert_eq!(found(&account(0, &[]), &account(9_500, &[("a", 9_500)])), [], "taken back before it counted");
    }

    #[test]
    fn each_difference_has_its_word() {
        let (nothing, paid) = (account(0, &[]), account(9_500, &[]));
        assert_eq!(found(&nothing, &paid), [("capture_unknown", 0, 9_500)]);
        assert_eq!(found(&nothing, &account(9_500, &[("a", 500)])), [("capture_unknown", 0, 9_000)]);
        assert_eq!(found(&paid, &nothing), [("capture_missing", 9_500, 0)]);
        assert_eq!(found(&paid, &account(9_501, &[])), [("capture_amount", 9_500, 9_501)]);
        let (one, other) = (account(9_500, &[("a", 1_000)]), account(9_500, &[("b", 1_000)]));
        assert_eq!(found(&paid, &one), [("refund_unknown", 0, 1_000)]);
        assert_eq!(found(&one, &paid), [("refund_missing", 1_000, 0)]);
        assert_eq!(found(&one, &other), [("refund_missing", 1_000, 0), ("refund_unknown", 0, 1_000)]);
        assert_eq!(found(&one, &account(9_500, &[("a", 1_001)])), [("refund_amount", 1_000, 1_001)]);
    }

    #[test]
    fn a_day_is_seouls_and_over_after_two_hours() {
        assert_eq!(begins(date!(2026 - 11 - 24)), datetime!(2026-11-23 15:00 UTC));
        assert_eq!(last_over(datetime!(2026-11-24 16:59:59 UTC)), date!(2026 - 11 - 23));
        assert_eq!(last_over(datetime!(2026-11-24 17:00 UTC)), date!(2026 - 11 - 24));
    }
}
