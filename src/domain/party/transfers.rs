//! Transfer parties: what guests owe goes straight to the host, and both sides say so here. It never touches the seat.

use time::Duration;

use crate::domain::Time;
use crate::domain::error::{Code, Error, Result};
use crate::domain::event::EventKind;
use crate::domain::id::Id;
use crate::domain::money::Krw;
use crate::domain::order::{Order, TransferState};
use crate::domain::party::Party;

/// A transfer that the host says nothing about has been received.
const SILENCE_IS_CONSENT: Duration = Duration::hours(24);
/// How long after its end a party's account is kept.
const KEEP_ACCOUNT: Duration = Duration::days(7);

impl Order {
    pub(super) fn owe(&mut self, owed: Krw) {
        self.transfer_state = (owed > Krw::ZERO).then_some(TransferState::Due);
    }
}

impl Party {
    /// By the guest: he has sent his share.
    pub fn transfer_sent(&mut self, id: Id<Order>, now: Time) -> Result<()> {
        use TransferState::{Disputed, Due, Received, Sent, Unpaid};
        match self.transfer_state(id)? {
            Sent | Received | Disputed | Unpaid => return Ok(()),
            Due => {}
        }
        self.set_transfer(id, Sent, EventKind::TransferSent)?;
        self.order_mut(id)?.transfer_sent_at = Some(now);
        Ok(())
    }

    /// By the host: it is there.
    pub fn transfer_received(&mut self, id: Id<Order>) -> Result<()> {
        use TransferState::{Disputed, Received, Sent};
        match self.transfer_state(id)? {
            Received => Ok(()),
            Sent | Disputed => self.set_transfer(id, Received, EventKind::TransferReceived),
            other => Err(Error::state(Code::WrongState, other.word())),
        }
    }

    /// By the host: it is not there.
    pub fn transfer_disputed(&mut self, id: Id<Order>, now: Time) -> Result<()> {
        use TransferState::{Disputed, Sent};
        match self.transfer_state(id)? {
            _ if self.order(id)?.transfer_disputed_at.is_some() => return Ok(()),
            Sent => {}
            other => return Err(Error::state(Code::WrongState, other.word())),
        }
        self.set_transfer(id, Disputed, EventKind::TransferDisputed)?;
        self.order_mut(id)?.transfer_disputed_at = Some(now);
        Ok(())
    }

    /// By an operator, about a disputed transfer.
    pub fn transfer_unpaid(&mut self, id: Id<Order>) -> Result<()> {
        use TransferState::{Disputed, Unpaid};
        match self.transfer_state(id)? {
            Unpaid => Ok(()),
            Disputed => self.set_transfer(id, Unpaid, EventKind::TransferUnpaid),
            other => Err(Error::state(Code::WrongState, other.word())),
        }
    }

    fn transfer_state(&self, id: Id<Order>) -> Result<TransferState> {
        let order = self.order(id)?;
        order.transfer_state.ok_or_else(|| Error::state(Code::WrongState, order.state.word()))
    }

    fn set_transfer(&mut self, id: Id<Order>, state: TransferState, kind: EventKind) -> Result<()> {
        let order = self.order_mut(id)?;
        order.transfer_state = Some(state);
        let amount = order.owed_krw;
        self.tell_of(kind, id, amount);
        Ok(())
    }

    fn sent(&self) -> impl Iterator<Item = (Id<Order>, Time)> {
        let sent = self.orders.iter().filter(|order| order.transfer_state == Some(TransferState::Sent));
        sent.filter_map(|order| Some((order.id, order.transfer_sent_at? + SILENCE_IS_CONSENT)))
    }

    pub(super) fn receive_silently(&mut self, now: Time) -> Result<()> {
        let over: Vec<Id<Order>> = self.sent().filter(|&(_, until)| until <= now).map(|(id, _)| id).collect();
        over.into_iter().try_for_each(|id| self.transfer_received(id))
    }

    pub(super) fn next_silence(&self) -> Option<Time> {
        self.sent().map(|(_, until)| until).min()
    }

    pub(super) fn erase_account_at(&self) -> Option<Time> {
        self.ended_at.filter(|_| self.sealed_account.is_some()).map(|ended| ended + KEEP_ACCOUNT)
    }

    pub(super) fn erase_account(&mut self, now: Time) {
        if self.erase_account_at().is_some_and(|at| at <= now) {
            self.sealed_account = None;
            self.tell(EventKind::AccountErased, None);
        }
    }
}
