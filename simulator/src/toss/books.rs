//! Toss's books and the rules by which they change. Pure: the time is an argument, and names come from a seed.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::codes::{self, Code};
use super::payment::{Cancel, Method, Payment, Status};
use crate::clock::seoul;
use crate::ids::Ids;

/// Two cancels of one payment key have to be this far apart.
const BETWEEN_CANCELS: Duration = Duration::SECOND;

/// What the customer approved in the payment window.
#[derive(Clone, Debug)]
pub struct Approval {
    pub order_id: String,
    pub order_name: String,
    pub amount_krw: i64,
    pub method: Method,
    pub decline: Option<Code>,
}

/// Who wants money back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canceller {
    Merchant,
    /// Someone in Toss's own console: no rate limit there.
    BackOffice,
}

/// The other side's view of one payment, for audits.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Truth {
    pub provider_order_id: String,
    pub payment_key: String,
    pub captured_krw: i64,
    pub refunded_krw: i64,
}

/// One approval or cancellation, as `GET /v1/transactions` lists it.
#[derive(Clone, Debug)]
struct Transaction {
    key: String,
    payment_key: String,
    order_id: String,
    method: Method,
    status: Status,
    at: OffsetDateTime,
    amount_krw: i64,
}

pub struct Books {
    payments: HashMap<String, Payment>,
    /// Payment keys, the oldest first.
    by_order: HashMap<String, Vec<String>>,
    authorized: Vec<String>,
    transactions: Vec<Transaction>,
    changes: Vec<Value>,
    ids: Ids,
}

impl Books {
    pub fn new(ids: Ids) -> Self {
        Self {
            payments: HashMap::new(),
            by_order: HashMap::new(),
            authorized: Vec::new(),
            transactions: Vec::new(),
            changes: Vec::new(),
            ids,
        }
    }

    /// The customer approved: gives the payment key. The error is a sentence.
    pub fn authorize(&mut self, approval: Approval, now: OffsetDateTime) -> Result<String, String> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_=".contains(c);
        if !(6..=64).contains(&approval.order_id.len()) || !approval.order_id.chars().all(fits) {
            return Err("An order id has 6 to 64 of A-Z, a-z, 0-9, -, _ and =.".to_owned());
        }
        if !(1..=100).contains(&approval.order_name.chars().count()) {
            return Err("An order name has 1 to 100 characters.".to_owned());
        }
        if !(1..=1_000_000_000_000).contains(&approval.amount_krw) {
            return Err("The amount has to be a whole number of won above 0.".to_owned());
        }
        let day: String = seoul(now).chars().filter(char::is_ascii_digit).take(14).collect();
        let payment_key = format!("tsim{day}{}", self.ids.hex().get(..12).unwrap_or_default());
        let payment = Payment {
            key: payment_key.clone(),
            order_id: approval.order_id,
            order_name: approval.order_name,
            amount_krw: approval.amount_krw,
            method: approval.method,
            decline: approval.decline,
            requested_at: now,
            status: Status::InProgress,
            approved_at: None,
            last_transaction_key: None,
            failure: None,
            cancels: Vec::new(),
            secret: format!("ps_{}", self.ids.hex()),
            number: self.ids.digits(8),
        };
        self.by_order.entry(payment.order_id.clone()).or_default().push(payment_key.clone());
        self.authorized.push(payment_key.clone());
        self.payments.insert(payment_key.clone(), payment);
        Ok(payment_key)
    }

    /// The merchant takes the money. A refusal by the issuer ends the payment; every other refusal changes nothing.
    pub fn confirm(
        &mut self,
        payment_key: &str,
        order_id: &str,
        amount_krw: i64,
        now: OffsetDateTime,
    ) -> Result<Payment, Code> {
        let paid_by_another = self.paid(order_id).is_some_and(|paid| paid.key != payment_key);
        let transaction_key = self.ids.hex();
        let payment = self.payments.get_mut(payment_key).ok_or(codes::NOT_FOUND_PAYMENT_SESSION)?;
        match payment.status_at(now) {
            Status::InProgress => {}
            Status::Expired => return Err(codes::NOT_FOUND_PAYMENT_SESSION),
            _ => return Err(codes::ALREADY_PROCESSED_PAYMENT),
        }
        // Which code Toss gives for another order's id or amount is not documented; this is the likeliest one.
        if payment.order_id != order_id || payment.amount_krw != amount_krw {
            return Err(codes::INVALID_REQUEST);
        }
        if paid_by_another {
            return Err(codes::DUPLICATED_ORDER_ID);
        }
        if let Some(declined) = decline(payment) {
            payment.status = Status::Aborted;
            payment.failure = Some(declined);
            self.changes.push(payment.object(now));
            return Err(declined);
        }
        let deposits_later = payment.method == Method::VirtualAccount;
        payment.status = if deposits_later { Status::WaitingForDeposit } else { Status::Done };
        payment.approved_at = (!deposits_later).then_some(now);
        payment.last_transaction_key = Some(transaction_key.clone());
        // Seen in a list of Toss's: a deposit that has not come yet counts 0.
        let amount_krw = payment.captured_krw();
        let confirmed = payment.clone();
        self.post(&confirmed, transaction_key, amount_krw, now);
        Ok(confirmed)
    }

    /// Gives back `amount_krw`, or all that is left.
    pub fn cancel(
        &mut self,
        payment_key: &str,
        amount_krw: Option<i64>,
        reason: &str,
        by: Canceller,
        now: OffsetDateTime,
    ) -> Result<Payment, Code> {
        let transaction_key = self.ids.hex();
        let payment = self.payments.get_mut(payment_key).ok_or(codes::NOT_FOUND_PAYMENT)?;
        let too_soon = payment.cancels.last().is_some_and(|last| now - last.at < BETWEEN_CANCELS);
        if too_soon && by == Canceller::Merchant {
            return Err(codes::FORBIDDEN_CONSECUTIVE_REQUEST);
        }
        let amount_krw = cancellable(payment, amount_krw)?;
        let refundable_krw = payment.balance_krw() - amount_krw;
        payment.status = if refundable_krw == 0 { Status::Canceled } else { Status::PartialCanceled };
        payment.last_transaction_key = Some(transaction_key.clone());
        payment.cancels.push(Cancel {
            transaction_key: transaction_key.clone(),
            amount_krw,
            reason: reason.to_owned(),
            at: now,
            refundable_krw,
        });
        let cancelled = payment.clone();
        self.post(&cancelled, transaction_key, amount_krw, now);
        Ok(cancelled)
    }

    pub fn by_key(&self, payment_key: &str) -> Option<&Payment> {
        self.payments.get(payment_key)
    }

    /// The order's paid payment, else its newest.
    pub fn by_order(&self, order_id: &str) -> Option<&Payment> {
        self.paid(order_id).or_else(|| self.payments.get(self.by_order.get(order_id)?.last()?))
    }

    /// `GET /v1/transactions`: both ends count, `after` does not.
    pub fn list(
        &self,
        from: OffsetDateTime,
        to: OffsetDateTime,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Value, Code> {
        let first = match after {
            None => 0,
            Some(key) => match self.transactions.iter().position(|it| it.key == key) {
                Some(at) => at + 1,
                None => return Err(codes::INVALID_TRANSACTION_KEY),
            },
        };
        // The last second of a span is given without its fraction, and belongs to it.
        let within = |it: &&Transaction| it.at >= from && it.at < to + Duration::SECOND;
        Ok(self.transactions.iter().skip(first).filter(within).take(limit).map(Transaction::object).collect())
    }

    pub fn truth(&self) -> Vec<Truth> {
        let truth = |payment: &Payment| Truth {
            provider_order_id: payment.order_id.clone(),
            payment_key: payment.key.clone(),
            captured_krw: payment.captured_krw(),
            refunded_krw: payment.refunded_krw(),
        };
        self.payments().map(truth).collect()
    }

    /// All payments, the oldest first.
    pub fn payments(&self) -> impl DoubleEndedIterator<Item = &Payment> {
        self.authorized.iter().filter_map(|key| self.payments.get(key))
    }

    /// The Payment objects that changed since the last call, in order.
    pub fn take_changes(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.changes)
    }

    fn paid(&self, order_id: &str) -> Option<&Payment> {
        let keys = self.by_order.get(order_id)?;
        keys.iter().filter_map(|key| self.payments.get(key)).find(|payment| payment.was_confirmed())
    }

    fn post(&mut self, payment: &Payment, key: String, amount_krw: i64, at: OffsetDateTime) {
        self.changes.push(payment.object(at));
        self.transactions.push(Transaction {
            key,
            payment_key: payment.key.clone(),
            order_id: payment.order_id.clone(),
            method: payment.method,
            status: payment.status,
            at,
            amount_krw,
        });
    }
}

fn decline(payment: &Payment) -> Option<Code> {
    if payment.amount_krw < payment.method.minimum_krw() {
        return Some(codes::BELOW_MINIMUM_AMOUNT);
    }
    if payment.amount_krw > payment.method.maximum_krw() {
        return Some(codes::EXCEEDS_TRANSFER_AMOUNT_MAXIMUM);
    }
    payment.decline
}

/// How much a cancel of `amount_krw` takes back.
fn cancellable(payment: &Payment, amount_krw: Option<i64>) -> Result<i64, Code> {
    let balance = payment.balance_krw();
    let amount_krw = amount_krw.unwrap_or(balance);
    match payment.status {
        Status::Canceled => return Err(codes::ALREADY_CANCELED_PAYMENT),
        Status::InProgress | Status::Aborted | Status::Expired => return Err(codes::NOT_CANCELABLE_PAYMENT),
        Status::WaitingForDeposit if amount_krw != balance => {
            return Err(codes::NOT_ALLOWED_PARTIAL_REFUND_WAITING_DEPOSIT);
        }
        Status::WaitingForDeposit | Status::Done | Status::PartialCanceled => {}
    }
    if amount_krw <= 0 {
        return Err(codes::INVALID_REQUEST);
    }
    if amount_krw > balance {
        return Err(codes::NOT_CANCELABLE_AMOUNT);
    }
    if amount_krw < balance && !payment.method.partially_cancelable() {
        return Err(codes::NOT_ALLOWED_PARTIAL_REFUND);
    }
    Ok(amount_krw)
}

impl Transaction {
    fn object(&self) -> Value {
        json!({
            "mId": "tvivarepublica",
            "transactionKey": self.key,
            "paymentKey": self.payment_key,
            "orderId": self.order_id,
            "method": self.method.korean(),
            "customerKey": null,
            "useEscrow": false,
            "receiptUrl": format!("https://dashboard.tosspayments.com/receipt/redirection?transactionId={}&ref=PX", self.payment_key),
            "status": self.status.word(),
            "transactionAt": seoul(self.at),
            "currency": "KRW",
            "amount": self.amount_krw,
        })
    }
}

#[cfg(test)]
#[path = "books_tests.rs"]
mod tests;
