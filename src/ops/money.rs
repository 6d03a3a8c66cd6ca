//! Operators' decisions about money and stuck parties, as commands.

use std::process::ExitCode;

use crate::app::operators::{self, By, Slice};
use crate::domain::error::Code;
use crate::domain::id::Id;
use crate::domain::money::Krw;
use crate::ops::{complain, with_app};

/// What an operator decides of a dispute.
pub struct Decision {
    pub order: String,
    pub refund_krw: i64,
    pub note: String,
}

/// `nbbang disputes list`
pub async fn disputes_list() -> ExitCode {
    with_app(|app| async move {
        let open = operators::disputes(&app, Slice::ALL).await.map_err(|error| error.to_string())?.items;
        let line = |d: operators::OpenDispute| {
            let asked = d.asked_krw.map_or_else(|| "all".to_owned(), |krw| krw.to_string());
            let note = d.note.unwrap_or_default();
            format!(
                "order {} party {} {} asks {asked} of {} KRW since {}: {note}",
                d.order_id,
                d.party_id,
                d.kind.word(),
                d.frozen_krw,
                d.opened_at
            )
        };
        Ok(told(open.into_iter().map(line), "No dispute waits for a decision."))
    })
    .await
}

/// `nbbang disputes decide`
pub async fn disputes_decide(decision: Decision) -> ExitCode {
    let Some(order) = Id::parse(&decision.order) else { return not_an_id(&decision.order) };
    with_app(|app| async move {
        let Decision { refund_krw, note, .. } = decision;
        let decided = operators::decide(&app, By::Command, order, Krw::new(refund_krw), &note).await;
        decided.map_err(|error| error.to_string())?;
        Ok(vec![format!("{refund_krw} KRW go back to the guest, the rest to the host.")])
    })
    .await
}

/// `nbbang payouts list`
pub async fn payouts_list() -> ExitCode {
    with_app(|app| async move {
        let unpaid = operators::payouts(&app, Slice::ALL).await.map_err(|error| error.to_string())?.items;
        let line = |p: operators::UnpaidPayout| {
            format!(
                "payout {} party {} host {} {} KRW due {}, {} open disputes",
                p.id, p.party_id, p.host_id, p.amount_krw, p.due_at, p.disputes
            )
        };
        Ok(told(unpaid.into_iter().map(line), "Nobody is waiting for a payout."))
    })
    .await
}

/// `nbbang payouts paid`
pub async fn payouts_paid(party: String, payout: String, amount_krw: i64, note: Option<String>) -> ExitCode {
    let (Some(party_id), Some(payout_id)) = (Id::parse(&party), Id::parse(&payout)) else {
        return not_an_id(&format!("{party} or {payout}"));
    };
    with_app(|app| async move {
        let paid = operators::paid_out(&app, By::Command, party_id, payout_id, Krw::new(amount_krw), note).await;
        paid.map_err(|error| match error.code {
            Code::AmountMismatch => format!(
                "{amount_krw} KRW is not what is owed now: a decision or a cancellation has changed it. Nothing was entered; \
                 see `nbbang payouts list`, and settle the difference with the host first."
            ),
            _ => error.to_string(),
        })?;
        Ok(vec!["The payout is in the ledger.".to_owned()])
    })
    .await
}

/// `nbbang reviews list`
pub async fn reviews_list() -> ExitCode {
    with_app(|app| async move {
        let reviews = operators::reviews(&app).await.map_err(|error| error.to_string())?;
        let line = |r: operators::Review| {
            format!(
                "payment {} party {} {}: captured {} KRW, refused to give back {} KRW",
                r.payment_id, r.party_id, r.state, r.captured_krw, r.refused_krw
            )
        };
        Ok(told(reviews.into_iter().map(line), "No payment waits for a look."))
    })
    .await
}

/// `nbbang reviews retry`
pub async fn reviews_retry(payment: String) -> ExitCode {
    let Some(id) = Id::parse(&payment) else { return not_an_id(&payment) };
    with_app(|app| async move {
        operators::try_again(&app, By::Command, id).await.map_err(|error| error.to_string())?;
        Ok(vec!["The jobs try it once more.".to_owned()])
    })
    .await
}

/// `nbbang transfers unpaid`
pub async fn transfers_unpaid(order: String) -> ExitCode {
    let Some(id) = Id::parse(&order) else { return not_an_id(&order) };
    with_app(|app| async move {
        operators::unpaid(&app, By::Command, id).await.map_err(|error| error.to_string())?;
        Ok(vec!["The transfer counts as unpaid.".to_owned()])
    })
    .await
}

/// `nbbang parties cancel`
pub async fn parties_cancel(party: String) -> ExitCode {
    let Some(id) = Id::parse(&party) else { return not_an_id(&party) };
    with_app(|app| async move {
        operators::cancel(&app, By::Command, id).await.map_err(|error| error.to_string())?;
        Ok(vec!["The party is cancelled; everybody gets his money back.".to_owned()])
    })
    .await
}

/// `nbbang parties complete`
pub async fn parties_complete(party: String) -> ExitCode {
    let Some(id) = Id::parse(&party) else { return not_an_id(&party) };
    with_app(|app| async move {
        operators::complete(&app, By::Command, id).await.map_err(|error| error.to_string())?;
        Ok(vec!["The party is completed.".to_owned()])
    })
    .await
}

pub(super) fn told(lines: impl Iterator<Item = String>, none: &str) -> Vec<String> {
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() { vec![none.to_owned()] } else { lines }
}

pub(super) fn not_an_id(text: &str) -> ExitCode {
    complain(&[format!("{text} is no id of ours: ids are decimal numbers.")])
}
