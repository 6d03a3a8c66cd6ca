//! Everything that we hold of a user, for himself alone.

use crate::app::parties::find;
use crate::app::{App, location_uses, users};
use crate::domain::Time;
use crate::domain::error::{Code, Result};
use crate::domain::id::Id;
use crate::domain::invitation::Invitation;
use crate::domain::location_use::{LocationSource, LocationUse};
use crate::domain::message::Message;
use crate::domain::party::Party;
use crate::domain::preferences::Chosen;
use crate::domain::report::Report;
use crate::domain::terms::TransferAccount;
use crate::domain::user::{Language, User};
use crate::storage::{
    devices, erasures, held, invitations, location_uses as stored_location_uses, messages, preferences, reports,
    users as stored_users, using,
};

pub use crate::storage::devices::Device;
pub use crate::storage::held::{Identity, SignIn, TrustEntry};

pub struct Export {
    pub at: Time,
    pub user: users::Me,
    pub identities: Vec<Identity>,
    pub sessions: Vec<SignIn>,
    pub devices: Vec<Device>,
    pub preferences: (Chosen, Language),
    pub blocked: Vec<Id<User>>,
    pub reports: Vec<Report>,
    pub invitations: Vec<Invitation>,
    pub trust: Vec<TrustEntry>,
    /// Each with how we came by the position.
    pub location_uses: Vec<(LocationUse, LocationSource)>,
    /// Those that he is or was in; his account with those that he hosts.
    pub parties: Vec<(Party, Option<TransferAccount>)>,
    /// What he has said in them.
    pub messages: Vec<Message>,
}

pub async fn export(app: &App, user: Id<User>) -> Result<Export> {
    let profile = users::me(app, user).await?;
    location_uses::write_down(app).await?;
    let main = app.databases.main();
    let mut ids = using(&main, async |main| held::parties(main, user).await).await?;
    let mut said = Vec::new();
    for database in app.databases.party_databases() {
        ids.extend(using(&database.pool(), async |conn| erasures::unsettled(conn, user).await).await?);
        said.extend(using(&database.pool(), async |conn| messages::of(conn, user).await).await?);
    }
    said.sort_by_key(|message| message.id);
    ids.sort_unstable();
    ids.dedup();
    let mut parties = Vec::new();
    for id in ids {
        match find(app, id).await {
            Ok(party) => {
                let sealed = party.sealed_account.as_deref().filter(|_| party.host_id == user);
                let account = sealed.map(|sealed| app.vault.open(party.id, sealed)).transpose()?;
                parties.push((party, account));
            }
            Err(error) if error.code == Code::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    using(&main, async |main| {
        Ok(Export {
            at: app.clock.now(),
            user: profile,
            identities: held::identities(main, user).await?,
            sessions: held::sessions(main, user).await?,
            devices: devices::of(main, user).await?,
            preferences: preferences::find(main, user).await?.ok_or(Code::Unauthenticated)?,
            blocked: stored_users::blocks_of(main, user).await?.by_him,
            reports: reports::of(main, user).await?,
            invitations: invitations::of(main, user).await?,
            trust: held::trust(main, user).await?,
            location_uses: stored_location_uses::of(main, user).await?,
            parties,
            messages: said,
        })
    })
    .await
}
