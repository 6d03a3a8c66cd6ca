//! Payments in JSON: what the provider's widget needs, the confirmation, and the provider's hints.

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, get, post};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::app::payments::ToPay;
use crate::app::{App, hints, payments};
use crate::domain::error::{Code, Error, FieldFault, Result};
use crate::domain::money::Krw;
use crate::domain::payment::{Payment, PaymentKind, PaymentState};
use crate::errors;
use crate::http::extract::{Caller, Keyed, Path, Raw};
use crate::http::limits;
use crate::http::schema::{IdempotencyKey, OrderId, PaymentId, Timestamp, UserId};

/// How soon a client asks again about a payment whose outcome is not known, in seconds.
const POLL_AFTER: &str = "2";

/// A payment. Its `provider_order_id`, `order_name`, `amount_krw` and `customer_key` are what the Toss widget wants.
#[derive(Serialize, ToSchema)]
pub struct PaymentView {
    id: PaymentId,
    order_id: OrderId,
    kind: PaymentKind,
    state: PaymentState,
    /// What is to be paid.
    #[schema(example = 13_500)]
    amount_krw: Krw,
    /// Has gone back.
    #[schema(example = 0)]
    refunded_krw: Krw,
    /// Always `toss`.
    #[schema(example = "toss")]
    provider: &'static str,
    /// Changes after a decline.
    #[schema(example = "117440512000000004-1")]
    provider_order_id: String,
    /// What the widget shows.
    #[schema(example = "교촌치킨 역삼점")]
    order_name: String,
    /// The payer, for the widget.
    #[schema(example = "user-117440512000000001")]
    customer_key: String,
    expires_at: Timestamp,
}

impl PaymentView {
    pub fn of(payment: &Payment, payer: UserId, order_name: &str) -> Self {
        Self {
            id: payment.id,
            order_id: payment.order_id,
            kind: payment.kind,
            state: payment.state,
            amount_krw: payment.amount_krw,
            refunded_krw: payment.refunded(),
            provider: "toss",
            provider_order_id: payment.provider_order_id(),
            order_name: order_name.to_owned(),
            customer_key: format!("user-{payer}"),
            expires_at: payment.expires_at.into(),
        }
    }
}

impl From<ToPay> for PaymentView {
    fn from(to_pay: ToPay) -> Self {
        Self::of(&to_pay.payment, to_pay.user_id, &to_pay.order_name)
    }
}

/// 202 with the advice to poll while nobody knows the outcome, else 200.
fn present(to_pay: ToPay) -> HttpResponse {
    let mut response = if is_unknown(&to_pay) { HttpResponse::Accepted() } else { HttpResponse::Ok() };
    respond(&mut response, to_pay)
}

fn respond(response: &mut HttpResponseBuilder, to_pay: ToPay) -> HttpResponse {
    if is_unknown(&to_pay) {
        response.insert_header((header::RETRY_AFTER, POLL_AFTER));
    }
    response.json(PaymentView::from(to_pay))
}

/// A payment that a person has to look at is known if its money has been captured.
fn is_unknown(to_pay: &ToPay) -> bool {
    let payment = &to_pay.payment;
    payment.confirming() || payment.state == PaymentState::Review && payment.captured_krw == Krw::ZERO
}

errors!(GetPaymentErrors: CALLER; NotFound);

/// A payment
///
/// For its payer. While the outcome is not known `Retry-After` says when to ask again.
#[utoipa::path(
    tag = "Payments",
    security(("bearer" = [])),
    params(("id" = PaymentId, Path, description = "The payment's id.")),
    responses((status = 200, description = "The payment.", body = PaymentView), GetPaymentErrors),
)]
#[get("/v1/payments/{id}")]
pub async fn get_payment(app: Data<App>, caller: Caller, id: Path<PaymentId>) -> Result<HttpResponse> {
    Ok(respond(&mut HttpResponse::Ok(), payments::see(&app, caller.user_id, id.0).await?))
}

/// What the provider's widget gave back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmationBody {
    /// 1 to 200 characters.
    #[schema(example = "tgen_20261124213000abcd1", min_length = 1, max_length = 200)]
    payment_key: String,
    /// The payment's own amount.
    #[schema(example = 13_500, minimum = 1)]
    amount_krw: Krw,
}

errors!(ConfirmPaymentErrors: CALLER, BODY;
    IdempotencyKeyMissing, IdempotencyKeyMalformed, IdempotencyKeyReused, NotFound, AmountMismatch, PaymentExpired, PaymentDeclined,
    PaymentUnavailable, PaymentUntrusted);

/// Confirm a payment
///
/// With the `payment_key` that the widget gave. 200: paid. 202: the outcome is not known yet; ask for the payment until it is,
/// and never pay again meanwhile. 402: declined; the payment shows the next `provider_order_id` and can be tried again until
/// `expires_at`. Repeated, it answers what is true of the payment by then.
#[utoipa::path(
    tag = "Payments",
    security(("bearer" = [])),
    params(
        ("id" = PaymentId, Path, description = "The payment's id."),
        IdempotencyKey,
    ),
    request_body(content = ConfirmationBody, description = "What the widget gave back."),
    responses(
        (status = 200, description = "The payment is made.", body = PaymentView),
        (status = 202, description = "Not known yet.", body = PaymentView, headers(("Retry-After" = u32, description = "Seconds until the next look."))),
        ConfirmPaymentErrors,
    ),
)]
#[post("/v1/payments/{id}/confirmation")]
pub async fn confirm_payment(
    app: Data<App>,
    caller: Caller,
    id: Path<PaymentId>,
    body: Keyed<ConfirmationBody>,
) -> Result<HttpResponse> {
    let ConfirmationBody { payment_key, amount_krw } = &body.body;
    if payment_key.is_empty() || payment_key.len() > 200 || !payment_key.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Error::field("/payment_key", FieldFault::OutOfRange));
    }
    let app = app.into_inner();
    let key = body.key("POST /v1/payments/{id}/confirmation");
    Ok(present(payments::confirm(&app, caller.user_id, id.0, payment_key, *amount_krw, &key).await?))
}

errors!(TossWebhookErrors: ; RequestTimeout, Malformed, PayloadTooLarge);

/// A hint from Toss
///
/// Toss does not sign it, so it is only a hint: what it is about is kept, and Toss is asked. Always 200, also for what is not
/// ours.
#[utoipa::path(
    tag = "Webhooks",
    params(("tosspayments-webhook-transmission-id" = Option<String>, Header, description = "The hint's name; one is kept once.", example = "4b1f0c2e")),
    request_body(content = Value, content_type = "application/json", description = "As Toss documents it.", example = json!({"eventType": "PAYMENT_STATUS_CHANGED", "data": {"orderId": "117440512000000004-1", "status": "DONE"}})),
    responses((status = 200, description = "Received."), TossWebhookErrors),
)]
#[post("/v1/webhooks/toss")]
pub async fn receive_toss_webhook(app: Data<App>, request: HttpRequest, body: Raw) -> Result<HttpResponse> {
    let hint: Value = serde_json::from_slice(&body.0).map_err(|error| Error::internal(Code::Malformed, error))?;
    let Some(order_id) = hint.pointer("/data/orderId").and_then(Value::as_str) else {
        // Of another kind; refused, it would come again and again.
        return Ok(HttpResponse::Ok().finish());
    };
    let transmission = request.headers().get("tosspayments-webhook-transmission-id").and_then(|id| id.to_str().ok());
    let transmission = transmission.filter(|id| id.len() <= 200);
    let mut received = HttpResponse::Ok().finish();
    if !hints::keep(&app, order_id, transmission).await? {
        received.extensions_mut().insert(limits::Worthless);
    }
    Ok(received)
}
