//! What members say to each other in their party, and how far they have read.

use crate::app::parties::{discreet, find};
use crate::app::{App, Key, events, reads, users};
use crate::domain::error::{Code, Error, Result};
use crate::domain::id::Id;
use crate::domain::message::{self, Line, Message, Read};
use crate::domain::party::Party;
use crate::domain::text;
use crate::domain::user::User;
use crate::storage::events::{self as steps, Standing};
use crate::storage::messages::{self as stored, New, Window};
use crate::storage::pool::Pool;
use crate::storage::{patiently, using, violates};

/// Characters of a `client_key` at the most.
const CLIENT_KEY: usize = 64;

/// A message, and whether it was there already.
pub struct Spoken {
    pub message: Message,
    pub replayed: bool,
}

/// Says something in a party. The same command again, or the same text under the same `client_key`, says it once.
pub async fn say(
    app: &App,
    user: Id<User>,
    party: Id<Party>,
    text: &str,
    client_key: &str,
    key: &Key<'_>,
) -> Result<Spoken> {
    let client_key = text::clean(client_key, CLIENT_KEY).map_err(|fault| Error::field("/client_key", fault))?;
    let text = message::text(text, &app.words).map_err(|fault| Error::field("/text", fault))?;
    let id = Id::from_raw(app.ids.next(party.shard()).await?);
    let now = app.clock.now();
    let new = &New { id, text: &text, client_key: &client_key };
    let insert = |_| async move {
        let mut lane = app.databases.lane(party.shard()).await?;
        let inserted = patiently(stored::insert(&mut lane, party, user, new, key, now)).await;
        lane.done(inserted)
    };
    match app.databases.on_shard(party.shard(), insert).await {
        Ok(Some(seq)) => {
            events::happened(app, party);
            reads::read(app, party, user, seq);
            let message = Message { id, party_id: party, seq, user_id: user, text, client_key, created_at: now };
            return Ok(Spoken { message, replayed: false });
        }
        // The same twice at once: the other one has said it.
        Err(error) if violates(&error, "messages_key") || violates(&error, "messages_client_key") => {}
        Ok(None) => {}
        Err(error) => return Err(error),
    }
    let answered = |pool: Pool| async move {
        using(&pool, async |conn| stored::answered(conn, party, user, new, key).await).await
    };
    if let Some(message) = app.databases.look(party.shard(), answered).await? {
        return Ok(Spoken { message, replayed: true });
    }
    standing(app, user, party).await?;
    Err(Error::state(Code::WrongState, find(app, party).await?.state.word()))
}

/// How a member stands; who is none hears what he would hear at the room's door.
pub(super) async fn standing(app: &App, user: Id<User>, party: Id<Party>) -> Result<Standing> {
    let find = |pool: Pool| async move { using(&pool, async |conn| steps::standing(conn, party, user).await).await };
    let standing = app.databases.look(party.shard(), find).await?.ok_or(Code::NotFound)?;
    let member = if standing.is_member { Ok(standing) } else { Err(Code::NotAMember.into()) };
    discreet(app, party, user, member).await
}

/// A page of the chat, newest first.
pub struct Page {
    pub lines: Vec<Line>,
    /// Where the next page begins.
    pub next: Option<(i64, i32)>,
    /// Messages of others that the viewer has not read.
    pub unread: i64,
    pub reads: Vec<Read>,
}

/// What was said and done in a party while the viewer is a member, before a line.
pub async fn page(
    app: &App,
    viewer: Id<User>,
    party: Id<Party>,
    before: Option<(i64, i32)>,
    limit: usize,
) -> Result<Page> {
    let standing = standing(app, viewer, party).await?;
    let apart = users::apart_from(app, viewer).await?;
    reads::seen(app, party, viewer);
    let after = standing.since.saturating_sub(1).max(0);
    let window = Window { after, before: before.unwrap_or((i64::MAX, 0)) };
    let fetch = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let apart = &apart;
    let read = |pool: Pool| async move {
        let read = async |conn: &mut _| {
            let lines = stored::lines(conn, party, window, apart, fetch).await?;
            let mut reads = stored::reads(conn, party).await?;
            app.reads.add_to(party, &mut reads);
            let own = reads.iter().find(|read| read.user_id == viewer).map_or(0, |read| read.seq);
            let unread = stored::unread(conn, party, viewer, own.max(after), apart).await?;
            reads.retain(|read| !apart.contains(&read.user_id));
            Ok(Some((lines, reads, unread)))
        };
        using(&pool, read).await
    };
    let found = app.databases.look(party.shard(), read).await?;
    let (mut lines, reads, unread) = found.ok_or(Code::NotFound)?;
    let more = lines.len() > limit;
    lines.truncate(limit);
    let next = lines.last().filter(|_| more).map(|line| (line.seq, line.part));
    Ok(Page { lines, next, unread, reads })
}

/// The viewer has read up to a step; what has not happened yet he cannot have read.
pub async fn mark_read(app: &App, viewer: Id<User>, party: Id<Party>, seq: i64) -> Result<()> {
    let standing = standing(app, viewer, party).await?;
    reads::read(app, party, viewer, seq.clamp(0, standing.last_seq));
    Ok(())
}

/// A message that the viewer can see, for a report of it.
pub(super) async fn seen_by(app: &App, viewer: Id<User>, id: Id<Message>) -> Result<Message> {
    let find = |pool: Pool| async move { using(&pool, async |conn| stored::find(conn, id).await).await };
    let message = app.databases.look(id.shard(), find).await?.ok_or(Code::NotFound)?;
    // That there is such a message is no outsider's business.
    let standing = standing(app, viewer, message.party_id).await.map_err(|error| match error.code {
        Code::NotAMember => Code::NotFound.into(),
        _ => error,
    })?;
    if message.seq < standing.since { Err(Code::NotFound.into()) } else { Ok(message) }
}
