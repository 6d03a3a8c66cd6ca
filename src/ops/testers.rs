//! Who tries things out: for testers purchases in the sandbox count, as they must for App Review.

use std::process::ExitCode;

use crate::app::entitlements;
use crate::domain::error::{Code, Error};
use crate::domain::id::Id;
use crate::ops::money::{not_an_id, told};
use crate::ops::with_app;

/// `nbbang testers add`
pub async fn testers_add(user: String) -> ExitCode {
    let Some(id) = Id::parse(&user) else { return not_an_id(&user) };
    with_app(|app| async move {
        entitlements::add_tester(&app, id).await.map_err(|error| why(&error, "is no user"))?;
        Ok(vec![format!("Purchases in the sandbox count for user {id}.")])
    })
    .await
}

/// `nbbang testers remove`
pub async fn testers_remove(user: String) -> ExitCode {
    let Some(id) = Id::parse(&user) else { return not_an_id(&user) };
    with_app(|app| async move {
        entitlements::remove_tester(&app, id).await.map_err(|error| why(&error, "is no tester"))?;
        Ok(vec![format!("Purchases in the sandbox do not count for user {id} any more.")])
    })
    .await
}

/// `nbbang testers list`
pub async fn testers_list() -> ExitCode {
    with_app(|app| async move {
        let all = entitlements::testers(&app).await.map_err(|error| error.to_string())?;
        let lines = all.into_iter().map(|(id, nickname, since)| format!("user {id} {nickname} since {since}"));
        Ok(told(lines, "There are no testers."))
    })
    .await
}

fn why(error: &Error, not_found: &str) -> String {
    if error.code == Code::NotFound { format!("The id {not_found}. Nothing was changed.") } else { error.to_string() }
}
