//! Toss Payments: its wire types, its client and what its answers mean; it decides nothing and stores nothing.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{RequestBuilder, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use time::Date;

use super::client::{self, Answer, Deadline, Lane};
use super::{Fault, why};
use crate::domain::error::{Code, Decline, Error, Result};
use crate::domain::money::Krw;

/// Toss confirms in well under a second and gives up on an issuer within half a minute.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many transactions come at once: a thousand take half of what an answer may be long.
pub const PAGE: usize = 1_000;

pub struct Toss {
    http: reqwest::Client,
    base: Url,
    authorization: HeaderValue,
    confirm: Lane,
    cancel: Lane,
    look_up: Lane,
    list: Lane,
}

/// A payment that the payer has authorised in the widget and that is now to be captured.
#[derive(Clone, Copy)]
pub struct Confirm<'a> {
    pub payment_key: &'a str,
    pub provider_order_id: &'a str,
    pub amount_krw: Krw,
    pub idempotency_key: &'a str,
}

/// A refund, of a part or of all that is left.
#[derive(Clone, Copy)]
pub struct Cancel<'a> {
    pub payment_key: &'a str,
    pub provider_order_id: &'a str,
    pub amount_krw: Krw,
    /// Shown in Toss's books, 1 to 200 characters.
    pub reason: &'a str,
    pub idempotency_key: &'a str,
}

/// A refund that is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancelled {
    pub transaction_key: String,
    /// What is left of the payment.
    pub balance_krw: Krw,
}

/// A payment as Toss has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    pub payment_key: String,
    pub provider_order_id: String,
    pub status: Status,
    pub total_krw: Krw,
    pub balance_krw: Krw,
    pub method: Method,
    pub partial_cancelable: bool,
    pub cancels: Vec<CancelRow>,
    pub last_transaction_key: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelRow {
    pub transaction_key: String,
    pub amount_krw: Krw,
    /// A cancel can also be under way, or have failed.
    pub done: bool,
}

/// One line of Toss's books: an approval (`Done`), a deposit that is awaited, or a cancellation (the others).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    pub transaction_key: String,
    pub provider_order_id: String,
    pub status: Status,
    /// Of this line; never negative.
    pub amount_krw: Krw,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    Ready,
    InProgress,
    WaitingForDeposit,
    Done,
    Canceled,
    PartialCanceled,
    Aborted,
    Expired,
    #[serde(other)]
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Card,
    EasyPay,
    Transfer,
    VirtualAccount,
    Mobile,
    GiftCertificate,
    Other,
}

impl Toss {
    pub fn new(base_url: &str, secret_key: &SecretString) -> Result<Self> {
        let base = Url::parse(base_url).ok().filter(|url| !url.cannot_be_a_base());
        let base = base.ok_or_else(|| Error::internal(Code::Internal, "the address of Toss is no URL"))?;
        let basic = format!("Basic {}", STANDARD.encode(format!("{}:", secret_key.expose_secret())));
        let mut authorization = HeaderValue::try_from(basic).map_err(|error| Error::internal(Code::Internal, error))?;
        authorization.set_sensitive(true);
        let lane = |operation, at_once| Lane::new("toss", operation, at_once, PATIENCE);
        Ok(Self {
            http: client::http()?,
            base,
            authorization,
            confirm: lane("confirm", 64),
            cancel: lane("cancel", 16),
            look_up: lane("look_up", 8),
            list: lane("list", 2),
        })
    }

    /// Captures a payment. The answer is a payment of this key, order and amount that is done, or (a virtual account)
    /// waits for its deposit.
    pub async fn confirm(&self, confirm: &Confirm<'_>, deadline: Deadline) -> Result<Payment, Fault> {
        let body = ConfirmBody {
            payment_key: confirm.payment_key,
            order_id: confirm.provider_order_id,
            amount: confirm.amount_krw,
        };
        let request = self.post(&["confirm"], confirm.idempotency_key).json(&body);
        self.confirm.call(request, deadline, |answer| confirmed(answer, confirm)).await
    }

    /// Gives money back. Toss takes one cancel of a payment per second; the caller spaces them.
    pub async fn cancel(&self, cancel: &Cancel<'_>, deadline: Deadline) -> Result<Cancelled, Fault> {
        let body = CancelBody { cancel_reason: cancel.reason, cancel_amount: cancel.amount_krw };
        let request = self.post(&[cancel.payment_key, "cancel"], cancel.idempotency_key).json(&body);
        self.cancel.call(request, deadline, |answer| cancelled(answer, cancel)).await
    }

    /// The truth about an order; none when Toss has never seen a payment for it.
    pub async fn look_up(&self, provider_order_id: &str, deadline: Deadline) -> Result<Option<Payment>, Fault> {
        let request = self.http.get(self.address(&["orders", provider_order_id]));
        let request = request.header(AUTHORIZATION, self.authorization.clone());
        self.look_up.ask(request, deadline, |answer| looked_up(answer, provider_order_id)).await
    }

    /// The payment that a client's key is of; none when Toss does not know the key.
    pub async fn look_up_key(&self, payment_key: &str, deadline: Deadline) -> Result<Option<Payment>, Fault> {
        let request = self.http.get(self.address(&[payment_key]));
        let request = request.header(AUTHORIZATION, self.authorization.clone());
        self.look_up.ask(request, deadline, |answer| looked_up_key(answer, payment_key)).await
    }

    /// What happened on a day of Seoul, the oldest first, `PAGE` at a time: the next page begins after the last transaction's key.
    pub async fn list(&self, day: Date, after: Option<&str>, deadline: Deadline) -> Result<Vec<Transaction>, Fault> {
        let mut address = self.below(&["transactions"]);
        let end = day.next_day().unwrap_or(day);
        address
            .query_pairs_mut()
            .append_pair("startDate", &format!("{day}T00:00:00"))
            .append_pair("endDate", &format!("{end}T00:00:00"))
            .append_pair("limit", &PAGE.to_string())
            .extend_pairs(after.map(|key| ("startingAfter", key)));
        let request = self.http.get(address).header(AUTHORIZATION, self.authorization.clone());
        self.list.ask(request, deadline, listed).await
    }

    fn post(&self, path: &[&str], idempotency_key: &str) -> RequestBuilder {
        let request = self.http.post(self.address(path)).header(AUTHORIZATION, self.authorization.clone());
        request.header("Idempotency-Key", idempotency_key)
    }

    fn address(&self, path: &[&str]) -> Url {
        self.below(&[&["payments"], path].concat())
    }

    /// Below `/v1`, each segment escaped: keys come from outside.
    fn below(&self, path: &[&str]) -> Url {
        let mut address = self.base.clone();
        if let Ok(mut segments) = address.path_segments_mut() {
            segments.pop_if_empty().push("v1").extend(path);
        }
        address
    }
}

fn confirmed(answer: &Answer, confirm: &Confirm<'_>) -> Result<Payment, Fault> {
    let payment = payment(answer, confirm_fault)?;
    let ours = payment.payment_key == confirm.payment_key
        && payment.provider_order_id == confirm.provider_order_id
        && payment.total_krw == confirm.amount_krw;
    match payment.status {
        _ if !ours => Err(Fault::Unknown(why::MISMATCH)),
        Status::Done | Status::WaitingForDeposit => Ok(payment),
        _ => Err(Fault::Unknown(why::UNEXPECTED_STATE)),
    }
}

fn cancelled(answer: &Answer, cancel: &Cancel<'_>) -> Result<Cancelled, Fault> {
    let payment = payment(answer, cancel_fault)?;
    let row = match &payment.last_transaction_key {
        Some(last) => payment.cancels.iter().find(|row| row.transaction_key == *last),
        None => payment.cancels.last(),
    };
    let ours = payment.payment_key == cancel.payment_key && payment.provider_order_id == cancel.provider_order_id;
    match row {
        Some(row) if ours && row.amount_krw == cancel.amount_krw && row.done => {
            Ok(Cancelled { transaction_key: row.transaction_key.clone(), balance_krw: payment.balance_krw })
        }
        Some(row) if ours && row.amount_krw == cancel.amount_krw => Err(Fault::Unknown(why::UNEXPECTED_STATE)),
        _ => Err(Fault::Unknown(why::MISMATCH)),
    }
}

fn looked_up(answer: &Answer, provider_order_id: &str) -> Result<Option<Payment>, Fault> {
    if error_code(answer).as_deref() == Some("NOT_FOUND_PAYMENT") {
        return Ok(None);
    }
    match payment(answer, any_fault)? {
        payment if payment.provider_order_id == provider_order_id => Ok(Some(payment)),
        _ => Err(Fault::Unknown(why::MISMATCH)),
    }
}

fn looked_up_key(answer: &Answer, payment_key: &str) -> Result<Option<Payment>, Fault> {
    if error_code(answer).as_deref() == Some("NOT_FOUND_PAYMENT") {
        return Ok(None);
    }
    match payment(answer, any_fault)? {
        payment if payment.payment_key == payment_key => Ok(Some(payment)),
        _ => Err(Fault::Unknown(why::MISMATCH)),
    }
}

fn listed(answer: &Answer) -> Result<Vec<Transaction>, Fault> {
    let wire: Vec<WireTransaction> = read(answer, any_fault)?;
    if wire.iter().any(|line| line.currency.as_deref().is_some_and(|currency| currency != "KRW")) {
        return Err(Fault::Unknown(why::GARBAGE));
    }
    Ok(wire.into_iter().map(Transaction::from).collect())
}

/// The payment in a successful answer, or what `table` makes of the code in another.
fn payment(answer: &Answer, table: fn(&str) -> Option<Fault>) -> Result<Payment, Fault> {
    read(answer, table).and_then(|wire: WirePayment| wire.understood().ok_or(Fault::Unknown(why::GARBAGE)))
}

/// What a successful answer says, or what `table` makes of the code in another.
fn read<T: DeserializeOwned>(answer: &Answer, table: fn(&str) -> Option<Fault>) -> Result<T, Fault> {
    if answer.status.is_success() {
        return serde_json::from_slice(&answer.body).map_err(|_| Fault::Unknown(why::GARBAGE));
    }
    let too_many = answer.status == StatusCode::TOO_MANY_REQUESTS;
    let busy = Fault::Busy { retry_after_ms: answer.retry_after_ms };
    Err(match error_code(answer) {
        Some(code) => table(&code).unwrap_or_else(|| {
            tracing::warn!(upstream = "toss", status = answer.status.as_u16(), code, "a code we do not know");
            if too_many { busy } else { Fault::Unknown(why::UNKNOWN_CODE) }
        }),
        None if too_many => busy,
        None if answer.status.is_redirection() => Fault::Unknown(why::REDIRECT),
        None if answer.status.is_server_error() => Fault::Unknown(why::SERVER_ERROR),
        None => Fault::Unknown(why::GARBAGE),
    })
}

/// The code of an unsuccessful answer, if it looks like one: what does not never reaches a log.
fn error_code(answer: &Answer) -> Option<String> {
    #[derive(Deserialize)]
    struct Failure {
        code: String,
    }

    let looks_like_one = |code: &str| {
        (1..=64).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    };
    let failure: Failure =
        if answer.status.is_success() { return None } else { serde_json::from_slice(&answer.body).ok()? };
    Some(failure.code).filter(|code| looks_like_one(code))
}

/// What a code means for a confirm: whether the payer's money moved, and who can do something about it.
fn confirm_fault(code: &str) -> Option<Fault> {
    let decline = match code {
        "REJECT_ACCOUNT_PAYMENT" | "REJECT_CARD_PAYMENT" => Decline::InsufficientFunds,
        "EXCEED_MAX_DAILY_PAYMENT_COUNT"
        | "EXCEED_MAX_PAYMENT_AMOUNT"
        | "EXCEED_MAX_ONE_DAY_AMOUNT"
        | "EXCEED_MAX_ONE_DAY_WITHDRAW_AMOUNT"
        | "EXCEED_MAX_ONE_TIME_WITHDRAW_AMOUNT"
        | "EXCEED_MAX_MONTHLY_PAYMENT_AMOUNT"
        | "EXCEED_MAX_AMOUNT"
        | "EXCEEDS_TRANSFER_AMOUNT_MAXIMUM" => Decline::LimitExceeded,
        "INVALID_CARD_EXPIRATION" => Decline::CardExpired,
        "INVALID_CARD_NUMBER" | "INVALID_STOPPED_CARD" => Decline::CardInvalid,
        "INVALID_PASSWORD" => Decline::WrongPassword,
        "FDS_ERROR" => Decline::FraudCheck,
        "CARD_PROCESSING_ERROR" => Decline::IssuerUnavailable,
        "NOT_AVAILABLE_BANK" | "NOT_AVAILABLE_PAYMENT" => Decline::BankHours,
        "EXCEED_MAX_CARD_INSTALLMENT_PLAN"
        | "INVALID_CARD_INSTALLMENT_PLAN"
        | "NOT_SUPPORTED_INSTALLMENT_PLAN_CARD_OR_MERCHANT"
        | "NOT_SUPPORTED_MONTHLY_INSTALLMENT_PLAN"
        | "NOT_ALLOWED_POINT_USE"
        | "INVALID_AUTHORIZE_AUTH"
        | "RESTRICTED_TRANSFER_ACCOUNT"
        | "INVALID_ACCOUNT_INFO_RE_REGISTER"
        | "REJECT_TOSSPAY_INVALID_ACCOUNT"
        | "MAINTAINED_METHOD" => Decline::MethodUnavailable,
        // The key is the client's: one that Toss does not know is no better than one that is too old.
        "NOT_FOUND_PAYMENT" | "NOT_FOUND_PAYMENT_SESSION" => Decline::SessionExpired,
        // The issuer's own words come with the last; that a card was reported stolen is nobody's business either.
        "REJECT_CARD_COMPANY"
        | "INVALID_REJECT_CARD"
        | "INVALID_CARD_LOST_OR_STOLEN"
        | "EXCEED_MAX_AUTH_COUNT"
        | "FAILED_PAYMENT_INTERNAL_SYSTEM_PROCESSING" => Decline::Declined,
        "ALREADY_PROCESSED_PAYMENT" | "DUPLICATED_ORDER_ID" => return Some(Fault::Already),
        "BELOW_MINIMUM_AMOUNT"
        | "NOT_FOUND_TERMINAL_ID"
        | "NOT_REGISTERED_BUSINESS"
        | "INVALID_UNREGISTERED_SUBMALL"
        | "UNAPPROVED_ORDER_ID" => return Some(Fault::Refused(code.to_owned())),
        _ => return any_fault(code),
    };
    Some(Fault::Rejected(decline))
}

/// What a code means for a cancel: nobody can be asked for another card here, so it is later, or a person's turn.
fn cancel_fault(code: &str) -> Option<Fault> {
    Some(match code {
        "ALREADY_CANCELED_PAYMENT" | "ALREADY_REFUND_PAYMENT" | "ALREADY_REFUNDING_PAYMENT" => Fault::Already,
        "FORBIDDEN_CONSECUTIVE_REQUEST" | "NOT_AVAILABLE_BANK" => Fault::NotNow,
        "FAILED_REFUND_PROCESS" | "FAILED_METHOD_HANDLING_CANCEL" => Fault::Unknown(why::PROVIDER_ERROR),
        "INVALID_REFUND_ACCOUNT_INFO"
        | "INVALID_REFUND_ACCOUNT_NUMBER"
        | "INVALID_BANK"
        | "INVALID_REFUND_AMOUNT"
        | "NOT_MATCHES_REFUNDABLE_AMOUNT"
        | "REFUND_REJECTED"
        | "NOT_CANCELABLE_AMOUNT"
        | "NOT_CANCELABLE_PAYMENT"
        | "NOT_CANCELABLE_PAYMENT_FOR_DORMANT_USER"
        | "EXCEED_MAX_REFUND_DUE"
        | "EXCEED_MAX_REFUND_AMOUNT"
        | "EXCEED_CANCEL_AMOUNT_DISCOUNT_AMOUNT"
        | "NOT_ALLOWED_PARTIAL_REFUND"
        | "NOT_ALLOWED_PARTIAL_REFUND_WAITING_DEPOSIT"
        | "NOT_ALLOWED_REFUND_BANK"
        | "NOT_SUPPORTED_REFUND"
        | "FAILED_PARTIAL_REFUND"
        | "NOT_FOUND_PAYMENT" => Fault::Refused(code.to_owned()),
        _ => return any_fault(code),
    })
}

/// What a code means whatever was asked.
fn any_fault(code: &str) -> Option<Fault> {
    Some(match code {
        "INVALID_REQUEST"
        | "FORBIDDEN_REQUEST"
        | "INVALID_API_KEY"
        | "UNAUTHORIZED_KEY"
        | "INCORRECT_BASIC_AUTH_FORMAT"
        | "INVALID_IDEMPOTENCY_KEY" => Fault::Refused(code.to_owned()),
        "IDEMPOTENT_REQUEST_PROCESSING" => Fault::Unknown(why::IN_PROGRESS),
        "PROVIDER_ERROR" | "COMMON_ERROR" | "UNKNOWN_PAYMENT_ERROR" | "FAILED_INTERNAL_SYSTEM_PROCESSING" => {
            Fault::Unknown(why::PROVIDER_ERROR)
        }
        _ => return None,
    })
}

impl fmt::Debug for Toss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Toss").field("host", &self.base.host_str()).finish_non_exhaustive()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConfirmBody<'a> {
    payment_key: &'a str,
    order_id: &'a str,
    amount: Krw,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CancelBody<'a> {
    cancel_reason: &'a str,
    cancel_amount: Krw,
}

/// The fields we need; Toss adds others as it likes, and so may it words.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WirePayment {
    payment_key: String,
    order_id: String,
    status: Status,
    currency: Option<String>,
    total_amount: Krw,
    balance_amount: Krw,
    method: Option<String>,
    #[serde(default)]
    is_partial_cancelable: bool,
    cancels: Option<Vec<WireCancel>>,
    pub last_transaction_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireCancel {
    transaction_key: String,
    cancel_amount: Krw,
    /// Absent in older answers, which knew finished cancels only.
    cancel_status: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireTransaction {
    transaction_key: String,
    order_id: String,
    status: Status,
    currency: Option<String>,
    amount: Krw,
}

impl From<WireTransaction> for Transaction {
    fn from(wire: WireTransaction) -> Self {
        Self {
            transaction_key: wire.transaction_key,
            provider_order_id: wire.order_id,
            status: wire.status,
            // Whether a cancellation has a minus is not documented.
            amount_krw: Krw::new(wire.amount.get().saturating_abs()),
        }
    }
}

impl WirePayment {
    /// None for another currency: its amounts would mean something else.
    fn understood(self) -> Option<Payment> {
        let in_won = self.currency.is_none_or(|currency| currency == "KRW");
        in_won.then(|| Payment {
            payment_key: self.payment_key,
            provider_order_id: self.order_id,
            status: self.status,
            total_krw: self.total_amount,
            balance_krw: self.balance_amount,
            method: Method::of(self.method.as_deref().unwrap_or_default()),
            partial_cancelable: self.is_partial_cancelable,
            cancels: self.cancels.into_iter().flatten().map(CancelRow::from).collect(),
            last_transaction_key: self.last_transaction_key,
        })
    }
}

impl From<WireCancel> for CancelRow {
    fn from(wire: WireCancel) -> Self {
        Self {
            transaction_key: wire.transaction_key,
            amount_krw: wire.cancel_amount,
            done: wire.cancel_status.is_none_or(|status| status == "DONE"),
        }
    }
}

impl Method {
    fn of(word: &str) -> Self {
        match word {
            "카드" | "CARD" => Self::Card,
            "간편결제" | "EASY_PAY" => Self::EasyPay,
            "계좌이체" | "TRANSFER" => Self::Transfer,
            "가상계좌" | "VIRTUAL_ACCOUNT" => Self::VirtualAccount,
            "휴대폰" | "MOBILE_PHONE" => Self::Mobile,
            word if word.ends_with("상품권") || word.ends_with("GIFT_CERTIFICATE") => Self::GiftCertificate,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
#[path = "toss_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "toss_codes_tests.rs"]
mod codes_tests;
