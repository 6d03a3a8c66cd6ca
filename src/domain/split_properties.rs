//! Properties of the split that hold for every party, tried on random ones.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

const CASES: u32 = 4000;

fn tiers() -> impl Strategy<Value = Vec<FeeTier>> {
    prop::collection::vec((1_i64..60_000, 0_i64..=100_000), 1..=FeeTier::MAX_TIERS).prop_map(|steps| {
        let mut fees: Vec<i64> = steps.iter().map(|(_, fee)| *fee).collect();
        fees.sort_unstable_by_key(|fee| std::cmp::Reverse(*fee));
        let mut from = 0;
        let mut tiers = Vec::new();
        for ((step, _), fee) in steps.iter().zip(fees) {
            tiers.push(FeeTier { from_krw: Krw::new(from), fee_krw: Krw::new(fee) });
            from += step;
        }
        tiers
    })
}

prop_compose! {
    fn tariff()(
        split in prop::sample::select(Split::ALL),
        fee_tiers in tiers(),
        discount in prop_oneof![Just(0_i64), 0_i64..20_000, 0_i64..10_000_000],
        min_members in 2_i16..=20,
        min_order in prop_oneof![Just(0_i64), 0_i64..100_000],
    ) -> Tariff {
        let krw = Krw::new;
        Tariff { split, fee_tiers, discount_krw: krw(discount), min_members, min_order_krw: krw(min_order) }
    }
}

fn host_food() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0_i64), 0_i64..100_000]
}

/// Mostly meals, sometimes so small or alike that remainders tie, sometimes the most that is allowed.
fn guest_food() -> impl Strategy<Value = i64> {
    prop_oneof![4 => 1_i64..60_000, 2 => 1_i64..4, 1 => 1_i64..=5_000_000]
}

/// A tariff, members (guests with an arbitrary cap or the tariff's) and the host's place among them.
fn party() -> impl Strategy<Value = (Tariff, Vec<Member>, usize)> {
    let guests = prop::collection::vec((guest_food(), prop::option::of(0_i64..50_000)), 0..20);
    (tariff(), host_food(), guests, any::<Index>()).prop_map(|(tariff, host_food, guests, place)| {
        let mut members: Vec<Member> = guests
            .into_iter()
            .map(|(food, cap)| {
                let food_krw = Krw::new(food);
                Member { food_krw, cap_krw: Some(cap.map_or_else(|| tariff.cap(food_krw), Krw::new)) }
            })
            .collect();
        let host = place.index(members.len() + 1);
        members.insert(host, Member { food_krw: Krw::new(host_food), cap_krw: None });
        (tariff, members, host)
    })
}

fn sum(shares: &Shares, of: impl Fn(&Share) -> Krw) -> Krw {
    shares.shares.iter().map(of).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn one_and_two_every_sum_is_exact_and_nobody_owes_less_than_nothing((tariff, members, host) in party()) {
        let split = tariff.split(&members, host);
        let food: Krw = members.iter().map(|member| member.food_krw).sum();
        let fee = tariff.fee(food);
        let discount = tariff.discount_krw.min(food + fee);

        prop_assert_eq!(split.shares.len(), members.len());
        prop_assert_eq!(split.food_total_krw, food);
        prop_assert_eq!(split.total_krw, food + fee - discount);
        prop_assert_eq!(fee - split.fee_krw + split.discount_krw, discount);
        prop_assert_eq!(sum(&split, |share| share.fee_krw), split.fee_krw);
        prop_assert_eq!(sum(&split, |share| share.discount_krw), split.discount_krw);
        prop_assert_eq!(sum(&split, |share| share.owed_krw), split.total_krw);
        for (share, member) in split.shares.iter().zip(&members) {
            prop_assert_eq!(share.food_krw, member.food_krw);
            prop_assert_eq!(share.owed_krw, share.food_krw + share.fee_krw - share.discount_krw);
            for amount in [share.fee_krw, share.discount_krw, share.owed_krw] {
                prop_assert!(amount >= Krw::ZERO);
            }
        }
    }

    #[test]
    fn three_a_guest_pays_the_exact_share_to_the_won((tariff, members, host) in party()) {
        let split = tariff.split(&members, host);
        let (n, fee, food) = (members.len() as i128, i128::from(split.fee_krw.get()), i128::from(split.food_total_krw.get()));
        for (place, (share, member)) in split.shares.iter().zip(&members).enumerate() {
            if place == host {
                continue;
            }
            let paid = i128::from(share.fee_krw.get());
            let capped = member.cap_krw == Some(share.fee_krw);
            // The exact share is numerator / denominator.
            let (numerator, denominator) = match tariff.split {
                Split::Even => (fee, n),
                Split::Proportional => (fee * i128::from(member.food_krw.get()), food),
                Split::HostPays => (0, 1),
                Split::HostFree => (fee, n - 1),
            };
            let below = numerator - paid * denominator;
            let above_by = if tariff.split == Split::HostFree { denominator } else { 1 };
            prop_assert!(below > -above_by, "{} more than the share", -below);
            prop_assert!(capped || below < denominator, "{} below the share", below);
        }
    }

    #[test]
    fn four_no_history_breaks_the_cap_promised_at_join(
        tariff in tariff(),
        host_food in host_food(),
        place in any::<Index>(),
        history in prop::collection::vec((0_u8..5, any::<Index>(), guest_food()), 1..60),
    ) {
        let mut guests: Vec<Member> = Vec::new();
        let promised = |food| Member { food_krw: Krw::new(food), cap_krw: Some(tariff.cap(Krw::new(food))) };
        for (act, whom, food) in history {
            match act {
                0..=2 if guests.len() < 19 => guests.push(promised(food)),
                3 if !guests.is_empty() => drop(guests.remove(whom.index(guests.len()))),
                4 if !guests.is_empty() => {
                    let guest = whom.index(guests.len());
                    // Cheaper food leaves the old promise standing; only dearer food, paid again, makes a new one.
                    let kept = guests[guest].cap_krw.filter(|_| Krw::new(food) <= guests[guest].food_krw);
                    guests[guest] = promised(food);
                    guests[guest].cap_krw = kept.or(guests[guest].cap_krw);
                    prop_assert!(guests[guest].cap_krw >= Some(tariff.cap(Krw::new(food))));
                }
                _ => {}
            }
            let host = place.index(guests.len() + 1);
            let mut members = guests.clone();
            members.insert(host, Member { food_krw: Krw::new(host_food), cap_krw: None });
            let food_total: Krw = members.iter().map(|member| member.food_krw).sum();
            if members.len() < usize::from(tariff.min_members.unsigned_abs()) || food_total < tariff.min_order_krw {
                continue;
            }
            // Even uncapped the shares keep the promise, so the host never pays for it.
            let uncapped: Vec<Member> = members.iter().map(|member| Member { cap_krw: None, ..*member }).collect();
            let split = tariff.split(&uncapped, host);
            for (share, member) in split.shares.iter().zip(&members) {
                prop_assert!(member.cap_krw.is_none_or(|cap| share.fee_krw <= cap), "{:?} of {:?}", share, member);
            }
            prop_assert_eq!(split, tariff.split(&members, host));
        }
    }

    #[test]
    fn five_an_even_fee_never_rises_with_a_member_more((tariff, members, host) in party(), food in guest_food()) {
        let food_total: Krw = members.iter().map(|member| member.food_krw).sum();
        let tariff = Tariff { split: Split::Even, discount_krw: tariff.discount_krw.min(food_total), ..tariff };
        let mut more = members.clone();
        more.push(Member { food_krw: Krw::new(food), cap_krw: None });
        let (before, after) = (tariff.split(&members, host), tariff.split(&more, host));
        for (place, (before, after)) in before.shares.iter().zip(&after.shares).enumerate() {
            prop_assert!(place == host || after.fee_krw <= before.fee_krw);
        }
    }

    #[test]
    fn six_the_order_of_members_decides_ties_alone(
        (tariff, members, host, order) in party().prop_flat_map(|(tariff, members, host)| {
            let places: Vec<usize> = (0..members.len()).collect();
            (Just(tariff), Just(members), Just(host), Just(places).prop_shuffle())
        }),
    ) {
        // Without caps: a cap cuts a won of the remainder or not, depending on whose it is.
        let members: Vec<Member> = members.iter().map(|member| Member { cap_krw: None, ..*member }).collect();
        let shuffled: Vec<Member> = order.iter().map(|place| members[*place]).collect();
        let shuffled_host = order.iter().position(|place| *place == host).unwrap();
        let (one, other) = (tariff.split(&members, host), tariff.split(&shuffled, shuffled_host));

        let ties = |place: usize| match i128::from(one.food_total_krw.get()) {
            0 => 0,
            food => i128::from(one.discount_krw.get()) * i128::from(members[place].food_krw.get()) % food,
        };
        let mut moved = std::collections::BTreeMap::<i128, i64>::new();
        let mut moved_fees = 0;
        for (share, place) in other.shares.iter().zip(&order) {
            let (fee, discount) = (share.fee_krw - one.shares[*place].fee_krw, share.discount_krw - one.shares[*place].discount_krw);
            *moved.entry(ties(*place)).or_default() += discount.get();
            moved_fees += fee.get();
            prop_assert!(discount.get().abs() <= 1);
            let fee_ties = tariff.split == Split::HostFree && *place != host;
            prop_assert!(fee.get().abs() <= i64::from(fee_ties));
        }
        prop_assert_eq!(moved_fees, 0);
        prop_assert!(moved.values().all(|won| *won == 0), "a won went between unequal remainders: {:?}", moved);
    }
}
