//! What the App Store has sold, and what it has told the app's server about it.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::Shape;
use super::messages::{self, App, millis};

/// A transaction as it is now.
#[derive(Clone)]
pub struct Sale {
    pub app: App,
    pub shape: Shape,
    pub claims: Value,
}

/// A notification and the tries to deliver it.
#[derive(Clone)]
pub struct Sent {
    pub uuid: String,
    pub app: App,
    pub kind: String,
    pub subtype: Option<String>,
    pub transaction_id: Option<String>,
    pub original_transaction_id: Option<String>,
    pub payload: String,
    pub at: OffsetDateTime,
    /// When, and Apple's word for how it went.
    pub attempts: Vec<(OffsetDateTime, &'static str)>,
}

#[derive(Default)]
pub struct Books {
    /// In the order of their last change.
    sales: Vec<Sale>,
    sent: Vec<Sent>,
    /// What was said of a subscription's renewal, by original transaction.
    renewals: Map<String, Value>,
    /// Transaction and what the app's server said about its consumption.
    consumption: Vec<Value>,
}

impl Sale {
    pub fn text(&self, name: &str) -> &str {
        self.claims.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    pub fn is_subscription(&self) -> bool {
        self.number("expiresDate").is_some()
    }

    pub fn number(&self, name: &str) -> Option<i64> {
        self.claims.get(name).and_then(Value::as_i64)
    }

    /// Bought by the same person, as far as can be told: a real store knows the account.
    fn is_of_same_person(&self, other: &Self) -> bool {
        let token = |sale: &Self| sale.text("appAccountToken").to_lowercase();
        self.text("originalTransactionId") == other.text("originalTransactionId")
            || (!token(self).is_empty() && token(self) == token(other))
    }
}

impl Books {
    /// Enters a sale, or what has become of one.
    pub fn enter(&mut self, sale: Sale) {
        self.sales.retain(|old| !(old.app.environment == sale.app.environment && same_id(old, &sale)));
        self.sales.push(sale);
    }

    pub fn knows_app(&self, bundle_id: &str) -> bool {
        self.sales.iter().any(|sale| sale.app.bundle_id == bundle_id)
    }

    /// In whichever environment it is.
    pub fn sale(&self, transaction_id: &str) -> Option<Sale> {
        self.sales.iter().rev().find(|sale| sale.text("transactionId") == transaction_id).cloned()
    }

    /// An app's, in one environment.
    pub fn found(&self, environment: &str, bundle_id: &str, transaction_id: &str) -> Option<Sale> {
        let here = |sale: &&Sale| sale.app.environment == environment && sale.app.bundle_id == bundle_id;
        self.sales.iter().filter(here).find(|sale| sale.text("transactionId") == transaction_id).cloned()
    }

    /// Everything that a person has bought of an app.
    pub fn of_same_person(&self, one: &Sale) -> Vec<Sale> {
        let same_app =
            |sale: &&Sale| sale.app.environment == one.app.environment && sale.app.bundle_id == one.app.bundle_id;
        self.sales.iter().filter(same_app).filter(|sale| sale.is_of_same_person(one)).cloned().collect()
    }

    /// The last transaction of a subscription.
    pub fn last_of(&self, one: &Sale) -> Sale {
        let same = |sale: &&Sale| sale.text("originalTransactionId") == one.text("originalTransactionId");
        let mine = self.of_same_person(one);
        let last = mine.iter().filter(same).max_by_key(|sale| sale.number("expiresDate"));
        last.unwrap_or(one).clone()
    }

    /// Lays something over what is said of a subscription's renewal.
    pub fn say_of_renewal(&mut self, original: &str, over: &Value) {
        messages::overlay(self.renewals.entry(original.to_owned()).or_insert_with(|| json!({})), over);
    }

    pub fn renewal_info(&self, sale: &Sale, now: OffsetDateTime) -> Value {
        let mut claims = messages::renewal_info(&sale.app, &sale.claims, now);
        if let Some(over) = self.renewals.get(sale.text("originalTransactionId")) {
            messages::overlay(&mut claims, over);
        }
        claims
    }

    /// 1 active, 2 expired, 3 billing retry, 4 grace, 5 revoked.
    pub fn status(&self, sale: &Sale, now: OffsetDateTime) -> i64 {
        let (now_ms, renewal) = (millis(now), self.renewal_info(sale, now));
        let grace = renewal.get("gracePeriodExpiresDate").and_then(Value::as_i64);
        let in_retry = renewal.get("isInBillingRetryPeriod").and_then(Value::as_bool);
        match () {
            () if sale.number("revocationDate").is_some() => 5,
            () if sale.number("expiresDate").is_some_and(|until| until > now_ms) => 1,
            () if grace.is_some_and(|until| until > now_ms) => 4,
            () if in_retry == Some(true) => 3,
            () => 2,
        }
    }

    /// Every transaction of the subscription, or the one that is none, gets another account token.
    pub fn set_account_token(&mut self, one: &Sale, token: &str) {
        for sale in &mut self.sales {
            if sale.app.environment == one.app.environment
                && sale.text("originalTransactionId") == one.text("originalTransactionId")
            {
                messages::overlay(&mut sale.claims, &json!({ "appAccountToken": token }));
            }
        }
    }

    pub fn note_consumption(&mut self, transaction_id: &str, said: &Value) {
        self.consumption.push(json!({ "transaction_id": transaction_id, "said": said }));
    }

    pub fn consumption(&self) -> &[Value] {
        &self.consumption
    }

    pub fn send(&mut self, sent: Sent) {
        self.sent.push(sent);
    }

    /// What was tried to be sent, the newest first.
    pub fn sent(&self) -> impl Iterator<Item = &Sent> {
        self.sent.iter().rev()
    }

    pub fn note_attempt(&mut self, uuid: &str, at: OffsetDateTime, result: &'static str) {
        if let Some(sent) = self.sent.iter_mut().find(|sent| sent.uuid == uuid) {
            sent.attempts.push((at, result));
        }
    }
}

fn same_id(one: &Sale, other: &Sale) -> bool {
    one.text("transactionId") == other.text("transactionId")
}
