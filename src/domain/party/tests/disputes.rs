//! Complaints: what they freeze, what an operator decides, and the host's payout around them.

use super::*;
use crate::domain::dispute::DisputeKind;
use crate::domain::ledger::Account;

fn dispute(stage: &mut Stage, user: Id<User>) -> Result<()> {
    let id = stage.order(user).id;
    stage.act(|party, at| party.dispute(id, DisputeKind::Quality, None, None, at))
}

fn decide(stage: &mut Stage, user: Id<User>, refund: i64) -> Result<()> {
    let id = stage.order(user).id;
    stage.act(|party, at| party.decide(id, Krw::new(refund), OPERATOR_NOTE, at))
}

fn pay_out(stage: &mut Stage) -> Result<()> {
    let payout = stage.party.payouts.last().expect("a payout");
    let (id, amount) = (payout.id, payout.amount_krw);
    stage.party.pay_out(id, amount, None, stage.now)
}

fn payouts(stage: &Stage) -> Vec<i64> {
    stage.party.payouts.iter().map(|payout| payout.amount_krw.get()).collect()
}

/// With three guests, so that one complaint is less than half. Each owes 10,750.
fn a_party_of_four() -> Stage {
    let mut stage = a_party();
    for user in [ANN, BEN, CHO] {
        stage.seat(user, 10_000);
    }
    stage.lock().unwrap();
    stage.place(43_000).unwrap();
    stage.arrive(HOST).unwrap();
    stage
}

fn complete(stage: &mut Stage) {
    for user in [ANN, BEN, CHO] {
        stage.pick_up(user).unwrap();
    }
    stage.tick();
    assert_eq!(stage.party.state, State::Completed);
}

#[test]
fn a_complaint_is_open_from_the_arrival_for_24_hours_even_after_completion() {
    let mut stage = a_placed_party();
    assert_eq!(refused(dispute(&mut stage, ANN)), (Code::WrongState, Some("placed")));
    let mut stage = a_completed_party();
    stage.now += Duration::hours(24) - Duration::milliseconds(1);
    dispute(&mut stage, ANN).unwrap();
    stage.now += Duration::milliseconds(1);
    assert_eq!(refused(dispute(&mut stage, BEN)), (Code::DisputeClosed, Some("completed")));
    dispute(&mut stage, ANN).unwrap();
}

#[test]
fn hosts_and_guests_of_transfer_parties_do_not_complain_here() {
    let mut stage = an_arrived_party();
    assert_eq!(refused(dispute(&mut stage, HOST)), (Code::WrongState, Some("arrived")));
    let mut stage = a_transfer_party();
    stage.seat(ANN, 10_000);
    stage.lock().unwrap();
    stage.place(23_000).unwrap();
    stage.arrive(HOST).unwrap();
    assert_eq!(refused(dispute(&mut stage, ANN)), (Code::WrongState, Some("arrived")));
}

#[test]
fn nobody_asks_for_more_than_his_share_and_nobody_complains_twice() {
    let mut stage = an_arrived_party();
    let id = stage.order(ANN).id;
    for won in [0, -1, 11_001] {
        let amount = Some(Krw::new(won));
        let error = stage.act(|party, at| party.dispute(id, DisputeKind::Other, None, amount, at)).unwrap_err();
        assert_eq!((error.code, error.more.fields[0].pointer.as_str()), (Code::Invalid, "/amount_krw"));
    }
    let amount = Some(Krw::new(11_000));
    stage.act(|party, at| party.dispute(id, DisputeKind::Other, None, amount, at)).unwrap();
    assert_eq!(refused(dispute(&mut stage, ANN)), (Code::WrongState, Some("open")));
}

#[test]
fn a_complaint_freezes_one_share_and_the_rest_is_paid_out() {
    let mut stage = a_party_of_four();
    dispute(&mut stage, ANN).unwrap();
    complete(&mut stage);
    assert_eq!(payouts(&stage), [21_500]);
    stage.wait(24 * 60);
    pay_out(&mut stage).unwrap();
    decide(&mut stage, ANN, 4_000).unwrap();
    assert_eq!(stage.paid_and_back(ANN), (11_500, 750 + 4_000));
    assert_eq!(payouts(&stage), [21_500, 6_750], "what she did not get back follows");
    pay_out(&mut stage).unwrap();
    assert_eq!(stage.party.owed_to_host(), Krw::ZERO);
}

#[test]
fn a_complaint_after_completion_lowers_the_payout_that_is_due() {
    let mut stage = a_party_of_four();
    complete(&mut stage);
    assert_eq!(payouts(&stage), [32_250]);
    dispute(&mut stage, ANN).unwrap();
    assert_eq!(payouts(&stage), [21_500]);
    decide(&mut stage, ANN, 0).unwrap();
    assert_eq!(payouts(&stage), [32_250]);
}

#[test]
fn half_of_the_guests_freeze_the_payout() {
    let mut stage = a_party_of_four();
    complete(&mut stage);
    dispute(&mut stage, ANN).unwrap();
    assert!(!stage.party.payout_frozen(), "one of three");
    let mut of_two = a_completed_party();
    dispute(&mut of_two, ANN).unwrap();
    assert!(of_two.party.payout_frozen(), "one of two");
    dispute(&mut stage, BEN).unwrap();
    stage.wait(24 * 60);
    assert_eq!(refused(pay_out(&mut stage)), (Code::PayoutFrozen, Some("completed")));
    decide(&mut stage, BEN, 10_750).unwrap();
    pay_out(&mut stage).unwrap();
    assert_eq!(payouts(&stage), [10_750]);
}

#[test]
fn a_payout_is_due_24_hours_after_the_arrival_and_made_once() {
    let mut stage = a_completed_party();
    stage.now += Duration::hours(24) - Duration::milliseconds(1);
    assert_eq!(refused(pay_out(&mut stage)), (Code::TooEarly, Some("completed")));
    stage.now += Duration::milliseconds(1);
    pay_out(&mut stage).unwrap();
    let once = stage.party.clone();
    pay_out(&mut stage).unwrap();
    assert_eq!(stage.party, once);
    assert_eq!(stage.told(EventKind::PayoutPaid), 1);
}

#[test]
fn a_decision_is_made_once_and_within_the_share() {
    let mut stage = an_arrived_party();
    dispute(&mut stage, ANN).unwrap();
    assert_eq!(refused(decide(&mut stage, ANN, 11_001)).0, Code::Invalid);
    assert_eq!(refused(decide(&mut stage, ANN, -1)).0, Code::Invalid);
    assert_eq!(refused(decide(&mut stage, BEN, 1)).0, Code::NotFound);
    decide(&mut stage, ANN, 11_000).unwrap();
    decide(&mut stage, ANN, 11_000).unwrap();
    assert_eq!(refused(decide(&mut stage, ANN, 10_999)), (Code::WrongState, Some("decided")));
    assert_eq!(stage.paid_and_back(ANN), (11_500, 11_500));
}

#[test]
fn a_lower_receipt_gives_back_whatever_was_complained_about() {
    // Of 5,000 saved on 35,000: host 1,571, Ann 1,571 (by the tie 1,572), Ben 1,857.
    for (decided, back) in [(None, 1_571), (Some(0), 1_571), (Some(10_500), 500)] {
        let mut stage = a_placed_party();
        stage.place(30_000).unwrap();
        stage.arrive(HOST).unwrap();
        dispute(&mut stage, ANN).unwrap();
        if let Some(refund) = decided {
            decide(&mut stage, ANN, refund).unwrap();
        }
        stage.wait_and_tick(24 * 60);
        assert_eq!(stage.party.state, State::Completed);
        assert_eq!(stage.paid_and_back(ANN).1, 500 + decided.unwrap_or(0) + back, "decided: {decided:?}");
    }
}

#[test]
fn an_operator_who_cancels_gives_back_what_a_complaint_has_frozen_or_left_to_the_host() {
    for decided in [None, Some(0), Some(4_000)] {
        let mut stage = an_arrived_party();
        dispute(&mut stage, ANN).unwrap();
        if let Some(refund) = decided {
            decide(&mut stage, ANN, refund).unwrap();
        }
        stage.cancel(CancelReason::Operator).unwrap();
        assert_eq!(stage.paid_and_back(ANN), (11_500, 11_500), "decided: {decided:?}");
        for account in [Account::Order, Account::Dispute, Account::Host] {
            assert_eq!(stage.booked(account), 0, "{account:?}, decided: {decided:?}");
        }
        assert_eq!(stage.party.owed_to_host(), Krw::ZERO);
    }
}

#[test]
fn a_cancellation_that_we_did_not_order_is_booked_once_and_taken_from_whoever_has_the_money() {
    let cancel = |stage: &mut Stage, key: &str, won| {
        let id = stage.payment(ANN).id;
        stage.act(|party, at| party.foreign_cancel(id, key, Krw::new(won), at)).unwrap();
    };
    let mut stage = a_completed_party();
    cancel(&mut stage, "t-1", 1_000);
    cancel(&mut stage, "t-1", 1_000);
    assert_eq!(stage.paid_and_back(ANN), (11_500, 1_500));
    assert_eq!((stage.told(EventKind::PaymentReview), payouts(&stage)), (1, vec![23_000]));
    dispute(&mut stage, ANN).unwrap();
    cancel(&mut stage, "t-2", 10_000);
    assert_eq!(stage.order(ANN).dispute.as_ref().unwrap().frozen_krw, Krw::ZERO);
    decide(&mut stage, ANN, 0).unwrap();
    assert_eq!((stage.paid_and_back(ANN), payouts(&stage)), ((11_500, 11_500), vec![13_000]));
}
