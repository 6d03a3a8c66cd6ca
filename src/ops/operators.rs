//! Who the operators are, as commands.

use std::process::ExitCode;

use crate::app::operators::{self, By, Operator};
use crate::domain::error::{Code, Error};
use crate::domain::id::Id;
use crate::ops::money::{not_an_id, told};
use crate::ops::with_app;

/// `nbbang operators add`
pub async fn operators_add(user: String) -> ExitCode {
    let Some(id) = Id::parse(&user) else { return not_an_id(&user) };
    with_app(|app| async move {
        operators::add(&app, By::Command, id).await.map_err(|error| unknown(&error, &user))?;
        Ok(vec![format!("{user} is an operator.")])
    })
    .await
}

/// `nbbang operators remove`
pub async fn operators_remove(user: String) -> ExitCode {
    let Some(id) = Id::parse(&user) else { return not_an_id(&user) };
    with_app(|app| async move {
        operators::remove(&app, By::Command, id).await.map_err(|error| unknown(&error, &user))?;
        Ok(vec![format!("{user} is no operator.")])
    })
    .await
}

/// `nbbang operators list`
pub async fn operators_list() -> ExitCode {
    with_app(|app| async move {
        let all = operators::all(&app).await.map_err(|error| error.to_string())?;
        let line = |o: Operator| format!("user {} {} since {}", o.user_id, o.nickname, o.added_at);
        Ok(told(all.into_iter().map(line), "Nobody is an operator."))
    })
    .await
}

fn unknown(error: &Error, user: &str) -> String {
    match error.code {
        Code::NotFound => format!("There is no user {user}. Nothing was changed."),
        _ => error.to_string(),
    }
}
