//! Money through us: payments that come in, refunds that go out, what the host gets. Every won is an entry of the ledger.

use time::Duration;

use crate::domain::At;
use crate::domain::Time;
use crate::domain::dispute::{DisputeState, Payout};
use crate::domain::error::{Code, Error, Result};
use crate::domain::event::EventKind;
use crate::domain::id::Id;
use crate::domain::ledger::{Account, Entry, EntryKind};
use crate::domain::money::{Krw, largest_remainder};
use crate::domain::order::{Order, OrderState};
use crate::domain::party::{Party, State};
use crate::domain::payment::{Outcome, Payment, PaymentState};
use crate::domain::refund::{Cancellation, Refund, RefundReason, RefundState};
use crate::domain::terms::Settlement;

impl Party {
    /// What a payment is called in the provider's window.
    pub fn order_name(&self) -> &str {
        &self.terms.store.name
    }

    /// Begins an attempt to pay; false if nothing is to be sent, because one is under way or through.
    pub fn begin_payment(&mut self, id: Id<Payment>, payment_key: &str, amount: Krw, now: Time) -> Result<bool> {
        let closed = self.state == State::Open && now >= self.terms.deadline_at;
        let payment = self.payment_mut(id)?;
        if closed && payment.payable() {
            return Err(Error::state(Code::PaymentExpired, payment.state.word()));
        }
        payment.begin(payment_key, amount, now)
    }

    /// Somebody is about to ask the provider what became of a payment.
    pub fn ask_about(&mut self, id: Id<Payment>, now: Time) -> Result<()> {
        self.payment_mut(id)?.ask(now);
        Ok(())
    }

    /// Whether there is still something that a payment can be for.
    pub fn awaits(&self, payment: Id<Payment>) -> bool {
        let seat =
            self.payment(payment).is_ok_and(|(order, _)| matches!(order.state, OrderState::Held | OrderState::Joined));
        seat && self.state == State::Open
    }

    /// Takes what is known of the attempt under way, with everything that follows from it.
    pub fn resolve_payment(&mut self, id: Id<Payment>, outcome: Outcome, at: &At) -> Result<()> {
        let payment = self.payment_mut(id)?;
        let dropped = matches!(payment.state, PaymentState::Expired | PaymentState::Cancelled);
        let captured = payment.resolve(outcome, at.now);
        let (order_id, amount, items) = (payment.order_id, payment.amount_krw, payment.items.clone());
        let review = payment.state == PaymentState::Review;
        if review {
            self.tell_of(EventKind::PaymentReview, order_id, Some(amount));
        }
        if !captured {
            if !self.awaits(id) {
                // What it was for is gone: it must not be tried again.
                self.order_mut(order_id)?.drop_payments_of_end();
            }
            // A seat that only waited for the answer may be over by now.
            return self.expire_payments(at);
        }
        self.enter(EntryKind::Capture, id.raw(), Some(order_id), Account::Provider, Account::Order, amount);
        self.tell_of(EventKind::Paid, order_id, Some(amount));
        let state = self.order(order_id)?.state;
        match (self.state, state, items) {
            (State::Open, OrderState::Held, None) if !dropped => {
                let order = self.order_mut(order_id)?;
                order.state = OrderState::Joined;
                order.joined_at = Some(at.now);
                order.held_until = None;
                self.sort();
                self.tell_of(EventKind::Joined, order_id, None);
                Ok(())
            }
            (State::Open, OrderState::Joined, Some(items)) if !dropped => {
                let cap = self.terms.tariff.cap(crate::domain::item::food(&items));
                let order = self.order_mut(order_id)?;
                order.serve(items, Some(cap));
                self.tell_of(EventKind::ItemsChanged, order_id, None);
                Ok(())
            }
            // Too late: what it was for is gone.
            _ => self.refund(order_id, amount, RefundReason::SeatGone, at),
        }
    }

    /// Asks `amount` of an order's money back. What is asked for is sent later and in its own time.
    pub(super) fn refund(&mut self, id: Id<Order>, amount: Krw, reason: RefundReason, at: &At) -> Result<()> {
        self.refund_from(Account::Order, EntryKind::RefundRequested, id, amount, reason, at)
    }

    pub(super) fn refund_from(
        &mut self,
        from: Account,
        kind: EntryKind,
        id: Id<Order>,
        amount: Krw,
        reason: RefundReason,
        at: &At,
    ) -> Result<()> {
        let amount = amount.min(self.order(id)?.balance());
        if amount <= Krw::ZERO {
            return Ok(());
        }
        for (payment_id, part) in self.order(id)?.refunds(amount) {
            let refund = Refund::new(at.id()?, payment_id, part, reason, at.now);
            self.enter(kind, refund.id.raw(), Some(id), from, Account::Refunding, part);
            self.order_mut(id)?.ask_refund(refund);
        }
        self.tell_of(EventKind::RefundRequested, id, Some(amount));
        Ok(())
    }

    /// Takes the provider's answer to a refund.
    pub fn resolve_refund(
        &mut self,
        payment: Id<Payment>,
        refund: Id<Refund>,
        answer: Cancellation,
        now: Time,
    ) -> Result<()> {
        let payment = self.payment_mut(payment)?;
        let order_id = payment.order_id;
        let found = payment.refunds.iter_mut().find(|candidate| candidate.id == refund);
        let found = found.ok_or(Code::NotFound)?;
        if !found.in_flight() {
            return Ok(());
        }
        let amount = found.amount_krw;
        let done = found.answered(answer, now);
        let review = found.state == RefundState::Review;
        if done {
            payment.refund_done(now);
            self.enter(
                EntryKind::RefundDone,
                refund.raw(),
                Some(order_id),
                Account::Refunding,
                Account::Provider,
                amount,
            );
            self.tell_of(EventKind::Refunded, order_id, Some(amount));
        }
        if review {
            self.tell_of(EventKind::PaymentReview, order_id, Some(amount));
        }
        Ok(())
    }

    /// A cancellation that we find at the provider and did not order: the money is gone, and a person has to look.
    pub fn foreign_cancel(&mut self, payment: Id<Payment>, transaction_key: &str, amount: Krw, at: &At) -> Result<()> {
        let (order, found) = self.payment(payment)?;
        if found.refunds.iter().any(|refund| refund.transaction_key.as_deref() == Some(transaction_key)) {
            return Ok(());
        }
        let (order_id, from) = (order.id, self.holder(order, found));
        let mut refund = Refund::new(at.id()?, payment, amount, RefundReason::Foreign, at.now);
        refund.state = RefundState::Sending;
        refund.answered(Cancellation::Done { transaction_key: transaction_key.to_owned() }, at.now);
        let source = refund.id.raw();
        let payment = self.payment_mut(payment)?;
        payment.refunds.push(refund);
        payment.review();
        self.enter(EntryKind::ForeignCancel, source, Some(order_id), from, Account::Provider, amount);
        if let Some(dispute) = self.order_mut(order_id)?.dispute.as_mut().filter(|_| from == Account::Dispute) {
            dispute.frozen_krw -= amount.min(dispute.frozen_krw);
        }
        if self.state == State::Completed {
            self.owe_host(at.now, at)?;
        }
        self.tell_of(EventKind::PaymentReview, order_id, Some(amount));
        Ok(())
    }

    /// Who has what is left of a payment.
    fn holder(&self, order: &Order, payment: &Payment) -> Account {
        match &order.dispute {
            _ if payment.balance() <= Krw::ZERO => Account::Refunding,
            Some(dispute) if dispute.state == DisputeState::Open => Account::Dispute,
            Some(_) => Account::Host,
            None if self.state == State::Completed => Account::Host,
            None => Account::Order,
        }
    }

    /// By an operator who has mended the cause: what is in review of a payment is tried once more.
    pub fn try_again(&mut self, id: Id<Payment>, now: Time) -> Result<()> {
        let payment = self.payment_mut(id)?;
        let mut again = payment.ask_again(now);
        for refund in &mut payment.refunds {
            again |= refund.try_again(now);
        }
        if again { Ok(()) } else { Err(Error::state(Code::WrongState, payment.state.word())) }
    }

    /// At completion: what a lower receipt saves goes back, and the rest of the guests' money is the host's.
    pub(super) fn pass_on(&mut self, at: &At) -> Result<()> {
        if self.terms.settlement == Settlement::Transfer {
            return Ok(());
        }
        self.give_back_savings(at)?;
        let guests: Vec<Id<Order>> = self.guests().map(|order| order.id).collect();
        for id in guests {
            let order = self.order(id)?;
            let balance = order.balance();
            if order.dispute.is_none() && balance > Krw::ZERO {
                self.enter(EntryKind::Completion, id.raw(), Some(id), Account::Order, Account::Host, balance);
            }
        }
        self.owe_host(self.arrived_at.unwrap_or(at.now) + Duration::hours(24), at)
    }

    fn give_back_savings(&mut self, at: &At) -> Result<()> {
        let (Some(quote), Some(placement)) = (&self.quote, &self.placement) else { return Ok(()) };
        let saved = quote.total_krw - placement.receipt_total_krw;
        if saved <= Krw::ZERO {
            return Ok(());
        }
        let owed: Vec<i64> = quote.shares.iter().map(|share| share.owed_krw.get()).collect();
        let parts = largest_remainder(saved, &owed);
        let orders: Vec<Id<Order>> = quote.shares.iter().map(|share| share.order_id).collect();
        for (id, part) in orders.into_iter().zip(parts) {
            let is_guest = self.order(id)?.user_id != self.host_id;
            let order = self.order_mut(id)?;
            order.owed_krw = order.owed_krw.map(|owed| owed - part);
            if is_guest {
                self.give_back(id, part, at)?;
            }
        }
        Ok(())
    }

    /// From where the order's money is: with a dispute, or still with the order.
    fn give_back(&mut self, id: Id<Order>, part: Krw, at: &At) -> Result<()> {
        match &mut self.order_mut(id)?.dispute {
            None => self.refund(id, part, RefundReason::LowerReceipt, at),
            Some(dispute) if dispute.state == DisputeState::Open => {
                let part = part.min(dispute.frozen_krw);
                dispute.frozen_krw -= part;
                self.refund_from(Account::Dispute, EntryKind::DisputeRefunded, id, part, RefundReason::LowerReceipt, at)
            }
            // What an operator has left to the host is with him already.
            Some(_) => {
                self.refund_from(Account::Host, EntryKind::RefundRequested, id, part, RefundReason::LowerReceipt, at)
            }
        }
    }

    /// What the host has a right to and has not been paid.
    pub fn owed_to_host(&self) -> Krw {
        if self.state != State::Completed && self.ended_at.is_some() {
            return Krw::ZERO;
        }
        let earned: Krw = self.guests().map(Order::earned).sum();
        let paid: Krw =
            self.payouts.iter().filter(|payout| payout.paid_at.is_some()).map(|payout| payout.amount_krw).sum();
        earned - paid
    }

    /// Keeps the one payout that is not paid yet at what the host is owed.
    pub(super) fn owe_host(&mut self, due_at: Time, at: &At) -> Result<()> {
        let owed = self.owed_to_host().max(Krw::ZERO);
        match self.payouts.iter_mut().find(|payout| payout.paid_at.is_none()) {
            Some(payout) => payout.amount_krw = owed,
            None if owed > Krw::ZERO => {
                self.payouts.push(Payout { id: at.id()?, amount_krw: owed, due_at, paid_at: None, note: None });
            }
            None => {}
        }
        Ok(())
    }

    /// Half of the guests disagree: nothing is paid out until an operator has decided.
    pub fn payout_frozen(&self) -> bool {
        let open = self.guests().filter(|order| order.disputed()).count();
        open > 0 && 2 * open >= self.guests().count()
    }

    /// An operator says that the host has been paid `amount`: what he saw when he paid may not be what is owed any more.
    pub fn pay_out(&mut self, id: Id<Payout>, amount: Krw, note: Option<String>, now: Time) -> Result<()> {
        let frozen = self.payout_frozen();
        let state = self.state.word();
        let payout = self.payouts.iter_mut().find(|payout| payout.id == id).ok_or(Code::NotFound)?;
        if payout.amount_krw != amount {
            return Err(Code::AmountMismatch.into());
        }
        if payout.paid_at.is_some() {
            return Ok(());
        }
        if frozen {
            return Err(Error::state(Code::PayoutFrozen, state));
        }
        if now < payout.due_at {
            return Err(Error::state(Code::TooEarly, state));
        }
        payout.paid_at = Some(now);
        payout.note = note;
        self.enter(EntryKind::Payout, id.raw(), None, Account::Host, Account::Bank, amount);
        self.tell(EventKind::PayoutPaid, None);
        Ok(())
    }

    pub(super) fn enter(
        &mut self,
        kind: EntryKind,
        source_id: i64,
        order_id: Option<Id<Order>>,
        debit: Account,
        credit: Account,
        amount_krw: Krw,
    ) {
        if amount_krw > Krw::ZERO {
            self.news.entries.push(Entry { kind, source_id, order_id, debit, credit, amount_krw });
        }
    }
}
