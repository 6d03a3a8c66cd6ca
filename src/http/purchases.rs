//! Purchases in JSON: what is for sale, what one has, a purchase handed in, and the App Store's notifications.

use actix_web::web::Data;
use actix_web::{HttpResponse, get, post};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::entitlements::{self, Entitlements};
use crate::app::{App, purchases};
use crate::domain::error::{Code, Error, Result};
use crate::domain::purchase::{Environment, Grants, Kind, Product, SubscriptionState};
use crate::errors;
use crate::http::extract::{Caller, Json, Keyed, Raw};
use crate::http::schema::{IdempotencyKey, Timestamp};

/// What a purchase gives.
#[derive(Serialize, ToSchema)]
pub struct GrantsView {
    /// Plus, as long as it is renewed.
    #[schema(example = false)]
    plus: bool,
    /// So many boosts.
    #[schema(example = 5)]
    boosts: u32,
}

/// Something for sale. Its price is in the store.
#[derive(Serialize, ToSchema)]
pub struct ProductView {
    /// The store's name for it.
    #[schema(example = "boost_5")]
    product_id: String,
    kind: Kind,
    grants: GrantsView,
}

impl From<&Product> for ProductView {
    fn from(product: &Product) -> Self {
        let grants = match product.grants {
            Grants::Plus => GrantsView { plus: true, boosts: 0 },
            Grants::Boosts(boosts) => GrantsView { plus: false, boosts },
        };
        Self { product_id: product.product_id.clone(), kind: product.kind, grants }
    }
}

/// Everything for sale.
#[derive(Serialize, ToSchema)]
pub struct ProductsPage {
    /// In no order.
    items: Vec<ProductView>,
}

errors!(ListProductsErrors: CALLER; NotFound);

/// What is for sale
///
/// In the App Store. 404 where nothing is sold.
#[utoipa::path(
    tag = "Purchases",
    security(("bearer" = [])),
    responses((status = 200, description = "The products.", body = ProductsPage), ListProductsErrors),
)]
#[get("/v1/products")]
pub async fn list_products(app: Data<App>, _: Caller) -> Result<Json<ProductsPage>> {
    Ok(Json(ProductsPage { items: purchases::products(&app)?.iter().map(ProductView::from).collect() }))
}

/// The subscription.
#[derive(Serialize, ToSchema)]
pub struct PlusView {
    /// Whether its limits apply: two hosted parties, twenty members.
    #[schema(example = true)]
    active: bool,
    state: SubscriptionState,
    /// Until when there is access, if nothing else happens.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    /// Whether the store will renew it then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = true)]
    will_renew: Option<bool>,
    /// Where it was bought.
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<Environment>,
}

/// What one has bought and not used up.
#[derive(Serialize, ToSchema)]
pub struct EntitlementsView {
    plus: PlusView,
    /// Left of the boosts; below zero when some were refunded that had been spent.
    #[schema(example = 5)]
    boosts: i64,
}

impl From<Entitlements> for EntitlementsView {
    fn from(Entitlements { plus, boosts }: Entitlements) -> Self {
        let plus = PlusView {
            active: plus.state.has_access(),
            state: plus.state,
            expires_at: plus.expires_at.map(Timestamp),
            will_renew: plus.will_renew,
            environment: plus.environment,
        };
        Self { plus, boosts }
    }
}

errors!(GetEntitlementsErrors: CALLER);

/// What I have
///
/// Plus, and boosts that are left.
#[utoipa::path(
    tag = "Purchases",
    security(("bearer" = [])),
    responses((status = 200, description = "The caller's entitlements.", body = EntitlementsView), GetEntitlementsErrors),
)]
#[get("/v1/me/entitlements")]
pub async fn get_entitlements(app: Data<App>, caller: Caller) -> Result<Json<EntitlementsView>> {
    Ok(Json(entitlements::mine(&app, caller.user_id).await?.into()))
}

/// A purchase as `StoreKit` has it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PurchaseBody {
    /// `VerificationResult.jwsRepresentation`, whole.
    #[schema(example = "eyJhbGciOiJFUzI1NiIsIng1YyI6WyJNSUlC...")]
    signed_transaction: String,
}

errors!(CreatePurchaseErrors: CALLER, BODY, KEYED; NotFound, NotATester, PurchaseInvalid, PurchaseTaken);

/// Hand in a purchase
///
/// With each transaction that `StoreKit` shows: bought just now, restored, or seen on another device. It counts once. Finish the
/// transaction only after a 200. 409: it belongs to another account; one that was made without `app_account_token` belongs to
/// whoever hands it in first.
#[utoipa::path(
    tag = "Purchases",
    security(("bearer" = [])),
    params(IdempotencyKey),
    request_body(content = PurchaseBody, description = "The purchase."),
    responses(
        (status = 200, description = "What the caller has now.", body = EntitlementsView, headers(
            ("Idempotency-Replayed" = String, description = "`true` on the answer to a repeated command."),
        )),
        CreatePurchaseErrors,
    ),
)]
#[post("/v1/purchases/app-store")]
pub async fn create_purchase(app: Data<App>, caller: Caller, body: Keyed<PurchaseBody>) -> Result<HttpResponse> {
    let key = body.key("POST /v1/purchases/app-store");
    let bought = purchases::buy(&app, caller.user_id, &body.body.signed_transaction, &key).await?;
    let mut response = HttpResponse::Ok();
    if bought.replayed {
        response.insert_header(("Idempotency-Replayed", "true"));
    }
    Ok(response.json(EntitlementsView::from(bought.entitlements)))
}

/// What Apple sends. More fields may come.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationBody {
    /// The notification, signed.
    #[schema(example = "eyJhbGciOiJFUzI1NiIsIng1YyI6WyJNSUlC...")]
    signed_payload: String,
}

errors!(AppStoreWebhookErrors: ; RequestTimeout, Malformed, PayloadTooLarge, NotFound, PurchaseInvalid);

/// A notification of the App Store
///
/// Version 2, as Apple sends it. 200 once it is kept, also when we know it already or do not know what it means. 422: Apple has
/// not signed it for us.
#[utoipa::path(
    tag = "Webhooks",
    request_body(content = NotificationBody, description = "As Apple documents it.", example = json!({"signedPayload": "eyJhbGciOiJFUzI1NiIsIng1YyI6WyJNSUlC..."})),
    responses((status = 200, description = "Kept."), AppStoreWebhookErrors),
)]
#[post("/v1/webhooks/app-store")]
pub async fn receive_app_store_webhook(app: Data<App>, body: Raw) -> Result<HttpResponse> {
    let malformed = |error: serde_json::Error| Error::internal(Code::Malformed, error);
    let NotificationBody { signed_payload } = serde_json::from_slice(&body.0).map_err(malformed)?;
    purchases::notice(&app, &signed_payload).await?;
    Ok(HttpResponse::Ok().finish())
}
