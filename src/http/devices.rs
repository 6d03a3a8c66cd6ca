//! Phones in JSON: how a user is reached.

use actix_web::web::Data;
use actix_web::{HttpResponse, delete, put};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::{App, devices};
use crate::domain::device::{DeviceId, Platform};
use crate::domain::error::Result;
use crate::errors;
use crate::http::extract::{Caller, Json, Path};
use crate::http::schema::Timestamp;

/// How the phone is reached.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DevicePut {
    platform: Platform,
    /// Of Apple its token in hexadecimal, 64 to 200 digits; of Firebase its registration token.
    #[schema(
        example = "740f4707bebcf74f9b7c25d48e3358945f6aa01da5ddb387462c7eaf61bb78ad",
        min_length = 16,
        max_length = 2048
    )]
    push_token: String,
}

/// A phone of a user.
#[derive(Serialize, ToSchema)]
pub struct DeviceView {
    /// The app's own name for it.
    #[schema(example = "2f1a7c1e-iphone", pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    device_id: String,
    platform: Platform,
    /// By which its platform finds it.
    #[schema(example = "740f4707bebcf74f9b7c25d48e3358945f6aa01da5ddb387462c7eaf61bb78ad")]
    push_token: String,
    /// When it was last registered.
    registered_at: Timestamp,
}

impl From<devices::Device> for DeviceView {
    fn from(device: devices::Device) -> Self {
        Self {
            device_id: device.device_id,
            platform: device.platform,
            push_token: device.push_token,
            registered_at: device.registered_at.into(),
        }
    }
}

errors!(PutDeviceErrors: CALLER, BODY; NotFound);

/// Register my phone for pushes
///
/// Do it after each sign-in and whenever the platform gives the app another token: a phone is told things as long as the
/// session that registered it. A phone has one owner: whoever registers its token takes it over. Of more than ten the one that
/// was longest silent goes.
#[utoipa::path(
    tag = "People",
    security(("bearer" = [])),
    params((
        "device_id" = String, Path,
        description = "The app's own name for the phone: 1 to 64 of letters, digits, `.`, `_` and `-`.",
        pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", example = "2f1a7c1e-iphone",
    )),
    request_body(content = DevicePut, description = "How it is reached.", example = json!({
        "platform": "ios", "push_token": "740f4707bebcf74f9b7c25d48e3358945f6aa01da5ddb387462c7eaf61bb78ad",
    })),
    responses(
        (status = 200, description = "The phone.", body = DeviceView, example = json!({
            "device_id": "2f1a7c1e-iphone", "platform": "ios",
            "push_token": "740f4707bebcf74f9b7c25d48e3358945f6aa01da5ddb387462c7eaf61bb78ad",
            "registered_at": "2026-12-01T10:30:00.000Z",
        })),
        PutDeviceErrors,
    ),
)]
#[put("/v1/me/devices/{device_id}")]
pub async fn put_device(
    app: Data<App>,
    caller: Caller,
    device_id: Path<DeviceId>,
    device: Json<DevicePut>,
) -> Result<Json<DeviceView>> {
    let Json(DevicePut { platform, push_token }) = device;
    let whose = (caller.user_id, caller.session_id);
    Ok(Json(devices::put(&app, whose, &device_id.0, platform, &push_token).await?.into()))
}

errors!(DeleteDeviceErrors: CALLER; NotFound);

/// No more pushes to my phone
///
/// Also when it is not registered. Signing out does the same.
#[utoipa::path(
    tag = "People",
    security(("bearer" = [])),
    params((
        "device_id" = String, Path,
        description = "The app's own name for the phone: 1 to 64 of letters, digits, `.`, `_` and `-`.",
        pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", example = "2f1a7c1e-iphone",
    )),
    responses((status = 204, description = "The phone is not registered."), DeleteDeviceErrors),
)]
#[delete("/v1/me/devices/{device_id}")]
pub async fn delete_device(app: Data<App>, caller: Caller, device_id: Path<DeviceId>) -> Result<HttpResponse> {
    devices::delete(&app, caller.user_id, &device_id.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
