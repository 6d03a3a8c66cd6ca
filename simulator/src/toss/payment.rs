//! One payment at Toss: its state, and the Payment object (API version 2022-11-16) that merchants get.

use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::codes::Code;
use crate::clock::seoul;

/// How long after the customer's approval the merchant can confirm.
pub const CONFIRM_WINDOW: Duration = Duration::minutes(10);
const DEPOSIT_WINDOW: Duration = Duration::days(7);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Card,
    EasyPay,
    Transfer,
    VirtualAccount,
    GiftCertificate,
    Mobile,
}

impl Method {
    pub const ALL: [(Self, &'static str, &'static str); 6] = [
        (Self::Card, "card", "카드"),
        (Self::EasyPay, "easy_pay", "간편결제"),
        (Self::Transfer, "transfer", "계좌이체"),
        (Self::VirtualAccount, "virtual_account", "가상계좌"),
        (Self::GiftCertificate, "gift_certificate", "문화상품권"),
        (Self::Mobile, "mobile", "휴대폰"),
    ];

    pub fn find(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, it, _)| *it == word).map(|(method, _, _)| *method)
    }

    pub fn korean(self) -> &'static str {
        Self::ALL.iter().find(|(it, _, _)| *it == self).map_or("", |(_, _, korean)| korean)
    }

    pub fn minimum_krw(self) -> i64 {
        if self == Self::Transfer { 200 } else { 100 }
    }

    pub fn maximum_krw(self) -> i64 {
        if self == Self::Transfer { 10_000_000 } else { i64::MAX }
    }

    pub fn partially_cancelable(self) -> bool {
        self != Self::Mobile
    }
}

/// What is on the books; `EXPIRED` is not, it is what `IN_PROGRESS` becomes by waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    InProgress,
    WaitingForDeposit,
    Done,
    PartialCanceled,
    Canceled,
    Aborted,
    Expired,
}

impl Status {
    pub fn word(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::WaitingForDeposit => "WAITING_FOR_DEPOSIT",
            Self::Done => "DONE",
            Self::PartialCanceled => "PARTIAL_CANCELED",
            Self::Canceled => "CANCELED",
            Self::Aborted => "ABORTED",
            Self::Expired => "EXPIRED",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Cancel {
    pub transaction_key: String,
    pub amount_krw: i64,
    pub reason: String,
    pub at: OffsetDateTime,
    /// What was left after it.
    pub refundable_krw: i64,
}

#[derive(Clone, Debug)]
pub struct Payment {
    pub key: String,
    pub order_id: String,
    pub order_name: String,
    pub amount_krw: i64,
    pub method: Method,
    /// What the issuer will say at confirm, when that is no.
    pub decline: Option<Code>,
    pub requested_at: OffsetDateTime,
    pub status: Status,
    pub approved_at: Option<OffsetDateTime>,
    pub last_transaction_key: Option<String>,
    pub failure: Option<Code>,
    pub cancels: Vec<Cancel>,
    pub secret: String,
    pub number: String,
}

impl Payment {
    /// Somebody else's paid payment under this key: the wrong answer.
    pub fn of_another(key: String, now: OffsetDateTime) -> Self {
        Self {
            key,
            order_id: "another-order-1".to_owned(),
            order_name: "남의 주문".to_owned(),
            amount_krw: 7_777,
            method: Method::Card,
            decline: None,
            requested_at: now,
            status: Status::Done,
            approved_at: Some(now),
            last_transaction_key: Some("0123456789ABCDEF0123456789ABCDEF".to_owned()),
            failure: None,
            cancels: Vec::new(),
            secret: "ps_another".to_owned(),
            number: "00000000".to_owned(),
        }
    }

    pub fn status_at(&self, now: OffsetDateTime) -> Status {
        match self.status {
            Status::InProgress if now - self.requested_at > CONFIRM_WINDOW => Status::Expired,
            status => status,
        }
    }

    /// Whether the order id is used up by this payment.
    pub fn was_confirmed(&self) -> bool {
        !matches!(self.status, Status::InProgress | Status::Aborted | Status::Expired)
    }

    pub fn cancelled_krw(&self) -> i64 {
        self.cancels.iter().map(|cancel| cancel.amount_krw).sum()
    }

    pub fn balance_krw(&self) -> i64 {
        self.amount_krw - self.cancelled_krw()
    }

    /// Money that Toss took from the customer: none for a deposit that never came.
    pub fn captured_krw(&self) -> i64 {
        if self.approved_at.is_some() { self.amount_krw } else { 0 }
    }

    pub fn refunded_krw(&self) -> i64 {
        if self.approved_at.is_some() { self.cancelled_krw() } else { 0 }
    }

    /// The Payment object, as lookups and webhooks show it.
    pub fn object(&self, now: OffsetDateTime) -> Value {
        let balance = self.balance_krw();
        // Korean VAT is in the price: a tenth of what it is without, that is an eleventh, rounded half up.
        let vat = (balance * 2 + 11) / 22;
        let confirmed = self.was_confirmed();
        let key = &self.key;
        let details =
            |method: Method, object: Value| if confirmed && self.method == method { object } else { Value::Null };
        json!({
            "version": "2022-11-16",
            "paymentKey": key,
            "type": "NORMAL",
            "orderId": self.order_id,
            "orderName": self.order_name,
            "mId": "tvivarepublica",
            "currency": "KRW",
            "method": self.method.korean(),
            "totalAmount": self.amount_krw,
            "balanceAmount": balance,
            "status": self.status_at(now).word(),
            "requestedAt": seoul(self.requested_at),
            "approvedAt": self.approved_at.map(seoul),
            "useEscrow": false,
            "lastTransactionKey": self.last_transaction_key,
            "suppliedAmount": balance - vat,
            "vat": vat,
            "cultureExpense": false,
            "taxFreeAmount": 0,
            "taxExemptionAmount": 0,
            "cancels": self.cancels_object(),
            "isPartialCancelable": self.method.partially_cancelable(),
            "card": details(Method::Card, self.card()),
            "virtualAccount": details(Method::VirtualAccount, self.virtual_account(now)),
            "secret": confirmed.then_some(&self.secret),
            "mobilePhone": details(Method::Mobile, self.mobile_phone()),
            "giftCertificate": details(Method::GiftCertificate, json!({
                "approveNo": self.number, "settlementStatus": "INCOMPLETED",
            })),
            "transfer": details(Method::Transfer, json!({ "bankCode": "20", "settlementStatus": "INCOMPLETED" })),
            "easyPay": details(Method::EasyPay, json!({
                "provider": "토스페이", "amount": self.amount_krw, "discountAmount": 0,
            })),
            "metadata": null,
            "country": "KR",
            "failure": self.failure.map(Code::body),
            "cashReceipt": null,
            "cashReceipts": null,
            "discount": null,
            "receipt": confirmed.then(|| json!({
                "url": format!("https://dashboard.tosspayments.com/receipt/redirection?transactionId={key}&ref=PX"),
            })),
            "checkout": { "url": format!("https://api.tosspayments.com/v1/payments/{key}/checkout") },
        })
    }

    fn cancels_object(&self) -> Value {
        if self.cancels.is_empty() {
            return Value::Null;
        }
        let cancels = self.cancels.iter().map(|cancel| {
            json!({
                "transactionKey": cancel.transaction_key,
                "cancelReason": cancel.reason,
                "taxExemptionAmount": 0,
                "canceledAt": seoul(cancel.at),
                "transferDiscountAmount": 0,
                "easyPayDiscountAmount": 0,
                "receiptKey": null,
                "cancelAmount": cancel.amount_krw,
                "taxFreeAmount": 0,
                "refundableAmount": cancel.refundable_krw,
                "cancelStatus": "DONE",
                "cancelRequestId": null,
            })
        });
        cancels.collect()
    }

    fn card(&self) -> Value {
        json!({
            "issuerCode": "71",
            "acquirerCode": "71",
            "number": "12345678****000*",
            "installmentPlanMonths": 0,
            "isInterestFree": false,
            "interestPayer": null,
            "approveNo": self.number,
            "useCardPoint": false,
            "cardType": "신용",
            "ownerType": "개인",
            "acquireStatus": "READY",
            "amount": self.amount_krw,
        })
    }

    fn virtual_account(&self, now: OffsetDateTime) -> Value {
        let due = self.requested_at + DEPOSIT_WINDOW;
        json!({
            "accountType": "일반",
            "accountNumber": format!("X65056{}", self.number),
            "bankCode": "20",
            "customerName": "김토스",
            "depositorName": null,
            "dueDate": seoul(due),
            "refundStatus": "NONE",
            "expired": now > due,
            "settlementStatus": "INCOMPLETED",
            "refundReceiveAccount": null,
        })
    }

    fn mobile_phone(&self) -> Value {
        let receipt = format!("https://dashboard.tosspayments.com/receipt/mobile?transactionId={}&ref=PX", self.key);
        json!({
            "customerMobilePhone": { "plain": null, "masking": "010****1234" },
            "settlementStatus": "INCOMPLETED",
            "receiptUrl": receipt,
        })
    }
}
