//! Complaints of guests: a share is frozen at once and goes where an operator says.

use time::Duration;

use crate::domain::At;
use crate::domain::dispute::{Dispute, DisputeKind, DisputeState};
use crate::domain::error::{Code, Error, FieldFault, Result};
use crate::domain::event::EventKind;
use crate::domain::id::Id;
use crate::domain::ledger::{Account, EntryKind};
use crate::domain::money::Krw;
use crate::domain::order::{Order, OrderState};
use crate::domain::party::{Party, State};
use crate::domain::refund::RefundReason;
use crate::domain::terms::Settlement;
use crate::domain::text;

/// How long after the arrival a guest may complain.
const WINDOW: Duration = Duration::hours(24);

impl Order {
    pub fn disputed(&self) -> bool {
        self.dispute.as_ref().is_some_and(|dispute| dispute.state == DisputeState::Open)
    }

    /// What of it belongs to the host after completion.
    pub(super) fn earned(&self) -> Krw {
        if self.disputed() { Krw::ZERO } else { self.balance() }
    }
}

impl Party {
    /// By the guest, until 24 hours after the arrival.
    pub fn dispute(
        &mut self,
        id: Id<Order>,
        kind: DisputeKind,
        note: Option<&str>,
        amount: Option<Krw>,
        at: &At,
    ) -> Result<()> {
        let note = match note {
            Some(note) => Some(text::clean(note, 200).map_err(|fault| Error::field("/note", fault))?),
            None => None,
        };
        let order = self.order(id)?;
        if let Some(dispute) = &order.dispute {
            let same = dispute.kind == kind && dispute.note == note && dispute.amount_krw == amount;
            return if same { Ok(()) } else { Err(Error::state(Code::WrongState, dispute.state.word())) };
        }
        if self.terms.settlement != Settlement::Prepaid || order.user_id == self.host_id {
            return Err(Error::state(Code::WrongState, self.state.word()));
        }
        let served = matches!(order.state, OrderState::Confirmed | OrderState::PickedUp | OrderState::NoShow);
        let Some(arrived_at) = self.arrived_at.filter(|_| served && self.state != State::Cancelled) else {
            return self.wrong_state();
        };
        if at.now >= arrived_at + WINDOW || self.payouts.iter().any(|payout| payout.paid_at.is_some()) {
            return Err(Error::state(Code::DisputeClosed, self.state.word()));
        }
        // Below nothing only where somebody has cancelled at the provider what was on its way back already.
        let frozen = order.balance().max(Krw::ZERO);
        if amount.is_some_and(|amount| amount <= Krw::ZERO || amount > frozen) {
            return Err(Error::field("/amount_krw", FieldFault::OutOfRange));
        }
        let dispute = Dispute {
            id: at.id()?,
            order_id: id,
            kind,
            note,
            amount_krw: amount,
            state: DisputeState::Open,
            frozen_krw: frozen,
            refund_krw: None,
            decision_note: None,
            opened_at: at.now,
            decided_at: None,
        };
        let from = if self.state == State::Completed { Account::Host } else { Account::Order };
        self.enter(EntryKind::DisputeOpened, dispute.id.raw(), Some(id), from, Account::Dispute, frozen);
        self.order_mut(id)?.dispute = Some(dispute);
        if self.state == State::Completed {
            self.owe_host(at.now, at)?;
        }
        self.tell_of(EventKind::DisputeOpened, id, Some(frozen));
        Ok(())
    }

    /// By an operator: so much goes back to the guest, the rest is the host's.
    pub fn decide(&mut self, id: Id<Order>, refund: Krw, note: &str, at: &At) -> Result<()> {
        let note = text::clean(note, 200).map_err(|fault| Error::field("/note", fault))?;
        let dispute = self.order(id)?.dispute.as_ref().ok_or(Code::NotFound)?;
        if dispute.state == DisputeState::Decided {
            let same = dispute.refund_krw == Some(refund);
            return if same { Ok(()) } else { Err(Error::state(Code::WrongState, dispute.state.word())) };
        }
        let (source, frozen) = (dispute.id.raw(), dispute.frozen_krw);
        if refund < Krw::ZERO || refund > frozen {
            return Err(Error::field("/refund_krw", FieldFault::OutOfRange));
        }
        self.refund_from(Account::Dispute, EntryKind::DisputeRefunded, id, refund, RefundReason::Dispute, at)?;
        self.enter(EntryKind::DisputeReleased, source, Some(id), Account::Dispute, Account::Host, frozen - refund);
        if let Some(dispute) = &mut self.order_mut(id)?.dispute {
            dispute.state = DisputeState::Decided;
            dispute.refund_krw = Some(refund);
            dispute.decision_note = Some(note);
            dispute.decided_at = Some(at.now);
        }
        if self.state == State::Completed {
            self.owe_host(at.now, at)?;
        }
        self.tell_of(EventKind::DisputeDecided, id, Some(refund));
        Ok(())
    }

    /// Before a cancellation gives an order's money back, what a dispute has taken of it returns to the order.
    pub(super) fn unfreeze(&mut self, id: Id<Order>, at: &At) -> Result<()> {
        let Some(dispute) = &self.order(id)?.dispute else { return Ok(()) };
        let (source, frozen) = (dispute.id.raw(), dispute.frozen_krw);
        let (from, back) = match dispute.state {
            DisputeState::Open => (Account::Dispute, frozen),
            DisputeState::Decided => (Account::Host, frozen - dispute.refund_krw.unwrap_or_default()),
        };
        self.enter(EntryKind::DisputeCancelled, source, Some(id), from, Account::Order, back);
        if let Some(dispute) = &mut self.order_mut(id)?.dispute {
            dispute.state = DisputeState::Decided;
            dispute.decided_at = dispute.decided_at.or(Some(at.now));
        }
        Ok(())
    }
}
