//! Whether the process lives and whether it can serve, for whoever watches it.

use actix_web::web::Data;
use actix_web::{HttpResponse, get};

use crate::app::App;
use crate::domain::error::Result;
use crate::errors;

errors!(LivezErrors:);
errors!(ReadyzErrors:);

/// Whether the process lives
///
/// Asks nobody else: a database that is gone is no reason to kill this process.
#[utoipa::path(
    tag = "Service",
    responses(
        (status = 200, description = "It lives.", body = String, content_type = "text/plain", example = "alive"),
        LivezErrors,
    ),
)]
#[get("/livez")]
pub async fn get_livez() -> &'static str {
    "alive"
}

/// Whether requests can be served
///
/// The databases answer and have the tables that this program knows.
#[utoipa::path(
    tag = "Service",
    responses(
        (status = 200, description = "Requests can be served.", body = String, content_type = "text/plain", example = "ready"),
        ReadyzErrors,
    ),
)]
#[get("/readyz")]
pub async fn get_readyz(app: Data<App>) -> Result<HttpResponse> {
    app.ready().await?;
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ready"))
}
