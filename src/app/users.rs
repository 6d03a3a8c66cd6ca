//! What users see and say of themselves and of each other.

use sqlx::PgConnection;

use crate::app::{App, entitlements};
use crate::domain::Time;
use crate::domain::error::{Code, Error, FieldFault, Result};
use crate::domain::id::Id;
use crate::domain::user::{self, Language, User};
use crate::storage::cache::CacheKey;
use crate::storage::tx::Tx;
use crate::storage::{bounded, patiently, trust, users};

/// What a user sees of himself.
pub struct Me {
    pub user: User,
    /// Until when he has Plus, if he has.
    pub plus_until: Option<Time>,
}

/// The caller's own profile. A token can outlive its user.
pub async fn me(app: &App, user: Id<User>) -> Result<Me> {
    let mut conn = bounded(app.databases.main().acquire()).await?;
    let user = users::find(&mut conn, user).await?.ok_or(Code::Unauthenticated)?;
    with_plus(app, &mut conn, user).await
}

pub(super) async fn with_plus(app: &App, conn: &mut PgConnection, user: User) -> Result<Me> {
    let plus_until = patiently(entitlements::plus_until(app, conn, user.id, app.clock.now())).await?;
    Ok(Me { user, plus_until })
}

/// Changes what is given.
pub async fn change_me(app: &App, user: Id<User>, nickname: Option<&str>, language: Option<Language>) -> Result<Me> {
    let nickname = nickname.map(|raw| user::nickname(raw, &app.words)).transpose();
    let nickname = nickname.map_err(|fault| Error::field("/nickname", fault))?;
    let mut main = Tx::begin(&app.databases.main()).await?;
    let changed = users::change(&mut main, user, nickname.as_deref(), language).await?.ok_or(Code::Unauthenticated)?;
    if nickname.is_some() {
        trust::copies_are_old(&mut main, user).await?;
    }
    let me = with_plus(app, &mut main, changed).await;
    main.commit().await?;
    forget(app, vec![CacheKey::Profile(user)]).await;
    me
}

/// Keeps `other` away from `user`, and `user` from `other`.
pub async fn block(app: &App, user: Id<User>, other: Id<User>) -> Result<()> {
    let mut conn = bounded(app.databases.main().acquire()).await?;
    check_other(&mut conn, user, other).await?;
    users::block(&mut conn, user, other, app.clock.now()).await?;
    drop(conn);
    forget(app, vec![CacheKey::Blocks(user), CacheKey::Blocks(other)]).await;
    Ok(())
}

pub async fn unblock(app: &App, user: Id<User>, other: Id<User>) -> Result<()> {
    let mut conn = bounded(app.databases.main().acquire()).await?;
    check_other(&mut conn, user, other).await?;
    users::unblock(&mut conn, user, other).await?;
    drop(conn);
    forget(app, vec![CacheKey::Blocks(user), CacheKey::Blocks(other)]).await;
    Ok(())
}

/// No outbox repeats this one.
pub(super) async fn forget(app: &App, keys: Vec<CacheKey>) {
    app.cache.forget(&keys).await;
    app.cache.forget_later(keys);
}

/// Everyone whom the user keeps away, or who keeps him away.
pub(super) async fn apart_from(app: &App, user: Id<User>) -> Result<Vec<Id<User>>> {
    let mut lane = app.databases.main_lane().await?;
    let apart = users::apart_from(&mut lane, user).await;
    lane.done(apart)
}

/// What a join has to know of the user: his trust, and whom he is apart from.
pub(super) async fn joining(app: &App, user: Id<User>) -> Result<(i16, Vec<Id<User>>)> {
    let mut lane = app.databases.main_lane().await?;
    let joining = users::joining(&mut lane, user).await;
    lane.done(joining)?.ok_or_else(|| Code::Unauthenticated.into())
}

async fn check_other(conn: &mut PgConnection, user: Id<User>, other: Id<User>) -> Result<()> {
    if user == other {
        return Err(Error::field("user_id", FieldFault::NotAllowedHere));
    }
    if users::exists(conn, other).await? { Ok(()) } else { Err(Code::NotFound.into()) }
}
