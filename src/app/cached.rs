//! What is read through the cache: parties as everybody sees them, profiles, blocks. What depends on the viewer is never in
//! what is cached, and no command reads from here.

use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes};
use tokio::try_join;

use crate::app::{App, parties};
use crate::domain::error::{Code, Error, Result};
use crate::domain::id::Id;
use crate::domain::listing::{Listing, People};
use crate::domain::party::Party;
use crate::domain::user::{Blocks, User};
use crate::storage::cache::{CacheKey, Entry, Loaded};
use crate::storage::users;

/// The finished bytes of something.
pub type Finished<T> = fn(T) -> Result<Vec<u8>>;

/// A party's public view. Both questions are under way at once, so a hit is one round trip and no database.
pub async fn party(app: &Arc<App>, viewer: Id<User>, id: Id<Party>, finished: Finished<Listing>) -> Result<Entry> {
    let loading = Arc::clone(app);
    let load = move || async move {
        let found = parties::listing(&loading.databases, id).await?;
        found.map(|(listing, people)| with_people(listing, &people, finished)).transpose()
    };
    let key = CacheKey::Party(id);
    let (entry, blocks) = try_join!(app.cache.read(&key, load), blocks(app, viewer))?;
    let entry = entry.ok_or(Code::NotFound)?;
    let (people, body) = if let Some(seen) = split(entry.body) {
        seen
    } else {
        // Nothing that we wrote: the truth instead.
        app.cache.forget(&[key]).await;
        let (listing, people) = parties::listing(&app.databases, id).await?.ok_or(Code::NotFound)?;
        (people, finished(listing)?.into())
    };
    if people.shows_to(viewer, &blocks.apart()) { Ok(Entry { body, ..entry }) } else { Err(Code::NotFound.into()) }
}

/// How many people, the host, the members; then the view.
fn with_people(listing: Listing, people: &People, finished: Finished<Listing>) -> Result<Loaded> {
    let version = listing.version;
    let view = finished(listing)?;
    let count = u16::try_from(people.members.len()).map_err(|error| Error::internal(Code::Internal, error))?;
    let mut body = Vec::with_capacity(2 + 8 * (people.members.len() + 1) + view.len());
    body.put_u16_le(count);
    body.put_i64_le(people.host.raw());
    people.members.iter().for_each(|member| body.put_i64_le(member.raw()));
    body.extend(view);
    Ok(Loaded { version, body })
}

fn split(mut body: Bytes) -> Option<(People, Bytes)> {
    let count = body.try_get_u16_le().ok()?;
    let host = Id::from_raw(body.try_get_i64_le().ok()?);
    let members = ids(&mut body, usize::from(count))?;
    Some((People { host, members }, body))
}

fn ids<T>(from: &mut Bytes, count: usize) -> Option<Vec<Id<T>>> {
    if from.remaining() / 8 < count {
        return None;
    }
    std::iter::repeat_with(|| from.try_get_i64_le().ok().map(Id::from_raw)).take(count).collect()
}

/// Another user, or oneself; nobody sees the profile of one who keeps him away.
pub async fn profile(app: &Arc<App>, viewer: Id<User>, id: Id<User>, finished: Finished<User>) -> Result<Bytes> {
    let loading = Arc::clone(app);
    let load = move || async move {
        let mut lane = loading.databases.main_lane().await?;
        let found = users::find(&mut lane, id).await;
        // A user has no version; its body is what is compared.
        lane.done(found)?.map(|user| finished(user).map(|body| Loaded { version: 0, body })).transpose()
    };
    let key = CacheKey::Profile(id);
    let (entry, blocks) = try_join!(app.cache.read(&key, load), blocks(app, viewer))?;
    let entry = entry.ok_or(Code::NotFound)?;
    if blocks.of_him.contains(&id) { Err(Code::NotFound.into()) } else { Ok(entry.body) }
}

/// Whom the user keeps away and who keeps him away.
pub async fn blocks(app: &Arc<App>, user: Id<User>) -> Result<Blocks> {
    let loading = Arc::clone(app);
    let load = move || async move { stored_blocks(&loading, user).await.map(|blocks| Some(listed(&blocks))) };
    let entry = app.cache.read(&CacheKey::Blocks(user), load).await?;
    match entry.and_then(|entry| unlisted(entry.body)) {
        Some(blocks) => Ok(blocks),
        None => stored_blocks(app, user).await,
    }
}

async fn stored_blocks(app: &App, user: Id<User>) -> Result<Blocks> {
    let mut lane = app.databases.main_lane().await?;
    let blocks = users::blocks_of(&mut lane, user).await;
    lane.done(blocks)
}

/// How many there are of the first kind; those, and the others.
fn listed(blocks: &Blocks) -> Loaded {
    let mut body = Vec::with_capacity(4 + 8 * (blocks.by_him.len() + blocks.of_him.len()));
    body.put_u32_le(u32::try_from(blocks.by_him.len()).unwrap_or(u32::MAX));
    blocks.by_him.iter().chain(&blocks.of_him).for_each(|user| body.put_i64_le(user.raw()));
    Loaded { version: 0, body }
}

fn unlisted(mut body: Bytes) -> Option<Blocks> {
    let count = usize::try_from(body.try_get_u32_le().ok()?).ok()?;
    let by_him = ids(&mut body, count)?;
    let rest = body.remaining();
    let of_him = ids(&mut body, rest / 8)?;
    rest.is_multiple_of(8).then_some(Blocks { by_him, of_him })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_read_as_they_were_written() {
        for (by_him, of_him) in [(vec![], vec![]), (vec![1, 2], vec![3]), (vec![], vec![7])] {
            let ids = |raw: Vec<i64>| raw.into_iter().map(Id::from_raw).collect();
            let blocks = Blocks { by_him: ids(by_him), of_him: ids(of_him) };
            let body = Bytes::from(listed(&blocks).body);
            assert_eq!(unlisted(body.clone()), Some(blocks));
            assert_eq!(unlisted(body.slice(1..)), None);
        }
        assert_eq!(unlisted(Bytes::from_static(&[255; 12])), None, "more than there are");
    }

    #[test]
    fn people_stand_before_the_view() {
        let mut body = vec![2, 0];
        for id in [1_i64, 2, 3] {
            body.extend(id.to_le_bytes());
        }
        body.extend(b"{}");
        let (people, view) = split(Bytes::from(body.clone())).unwrap();
        let id = Id::from_raw;
        assert_eq!(people, People { host: id(1), members: vec![id(2), id(3)] });
        assert_eq!(&view[..], b"{}");
        for cut in 0..26 {
            assert_eq!(split(Bytes::copy_from_slice(&body[..cut])), None, "{cut}");
        }
    }
}
