//! A guest's complaint about a prepaid order: it freezes his share until an operator decides.

use serde::{Deserialize, Serialize};

use crate::domain::Time;
use crate::domain::id::Id;
use crate::domain::money::Krw;
use crate::domain::order::Order;

crate::words! {
    /// What a guest complains about.
    pub enum DisputeKind {
        ItemMissing => "item_missing",
        NotHandedOver => "not_handed_over",
        Quality => "quality",
        Other => "other",
    }
}

crate::words! {
    /// Whether an operator has decided.
    pub enum DisputeState {
        Open => "open",
        Decided => "decided",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispute {
    pub id: Id<Dispute>,
    pub order_id: Id<Order>,
    pub kind: DisputeKind,
    #[serde(default)]
    pub note: Option<String>,
    /// What the guest asks for; none: all of it.
    #[serde(default)]
    pub amount_krw: Option<Krw>,
    pub state: DisputeState,
    /// What was frozen when it was opened.
    pub frozen_krw: Krw,
    #[serde(default)]
    pub refund_krw: Option<Krw>,
    #[serde(default)]
    pub decision_note: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub opened_at: Time,
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub decided_at: Option<Time>,
}

crate::words! {
    /// What becomes of a payout.
    pub enum PayoutOutcome {
        /// The host has been paid at the bank.
        Paid => "paid",
    }
}

/// Money for the host, paid by an operator outside of this system and recorded here once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payout {
    pub id: Id<Payout>,
    pub amount_krw: Krw,
    #[serde(with = "time::serde::rfc3339")]
    pub due_at: Time,
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub paid_at: Option<Time>,
    #[serde(default)]
    pub note: Option<String>,
}
