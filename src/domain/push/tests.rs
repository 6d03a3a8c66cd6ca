//! Tables of who is told what, and of the words.

use time::macros::datetime;

use super::reminders::still;
use super::*;
use crate::domain::party::tests::{
    ANN, BEN, HOST, NOON, Stage, a_locked_party, a_party, a_placed_party, a_transfer_party, an_arrived_party,
};
use crate::domain::user::Language;

/// Who is told what of everything that has happened, in order; reminders apart.
fn heard(stage: &Stage) -> Vec<(Id<User>, PushKind)> {
    let pushes = pushes(stage).into_iter().filter(|push| !push.kind.is_planned());
    pushes.map(|push| (push.user_id, push.kind)).collect()
}

fn pushes(stage: &Stage) -> Vec<Push> {
    let commit = Commit { version: 7, at: stage.now, events: stage.party.news.events.clone() };
    told(&stage.party, &[commit], stage.now)
}

fn planned(stage: &Stage) -> Vec<(Id<User>, PushKind, i64)> {
    let pushes = pushes(stage).into_iter().filter(|push| push.kind.is_planned());
    pushes.map(|push| (push.user_id, push.kind, (push.due_at - NOON).whole_seconds())).collect()
}

#[test]
fn the_host_hears_who_comes_and_goes() {
    let mut stage = a_party();
    stage.seat(ANN, 10_000);
    stage.seat(BEN, 12_000);
    assert_eq!(heard(&stage), [(HOST, PushKind::Joined), (HOST, PushKind::Joined)]);
    assert!(pushes(&stage).iter().any(|push| push.about == Some(ANN) && push.edition == 7));
    stage.leave(ANN).unwrap();
    // Of what is not so any more nobody is told.
    assert_eq!(heard(&stage), [(HOST, PushKind::Joined), (HOST, PushKind::Left)]);
}

#[test]
fn guests_hear_how_it_goes_on_and_the_host_what_he_has_to_do() {
    let stage = a_locked_party();
    let seats = [(HOST, PushKind::Joined), (HOST, PushKind::Joined)];
    assert_eq!(heard(&stage)[2..], [(HOST, PushKind::ToPlace), (ANN, PushKind::Locked), (BEN, PushKind::Locked)]);
    let locked = pushes(&stage).into_iter().find(|push| push.user_id == ANN).unwrap();
    // 11,500 paid, a fee of 1,000 of the 1,500 that was promised at most.
    assert_eq!(locked.facts.owed_krw.map(Krw::get), Some(11_000));
    assert_eq!(locked.facts.back_krw.map(Krw::get), Some(500));
    let stage = a_placed_party();
    assert_eq!(heard(&stage)[2..], [(ANN, PushKind::Placed), (BEN, PushKind::Placed)]);
    let stage = an_arrived_party();
    assert_eq!(heard(&stage), [&seats[..], &[(ANN, PushKind::Arrived), (BEN, PushKind::Arrived)]].concat());

    // The guests say so: the host hears it too.
    let mut stage = a_placed_party();
    stage.arrive(ANN).unwrap();
    assert_eq!(heard(&stage).last(), Some(&(HOST, PushKind::Arrived)));
}

#[test]
fn an_end_is_told_to_all_but_the_one_who_made_it() {
    let mut stage = a_locked_party();
    stage.cancel(CancelReason::Host).unwrap();
    let ends: Vec<_> = heard(&stage).into_iter().filter(|(_, kind)| *kind == PushKind::Cancelled).collect();
    assert_eq!(ends, [(ANN, PushKind::Cancelled), (BEN, PushKind::Cancelled)]);
    let mut stage = a_locked_party();
    stage.cancel(CancelReason::PlacementTimeout).unwrap();
    assert_eq!(heard(&stage).last(), Some(&(HOST, PushKind::Cancelled)));
}

#[test]
fn reminders_are_planned_and_looked_at_again() {
    let mut stage = a_party();
    assert_eq!(planned(&stage), [(HOST, PushKind::DeadlineNear, 50 * 60)]);
    let order = stage.join(ANN, 10_000).unwrap();
    assert_eq!(planned(&stage), [(HOST, PushKind::DeadlineNear, 50 * 60), (ANN, PushKind::UnpaidSeat, 3 * 60)]);
    let reminder = pushes(&stage).into_iter().find(|push| push.kind == PushKind::UnpaidSeat).unwrap();
    let look = |stage: &Stage, push: &Push| still(&stage.party, push.kind, push.subject.raw(), push.edition);
    let facts = look(&stage, &reminder).unwrap();
    assert_eq!((facts.at, facts.order_id), (Some(NOON + Duration::minutes(5)), Some(order)));
    stage.pay(ANN);
    assert_eq!(look(&stage, &reminder), None, "paid");
    let near = pushes(&stage).into_iter().find(|push| push.kind == PushKind::DeadlineNear).unwrap();
    assert!(look(&stage, &near).is_some());
    stage.party.terms.deadline_at += Duration::minutes(20);
    assert_eq!(look(&stage, &near), None, "put off; there is another");
    stage.now += Duration::minutes(75);
    assert_eq!(planned(&stage), [], "too late to remind of");

    let mut stage = an_arrived_party();
    assert_eq!(planned(&stage), [(ANN, PushKind::PickUp, 20 * 60), (BEN, PushKind::PickUp, 20 * 60)]);
    let reminder =
        pushes(&stage).into_iter().find(|push| push.user_id == ANN && push.kind == PushKind::PickUp).unwrap();
    assert!(look(&stage, &reminder).is_some());
    stage.pick_up(ANN).unwrap();
    assert_eq!(look(&stage, &reminder), None);
}

#[test]
fn transfers_are_told_to_the_other_side() {
    let mut stage = a_transfer_party();
    stage.join(ANN, 10_000).unwrap();
    stage.lock().unwrap();
    let order = stage.order(ANN).id;
    stage.party.transfer_sent(order, stage.now).unwrap();
    assert_eq!(heard(&stage).last(), Some(&(HOST, PushKind::TransferSent)));
    stage.party.transfer_disputed(order, stage.now).unwrap();
    assert_eq!(heard(&stage).last(), Some(&(ANN, PushKind::TransferDisputed)));
    let locked = pushes(&stage).into_iter().find(|push| push.kind == PushKind::Locked).unwrap();
    let (title, body) = locked.kind.words(&locked.facts, Language::English);
    assert_eq!((&*title, &*body), ("치킨 같이 시켜요", "The party is locked. Send 11,500 won to the host."));
}

#[test]
fn words_are_whole_in_both_languages() {
    let facts = Facts {
        title: "치킨 같이 시켜요".into(),
        order_id: None,
        owed_krw: Some(Krw::new(11_000)),
        back_krw: Some(Krw::new(1_500)),
        at: Some(datetime!(2026-12-01 10:05 UTC)),
        seats: Some((3, 4)),
        reason: Some(CancelReason::Store),
        is_transfer: false,
    };
    for &kind in PushKind::ALL {
        for language in [Language::Korean, Language::English] {
            let (title, body) = kind.words(&facts, language);
            assert_eq!(title, facts.title);
            assert!((5..=90).contains(&body.chars().count()), "{kind:?} {body}");
            let bare = kind.words(&Facts::default(), language).1;
            assert!(!bare.contains("  ") && !bare.is_empty(), "{kind:?} {bare}");
        }
        // The longest name that a phone may be given has 64 bytes.
        assert!(format!("{}-{}", i64::MAX, kind.word()).len() <= 64);
    }
    let say = |kind: PushKind, language| kind.words(&facts, language).1;
    assert_eq!(
        say(PushKind::Locked, Language::Korean),
        "모집이 끝났어요. 내 몫은 11,000원이에요. 1,500원은 돌려드려요."
    );
    assert_eq!(say(PushKind::Placed, Language::English), "The food is ordered and comes at about 19:05.");
    assert_eq!(
        say(PushKind::Cancelled, Language::English),
        "The store has cancelled the order. You get 1,500 won back."
    );
}

#[test]
fn pauses_double_up_to_ten_minutes() {
    let pauses: Vec<i64> =
        [1, 2, 3, 6, 7, 8, 1_000_000].into_iter().map(|tries| pause(tries).whole_seconds()).collect();
    assert_eq!(pauses, [10, 20, 40, 320, 600, 600, 600]);
    assert_eq!((pause(0), pause(i32::MIN)), (pause(1), pause(1)));
}

/// What stands in the queue of the program before is read by the next one.
#[test]
fn facts_are_read_as_they_were_written() {
    let facts =
        Facts { title: "t".into(), at: Some(datetime!(2026-12-01 10:05 UTC)), seats: Some((1, 2)), ..Facts::default() };
    let written = serde_json::to_value(&facts).unwrap();
    assert_eq!(serde_json::from_value::<Facts>(written).unwrap(), facts);
    let later: Facts = serde_json::from_str(r#"{"title": "t", "more": {}}"#).unwrap();
    assert_eq!(later.title, "t");
}
