//! What becomes of a party when one of its people wants to be erased.

use crate::domain::id::Id;
use crate::domain::money::Krw;
use crate::domain::order::Order;
use crate::domain::party::{CancelReason, Party, State};
use crate::domain::user::User;

/// What he has to do first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    Free,
    Leave(Id<Order>),
    Cancel(CancelReason),
    /// He cannot go before it is settled.
    Stay,
}

impl Party {
    pub fn farewell(&self, user: Id<User>) -> Farewell {
        let seat = self.orders.iter().find(|order| order.user_id == user && order.is_live());
        let hosts = user == self.host_id;
        match self.state {
            State::Open if hosts => Farewell::Cancel(CancelReason::Host),
            State::Open => seat.map_or(Farewell::Free, |order| Farewell::Leave(order.id)),
            State::Locked | State::Placed | State::Arrived if seat.is_some() => Farewell::Stay,
            State::Completed if hosts && self.owes_host() => Farewell::Stay,
            _ if seat.is_some_and(Order::disputed) => Farewell::Stay,
            _ => Farewell::Free,
        }
    }

    fn owes_host(&self) -> bool {
        let unpaid = self.payouts.iter().any(|payout| payout.paid_at.is_none() && payout.amount_krw > Krw::ZERO);
        unpaid || self.guests().any(Order::disputed)
    }
}
