//! A boost: for an open party, half an hour, and once.

use super::*;

fn boost(stage: &mut Stage, from: Time) -> Result<()> {
    let now = stage.now;
    stage.party.boost(from, now)
}

#[test]
fn it_lasts_for_half_an_hour_and_ends_by_the_clock() {
    let mut stage = a_party();
    boost(&mut stage, NOON).unwrap();
    let until = NOON + Duration::minutes(30);
    assert!(stage.party.is_boosted(NOON) && stage.party.listing().is_boosted);
    assert_eq!(stage.party.due_at(), Some(until));
    stage.now = until - Duration::milliseconds(1);
    stage.tick();
    assert!(stage.party.is_boosted(stage.now));
    stage.now = until;
    assert!(!stage.party.is_boosted(until), "whether or not the clock has been");
    stage.tick();
    assert_eq!((stage.party.boosted_at, stage.party.boosted_until), (Some(NOON), None));
    assert!(!stage.party.listing().is_boosted);
    boost(&mut stage, until).unwrap();
    assert!(stage.party.is_boosted(until));
}

#[test]
fn the_same_boost_lifts_once_and_late_not_at_all() {
    let mut stage = a_party();
    stage.wait(10);
    boost(&mut stage, NOON).unwrap();
    assert_eq!(stage.party.boosted_until, Some(NOON + Duration::minutes(30)), "it counts from when it was spent");
    let lifted = stage.party.clone();
    boost(&mut stage, NOON).unwrap();
    boost(&mut stage, NOON - Duration::minutes(5)).unwrap();
    assert_eq!(stage.party, lifted);
    let mut stage = a_party();
    stage.wait(30);
    boost(&mut stage, NOON).unwrap();
    assert_eq!(stage.party.boosted_at, None);
}

#[test]
fn it_is_for_parties_that_can_be_joined() {
    let mut stage = a_locked_party();
    let now = stage.now;
    assert_eq!(boost(&mut stage, now).unwrap_err().code, Code::PartyNotOpen);
    let mut stage = a_party();
    stage.wait(60);
    let now = stage.now;
    assert_eq!(boost(&mut stage, now).unwrap_err().code, Code::DeadlinePassed);
}

#[test]
fn it_ends_with_the_search() {
    let mut stage = a_party();
    boost(&mut stage, NOON).unwrap();
    stage.wait(10);
    stage.cancel(CancelReason::Host).unwrap();
    stage.tick();
    assert_eq!(stage.party.boosted_until, None);
    boost(&mut stage, NOON).unwrap();
    assert_eq!(stage.party.boosted_until, None, "the same again has happened");
}
