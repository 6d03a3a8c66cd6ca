//! Toss's documented answers, and every way in which a connection can fail, against our client on a real socket.

use std::io::Write;
use std::net::TcpListener;

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use super::*;
use crate::upstream::scripted::{Act, answer_text, serve};

const KEY: &str = "tgen_20261122abcdef";
const ORDER: &str = "7318349394477056-1";
const CONFIRM: Confirm<'_> = Confirm {
    payment_key: KEY,
    provider_order_id: ORDER,
    amount_krw: Krw::new(9500),
    idempotency_key: "7318349394477056-1-1",
};
const CANCEL: Cancel<'_> = Cancel {
    payment_key: KEY,
    provider_order_id: ORDER,
    amount_krw: Krw::new(1500),
    reason: "lock",
    idempotency_key: "refund-1",
};

fn toss(address: &str) -> Toss {
    Toss::new(address, &SecretString::from("test_sk_secret")).unwrap()
}

fn soon() -> Deadline {
    Deadline::within(Duration::from_secs(20))
}

/// As in Toss's reference, with fields and words that we do not know.
fn paid() -> Value {
    json!({
        "version": "2099-01-01", "paymentKey": KEY, "orderId": ORDER, "orderName": "치킨 외 2건", "status": "DONE",
        "totalAmount": 9500, "balanceAmount": 9500, "currency": "KRW", "method": "간편결제", "isPartialCancelable": true,
        "lastTransactionKey": "B7103F204998813B889C77C043D09502", "cancels": null, "card": null,
        "easyPay": {"provider": "토스페이", "amount": 9500, "discountAmount": 0}, "a field of tomorrow": [1, {"x": "y"}],
    })
}

fn part_refunded() -> Value {
    let cancel = |key: &str, amount: i64, left: i64| {
        json!({"transactionKey": key, "cancelAmount": amount, "refundableAmount": left, "cancelStatus": "DONE",
            "cancelReason": "lock", "canceledAt": "2026-11-22T12:00:00+09:00"})
    };
    with(
        paid(),
        &[
            ("status", json!("PARTIAL_CANCELED")),
            ("balanceAmount", json!(7000)),
            ("lastTransactionKey", json!("T2")),
            ("cancels", json!([cancel("T1", 1000, 8500), cancel("T2", 1500, 7000)])),
        ],
    )
}

fn with(mut payment: Value, fields: &[(&str, Value)]) -> Value {
    for (field, value) in fields {
        payment[*field] = value.clone();
    }
    payment
}

async fn confirm(act: Act) -> Result<Payment, Fault> {
    let (address, _server) = serve(vec![act]);
    toss(&address).confirm(&CONFIRM, soon()).await
}

async fn cancel(act: Act) -> Result<Cancelled, Fault> {
    let (address, _server) = serve(vec![act]);
    toss(&address).cancel(&CANCEL, soon()).await
}

/// Both times the same, if it is asked twice.
async fn look_up(act: Act) -> Result<Option<Payment>, Fault> {
    let (address, _server) = serve(vec![act.clone(), act]);
    toss(&address).look_up(ORDER, soon()).await
}

fn failure(status: u16, code: &str) -> Act {
    Act::Answer(status, json!({"code": code, "message": "카드사 메시지, 이름과 주소"}))
}

#[tokio::test]
async fn a_confirm_asks_as_documented_and_understands_the_payment() {
    let (address, server) = serve(vec![Act::Answer(200, paid())]);
    let payment = toss(&format!("{address}/toss/")).confirm(&CONFIRM, soon()).await.unwrap();
    assert_eq!((payment.payment_key.as_str(), payment.provider_order_id.as_str()), (KEY, ORDER));
    assert_eq!((payment.status, payment.method), (Status::Done, Method::EasyPay));
    assert_eq!((payment.total_krw.get(), payment.balance_krw.get(), payment.partial_cancelable), (9500, 9500, true));

    let request = server.asked.recv().unwrap();
    assert!(request.starts_with("POST /toss/v1/payments/confirm HTTP/1.1\r\n"), "{request}");
    // Base64 of "test_sk_secret:", the colon included.
    assert!(request.contains("authorization: Basic dGVzdF9za19zZWNyZXQ6\r\n"), "{request}");
    assert!(request.contains("idempotency-key: 7318349394477056-1-1\r\n"), "{request}");
    let body: Value = serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(body, json!({"paymentKey": KEY, "orderId": ORDER, "amount": 9500}));
}

#[tokio::test]
async fn a_cancel_asks_as_documented_and_finds_its_own_row() {
    let (address, server) = serve(vec![Act::Answer(200, part_refunded())]);
    let cancelled = toss(&address).cancel(&CANCEL, soon()).await;
    assert_eq!(cancelled, Ok(Cancelled { transaction_key: "T2".into(), balance_krw: Krw::new(7000) }));

    let request = server.asked.recv().unwrap();
    assert!(request.starts_with(&format!("POST /v1/payments/{KEY}/cancel HTTP/1.1\r\n")), "{request}");
    let body: Value = serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(body, json!({"cancelReason": "lock", "cancelAmount": 1500}));
}

#[tokio::test]
async fn a_look_up_tells_found_from_never_seen() {
    let found = look_up(Act::Answer(200, part_refunded())).await.unwrap().unwrap();
    assert_eq!((found.status, found.balance_krw.get()), (Status::PartialCanceled, 7000));
    assert_eq!(
        found.cancels.iter().map(|row| (row.amount_krw.get(), row.done)).collect::<Vec<_>>(),
        [(1000, true), (1500, true)]
    );
    assert_eq!(look_up(failure(404, "NOT_FOUND_PAYMENT")).await, Ok(None));
    let html = Act::Raw(answer_text(404, "", "<html>not found</html>"));
    assert_eq!(look_up(html).await, Err(Fault::Unknown(why::GARBAGE)), "a gateway's 404 says nothing");
    let other = with(paid(), &[("orderId", json!("7318349394477057-1"))]);
    assert_eq!(look_up(Act::Answer(200, other)).await, Err(Fault::Unknown(why::MISMATCH)));
    assert_eq!(look_up(failure(401, "UNAUTHORIZED_KEY")).await, Err(Fault::Refused("UNAUTHORIZED_KEY".into())));
}

#[tokio::test]
async fn nothing_was_sent_when_there_is_no_connection() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(toss(&format!("http://{closed}")).confirm(&CONFIRM, soon()).await, Err(Fault::Unreachable));
    let nowhere = toss("http://toss.invalid").confirm(&CONFIRM, soon()).await;
    assert_eq!(nowhere, Err(Fault::Unreachable), "no such name");
}

#[tokio::test]
async fn a_peer_that_cannot_prove_itself_is_not_trusted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.accept().unwrap().0.write_all(b"HTTP/1.1 400 x\r\n\r\n"));
    let answer = toss(&format!("https://localhost:{}", address.port())).confirm(&CONFIRM, soon()).await;
    assert_eq!(answer, Err(Fault::Untrusted));
}

#[tokio::test]
async fn after_the_request_every_break_leaves_the_outcome_unknown() {
    for (what, act, why) in [
        ("closed without an answer", Act::Raw(vec![]), why::RESET),
        ("reset without an answer", Act::Reset(b""), why::RESET),
        ("garbage", Act::Raw(b"\x00\xff garbage\r\n\r\n".to_vec()), why::RESET),
        ("closed in the body", Act::Raw(b"HTTP/1.1 200 x\r\ncontent-length: 999\r\n\r\n{\"paym".to_vec()), why::RESET),
        ("reset in the body", Act::Reset(b"HTTP/1.1 200 x\r\ncontent-length: 999\r\n\r\n{\"paym"), why::RESET),
        ("half a JSON", Act::Raw(answer_text(200, "", &paid().to_string()[..80])), why::GARBAGE),
        ("HTML", Act::Raw(answer_text(200, "", "<html>ok</html>")), why::GARBAGE),
        ("a gateway's HTML", Act::Raw(answer_text(502, "", "<html>bad gateway</html>")), why::SERVER_ERROR),
        ("an empty 503", Act::Raw(answer_text(503, "", "")), why::SERVER_ERROR),
        ("two mebibytes", Act::Raw(answer_text(200, "", &" ".repeat(2 << 20))), why::TOO_LARGE),
        ("an error in a success", Act::Answer(200, json!({"code": "REJECT_CARD_PAYMENT"})), why::GARBAGE),
    ] {
        assert_eq!(confirm(act).await, Err(Fault::Unknown(why)), "{what}");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_unknown() {
    for begun in [&b""[..], b"HTTP/1.1 200 x\r\ncontent-length: 9\r\n\r\n{"] {
        let (address, server) = serve(vec![Act::Hang(begun)]);
        let hurried = Deadline::within(Duration::from_millis(800));
        assert_eq!(toss(&address).confirm(&CONFIRM, hurried).await, Err(Fault::Unknown(why::TIMEOUT)));
        assert!(server.asked.recv().unwrap().starts_with("POST"), "it was delivered");
    }
}

#[tokio::test]
async fn without_time_nothing_is_sent() {
    let (address, server) = serve(vec![]);
    let late = Deadline::within(Duration::from_millis(499));
    let answer = toss(&address).confirm(&CONFIRM, late).await;
    assert_eq!(answer, Err(Fault::Busy { retry_after_ms: Some(1000) }));
    assert!(server.asked.try_recv().is_err());
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let (elsewhere, seen) = serve(vec![Act::Answer(200, paid())]);
        let redirect = answer_text(status, &format!("location: {elsewhere}/v1/payments/confirm\r\n"), "");
        assert_eq!(confirm(Act::Raw(redirect)).await, Err(Fault::Unknown(why::REDIRECT)), "{status}");
        assert!(seen.asked.try_recv().is_err(), "the key went elsewhere");
    }
}

#[tokio::test]
async fn a_broken_connection_is_not_tried_again_behind_our_back() {
    let (address, server) = serve(vec![Act::Reset(b""), Act::Answer(200, paid())]);
    let toss = toss(&address);
    assert_eq!(toss.confirm(&CONFIRM, soon()).await, Err(Fault::Unknown(why::RESET)));
    assert!(toss.confirm(&CONFIRM, soon()).await.is_ok(), "the second act was still to be played");
    assert_eq!(server.asked.iter().count(), 2);
}

#[tokio::test]
async fn a_success_counts_for_our_key_order_and_amount_only() {
    for (field, value, why) in [
        ("paymentKey", json!("tgen_other"), why::MISMATCH),
        ("orderId", json!("7318349394477056-2"), why::MISMATCH),
        ("totalAmount", json!(9501), why::MISMATCH),
        ("totalAmount", json!("9500"), why::GARBAGE),
        ("totalAmount", json!(9500.5), why::GARBAGE),
        ("balanceAmount", json!(null), why::GARBAGE),
        ("currency", json!("USD"), why::GARBAGE),
        ("status", json!("ABORTED"), why::UNEXPECTED_STATE),
        ("status", json!("A_WORD_OF_TOMORROW"), why::UNEXPECTED_STATE),
    ] {
        let answer = confirm(Act::Answer(200, with(paid(), &[(field, value.clone())]))).await;
        assert_eq!(answer, Err(Fault::Unknown(why)), "{field} {value}");
    }
}

#[tokio::test]
async fn a_cancel_counts_for_its_own_amount_only_and_when_it_is_done() {
    let in_progress = json!([{"transactionKey": "T2", "cancelAmount": 1500, "cancelStatus": "IN_PROGRESS"}]);
    let other_amount = json!([{"transactionKey": "T2", "cancelAmount": 1000, "cancelStatus": "DONE"}]);
    for (field, value, why) in [
        ("cancels", in_progress, why::UNEXPECTED_STATE),
        ("cancels", other_amount, why::MISMATCH),
        ("cancels", json!(null), why::MISMATCH),
        ("lastTransactionKey", json!("T1"), why::MISMATCH),
        ("orderId", json!("7318349394477056-2"), why::MISMATCH),
        ("paymentKey", json!("tgen_other"), why::MISMATCH),
    ] {
        let answer = cancel(Act::Answer(200, with(part_refunded(), &[(field, value.clone())]))).await;
        assert_eq!(answer, Err(Fault::Unknown(why)), "{field} {value}");
    }
}

#[tokio::test]
async fn unknown_words_are_tolerated_where_they_decide_nothing() {
    let words =
        [("method", json!("양자결제")), ("isPartialCancelable", json!(false)), ("status", json!("SOMETHING_NEW"))];
    let found = look_up(Act::Answer(200, with(paid(), &words))).await.unwrap().unwrap();
    assert_eq!((found.method, found.status, found.partial_cancelable), (Method::Other, Status::Other, false));
    let deposit = [("method", json!("가상계좌")), ("status", json!("WAITING_FOR_DEPOSIT"))];
    let payment = confirm(Act::Answer(200, with(paid(), &deposit))).await.unwrap();
    assert_eq!((payment.method, payment.status), (Method::VirtualAccount, Status::WaitingForDeposit));
    for (word, method) in [
        ("카드", Method::Card),
        ("계좌이체", Method::Transfer),
        ("휴대폰", Method::Mobile),
        ("도서문화상품권", Method::GiftCertificate),
    ] {
        assert_eq!(Method::of(word), method);
    }
}

#[tokio::test]
async fn too_many_requests_wait_as_long_as_they_say_within_reason() {
    for (header, wait) in [
        ("retry-after: 7\r\n", Some(7000)),
        ("retry-after: 0\r\n", Some(1000)),
        ("retry-after: 86400\r\n", Some(60_000)),
        ("retry-after: Sun, 22 Nov 2026 00:00:00 GMT\r\n", None),
        ("", None),
    ] {
        for body in ["", "<html>slow down</html>", r#"{"code":"TOO_MANY_REQUESTS","message":""}"#] {
            let answer = confirm(Act::Raw(answer_text(429, header, body))).await;
            assert_eq!(answer, Err(Fault::Busy { retry_after_ms: wait }), "{header} {body}");
        }
    }
}

#[tokio::test]
async fn the_code_decides_and_not_the_status() {
    for status in [400, 401, 403, 404, 409, 500, 503] {
        assert_eq!(confirm(failure(status, "FDS_ERROR")).await, Err(Fault::Rejected(Decline::FraudCheck)));
        assert_eq!(confirm(failure(status, "A_CODE_OF_TOMORROW")).await, Err(Fault::Unknown(why::UNKNOWN_CODE)));
        assert_eq!(cancel(failure(status, "A_CODE_OF_TOMORROW")).await, Err(Fault::Unknown(why::UNKNOWN_CODE)));
    }
    for no_code in ["", "한글", "reject_card_payment", "A CODE\nWITH A LINE", &"A".repeat(65)] {
        assert_eq!(confirm(failure(400, no_code)).await, Err(Fault::Unknown(why::GARBAGE)), "{no_code}");
    }
}

#[tokio::test]
async fn a_sick_provider_is_left_alone_but_can_still_be_asked_for_the_truth() {
    let sick = || Act::Raw(answer_text(500, "", ""));
    let acts = (0..20).map(|_| sick()).chain([Act::Answer(200, paid())]).collect();
    let (address, _server) = serve(acts);
    let toss = toss(&address);
    for _ in 0..20 {
        assert_eq!(toss.confirm(&CONFIRM, soon()).await, Err(Fault::Unknown(why::SERVER_ERROR)));
    }
    let Err(Fault::Busy { retry_after_ms: Some(wait) }) = toss.confirm(&CONFIRM, soon()).await else {
        panic!("the breaker is open");
    };
    assert!(wait <= 5000);
    assert!(toss.look_up(ORDER, soon()).await.unwrap().is_some(), "another class of call, another breaker");
}

#[tokio::test]
async fn declines_say_nothing_about_the_provider() {
    let (address, _server) = serve((0..25).map(|_| failure(403, "REJECT_CARD_PAYMENT")).collect());
    let toss = toss(&address);
    for _ in 0..25 {
        let answer = toss.confirm(&CONFIRM, soon()).await;
        assert_eq!(answer, Err(Fault::Rejected(Decline::InsufficientFunds)));
    }
}

#[tokio::test]
async fn a_full_lane_turns_the_next_away_and_no_other_lane() {
    let (address, server) = serve((0..8).map(|_| Act::Hang(b"")).chain([Act::Answer(200, paid())]).collect());
    let toss = std::sync::Arc::new(toss(&address));
    let hanging: Vec<_> = (0..8)
        .map(|_| {
            let toss = toss.clone();
            tokio::spawn(async move { toss.look_up(ORDER, soon()).await })
        })
        .collect();
    let (begun, server) = tokio::task::spawn_blocking(|| (server.asked.iter().take(8).count(), server)).await.unwrap();
    assert_eq!(begun, 8);
    assert_eq!(toss.look_up(ORDER, soon()).await, Err(Fault::Busy { retry_after_ms: Some(1000) }));
    assert!(toss.confirm(&CONFIRM, soon()).await.is_ok());
    drop(server);
    for cut_off in hanging {
        let answer = cut_off.await.unwrap();
        assert!(matches!(answer, Err(Fault::Unknown(why::RESET) | Fault::Unreachable)), "{answer:?}");
    }
}

#[tokio::test]
async fn what_happened_is_counted_in_closed_words() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let (address, _server) = serve(vec![Act::Answer(200, paid()), failure(403, "INVALID_PASSWORD")]);
    let toss = toss(&address);
    toss.confirm(&CONFIRM, soon()).await.unwrap();
    toss.confirm(&CONFIRM, soon()).await.unwrap_err();
    toss.confirm(&CONFIRM, Deadline::within(Duration::ZERO)).await.unwrap_err();
    let page = recorder.handle().render();
    for outcome in ["ok", "rejected", "no_time_left"] {
        let labels = format!(r#"{{upstream="toss",operation="confirm",outcome="{outcome}"}}"#);
        assert!(page.contains(&format!("upstream_requests_total{labels} 1\n")), "{page}");
    }
    assert!(page.contains(r#"upstream_seconds_count{upstream="toss",operation="confirm"} 2"#), "{page}");
}

#[test]
fn the_secret_is_never_printed() {
    let toss = Toss::new("http://user:word@127.0.0.1:1/toss", &SecretString::from("test_sk_secret")).unwrap();
    let printed = format!("{toss:?} {:?}", toss.authorization);
    assert!(!["secret", "word", "dGVzdF9za19zZWNyZXQ6"].iter().any(|secret| printed.contains(secret)), "{printed}");
    assert!(Toss::new("not an address", &SecretString::from("x")).is_err());
}

#[test]
fn keys_are_escaped_in_addresses() {
    let toss = toss("http://127.0.0.1:1");
    assert_eq!(toss.address(&["a/../b?c#d", "cancel"]).path(), "/v1/payments/a%2F..%2Fb%3Fc%23d/cancel");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever comes, nothing panics, and only a payment of ours counts.
    #[test]
    fn no_body_is_a_payment_by_accident(
        status in prop::sample::select(vec![200_u16, 400, 403, 500]),
        body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| {
                let mut body = paid().to_string().into_bytes();
                let at = at.index(body.len());
                body[at] = byte;
                body
            }),
        ],
    ) {
        let answer = Answer { status: StatusCode::from_u16(status).unwrap(), retry_after_ms: None, retry_after: None, body };
        if let Ok(payment) = confirmed(&answer, &CONFIRM) {
            prop_assert_eq!((payment.payment_key.as_str(), payment.provider_order_id.as_str()), (KEY, ORDER));
            prop_assert_eq!((payment.total_krw.get(), status), (9500, 200));
        }
        prop_assert!(cancelled(&answer, &CANCEL).is_err());
        let _ = looked_up(&answer, ORDER);
    }
}
