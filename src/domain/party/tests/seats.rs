//! Coming, changing, leaving, being sent away, and paying for a seat.

use super::*;
use crate::domain::error::Decline;
use crate::domain::payment::PaymentState;

/// What has happened before, and the code and state that tell of it.
type Refusal<'a> = (&'a str, &'a dyn Fn(&mut Stage), Code, Option<&'static str>);

#[test]
fn a_guest_of_a_prepaid_party_holds_a_seat_until_he_has_paid() {
    let mut stage = a_party();
    stage.join(ANN, 10_000).unwrap();
    assert_eq!(stage.state(ANN), OrderState::Held);
    assert_eq!(stage.order(ANN).held_until, Some(NOON + Duration::minutes(5)));
    assert_eq!(stage.payment(ANN).amount_krw, Krw::new(11_500), "food and the cap");
    assert_eq!((stage.party.seats_taken(), stage.party.member_count(), stage.party.food_total().get()), (2, 1, 10_000));
    stage.pay(ANN);
    assert_eq!((stage.state(ANN), stage.order(ANN).held_until), (OrderState::Joined, None));
    assert_eq!((stage.party.seats_taken(), stage.party.member_count(), stage.party.food_total().get()), (2, 2, 20_000));
}

#[test]
fn why_somebody_may_not_join() {
    let full = |stage: &mut Stage| {
        for user in 5..8 {
            stage.join(Id::from_raw(user), 1_000).unwrap();
        }
    };
    let refusals: [Refusal<'_>; 8] = [
        ("in it already", &|stage| drop(stage.join(ANN, 1_000)), Code::AlreadyJoined, Some("held")),
        ("kicked", &|stage| (stage.seat(ANN, 1_000), stage.kick(ANN)).1.unwrap(), Code::Kicked, None),
        ("over", &|stage| stage.cancel(CancelReason::Host).unwrap(), Code::PartyNotOpen, Some("cancelled")),
        ("too late", &|stage| stage.wait(60), Code::DeadlinePassed, Some("open")),
        ("three holds", &|stage| (0..3).for_each(|_| hold_and_expire(stage)), Code::TooManyHolds, None),
        ("full", &full, Code::PartyFull, Some("open")),
        (
            "kicked and over",
            &|stage| {
                stage.seat(ANN, 1_000);
                stage.kick(ANN).unwrap();
                stage.cancel(CancelReason::Host).unwrap();
            },
            Code::Kicked,
            None,
        ),
        ("full and too late", &|stage| (full(stage), stage.wait(60)).1, Code::DeadlinePassed, Some("open")),
    ];
    for (name, prepare, code, state) in refusals {
        let mut stage = a_party();
        prepare(&mut stage);
        let before = stage.party.clone();
        assert_eq!(refused(stage.join(ANN, 1_000)), (code, state), "{name}");
        assert_eq!(stage.party, before, "{name}");
    }
}

fn hold_and_expire(stage: &mut Stage) {
    stage.join(ANN, 1_000).unwrap();
    stage.wait_and_tick(5);
    assert_eq!(stage.state(ANN), OrderState::Expired);
}

#[test]
fn a_block_hides_the_party_but_not_from_its_own_member() {
    let blocked_by = |stage: &mut Stage, user_id, blocked: &[Id<User>]| {
        let join = Join { user_id, blocked: blocked.to_vec(), items: food(1_000) };
        stage.act(|party, at| party.join(join, at))
    };
    let mut stage = a_party();
    stage.seat(ANN, 10_000);
    assert_eq!(refused(blocked_by(&mut stage, BEN, &[ANN])).0, Code::NotFound);
    assert_eq!(refused(blocked_by(&mut stage, BEN, &[HOST])).0, Code::NotFound);
    assert_eq!(refused(blocked_by(&mut stage, ANN, &[HOST])).0, Code::AlreadyJoined);
    stage.leave(ANN).unwrap();
    blocked_by(&mut stage, BEN, &[ANN]).unwrap();
    stage.cancel(CancelReason::Host).unwrap();
    assert_eq!(refused(blocked_by(&mut stage, CHO, &[HOST])).0, Code::NotFound, "an ended party is hidden too");
}

#[test]
fn an_amount_below_200_won_cannot_be_paid() {
    let mut draft = a_draft();
    draft.split = Split::HostPays;
    let mut stage = Stage::open(draft);
    assert_eq!(refused(stage.join(ANN, 199)).0, Code::AmountTooSmall);
    stage.join(ANN, 200).unwrap();
}

#[test]
fn expired_left_and_unpaid_seats_allow_another() {
    let mut stage = a_party();
    hold_and_expire(&mut stage);
    stage.seat(ANN, 1_000);
    stage.leave(ANN).unwrap();
    stage.seat(ANN, 2_000);
    assert_eq!(stage.party.orders.len(), 4);
    assert_eq!(stage.party.seats_taken(), 2);
}

#[test]
fn the_host_stays_and_members_leave_only_while_open() {
    let mut stage = a_party();
    assert_eq!(refused(stage.leave(HOST)).0, Code::HostCannotLeave);
    assert_eq!(refused(stage.kick(HOST)).0, Code::HostCannotLeave);
    assert_eq!(stage.state(HOST), OrderState::Joined);
    stage.seat(ANN, 10_000);
    stage.wait(60);
    assert_eq!(refused(stage.leave(ANN)), (Code::DeadlinePassed, Some("open")));
    assert_eq!(refused(stage.kick(ANN)), (Code::DeadlinePassed, Some("open")));
    assert_eq!(refused(stage.change(ANN, 1)), (Code::DeadlinePassed, Some("open")));
    let mut stage = a_locked_party();
    assert_eq!(refused(stage.leave(ANN)), (Code::PartyNotOpen, Some("locked")));
    assert_eq!(refused(stage.kick(ANN)), (Code::PartyNotOpen, Some("locked")));
    assert_eq!(refused(stage.change(HOST, 1)), (Code::PartyNotOpen, Some("locked")));
    assert!(stage.change(ANN, 10_000).is_ok(), "as it is already");
}

#[test]
fn a_kick_needs_a_reason() {
    let mut stage = a_party();
    let order = stage.seat(ANN, 10_000);
    for none in [None, Some(""), Some("  ")] {
        let error = stage.act(|party, at| party.kick(order, none, at)).unwrap_err();
        assert_eq!((error.code, error.more.fields[0].pointer.as_str()), (Code::Invalid, "reason"));
    }
}

#[test]
fn an_unpaid_seat_cannot_change_its_items() {
    let mut stage = a_party();
    stage.join(ANN, 10_000).unwrap();
    assert_eq!(refused(stage.change(ANN, 9_000)), (Code::WrongState, Some("held")));
}

#[test]
fn a_top_up_runs_out_and_may_be_asked_for_again_at_once() {
    let mut stage = a_party();
    stage.seat(ANN, 10_000);
    stage.change(ANN, 12_000).unwrap();
    let first = stage.payment(ANN).id;
    stage.change(ANN, 12_000).unwrap();
    assert_eq!(stage.payment(ANN).id, first, "a repetition");
    stage.wait(5);
    assert_eq!(refused(stage.begin(ANN)).0, Code::PaymentExpired);
    stage.change(ANN, 12_000).unwrap();
    assert_ne!(stage.payment(ANN).id, first);
    stage.pay(ANN);
    assert_eq!(stage.order(ANN).food_krw, Krw::new(12_000));
}

#[test]
fn while_a_top_up_is_under_way_nothing_else_changes() {
    let mut stage = a_party();
    stage.seat(ANN, 10_000);
    stage.change(ANN, 12_000).unwrap();
    stage.begin(ANN).unwrap();
    assert_eq!(refused(stage.change(ANN, 9_000)), (Code::PaymentPending, Some("joined")));
    stage.resolve(ANN, Outcome::Declined(Decline::LimitExceeded));
    stage.change(ANN, 9_000).unwrap();
    assert_eq!(stage.payment(ANN).state, PaymentState::Cancelled);
    assert_eq!(stage.order(ANN).food_krw, Krw::new(9_000));
}

#[test]
fn a_decline_leaves_the_seat_and_another_attempt() {
    let mut stage = a_party();
    stage.join(ANN, 10_000).unwrap();
    let first = stage.payment(ANN).provider_order_id();
    stage.begin(ANN).unwrap();
    stage.resolve(ANN, Outcome::Declined(Decline::InsufficientFunds));
    assert_eq!(stage.payment(ANN).state, PaymentState::Declined);
    assert_ne!(stage.payment(ANN).provider_order_id(), first);
    let (id, amount) = (stage.payment(ANN).id, stage.payment(ANN).amount_krw);
    let again = stage.party.begin_payment(id, &first, amount, stage.now);
    assert_eq!(refused(again).0, Code::PaymentDeclined, "the same confirmation once more gets the same answer");
    stage.pay(ANN);
    assert_eq!(stage.state(ANN), OrderState::Joined);
}

#[test]
fn a_payment_under_way_is_begun_once_and_asks_for_the_right_amount() {
    let mut stage = a_party();
    stage.join(ANN, 10_000).unwrap();
    let id = stage.payment(ANN).id;
    assert_eq!(refused(stage.party.begin_payment(id, "key", Krw::new(1), stage.now)).0, Code::AmountMismatch);
    assert!(stage.begin(ANN).unwrap());
    assert!(!stage.begin(ANN).unwrap());
    stage.resolve(ANN, Outcome::Paid);
    assert!(!stage.begin(ANN).unwrap());
    stage.resolve(ANN, Outcome::Paid);
    assert_eq!(stage.told(EventKind::Paid), 1);
}

#[test]
fn an_attempt_that_was_not_made_is_made_again_with_a_new_key() {
    let mut stage = a_party();
    stage.join(ANN, 10_000).unwrap();
    stage.begin(ANN).unwrap();
    let (order_id, key) = (stage.payment(ANN).provider_order_id(), stage.payment(ANN).key());
    stage.resolve(ANN, Outcome::NotDone);
    stage.begin(ANN).unwrap();
    assert_eq!(stage.payment(ANN).provider_order_id(), order_id);
    assert_ne!(stage.payment(ANN).key(), key);
}

#[test]
fn what_was_not_paid_while_the_seat_went_can_never_be_paid() {
    for outcome in [Outcome::NotDone, Outcome::Declined(Decline::Declined)] {
        let mut stage = a_party();
        stage.join(ANN, 10_000).unwrap();
        stage.begin(ANN).unwrap();
        stage.leave(ANN).unwrap();
        stage.resolve(ANN, outcome);
        assert_eq!(stage.payment(ANN).state, PaymentState::Cancelled);
        assert_eq!(refused(stage.begin(ANN)), (Code::PaymentExpired, Some("cancelled")));
    }
}

#[test]
fn a_contradicting_answer_is_for_a_person_and_moves_no_money() {
    let mut stage = a_party();
    stage.join(ANN, 10_000).unwrap();
    stage.begin(ANN).unwrap();
    stage.resolve(ANN, Outcome::Contradiction);
    assert_eq!(stage.payment(ANN).state, PaymentState::Review);
    assert_eq!(stage.told(EventKind::PaymentReview), 1);
    assert!(stage.party.news.entries.is_empty());
}
