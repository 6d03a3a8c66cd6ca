//! What people are told on their phones: who is told what of a party's news, what they are reminded of and when, and whether it
//! may break their quiet hours. How it reaches a phone is none of its business, its words are in `push/words.rs`.

pub mod reminders;
mod words;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use time::Duration;

use crate::domain::Time;
use crate::domain::event::{Event, EventKind};
use crate::domain::id::Id;
use crate::domain::json::time_ms;
use crate::domain::money::Krw;
use crate::domain::order::{Order, OrderState, TransferState};
use crate::domain::party::{ArrivedBy, CancelReason, Party, State};
use crate::domain::preferences::Topic;
use crate::domain::terms::Settlement;
use crate::domain::user::User;

/// How long news is worth telling.
pub const WORTH: Duration = Duration::hours(1);

/// After how many failed tries the next one comes when.
pub fn pause(tries: i32) -> Duration {
    let doublings = u32::try_from(tries.clamp(1, 7) - 1).unwrap_or_default();
    (Duration::seconds(10) * 2_i32.pow(doublings)).min(Duration::minutes(10))
}

crate::words! {
    /// What a push says.
    pub enum PushKind {
        // To the host.
        Joined => "joined",
        Left => "left",
        ToPlace => "to_place",
        TransferSent => "transfer_sent",
        DisputeOpened => "dispute_opened",
        PayoutPaid => "payout_paid",
        // To guests.
        SeatGone => "seat_gone",
        Kicked => "kicked",
        Locked => "locked",
        Placed => "placed",
        NoShow => "no_show",
        TransferReceived => "transfer_received",
        TransferDisputed => "transfer_disputed",
        TransferUnpaid => "transfer_unpaid",
        DisputeDecided => "dispute_decided",
        // To both.
        Arrived => "arrived",
        Cancelled => "cancelled",
        // Of the chat.
        Message => "message",
        // Reminders.
        DeadlineNear => "deadline_near",
        UnpaidSeat => "unpaid_seat",
        PlacementDue => "placement_due",
        PickUp => "pick_up",
    }
}

impl PushKind {
    pub const fn topic(self) -> Topic {
        match self {
            Self::Joined | Self::Left => Topic::Member,
            Self::Message => Topic::Message,
            Self::TransferSent
            | Self::TransferReceived
            | Self::TransferDisputed
            | Self::TransferUnpaid
            | Self::DisputeOpened
            | Self::DisputeDecided
            | Self::PayoutPaid => Topic::Money,
            Self::ToPlace
            | Self::SeatGone
            | Self::Kicked
            | Self::Locked
            | Self::Placed
            | Self::NoShow
            | Self::Arrived
            | Self::Cancelled => Topic::Party,
            Self::DeadlineNear | Self::UnpaidSeat | Self::PlacementDue | Self::PickUp => Topic::Reminder,
        }
    }

    /// Whether it is told in quiet hours too: something has to be done within minutes, or one would wait in vain.
    pub const fn is_urgent(self) -> bool {
        matches!(
            self,
            Self::ToPlace | Self::PlacementDue | Self::Arrived | Self::PickUp | Self::UnpaidSeat | Self::Cancelled
        )
    }

    /// Whether it was planned ahead, and has to be looked at again when its time has come.
    pub const fn is_planned(self) -> bool {
        matches!(self, Self::DeadlineNear | Self::UnpaidSeat | Self::PickUp)
    }
}

/// Something to tell one person.
#[derive(Clone, Debug, PartialEq)]
pub struct Push {
    pub user_id: Id<User>,
    pub party_id: Id<Party>,
    pub kind: PushKind,
    /// The party or the order that it is about.
    pub subject: Subject,
    /// With the four above: this one and no other. The version of the party, or the second that a reminder reminds of.
    pub edition: i64,
    /// Whom it tells about: between people who keep away from each other it is not told.
    pub about: Option<Id<User>>,
    pub facts: Facts,
    pub due_at: Time,
    pub expires_at: Time,
}

/// What a push is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Party(Id<Party>),
    Order(Id<Order>),
}

impl Subject {
    pub const fn raw(self) -> i64 {
        match self {
            Self::Party(id) => id.raw(),
            Self::Order(id) => id.raw(),
        }
    }
}

/// What the words need; nothing that only members may see.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The party's.
    pub title: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub order_id: Option<Id<Order>>,
    /// What one owes.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub owed_krw: Option<Krw>,
    /// What goes back, or is paid out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub back_krw: Option<Krw>,
    /// When the food comes, or until when something has to be done.
    #[serde(with = "time_ms::option", skip_serializing_if = "Option::is_none", default)]
    pub at: Option<Time>,
    /// Members and seats.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seats: Option<(i16, i16)>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<CancelReason>,
    #[serde(default)]
    pub is_transfer: bool,
}

/// What goes onto a phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub title: String,
    pub body: String,
    pub kind: PushKind,
    pub party_id: Id<Party>,
    pub order_id: Option<Id<Order>>,
    /// Of two notes of one name a phone shows the later: at most 64 bytes.
    pub collapse_id: String,
    pub is_urgent: bool,
    /// How long it may take to get there.
    pub lives_for: Duration,
}

/// One commit of a party, as the outbox has it.
pub struct Commit {
    pub version: i64,
    pub at: Time,
    pub events: Vec<Event>,
}

/// Who is told what of these commits, and what is to be reminded of. `party` is as it is by now: of what is not so any more
/// nobody is told.
pub fn told(party: &Party, commits: &[Commit], now: Time) -> Vec<Push> {
    let mut pushes = Vec::new();
    for commit in commits {
        for event in &commit.events {
            News { party, commit, event }.tell(&mut pushes);
        }
    }
    pushes.extend(reminders::planned(party, now));
    pushes
}

/// Who of a party is told that somebody has said something in it: once a minute at the most, and not what he has read already.
pub fn told_of_message(party: &Party, author: Id<User>, at: Time, read_by: &[Id<User>]) -> Vec<Push> {
    let members = party.orders.iter().filter(|order| order.counts()).map(|order| order.user_id);
    let others = members.filter(|user| *user != author && !read_by.contains(user));
    let push = |user_id| Push {
        user_id,
        party_id: party.id,
        kind: PushKind::Message,
        subject: Subject::Party(party.id),
        edition: at.unix_timestamp() / 60,
        about: Some(author),
        facts: facts(party),
        due_at: at,
        expires_at: at + WORTH,
    };
    others.map(push).collect()
}

struct News<'a> {
    party: &'a Party,
    commit: &'a Commit,
    event: &'a Event,
}

impl News<'_> {
    fn tell(&self, to: &mut Vec<Push>) {
        let (party, host) = (self.party, self.party.host_id);
        let is = |state: State| party.state == state;
        let order = self.event.order_id.and_then(|id| party.order(id).ok());
        let transfer = |state| order.filter(|order| order.transfer_state == Some(state));
        let of = |state| order.filter(|order| order.state == state);
        let host_hears =
            |kind, order: &Order| Push { user_id: host, about: Some(order.user_id), ..self.of(kind, order) };
        match self.event.kind {
            EventKind::Joined => to.extend(order.filter(|it| it.counts()).map(|it| host_hears(PushKind::Joined, it))),
            EventKind::Left => to.extend(of(OrderState::Left).map(|it| host_hears(PushKind::Left, it))),
            EventKind::HoldExpired => to.extend(of(OrderState::Expired).map(|it| self.of(PushKind::SeatGone, it))),
            EventKind::Kicked => to.extend(of(OrderState::Kicked).map(|it| self.of(PushKind::Kicked, it))),
            EventKind::Locked if is(State::Locked) => {
                to.push(self.host(PushKind::ToPlace, party.placement_due_at()));
                to.extend(self.guests(PushKind::Locked));
            }
            EventKind::PlacementReminder if is(State::Locked) => {
                let until = party.placement_due_at();
                let push = self.host(PushKind::PlacementDue, until);
                to.push(Push { expires_at: until.unwrap_or(push.expires_at), ..push });
            }
            EventKind::Placed if is(State::Placed) => to.extend(self.guests(PushKind::Placed)),
            EventKind::Arrived if matches!(party.state, State::Arrived | State::Completed) => {
                to.extend(self.guests(PushKind::Arrived));
                if party.arrived_by != Some(ArrivedBy::Host) {
                    to.push(self.host(PushKind::Arrived, party.pickup_until()));
                }
            }
            EventKind::Cancelled => self.tell_end(to),
            EventKind::NoShow => to.extend(of(OrderState::NoShow).map(|it| self.of(PushKind::NoShow, it))),
            EventKind::TransferSent => {
                to.extend(transfer(TransferState::Sent).map(|it| host_hears(PushKind::TransferSent, it)));
            }
            EventKind::TransferReceived => {
                to.extend(transfer(TransferState::Received).map(|it| self.of(PushKind::TransferReceived, it)));
            }
            EventKind::TransferDisputed => {
                to.extend(transfer(TransferState::Disputed).map(|it| self.of(PushKind::TransferDisputed, it)));
            }
            EventKind::TransferUnpaid => {
                to.extend(transfer(TransferState::Unpaid).map(|it| self.of(PushKind::TransferUnpaid, it)));
            }
            EventKind::DisputeOpened => to.extend(order.map(|it| host_hears(PushKind::DisputeOpened, it))),
            EventKind::DisputeDecided => to.extend(order.map(|it| self.of(PushKind::DisputeDecided, it))),
            EventKind::PayoutPaid => {
                let mut push = self.host(PushKind::PayoutPaid, None);
                push.facts.back_krw = self.event.amount_krw;
                to.push(push);
            }
            _ => {}
        }
    }

    /// Everybody who had a seat, and the host unless he did it.
    fn tell_end(&self, to: &mut Vec<Push>) {
        let party = self.party;
        let cancelled = |order: &&Order| order.state == OrderState::Cancelled && order.user_id != party.host_id;
        to.extend(party.orders.iter().filter(cancelled).map(|order| self.of(PushKind::Cancelled, order)));
        if !matches!(party.cancel_reason, Some(CancelReason::Host | CancelReason::Store)) {
            to.push(self.host(PushKind::Cancelled, None));
        }
    }

    /// Every guest who has a seat for good.
    fn guests(&self, kind: PushKind) -> impl Iterator<Item = Push> {
        let seated = self.party.guests().filter(|order| order.state != OrderState::Held);
        seated.map(move |order| self.of(kind, order))
    }

    /// To the one whose order it is.
    fn of(&self, kind: PushKind, order: &Order) -> Push {
        let party = self.party;
        let back = self
            .commit
            .events
            .iter()
            .filter(|event| event.kind == EventKind::RefundRequested && event.order_id == Some(order.id));
        let back: Krw = back.filter_map(|event| event.amount_krw).sum();
        let at = match kind {
            PushKind::Placed => party.placement.as_ref().map(|placement| placement.eta_at),
            PushKind::Arrived => party.pickup_until(),
            _ => None,
        };
        let facts = Facts {
            order_id: Some(order.id),
            owed_krw: order.owed_krw,
            back_krw: (back > Krw::ZERO).then_some(back),
            at,
            ..facts(party)
        };
        self.push(order.user_id, kind, Subject::Order(order.id), facts)
    }

    fn host(&self, kind: PushKind, at: Option<Time>) -> Push {
        let facts = Facts { at, ..facts(self.party) };
        self.push(self.party.host_id, kind, Subject::Party(self.party.id), facts)
    }

    fn push(&self, user_id: Id<User>, kind: PushKind, subject: Subject, facts: Facts) -> Push {
        Push {
            user_id,
            party_id: self.party.id,
            kind,
            subject,
            edition: self.commit.version,
            about: None,
            facts,
            due_at: self.commit.at,
            expires_at: self.commit.at + WORTH,
        }
    }
}

fn facts(party: &Party) -> Facts {
    Facts {
        title: party.terms.title.clone(),
        seats: Some((party.member_count(), party.terms.capacity)),
        reason: party.cancel_reason,
        is_transfer: party.terms.settlement == Settlement::Transfer,
        ..Facts::default()
    }
}
