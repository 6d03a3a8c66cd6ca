//! Who is kept out though his access token is good for some minutes more: known to each process, so that no request asks the
//! database for it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use serde_json::json;
use tokio::sync::Mutex;

use crate::app::operators::{By, audited};
use crate::app::{App, clock, every};
use crate::domain::error::{Code, Error, Result};
use crate::domain::id::Id;
use crate::domain::text;
use crate::domain::user::User;
use crate::storage::auth::Session;
use crate::storage::databases::Databases;
use crate::storage::{access, users, using};

pub use crate::storage::access::Suspension;

/// How old what a process knows may be.
const EVERY: Duration = Duration::from_secs(2);

#[derive(Default)]
pub struct Access {
    kept_out: ArcSwap<KeptOut>,
    /// Held while the database is read, so that an older answer never comes after a newer one.
    reading: Mutex<()>,
}

#[derive(Default)]
struct KeptOut {
    suspended: HashSet<Id<User>>,
    ended: HashSet<Id<Session>>,
}

impl Access {
    /// Whether they may still do anything.
    pub fn check(&self, user: Id<User>, session: Id<Session>) -> Result<()> {
        let kept_out = self.kept_out.load();
        if kept_out.ended.contains(&session) {
            return Err(Code::Unauthenticated.into());
        }
        if kept_out.suspended.contains(&user) { Err(Code::Suspended.into()) } else { Ok(()) }
    }

    pub(super) async fn reload(&self, databases: &Databases) -> Result<()> {
        let _alone = self.reading.lock().await;
        let (suspended, ended) = using(&databases.main(), async |main| access::kept_out(main).await).await?;
        let kept_out = KeptOut { suspended: suspended.into_iter().collect(), ended: ended.into_iter().collect() };
        self.kept_out.store(Arc::new(kept_out));
        Ok(())
    }
}

/// Keeps what the process knows fresh. While the database is away the last answer stands.
pub(super) fn follow(app: &Arc<App>) {
    every(app, EVERY, |app| async move { told(&app).await });
}

/// At once in this process, within seconds in the others.
pub(super) async fn told(app: &App) {
    if let Err(error) = app.access.reload(&app.databases).await {
        tracing::warn!(?error, "who is kept out cannot be read; the last answer stands");
    }
}

/// Keeps a user out until an operator says otherwise.
pub async fn suspend(app: &App, by: By, user: Id<User>, note: &str) -> Result<Suspension> {
    let note = text::clean(note, 200).map_err(|fault| Error::field("/note", fault))?;
    let main = app.databases.main();
    let suspend = using(&main, async |main| {
        if !users::exists(main, user).await? {
            return Err(Code::NotFound.into());
        }
        access::suspend(main, user, &note, clock::real()).await
    });
    let suspension = audited(app, by, ("user_suspended", "user", user.raw()), json!({}), suspend).await?;
    told(app).await;
    Ok(suspension)
}

/// Also one who is not kept out.
pub async fn lift(app: &App, by: By, user: Id<User>) -> Result<()> {
    let main = app.databases.main();
    let lift = using(&main, async |main| {
        if !users::exists(main, user).await? {
            return Err(Code::NotFound.into());
        }
        access::lift(main, user).await
    });
    audited(app, by, ("suspension_lifted", "user", user.raw()), json!({}), lift).await?;
    told(app).await;
    Ok(())
}
