//! Inviting: a member makes a code, whoever has it finds the party by it, its maker or the host takes it back.

use std::sync::Arc;

use crate::app::cached::{self, Finished, Seen};
use crate::app::parties::{discreet, find as find_party, see};
use crate::app::{App, Key, random_bytes};
use crate::domain::error::{Code, Error, Result};
use crate::domain::id::Id;
use crate::domain::invitation::{Invitation, InvitationCode, MOST};
use crate::domain::listing::Listing;
use crate::domain::party::{Party, State};
use crate::domain::user::User;
use crate::storage::tx::Tx;
use crate::storage::{erasures, invitations, using};

/// An invitation, and whether this is the answer to an earlier try of the same command.
pub struct Invited {
    pub invitation: Invitation,
    pub replayed: bool,
}

/// By a member of an open party.
pub async fn invite(app: &App, user: Id<User>, party: Id<Party>, key: &Key<'_>) -> Result<Invited> {
    let main = app.databases.main();
    let earlier = using(&main, async |main| invitations::answered(main, user, party, key).await).await?;
    if let Some(invitation) = earlier {
        return Ok(Invited { invitation, replayed: true });
    }
    let now = app.clock.now();
    let seen = see(app, user, party).await?.party;
    if seen.state != State::Open {
        return Err(Error::state(Code::PartyNotOpen, seen.state.word()));
    }
    if now >= seen.terms.deadline_at {
        return Err(Code::DeadlinePassed.into());
    }
    let invitation = Invitation::new(InvitationCode::of(random_bytes()?), party, user, now);
    let mut main = Tx::begin(&main).await?;
    invitations::take_turns(&mut main, user).await?;
    if let Some(invitation) = invitations::answered(&mut main, user, party, key).await? {
        return Ok(Invited { invitation, replayed: true });
    }
    if erasures::is_asked(&mut main, user).await? {
        return Err(Code::Unauthenticated.into());
    }
    if invitations::count_good(&mut main, user, party, now).await? >= MOST {
        return Err(Code::TooManyInvitations.into());
    }
    invitations::insert(&mut main, &invitation, key).await?;
    main.commit().await?;
    Ok(Invited { invitation, replayed: false })
}

/// By its maker or the host. Once more changes nothing.
pub async fn revoke(app: &App, user: Id<User>, party: Id<Party>, code: &InvitationCode) -> Result<()> {
    let main = app.databases.main();
    let found = using(&main, async |main| invitations::find(main, code).await).await?;
    let found = found.filter(|invitation| invitation.party_id == party).ok_or(Code::NotFound)?;
    if found.created_by != user {
        let by_host = find_party(app, party).await?.must_be_host(user);
        discreet(app, party, user, by_host).await?;
    }
    let now = app.clock.now();
    using(&main, async |main| invitations::revoke(main, code, now).await).await
}

/// The party that a code leads to. For anybody who has it, and so for nobody's eyes in particular: the public view alone. Over is
/// one that has expired or was revoked, whose maker is not in the party any more, or whose party is not open.
pub async fn follow(app: &Arc<App>, code: &InvitationCode, finished: Finished<Listing>) -> Result<(Invitation, Seen)> {
    let mut lane = app.databases.main_lane().await?;
    let found = invitations::find(&mut lane, code).await;
    let invitation = lane.done(found)?.ok_or(Code::NotFound)?;
    let now = app.clock.now();
    if !invitation.is_good(now) {
        return Err(Code::InvitationOver.into());
    }
    let seen = cached::seen(app, invitation.party_id, finished).await?.ok_or(Code::InvitationOver)?;
    let is_open = seen.open_until.is_some_and(|until| now < until);
    let is_in = seen.people.members.contains(&invitation.created_by);
    if is_open && is_in { Ok((invitation, seen)) } else { Err(Code::InvitationOver.into()) }
}

/// For a user's app, which goes on with the party: not if he and somebody in it keep away from one another.
pub async fn open(
    app: &Arc<App>,
    viewer: Id<User>,
    code: &InvitationCode,
    finished: Finished<Listing>,
) -> Result<Invitation> {
    let ((invitation, seen), blocks) = tokio::try_join!(follow(app, code, finished), cached::blocks(app, viewer))?;
    if seen.people.shows_to(viewer, &blocks.apart()) { Ok(invitation) } else { Err(Code::NotFound.into()) }
}
