//! The table of transitions: who may, when not, and what a repetition answers.

use super::*;
use crate::domain::error::FieldFault;
use crate::domain::party::ArrivedBy;

/// A party of Ann and Ben in each of its states.
fn in_state(state: State) -> Stage {
    match state {
        State::Open => {
            let mut party = a_party();
            party.seat(ANN, 10_000);
            party.seat(BEN, 12_000);
            party
        }
        State::Locked => a_locked_party(),
        State::Placed => a_placed_party(),
        State::Arrived => an_arrived_party(),
        State::Completed => a_completed_party(),
        State::Cancelled => {
            let mut party = a_party();
            party.seat(ANN, 10_000);
            party.cancel(CancelReason::Host).unwrap();
            party
        }
    }
}

type Command = fn(&mut Stage) -> Result<()>;

/// Name, command, the states it starts from, the state it leads to, the states in which it has happened before.
type Row = (&'static str, Command, &'static [State], State, &'static [State]);

/// In which states a command acts, and in which it has happened before.
#[test]
fn each_transition_starts_from_its_states_alone() {
    use State::{Arrived, Cancelled, Completed, Locked, Open, Placed};
    let place: Command = |stage| stage.place(34_999);
    let rows: [Row; 8] = [
        ("lock", |stage| stage.lock(), &[Open], Locked, &[Locked, Placed, Arrived, Completed]),
        ("place", place, &[Locked, Placed], Placed, &[]),
        ("arrive", |stage| stage.arrive(HOST), &[Placed], Arrived, &[Arrived, Completed]),
        ("cancel as host", |stage| stage.cancel(CancelReason::Host), &[Open, Locked], Cancelled, &[Cancelled]),
        ("cancel for the store", |stage| stage.cancel(CancelReason::Store), &[Placed], Cancelled, &[]),
        (
            "cancel as operator",
            |stage| stage.cancel(CancelReason::Operator),
            &[Open, Locked, Placed, Arrived],
            Cancelled,
            &[],
        ),
        ("time out", |stage| stage.cancel(CancelReason::PlacementTimeout), &[Locked], Cancelled, &[]),
        ("complete", |stage| stage.act(Party::complete_by_operator), &[Arrived], Completed, &[Completed]),
    ];
    for (name, command, from, to, repeats) in rows {
        for &state in State::ALL {
            let mut stage = in_state(state);
            let before = stage.party.clone();
            if from.contains(&state) {
                command(&mut stage).unwrap();
                assert_eq!(stage.party.state, to, "{name} when {}", state.word());
                let once = stage.party.clone();
                command(&mut stage).unwrap();
                assert_eq!(stage.party, once, "{name} twice when {}", state.word());
            } else if repeats.contains(&state) {
                command(&mut stage).unwrap();
                assert_eq!(stage.party, before, "{name} again when {}", state.word());
            } else {
                assert_eq!(refused(command(&mut stage)), (Code::WrongState, Some(state.word())), "{name}");
                assert_eq!(stage.party, before, "{name} when {}", state.word());
            }
        }
    }
}

#[test]
fn what_has_happened_answers_yes_whatever_came_after() {
    let mut stage = a_placed_party();
    stage.party.orders[1].voted_at = Some(stage.now);
    stage.cancel(CancelReason::Store).unwrap();
    let before = stage.party.clone();
    stage.lock().unwrap();
    stage.place(35_000).unwrap();
    stage.arrive(ANN).unwrap();
    stage.cancel(CancelReason::Store).unwrap();
    assert_eq!(stage.party, before);
    assert_eq!(refused(stage.arrive(BEN)), (Code::WrongState, Some("cancelled")), "he has never voted");
    assert_eq!(refused(stage.cancel(CancelReason::Host)), (Code::WrongState, Some("cancelled")));
}

#[test]
fn a_lock_demands_members_food_and_no_payment_under_way() {
    let mut stage = a_party();
    assert_eq!(refused(stage.lock()), (Code::TooFewMembers, Some("open")));
    stage.seat(ANN, 9_999);
    assert_eq!(refused(stage.lock()), (Code::OrderTooSmall, Some("open")));
    stage.join(BEN, 10_000).unwrap();
    stage.begin(BEN).unwrap();
    assert_eq!(refused(stage.lock()), (Code::PaymentPending, Some("open")), "more to the point than too little food");
    stage.resolve(BEN, Outcome::Paid);
    stage.lock().unwrap();
}

#[test]
fn a_lock_does_not_wait_for_the_payment_of_a_seat_that_is_gone() {
    let mut stage = a_party();
    stage.seat(ANN, 10_000);
    stage.join(BEN, 10_000).unwrap();
    stage.begin(BEN).unwrap();
    stage.leave(BEN).unwrap();
    stage.lock().unwrap();
}

#[test]
fn a_lock_ends_unpaid_seats_and_freezes_the_quote() {
    let mut stage = a_party();
    stage.seat(ANN, 10_000);
    stage.join(BEN, 12_000).unwrap();
    stage.lock().unwrap();
    assert_eq!(stage.state(BEN), OrderState::Expired);
    assert_eq!((stage.state(ANN), stage.state(HOST)), (OrderState::Confirmed, OrderState::Confirmed));
    let quote = stage.party.quote.clone().unwrap();
    assert_eq!((quote.food_total_krw.get(), quote.fee_krw.get(), quote.total_krw.get()), (20_000, 3_000, 23_000));
    assert_eq!(quote.shares.len(), 2);
    assert_eq!(stage.party.present_quote(), quote);
}

#[test]
fn a_placement_needs_a_plausible_receipt() {
    // The quote is 35,000.
    let cases =
        [(0, Code::Invalid), (-1, Code::Invalid), (17_499, Code::ReceiptImplausible), (200_000_001, Code::Invalid)];
    for (receipt, code) in cases {
        let mut stage = a_locked_party();
        let error = stage.place(receipt).unwrap_err();
        assert_eq!((error.code, error.more.fields[0].pointer.as_str()), (code, "/receipt_total_krw"));
        assert_eq!(stage.party.state, State::Locked);
    }
    a_locked_party().place(17_500).unwrap();
}

#[test]
fn a_placement_is_corrected_until_the_arrival() {
    let mut stage = a_placed_party();
    let eta = stage.party.placement.as_ref().unwrap().eta_at;
    assert_eq!(eta, NOON + Duration::minutes(40));
    stage.wait(10);
    stage.place(30_000).unwrap();
    let corrected = stage.party.placement.clone().unwrap();
    assert_eq!((corrected.receipt_total_krw.get(), corrected.eta_at, corrected.placed_at), (30_000, eta, NOON));
    assert_eq!((stage.told(EventKind::Placed), stage.told(EventKind::ReceiptCorrected)), (1, 1));
    stage.arrive(HOST).unwrap();
    assert_eq!(refused(stage.place(29_000)), (Code::WrongState, Some("arrived")));
    stage.place(30_000).unwrap();
}

#[test]
fn an_eta_lies_within_a_day_of_the_order() {
    let cases = [(-1, Some(FieldFault::TooSoon)), (0, None), (24 * 60, None), (24 * 60 + 1, Some(FieldFault::TooLate))];
    for (minutes, fault) in cases {
        let mut stage = a_locked_party();
        let eta_at = Some(stage.now + Duration::minutes(minutes));
        let placing = Placing { store_order_no: "A-7".into(), receipt_total_krw: Krw::new(35_000), eta_at };
        let told = stage.party.place(&placing, stage.now).err().map(|error| error.more.fields[0].clone());
        assert_eq!(told.map(|field| (field.pointer, field.fault)), fault.map(|fault| ("/eta_at".to_owned(), fault)));
    }
}

#[test]
fn half_of_the_guests_say_that_it_has_arrived() {
    for (guests, needed) in [(1, 1), (2, 1), (3, 2)] {
        let mut stage = a_party();
        let users: Vec<Id<User>> = (2..2 + guests).map(Id::from_raw).collect();
        for &user in &users {
            stage.seat(user, 10_000);
        }
        stage.lock().unwrap();
        stage.place(40_000).unwrap();
        for (votes, &user) in (1..).zip(&users) {
            assert_eq!(stage.party.state, State::Placed);
            stage.arrive(user).unwrap();
            stage.arrive(user).unwrap();
            if votes == needed {
                break;
            }
        }
        assert_eq!(stage.party.arrived_by, Some(ArrivedBy::Guests), "{needed} of {guests}");
    }
}

#[test]
fn strangers_neither_vote_nor_pick_up() {
    let mut stage = a_placed_party();
    assert_eq!(refused(stage.arrive(CHO)).0, Code::NotAMember);
    stage.arrive(HOST).unwrap();
    assert_eq!(refused(stage.arrive(CHO)).0, Code::NotAMember, "however late");
    let ann = stage.order(ANN).id;
    assert_eq!(refused(stage.party.pick_up(ann, BEN)).0, Code::NotTheHost);
    stage.party.pick_up(ann, HOST).unwrap();
}

#[test]
fn pick_up_and_no_show_belong_to_the_arrival() {
    let mut stage = a_placed_party();
    assert_eq!(refused(stage.pick_up(ANN)), (Code::WrongState, Some("placed")));
    assert_eq!(refused(stage.no_show(ANN)), (Code::WrongState, Some("placed")));
    stage.arrive(HOST).unwrap();
    assert_eq!(refused(stage.no_show(HOST)), (Code::WrongState, Some("confirmed")));
    stage.pick_up(ANN).unwrap();
    stage.wait(30);
    assert_eq!(refused(stage.no_show(ANN)), (Code::WrongState, Some("picked_up")));
    stage.tick();
    assert_eq!(stage.party.state, State::Arrived, "Ben is still awaited");
}

#[test]
fn the_owners_word_overrides_a_no_show_until_completion() {
    let mut stage = an_arrived_party();
    stage.wait(30);
    stage.no_show(ANN).unwrap();
    let ann = stage.order(ANN).id;
    assert_eq!(refused(stage.party.pick_up(ann, HOST)), (Code::WrongState, Some("no_show")));
    stage.pick_up(ANN).unwrap();
    assert_eq!(stage.state(ANN), OrderState::PickedUp);
    stage.no_show(BEN).unwrap();
    stage.tick();
    assert_eq!(stage.party.state, State::Completed);
    assert_eq!(refused(stage.pick_up(BEN)), (Code::WrongState, Some("no_show")));
}
