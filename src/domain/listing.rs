//! A party as outsiders see it: a type of its own, so that what members alone may know cannot leak through it.

use serde::{Deserialize, Serialize};

use crate::domain::Time;
use crate::domain::geo::Point;
use crate::domain::id::Id;
use crate::domain::money::Krw;
use crate::domain::order::{Order, OrderState};
use crate::domain::party::{BOOST, Party, State};
use crate::domain::split::Split;
use crate::domain::terms::{Settlement, Store};
use crate::domain::user::User;

/// The public view. Its place is the centre of a coarse cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Listing {
    pub id: Id<Party>,
    pub version: i64,
    pub title: String,
    pub store: Store,
    pub area: Point,
    pub area_name: Option<String>,
    pub state: State,
    pub host_id: Id<User>,
    pub host_nickname: String,
    pub host_trust: i16,
    pub member_count: i16,
    pub seats_taken: i16,
    pub capacity: i16,
    pub min_members: i16,
    pub min_order_krw: Krw,
    pub food_total_krw: Krw,
    pub fee_krw: Krw,
    /// The dearest fee, which one pays who orders little and alone.
    pub fee_max_krw: Krw,
    pub fee_cap_krw: Krw,
    pub deadline_at: Time,
    pub settlement: Settlement,
    pub split: Split,
    /// Lifted to the top of the search.
    pub is_boosted: bool,
    pub created_at: Time,
}

impl Listing {
    /// What one more guest would pay of the delivery, if nobody else came: at most, since the fee does not rise with more food. None
    /// where it goes by the price of what he eats.
    pub fn next_guest_fee(&self) -> Option<Krw> {
        let (fee, members) = (self.fee_krw.get(), i64::from(self.member_count).max(1));
        let share = match self.split {
            Split::Proportional => return None,
            Split::HostPays => 0,
            Split::Even => fee / (members + 1),
            // The host is a member and no guest; the new one is a guest and no member yet.
            Split::HostFree => (fee + members - 1) / members,
        };
        Some(self.fee_cap_krw.min(Krw::new(share)))
    }
}

/// Who is in a party, which outsiders are not told: it decides who may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct People {
    pub host: Id<User>,
    pub members: Vec<Id<User>>,
}

impl People {
    /// Not if somebody in it and the viewer keep away from one another; those who are in it together see it.
    pub fn shows_to(&self, viewer: Id<User>, apart: &[Id<User>]) -> bool {
        self.members.contains(&viewer) || !self.is_apart(apart)
    }

    /// Whether anybody in it is one of those.
    pub fn is_apart(&self, apart: &[Id<User>]) -> bool {
        apart.contains(&self.host) || self.members.iter().any(|member| apart.contains(member))
    }
}

/// An open party, as far as a search has to know to put it in its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spot {
    pub id: Id<Party>,
    pub area: Point,
    pub boosted_at: Option<Time>,
}

impl Spot {
    /// Where it stands around a point, with the boosts that ran at `as_of`.
    pub fn place(&self, centre: Point, as_of: Time) -> Place {
        let is_boosted = self.boosted_at.is_some_and(|at| at <= as_of && at > as_of - BOOST);
        Place { is_boosted, distance: centre.distance_m(self.area), id: self.id }
    }
}

/// A party's place in the order of a search: boosted ones first, then by distance in metres, then by id.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    pub is_boosted: bool,
    pub distance: f64,
    pub id: Id<Party>,
}

impl Place {
    pub fn compare(&self, other: &Self) -> std::cmp::Ordering {
        let boosted_first = other.is_boosted.cmp(&self.is_boosted);
        boosted_first.then(self.distance.total_cmp(&other.distance)).then(self.id.cmp(&other.id))
    }
}

impl Party {
    pub fn listing(&self) -> Listing {
        let tariff = &self.terms.tariff;
        Listing {
            id: self.id,
            version: self.version,
            title: self.terms.title.clone(),
            store: self.terms.store.clone(),
            area: self.point().centre(),
            area_name: self.area_name.clone(),
            state: self.state,
            host_id: self.host_id,
            host_nickname: self.host_nickname.clone(),
            host_trust: self.host_trust,
            member_count: self.member_count(),
            seats_taken: self.seats_taken(),
            capacity: self.terms.capacity,
            min_members: tariff.min_members,
            min_order_krw: tariff.min_order_krw,
            food_total_krw: self.food_total(),
            fee_krw: tariff.fee(self.food_total()),
            fee_max_krw: tariff.fee_max(),
            fee_cap_krw: tariff.flat_cap().unwrap_or_else(|| tariff.fee_max()),
            deadline_at: self.terms.deadline_at,
            settlement: self.terms.settlement,
            split: tariff.split,
            is_boosted: self.boosted_until.is_some(),
            created_at: self.created_at,
        }
    }
}

crate::words! {
    /// What somebody is in a party.
    pub enum Role {
        Host => "host",
        Guest => "guest",
    }
}

/// One of a user's own parties, as the list of them shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    pub party_id: Id<Party>,
    pub title: String,
    pub store: Store,
    pub state: State,
    pub role: Role,
    pub order_id: Id<Order>,
    pub order_state: OrderState,
    pub seats_taken: i16,
    pub capacity: i16,
    #[serde(with = "time::serde::rfc3339")]
    pub deadline_at: Time,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: Time,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_keeps_away_from_somebody_in_it_does_not_see_a_party_unless_he_is_in_it_too() {
        let id = Id::from_raw;
        let people = People { host: id(1), members: vec![id(1), id(2)] };
        assert!(people.shows_to(id(9), &[]));
        assert!(people.shows_to(id(9), &[id(3)]));
        assert!(!people.shows_to(id(9), &[id(1)]));
        assert!(!people.shows_to(id(9), &[id(3), id(2)]));
        assert!(people.shows_to(id(2), &[id(1)]));
        let left = People { host: id(1), members: vec![id(2)] };
        assert!(!left.shows_to(id(9), &[id(1)]), "the host counts when he is no member any more");
        assert!(!left.shows_to(id(1), &[id(2)]));
    }
}
