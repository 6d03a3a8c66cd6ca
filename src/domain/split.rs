//! How a party's food, fee and discount are split to the won; it knows neither states nor payments.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::error::{Field, FieldFault};
use crate::domain::money::{Krw, largest_remainder, portion};

crate::words! {
    /// Who carries the delivery fee.
    pub enum Split {
        /// Everybody the same; the host takes the remainder.
        Even => "even",
        /// By the price of one's food.
        Proportional => "proportional",
        HostPays => "host_pays",
        /// The guests alone, in thanks for the host's work.
        HostFree => "host_free",
    }
}

/// The store's delivery fee from an amount of food on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FeeTier {
    /// The food total from which on this fee holds; 0 for the first tier.
    #[schema(minimum = 0, example = 0)]
    pub from_krw: Krw,
    #[schema(minimum = 0, maximum = 100_000, example = 3000)]
    pub fee_krw: Krw,
}

impl FeeTier {
    pub const MAX_TIERS: usize = 10;
    pub const MAX_FEE: Krw = Krw::new(100_000);
}

/// A party's terms, as far as money goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tariff {
    pub split: Split,
    /// Checked by [`check_tiers`]: the amounts rise from 0 and the fees fall.
    pub fee_tiers: Vec<FeeTier>,
    /// Off the whole order; what exceeds food and fee is lost.
    pub discount_krw: Krw,
    pub min_members: i16,
    pub min_order_krw: Krw,
}

/// What one member brings to the split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    pub food_krw: Krw,
    /// The most a guest pays of the fee, as promised at join; the host has no cap.
    pub cap_krw: Option<Krw>,
}

/// A whole split: `total_krw` is the sum of what is owed, and of food and fee less the discount.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shares {
    pub food_total_krw: Krw,
    /// The fee that is left to share, F′.
    pub fee_krw: Krw,
    /// The discount on food, D′.
    pub discount_krw: Krw,
    pub total_krw: Krw,
    /// One per member, in the members' order.
    pub shares: Vec<Share>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    pub food_krw: Krw,
    pub fee_krw: Krw,
    pub discount_krw: Krw,
    /// Food and fee less the discount; never below zero.
    pub owed_krw: Krw,
}

impl Tariff {
    /// The fee for this much food: that of the highest tier reached.
    pub fn fee(&self, food_total: Krw) -> Krw {
        self.fee_tiers.iter().rev().find(|tier| tier.from_krw <= food_total).map_or(Krw::ZERO, |tier| tier.fee_krw)
    }

    /// The highest fee there can be: that of the first tier.
    pub fn fee_max(&self) -> Krw {
        self.fee_tiers.first().map_or(Krw::ZERO, |tier| tier.fee_krw)
    }

    /// The most that a guest with this much food will pay of the fee. The promise can be kept whoever comes or
    /// goes, because a lock demands `min_members` and `min_order_krw`.
    pub fn cap(&self, food: Krw) -> Krw {
        let fee = self.fee_max().get();
        let members = i64::from(self.min_members);
        match self.split {
            Split::Even => Krw::new(fee / members.max(1)),
            Split::Proportional => portion(self.fee_max(), food, food.max(self.min_order_krw).max(Krw::new(1))),
            Split::HostPays => Krw::ZERO,
            Split::HostFree => {
                let guests = (members - 1).max(1);
                Krw::new((fee + guests - 1) / guests)
            }
        }
    }

    /// The cap where it is the same for every guest.
    pub fn flat_cap(&self) -> Option<Krw> {
        (self.split != Split::Proportional).then(|| self.cap(Krw::ZERO))
    }

    /// Splits the bill among `members`, who stand in the order of their joining (then of their orders' ids);
    /// `host` is the host's place among them.
    /// Without members (a party that was cancelled while it was open) there is nothing to pay.
    pub fn split(&self, members: &[Member], host: usize) -> Shares {
        debug_assert!(members.is_empty() || host < members.len(), "a party has its host among its members");
        if members.is_empty() {
            return Shares::default();
        }
        let food_total: Krw = members.iter().map(|member| member.food_krw).sum();
        let fee = self.fee(food_total);
        let discount = self.discount_krw.min(food_total + fee);
        let discount_on_food = discount.min(food_total);
        let fee_to_share = fee - (discount - discount_on_food);

        let foods: Vec<i64> = members.iter().map(|member| member.food_krw.get()).collect();
        let discounts = largest_remainder(discount_on_food, &foods);
        let fees = self.fees(members, host, food_total, fee_to_share);
        let shares = members.iter().zip(discounts).zip(fees).map(|((member, discount_krw), fee_krw)| {
            let food_krw = member.food_krw;
            Share { food_krw, fee_krw, discount_krw, owed_krw: food_krw + fee_krw - discount_krw }
        });
        Shares {
            food_total_krw: food_total,
            fee_krw: fee_to_share,
            discount_krw: discount_on_food,
            total_krw: food_total + fee - discount,
            shares: shares.collect(),
        }
    }

    /// Each member's part of the fee: a guest's share, cut to the cap; all the rest is the host's.
    fn fees(&self, members: &[Member], host: usize, food_total: Krw, fee: Krw) -> Vec<Krw> {
        let even = |among: usize| largest_remainder(fee, &vec![1; among]);
        let each = portion(fee, Krw::new(1), Krw::new(i64::try_from(members.len()).unwrap_or(i64::MAX)));
        let mut of_guests_alone = even(members.len() - 1).into_iter();

        let mut host_fee = fee;
        let mut fees = Vec::with_capacity(members.len());
        for (place, member) in members.iter().enumerate() {
            if place == host {
                fees.push(Krw::ZERO);
                continue;
            }
            let share = match self.split {
                Split::Proportional if food_total > Krw::ZERO => portion(fee, member.food_krw, food_total),
                Split::Even | Split::Proportional => each,
                Split::HostPays => Krw::ZERO,
                Split::HostFree => of_guests_alone.next().unwrap_or_default(),
            };
            let share = member.cap_krw.map_or(share, |cap| share.min(cap));
            host_fee -= share;
            fees.push(share);
        }
        if let Some(fee) = fees.get_mut(host) {
            *fee = host_fee;
        }
        fees
    }
}

/// Whether a store can mean these tiers: 1 to 10, amounts rising strictly from 0, fees never rising and at most
/// 100,000. The pointer of the fault starts at the list (`/1/fee_krw`, or empty for the list as a whole).
pub fn check_tiers(tiers: &[FeeTier]) -> Result<(), Field> {
    let fault = |pointer: String, fault| Err(Field { pointer, fault });
    if tiers.is_empty() {
        return fault(String::new(), FieldFault::TooFew);
    }
    if tiers.len() > FeeTier::MAX_TIERS {
        return fault(String::new(), FieldFault::TooMany);
    }
    let mut before: Option<&FeeTier> = None;
    for (index, tier) in tiers.iter().enumerate() {
        if !(Krw::ZERO..=FeeTier::MAX_FEE).contains(&tier.fee_krw) {
            return fault(format!("/{index}/fee_krw"), FieldFault::OutOfRange);
        }
        match before {
            None if tier.from_krw != Krw::ZERO => return fault("/0/from_krw".into(), FieldFault::OutOfRange),
            Some(before) if tier.from_krw <= before.from_krw => {
                return fault(format!("/{index}/from_krw"), FieldFault::NotRising);
            }
            Some(before) if tier.fee_krw > before.fee_krw => {
                return fault(format!("/{index}/fee_krw"), FieldFault::NotFalling);
            }
            _ => before = Some(tier),
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "split_properties.rs"]
mod properties;

#[cfg(test)]
mod tests {
    use super::*;

    fn tier(from: i64, fee: i64) -> FeeTier {
        FeeTier { from_krw: Krw::new(from), fee_krw: Krw::new(fee) }
    }

    fn tariff(split: Split, discount: i64) -> Tariff {
        Tariff {
            split,
            fee_tiers: vec![tier(0, 4000), tier(30_000, 2000), tier(50_000, 0)],
            discount_krw: Krw::new(discount),
            min_members: 3,
            min_order_krw: Krw::new(15_000),
        }
    }

    /// Fee, discount and debt of a host with food for 5,000 and of guests with the tariff's caps.
    fn split(tariff: &Tariff, guests: &[i64]) -> Vec<(i64, i64, i64)> {
        let mut members = vec![Member { food_krw: Krw::new(5000), cap_krw: None }];
        members.extend(
            guests
                .iter()
                .copied()
                .map(Krw::new)
                .map(|food_krw| Member { food_krw, cap_krw: Some(tariff.cap(food_krw)) }),
        );
        let shares = tariff.split(&members, 0).shares;
        shares.iter().map(|share| (share.fee_krw.get(), share.discount_krw.get(), share.owed_krw.get())).collect()
    }

    #[test]
    fn an_even_fee_leaves_the_remainder_to_the_host() {
        assert_eq!(split(&tariff(Split::Even, 0), &[7000, 8000]), [(1334, 0, 6334), (1333, 0, 8333), (1333, 0, 9333)]);
    }

    #[test]
    fn a_proportional_fee_follows_the_food_and_the_discount_too() {
        let shares = split(&tariff(Split::Proportional, 2000), &[7000, 8000]);
        assert_eq!(shares, [(1000, 500, 5500), (1400, 700, 7700), (1600, 800, 8800)]);
    }

    #[test]
    fn the_host_can_pay_or_be_free() {
        assert_eq!(split(&tariff(Split::HostPays, 0), &[7000, 8000]), [(4000, 0, 9000), (0, 0, 7000), (0, 0, 8000)]);
        assert_eq!(
            split(&tariff(Split::HostFree, 0), &[7000, 8000, 9000]),
            [(0, 0, 5000), (1334, 0, 8334), (1333, 0, 9333), (1333, 0, 10_333)]
        );
    }

    #[test]
    fn what_a_discount_leaves_of_the_food_lowers_the_fee() {
        let shares = split(&tariff(Split::Even, 21_000), &[7000, 8000]);
        assert_eq!(shares, [(1000, 5000, 1000), (1000, 7000, 1000), (1000, 8000, 1000)]);
        assert!(split(&tariff(Split::Even, 1_000_000), &[7000, 8000]).iter().all(|(_, _, owed)| *owed == 0));
    }

    #[test]
    fn a_host_alone_pays_all() {
        for split_by in Split::ALL {
            assert_eq!(split(&tariff(*split_by, 0), &[]), [(4000, 0, 9000)], "{split_by:?}");
        }
    }

    #[test]
    fn more_food_reaches_a_lower_fee() {
        let tariff = tariff(Split::Even, 0);
        let fees = [0, 29_999, 30_000, 49_999, 50_000, 9_000_000].map(|food| tariff.fee(Krw::new(food)).get());
        assert_eq!(fees, [4000, 4000, 2000, 2000, 0, 0]);
        assert_eq!(tariff.fee_max().get(), 4000);
    }

    #[test]
    fn caps_are_those_of_the_smallest_party_that_can_lock() {
        let cap = |split, food| tariff(split, 0).cap(Krw::new(food)).get();
        assert_eq!(cap(Split::Even, 7000), 1333);
        assert_eq!(cap(Split::HostPays, 7000), 0);
        assert_eq!(cap(Split::HostFree, 7000), 2000);
        assert_eq!(cap(Split::Proportional, 7000), 1866, "4000 · 7000 / 15000");
        assert_eq!(cap(Split::Proportional, 20_000), 4000, "never more than the whole fee");
        assert_eq!(tariff(Split::Even, 0).flat_cap(), Some(Krw::new(1333)));
        assert_eq!(tariff(Split::Proportional, 0).flat_cap(), None);
    }

    #[test]
    fn tiers_rise_from_zero_and_their_fees_fall() {
        let fault = |tiers: &[FeeTier]| check_tiers(tiers).map_err(|field| (field.pointer, field.fault));
        assert_eq!(fault(&[tier(0, 3000), tier(1, 3000), tier(2, 0)]), Ok(()));
        for (tiers, pointer, expected) in [
            (vec![], "", FieldFault::TooFew),
            (vec![tier(0, 0); 11], "", FieldFault::TooMany),
            (vec![tier(1, 3000)], "/0/from_krw", FieldFault::OutOfRange),
            (vec![tier(0, 3000), tier(0, 2000)], "/1/from_krw", FieldFault::NotRising),
            (vec![tier(0, 3000), tier(-5, 2000)], "/1/from_krw", FieldFault::NotRising),
            (vec![tier(0, 3000), tier(9, 3001)], "/1/fee_krw", FieldFault::NotFalling),
            (vec![tier(0, 100_001)], "/0/fee_krw", FieldFault::OutOfRange),
            (vec![tier(0, 1), tier(9, -1)], "/1/fee_krw", FieldFault::OutOfRange),
        ] {
            assert_eq!(fault(&tiers), Err((pointer.to_owned(), expected)));
        }
    }
}
