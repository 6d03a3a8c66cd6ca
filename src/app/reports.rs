//! Reports: a user tells of another, an operator decides.

use serde_json::json;

use crate::app::operators::{By, Slice, audited};
use crate::app::search::Page;
use crate::app::{App, Key, messages, parties, trust, users};
use crate::domain::error::{Code, Error, FieldFault, Result};
use crate::domain::id::{Id, Shard};
use crate::domain::report::{Report, ReportReason, ReportState, ReportSubject};
use crate::domain::text;
use crate::domain::trust::{Entry, TrustKind};
use crate::domain::user::User;
use crate::storage::tx::Tx;
use crate::storage::{reports, trust as stored_trust, users as stored_users, using};

/// What a user tells.
#[derive(Debug)]
pub struct Told {
    pub subject_type: ReportSubject,
    pub subject_id: Id<()>,
    pub reason: ReportReason,
    pub note: Option<String>,
}

/// A report, and whether this is the answer to an earlier try of the same command.
pub struct Filed {
    pub report: Report,
    pub replayed: bool,
}

/// Only of what the reporter can see, and once of each.
pub async fn file(app: &App, reporter: Id<User>, told: Told, key: &Key<'_>) -> Result<Filed> {
    let main = app.databases.main();
    if let Some(report) = using(&main, async |main| reports::answered(main, reporter, key).await).await? {
        return Ok(Filed { report, replayed: true });
    }
    let note = told.note.map(|note| text::clean(&note, 500)).transpose();
    let note = note.map_err(|fault| Error::field("/note", fault))?;
    let (accused_id, subject_text) = accused(app, reporter, told.subject_type, told.subject_id).await?;
    if accused_id == reporter {
        return Err(Error::field("/subject_id", FieldFault::NotAllowedHere));
    }
    let report = Report {
        id: Id::from_raw(app.ids.next(Shard::of_hash(0)).await?),
        reporter_id: reporter,
        subject_type: told.subject_type,
        subject_id: told.subject_id,
        accused_id,
        reason: told.reason,
        note,
        subject_text,
        created_at: app.clock.now(),
        state: ReportState::Open,
        decision_note: None,
        decided_at: None,
    };
    using(&main, async |main| {
        if reports::insert(main, &report, key).await? {
            return Ok(Filed { report, replayed: false });
        }
        // The same command just now, or another one about the same.
        let report = reports::answered(main, reporter, key).await?.ok_or(Code::AlreadyReported)?;
        Ok(Filed { report, replayed: true })
    })
    .await
}

/// Who answers for what is reported, if the reporter can see it, and what a message says.
async fn accused(
    app: &App,
    reporter: Id<User>,
    subject: ReportSubject,
    id: Id<()>,
) -> Result<(Id<User>, Option<String>)> {
    match subject {
        ReportSubject::User => {
            let user: Id<User> = Id::from_raw(id.raw());
            let (there, blocks) = using(&app.databases.main(), async |main| {
                Ok((stored_users::exists(main, user).await?, stored_users::blocks_of(main, reporter).await?))
            })
            .await?;
            if there && !blocks.of_him.contains(&user) { Ok((user, None)) } else { Err(Code::NotFound.into()) }
        }
        ReportSubject::Party => {
            let apart = users::apart_from(app, reporter).await?;
            let found = parties::listing(&app.databases, Id::from_raw(id.raw()), app.clock.now()).await?;
            let (_, people) = found.ok_or(Code::NotFound)?;
            if people.shows_to(reporter, &apart) { Ok((people.host, None)) } else { Err(Code::NotFound.into()) }
        }
        ReportSubject::Message => {
            let message = messages::seen_by(app, reporter, Id::from_raw(id.raw())).await?;
            Ok((message.user_id, Some(message.text)))
        }
    }
}

/// Those that wait for a decision, the oldest first.
pub async fn waiting(app: &App, slice: Slice) -> Result<Page<Report, i64>> {
    let main = app.databases.main();
    let open = using(&main, async |main| reports::open(main, slice.after, slice.fetch()).await);
    Ok(slice.page(open.await?, |report| report.id.raw()))
}

/// By an operator. The same decision again changes nothing.
pub async fn decide(app: &App, by: By, id: Id<Report>, upheld: bool, note: &str) -> Result<Report> {
    let note = text::clean(note, 200).map_err(|fault| Error::field("/note", fault))?;
    let state = if upheld { ReportState::Upheld } else { ReportState::Dismissed };
    let decide = async {
        let mut main = Tx::begin(&app.databases.main()).await?;
        let now = app.clock.now();
        reports::decide(&mut main, id, state, &note, now).await?;
        let report = reports::find(&mut main, id).await?.ok_or(Code::NotFound)?;
        if report.state != state {
            return Err(Error::state(Code::WrongState, report.state.word()));
        }
        let strike = Entry { user_id: report.accused_id, kind: TrustKind::ReportUpheld, source_id: id.raw(), at: now };
        let changed = if upheld { stored_trust::enter(&mut main, &[strike]).await? } else { Vec::new() };
        main.commit().await?;
        trust::told(app, &changed).await;
        Ok(report)
    };
    audited(app, by, ("report_decided", "report", id.raw()), json!({"outcome": state.word()}), decide).await
}
