//! What operators do, in JSON: parties that have to end, users who have to stay out, and what their lists have in common.

pub mod disputes;
pub mod payouts;
pub mod reports;

use actix_web::web::Data;
use actix_web::{HttpResponse, delete, put};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::access::{self, Suspension};
use crate::app::operators::{self, Slice};
use crate::app::{App, search};
use crate::domain::error::{Error, FieldFault, Result};
use crate::domain::id::Id;
use crate::errors;
use crate::http::extract::{Json, Operator, Path, cursor};
use crate::http::parties::PartyView;
use crate::http::schema::{AnyId, PartyId, Timestamp, UserId};

/// Which part of a list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SliceQuery {
    limit: Option<usize>,
    cursor: Option<String>,
}

impl SliceQuery {
    fn slice(self, list: &str) -> Result<Slice> {
        let limit = self.limit.unwrap_or(20);
        if !(1..=100).contains(&limit) {
            return Err(Error::field("limit", FieldFault::OutOfRange));
        }
        let after = match self.cursor {
            Some(text) => cursor::read::<1>(list, &text)?.map(u64::cast_signed),
            None => [0],
        };
        Ok(Slice { after: after[0], limit })
    }
}

fn next<T>(list: &str, page: &search::Page<T, i64>) -> Option<String> {
    page.next.map(|id| cursor::write(list, [id.cast_unsigned()]))
}

fn any<T>(id: Id<T>) -> AnyId {
    Id::from_raw(id.raw())
}

errors!(CancelAnyPartyErrors: CALLER; NotFound, WrongState);

/// End a party
///
/// One that is not over, in whatever state it is; everybody gets all his money back.
#[utoipa::path(
    tag = "Operators",
    security(("bearer" = [])),
    params(("id" = PartyId, Path, description = "The party's id.")),
    responses((status = 200, description = "The party, as everybody sees it.", body = PartyView), CancelAnyPartyErrors),
)]
#[put("/v1/admin/parties/{id}/cancellation")]
pub async fn cancel_any_party(app: Data<App>, operator: Operator, id: Path<PartyId>) -> Result<Json<PartyView>> {
    Ok(Json(operators::cancel(&app, operator.by, id.0).await?.into()))
}

/// Why a user has to stay out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSuspension {
    /// Up to 200 characters.
    #[schema(example = "반복된 사기 신고", min_length = 1, max_length = 200)]
    note: String,
}

/// That a user has to stay out.
#[derive(Serialize, ToSchema)]
pub struct SuspensionView {
    user_id: UserId,
    /// Why.
    #[schema(example = "반복된 사기 신고")]
    note: String,
    suspended_at: Timestamp,
}

impl From<Suspension> for SuspensionView {
    fn from(suspension: Suspension) -> Self {
        Self { user_id: suspension.user_id, note: suspension.note, suspended_at: suspension.suspended_at.into() }
    }
}

errors!(SuspendUserErrors: CALLER, BODY; NotFound);

/// Suspend a user
///
/// Within seconds nothing of the service answers to him but 403 `suspended`; what he is in goes on by the clock.
#[utoipa::path(
    tag = "Operators",
    security(("bearer" = [])),
    params(("id" = UserId, Path, description = "The user's id.")),
    request_body(content = NewSuspension, description = "Why."),
    responses((status = 200, description = "The suspension.", body = SuspensionView), SuspendUserErrors),
)]
#[put("/v1/admin/users/{id}/suspension")]
pub async fn suspend_user(
    app: Data<App>,
    operator: Operator<Json<NewSuspension>>,
    id: Path<UserId>,
) -> Result<Json<SuspensionView>> {
    Ok(Json(access::suspend(&app, operator.by, id.0, &operator.asked.0.note).await?.into()))
}

errors!(UnsuspendUserErrors: CALLER; NotFound);

/// Let a user in again
///
/// Also one who is not suspended.
#[utoipa::path(
    tag = "Operators",
    security(("bearer" = [])),
    params(("id" = UserId, Path, description = "The user's id.")),
    responses((status = 204, description = "The user is not suspended."), UnsuspendUserErrors),
)]
#[delete("/v1/admin/users/{id}/suspension")]
pub async fn unsuspend_user(app: Data<App>, operator: Operator, id: Path<UserId>) -> Result<HttpResponse> {
    access::lift(&app, operator.by, id.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
