//! A party with everything that belongs to it, as one whole: commands change it here, and it is saved as one.

mod boosts;
mod clock;
mod course;
mod disputes;
mod farewell;
mod money;
mod seats;
mod transfers;

#[cfg(test)]
mod model;
#[cfg(test)]
pub(in crate::domain) mod tests;

use serde::{Deserialize, Serialize};

pub use self::boosts::BOOST;
pub use self::course::Placing;
pub use self::farewell::Farewell;
pub use self::seats::{Join, MAX_EXPIRED_HOLDS};
use crate::domain::dispute::Payout;
use crate::domain::error::{Code, Error, Result};
use crate::domain::event::{Event, EventKind};
use crate::domain::geo::Point;
use crate::domain::id::Id;
use crate::domain::item;
use crate::domain::ledger::Entry;
use crate::domain::money::Krw;
use crate::domain::order::{Order, OrderState};
use crate::domain::payment::Payment;
use crate::domain::split::Member;
use crate::domain::terms::{Edit, Limits, Offer, Terms};
use crate::domain::user::User;
use crate::domain::{At, Time, wordlist::WordList};

crate::words! {
    /// How far a party is. `completed` and `cancelled` are final.
    pub enum State {
        Open => "open",
        Locked => "locked",
        Placed => "placed",
        Arrived => "arrived",
        Completed => "completed",
        Cancelled => "cancelled",
    }
}

crate::words! {
    /// Why a party was cancelled.
    pub enum CancelReason {
        Host => "host",
        DeadlineUnmet => "deadline_unmet",
        PlacementTimeout => "placement_timeout",
        Store => "store",
        Operator => "operator",
    }
}

crate::words! {
    /// Why a host cancels.
    pub enum HostReason {
        Host => "host",
        Store => "store",
    }
}

impl From<HostReason> for CancelReason {
    fn from(reason: HostReason) -> Self {
        match reason {
            HostReason::Host => Self::Host,
            HostReason::Store => Self::Store,
        }
    }
}

crate::words! {
    /// Who said that the food has arrived.
    pub enum ArrivedBy {
        Host => "host",
        Guests => "guests",
        System => "system",
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Party {
    pub id: Id<Party>,
    /// Rises by one with each change.
    pub version: i64,
    pub host_id: Id<User>,
    pub host_nickname: String,
    pub host_trust: i16,
    pub state: State,
    #[serde(flatten)]
    pub terms: Terms,
    /// The most members that the host's subscription allowed when the party was made.
    pub capacity_limit: i16,
    /// The account of a transfer party, sealed: only `app` can read it.
    #[serde(default)]
    pub sealed_account: Option<String>,
    #[serde(default)]
    pub quote: Option<Quote>,
    #[serde(default)]
    pub placement: Option<Placement>,
    /// How often the host was reminded to place the order.
    pub reminders: i16,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: Time,
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub locked_at: Option<Time>,
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub arrived_at: Option<Time>,
    #[serde(default)]
    pub arrived_by: Option<ArrivedBy>,
    /// When it was completed or cancelled.
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub ended_at: Option<Time>,
    #[serde(default)]
    pub cancel_reason: Option<CancelReason>,
    /// What people call the neighbourhood; the map tells it later, or never.
    #[serde(default)]
    pub area_name: Option<String>,
    /// When it was last lifted to the top of the search.
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub boosted_at: Option<Time>,
    /// Until when that lasts; none when it is over.
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub boosted_until: Option<Time>,
    /// In the order of joining: (`joined_at`, id), seats that are only held last.
    #[serde(skip, default)]
    pub orders: Vec<Order>,
    #[serde(skip, default)]
    pub payouts: Vec<Payout>,
    /// What has happened since it was loaded.
    #[serde(skip, default)]
    pub news: News,
}

/// What a change leaves behind for others: events to tell, money moved.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct News {
    pub events: Vec<Event>,
    pub entries: Vec<Entry>,
}

/// The order at the store, as the host told it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    pub store_order_no: String,
    pub receipt_total_krw: Krw,
    #[serde(with = "time::serde::rfc3339")]
    pub eta_at: Time,
    #[serde(with = "time::serde::rfc3339")]
    pub placed_at: Time,
}

/// The split, member by member. Before the lock an estimate from those who have joined; from the lock on it never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    pub food_total_krw: Krw,
    pub fee_krw: Krw,
    pub discount_krw: Krw,
    pub total_krw: Krw,
    pub shares: Vec<QuotedShare>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotedShare {
    pub order_id: Id<Order>,
    pub user_id: Id<User>,
    pub food_krw: Krw,
    pub fee_krw: Krw,
    pub discount_krw: Krw,
    pub owed_krw: Krw,
}

/// What somebody who is not in it yet would pay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithMe {
    pub fee_krw: Krw,
    pub discount_krw: Krw,
    pub owed_krw: Krw,
    pub fee_cap_krw: Krw,
    /// What a guest of a prepaid party pays at once; what is too much comes back at the lock.
    pub prepay_krw: Krw,
}

impl Party {
    pub fn open(
        id: Id<Party>,
        host: &User,
        offer: Offer,
        limits: Limits,
        sealed: Option<String>,
        at: &At,
    ) -> Result<Self> {
        let mut party = Self {
            id,
            version: 1,
            host_id: host.id,
            host_nickname: host.nickname.clone(),
            host_trust: host.trust,
            state: State::Open,
            terms: offer.terms,
            capacity_limit: limits.capacity,
            sealed_account: sealed,
            quote: None,
            placement: None,
            reminders: 0,
            created_at: at.now,
            locked_at: None,
            arrived_at: None,
            arrived_by: None,
            ended_at: None,
            cancel_reason: None,
            area_name: None,
            boosted_at: None,
            boosted_until: None,
            orders: Vec::new(),
            payouts: Vec::new(),
            news: News::default(),
        };
        party.orders.push(Order {
            id: at.id()?,
            user_id: host.id,
            state: OrderState::Joined,
            version: 1,
            food_krw: item::food(&offer.items),
            items: offer.items,
            fee_cap_krw: None,
            owed_krw: None,
            held_until: None,
            joined_at: Some(at.now),
            voted_at: None,
            no_show_at: None,
            kick_reason: None,
            transfer_state: None,
            transfer_sent_at: None,
            transfer_disputed_at: None,
            created_at: at.now,
            payments: Vec::new(),
            dispute: None,
        });
        party.tell(EventKind::Created, None);
        Ok(party)
    }

    pub fn edit(&mut self, edit: Edit, words: &WordList, now: Time) -> Result<()> {
        self.must_be_joinable(now)?;
        let taken = (self.seats_taken(), self.guests().next().is_some());
        let after = edit.apply(&self.terms, taken, self.capacity_limit, words, now)?;
        if after != self.terms {
            self.terms = after;
            self.tell(EventKind::Edited, None);
        }
        Ok(())
    }

    pub fn must_be_host(&self, user: Id<User>) -> Result<()> {
        if user == self.host_id { Ok(()) } else { Err(Code::NotTheHost.into()) }
    }

    /// The live order of a user, or the one that tells of his part in an ended party.
    pub fn order_of(&self, user: Id<User>) -> Option<&Order> {
        let mut own = self.orders.iter().filter(|order| order.user_id == user);
        own.clone().find(|order| order.is_live()).or_else(|| own.rfind(|order| order.state == OrderState::Cancelled))
    }

    /// Whether he sees what members alone may see: one who has only held a seat, or has gone, does not.
    pub fn is_member(&self, user: Id<User>) -> bool {
        self.order_of(user).is_some_and(|order| order.joined_at.is_some())
    }

    pub fn order(&self, id: Id<Order>) -> Result<&Order> {
        self.orders.iter().find(|order| order.id == id).ok_or_else(|| Code::NotFound.into())
    }

    fn order_mut(&mut self, id: Id<Order>) -> Result<&mut Order> {
        self.orders.iter_mut().find(|order| order.id == id).ok_or_else(|| Code::NotFound.into())
    }

    pub fn payment(&self, id: Id<Payment>) -> Result<(&Order, &Payment)> {
        let found = self.orders.iter().find_map(|order| Some((order, order.payment(id)?)));
        found.ok_or_else(|| Code::NotFound.into())
    }

    pub fn payment_mut(&mut self, id: Id<Payment>) -> Result<&mut Payment> {
        let mut payments = self.orders.iter_mut().flat_map(|order| &mut order.payments);
        payments.find(|payment| payment.id == id).ok_or_else(|| Code::NotFound.into())
    }

    /// Orders of live guests, the held ones too.
    pub fn guests(&self) -> impl Iterator<Item = &Order> {
        self.orders.iter().filter(|order| order.is_live() && order.user_id != self.host_id)
    }

    /// Orders that count in the split.
    pub fn members(&self) -> impl Iterator<Item = &Order> {
        self.orders.iter().filter(|order| order.counts())
    }

    pub fn seats_taken(&self) -> i16 {
        count(self.orders.iter().filter(|order| order.is_live()))
    }

    pub fn member_count(&self) -> i16 {
        count(self.members())
    }

    pub fn food_total(&self) -> Krw {
        self.members().map(|order| order.food_krw).sum()
    }

    pub fn point(&self) -> Point {
        Point { lat: self.terms.pickup.lat, lng: self.terms.pickup.lng }
    }

    /// The split as it is, or as it would be if the party were locked now.
    pub fn present_quote(&self) -> Quote {
        self.quote.clone().unwrap_or_else(|| self.estimate())
    }

    fn estimate(&self) -> Quote {
        let orders: Vec<&Order> = self.members().collect();
        let members: Vec<Member> = orders.iter().map(|order| self.member(order)).collect();
        let host = orders.iter().position(|order| order.user_id == self.host_id).unwrap_or_default();
        let split = self.terms.tariff.split(&members, host);
        Quote {
            food_total_krw: split.food_total_krw,
            fee_krw: split.fee_krw,
            discount_krw: split.discount_krw,
            total_krw: split.total_krw,
            shares: orders
                .iter()
                .zip(split.shares)
                .map(|(order, share)| QuotedShare {
                    order_id: order.id,
                    user_id: order.user_id,
                    food_krw: share.food_krw,
                    fee_krw: share.fee_krw,
                    discount_krw: share.discount_krw,
                    owed_krw: share.owed_krw,
                })
                .collect(),
        }
    }

    /// With the cap that he was promised.
    fn member(&self, order: &Order) -> Member {
        let cap_krw = order.fee_cap_krw.filter(|_| order.user_id != self.host_id);
        Member { food_krw: order.food_krw, cap_krw }
    }

    /// What a newcomer with this much food would pay if nobody else came.
    pub fn with_me(&self, food: Krw) -> WithMe {
        let cap = self.terms.tariff.cap(food);
        let orders: Vec<&Order> = self.members().collect();
        let host = orders.iter().position(|order| order.user_id == self.host_id).unwrap_or_default();
        let mut members: Vec<Member> = orders.into_iter().map(|order| self.member(order)).collect();
        members.push(Member { food_krw: food, cap_krw: Some(cap) });
        let mine = self.terms.tariff.split(&members, host).shares.pop().unwrap_or_default();
        WithMe {
            fee_krw: mine.fee_krw,
            discount_krw: mine.discount_krw,
            owed_krw: mine.owed_krw,
            fee_cap_krw: cap,
            prepay_krw: food + cap,
        }
    }

    fn wrong_state<T>(&self) -> Result<T> {
        Err(Error::state(Code::WrongState, self.state.word()))
    }

    fn tell(&mut self, kind: EventKind, order: Option<&Order>) {
        self.news.events.push(Event {
            kind,
            order_id: order.map(|order| order.id),
            user_id: order.map(|order| order.user_id),
            amount_krw: None,
        });
    }

    /// As `tell`, of an order by its id.
    fn tell_of(&mut self, kind: EventKind, order: Id<Order>, amount: Option<Krw>) {
        let user_id = self.order(order).ok().map(|order| order.user_id);
        self.news.events.push(Event { kind, order_id: Some(order), user_id, amount_krw: amount });
    }

    /// Puts the orders where the split's ties want them.
    pub fn sort(&mut self) {
        self.orders.sort_by_key(|order| (order.joined_at.is_none(), order.joined_at, order.id));
    }
}

fn count<T>(items: impl Iterator<Item = T>) -> i16 {
    i16::try_from(items.count()).unwrap_or(i16::MAX)
}
