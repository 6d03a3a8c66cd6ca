//! Where users are told things: their phones come and go here.

use crate::app::auth::Session;
use crate::app::{App, clock};
use crate::domain::device::{self, DeviceId, Platform};
use crate::domain::error::{Code, Error, Result};
use crate::domain::id::Id;
use crate::domain::user::User;
use crate::storage::tx::Tx;
use crate::storage::{devices, using};

pub use crate::storage::devices::Device;

/// Registers the phone on which this session is signed in, until it is signed out.
pub async fn put(
    app: &App,
    (user, session): (Id<User>, Id<Session>),
    id: &DeviceId,
    platform: Platform,
    push_token: &str,
) -> Result<Device> {
    let push_token = device::push_token(platform, push_token).map_err(|fault| Error::field("/push_token", fault))?;
    let now = clock::real();
    let mut main = Tx::begin(&app.databases.main()).await?;
    if !devices::put(&mut main, (user, session), id, (platform, &push_token), now).await? {
        return Err(Code::Unauthenticated.into());
    }
    main.commit().await?;
    Ok(Device { device_id: id.as_str().to_owned(), platform, push_token, registered_at: now })
}

/// Also when there is none.
pub async fn delete(app: &App, user: Id<User>, id: &DeviceId) -> Result<()> {
    using(&app.databases.main(), async |main| devices::delete(main, user, id).await).await
}
