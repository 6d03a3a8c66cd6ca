//! Money on its way back to a guest: one cancellation of a part of a payment at the provider.

use serde::{Deserialize, Serialize};
use time::Duration;

use crate::domain::Time;
use crate::domain::id::Id;
use crate::domain::money::Krw;
use crate::domain::payment::Payment;

crate::words! {
    pub enum RefundState {
        Requested => "requested",
        /// On its way to the provider; committed before it is sent.
        Sending => "sending",
        /// Sent, and the answer was lost: the same cancellation is sent again under the same key.
        Unknown => "unknown",
        Done => "done",
        /// The provider refuses for good; an operator looks.
        Review => "review",
    }
}

crate::words! {
    /// Why money goes back.
    pub enum RefundReason {
        Left => "left",
        Kicked => "kicked",
        Cheaper => "cheaper_items",
        Settled => "settled_at_lock",
        Cancelled => "cancelled",
        SeatGone => "seat_gone",
        LowerReceipt => "lower_receipt",
        Dispute => "dispute",
        /// Made at the provider by somebody else.
        Foreign => "foreign",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    pub id: Id<Refund>,
    pub payment_id: Id<Payment>,
    pub amount_krw: Krw,
    pub reason: RefundReason,
    pub state: RefundState,
    /// Counts the keys used with the provider; a new one after a definite "not done".
    pub tries: i16,
    /// When the next sending is due; none when nothing is left to do.
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub send_at: Option<Time>,
    /// The provider's name for the cancellation.
    #[serde(default)]
    pub transaction_key: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub requested_at: Time,
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub done_at: Option<Time>,
}

/// What is known after a cancellation was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cancellation {
    Done {
        transaction_key: String,
    },
    /// Surely not done: later again, under a new key.
    NotDone {
        retry_after_ms: Option<u64>,
    },
    Unknown,
    Refused,
}

impl Refund {
    pub fn in_flight(&self) -> bool {
        matches!(self.state, RefundState::Sending | RefundState::Unknown)
    }

    /// The provider's idempotency key: the same while the outcome is unknown.
    pub fn key(&self) -> String {
        format!("refund-{}-{}", self.id, self.tries)
    }

    /// Marks it as about to be sent.
    pub fn send(&mut self, now: Time) {
        self.state = RefundState::Sending;
        // If we die before the answer, the job sends the same again.
        self.send_at = Some(now + Duration::seconds(35));
    }

    /// Whether what came of sending `sent` counts: it is of this very key; and but for "done" it is believed only of the one
    /// who sent last, because others do not know what he has sent meanwhile.
    pub fn takes(&self, answer: &Cancellation, sent: &Self) -> bool {
        let done = matches!(answer, Cancellation::Done { .. });
        self.tries == sent.tries && (done || self.send_at == sent.send_at)
    }

    /// One that was refused is asked for once more, under a new key; false if it is no such one.
    pub fn try_again(&mut self, now: Time) -> bool {
        let refused = self.state == RefundState::Review;
        if refused {
            self.state = RefundState::Requested;
            self.tries += 1;
            self.send_at = Some(now);
        }
        refused
    }

    /// Takes the provider's answer; true if the money is back.
    pub fn answered(&mut self, answer: Cancellation, now: Time) -> bool {
        match answer {
            Cancellation::Done { transaction_key } => {
                self.state = RefundState::Done;
                self.transaction_key = Some(transaction_key);
                self.done_at = Some(now);
                self.send_at = None;
            }
            Cancellation::NotDone { retry_after_ms } => {
                self.state = RefundState::Requested;
                self.tries += 1;
                let wait = retry_after_ms
                    .map_or(Duration::seconds(2), |ms| Duration::milliseconds(ms.min(60_000).cast_signed()));
                self.send_at = Some(now + wait.max(pause(self.tries)));
            }
            Cancellation::Unknown => {
                self.state = RefundState::Unknown;
                self.send_at = Some(now + pause(self.tries).max(Duration::seconds(10)));
            }
            Cancellation::Refused => {
                self.state = RefundState::Review;
                self.send_at = None;
            }
        }
        self.state == RefundState::Done
    }
}

/// 2 s, doubling, to 5 minutes.
fn pause(tries: i16) -> Duration {
    Duration::seconds(1_i64 << tries.clamp(1, 8)).min(Duration::minutes(5))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: Time = datetime!(2026-11-24 12:00 UTC);

    #[test]
    fn only_that_it_is_done_is_believed_of_an_earlier_sending() {
        let new = Refund::new(Id::from_raw(1), Id::from_raw(2), Krw::new(1), RefundReason::Left, NOW);
        let (mut first, mut second) = (new.clone(), new);
        first.send(NOW);
        second.send(NOW + Duration::minutes(1));
        let done = Cancellation::Done { transaction_key: "t".to_owned() };
        for answer in [Cancellation::Unknown, Cancellation::Refused, Cancellation::NotDone { retry_after_ms: None }] {
            assert!(!second.takes(&answer, &first));
            assert!(second.takes(&answer, &second.clone()));
        }
        assert!(second.takes(&done, &first));
        second.answered(Cancellation::NotDone { retry_after_ms: None }, NOW);
        assert!(!second.takes(&done, &first), "it is of another key by now");
    }
}
