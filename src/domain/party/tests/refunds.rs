//! Who gets back what, row by row of the product's table; Ann eats for 10,000, and Ben for 12,000 with two guests.

use super::*;

/// Paid: food and the cap of 1,500.
const ANN_PAID: i64 = 11_500;

type Ending = fn(&mut Stage);

#[test]
fn who_leaves_an_open_party_gets_all_back() {
    let mut stage = a_party();
    stage.seat(ANN, 10_000);
    stage.leave(ANN).unwrap();
    assert_eq!(stage.paid_and_back(ANN), (ANN_PAID, ANN_PAID));
    assert_eq!(stage.state(ANN), OrderState::Left);
}

#[test]
fn who_is_kicked_gets_all_back() {
    let mut stage = a_party();
    stage.seat(ANN, 10_000);
    stage.kick(ANN).unwrap();
    assert_eq!(stage.paid_and_back(ANN), (ANN_PAID, ANN_PAID));
    assert_eq!(stage.order(ANN).kick_reason.as_deref(), Some("답이 없어요"));
}

#[test]
fn an_unmet_deadline_gives_all_back_and_blames_nobody() {
    let mut stage = a_party();
    stage.seat(ANN, 9_999);
    stage.wait_and_tick(60);
    assert_eq!(stage.party.cancel_reason, Some(CancelReason::DeadlineUnmet));
    assert_eq!(stage.paid_and_back(ANN), (11_499, 11_499));
    assert_eq!(stage.told(EventKind::HostAbandoned), 0);
}

#[test]
fn a_host_who_cancels_an_open_party_gives_all_back_and_has_a_strike_in_the_last_ten_minutes() {
    for (minutes, strikes) in [(0, 0), (50, 0), (51, 1), (59, 1)] {
        let mut stage = a_party();
        stage.seat(ANN, 10_000);
        stage.wait(minutes);
        stage.cancel(CancelReason::Host).unwrap();
        assert_eq!(stage.paid_and_back(ANN), (ANN_PAID, ANN_PAID));
        assert_eq!(stage.told(EventKind::HostAbandoned), strikes, "after {minutes} minutes");
    }
}

#[test]
fn the_lock_gives_back_what_was_paid_above_the_share() {
    let stage = a_locked_party();
    assert_eq!(stage.order(ANN).owed_krw, Some(Krw::new(11_000)), "a third of the fee of 3,000");
    assert_eq!(stage.paid_and_back(ANN), (ANN_PAID, 500));
    assert_eq!(stage.paid_and_back(BEN), (13_500, 500));
    assert_eq!(stage.order(HOST).owed_krw, Some(Krw::new(11_000)));
    assert_eq!(stage.paid_and_back(HOST), (0, 0));
}

#[test]
fn a_locked_party_that_falls_through_gives_all_back_and_is_a_strike() {
    for timeout in [false, true] {
        let mut stage = a_locked_party();
        if timeout {
            stage.wait_and_tick(15);
        } else {
            stage.cancel(CancelReason::Host).unwrap();
        }
        let reason = if timeout { CancelReason::PlacementTimeout } else { CancelReason::Host };
        assert_eq!(stage.party.cancel_reason, Some(reason));
        assert_eq!(stage.paid_and_back(ANN), (ANN_PAID, ANN_PAID));
        assert_eq!(stage.paid_and_back(BEN), (13_500, 13_500));
        assert_eq!(stage.told(EventKind::HostAbandoned), 1);
    }
}

#[test]
fn a_store_that_cancels_gives_all_back_without_a_strike() {
    let mut stage = a_placed_party();
    stage.cancel(CancelReason::Store).unwrap();
    assert_eq!(stage.paid_and_back(ANN), (ANN_PAID, ANN_PAID));
    assert_eq!(stage.told(EventKind::HostAbandoned), 0);
}

#[test]
fn a_no_show_gets_nothing_back() {
    let mut stage = an_arrived_party();
    stage.wait(30);
    stage.no_show(ANN).unwrap();
    stage.pick_up(BEN).unwrap();
    stage.tick();
    assert_eq!(stage.party.state, State::Completed);
    assert_eq!(stage.paid_and_back(ANN), (ANN_PAID, 500), "no more than at the lock");
    assert_eq!(stage.party.owed_to_host(), Krw::new(11_000 + 13_000));
    assert_eq!(stage.told(EventKind::NoShow), 1);
}

#[test]
fn a_lower_receipt_is_shared_at_completion_and_a_higher_one_is_the_hosts() {
    // Owed: host 11,000, Ann 11,000, Ben 13,000. Of the 1,000 saved: 314.28…, 314.28…, 371.42….
    for (receipt, ann, ben, host) in [(34_000, 314, 372, 23_314), (35_000, 0, 0, 24_000), (99_000, 0, 0, 24_000)] {
        let mut stage = a_placed_party();
        stage.place(receipt).unwrap();
        stage.arrive(HOST).unwrap();
        stage.wait_and_tick(24 * 60);
        assert_eq!(stage.party.state, State::Completed);
        assert_eq!(stage.paid_and_back(ANN), (ANN_PAID, 500 + ann));
        assert_eq!(stage.paid_and_back(BEN), (13_500, 500 + ben));
        assert_eq!(stage.order(BEN).owed_krw, Some(Krw::new(13_000 - ben)));
        assert_eq!(stage.party.owed_to_host(), Krw::new(host));
        let payouts: Vec<i64> = stage.party.payouts.iter().map(|payout| payout.amount_krw.get()).collect();
        assert_eq!(payouts, [host]);
    }
}

#[test]
fn cheaper_items_give_back_at_once_and_dearer_ones_wait_for_their_payment() {
    let mut stage = a_party();
    stage.seat(ANN, 10_000);
    stage.change(ANN, 8_000).unwrap();
    assert_eq!(stage.paid_and_back(ANN), (ANN_PAID, 2_000));
    stage.change(ANN, 12_000).unwrap();
    assert_eq!(stage.order(ANN).food_krw, Krw::new(8_000), "not yet");
    assert_eq!(stage.payment(ANN).amount_krw, Krw::new(4_000));
    stage.pay(ANN);
    assert_eq!(stage.order(ANN).food_krw, Krw::new(12_000));
    stage.change(ANN, 11_000).unwrap();
    stage.leave(ANN).unwrap();
    assert_eq!(stage.paid_and_back(ANN), (15_500, 15_500));
    let parts = |payment: &Payment| payment.refunds.iter().map(|refund| refund.amount_krw.get()).collect::<Vec<_>>();
    let of_payments: Vec<_> = stage.order(ANN).payments.iter().map(parts).collect();
    assert_eq!(of_payments, [vec![2_000, 9_500], vec![1_000, 3_000]], "from the newest payment first");
}

#[test]
fn a_payment_that_comes_through_after_its_seat_is_gone_goes_back_whole() {
    let gone: [(&str, Ending); 4] = [
        ("left", |stage| stage.leave(ANN).unwrap()),
        ("kicked", |stage| stage.kick(ANN).unwrap()),
        ("cancelled", |stage| stage.cancel(CancelReason::Host).unwrap()),
        ("expired", |stage| stage.wait_and_tick(12)),
    ];
    for (state, ends) in gone {
        let mut stage = a_party();
        stage.join(ANN, 10_000).unwrap();
        stage.begin(ANN).unwrap();
        ends(&mut stage);
        assert_eq!(stage.state(ANN).word(), state);
        stage.resolve(ANN, Outcome::Paid);
        assert_eq!(stage.state(ANN).word(), state);
        assert_eq!(stage.paid_and_back(ANN), (ANN_PAID, ANN_PAID), "{state}");
    }
}

#[test]
fn a_top_up_that_comes_through_after_the_lock_goes_back_and_changes_nothing() {
    let mut stage = a_party();
    stage.seat(ANN, 10_000);
    stage.change(ANN, 15_000).unwrap();
    stage.begin(ANN).unwrap();
    stage.wait_and_tick(62);
    assert_eq!(stage.party.state, State::Locked, "the deadline waited two minutes, no longer");
    stage.resolve(ANN, Outcome::Paid);
    assert_eq!(stage.order(ANN).food_krw, Krw::new(10_000));
    assert_eq!(stage.paid_and_back(ANN), (16_500, 5_000), "with two members the share is the cap");
}
