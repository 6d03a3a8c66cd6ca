//! Profiles and blocks in JSON.

use actix_web::http::header::ContentType;
use actix_web::web::Data;
use actix_web::{HttpResponse, delete, get, patch, put};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::{App, cached, users};
use crate::domain::error::Result;
use crate::domain::json::present;
use crate::domain::user::{Language, User};
use crate::errors;
use crate::http::extract::{Caller, Json, Path};
use crate::http::schema::{Timestamp, UserId, finished};

/// What users see of each other.
#[derive(Serialize, ToSchema)]
pub struct Profile {
    id: UserId,
    /// Not unique.
    #[schema(example = "민아", min_length = 1, max_length = 30)]
    nickname: String,
    /// 0 to 100; everyone begins with 50.
    #[schema(example = 50, minimum = 0, maximum = 100)]
    trust: i16,
    created_at: Timestamp,
}

impl From<User> for Profile {
    fn from(user: User) -> Self {
        Self { id: user.id, nickname: user.nickname, trust: user.trust, created_at: user.created_at.into() }
    }
}

/// What users see of themselves.
#[derive(Serialize, ToSchema)]
pub struct Me {
    id: UserId,
    /// Not unique.
    #[schema(example = "민아", min_length = 1, max_length = 30)]
    nickname: String,
    /// 0 to 100; everyone begins with 50.
    #[schema(example = 50, minimum = 0, maximum = 100)]
    trust: i16,
    created_at: Timestamp,
    /// Give it to `StoreKit` with each purchase.
    #[schema(example = "0b0f3a52-7f4e-4c1b-9a53-7f1f0f3f9f10")]
    app_account_token: Uuid,
    language: Language,
    /// Until when there is Plus, if there is.
    #[serde(skip_serializing_if = "Option::is_none")]
    plus_until: Option<Timestamp>,
}

impl From<users::Me> for Me {
    fn from(users::Me { user, plus_until }: users::Me) -> Self {
        Self {
            id: user.id,
            nickname: user.nickname,
            trust: user.trust,
            created_at: user.created_at.into(),
            app_account_token: user.app_account_token,
            language: user.language,
            plus_until: plus_until.map(Timestamp),
        }
    }
}

/// What users can change of themselves; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MeChange {
    /// 2 to 20 characters, without control characters.
    #[serde(default, deserialize_with = "present")]
    #[schema(example = "민아", min_length = 2, max_length = 20)]
    nickname: Option<String>,
    #[serde(default, deserialize_with = "present")]
    language: Option<Language>,
}

errors!(GetMeErrors: CALLER);

/// My profile
///
/// What the caller sees of himself or herself.
#[utoipa::path(
    tag = "People",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The caller.", body = Me, example = json!({
            "id": "117440512000000001", "nickname": "mina", "trust": 50, "created_at": "2026-11-24T12:30:00.000Z",
            "app_account_token": "0b0f3a52-7f4e-4c1b-9a53-7f1f0f3f9f10", "language": "ko",
        })),
        GetMeErrors,
    ),
)]
#[get("/v1/me")]
pub async fn get_me(app: Data<App>, caller: Caller) -> Result<Json<Me>> {
    Ok(Json(users::me(&app, caller.user_id).await?.into()))
}

errors!(PatchMeErrors: CALLER, BODY);

/// Change my profile
///
/// A merge patch (RFC 7396): what is absent stays. Neither field can be cleared.
#[utoipa::path(
    tag = "People",
    security(("bearer" = [])),
    request_body(content = MeChange, description = "What to change.", example = json!({"nickname": "민아", "language": "ko"})),
    responses(
        (status = 200, description = "The caller, as changed.", body = Me, example = json!({
            "id": "117440512000000001", "nickname": "민아", "trust": 50, "created_at": "2026-11-24T12:30:00.000Z",
            "app_account_token": "0b0f3a52-7f4e-4c1b-9a53-7f1f0f3f9f10", "language": "ko",
        })),
        PatchMeErrors,
    ),
)]
#[patch("/v1/me")]
pub async fn patch_me(app: Data<App>, caller: Caller, change: Json<MeChange>) -> Result<Json<Me>> {
    let Json(MeChange { nickname, language }) = change;
    Ok(Json(users::change_me(&app, caller.user_id, nickname.as_deref(), language).await?.into()))
}

errors!(GetUserErrors: CALLER; NotFound);

/// Somebody's profile
///
/// What users see of each other. One who has blocked the caller is not found.
#[utoipa::path(
    tag = "People",
    security(("bearer" = [])),
    params(("id" = UserId, Path, description = "The user's id.", example = "117440512000000001")),
    responses(
        (status = 200, description = "The user.", body = Profile, example = json!({
            "id": "117440512000000001", "nickname": "mina", "trust": 50, "created_at": "2026-11-24T12:30:00.000Z",
        })),
        GetUserErrors,
    ),
)]
#[get("/v1/users/{id}")]
pub async fn get_user(app: Data<App>, caller: Caller, id: Path<UserId>) -> Result<HttpResponse> {
    let profile = cached::profile(&app, caller.user_id, id.0, |user| finished(&Profile::from(user))).await?;
    Ok(HttpResponse::Ok().content_type(ContentType::json()).body(profile))
}

errors!(BlockErrors: CALLER; NotFound, Invalid);

/// Block a user
///
/// Keeps the two out of each other's parties; the blocked one does not find the caller any more. Blocking again changes
/// nothing; oneself is refused with 422.
#[utoipa::path(
    tag = "People",
    security(("bearer" = [])),
    params(("user_id" = UserId, Path, description = "Whom to block.", example = "117440512000000001")),
    responses((status = 204, description = "The user is blocked."), BlockErrors),
)]
#[put("/v1/me/blocks/{user_id}")]
pub async fn put_block(app: Data<App>, caller: Caller, user_id: Path<UserId>) -> Result<HttpResponse> {
    users::block(&app, caller.user_id, user_id.0).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Take back a block
///
/// Also when there was none.
#[utoipa::path(
    tag = "People",
    security(("bearer" = [])),
    params(("user_id" = UserId, Path, description = "Whom not to block any more.", example = "117440512000000001")),
    responses((status = 204, description = "The user is not blocked."), BlockErrors),
)]
#[delete("/v1/me/blocks/{user_id}")]
pub async fn delete_block(app: Data<App>, caller: Caller, user_id: Path<UserId>) -> Result<HttpResponse> {
    users::unblock(&app, caller.user_id, user_id.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
