//! SQL of reports, in the main database.

use sqlx::PgConnection;

use crate::domain::Time;
use crate::domain::error::{Code, Error, Result};
use crate::domain::id::Id;
use crate::domain::report::{Report, ReportReason, ReportState, ReportSubject};
use crate::domain::user::User;
use crate::storage::bounded;
use crate::storage::idempotency::Key;

/// False when the user has reported this, or used the key, before.
pub async fn insert(conn: &mut PgConnection, report: &Report, key: &Key<'_>) -> Result<bool> {
    let insert = sqlx::query!(
        "insert into reports (
             id, reporter_id, subject_type, subject_id, accused_id, reason, note, key, fingerprint, created_at, state,
             subject_text
         ) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'open', $11)
         on conflict do nothing",
        report.id.raw(),
        report.reporter_id.raw(),
        report.subject_type.word(),
        report.subject_id.raw(),
        report.accused_id.raw(),
        report.reason.word(),
        report.note,
        key.key,
        key.fingerprint,
        report.created_at,
        report.subject_text,
    );
    Ok(bounded(insert.execute(conn)).await?.rows_affected() == 1)
}

/// The report that this very command made.
pub async fn answered(conn: &mut PgConnection, reporter: Id<User>, key: &Key<'_>) -> Result<Option<Report>> {
    let row = sqlx::query!(
        "select id, fingerprint from reports where reporter_id = $1 and key = $2",
        reporter.raw(),
        key.key,
    );
    match bounded(row.fetch_optional(&mut *conn)).await? {
        None => Ok(None),
        Some(row) if row.fingerprint != key.fingerprint => Err(Code::IdempotencyKeyReused.into()),
        Some(row) => find(conn, Id::from_raw(row.id)).await,
    }
}

pub async fn find(conn: &mut PgConnection, id: Id<Report>) -> Result<Option<Report>> {
    let row = sqlx::query_as!(
        Row,
        "select id, reporter_id, subject_type, subject_id, accused_id, reason, note, created_at, state, decision_note,
             decided_at, subject_text
         from reports where id = $1",
        id.raw(),
    );
    bounded(row.fetch_optional(conn)).await?.map(Row::report).transpose()
}

/// Those that nobody has decided, the oldest first.
pub async fn open(conn: &mut PgConnection, after: i64, limit: i64) -> Result<Vec<Report>> {
    let rows = sqlx::query_as!(
        Row,
        "select id, reporter_id, subject_type, subject_id, accused_id, reason, note, created_at, state, decision_note,
             decided_at, subject_text
         from reports where state = 'open' and id > $1 order by id limit $2",
        after,
        limit,
    );
    bounded(rows.fetch_all(conn)).await?.into_iter().map(Row::report).collect()
}

pub async fn of(conn: &mut PgConnection, reporter: Id<User>) -> Result<Vec<Report>> {
    let rows = sqlx::query_as!(
        Row,
        "select id, reporter_id, subject_type, subject_id, accused_id, reason, note, created_at, state, decision_note,
             decided_at, subject_text
         from reports where reporter_id = $1 order by id",
        reporter.raw(),
    );
    bounded(rows.fetch_all(conn)).await?.into_iter().map(Row::report).collect()
}

/// False when it is decided already.
pub async fn decide(
    conn: &mut PgConnection,
    id: Id<Report>,
    state: ReportState,
    note: &str,
    now: Time,
) -> Result<bool> {
    let update = sqlx::query!(
        "update reports set state = $2, decision_note = $3, decided_at = $4 where id = $1 and state = 'open'",
        id.raw(),
        state.word(),
        note,
        now,
    );
    Ok(bounded(update.execute(conn)).await?.rows_affected() == 1)
}

struct Row {
    id: i64,
    reporter_id: i64,
    subject_type: String,
    subject_id: i64,
    accused_id: i64,
    reason: String,
    note: Option<String>,
    created_at: Time,
    state: String,
    decision_note: Option<String>,
    decided_at: Option<Time>,
    subject_text: Option<String>,
}

impl Row {
    fn report(self) -> Result<Report> {
        let unknown = || Error::internal(Code::Internal, "a report's row holds an unknown word");
        Ok(Report {
            id: Id::from_raw(self.id),
            reporter_id: Id::from_raw(self.reporter_id),
            subject_type: ReportSubject::from_word(&self.subject_type).ok_or_else(unknown)?,
            subject_id: Id::from_raw(self.subject_id),
            accused_id: Id::from_raw(self.accused_id),
            reason: ReportReason::from_word(&self.reason).ok_or_else(unknown)?,
            note: self.note,
            created_at: self.created_at,
            state: ReportState::from_word(&self.state).ok_or_else(unknown)?,
            decision_note: self.decision_note,
            decided_at: self.decided_at,
            subject_text: self.subject_text,
        })
    }
}
