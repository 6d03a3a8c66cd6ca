//! One payment of a guest: its attempts at the provider, from ready to paid.

use serde::{Deserialize, Serialize};
use time::Duration;

use crate::domain::Time;
use crate::domain::error::{Code, Decline, Error, Result};
use crate::domain::id::Id;
use crate::domain::item::Item;
use crate::domain::money::Krw;
use crate::domain::order::Order;
use crate::domain::refund::{Refund, RefundState};

/// The provider takes no smaller one.
pub const MIN_AMOUNT: Krw = Krw::new(200);
/// How long a payment may be begun.
pub const TIME_TO_PAY: Duration = Duration::minutes(5);
/// How long a seat waits for a payment whose outcome is not known.
pub const LONGEST_CONFIRMING: Duration = Duration::minutes(12);
/// When the provider is asked about a payment whose answer was lost, counted from the sending; then hourly.
const LOOK_UPS: [Duration; 7] = [
    Duration::seconds(10),
    Duration::seconds(30),
    Duration::minutes(2),
    Duration::minutes(5),
    Duration::minutes(8),
    Duration::minutes(11),
    Duration::minutes(15),
];
/// From then on the provider's "never heard of it" is final: its own window for a confirmation is over.
const NOT_FOUND_IS_FINAL: Duration = Duration::minutes(11);
/// How long somebody who asks the provider about a payment has it to himself.
pub const LEASE: Duration = Duration::seconds(40);
/// The provider forgets our keys after 15 days.
const GIVE_UP: Duration = Duration::days(14);
/// The provider takes one cancellation of a payment per second.
const REFUNDS_APART: Duration = Duration::milliseconds(1100);

crate::words! {
    /// What a payment is for: a seat, or dearer items.
    pub enum PaymentKind {
        Join => "join",
        TopUp => "top_up",
    }
}

crate::words! {
    /// What has become of a payment.
    pub enum PaymentState {
        /// Can be paid until `expires_at`.
        Ready => "ready",
        /// Sent to the provider, outcome not known yet.
        Confirming => "confirming",
        Paid => "paid",
        /// The last attempt was declined; another may be made until `expires_at`.
        Declined => "declined",
        Expired => "expired",
        /// The seat went before it was paid.
        Cancelled => "cancelled",
        PartiallyRefunded => "partially_refunded",
        Refunded => "refunded",
        /// Something that a person has to look at.
        Review => "review",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    pub id: Id<Payment>,
    pub order_id: Id<Order>,
    pub kind: PaymentKind,
    pub state: PaymentState,
    pub amount_krw: Krw,
    /// What has been captured at the provider: nothing or `amount_krw`.
    pub captured_krw: Krw,
    /// Which order id the provider gets: `<payment id>-<attempt>`, a new one after each decline.
    pub attempt: i16,
    /// Counts the idempotency keys of this attempt.
    pub tries: i16,
    #[serde(default)]
    pub payment_key: Option<String>,
    #[serde(default)]
    pub decline_code: Option<Decline>,
    /// Of a top-up: what the order is to be once it is paid.
    #[serde(default)]
    pub items: Option<Vec<Item>>,
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: Time,
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub sent_at: Option<Time>,
    /// When the provider is to be asked; none when there is nothing to ask.
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub check_at: Option<Time>,
    pub checks: i16,
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub paid_at: Option<Time>,
    #[serde(skip, default)]
    pub refunds: Vec<Refund>,
}

/// What the provider has let us know about an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Paid,
    Declined(Decline),
    /// Surely nothing was done: it may be tried again as it is.
    NotDone,
    Unknown,
    /// The provider has no such payment.
    NotFound,
    /// The answer contradicts what we asked for.
    Contradiction,
}

impl Payment {
    pub fn new(id: Id<Self>, order_id: Id<Order>, kind: PaymentKind, amount: Krw, expires_at: Time) -> Result<Self> {
        if amount < MIN_AMOUNT {
            return Err(Code::AmountTooSmall.into());
        }
        Ok(Self {
            id,
            order_id,
            kind,
            state: PaymentState::Ready,
            amount_krw: amount,
            captured_krw: Krw::ZERO,
            attempt: 1,
            tries: 0,
            payment_key: None,
            decline_code: None,
            items: None,
            expires_at,
            sent_at: None,
            check_at: None,
            checks: 0,
            paid_at: None,
            refunds: Vec::new(),
        })
    }

    pub fn provider_order_id(&self) -> String {
        self.provider_order_id_of(self.attempt)
    }

    pub fn provider_order_id_of(&self, attempt: i16) -> String {
        format!("{}-{attempt}", self.id)
    }

    pub fn key(&self) -> String {
        format!("{}-{}-{}", self.id, self.attempt, self.tries)
    }

    /// The payment that a provider's order id belongs to.
    pub fn of_provider_order_id(text: &str) -> Option<(Id<Self>, i16)> {
        let (id, attempt) = text.split_once('-')?;
        Some((Id::parse(id)?, attempt.parse().ok()?))
    }

    pub fn payable(&self) -> bool {
        matches!(self.state, PaymentState::Ready | PaymentState::Declined)
    }

    pub fn confirming(&self) -> bool {
        self.state == PaymentState::Confirming
    }

    /// From now on whoever asks the provider about it is the only one to say that nothing was done.
    pub fn ask(&mut self, now: Time) {
        if self.confirming() {
            let after = self.check_at.map(|before| before + Duration::milliseconds(1));
            self.check_at = after.max(Some(now + LEASE));
        }
    }

    /// Whether what came of sending `sent` counts: it is of this very try; and that nothing was done is believed only of
    /// the one who asked last, because others do not know what he has sent meanwhile.
    pub fn takes(&self, outcome: Outcome, sent: &Self) -> bool {
        let nothing = matches!(outcome, Outcome::NotDone | Outcome::NotFound);
        (self.attempt, self.tries) == (sent.attempt, sent.tries) && (!nothing || self.check_at == sent.check_at)
    }

    /// Until when its seat or its items wait for it; none if it is not under way.
    pub fn waits_until(&self) -> Option<Time> {
        self.sent_at.filter(|_| self.confirming()).map(|sent| sent + LONGEST_CONFIRMING)
    }

    /// Begins an attempt; false if this one is under way or through already, so that there is nothing to send.
    pub fn begin(&mut self, payment_key: &str, amount: Krw, now: Time) -> Result<bool> {
        match self.state {
            // The answer to the attempt that this key has had.
            PaymentState::Declined if self.payment_key.as_deref() == Some(payment_key) => {
                Err(Error::from(Code::PaymentDeclined).with(|more| more.decline = self.decline_code))
            }
            PaymentState::Ready | PaymentState::Declined if now >= self.expires_at => Err(Code::PaymentExpired.into()),
            PaymentState::Ready | PaymentState::Declined if amount != self.amount_krw => {
                Err(Code::AmountMismatch.into())
            }
            PaymentState::Ready | PaymentState::Declined => {
                self.state = PaymentState::Confirming;
                self.tries += 1;
                self.payment_key = Some(payment_key.to_owned());
                self.decline_code = None;
                self.sent_at = Some(now);
                self.checks = 0;
                self.check_at = Some(now + LOOK_UPS[0]);
                Ok(true)
            }
            PaymentState::Expired | PaymentState::Cancelled => {
                Err(Error::state(Code::PaymentExpired, self.state.word()))
            }
            _ => Ok(false),
        }
    }

    /// Takes what is known of the attempt under way; true if the money has been captured by it. A capture counts even if it
    /// was believed that nothing had been done.
    pub fn resolve(&mut self, outcome: Outcome, now: Time) -> bool {
        let given_up = matches!(self.state, PaymentState::Ready | PaymentState::Expired | PaymentState::Cancelled);
        let listens = self.confirming() || given_up && outcome == Outcome::Paid;
        if !listens {
            return false;
        }
        let age = self.sent_at.map_or(Duration::ZERO, |sent| now - sent);
        match outcome {
            Outcome::Paid => {
                self.state = PaymentState::Paid;
                self.captured_krw = self.amount_krw;
                self.paid_at = Some(now);
                self.check_at = None;
                return true;
            }
            Outcome::Declined(decline) => {
                self.state = PaymentState::Declined;
                self.decline_code = Some(decline);
                self.check_at = None;
                self.attempt += 1;
                self.tries = 0;
            }
            Outcome::NotDone => self.again(),
            Outcome::NotFound if age >= NOT_FOUND_IS_FINAL => self.again(),
            Outcome::Contradiction => self.review(),
            Outcome::Unknown | Outcome::NotFound if age >= GIVE_UP => self.review(),
            Outcome::Unknown | Outcome::NotFound => self.ask_later(now),
        }
        false
    }

    fn again(&mut self) {
        self.state = PaymentState::Ready;
        self.check_at = None;
    }

    pub fn review(&mut self) {
        self.state = PaymentState::Review;
        self.check_at = None;
    }

    /// The next time in the schedule that is not over yet.
    fn ask_later(&mut self, now: Time) {
        let Some(sent) = self.sent_at else { return };
        self.checks += 1;
        let next = LOOK_UPS.iter().map(|&wait| sent + wait).find(|&at| at > now);
        self.check_at = Some(next.unwrap_or(now + Duration::hours(1)));
    }

    /// One of which nobody knows the outcome is asked about once more; false if it is no such one.
    pub fn ask_again(&mut self, now: Time) -> bool {
        let unknown = self.state == PaymentState::Review && self.captured_krw == Krw::ZERO;
        if unknown {
            self.state = PaymentState::Confirming;
            self.check_at = Some(now);
        }
        unknown
    }

    /// What may still go back: captured, less every refund asked for.
    pub fn balance(&self) -> Krw {
        self.captured_krw - self.refunds.iter().map(|refund| refund.amount_krw).sum()
    }

    pub fn refunded(&self) -> Krw {
        self.refunds.iter().filter(|refund| refund.state == RefundState::Done).map(|refund| refund.amount_krw).sum()
    }

    pub fn has_refund_to_send(&self) -> bool {
        self.refunds.iter().any(|refund| refund.state == RefundState::Requested)
    }

    /// The refund to send now: the one under way, if it has to be sent again, or else the first that is due.
    pub fn next_refund(&mut self, now: Time) -> Option<&mut Refund> {
        let due = |refund: &Refund| refund.send_at.is_some_and(|at| at <= now);
        let in_flight = self.refunds.iter().position(Refund::in_flight);
        let next = match in_flight {
            Some(n) => Some(n).filter(|&n| self.refunds.get(n).is_some_and(due)),
            None => self.refunds.iter().position(|refund| refund.state == RefundState::Requested && due(refund)),
        };
        self.refunds.get_mut(next?)
    }

    pub fn ask_refund(&mut self, mut refund: Refund) {
        let last = self.refunds.iter().filter_map(|refund| refund.done_at).max();
        refund.send_at = refund.send_at.max(last.map(|last| last + REFUNDS_APART));
        self.refunds.push(refund);
    }

    /// After a refund is done: its own state follows, and the next refund waits its second, which the provider demands.
    pub fn refund_done(&mut self, now: Time) {
        if self.state != PaymentState::Review {
            let whole = self.refunded() == self.captured_krw;
            self.state = if whole { PaymentState::Refunded } else { PaymentState::PartiallyRefunded };
        }
        for refund in self.refunds.iter_mut().filter(|refund| refund.state == RefundState::Requested) {
            refund.send_at = refund.send_at.max(Some(now + REFUNDS_APART));
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: Time = datetime!(2026-11-24 12:00 UTC);

    fn begun() -> Payment {
        let (id, order, amount) = (Id::from_raw(1), Id::from_raw(2), Krw::new(10_000));
        let mut payment = Payment::new(id, order, PaymentKind::Join, amount, NOW + TIME_TO_PAY).unwrap();
        assert!(payment.begin("key", amount, NOW).unwrap());
        payment
    }

    #[test]
    fn that_nothing_was_done_is_believed_only_of_who_asked_last() {
        let first = begun();
        let mut payment = first.clone();
        payment.ask(NOW + LEASE);
        let second = payment.clone();
        payment.ask(NOW + LEASE);
        for nothing in [Outcome::NotDone, Outcome::NotFound] {
            assert!(!payment.takes(nothing, &first) && !payment.takes(nothing, &second));
            assert!(payment.takes(nothing, &payment.clone()));
        }
        for known in [Outcome::Paid, Outcome::Declined(Decline::Declined)] {
            assert!(payment.takes(known, &first) && payment.takes(known, &second));
        }
    }

    #[test]
    fn what_is_known_of_one_try_is_not_taken_for_another() {
        let first = begun();
        let mut payment = first.clone();
        payment.resolve(Outcome::NotDone, NOW);
        assert!(payment.takes(Outcome::Paid, &first), "it may still turn up");
        payment.begin("another", Krw::new(10_000), NOW).unwrap();
        assert!(!payment.takes(Outcome::Paid, &first) && !payment.takes(Outcome::Unknown, &first));
    }

    #[test]
    fn a_capture_that_turns_up_late_counts_once() {
        for given_up in [PaymentState::Ready, PaymentState::Expired, PaymentState::Cancelled] {
            let mut payment = Payment { state: given_up, ..begun() };
            assert!(!payment.resolve(Outcome::Declined(Decline::Declined), NOW));
            assert_eq!(payment.state, given_up);
            assert!(payment.resolve(Outcome::Paid, NOW));
            assert_eq!(payment.captured_krw, payment.amount_krw);
            assert!(!payment.resolve(Outcome::Paid, NOW));
        }
    }
}
