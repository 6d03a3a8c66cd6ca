//! The other side: a payment provider that keeps its own books and forgets nothing.

use std::collections::BTreeMap;

use crate::domain::id::Id;
use crate::domain::money::Krw;
use crate::domain::payment::Payment;
use crate::domain::refund::{Cancellation, Refund};

/// What becomes of an attempt there, whatever we are told of it and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Captured,
    Refused,
    /// It never got there.
    Nothing,
}

#[derive(Default)]
pub struct Provider {
    fates: BTreeMap<i64, Fate>,
    captured: BTreeMap<i64, Krw>,
    /// By payment and our key: the same key is done once.
    cancelled: BTreeMap<(i64, String), Krw>,
}

impl Provider {
    pub fn confirm(&mut self, payment: &Payment, fate: Fate) {
        self.fates.insert(payment.id.raw(), fate);
        if fate == Fate::Captured {
            let before = self.captured.insert(payment.id.raw(), payment.amount_krw);
            assert_eq!(before, None, "captured twice");
        }
    }

    pub fn fate(&self, payment: Id<Payment>) -> Option<Fate> {
        self.fates.get(&payment.raw()).copied()
    }

    pub fn cancel(&mut self, payment: Id<Payment>, key: String, amount: Krw) -> Cancellation {
        let done = Cancellation::Done { transaction_key: format!("tx-{key}") };
        if self.cancelled.contains_key(&(payment.raw(), key.clone())) {
            return done;
        }
        if amount > self.left(payment) {
            return Cancellation::Refused;
        }
        self.cancelled.insert((payment.raw(), key), amount);
        done
    }

    pub fn has_done(&self, payment: Id<Payment>, refund: &Refund) -> bool {
        self.cancelled.contains_key(&(payment.raw(), refund.key()))
    }

    pub fn captured(&self, payment: Id<Payment>) -> Krw {
        self.captured.get(&payment.raw()).copied().unwrap_or_default()
    }

    pub fn refunded(&self, payment: Id<Payment>) -> Krw {
        self.cancelled.iter().filter(|((id, _), _)| *id == payment.raw()).map(|(_, amount)| *amount).sum()
    }

    pub fn left(&self, payment: Id<Payment>) -> Krw {
        self.captured(payment) - self.refunded(payment)
    }
}
