//! What happened in a party, as it is told to the outbox, one row a commit.

use serde::{Deserialize, Serialize};

use crate::domain::id::Id;
use crate::domain::money::Krw;
use crate::domain::order::Order;
use crate::domain::user::User;

/// One thing that happened; `kind` is a closed set that clients see one day, so names only ever get added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub kind: EventKind,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub order_id: Option<Id<Order>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user_id: Option<Id<User>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub amount_krw: Option<Krw>,
}

crate::words! {
    pub enum EventKind {
        Created => "created",
        Edited => "edited",
        SeatHeld => "seat_held",
        Joined => "joined",
        HoldExpired => "hold_expired",
        Left => "left",
        Kicked => "kicked",
        ItemsChanged => "items_changed",
        Locked => "locked",
        PlacementReminder => "placement_reminder",
        Placed => "placed",
        ReceiptCorrected => "receipt_corrected",
        ArrivalVoted => "arrival_voted",
        Arrived => "arrived",
        PickedUp => "picked_up",
        NoShow => "no_show",
        Completed => "completed",
        Cancelled => "cancelled",
        HostAbandoned => "host_abandoned",
        Paid => "paid",
        RefundRequested => "refund_requested",
        Refunded => "refunded",
        PaymentReview => "payment_review",
        TransferSent => "transfer_sent",
        TransferReceived => "transfer_received",
        TransferDisputed => "transfer_disputed",
        TransferUnpaid => "transfer_unpaid",
        DisputeOpened => "dispute_opened",
        DisputeDecided => "dispute_decided",
        PayoutPaid => "payout_paid",
        AccountErased => "account_erased",
        Boosted => "boosted",
        BoostEnded => "boost_ended",
    }
}
