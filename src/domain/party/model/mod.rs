//! Random histories of random parties: after each command every property of the product holds, and however it goes, a
//! party ends with nobody's money lost.

mod acts;
mod audit;
mod provider;
mod world;

use proptest::prelude::*;
use time::Duration;

use self::acts::{Act, foreign, history};
use self::world::World;
use super::tests::{NOON, a_draft, a_transfer_draft, food};
use crate::domain::money::Krw;
use crate::domain::split::{FeeTier, Split};
use crate::domain::terms::{Draft, Settlement};

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 4000, ..ProptestConfig::default() }
}

prop_compose! {
    fn draft()(
        settlement in prop_oneof![4 => Just(Settlement::Prepaid), 1 => Just(Settlement::Transfer)],
        split in prop::sample::select(Split::ALL),
        (min_members, capacity) in prop_oneof![
            3 => (Just(2_i64), 2_i64..=5),
            1 => (2_i64..=5).prop_flat_map(|min| (Just(min), min..=20)),
        ],
        minutes in prop_oneof![10_i64..60, 10_i64..=24 * 60],
        min_order in prop_oneof![Just(0_i64), 0_i64..40_000],
        fee in prop_oneof![1 => Just(0_i64), 4 => 0_i64..=10_000],
        discount in prop_oneof![3 => Just(0_i64), 1 => 0_i64..10_000, 1 => 0_i64..=200_000],
        auto_lock in prop::bool::weighted(0.3),
        host_food in prop_oneof![Just(0_i64), 0_i64..30_000],
    ) -> Draft {
        let base = if settlement == Settlement::Prepaid { a_draft() } else { a_transfer_draft() };
        let tier = |from, fee| FeeTier { from_krw: Krw::new(from), fee_krw: Krw::new(fee) };
        Draft {
            split,
            min_members,
            capacity,
            deadline_at: NOON + Duration::minutes(minutes),
            min_order_krw: Krw::new(min_order),
            fee_tiers: vec![tier(0, fee), tier(20_000, fee / 2), tier(60_000, 0)],
            discount_krw: Krw::new(discount),
            auto_lock,
            items: if host_food == 0 { Vec::new() } else { food(host_food) },
            ..base
        }
    }
}

proptest! {
    #![proptest_config(config(1000))]

    #[test]
    fn no_history_breaks_a_rule(draft in draft(), history in history()) {
        let mut world = World::open(draft);
        for act in history {
            world.live(act);
        }
        world.end();
    }
}

proptest! {
    #![proptest_config(config(500))]

    /// Somebody cancels at the provider what we did not order: the books still agree, and a person is called.
    #[test]
    fn foreign_cancellations_leave_true_books(
        draft in draft().prop_map(|draft| Draft { transfer_account: None, settlement: Settlement::Prepaid, ..draft }),
        history in history(),
        cancellations in prop::collection::vec((any::<u8>(), foreign()), 1..4),
    ) {
        let mut world = World::open(draft);
        world.meddled = true;
        let mut history: Vec<Act> = history;
        for (place, act) in cancellations {
            history.insert(usize::from(place) % (history.len() + 1), act);
        }
        for act in history {
            world.live(act);
        }
        world.end();
    }
}
