//! Double entry: every won that moves leaves one account and enters another, by name and for good.

use serde::{Deserialize, Serialize};

use crate::domain::Time;
use crate::domain::id::Id;
use crate::domain::money::Krw;
use crate::domain::order::Order;

crate::words! {
    /// Whose money it is.
    pub enum Account {
        /// What the payment provider holds for us.
        Provider => "provider",
        /// What a guest has paid for an order and nobody else has a right to yet.
        Order => "order",
        /// What is on its way back to a guest.
        Refunding => "refunding",
        /// What a dispute keeps from both sides.
        Dispute => "dispute",
        /// What we owe the host.
        Host => "host",
        /// What has been paid out.
        Bank => "bank",
    }
}

crate::words! {
    /// Why money moved.
    pub enum EntryKind {
        Capture => "capture",
        RefundRequested => "refund_requested",
        RefundDone => "refund_done",
        Completion => "completion",
        DisputeOpened => "dispute_opened",
        DisputeRefunded => "dispute_refunded",
        DisputeReleased => "dispute_released",
        /// The party was cancelled: what a dispute kept goes back to the order.
        DisputeCancelled => "dispute_cancelled",
        Payout => "payout",
        /// A cancellation at the provider that we did not order.
        ForeignCancel => "foreign_cancel",
    }
}

/// One transaction of two legs; unique by its kind and source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub kind: EntryKind,
    /// The payment, refund, order, dispute or payout that it comes from.
    pub source_id: i64,
    pub order_id: Option<Id<Order>>,
    pub debit: Account,
    pub credit: Account,
    pub amount_krw: Krw,
}

/// One leg of an entry as it is kept: debits are positive, credits negative.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    pub id: Id<Leg>,
    pub transaction_id: Id<Entry>,
    pub account: Account,
    #[serde(default)]
    pub order_id: Option<Id<Order>>,
    pub kind: EntryKind,
    pub source_id: Id<()>,
    pub amount_krw: Krw,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: Time,
}
