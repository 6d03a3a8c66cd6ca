//! The books' rules, one by one.

use super::*;
use time::macros::datetime;

const NOW: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);

fn books() -> Books {
    Books::new(Ids::from_seed(1))
}

fn approval(order_id: &str, amount_krw: i64) -> Approval {
    Approval { order_id: order_id.into(), order_name: "치킨".into(), amount_krw, method: Method::Card, decline: None }
}

fn authorized(books: &mut Books, order_id: &str, amount_krw: i64) -> String {
    books.authorize(approval(order_id, amount_krw), NOW).unwrap()
}

fn paid(books: &mut Books, order_id: &str, method: Method) -> String {
    let key = books.authorize(Approval { method, ..approval(order_id, 10_000) }, NOW).unwrap();
    books.confirm(&key, order_id, 10_000, NOW).unwrap();
    key
}

fn cancel(books: &mut Books, key: &str, amount_krw: Option<i64>, after: Duration) -> Result<i64, Code> {
    books.cancel(key, amount_krw, "왜", Canceller::Merchant, NOW + after).map(|payment| payment.balance_krw())
}

#[test]
fn confirm_takes_the_money_once() {
    let mut books = books();
    let key = authorized(&mut books, "order-1", 10_000);
    assert_eq!(books.confirm(&key, "order-2", 10_000, NOW).unwrap_err(), codes::INVALID_REQUEST);
    assert_eq!(books.confirm(&key, "order-1", 10_001, NOW).unwrap_err(), codes::INVALID_REQUEST);
    assert_eq!(books.confirm("other", "order-1", 10_000, NOW).unwrap_err(), codes::NOT_FOUND_PAYMENT_SESSION);
    assert_eq!(books.by_order("order-1").unwrap().status_at(NOW), Status::InProgress);
    assert!(books.take_changes().is_empty());
    assert_eq!(books.confirm(&key, "order-1", 10_000, NOW).unwrap().status, Status::Done);
    assert_eq!(books.confirm(&key, "order-1", 10_000, NOW).unwrap_err(), codes::ALREADY_PROCESSED_PAYMENT);
    assert_eq!(books.take_changes().len(), 1);
    let truth = Truth { provider_order_id: "order-1".into(), payment_key: key, captured_krw: 10_000, refunded_krw: 0 };
    assert_eq!(books.truth(), [truth]);
}

#[test]
fn the_window_closes_after_ten_minutes() {
    let mut books = books();
    let (first, second) = (authorized(&mut books, "order-1", 500), authorized(&mut books, "order-2", 500));
    let last = NOW + Duration::minutes(10);
    assert!(books.confirm(&first, "order-1", 500, last).is_ok());
    let late = last + Duration::SECOND;
    assert_eq!(books.confirm(&second, "order-2", 500, late).unwrap_err(), codes::NOT_FOUND_PAYMENT_SESSION);
    assert_eq!(books.by_order("order-2").unwrap().object(late)["status"], "EXPIRED");
    assert_eq!(books.by_order("order-1").unwrap().object(late)["status"], "DONE");
}

#[test]
fn an_order_is_paid_by_one_key_only() {
    let mut books = books();
    let (first, second) = (authorized(&mut books, "order-1", 500), authorized(&mut books, "order-1", 500));
    assert_eq!(books.by_order("order-1").unwrap().key, second);
    books.confirm(&first, "order-1", 500, NOW).unwrap();
    assert_eq!(books.confirm(&second, "order-1", 500, NOW).unwrap_err(), codes::DUPLICATED_ORDER_ID);
    assert_eq!(books.by_order("order-1").unwrap().key, first);
}

#[test]
fn a_decline_aborts_and_leaves_the_order_free() {
    let mut books = books();
    let decline = Some(codes::REJECT_CARD_PAYMENT);
    let first = books.authorize(Approval { decline, ..approval("order-1", 500) }, NOW).unwrap();
    assert_eq!(books.confirm(&first, "order-1", 500, NOW).unwrap_err(), codes::REJECT_CARD_PAYMENT);
    let object = books.by_key(&first).unwrap().object(NOW);
    assert_eq!((&object["status"], &object["failure"]["code"]), (&json!("ABORTED"), &json!("REJECT_CARD_PAYMENT")));
    assert_eq!(books.take_changes(), [object]);
    assert_eq!(books.truth()[0].captured_krw, 0);
    assert_eq!(books.confirm(&first, "order-1", 500, NOW).unwrap_err(), codes::ALREADY_PROCESSED_PAYMENT);
    let second = authorized(&mut books, "order-1", 500);
    assert!(books.confirm(&second, "order-1", 500, NOW).is_ok());
    let small = authorized(&mut books, "order-2", 99);
    assert_eq!(books.confirm(&small, "order-2", 99, NOW).unwrap_err(), codes::BELOW_MINIMUM_AMOUNT);
}

#[test]
fn cancels_take_the_balance_down_to_nothing() {
    let mut books = books();
    let key = paid(&mut books, "order-1", Method::Card);
    let at = Duration::seconds;
    assert_eq!(cancel(&mut books, &key, Some(10_001), at(0)), Err(codes::NOT_CANCELABLE_AMOUNT));
    assert_eq!(cancel(&mut books, &key, Some(0), at(0)), Err(codes::INVALID_REQUEST));
    assert_eq!(cancel(&mut books, &key, Some(4_000), at(0)), Ok(6_000));
    assert_eq!(
        cancel(&mut books, &key, Some(1), Duration::milliseconds(999)),
        Err(codes::FORBIDDEN_CONSECUTIVE_REQUEST)
    );
    assert_eq!(cancel(&mut books, &key, Some(6_001), at(1)), Err(codes::NOT_CANCELABLE_AMOUNT));
    assert_eq!(books.by_key(&key).unwrap().status, Status::PartialCanceled);
    assert_eq!(cancel(&mut books, &key, None, at(1)), Ok(0));
    assert_eq!(cancel(&mut books, &key, None, at(2)), Err(codes::ALREADY_CANCELED_PAYMENT));
    let truth = &books.truth()[0];
    assert_eq!((truth.captured_krw, truth.refunded_krw), (10_000, 10_000));
    let listed = books.list(NOW, NOW + at(9), None, 100).unwrap();
    let rows: Vec<_> =
        listed.as_array().unwrap().iter().map(|row| (&row["status"], row["amount"].as_i64().unwrap())).collect();
    assert_eq!(rows, [(&json!("DONE"), 10_000), (&json!("PARTIAL_CANCELED"), 4_000), (&json!("CANCELED"), 6_000)]);
    let after = listed[0]["transactionKey"].as_str();
    assert_eq!(books.list(NOW, NOW + at(9), after, 1).unwrap(), json!([listed[1]]));
    assert_eq!(books.list(NOW + at(1), NOW + at(9), None, 9).unwrap(), json!([listed[2]]));
    assert_eq!(books.list(NOW, NOW, Some("x"), 9), Err(codes::INVALID_TRANSACTION_KEY));
}

#[test]
fn the_back_office_is_not_slowed_down() {
    let mut books = books();
    let key = paid(&mut books, "order-1", Method::Card);
    for left in [9_000, 8_000] {
        let payment = books.cancel(&key, Some(1_000), "전화", Canceller::BackOffice, NOW).unwrap();
        assert_eq!(payment.balance_krw(), left);
    }
}

#[test]
fn methods_differ_in_what_can_be_cancelled() {
    let mut books = books();
    let mobile = paid(&mut books, "order-1", Method::Mobile);
    assert_eq!(cancel(&mut books, &mobile, Some(1), Duration::ZERO), Err(codes::NOT_ALLOWED_PARTIAL_REFUND));
    assert_eq!(cancel(&mut books, &mobile, Some(10_000), Duration::ZERO), Ok(0));
    let account = paid(&mut books, "order-2", Method::VirtualAccount);
    assert_eq!(books.by_key(&account).unwrap().status, Status::WaitingForDeposit);
    let partial = cancel(&mut books, &account, Some(1), Duration::ZERO);
    assert_eq!(partial, Err(codes::NOT_ALLOWED_PARTIAL_REFUND_WAITING_DEPOSIT));
    assert_eq!(cancel(&mut books, &account, None, Duration::ZERO), Ok(0));
    assert_eq!((books.truth()[1].captured_krw, books.truth()[1].refunded_krw), (0, 0));
    let waiting = authorized(&mut books, "order-3", 500);
    assert_eq!(cancel(&mut books, &waiting, None, Duration::ZERO), Err(codes::NOT_CANCELABLE_PAYMENT));
}

#[test]
fn tax_follows_the_balance() {
    let mut books = books();
    let key = paid(&mut books, "order-1", Method::Card);
    let tax = |books: &Books| {
        let object = books.by_key(&key).unwrap().object(NOW);
        (object["suppliedAmount"].as_i64().unwrap(), object["vat"].as_i64().unwrap())
    };
    assert_eq!(tax(&books), (9_091, 909));
    cancel(&mut books, &key, Some(974), Duration::ZERO).unwrap();
    assert_eq!(tax(&books), (8_205, 821));
}

#[test]
fn what_toss_would_not_open_a_window_for_is_refused() {
    let mut books = books();
    for (order_id, amount_krw) in [("short", 500), ("with space", 500), ("주문번호여섯자", 500), ("order-1", 0)]
    {
        assert!(books.authorize(approval(order_id, amount_krw), NOW).is_err(), "{order_id}");
    }
}
