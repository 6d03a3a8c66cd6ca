//! What happens by the clock alone, to the minute; in each case nothing happens before `due_at`.

use super::*;
use crate::domain::party::ArrivedBy;
use crate::domain::payment::PaymentState;

/// Just before `minutes` have passed nothing happens; then the job is due, and acts once.
fn after(stage: &mut Stage, minutes: i64) {
    let due = stage.now + Duration::minutes(minutes);
    assert_eq!(stage.party.due_at(), Some(due));
    let before = stage.party.clone();
    stage.now = due - Duration::milliseconds(1);
    stage.tick();
    assert_eq!(stage.party, before, "too early");
    stage.now = due;
    stage.tick();
    assert_ne!(stage.party, before, "nothing happened");
    assert!(stage.party.due_at().is_none_or(|next| next > stage.now), "due again at once");
    let once = stage.party.clone();
    stage.tick();
    assert_eq!(stage.party, once, "twice");
}

#[test]
fn a_seat_is_held_for_5_minutes() {
    let mut stage = a_party();
    stage.join(ANN, 10_000).unwrap();
    after(&mut stage, 5);
    assert_eq!(stage.state(ANN), OrderState::Expired);
    assert_eq!(stage.payment(ANN).state, PaymentState::Expired);
    assert_eq!(stage.party.due_at(), Some(stage.party.terms.deadline_at));
}

#[test]
fn a_seat_whose_payment_is_under_way_waits_for_12_minutes() {
    let mut stage = a_party();
    stage.join(ANN, 10_000).unwrap();
    stage.wait(4);
    stage.begin(ANN).unwrap();
    stage.resolve(ANN, Outcome::Unknown);
    after(&mut stage, 12);
    assert_eq!(stage.state(ANN), OrderState::Expired);
    assert_eq!(stage.payment(ANN).state, PaymentState::Confirming, "recovery goes on asking");
}

#[test]
fn a_seat_that_only_waited_for_the_answer_ends_with_it() {
    let mut stage = a_party();
    stage.join(ANN, 10_000).unwrap();
    stage.begin(ANN).unwrap();
    stage.wait(11);
    stage.resolve(ANN, Outcome::NotFound);
    assert_eq!(stage.state(ANN), OrderState::Expired);
    assert_eq!(stage.payment(ANN).state, PaymentState::Expired);
}

#[test]
fn never_heard_of_it_is_final_after_11_minutes_and_unknown_is_for_a_person_after_14_days() {
    let mut stage = a_party();
    stage.seat(BEN, 10_000);
    stage.join(ANN, 10_000).unwrap();
    stage.begin(ANN).unwrap();
    stage.now += Duration::minutes(11) - Duration::milliseconds(1);
    stage.resolve(ANN, Outcome::NotFound);
    assert_eq!(stage.payment(ANN).state, PaymentState::Confirming);
    stage.now += Duration::days(14);
    stage.resolve(ANN, Outcome::Unknown);
    assert_eq!(stage.payment(ANN).state, PaymentState::Review);
}

#[test]
fn a_provider_is_asked_in_growing_steps_and_then_hourly() {
    let mut stage = a_party();
    stage.join(ANN, 10_000).unwrap();
    stage.begin(ANN).unwrap();
    for seconds in [10, 30, 120, 300, 480, 660, 900, 900 + 3600, 900 + 7200] {
        let check_at = stage.payment(ANN).check_at.unwrap();
        assert_eq!((check_at - NOON).whole_seconds(), seconds);
        stage.now = check_at;
        stage.resolve(ANN, Outcome::Unknown);
    }
}

#[test]
fn a_top_up_can_be_paid_for_5_minutes() {
    let mut stage = a_party();
    stage.seat(ANN, 10_000);
    stage.change(ANN, 12_000).unwrap();
    after(&mut stage, 5);
    assert_eq!(stage.payment(ANN).state, PaymentState::Expired);
    assert_eq!((stage.state(ANN), stage.order(ANN).food_krw.get()), (OrderState::Joined, 10_000));
}

#[test]
fn at_the_deadline_a_party_locks_or_is_given_up() {
    let mut stage = a_party();
    stage.seat(ANN, 10_000);
    after(&mut stage, 60);
    assert_eq!(stage.party.state, State::Locked);
    let mut stage = a_party();
    after(&mut stage, 60);
    assert_eq!((stage.party.state, stage.party.cancel_reason), (State::Cancelled, Some(CancelReason::DeadlineUnmet)));
}

#[test]
fn the_deadline_waits_2_minutes_for_a_payment_under_way() {
    let mut stage = a_party();
    stage.wait(58);
    stage.join(ANN, 10_000).unwrap();
    stage.begin(ANN).unwrap();
    after(&mut stage, 4);
    assert_eq!(stage.party.state, State::Cancelled);
    assert_eq!(stage.state(ANN), OrderState::Cancelled);
}

#[test]
fn the_deadline_waits_no_longer_than_the_payment() {
    let mut stage = a_party();
    stage.wait(58);
    stage.join(ANN, 10_000).unwrap();
    stage.begin(ANN).unwrap();
    stage.wait_and_tick(3);
    assert_eq!(stage.party.state, State::Open);
    stage.resolve(ANN, Outcome::Paid);
    assert!(stage.party.due_at().unwrap() <= stage.now);
    stage.tick();
    assert_eq!(stage.party.state, State::Locked);
}

#[test]
fn after_the_deadline_no_payment_begins_even_before_the_job_has_run() {
    let mut stage = a_party();
    stage.seat(ANN, 10_000);
    stage.wait(58);
    stage.join(BEN, 10_000).unwrap();
    stage.wait(2);
    assert_eq!(refused(stage.begin(BEN)), (Code::PaymentExpired, Some("ready")));
}

#[test]
fn a_payment_under_way_delays_a_lock_12_minutes_at_most() {
    let mut stage = a_party();
    stage.seat(ANN, 10_000);
    stage.change(ANN, 12_000).unwrap();
    stage.begin(ANN).unwrap();
    stage.now += Duration::minutes(12) - Duration::milliseconds(1);
    assert_eq!(refused(stage.lock()), (Code::PaymentPending, Some("open")));
    stage.now += Duration::milliseconds(1);
    stage.lock().unwrap();
}

#[test]
fn auto_lock_acts_at_once_when_there_are_members_and_food() {
    let mut draft = a_draft();
    draft.auto_lock = true;
    let mut stage = Stage::open(draft);
    stage.seat(ANN, 9_000);
    assert_eq!(stage.party.due_at(), Some(stage.party.terms.deadline_at));
    stage.join(BEN, 1_000).unwrap();
    stage.begin(BEN).unwrap();
    stage.tick();
    assert_eq!(stage.party.state, State::Open);
    stage.resolve(BEN, Outcome::Paid);
    assert!(stage.party.due_at().unwrap() <= stage.now, "the job must come now");
    stage.tick();
    assert_eq!(stage.party.state, State::Locked);
}

#[test]
fn auto_lock_waits_for_a_payment_under_way() {
    let mut draft = a_draft();
    draft.auto_lock = true;
    let mut stage = Stage::open(draft);
    stage.join(BEN, 1_000).unwrap();
    stage.begin(BEN).unwrap();
    stage.seat(ANN, 10_000);
    after(&mut stage, 12);
    assert_eq!(stage.party.state, State::Locked);
    assert_eq!(stage.state(BEN), OrderState::Expired);
}

#[test]
fn a_host_is_reminded_after_5_and_10_minutes_and_given_up_after_15() {
    let mut stage = a_locked_party();
    for reminders in [1, 2] {
        after(&mut stage, 5);
        assert_eq!(stage.told(EventKind::PlacementReminder), reminders);
    }
    after(&mut stage, 5);
    assert_eq!(stage.party.cancel_reason, Some(CancelReason::PlacementTimeout));
}

#[test]
fn food_that_nobody_reports_counts_as_arrived_an_hour_after_its_time_and_a_person_decides() {
    let mut stage = a_placed_party();
    after(&mut stage, 40 + 60);
    assert_eq!((stage.party.state, stage.party.arrived_by), (State::Arrived, Some(ArrivedBy::System)));
    assert!(stage.party.waits_for_operator());
    assert_eq!(stage.party.due_at(), None);
    stage.wait_and_tick(3 * 24 * 60);
    assert_eq!(stage.party.state, State::Arrived);
    stage.no_show(ANN).unwrap();
    stage.no_show(BEN).unwrap();
    stage.tick();
    assert_eq!(stage.party.state, State::Arrived, "two no-shows after a silent arrival are not believed");
}

#[test]
fn one_pick_up_confirms_an_arrival_that_the_clock_declared() {
    let mut stage = a_placed_party();
    stage.wait_and_tick(100);
    stage.pick_up(ANN).unwrap();
    assert!(!stage.party.waits_for_operator());
    after(&mut stage, 24 * 60);
    assert_eq!(stage.party.state, State::Completed);
    assert_eq!(stage.state(BEN), OrderState::PickedUp);
}

#[test]
fn a_no_show_is_one_from_30_minutes_on() {
    let mut stage = an_arrived_party();
    stage.now += Duration::minutes(30) - Duration::milliseconds(1);
    assert_eq!(refused(stage.no_show(ANN)), (Code::TooEarly, Some("arrived")));
    stage.now += Duration::milliseconds(1);
    stage.no_show(ANN).unwrap();
}

#[test]
fn a_party_completes_at_once_when_all_have_come_and_else_a_day_after_its_arrival() {
    let mut stage = an_arrived_party();
    stage.pick_up(ANN).unwrap();
    stage.pick_up(BEN).unwrap();
    assert!(stage.party.due_at().unwrap() <= stage.now, "the job must come now");
    stage.tick();
    assert_eq!(stage.party.state, State::Completed);
    let mut stage = an_arrived_party();
    stage.pick_up(ANN).unwrap();
    after(&mut stage, 24 * 60);
    assert_eq!(stage.party.state, State::Completed);
    assert_eq!((stage.state(BEN), stage.state(HOST)), (OrderState::PickedUp, OrderState::PickedUp));
}

#[test]
fn a_job_that_comes_days_late_does_what_was_due() {
    let mut stage = a_party();
    stage.seat(ANN, 10_000);
    stage.wait_and_tick(3 * 24 * 60);
    assert_eq!(stage.party.state, State::Locked, "the host still has his time to place");
    assert_eq!(stage.party.due_at(), Some(stage.now + Duration::minutes(5)));
}

#[test]
fn the_next_refund_of_a_payment_waits_its_second() {
    use crate::domain::refund::Cancellation;
    let mut stage = a_party();
    stage.seat(ANN, 10_000);
    stage.change(ANN, 9_000).unwrap();
    let id = stage.payment(ANN).id;
    let refund = stage.payment(ANN).refunds[0].id;
    stage.party.payment_mut(id).unwrap().next_refund(stage.now).unwrap().send(stage.now);
    assert!(stage.party.payment_mut(id).unwrap().next_refund(stage.now).is_none(), "one at a time");
    let done = Cancellation::Done { transaction_key: "t".into() };
    stage.party.resolve_refund(id, refund, done, stage.now).unwrap();
    stage.change(ANN, 8_000).unwrap();
    assert!(stage.party.payment_mut(id).unwrap().next_refund(stage.now).is_none());
    stage.now += Duration::milliseconds(1100);
    assert!(stage.party.payment_mut(id).unwrap().next_refund(stage.now).is_some());
}
