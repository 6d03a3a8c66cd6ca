//! A subscription's life, told in order, twice, and in any order.

use proptest::prelude::*;
use time::macros::datetime;

use super::*;

const START: Time = datetime!(2026-11-01 0:00 UTC);

fn day(day: i64) -> Time {
    START + Duration::days(day)
}

/// News about the month that begins on `from`, signed on `signed`.
fn news(effect: Effect, from: i64, signed: i64) -> News {
    News {
        effect,
        signed_at: day(signed),
        purchased_at: day(from),
        period: Period {
            transaction_id: from.to_string(),
            product_id: "plus_monthly".to_owned(),
            expires_at: day(from + 30),
            revoked_at: None,
            ended_at: None,
        },
        renewal: Some(Renewal { will_renew: true, is_in_billing_retry: false, grace_until: None }),
    }
}

fn grace(from: i64, signed: i64, until: i64) -> News {
    let renewal = Renewal { will_renew: true, is_in_billing_retry: true, grace_until: Some(day(until)) };
    News { renewal: Some(renewal), ..news(Effect::Follow, from, signed) }
}

fn told<'a>(all: impl IntoIterator<Item = &'a News>) -> Option<Subscription> {
    all.into_iter().fold(None, |before, news| Subscription::after(before.as_ref(), news).or(before))
}

fn state(all: &[News], at: i64) -> SubscriptionState {
    told(all).map_or(SubscriptionState::None, |it| it.state(day(at)))
}

#[test]
fn it_is_active_until_it_expires_and_a_renewal_goes_on() {
    let bought = news(Effect::Follow, 0, 0);
    assert_eq!(
        [0, 29, 30, 31].map(|at| state(std::slice::from_ref(&bought), at)),
        [SubscriptionState::Active, SubscriptionState::Active, SubscriptionState::Expired, SubscriptionState::Expired]
    );
    let renewed = [bought, news(Effect::Follow, 30, 30)];
    assert_eq!(
        [29, 31, 59, 60].map(|at| state(&renewed, at)),
        [SubscriptionState::Active, SubscriptionState::Active, SubscriptionState::Active, SubscriptionState::Expired]
    );
}

#[test]
fn a_failed_renewal_has_access_in_grace_and_none_in_retry() {
    let with_grace = [news(Effect::Follow, 0, 0), grace(0, 30, 46)];
    assert_eq!(
        [31, 45, 46, 89, 90].map(|at| state(&with_grace, at)),
        [
            SubscriptionState::Grace,
            SubscriptionState::Grace,
            SubscriptionState::BillingRetry,
            SubscriptionState::BillingRetry,
            SubscriptionState::Expired
        ]
    );
    assert_eq!(told(&with_grace).unwrap().access_until(), day(46));
    let over = [with_grace[0].clone(), with_grace[1].clone(), news(Effect::Retry, 0, 46)];
    assert_eq!(state(&over, 46), SubscriptionState::BillingRetry);
    let without = [news(Effect::Follow, 0, 0), news(Effect::Retry, 0, 30)];
    assert_eq!(state(&without, 31), SubscriptionState::BillingRetry);
    assert!(SubscriptionState::Grace.has_access() && !SubscriptionState::BillingRetry.has_access());
    let recovered = [without[0].clone(), without[1].clone(), news(Effect::Follow, 40, 40)];
    assert_eq!(
        [41, 69, 70].map(|at| state(&recovered, at)),
        [SubscriptionState::Active, SubscriptionState::Active, SubscriptionState::Expired]
    );
    let given_up = [without[0].clone(), without[1].clone(), news(Effect::End, 0, 90)];
    assert_eq!(state(&given_up, 50), SubscriptionState::Expired);
}

#[test]
fn switching_renewal_off_changes_no_access() {
    let off = Renewal { will_renew: false, is_in_billing_retry: false, grace_until: None };
    let off = News { renewal: Some(off), ..news(Effect::Follow, 0, 5) };
    let it = told(&[news(Effect::Follow, 0, 0), off]).unwrap();
    assert_eq!((it.state(day(29)), it.will_renew()), (SubscriptionState::Active, false));
    // A device says the same again without knowing of renewals, and is not believed about them.
    let from_device = News { renewal: None, ..news(Effect::Follow, 0, 6) };
    assert!(!Subscription::after(Some(&it), &from_device).unwrap().will_renew());
}

#[test]
fn a_refund_takes_back_and_its_reversal_returns() {
    let mut all = vec![news(Effect::Follow, 0, 0), news(Effect::TakeBack, 0, 10)];
    assert_eq!(state(&all, 11), SubscriptionState::Revoked);
    all.push(news(Effect::GiveBack, 0, 12));
    assert_eq!(state(&all, 13), SubscriptionState::Active);
    all.push(news(Effect::TakeBack, 0, 14));
    assert_eq!(state(&all, 15), SubscriptionState::Revoked);
    // The device's copy says so itself.
    let mut copy = news(Effect::Follow, 0, 16);
    copy.period.revoked_at = Some(day(14));
    all.push(copy);
    assert_eq!(state(&all, 17), SubscriptionState::Revoked);
    all.push(news(Effect::Follow, 20, 20));
    assert_eq!(state(&all, 21), SubscriptionState::Active, "bought again");
}

/// Last month's money went back this month: this month stays paid for, in whichever order the two arrive.
#[test]
fn a_refund_of_an_earlier_period_leaves_this_one() {
    let all = [news(Effect::Follow, 0, 0), news(Effect::Follow, 30, 30), news(Effect::TakeBack, 0, 35)];
    assert_eq!(state(&all, 36), SubscriptionState::Active);
    let [bought, renewed, refund] = all;
    assert_eq!(state(&[bought, refund, renewed], 36), SubscriptionState::Active);
}

#[test]
fn what_is_old_or_about_something_else_changes_nothing() {
    let it = told(&[news(Effect::Follow, 0, 10)]).unwrap();
    for same in [news(Effect::Follow, 0, 10), news(Effect::TakeBack, 0, 10), news(Effect::End, 0, 9)] {
        assert_eq!(Subscription::after(Some(&it), &same), None);
    }
    for effect in [Effect::Record, Effect::Grant, Effect::Consumption, Effect::Consent] {
        assert_eq!(Subscription::after(Some(&it), &news(effect, 0, 20)), None);
        assert_eq!(Subscription::after(None, &news(effect, 0, 20)), None);
    }
}

#[test]
fn of_several_the_one_with_access_counts() {
    let over = told(&[news(Effect::Follow, 0, 0), news(Effect::TakeBack, 0, 1)]).unwrap();
    let longer = told(&[news(Effect::Follow, 3, 3)]).unwrap();
    let all = [
        (Environment::Production, over.clone()),
        (Environment::Sandbox, longer.clone()),
        (Environment::Production, over),
    ];
    assert_eq!(best(&all, day(5)).unwrap().1, longer);
    assert_eq!(best(&[], day(5)), None);
}

fn any_news() -> impl Strategy<Value = Vec<News>> {
    let one = (0..7_usize, 0..4_i64, any::<bool>(), any::<bool>());
    prop::collection::vec(one, 1..8).prop_map(|all| {
        let effects = [
            Effect::Follow,
            Effect::Retry,
            Effect::End,
            Effect::TakeBack,
            Effect::GiveBack,
            Effect::Record,
            Effect::Follow,
        ];
        let one = |(at, (effect, month, in_grace, knows)): (usize, (usize, i64, bool, bool))| {
            let signed = i64::try_from(at).unwrap() * 3 + month * 30;
            let renewal = Renewal {
                will_renew: !in_grace,
                is_in_billing_retry: in_grace,
                grace_until: in_grace.then(|| day(signed + 16)),
            };
            News { renewal: knows.then_some(renewal), ..news(effects[effect], month * 30, signed) }
        };
        all.into_iter().enumerate().map(one).collect()
    })
}

proptest! {
    /// Duplicates and disorder: the end is the same.
    #[test]
    fn order_and_repetition_do_not_matter(
        (all, shuffled) in any_news().prop_flat_map(|all| {
            let twice: Vec<News> = all.iter().chain(&all).cloned().collect();
            (Just(all), Just(twice).prop_shuffle())
        }),
    ) {
        prop_assert_eq!(told(&all), told(&shuffled));
    }

    /// Once it is over, by whatever, only newer news can bring it back.
    #[test]
    fn no_repetition_brings_access_back(all in any_news(), again in any::<prop::sample::Index>(), at in 0..200_i64) {
        let it = told(&all);
        let repeated = told(all.iter().chain([&all[again.index(all.len())]]));
        prop_assert_eq!(it.map(|it| it.state(day(at))), repeated.map(|it| it.state(day(at))));
    }
}
