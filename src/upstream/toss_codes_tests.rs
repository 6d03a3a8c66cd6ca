//! Every code that Toss documents for a confirm and a cancel, and what it is to us.

use super::*;

#[test]
fn documented_confirm_codes() {
    use Decline::{BankHours, CardExpired, CardInvalid, Declined, FraudCheck, InsufficientFunds, IssuerUnavailable};
    use Decline::{LimitExceeded, MethodUnavailable, SessionExpired, WrongPassword};

    let rejected = [
        (InsufficientFunds, "REJECT_ACCOUNT_PAYMENT REJECT_CARD_PAYMENT"),
        (
            LimitExceeded,
            "EXCEED_MAX_DAILY_PAYMENT_COUNT EXCEED_MAX_PAYMENT_AMOUNT EXCEED_MAX_ONE_DAY_WITHDRAW_AMOUNT \
             EXCEED_MAX_ONE_TIME_WITHDRAW_AMOUNT EXCEED_MAX_AMOUNT EXCEED_MAX_MONTHLY_PAYMENT_AMOUNT \
             EXCEEDS_TRANSFER_AMOUNT_MAXIMUM EXCEED_MAX_ONE_DAY_AMOUNT",
        ),
        (CardExpired, "INVALID_CARD_EXPIRATION"),
        (CardInvalid, "INVALID_STOPPED_CARD INVALID_CARD_NUMBER"),
        (WrongPassword, "INVALID_PASSWORD"),
        (FraudCheck, "FDS_ERROR"),
        (IssuerUnavailable, "CARD_PROCESSING_ERROR"),
        (BankHours, "NOT_AVAILABLE_BANK NOT_AVAILABLE_PAYMENT"),
        (
            MethodUnavailable,
            "EXCEED_MAX_CARD_INSTALLMENT_PLAN NOT_ALLOWED_POINT_USE NOT_SUPPORTED_INSTALLMENT_PLAN_CARD_OR_MERCHANT \
             INVALID_CARD_INSTALLMENT_PLAN NOT_SUPPORTED_MONTHLY_INSTALLMENT_PLAN INVALID_AUTHORIZE_AUTH \
             RESTRICTED_TRANSFER_ACCOUNT INVALID_ACCOUNT_INFO_RE_REGISTER MAINTAINED_METHOD \
             REJECT_TOSSPAY_INVALID_ACCOUNT",
        ),
        (SessionExpired, "NOT_FOUND_PAYMENT NOT_FOUND_PAYMENT_SESSION"),
        (
            Declined,
            "INVALID_REJECT_CARD INVALID_CARD_LOST_OR_STOLEN REJECT_CARD_COMPANY EXCEED_MAX_AUTH_COUNT \
             FAILED_PAYMENT_INTERNAL_SYSTEM_PROCESSING",
        ),
    ];
    let mut known = 0;
    for (decline, codes) in rejected {
        known += all(confirm_fault, codes, |_| Fault::Rejected(decline));
    }
    known += all(confirm_fault, "ALREADY_PROCESSED_PAYMENT DUPLICATED_ORDER_ID", |_| Fault::Already);
    known += all(confirm_fault, "IDEMPOTENT_REQUEST_PROCESSING", |_| Fault::Unknown(why::IN_PROGRESS));
    known += all(
        confirm_fault,
        "PROVIDER_ERROR FAILED_INTERNAL_SYSTEM_PROCESSING UNKNOWN_PAYMENT_ERROR COMMON_ERROR",
        |_| Fault::Unknown(why::PROVIDER_ERROR),
    );
    known += all(
        confirm_fault,
        "INVALID_REQUEST INVALID_API_KEY BELOW_MINIMUM_AMOUNT NOT_FOUND_TERMINAL_ID INVALID_UNREGISTERED_SUBMALL \
         NOT_REGISTERED_BUSINESS UNAPPROVED_ORDER_ID UNAUTHORIZED_KEY FORBIDDEN_REQUEST INCORRECT_BASIC_AUTH_FORMAT",
        |code| Fault::Refused(code.to_owned()),
    );
    assert_eq!(known, 52, "33 of status 400, 1 of 401, 11 of 403, 2 of 404, 1 of 409, 4 of 500");
}

#[test]
fn documented_cancel_codes() {
    let mut known =
        all(cancel_fault, "ALREADY_CANCELED_PAYMENT ALREADY_REFUND_PAYMENT ALREADY_REFUNDING_PAYMENT", |_| {
            Fault::Already
        });
    known += all(cancel_fault, "FORBIDDEN_CONSECUTIVE_REQUEST NOT_AVAILABLE_BANK", |_| Fault::NotNow);
    known += all(
        cancel_fault,
        "PROVIDER_ERROR FAILED_INTERNAL_SYSTEM_PROCESSING FAILED_REFUND_PROCESS FAILED_METHOD_HANDLING_CANCEL COMMON_ERROR",
        |_| Fault::Unknown(why::PROVIDER_ERROR),
    );
    known += all(
        cancel_fault,
        "INVALID_REFUND_ACCOUNT_INFO INVALID_REFUND_ACCOUNT_NUMBER INVALID_BANK NOT_MATCHES_REFUNDABLE_AMOUNT \
         INVALID_REQUEST REFUND_REJECTED INVALID_REFUND_AMOUNT UNAUTHORIZED_KEY NOT_CANCELABLE_AMOUNT \
         NOT_CANCELABLE_PAYMENT FORBIDDEN_REQUEST EXCEED_MAX_REFUND_DUE EXCEED_MAX_REFUND_AMOUNT \
         NOT_ALLOWED_PARTIAL_REFUND NOT_ALLOWED_PARTIAL_REFUND_WAITING_DEPOSIT NOT_ALLOWED_REFUND_BANK \
         NOT_SUPPORTED_REFUND NOT_FOUND_PAYMENT EXCEED_CANCEL_AMOUNT_DISCOUNT_AMOUNT \
         NOT_CANCELABLE_PAYMENT_FOR_DORMANT_USER FAILED_PARTIAL_REFUND",
        |code| Fault::Refused(code.to_owned()),
    );
    assert_eq!(known, 31, "11 of status 400, 1 of 401, 11 of 403, 1 of 404, 4 of 500, 3 without one");
}

/// Checks each of the codes and counts them.
fn all(table: fn(&str) -> Option<Fault>, codes: &str, fault: impl Fn(&str) -> Fault) -> usize {
    codes.split_whitespace().map(|code| assert_eq!(table(code), Some(fault(code)), "{code}")).count()
}
