//! Reports, as operators see and decide them.

use actix_web::web::Data;
use actix_web::{get, put};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{SliceQuery, any, next};
use crate::app::{App, reports};
use crate::domain::error::Result;
use crate::domain::id::Id;
use crate::domain::report::{Report, ReportReason, ReportState, ReportSubject, Verdict};
use crate::errors;
use crate::http::extract::{Json, Operator, Path, Query};
use crate::http::schema::{AnyId, Timestamp, UserId};

/// A report, as operators see it.
#[derive(Serialize, ToSchema)]
pub struct ReportCase {
    id: AnyId,
    reporter_id: UserId,
    subject_type: ReportSubject,
    /// The id of the user, party or message.
    subject_id: AnyId,
    /// Who answers for it.
    accused_id: UserId,
    reason: ReportReason,
    /// In the reporter's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "욕설을 했어요")]
    note: Option<String>,
    /// Of a message: what it said when it was reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "바보")]
    subject_text: Option<String>,
    state: ReportState,
    created_at: Timestamp,
    /// In the operator's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "대화를 확인했습니다")]
    decision_note: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_at: Option<Timestamp>,
}

impl From<Report> for ReportCase {
    fn from(report: Report) -> Self {
        Self {
            id: any(report.id),
            reporter_id: report.reporter_id,
            subject_type: report.subject_type,
            subject_id: report.subject_id,
            accused_id: report.accused_id,
            reason: report.reason,
            note: report.note,
            subject_text: report.subject_text,
            state: report.state,
            created_at: report.created_at.into(),
            decision_note: report.decision_note,
            decided_at: report.decided_at.map(Into::into),
        }
    }
}

/// Reports that wait for a decision.
#[derive(Serialize, ToSchema)]
pub struct ReportCasesPage {
    /// The oldest first.
    items: Vec<ReportCase>,
    /// For the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "cmVwb3J0cy1hZnRlcg")]
    next_cursor: Option<String>,
}

errors!(ListReportsErrors: CALLER, QUERY; NotFound, InvalidCursor);

/// Reports that wait
///
/// Those that no operator has decided, the oldest first.
#[utoipa::path(
    tag = "Operators",
    security(("bearer" = [])),
    params(
        ("limit" = Option<u32>, Query, description = "How many at the most, 20 by default.", example = 20, minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before."),
    ),
    responses((status = 200, description = "Reports.", body = ReportCasesPage), ListReportsErrors),
)]
#[get("/v1/admin/reports")]
pub async fn list_reports(app: Data<App>, operator: Operator<Query<SliceQuery>>) -> Result<Json<ReportCasesPage>> {
    let page = reports::waiting(&app, operator.asked.0.slice("reports")?).await?;
    let next_cursor = next("reports", &page);
    Ok(Json(ReportCasesPage { items: page.items.into_iter().map(ReportCase::from).collect(), next_cursor }))
}

/// An operator's decision of a report.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportDecision {
    outcome: Verdict,
    /// Why, up to 200 characters.
    #[schema(example = "대화를 확인했습니다", min_length = 1, max_length = 200)]
    note: String,
}

errors!(DecideReportErrors: CALLER, BODY; NotFound, WrongState);

/// Decide a report
///
/// One that is upheld costs the accused 20 of his trust. The same decision again changes nothing.
#[utoipa::path(
    tag = "Operators",
    security(("bearer" = [])),
    params(("id" = AnyId, Path, description = "The report's id.")),
    request_body(content = ReportDecision, description = "The decision."),
    responses((status = 200, description = "The report.", body = ReportCase), DecideReportErrors),
)]
#[put("/v1/admin/reports/{id}/decision")]
pub async fn decide_report(
    app: Data<App>,
    operator: Operator<Json<ReportDecision>>,
    id: Path<AnyId>,
) -> Result<Json<ReportCase>> {
    let Json(ReportDecision { outcome, note }) = operator.asked;
    let upheld = outcome == Verdict::Upheld;
    let report = reports::decide(&app, operator.by, Id::from_raw(id.0.raw()), upheld, &note).await?;
    Ok(Json(report.into()))
}
