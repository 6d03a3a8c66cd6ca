//! Reports in JSON: what users tell of each other. Deciding them is in `admin.rs`.

use actix_web::web::Data;
use actix_web::{HttpResponse, post};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::app::reports::{self, Told};
use crate::domain::error::Result;
use crate::domain::id::Id;
use crate::domain::json::present;
use crate::domain::report::{Report, ReportReason, ReportState, ReportSubject};
use crate::errors;
use crate::http::extract::{Caller, Keyed};
use crate::http::schema::{AnyId, IdempotencyKey, Timestamp};

/// What to report.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReport {
    subject_type: ReportSubject,
    /// The id of the user, party or message.
    #[serde(deserialize_with = "text")]
    subject_id: AnyId,
    reason: ReportReason,
    /// In the reporter's words, up to 500 characters.
    #[serde(default, deserialize_with = "present")]
    #[schema(example = "욕설을 했어요", max_length = 500)]
    note: Option<String>,
}

/// An id as clients write it; the type itself also reads the numbers of our rows.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<AnyId, D::Error> {
    let text = String::deserialize(deserializer)?;
    Id::parse(&text).ok_or_else(|| serde::de::Error::custom("not an id"))
}

/// What a user has reported.
#[derive(Serialize, ToSchema)]
pub struct ReportView {
    id: AnyId,
    subject_type: ReportSubject,
    /// The id of the user, party or message.
    subject_id: AnyId,
    reason: ReportReason,
    /// In the reporter's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "욕설을 했어요")]
    note: Option<String>,
    state: ReportState,
    created_at: Timestamp,
}

impl From<Report> for ReportView {
    fn from(report: Report) -> Self {
        Self {
            id: Id::from_raw(report.id.raw()),
            subject_type: report.subject_type,
            subject_id: report.subject_id,
            reason: report.reason,
            note: report.note,
            state: report.state,
            created_at: report.created_at.into(),
        }
    }
}

errors!(ReportSomethingErrors: CALLER, BODY, KEYED; NotFound, AlreadyReported);

/// Report a user, party or message
///
/// Once of each, and only what the caller can see; an operator decides. Oneself and one's own is refused with 422.
#[utoipa::path(
    tag = "People",
    security(("bearer" = [])),
    params(IdempotencyKey),
    request_body(content = NewReport, description = "What is wrong with what.", example = json!({
        "subject_type": "user", "subject_id": "117440512000000001", "reason": "abuse", "note": "욕설을 했어요",
    })),
    responses(
        (status = 201, description = "The report.", body = ReportView, headers(
            ("Idempotency-Replayed" = String, description = "`true` on the answer to a repeated command."),
        ), example = json!({
            "id": "117440512000000012", "subject_type": "user", "subject_id": "117440512000000001", "reason": "abuse",
            "note": "욕설을 했어요", "state": "open", "created_at": "2026-12-01T12:30:00.000Z",
        })),
        ReportSomethingErrors,
    ),
)]
#[post("/v1/reports")]
pub async fn report_something(app: Data<App>, caller: Caller, new: Keyed<NewReport>) -> Result<HttpResponse> {
    let key = new.key("report");
    let NewReport { subject_type, subject_id, reason, ref note } = new.body;
    let told = Told { subject_type, subject_id, reason, note: note.clone() };
    let filed = reports::file(&app, caller.user_id, told, &key).await?;
    let mut answer = HttpResponse::Created();
    if filed.replayed {
        answer.insert_header(("Idempotency-Replayed", "true"));
    }
    Ok(answer.json(ReportView::from(filed.report)))
}
