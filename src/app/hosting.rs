//! Hosting slots: reserved before a party is made, given back when it has ended or was never made.

use sqlx::PgConnection;

use crate::app::{App, parties};
use crate::domain::Time;
use crate::domain::error::{Code, Result};
use crate::domain::id::Id;
use crate::domain::party::Party;
use crate::domain::terms::Limits;
use crate::domain::user::User;
use crate::storage::hosting;

/// Reserves a slot. If none is free, the slots of ended parties are, whatever their news has told so far.
pub(super) async fn reserve(
    app: &App,
    main: &mut PgConnection,
    host: Id<User>,
    party: Id<Party>,
    limits: Limits,
    now: Time,
) -> Result<()> {
    let until = parties::reserved_until(now);
    if hosting::reserve(main, host, party, limits.hosted, until).await? {
        return Ok(());
    }
    for id in hosting::of(main, host).await? {
        look_after(app, main, id, now).await?;
    }
    if hosting::reserve(main, host, party, limits.hosted, until).await? {
        Ok(())
    } else {
        Err(Code::AlreadyHosting.into())
    }
}

/// Looks after reservations whose time is over: the party was made after all, or the slot is free.
pub async fn tidy(app: &App, now: Time) -> Result<()> {
    let mut main = app.databases.main().acquire().await?;
    for id in hosting::over(&mut main, now, 100).await? {
        if let Err(error) = look_after(app, &mut main, id, now).await {
            tracing::warn!(?error, party = %id, "a hosting slot could not be looked after");
        }
    }
    Ok(())
}

/// Confirms the slot of a party that goes on, and gives back that of one which has ended or was not made in time.
async fn look_after(app: &App, main: &mut PgConnection, id: Id<Party>, now: Time) -> Result<()> {
    match parties::find(app, id).await {
        Ok(party) if party.ended_at.is_none() => hosting::confirm(main, &[id]).await,
        Ok(_) => hosting::release(main, &[id]).await,
        Err(error) if error.code == Code::NotFound => hosting::give_up(main, id, now).await,
        Err(error) => Err(error),
    }
}
