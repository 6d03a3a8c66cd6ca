//! What the Server API says of the notifications that were sent.

use serde::Deserialize;
use serde_json::{Value, json};

use super::api::Asked;
use super::api_codes::{self as codes, Code};
use super::books::Sent;
use super::messages::{NOTIFICATIONS, millis};
use super::page::Page;
use crate::http::Response;
use crate::lock;

const PAGE: usize = 20;
const DAY_MS: i64 = 86_400_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Question {
    start_date: Option<i64>,
    end_date: Option<i64>,
    notification_type: Option<String>,
    notification_subtype: Option<String>,
    transaction_id: Option<String>,
    #[serde(default)]
    only_failures: bool,
}

pub fn answer(asked: &Asked<'_>) -> Result<Response, Code> {
    let body = &asked.request.body;
    let question: Question = serde_json::from_slice(body).map_err(|_| codes::GENERAL_BAD_REQUEST)?;
    question.check(asked)?;
    let token = asked.request.param("paginationToken");
    let same = String::from_utf8_lossy(body);
    let page = Page::begun(token.as_deref(), &same).ok_or(codes::INVALID_PAGINATION)?;
    let books = lock(&asked.world.app_store.books);
    let found: Vec<&Sent> = books.sent().filter(|sent| is_of(asked, sent) && question.fits(sent)).collect();
    let (shown, after) = page.cut(&found, PAGE);
    let has_more = after.0 < found.len();
    let shown: Vec<Value> =
        shown.iter().map(|sent| json!({ "signedPayload": sent.payload, "sendAttempts": attempts(sent) })).collect();
    Ok(Response::json(
        200,
        &json!({
            "notificationHistory": shown,
            "hasMore": has_more,
            "paginationToken": has_more.then(|| after.word(&same)),
        }),
    ))
}

/// Known by the token once it was tried to be sent.
pub fn test_status(asked: &Asked<'_>, token: &str) -> Result<Response, Code> {
    let uuid = token.split_once('_').ok_or(codes::INVALID_TEST_TOKEN)?.0;
    let books = lock(&asked.world.app_store.books);
    let sent = books.sent().find(|sent| is_of(asked, sent) && sent.uuid == uuid && !sent.attempts.is_empty());
    let sent = sent.ok_or(codes::TEST_NOT_FOUND)?;
    Ok(Response::json(200, &json!({ "signedPayload": sent.payload, "sendAttempts": attempts(sent) })))
}

impl Question {
    fn check(&self, asked: &Asked<'_>) -> Result<(), Code> {
        let start = self.start_date.ok_or(codes::INVALID_START)?;
        let end = self.end_date.ok_or(codes::INVALID_END)?;
        let reach = if asked.environment == "Production" { 180 } else { 30 };
        if start >= end {
            return Err(codes::START_AFTER_END);
        }
        if start < millis(asked.now) - reach * DAY_MS {
            return Err(codes::START_TOO_FAR);
        }
        if self.transaction_id.is_some() && self.notification_type.is_some() {
            return Err(codes::MULTIPLE_FILTERS);
        }
        let is_known = |kind: &String| NOTIFICATIONS.iter().any(|(known, _)| known == kind);
        if self.notification_type.as_ref().is_some_and(|kind| !is_known(kind)) {
            return Err(codes::INVALID_TYPE);
        }
        Ok(())
    }

    fn fits(&self, sent: &Sent) -> bool {
        let at = millis(sent.at);
        let wanted = |word: &Option<String>, has: Option<&String>| word.is_none() || word.as_ref() == has;
        self.start_date.is_some_and(|start| start <= at)
            && self.end_date.is_some_and(|end| at <= end)
            && wanted(&self.notification_type, Some(&sent.kind))
            && wanted(&self.notification_subtype, sent.subtype.as_ref())
            && (self.transaction_id.is_none()
                || self.transaction_id == sent.transaction_id
                || self.transaction_id == sent.original_transaction_id)
            && (!self.only_failures || sent.attempts.last().is_some_and(|(_, result)| *result != "SUCCESS"))
    }
}

fn is_of(asked: &Asked<'_>, sent: &Sent) -> bool {
    sent.app.environment == asked.environment && sent.app.bundle_id == asked.bundle_id
}

fn attempts(sent: &Sent) -> Vec<Value> {
    let told = |(at, result): &_| json!({ "attemptDate": millis(*at), "sendAttemptResult": result });
    sent.attempts.iter().map(told).collect()
}
