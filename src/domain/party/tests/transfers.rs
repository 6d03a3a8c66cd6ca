//! Transfer parties: what both sides say about the money, and how long the account is kept.

use super::*;
use crate::domain::order::TransferState;

fn a_locked_transfer_party() -> Stage {
    let mut stage = a_transfer_party();
    stage.seat(ANN, 10_000);
    stage.lock().unwrap();
    stage
}

fn transfer(stage: &Stage) -> Option<TransferState> {
    stage.order(ANN).transfer_state
}

type Say = fn(&mut Stage) -> Result<()>;

const SENT: Say = |stage| stage.party.transfer_sent(stage.order(ANN).id, stage.now);
const RECEIVED: Say = |stage| stage.party.transfer_received(stage.order(ANN).id);
const DISPUTED: Say = |stage| stage.party.transfer_disputed(stage.order(ANN).id, stage.now);
const UNPAID: Say = |stage| stage.party.transfer_unpaid(stage.order(ANN).id);

#[test]
fn no_money_goes_through_us() {
    let mut stage = a_locked_transfer_party();
    assert_eq!(stage.order(ANN).owed_krw, Some(Krw::new(11_500)));
    assert_eq!(transfer(&stage), Some(TransferState::Due));
    assert_eq!(stage.order(HOST).transfer_state, None);
    stage.place(23_000).unwrap();
    stage.arrive(HOST).unwrap();
    stage.pick_up(ANN).unwrap();
    stage.tick();
    assert_eq!(stage.party.state, State::Completed, "neither waits for the other");
    assert!(stage.party.news.entries.is_empty() && stage.party.payouts.is_empty());
}

#[test]
fn each_word_about_a_transfer_has_its_time() {
    use TransferState::{Disputed, Due, Received, Sent, Unpaid};
    let ways: [(TransferState, &[Say]); 5] = [
        (Due, &[]),
        (Sent, &[SENT]),
        (Received, &[SENT, RECEIVED]),
        (Disputed, &[SENT, DISPUTED]),
        (Unpaid, &[SENT, DISPUTED, UNPAID]),
    ];
    // What becomes of [due, sent, received, disputed, unpaid]; none: refused.
    let table: [(&str, Say, [Option<TransferState>; 5]); 4] = [
        ("sent", SENT, [Some(Sent), Some(Sent), Some(Received), Some(Disputed), Some(Unpaid)]),
        ("received", RECEIVED, [None, Some(Received), Some(Received), Some(Received), None]),
        ("disputed", DISPUTED, [None, Some(Disputed), None, Some(Disputed), Some(Unpaid)]),
        ("unpaid", UNPAID, [None, None, None, Some(Unpaid), Some(Unpaid)]),
    ];
    for (name, say, becomes) in table {
        for ((from, way), to) in ways.iter().zip(becomes) {
            let mut stage = a_locked_transfer_party();
            way.iter().for_each(|step| step(&mut stage).unwrap());
            assert_eq!(transfer(&stage), Some(*from));
            match to {
                Some(to) => {
                    say(&mut stage).unwrap();
                    assert_eq!(transfer(&stage), Some(to), "{name} when {}", from.word());
                }
                None => assert_eq!(refused(say(&mut stage)), (Code::WrongState, Some(from.word())), "{name}"),
            }
        }
    }
}

#[test]
fn there_is_no_transfer_before_the_lock_nor_in_a_prepaid_party() {
    let mut stage = a_transfer_party();
    stage.seat(ANN, 10_000);
    assert_eq!(refused(SENT(&mut stage)), (Code::WrongState, Some("joined")));
    let mut stage = a_locked_party();
    assert_eq!(refused(SENT(&mut stage)), (Code::WrongState, Some("confirmed")));
}

#[test]
fn a_host_who_is_silent_for_a_day_has_received_it() {
    let mut stage = a_locked_transfer_party();
    stage.place(23_000).unwrap();
    stage.wait(5);
    SENT(&mut stage).unwrap();
    stage.now += Duration::hours(24) - Duration::milliseconds(1);
    stage.tick();
    assert_eq!(transfer(&stage), Some(TransferState::Sent));
    assert_eq!(stage.party.due_at(), Some(stage.now + Duration::milliseconds(1)));
    stage.now += Duration::milliseconds(1);
    stage.tick();
    assert_eq!(transfer(&stage), Some(TransferState::Received));
}

#[test]
fn nothing_is_due_any_more_in_a_cancelled_party() {
    let mut stage = a_locked_transfer_party();
    stage.cancel(CancelReason::Host).unwrap();
    assert_eq!(transfer(&stage), None);
    assert_eq!(refused(SENT(&mut stage)), (Code::WrongState, Some("cancelled")));
}

#[test]
fn the_account_is_erased_7_days_after_the_end() {
    let mut stage = a_locked_transfer_party();
    stage.cancel(CancelReason::Host).unwrap();
    assert_eq!(stage.party.due_at(), Some(stage.now + Duration::days(7)));
    stage.wait_and_tick(7 * 24 * 60 - 1);
    assert!(stage.party.sealed_account.is_some());
    stage.wait_and_tick(1);
    assert_eq!((stage.party.sealed_account.as_deref(), stage.party.due_at()), (None, None));
}
