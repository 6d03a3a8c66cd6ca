//! The course of a party after it is full: lock, placement, arrival, pick-up, completion, or cancellation on the way.

use time::Duration;

use crate::domain::error::{Code, Error, FieldFault, Result};
use crate::domain::event::EventKind;
use crate::domain::id::Id;
use crate::domain::money::Krw;
use crate::domain::order::{Order, OrderState};
use crate::domain::party::{ArrivedBy, CancelReason, Party, Placement, State};
use crate::domain::refund::RefundReason;
use crate::domain::terms::Settlement;
use crate::domain::text;
use crate::domain::user::User;
use crate::domain::{At, Time};

const MAX_RECEIPT: Krw = Krw::new(200_000_000);
const PICK_UP_WINDOW: Duration = Duration::minutes(30);

/// What a host tells about the order he has placed.
#[derive(Clone, Debug)]
pub struct Placing {
    pub store_order_no: String,
    pub receipt_total_krw: Krw,
    pub eta_at: Option<Time>,
}

impl Party {
    /// By the host. Seats that are not paid expire; items and split are frozen.
    pub fn lock(&mut self, at: &At) -> Result<()> {
        if self.locked_at.is_some() {
            return Ok(());
        }
        if self.state != State::Open {
            return self.wrong_state();
        }
        if self.orders.iter().any(|order| order.waits_until() > Some(at.now)) {
            return Err(Error::state(Code::PaymentPending, self.state.word()));
        }
        self.may_lock()?;
        self.freeze(at)
    }

    pub(super) fn may_lock(&self) -> Result<()> {
        if self.member_count() < self.terms.tariff.min_members {
            Err(Error::state(Code::TooFewMembers, self.state.word()))
        } else if self.food_total() < self.terms.tariff.min_order_krw {
            Err(Error::state(Code::OrderTooSmall, self.state.word()))
        } else {
            Ok(())
        }
    }

    pub(super) fn freeze(&mut self, at: &At) -> Result<()> {
        let unpaid: Vec<Id<Order>> =
            self.orders.iter().filter(|order| order.state == OrderState::Held).map(|order| order.id).collect();
        for id in unpaid {
            self.end_seat(id, OrderState::Expired, RefundReason::SeatGone, at)?;
            self.tell_of(EventKind::HoldExpired, id, None);
        }
        let quote = self.estimate();
        for share in &quote.shares {
            let is_guest = share.user_id != self.host_id;
            let order = self.order_mut(share.order_id)?;
            order.drop_payments(crate::domain::payment::PaymentState::Cancelled);
            order.state = OrderState::Confirmed;
            order.owed_krw = Some(share.owed_krw);
            let over = order.balance() - share.owed_krw;
            if is_guest {
                self.settle(share.order_id, share.owed_krw, over, at)?;
            }
        }
        self.quote = Some(quote);
        self.state = State::Locked;
        self.locked_at = Some(at.now);
        self.tell(EventKind::Locked, None);
        Ok(())
    }

    /// A guest's side of the lock: what he paid too much goes back, or what he owes becomes due.
    fn settle(&mut self, id: Id<Order>, owed: Krw, over: Krw, at: &At) -> Result<()> {
        match self.terms.settlement {
            Settlement::Prepaid => self.refund(id, over, RefundReason::Settled, at),
            Settlement::Transfer => {
                self.order_mut(id)?.owe(owed);
                Ok(())
            }
        }
    }

    /// By the host; until arrival he may correct it.
    pub fn place(&mut self, placing: &Placing, now: Time) -> Result<()> {
        if self.placement.as_ref().is_some_and(|placement| placement.is(placing)) {
            return Ok(());
        }
        if !matches!(self.state, State::Locked | State::Placed) {
            return self.wrong_state();
        }
        let placement = self.check_placing(placing, now)?;
        let first = self.placement.is_none();
        self.placement = Some(placement);
        self.state = State::Placed;
        self.tell(if first { EventKind::Placed } else { EventKind::ReceiptCorrected }, None);
        Ok(())
    }

    fn check_placing(&self, placing: &Placing, now: Time) -> Result<Placement> {
        let store_order_no =
            text::clean(&placing.store_order_no, 60).map_err(|fault| Error::field("/store_order_no", fault))?;
        let receipt = placing.receipt_total_krw;
        if !(Krw::new(1)..=MAX_RECEIPT).contains(&receipt) {
            return Err(Error::field("/receipt_total_krw", FieldFault::OutOfRange));
        }
        let quoted = self.quote.as_ref().map_or(Krw::ZERO, |quote| quote.total_krw);
        if receipt + receipt < quoted {
            return Err(Error::field("/receipt_total_krw", FieldFault::OutOfRange).coded(Code::ReceiptImplausible));
        }
        let placed_at = self.placement.as_ref().map_or(now, |placement| placement.placed_at);
        let eta_at = placing.eta_at.or(self.placement.as_ref().map(|placement| placement.eta_at));
        let eta_at = eta_at.unwrap_or(now + Duration::minutes(40));
        if placing.eta_at.is_some_and(|eta| eta < placed_at) {
            return Err(Error::field("/eta_at", FieldFault::TooSoon));
        }
        if eta_at > placed_at + Duration::hours(24) {
            return Err(Error::field("/eta_at", FieldFault::TooLate));
        }
        Ok(Placement { store_order_no, receipt_total_krw: receipt, eta_at, placed_at })
    }

    /// The host says so, or a guest does: his vote, until half of the guests agree.
    pub fn arrive(&mut self, by: Id<User>, now: Time) -> Result<()> {
        let order = self.order_of(by).ok_or(Code::NotAMember)?;
        if self.arrived_at.is_some() || order.voted_at.is_some() {
            return Ok(());
        }
        if self.state != State::Placed {
            return self.wrong_state();
        }
        if by == self.host_id {
            self.arrived(ArrivedBy::Host, now);
            return Ok(());
        }
        let id = order.id;
        self.order_mut(id)?.voted_at = Some(now);
        self.tell_of(EventKind::ArrivalVoted, id, None);
        let votes = self.guests().filter(|order| order.voted_at.is_some()).count();
        if 2 * votes >= self.guests().count() {
            self.arrived(ArrivedBy::Guests, now);
        }
        Ok(())
    }

    pub(super) fn arrived(&mut self, by: ArrivedBy, now: Time) {
        self.state = State::Arrived;
        self.arrived_at = Some(now);
        self.arrived_by = Some(by);
        self.tell(EventKind::Arrived, None);
    }

    pub fn pickup_until(&self) -> Option<Time> {
        self.arrived_at.map(|arrived| arrived + PICK_UP_WINDOW)
    }

    /// By the owner or the host; the owner's own word overrides a no-show until completion.
    pub fn pick_up(&mut self, id: Id<Order>, by: Id<User>) -> Result<()> {
        let order = self.order(id)?;
        if by != order.user_id {
            self.must_be_host(by)?;
        }
        match order.state {
            OrderState::PickedUp => return Ok(()),
            OrderState::NoShow if self.state == State::Arrived && by == order.user_id => {}
            OrderState::Confirmed if self.state == State::Arrived => {}
            OrderState::Confirmed => return self.wrong_state(),
            other => return Err(Error::state(Code::WrongState, other.word())),
        }
        self.order_mut(id)?.state = OrderState::PickedUp;
        self.tell_of(EventKind::PickedUp, id, None);
        Ok(())
    }

    /// By the host, from 30 minutes after the arrival on.
    pub fn no_show(&mut self, id: Id<Order>, now: Time) -> Result<()> {
        let order = self.order(id)?;
        match order.state {
            _ if order.no_show_at.is_some() => return Ok(()),
            OrderState::Confirmed if order.user_id == self.host_id => {
                return Err(Error::state(Code::WrongState, order.state.word()));
            }
            OrderState::Confirmed if self.state == State::Arrived => {}
            OrderState::Confirmed => return self.wrong_state(),
            other => return Err(Error::state(Code::WrongState, other.word())),
        }
        if self.pickup_until().is_none_or(|until| now < until) {
            return Err(Error::state(Code::TooEarly, self.state.word()));
        }
        let order = self.order_mut(id)?;
        order.state = OrderState::NoShow;
        order.no_show_at = Some(now);
        self.tell_of(EventKind::NoShow, id, None);
        Ok(())
    }

    /// Everybody who was to come has come, or will not.
    pub(super) fn complete(&mut self, at: &At) -> Result<()> {
        for order in self.orders.iter_mut().filter(|order| order.state == OrderState::Confirmed) {
            order.state = OrderState::PickedUp;
        }
        self.pass_on(at)?;
        self.state = State::Completed;
        self.ended_at = Some(at.now);
        self.tell(EventKind::Completed, None);
        Ok(())
    }

    /// By an operator, where the clock alone said that the food arrived.
    pub fn complete_by_operator(&mut self, at: &At) -> Result<()> {
        match self.state {
            State::Completed => Ok(()),
            State::Arrived => self.complete(at),
            _ => self.wrong_state(),
        }
    }

    /// By the host: in an open or locked party for his own reasons, in a placed one because the store does not deliver.
    pub fn cancel(&mut self, reason: CancelReason, at: &At) -> Result<()> {
        if self.state == State::Cancelled && self.cancel_reason == Some(reason) {
            return Ok(());
        }
        let may = match reason {
            CancelReason::Host => matches!(self.state, State::Open | State::Locked),
            CancelReason::DeadlineUnmet => self.state == State::Open,
            CancelReason::PlacementTimeout => self.state == State::Locked,
            CancelReason::Store => self.state == State::Placed,
            CancelReason::Operator => !matches!(self.state, State::Completed | State::Cancelled),
        };
        if !may {
            return self.wrong_state();
        }
        let abandoned = match reason {
            CancelReason::Host => self.state == State::Locked || self.is_short_notice(at.now),
            CancelReason::PlacementTimeout => true,
            _ => false,
        };
        let live: Vec<Id<Order>> = self.orders.iter().filter(|order| order.is_live()).map(|order| order.id).collect();
        for id in live {
            self.unfreeze(id, at)?;
            self.end_seat(id, OrderState::Cancelled, RefundReason::Cancelled, at)?;
        }
        self.state = State::Cancelled;
        self.cancel_reason = Some(reason);
        self.ended_at = Some(at.now);
        self.tell(EventKind::Cancelled, None);
        if abandoned {
            self.tell(EventKind::HostAbandoned, None);
        }
        Ok(())
    }
}

impl Placement {
    fn is(&self, placing: &Placing) -> bool {
        let same_no = text::clean(&placing.store_order_no, 60).is_ok_and(|no| no == self.store_order_no);
        same_no
            && placing.receipt_total_krw == self.receipt_total_krw
            && placing.eta_at.is_none_or(|eta| eta == self.eta_at)
    }
}
