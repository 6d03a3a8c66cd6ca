//! What users want to be told: read, and changed by merge patches.

use crate::app::App;
use crate::app::users::forget;
use crate::domain::error::{Code, Result};
use crate::domain::id::Id;
use crate::domain::preferences::{Chosen, PreferencesPatch};
use crate::domain::user::{Language, User};
use crate::storage::cache::CacheKey;
use crate::storage::tx::Tx;
use crate::storage::{preferences, users, using};

/// A token can outlive its user.
pub async fn find(app: &App, user: Id<User>) -> Result<(Chosen, Language)> {
    let found = using(&app.databases.main(), async |main| preferences::find(main, user).await).await?;
    found.ok_or_else(|| Code::Unauthenticated.into())
}

/// Saved whole when it differs. The language is that of the profile.
pub async fn change(app: &App, user: Id<User>, patch: PreferencesPatch) -> Result<(Chosen, Language)> {
    let mut main = Tx::begin(&app.databases.main()).await?;
    let (before, language) = preferences::lock(&mut main, user).await?.ok_or(Code::Unauthenticated)?;
    let (chosen, other) = patch.apply(before.clone())?;
    if chosen != before {
        preferences::save(&mut main, user, &chosen).await?;
    }
    let other = other.filter(|other| *other != language);
    if other.is_some() {
        users::change(&mut main, user, None, other).await?;
    }
    main.commit().await?;
    if other.is_some() {
        forget(app, vec![CacheKey::Profile(user)]).await;
    }
    Ok((chosen, other.unwrap_or(language)))
}
