//! What happened in a party, as it is told to the outbox, one row a commit.

use serde::{Deserialize, Serialize};

use crate::domain::Time;
use crate::domain::id::Id;
use crate::domain::message::Message;
use crate::domain::money::Krw;
use crate::domain::order::Order;
use crate::domain::party::Party;
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

/// Who is told of an event, of those who are in the party.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    Members,
    /// The one that it is about, and nobody else.
    Oneself,
    Host,
}

impl EventKind {
    /// As in the room: others' payments and complaints are not shown there, nor the host's account with us.
    pub const fn audience(self) -> Audience {
        match self {
            Self::Paid
            | Self::RefundRequested
            | Self::Refunded
            | Self::PaymentReview
            | Self::DisputeOpened
            | Self::DisputeDecided => Audience::Oneself,
            Self::PlacementReminder | Self::PayoutPaid | Self::AccountErased => Audience::Host,
            _ => Audience::Members,
        }
    }

    /// Whether it ends the membership of the one that it is about.
    pub const fn ends_membership(self) -> bool {
        matches!(self, Self::Left | Self::Kicked)
    }
}

/// One step of all that happens in a party: a change of it, or a message.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub party_id: Id<Party>,
    /// The party's steps are numbered from 1 on, without gaps but for messages that were erased.
    pub seq: i64,
    pub at: Time,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// The party came to have this version.
    Changed {
        version: i64,
        events: Vec<Event>,
    },
    Said(Message),
}

impl Step {
    /// Whether this is the last that the user sees as a member.
    pub fn is_last_of(&self, user: Id<User>) -> bool {
        match &self.what {
            What::Changed { events, .. } => {
                events.iter().any(|event| event.kind.ends_membership() && event.user_id == Some(user))
            }
            What::Said(_) => false,
        }
    }
}

crate::words! {
    /// What has happened in a party.
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
