//! What is nearly too late: planned from the party as it stands, and looked at again when its time has come. The reminders to
//! place the order are the party's own clock's.

use time::Duration;

use super::{Facts, Push, PushKind, Subject, facts};
use crate::domain::Time;
use crate::domain::id::Id;
use crate::domain::order::{Order, OrderState};
use crate::domain::party::{Party, State};
use crate::domain::user::User;

/// Before the deadline, to the host.
const DEADLINE: Duration = Duration::minutes(10);
/// Before a held seat is lost.
const SEAT: Duration = Duration::minutes(2);
/// Before the pick-up window ends.
const PICK_UP: Duration = Duration::minutes(10);

/// Those whose time is still to come.
pub(super) fn planned(party: &Party, now: Time) -> Vec<Push> {
    let mut planned = Vec::new();
    let mut plan = |user_id: Id<User>, kind, subject, end: Time, ahead: Duration| {
        let push = Push {
            user_id,
            party_id: party.id,
            kind,
            subject,
            edition: end.unix_timestamp(),
            about: None,
            facts: facts(party),
            due_at: end - ahead,
            expires_at: end,
        };
        if push.due_at > now {
            planned.push(push);
        }
    };
    match party.state {
        State::Open => {
            let deadline = party.terms.deadline_at;
            plan(party.host_id, PushKind::DeadlineNear, Subject::Party(party.id), deadline, DEADLINE);
            for order in &party.orders {
                if let Some(end) = seat_ends(party, order) {
                    plan(order.user_id, PushKind::UnpaidSeat, Subject::Order(order.id), end, SEAT);
                }
            }
        }
        State::Arrived => {
            for order in party.guests().filter(|order| order.state == OrderState::Confirmed) {
                if let Some(end) = party.pickup_until() {
                    plan(order.user_id, PushKind::PickUp, Subject::Order(order.id), end, PICK_UP);
                }
            }
        }
        _ => {}
    }
    planned
}

/// When an unpaid seat is lost, which the deadline may do before its own time is over.
fn seat_ends(party: &Party, order: &Order) -> Option<Time> {
    let until = order.held_until.filter(|_| order.state == OrderState::Held && !order.confirming())?;
    Some(until.min(party.terms.deadline_at))
}

/// What a planned reminder says by now; none when there is nothing to be reminded of any more. `edition` is its own.
pub fn still(party: &Party, kind: PushKind, subject: i64, edition: i64) -> Option<Facts> {
    let order = party.orders.iter().find(|order| order.id.raw() == subject);
    let end = match kind {
        PushKind::DeadlineNear => Some(party.terms.deadline_at).filter(|_| party.state == State::Open),
        PushKind::UnpaidSeat => order.filter(|_| party.state == State::Open).and_then(|order| seat_ends(party, order)),
        PushKind::PickUp => {
            let waits = party.state == State::Arrived && order.is_some_and(|it| it.state == OrderState::Confirmed);
            party.pickup_until().filter(|_| waits)
        }
        _ => None,
    };
    // One that was put off has a reminder of its own.
    let end = end.filter(|end| end.unix_timestamp() == edition)?;
    Some(Facts { at: Some(end), order_id: order.map(|order| order.id), ..facts(party) })
}
