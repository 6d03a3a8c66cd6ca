//! What the App Store's messages say, field by field; whether they are true, the verifier says. Fields that are new are left in the text.

use serde::{Deserialize, Deserializer, de};
use uuid::Uuid;

use super::json::Names;
use super::rejection::Token;
use crate::domain::Time;
use crate::domain::purchase::{NotificationType, Ownership, ProductType, Subtype};

/// Apple's id of a transaction: digits, but for us a text.
pub type TransactionId = String;

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Transaction {
    pub transaction_id: TransactionId,
    /// The first transaction of a subscription; its own id for anything else.
    pub original_transaction_id: TransactionId,
    pub product_id: String,
    #[serde(rename = "type")]
    pub product_type: ProductType,
    #[serde(deserialize_with = "millis")]
    pub purchase_date: Time,
    #[serde(default, deserialize_with = "some_millis")]
    pub expires_date: Option<Time>,
    pub quantity: Option<u32>,
    pub app_account_token: Option<Uuid>,
    pub in_app_ownership_type: Option<Ownership>,
    pub subscription_group_identifier: Option<String>,
    #[serde(default, deserialize_with = "some_millis")]
    pub revocation_date: Option<Time>,
    pub revocation_reason: Option<i64>,
    pub revocation_type: Option<String>,
    /// In thousandths of a percent.
    pub revocation_percentage: Option<i64>,
    /// Replaced by a purchase of a higher product in its group.
    pub is_upgraded: Option<bool>,
    pub offer_type: Option<i64>,
    pub transaction_reason: Option<String>,
    pub storefront: Option<String>,
    /// In thousandths of the currency's unit.
    pub price: Option<i64>,
    pub currency: Option<String>,
    pub(super) bundle_id: Option<String>,
    pub(super) environment: Option<String>,
    #[serde(default, deserialize_with = "some_millis")]
    signed_date: Option<Time>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RenewalInfo {
    pub original_transaction_id: TransactionId,
    pub product_id: Option<String>,
    pub auto_renew_product_id: Option<String>,
    /// 1: it will renew.
    pub auto_renew_status: Option<i64>,
    /// 1 to 5.
    pub expiration_intent: Option<i64>,
    pub is_in_billing_retry_period: Option<bool>,
    #[serde(default, deserialize_with = "some_millis")]
    pub grace_period_expires_date: Option<Time>,
    #[serde(default, deserialize_with = "some_millis")]
    pub renewal_date: Option<Time>,
    pub app_account_token: Option<Uuid>,
    pub(super) environment: Option<String>,
    #[serde(default, deserialize_with = "some_millis")]
    signed_date: Option<Time>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppTransaction {
    pub app_transaction_id: Option<String>,
    pub application_version: Option<String>,
    pub original_application_version: Option<String>,
    #[serde(default, deserialize_with = "some_millis")]
    pub original_purchase_date: Option<Time>,
    pub device_verification: Option<String>,
    pub device_verification_nonce: Option<String>,
    pub(super) app_apple_id: Option<i64>,
    pub(super) bundle_id: Option<String>,
    pub(super) receipt_type: Option<String>,
    /// When it was signed.
    #[serde(default, deserialize_with = "some_millis")]
    receipt_creation_date: Option<Time>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    pub notification_type: NotificationType,
    pub subtype: Option<Subtype>,
    /// The same in each repetition of one notification.
    #[serde(rename = "notificationUUID")]
    pub notification_uuid: Uuid,
    pub version: Option<String>,
    pub data: Option<Data>,
    pub summary: Option<Summary>,
    pub external_purchase_token: Option<ExternalPurchaseToken>,
    pub app_data: Option<AppData>,
    #[serde(default, deserialize_with = "some_millis")]
    signed_date: Option<Time>,
}

/// Whose app a part of a notification is about, in Apple's words.
pub(super) struct App<'a> {
    pub(super) bundle_id: Option<&'a str>,
    pub(super) apple_id: Option<i64>,
    pub(super) environment: Option<&'a str>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Data {
    pub bundle_version: Option<String>,
    /// 1 active, 2 expired, 3 billing retry, 4 grace, 5 revoked.
    pub status: Option<i64>,
    pub consumption_request_reason: Option<String>,
    pub(super) app_apple_id: Option<i64>,
    pub(super) bundle_id: Option<String>,
    pub(super) environment: Option<String>,
    pub(super) signed_transaction_info: Option<String>,
    pub(super) signed_renewal_info: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    pub request_identifier: Option<String>,
    pub product_id: Option<String>,
    pub succeeded_count: Option<i64>,
    pub failed_count: Option<i64>,
    app_apple_id: Option<i64>,
    bundle_id: Option<String>,
    environment: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExternalPurchaseToken {
    /// Says by how it begins whether it is of the sandbox.
    pub external_purchase_id: String,
    #[serde(default, deserialize_with = "some_millis")]
    pub token_creation_date: Option<Time>,
    app_apple_id: Option<i64>,
    bundle_id: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppData {
    pub(super) app_apple_id: Option<i64>,
    pub(super) bundle_id: Option<String>,
    pub(super) environment: Option<String>,
    pub(super) signed_app_transaction_info: Option<String>,
}

/// A payload that can be told from the others.
pub(super) trait Payload: de::DeserializeOwned {
    const TOKEN: Token;
    /// Fields that only payloads of other kinds have.
    const FOREIGN: &'static [&'static str];
    /// Fields of which it has at least one.
    const OWN: &'static [&'static str];

    fn signed_date(&self) -> Option<Time>;

    fn is_named_by(names: &Names<'_>) -> bool {
        names.any_of(Self::OWN) && !names.any_of(Self::FOREIGN)
    }
}

impl Payload for Transaction {
    const TOKEN: Token = Token::Transaction;
    const OWN: &'static [&'static str] = &["bundleId"];
    const FOREIGN: &'static [&'static str] =
        &["notificationType", "notificationUUID", "receiptType", "autoRenewStatus", "autoRenewProductId"];

    fn signed_date(&self) -> Option<Time> {
        self.signed_date
    }
}

impl Payload for RenewalInfo {
    const TOKEN: Token = Token::RenewalInfo;
    const OWN: &'static [&'static str] = &["environment"];
    const FOREIGN: &'static [&'static str] =
        &["notificationType", "notificationUUID", "receiptType", "bundleId", "transactionId"];

    fn signed_date(&self) -> Option<Time> {
        self.signed_date
    }
}

impl Payload for AppTransaction {
    const TOKEN: Token = Token::AppTransaction;
    const OWN: &'static [&'static str] = &["receiptType"];
    const FOREIGN: &'static [&'static str] =
        &["notificationType", "notificationUUID", "transactionId", "autoRenewStatus"];

    fn signed_date(&self) -> Option<Time> {
        self.receipt_creation_date
    }
}

impl Payload for Notification {
    const TOKEN: Token = Token::Notification;
    const OWN: &'static [&'static str] = &["notificationType"];
    const FOREIGN: &'static [&'static str] = &["transactionId", "receiptType", "autoRenewStatus"];

    fn signed_date(&self) -> Option<Time> {
        self.signed_date
    }
}

impl Notification {
    /// The app that it is about; none unless it is about exactly one thing.
    pub(super) fn app(&self) -> Option<App<'_>> {
        match (&self.data, &self.summary, &self.external_purchase_token, &self.app_data) {
            (Some(it), None, None, None) => {
                Some(app(it.bundle_id.as_deref(), it.app_apple_id, it.environment.as_deref()))
            }
            (None, Some(it), None, None) => {
                Some(app(it.bundle_id.as_deref(), it.app_apple_id, it.environment.as_deref()))
            }
            (None, None, Some(it), None) => {
                let is_sandbox = it.external_purchase_id.starts_with("SANDBOX");
                let environment = if is_sandbox { "Sandbox" } else { "Production" };
                Some(app(it.bundle_id.as_deref(), it.app_apple_id, Some(environment)))
            }
            (None, None, None, Some(it)) => {
                Some(app(it.bundle_id.as_deref(), it.app_apple_id, it.environment.as_deref()))
            }
            _ => None,
        }
    }
}

fn app<'a>(bundle_id: Option<&'a str>, apple_id: Option<i64>, environment: Option<&'a str>) -> App<'a> {
    App { bundle_id, apple_id, environment }
}

/// Milliseconds since 1970, as a whole number.
fn millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
    let millis = i64::deserialize(deserializer)?;
    Time::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).map_err(de::Error::custom)
}

fn some_millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Time>, D::Error> {
    #[derive(Deserialize)]
    struct Millis(#[serde(deserialize_with = "millis")] Time);

    Ok(Option::<Millis>::deserialize(deserializer)?.map(|millis| millis.0))
}
