//! What the system does with a party when its time has come, and when that is.

use time::Duration;

use crate::domain::error::Result;
use crate::domain::event::EventKind;
use crate::domain::order::{Order, OrderState};
use crate::domain::party::{ArrivedBy, CancelReason, Party, State};
use crate::domain::{At, Time};

/// How long the deadline waits for payments whose outcome is not known.
const GRACE: Duration = Duration::minutes(2);
const REMINDERS: [Duration; 2] = [Duration::minutes(5), Duration::minutes(10)];
const TIME_TO_PLACE: Duration = Duration::minutes(15);
const LATEST_ARRIVAL: Duration = Duration::minutes(60);
const TIME_TO_PICK_UP: Duration = Duration::hours(24);

impl Party {
    /// Does everything that is due, and nothing else: called again, it changes nothing.
    pub fn tick(&mut self, at: &At) -> Result<()> {
        self.expire_payments(at)?;
        match self.state {
            State::Open => self.tick_open(at)?,
            State::Locked => self.tick_locked(at)?,
            State::Placed => self.tick_placed(at),
            State::Arrived | State::Completed | State::Cancelled => {}
        }
        if self.state == State::Arrived {
            self.tick_arrived(at)?;
        }
        self.receive_silently(at.now)?;
        self.erase_account(at.now);
        self.end_boost(at.now);
        Ok(())
    }

    /// When `tick` is next needed; none when it never is.
    pub fn due_at(&self) -> Option<Time> {
        let of_state = match self.state {
            State::Open => Some(self.close_at()),
            State::Locked => self.locked_at.map(|locked| locked + self.next_reminder().unwrap_or(TIME_TO_PLACE)),
            State::Placed => self.placement.as_ref().map(|placement| placement.eta_at + LATEST_ARRIVAL),
            State::Arrived => self.complete_at(),
            State::Completed | State::Cancelled => None,
        };
        let others = [self.next_expiry(), self.next_silence(), self.erase_account_at(), self.boosted_until];
        others.into_iter().chain([of_state]).flatten().min()
    }

    fn tick_open(&mut self, at: &At) -> Result<()> {
        if at.now < self.close_at() {
            Ok(())
        } else if self.may_lock().is_ok() {
            self.freeze(at)
        } else {
            self.cancel(CancelReason::DeadlineUnmet, at)
        }
    }

    /// The deadline, or with `auto_lock` at once when it may lock; a little later if a payment hangs.
    fn close_at(&self) -> Time {
        let deadline = self.terms.deadline_at;
        let soonest = if self.terms.auto_lock && self.may_lock().is_ok() { self.created_at } else { deadline };
        let waits_until = self.orders.iter().filter_map(Order::waits_until).max();
        waits_until.map_or(soonest, |until| until.min(deadline + GRACE).max(soonest))
    }

    /// Until when the host of a locked party has to place the order.
    pub fn placement_due_at(&self) -> Option<Time> {
        self.locked_at.map(|locked| locked + TIME_TO_PLACE)
    }

    fn next_reminder(&self) -> Option<Duration> {
        REMINDERS.get(usize::from(self.reminders.unsigned_abs())).copied()
    }

    fn tick_locked(&mut self, at: &At) -> Result<()> {
        let Some(locked_at) = self.locked_at else { return Ok(()) };
        if at.now >= locked_at + TIME_TO_PLACE {
            return self.cancel(CancelReason::PlacementTimeout, at);
        }
        while self.next_reminder().is_some_and(|after| at.now >= locked_at + after) {
            self.reminders += 1;
            self.tell(EventKind::PlacementReminder, None);
        }
        Ok(())
    }

    fn tick_placed(&mut self, at: &At) {
        if self.placement.as_ref().is_some_and(|placement| at.now >= placement.eta_at + LATEST_ARRIVAL) {
            self.arrived(ArrivedBy::System, at.now);
        }
    }

    fn tick_arrived(&mut self, at: &At) -> Result<()> {
        if self.complete_at().is_some_and(|due| due <= at.now) { self.complete(at) } else { Ok(()) }
    }

    /// At once when everybody has come or will not; else when the time to come is over; never when a person decides.
    fn complete_at(&self) -> Option<Time> {
        let settled = self.guests().all(|order| matches!(order.state, OrderState::PickedUp | OrderState::NoShow));
        let wait = if settled { Duration::ZERO } else { TIME_TO_PICK_UP };
        self.arrived_at.filter(|_| !self.waits_for_operator()).map(|arrived| arrived + wait)
    }

    /// Only the clock said that the food arrived, and nobody has picked anything up: a person decides.
    pub fn waits_for_operator(&self) -> bool {
        self.state == State::Arrived
            && self.arrived_by == Some(ArrivedBy::System)
            && !self.guests().any(|order| order.state == OrderState::PickedUp)
    }
}
