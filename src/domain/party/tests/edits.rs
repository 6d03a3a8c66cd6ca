//! Terms: what a draft must be, and what of it may change once a guest holds a seat.

use super::*;
use crate::domain::error::FieldFault;
use crate::domain::terms::{Edit, PickupEdit, StoreEdit};

type Faults = Vec<(String, FieldFault)>;
/// Where it is wrong, how, and what makes it so.
type Spoilt<'a> = (&'a str, FieldFault, &'a dyn Fn(&mut Draft));

fn faults(error: Error) -> Faults {
    assert_eq!(error.code, Code::Invalid);
    error.more.fields.into_iter().map(|field| (field.pointer, field.fault)).collect()
}

fn faults_of(spoil: impl FnOnce(&mut Draft)) -> Faults {
    let mut draft = a_transfer_draft();
    spoil(&mut draft);
    faults(draft.check(Limits::BASIC, &WordList::built_in(), NOON).expect_err("refused"))
}

fn edit(stage: &mut Stage, edit: Edit) -> Result<()> {
    let now = stage.now;
    stage.party.edit(edit, &WordList::built_in(), now)
}

fn to(deadline_minutes: i64) -> Edit {
    Edit { deadline_at: Some(NOON + Duration::minutes(deadline_minutes)), ..Edit::default() }
}

#[test]
fn every_limit_of_a_draft_has_its_pointer() {
    use FieldFault::{Empty, NotALink, NotText, OutOfRange, TooFew, TooLate, TooLong, TooMany, TooSoon};
    let account = |draft: &mut Draft, number: &str| draft.transfer_account.as_mut().unwrap().number = number.into();
    let cases: [Spoilt<'_>; 31] = [
        ("/title", Empty, &|draft| draft.title = " ".into()),
        ("/title", TooLong, &|draft| draft.title = "가".repeat(61)),
        ("/title", NotText, &|draft| draft.title = "a\nb".into()),
        ("/store/name", TooLong, &|draft| draft.store.name = "가".repeat(61)),
        ("/store/link", NotALink, &|draft| draft.store.link = Some("javascript:x".into())),
        ("/pickup/lat", OutOfRange, &|draft| draft.pickup.lat = 90.1),
        ("/pickup/lat", OutOfRange, &|draft| draft.pickup.lat = f64::NAN),
        ("/pickup/lng", OutOfRange, &|draft| draft.pickup.lng = -180.1),
        ("/pickup/label", TooLong, &|draft| draft.pickup.label = "가".repeat(81)),
        ("/pickup/memo", TooLong, &|draft| draft.pickup.memo = Some("가".repeat(201))),
        ("/min_members", OutOfRange, &|draft| draft.min_members = 1),
        ("/min_members", OutOfRange, &|draft| draft.min_members = i64::MAX),
        ("/min_members", OutOfRange, &|draft| draft.min_members = 5),
        ("/capacity", OutOfRange, &|draft| draft.capacity = 1),
        ("/capacity", OutOfRange, &|draft| draft.capacity = 11),
        ("/deadline_at", TooSoon, &|draft| draft.deadline_at = NOON + Duration::milliseconds(599_999)),
        ("/deadline_at", TooLate, &|draft| draft.deadline_at = NOON + Duration::milliseconds(86_400_001)),
        ("/min_order_krw", OutOfRange, &|draft| draft.min_order_krw = Krw::new(-1)),
        ("/min_order_krw", OutOfRange, &|draft| draft.min_order_krw = Krw::new(5_000_001)),
        ("/discount_krw", OutOfRange, &|draft| draft.discount_krw = Krw::new(-1)),
        ("/fee_tiers", TooFew, &|draft| draft.fee_tiers.clear()),
        ("/fee_tiers", TooMany, &|draft| draft.fee_tiers = vec![draft.fee_tiers[0]; 11]),
        ("/fee_tiers/0/fee_krw", OutOfRange, &|draft| draft.fee_tiers[0].fee_krw = Krw::new(100_001)),
        ("/fee_tiers/0/from_krw", OutOfRange, &|draft| draft.fee_tiers[0].from_krw = Krw::new(1)),
        ("/transfer_account", FieldFault::Required, &|draft| draft.transfer_account = None),
        ("/transfer_account", FieldFault::NotAllowedHere, &|draft| draft.settlement = Settlement::Prepaid),
        ("/transfer_account/number", OutOfRange, &|draft| account(draft, "12-345")),
        ("/transfer_account/number", OutOfRange, &|draft| account(draft, "1234567a")),
        ("/transfer_account/holder", Empty, &|draft| draft.transfer_account.as_mut().unwrap().holder.clear()),
        ("/items/0/quantity", OutOfRange, &|draft| draft.items[0].quantity = 100),
        ("/items", TooMany, &|draft| draft.items = vec![draft.items[0].clone(); 31]),
    ];
    for (pointer, fault, spoil) in cases {
        assert_eq!(faults_of(spoil), [(pointer.to_owned(), fault)]);
    }
}

#[test]
fn the_limits_themselves_are_allowed_and_plus_allows_more() {
    let mut draft = a_draft();
    draft.deadline_at = NOON + Duration::minutes(10);
    draft.capacity = 10;
    draft.min_members = 10;
    draft.items.clear();
    draft.clone().check(Limits::BASIC, &WordList::default(), NOON).expect("the shortest, without food");
    draft.capacity = 20;
    draft.deadline_at = NOON + Duration::hours(24);
    draft.check(Limits::PLUS, &WordList::default(), NOON).expect("the longest");
}

#[test]
fn all_mistakes_of_a_draft_are_told_at_once() {
    let pointers: Vec<String> = faults_of(|draft| {
        draft.title.clear();
        draft.min_members = 5;
        draft.deadline_at = NOON;
        draft.fee_tiers.clear();
        draft.transfer_account = None;
        draft.items[0].quantity = 0;
    })
    .into_iter()
    .map(|(pointer, _)| pointer)
    .collect();
    let expected = ["/title", "/deadline_at", "/fee_tiers", "/transfer_account", "/items/0/quantity", "/min_members"];
    assert_eq!(pointers, expected);
}

#[test]
fn without_guests_all_but_the_position_may_change() {
    let mut stage = a_party();
    let label = PickupEdit { label: Some("12번 출구".into()), memo: Some(Some("벤치".into())) };
    let all = Edit {
        min_members: Some(3),
        capacity: Some(6),
        deadline_at: Some(NOON + Duration::hours(3)),
        min_order_krw: Some(Krw::new(30_000)),
        discount_krw: Some(Krw::new(1_000)),
        split: Some(Split::HostFree),
        pickup: Some(label),
        ..Edit::default()
    };
    edit(&mut stage, all.clone()).unwrap();
    assert_eq!(stage.party.terms.tariff.split, Split::HostFree);
    let once = stage.party.clone();
    edit(&mut stage, all).unwrap();
    assert_eq!(stage.party, once);
    let error = edit(&mut stage, Edit { capacity: Some(2), ..Edit::default() }).unwrap_err();
    assert_eq!(faults(error), [("/capacity".to_owned(), FieldFault::OutOfRange)], "below min_members");
}

#[test]
fn what_a_guest_agreed_to_is_frozen_even_while_he_only_holds_a_seat() {
    let frozen: [Edit; 7] = [
        Edit { min_members: Some(3), ..Edit::default() },
        Edit { min_order_krw: Some(Krw::ZERO), ..Edit::default() },
        Edit { discount_krw: Some(Krw::new(1)), ..Edit::default() },
        Edit { split: Some(Split::HostPays), ..Edit::default() },
        Edit { fee_tiers: Some(vec![FeeTier { from_krw: Krw::ZERO, fee_krw: Krw::ZERO }]), ..Edit::default() },
        Edit { store: Some(StoreEdit { name: Some("b".into()), ..StoreEdit::default() }), ..Edit::default() },
        Edit { pickup: Some(PickupEdit { label: Some("b".into()), memo: None }), ..Edit::default() },
    ];
    let mut stage = a_party();
    stage.join(ANN, 10_000).unwrap();
    for change in frozen {
        let before = stage.party.clone();
        assert_eq!(refused(edit(&mut stage, change)).0, Code::TermsFrozen);
        assert_eq!(stage.party, before);
    }
    let memo = PickupEdit { label: None, memo: Some(Some("우체통 옆".into())) };
    let free = Edit {
        title: Some("한 자리!".into()),
        capacity: Some(5),
        auto_lock: Some(true),
        pickup: Some(memo),
        min_members: Some(2),
        split: Some(Split::Even),
        ..Edit::default()
    };
    edit(&mut stage, free).expect("what is as before may be repeated");
    stage.wait_and_tick(5);
    edit(&mut stage, Edit { split: Some(Split::HostPays), ..Edit::default() }).expect("he is gone");
}

#[test]
fn capacity_never_falls_below_the_seats_taken_nor_above_the_hosts_limit() {
    let mut stage = a_party();
    stage.seat(ANN, 1_000);
    stage.join(BEN, 1_000).unwrap();
    for (capacity, ok) in [(2, false), (3, true), (10, true), (11, false)] {
        let done = edit(&mut stage, Edit { capacity: Some(capacity), ..Edit::default() });
        assert_eq!(done.is_ok(), ok, "{capacity}");
    }
}

#[test]
fn under_guests_a_deadline_moves_half_an_hour_later_in_all_and_never_earlier() {
    let fault = |stage: &mut Stage, minutes| faults(edit(stage, to(minutes)).unwrap_err())[0].1;
    let mut stage = a_party();
    stage.join(ANN, 10_000).unwrap();
    assert_eq!(fault(&mut stage, 59), FieldFault::TooSoon);
    assert_eq!(fault(&mut stage, 91), FieldFault::TooLate);
    edit(&mut stage, to(80)).unwrap();
    edit(&mut stage, to(90)).unwrap();
    edit(&mut stage, to(90)).unwrap();
    assert_eq!(fault(&mut stage, 91), FieldFault::TooLate, "not step by step either");
    stage.leave(ANN).unwrap();
    edit(&mut stage, to(300)).expect("nobody was told otherwise");
}

#[test]
fn editing_ends_with_the_deadline() {
    let mut stage = a_party();
    stage.wait(60);
    assert_eq!(refused(edit(&mut stage, to(90))), (Code::DeadlinePassed, Some("open")));
    assert_eq!(refused(edit(&mut a_locked_party(), to(90))), (Code::PartyNotOpen, Some("locked")));
}
