//! Transfers in JSON: what guests of a transfer party have sent, and what the host has received.

use actix_web::web::Data;
use actix_web::{HttpResponse, put};

use crate::app::{App, Expected, orders};
use crate::domain::error::Result;
use crate::errors;
use crate::http::extract::{Caller, Path};
use crate::http::orders::{OrderView, changed};
use crate::http::schema::{IfMatch, OrderId};

errors!(TransferErrors: CALLER; PreconditionFailed, NotFound, NotTheOwner, WrongState);

/// Tell that one's share is sent
///
/// By the guest of a transfer party. If the host says nothing for 24 hours, it counts as received.
#[utoipa::path(
    tag = "Orders",
    security(("bearer" = [])),
    params(("id" = OrderId, Path, description = "The order's id."), IfMatch),
    responses((status = 200, description = "The order.", body = OrderView), TransferErrors),
)]
#[put("/v1/orders/{id}/transfer")]
pub async fn send_transfer(
    app: Data<App>,
    caller: Caller,
    id: Path<OrderId>,
    expected: Expected,
) -> Result<HttpResponse> {
    Ok(changed(&orders::transfer_sent(&app, caller.user_id, id.0, &expected).await?))
}

errors!(TransferReceiptErrors: CALLER; PreconditionFailed, NotFound, NotTheHost, WrongState);

/// Tell that a share is received
///
/// By the host of a transfer party, also after he has said that it was not.
#[utoipa::path(
    tag = "Orders",
    security(("bearer" = [])),
    params(("id" = OrderId, Path, description = "The order's id."), IfMatch),
    responses((status = 200, description = "The order.", body = OrderView), TransferReceiptErrors),
)]
#[put("/v1/orders/{id}/transfer/receipt")]
pub async fn receive_transfer(
    app: Data<App>,
    caller: Caller,
    id: Path<OrderId>,
    expected: Expected,
) -> Result<HttpResponse> {
    Ok(changed(&orders::transfer_received(&app, caller.user_id, id.0, &expected).await?))
}

/// Tell that a share has not come
///
/// By the host of a transfer party, about one that is said to be sent.
#[utoipa::path(
    tag = "Orders",
    security(("bearer" = [])),
    params(("id" = OrderId, Path, description = "The order's id."), IfMatch),
    responses((status = 200, description = "The order.", body = OrderView), TransferReceiptErrors),
)]
#[put("/v1/orders/{id}/transfer/dispute")]
pub async fn dispute_transfer(
    app: Data<App>,
    caller: Caller,
    id: Path<OrderId>,
    expected: Expected,
) -> Result<HttpResponse> {
    Ok(changed(&orders::transfer_disputed(&app, caller.user_id, id.0, &expected).await?))
}
