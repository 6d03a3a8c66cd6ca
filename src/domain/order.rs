//! A member's seat: what he eats, whether it is paid, and how it ends.

use serde::{Deserialize, Serialize};

use crate::domain::Time;
use crate::domain::dispute::Dispute;
use crate::domain::id::Id;
use crate::domain::item::{self, Item};
use crate::domain::money::Krw;
use crate::domain::payment::{Payment, PaymentState};
use crate::domain::refund::{Refund, RefundReason, RefundState};
use crate::domain::user::User;

crate::words! {
    /// What has become of a seat.
    pub enum OrderState {
        /// The seat is kept while its payment is made.
        Held => "held",
        Joined => "joined",
        /// The party is locked: items and split are final.
        Confirmed => "confirmed",
        PickedUp => "picked_up",
        NoShow => "no_show",
        /// The seat was not paid in time.
        Expired => "expired",
        Left => "left",
        Kicked => "kicked",
        Cancelled => "cancelled",
    }
}

crate::words! {
    /// In transfer parties: where a guest's share is, apart from his seat.
    pub enum TransferState {
        Due => "due",
        Sent => "sent",
        Received => "received",
        Disputed => "disputed",
        Unpaid => "unpaid",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub id: Id<Order>,
    pub user_id: Id<User>,
    pub state: OrderState,
    /// The party's version in which it last changed.
    pub version: i64,
    pub items: Vec<Item>,
    pub food_krw: Krw,
    /// The most that a guest pays for delivery; none for the host.
    #[serde(default)]
    pub fee_cap_krw: Option<Krw>,
    /// Food, fee and discount as the quote has them.
    #[serde(default)]
    pub owed_krw: Option<Krw>,
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub held_until: Option<Time>,
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub joined_at: Option<Time>,
    /// When a guest said that the food is there.
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub voted_at: Option<Time>,
    /// When the host said that he had not come, whatever was said after.
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub no_show_at: Option<Time>,
    #[serde(default)]
    pub kick_reason: Option<String>,
    #[serde(default)]
    pub transfer_state: Option<TransferState>,
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub transfer_sent_at: Option<Time>,
    /// When the host said that it had not come, whatever was said after.
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub transfer_disputed_at: Option<Time>,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: Time,
    #[serde(skip, default)]
    pub payments: Vec<Payment>,
    #[serde(skip, default)]
    pub dispute: Option<Dispute>,
}

impl OrderState {
    /// Held and joined seats, and what they become, take a place in the party.
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Held | Self::Joined | Self::Confirmed | Self::PickedUp | Self::NoShow)
    }
}

impl Order {
    pub fn is_live(&self) -> bool {
        self.state.is_live()
    }

    /// Whether it counts in the party's members and food.
    pub fn counts(&self) -> bool {
        self.is_live() && self.state != OrderState::Held
    }

    pub fn serve(&mut self, items: Vec<Item>, cap: Option<Krw>) {
        self.food_krw = item::food(&items);
        self.items = items;
        self.fee_cap_krw = cap;
    }

    pub fn captured(&self) -> Krw {
        self.payments.iter().map(|payment| payment.captured_krw).sum()
    }

    pub fn refunded(&self) -> Krw {
        self.payments.iter().map(Payment::refunded).sum()
    }

    pub fn refunding(&self) -> Krw {
        self.captured() - self.refunded() - self.balance()
    }

    /// Paid, less everything that went back or is asked back.
    pub fn balance(&self) -> Krw {
        self.payments.iter().map(Payment::balance).sum()
    }

    pub fn payment(&self, id: Id<Payment>) -> Option<&Payment> {
        self.payments.iter().find(|payment| payment.id == id)
    }

    /// The payment that a member has to see: the newest, unless it was dropped and an older one was paid.
    pub fn present_payment(&self) -> Option<&Payment> {
        let dropped = |payment: &&Payment| matches!(payment.state, PaymentState::Cancelled | PaymentState::Expired);
        self.payments.iter().rev().find(|payment| !dropped(payment)).or(self.payments.last())
    }

    /// The top-up that its new items wait for.
    pub fn pending(&self) -> Option<&Payment> {
        self.payments.iter().find(|payment| payment.items.is_some() && (payment.payable() || payment.confirming()))
    }

    pub fn confirming(&self) -> bool {
        self.payments.iter().any(Payment::confirming)
    }

    /// Until when the party waits for a payment of this seat whose outcome is not known; a seat that is gone keeps nobody.
    pub fn waits_until(&self) -> Option<Time> {
        self.payments.iter().filter(|_| self.is_live()).filter_map(Payment::waits_until).max()
    }

    /// Ends the payments that nobody has begun; one under way is refunded when it comes through.
    pub fn drop_payments(&mut self, state: PaymentState) {
        for payment in self.payments.iter_mut().filter(|payment| payment.payable()) {
            payment.state = state;
        }
    }

    /// As above, for a seat that is over.
    pub fn drop_payments_of_end(&mut self) {
        let expired = self.state == OrderState::Expired;
        self.drop_payments(if expired { PaymentState::Expired } else { PaymentState::Cancelled });
    }

    /// How `amount` goes back: newest payment first, from each at most what is left of it.
    pub fn refunds(&self, amount: Krw) -> Vec<(Id<Payment>, Krw)> {
        let mut left = amount.min(self.balance());
        let mut parts = Vec::new();
        for payment in self.payments.iter().rev() {
            let part = left.min(payment.balance());
            if part > Krw::ZERO {
                parts.push((payment.id, part));
                left -= part;
            }
        }
        parts
    }

    pub fn ask_refund(&mut self, refund: Refund) {
        if let Some(payment) = self.payments.iter_mut().find(|payment| payment.id == refund.payment_id) {
            payment.ask_refund(refund);
        }
    }
}

impl Refund {
    pub fn new(id: Id<Refund>, payment_id: Id<Payment>, amount_krw: Krw, reason: RefundReason, now: Time) -> Self {
        Self {
            id,
            payment_id,
            amount_krw,
            reason,
            state: RefundState::Requested,
            tries: 1,
            send_at: Some(now),
            transaction_key: None,
            requested_at: now,
            done_at: None,
        }
    }
}
