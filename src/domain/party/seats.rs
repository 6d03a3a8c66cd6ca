//! Coming, changing one's items, leaving and being sent away: all of it only while the party is open.

use time::Duration;

use crate::domain::error::{Code, Error, Result};
use crate::domain::event::EventKind;
use crate::domain::id::Id;
use crate::domain::item::{self, Item};
use crate::domain::money::Krw;
use crate::domain::order::{Order, OrderState, TransferState};
use crate::domain::party::{Party, State};
use crate::domain::payment::{Payment, PaymentKind, PaymentState, TIME_TO_PAY};
use crate::domain::refund::RefundReason;
use crate::domain::terms::Settlement;
use crate::domain::text;
use crate::domain::user::User;
use crate::domain::{At, Time};

/// After so many unpaid seats there is no further one for a user.
pub const MAX_EXPIRED_HOLDS: usize = 3;

/// Somebody who wants a seat.
#[derive(Clone, Debug)]
pub struct Join {
    pub user_id: Id<User>,
    /// Those whom he has blocked and who have blocked him.
    pub blocked: Vec<Id<User>>,
    pub items: Vec<Item>,
}

impl Party {
    /// Open, and its deadline not over: joining, leaving and editing end by the clock, whenever the job runs.
    pub(super) fn must_be_joinable(&self, now: Time) -> Result<()> {
        if self.state != State::Open {
            Err(Error::state(Code::PartyNotOpen, self.state.word()))
        } else if now >= self.terms.deadline_at {
            Err(Error::state(Code::DeadlinePassed, self.state.word()))
        } else {
            Ok(())
        }
    }

    /// Why somebody may not join; the statement in `storage/orders.rs` demands the same of the row.
    pub fn may_join(&self, join: &Join, now: Time) -> Result<()> {
        let own = || self.orders.iter().filter(|order| order.user_id == join.user_id);
        if let Some(order) = own().find(|order| order.is_live()) {
            return Err(
                Error::state(Code::AlreadyJoined, order.state.word()).with(|more| more.order_id = Some(order.id))
            );
        }
        let present = |order: &Order| order.is_live() || order.user_id == self.host_id;
        if self.orders.iter().any(|order| present(order) && join.blocked.contains(&order.user_id)) {
            return Err(Code::NotFound.into());
        }
        if own().any(|order| order.state == OrderState::Kicked) {
            return Err(Code::Kicked.into());
        }
        self.must_be_joinable(now)?;
        if own().filter(|order| order.state == OrderState::Expired).count() >= MAX_EXPIRED_HOLDS {
            return Err(Code::TooManyHolds.into());
        }
        if self.seats_taken() >= self.terms.capacity {
            return Err(Error::state(Code::PartyFull, self.state.word()));
        }
        if self.terms.settlement == Settlement::Prepaid {
            self.join_payment(Id::from_raw(0), Id::from_raw(0), item::food(&join.items), now)?;
        }
        Ok(())
    }

    /// Takes a seat: held until it is paid, or joined at once where money does not go through us.
    pub fn join(&mut self, join: Join, at: &At) -> Result<Id<Order>> {
        self.may_join(&join, at.now)?;
        let id = at.id()?;
        let food = item::food(&join.items);
        let prepaid = self.terms.settlement == Settlement::Prepaid;
        let payments = if prepaid { vec![self.join_payment(at.id()?, id, food, at.now)?] } else { Vec::new() };
        self.orders.push(Order {
            id,
            user_id: join.user_id,
            state: if prepaid { OrderState::Held } else { OrderState::Joined },
            version: 0,
            food_krw: food,
            items: join.items,
            fee_cap_krw: Some(self.terms.tariff.cap(food)),
            owed_krw: None,
            held_until: prepaid.then(|| at.now + TIME_TO_PAY),
            joined_at: (!prepaid).then_some(at.now),
            voted_at: None,
            no_show_at: None,
            kick_reason: None,
            transfer_state: None,
            transfer_sent_at: None,
            transfer_disputed_at: None,
            created_at: at.now,
            payments,
            dispute: None,
        });
        self.sort();
        self.tell_of(if prepaid { EventKind::SeatHeld } else { EventKind::Joined }, id, None);
        Ok(id)
    }

    fn join_payment(&self, id: Id<Payment>, order: Id<Order>, food: Krw, now: Time) -> Result<Payment> {
        let amount = food + self.terms.tariff.cap(food);
        Payment::new(id, order, PaymentKind::Join, amount, now + TIME_TO_PAY)
    }

    /// New items: cheaper ones act at once, dearer ones of a prepaid guest wait for the difference to be paid.
    pub fn change_items(&mut self, order_id: Id<Order>, items: Vec<Item>, at: &At) -> Result<()> {
        let order = self.order(order_id)?;
        let pending = order.pending().filter(|payment| payment.confirming() || at.now < payment.expires_at);
        if pending.map_or(&order.items, |payment| payment.items.as_ref().unwrap_or(&order.items)) == &items {
            return Ok(());
        }
        self.must_be_joinable(at.now)?;
        if order.state != OrderState::Joined {
            return Err(Error::state(Code::WrongState, order.state.word()));
        }
        if order.confirming() {
            return Err(Error::state(Code::PaymentPending, order.state.word()));
        }
        let is_host = order.user_id == self.host_id;
        let food = item::food(&items);
        let cap = (!is_host).then(|| self.terms.tariff.cap(food));
        let prepaid = self.terms.settlement == Settlement::Prepaid && !is_host;
        let due = food + cap.unwrap_or_default();
        let balance = order.balance();
        if prepaid && due > balance {
            let amount = due - balance;
            let expires_at = at.now + TIME_TO_PAY;
            let mut top_up = Payment::new(at.id()?, order_id, PaymentKind::TopUp, amount, expires_at)?;
            top_up.items = Some(items);
            let order = self.order_mut(order_id)?;
            order.drop_payments(PaymentState::Cancelled);
            order.payments.push(top_up);
            return Ok(());
        }
        let order = self.order_mut(order_id)?;
        order.drop_payments(PaymentState::Cancelled);
        order.serve(items, cap);
        if prepaid {
            self.refund(order_id, balance - due, RefundReason::Cheaper, at)?;
        }
        self.tell_of(EventKind::ItemsChanged, order_id, None);
        Ok(())
    }

    pub fn leave(&mut self, order_id: Id<Order>, at: &At) -> Result<()> {
        self.part(order_id, OrderState::Left, None, at)
    }

    pub fn kick(&mut self, order_id: Id<Order>, reason: Option<&str>, at: &At) -> Result<()> {
        let reason = text::clean(reason.unwrap_or_default(), 200).map_err(|fault| Error::field("reason", fault))?;
        self.part(order_id, OrderState::Kicked, Some(reason), at)
    }

    fn part(&mut self, order_id: Id<Order>, end: OrderState, reason: Option<String>, at: &At) -> Result<()> {
        let order = self.order(order_id)?;
        if order.user_id == self.host_id {
            return Err(Code::HostCannotLeave.into());
        }
        if order.state == end {
            return Ok(());
        }
        self.must_be_joinable(at.now)?;
        if !matches!(order.state, OrderState::Held | OrderState::Joined) {
            return Err(Error::state(Code::WrongState, order.state.word()));
        }
        let kicked = end == OrderState::Kicked;
        let refund = if kicked { RefundReason::Kicked } else { RefundReason::Left };
        self.end_seat(order_id, end, refund, at)?;
        self.order_mut(order_id)?.kick_reason = reason;
        self.tell_of(if kicked { EventKind::Kicked } else { EventKind::Left }, order_id, None);
        Ok(())
    }

    /// Frees a seat and gives back all that was paid for it.
    pub(super) fn end_seat(&mut self, id: Id<Order>, end: OrderState, reason: RefundReason, at: &At) -> Result<()> {
        let order = self.order_mut(id)?;
        order.state = end;
        order.held_until = None;
        order.drop_payments_of_end();
        if order.transfer_state == Some(TransferState::Due) {
            order.transfer_state = None;
        }
        let balance = order.balance();
        self.refund(id, balance, reason, at)
    }

    /// Ends the seats and the top-ups that nobody has paid for in time.
    pub(super) fn expire_payments(&mut self, at: &At) -> Result<()> {
        let over: Vec<Id<Order>> = self
            .orders
            .iter()
            .filter(|order| order.state == OrderState::Held && order.held_until.is_none_or(|until| until <= at.now))
            .filter(|order| order.waits_until().is_none_or(|until| until <= at.now))
            .map(|order| order.id)
            .collect();
        for id in over {
            self.end_seat(id, OrderState::Expired, RefundReason::SeatGone, at)?;
            self.tell_of(EventKind::HoldExpired, id, None);
        }
        for order in self.orders.iter_mut().filter(|order| order.state != OrderState::Held) {
            for payment in order.payments.iter_mut().filter(|payment| payment.payable() && payment.expires_at <= at.now)
            {
                payment.state = PaymentState::Expired;
            }
        }
        Ok(())
    }

    /// When the next seat or top-up runs out.
    pub(super) fn next_expiry(&self) -> Option<Time> {
        let held = self.orders.iter().filter(|order| order.state == OrderState::Held);
        let held = held.filter_map(|order| order.held_until.max(order.waits_until()));
        let top_ups = self
            .orders
            .iter()
            .filter(|order| order.state != OrderState::Held)
            .flat_map(|order| &order.payments)
            .filter(|payment| payment.payable())
            .map(|payment| payment.expires_at);
        held.chain(top_ups).min()
    }

    /// Whether a cancellation by the host this late is held against him.
    pub(super) fn is_short_notice(&self, now: Time) -> bool {
        now > self.terms.deadline_at - Duration::minutes(10)
    }
}
