//! What the App Store says of a purchase, as JSON with all the fields that it has; callers change what they like.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;

/// Whose app it is, and where it was bought.
#[derive(Clone, Debug)]
pub struct App {
    pub bundle_id: String,
    pub app_apple_id: i64,
    /// `Production` or `Sandbox`.
    pub environment: String,
}

/// All notification types, and the subtypes that each is sent with; none is also one.
pub const NOTIFICATIONS: &[(&str, &[Option<&str>])] = &[
    ("CONSUMPTION_REQUEST", &[None]),
    ("DID_CHANGE_RENEWAL_PREF", &[None, Some("UPGRADE"), Some("DOWNGRADE")]),
    ("DID_CHANGE_RENEWAL_STATUS", &[Some("AUTO_RENEW_ENABLED"), Some("AUTO_RENEW_DISABLED")]),
    ("DID_FAIL_TO_RENEW", &[None, Some("GRACE_PERIOD")]),
    ("DID_RENEW", &[None, Some("BILLING_RECOVERY")]),
    ("EXPIRED", &[Some("VOLUNTARY"), Some("BILLING_RETRY"), Some("PRICE_INCREASE"), Some("PRODUCT_NOT_FOR_SALE")]),
    ("EXTERNAL_PURCHASE_TOKEN", &[Some("UNREPORTED"), Some("CREATED"), Some("ACTIVE_TOKEN_REMINDER")]),
    ("GRACE_PERIOD_EXPIRED", &[None]),
    ("METADATA_UPDATE", &[None]),
    ("MIGRATION", &[None]),
    ("OFFER_REDEEMED", &[None, Some("UPGRADE"), Some("DOWNGRADE")]),
    ("ONE_TIME_CHARGE", &[None]),
    ("PRICE_CHANGE", &[None]),
    ("PRICE_INCREASE", &[Some("PENDING"), Some("ACCEPTED")]),
    ("REFUND", &[None]),
    ("REFUND_DECLINED", &[None]),
    ("REFUND_REVERSED", &[None]),
    ("RENEWAL_EXTENDED", &[None]),
    ("RENEWAL_EXTENSION", &[Some("SUMMARY"), Some("FAILURE")]),
    ("RESCIND_CONSENT", &[None]),
    ("REVOKE", &[None]),
    ("SUBSCRIBED", &[Some("INITIAL_BUY"), Some("RESUBSCRIBE")]),
    ("TEST", &[None]),
];

/// A purchase of a subscription for a month, or of a consumable; `transaction_id` is its only and original one.
pub fn transaction(
    app: &App,
    product_id: &str,
    is_subscription: bool,
    transaction_id: &str,
    now: OffsetDateTime,
) -> Value {
    let at = millis(now);
    let mut claims = json!({
        "transactionId": transaction_id,
        "originalTransactionId": transaction_id,
        "bundleId": app.bundle_id,
        "productId": product_id,
        "purchaseDate": at,
        "originalPurchaseDate": at,
        "quantity": 1,
        "type": if is_subscription { "Auto-Renewable Subscription" } else { "Consumable" },
        "inAppOwnershipType": "PURCHASED",
        "signedDate": at,
        "environment": app.environment,
        "transactionReason": "PURCHASE",
        "storefront": "KOR",
        "storefrontId": "143466",
        "price": if is_subscription { 4_900_000 } else { 1_100_000 },
        "currency": "KRW",
        "appTransactionId": "704390286318254012",
    });
    if is_subscription {
        overlay(
            &mut claims,
            &json!({ "webOrderLineItemId": "2000000012345678", "subscriptionGroupIdentifier": "21400001", "expiresDate": at + MONTH }),
        );
    }
    claims
}

/// What will become of the subscription of these transaction claims.
pub fn renewal_info(app: &App, transaction: &Value, now: OffsetDateTime) -> Value {
    let field = |name: &str| transaction.get(name).cloned().unwrap_or_default();
    json!({
        "originalTransactionId": field("originalTransactionId"),
        "autoRenewProductId": field("productId"),
        "productId": field("productId"),
        "autoRenewStatus": 1,
        "renewalPrice": 4_900_000,
        "currency": "KRW",
        "signedDate": millis(now),
        "environment": app.environment,
        "recentSubscriptionStartDate": field("purchaseDate"),
        "renewalDate": field("expiresDate"),
        "appTransactionId": "704390286318254012",
    })
}

pub fn app_transaction(app: &App, now: OffsetDateTime) -> Value {
    let at = millis(now);
    json!({
        "receiptType": app.environment,
        "appAppleId": app.app_apple_id,
        "bundleId": app.bundle_id,
        "applicationVersion": "1.0.0",
        "versionExternalIdentifier": 0,
        "receiptCreationDate": at,
        "originalPurchaseDate": at,
        "originalApplicationVersion": "1.0.0",
        "deviceVerification": "c2ltdWxhdGVk",
        "deviceVerificationNonce": "48ccfa42-7431-4f22-9908-7e88983e105a",
        "appTransactionId": "704390286318254012",
        "originalPlatform": "iOS",
    })
}

/// The tokens that go into a notification.
#[derive(Clone, Debug, Default)]
pub struct Inside {
    pub transaction: Option<String>,
    pub renewal_info: Option<String>,
    pub app_transaction: Option<String>,
}

/// A notification with the content that its type has.
pub fn notification(
    app: &App,
    kind: &str,
    subtype: Option<&str>,
    uuid: &str,
    inside: &Inside,
    now: OffsetDateTime,
) -> Value {
    let (name, content) = content(app, kind, inside, now);
    let mut claims = json!({ "notificationType": kind, "notificationUUID": uuid, "version": "2.0", "signedDate": millis(now), name: content });
    if let Some(subtype) = subtype {
        overlay(&mut claims, &json!({ "subtype": subtype }));
    }
    claims
}

fn content(app: &App, kind: &str, inside: &Inside, now: OffsetDateTime) -> (&'static str, Value) {
    let mut content =
        json!({ "appAppleId": app.app_apple_id, "bundleId": app.bundle_id, "environment": app.environment });
    let (name, more) = match kind {
        "EXTERNAL_PURCHASE_TOKEN" => {
            let prefix = if app.environment == "Sandbox" { "SANDBOX_" } else { "" };
            let id = format!("{prefix}b2158121-7af9-49d4-9561-1f588205523e");
            let more = json!({ "environment": null, "externalPurchaseId": id, "tokenCreationDate": millis(now) });
            ("externalPurchaseToken", more)
        }
        "RENEWAL_EXTENSION" => {
            let more = json!({
                "requestIdentifier": "efb27071-45a4-4aca-9854-2a1e9146f265",
                "productId": "plus_monthly",
                "storefrontCountryCodes": ["KOR"],
                "succeededCount": 5,
                "failedCount": 0,
            });
            ("summary", more)
        }
        "RESCIND_CONSENT" => ("appData", json!({ "signedAppTransactionInfo": inside.app_transaction })),
        "TEST" => ("data", json!({ "bundleVersion": "1" })),
        _ => {
            let more = json!({
                "bundleVersion": "1",
                "signedTransactionInfo": inside.transaction,
                "signedRenewalInfo": inside.renewal_info,
                "status": inside.renewal_info.as_ref().map(|_| 1),
                "consumptionRequestReason": (kind == "CONSUMPTION_REQUEST").then_some("UNINTENDED_PURCHASE"),
            });
            ("data", more)
        }
    };
    overlay(&mut content, &more);
    (name, content)
}

/// Puts the fields of `over` into `claims`, as RFC 7396 does: null removes, objects are gone into.
pub fn overlay(claims: &mut Value, over: &Value) {
    let Value::Object(fields) = over else {
        *claims = over.clone();
        return;
    };
    if !claims.is_object() {
        *claims = Value::Object(Map::new());
    }
    if let Some(into) = claims.as_object_mut() {
        for (name, value) in fields {
            if value.is_null() {
                into.remove(name);
            } else {
                overlay(into.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
    }
}

/// Thirty days in milliseconds.
pub const MONTH: i64 = 2_592_000_000;

pub fn millis(time: OffsetDateTime) -> i64 {
    time.unix_timestamp() * 1000 + i64::from(time.millisecond())
}
