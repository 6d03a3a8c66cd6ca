//! What is read through the cache: parties as everybody sees them, profiles, blocks. What depends on the viewer is never in
//! what is cached, and no command reads from here.

use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes};
use futures_util::future::try_join_all;
use tokio::try_join;

use crate::app::{App, parties};
use crate::domain::Time;
use crate::domain::error::{Code, Error, Result};
use crate::domain::geo::{Point, Tile};
use crate::domain::id::Id;
use crate::domain::listing::{Listing, People, Spot};
use crate::domain::money::Krw;
use crate::domain::party::{Party, State};
use crate::domain::terms::Category;
use crate::domain::user::{Blocks, User};
use crate::storage::cache::{CacheKey, Entry, Loaded};
use crate::storage::{listings, patiently, users};

/// The finished bytes of something.
pub type Finished<T> = fn(T) -> Result<Vec<u8>>;

/// A party's public view. Both questions are under way at once, so a hit is one round trip and no database.
pub async fn party(app: &Arc<App>, viewer: Id<User>, id: Id<Party>, finished: Finished<Listing>) -> Result<Entry> {
    let (seen, blocks) = try_join!(seen(app, id, finished), blocks(app, viewer))?;
    let seen = seen.ok_or(Code::NotFound)?;
    if seen.people.shows_to(viewer, &blocks.apart()) { Ok(seen.entry) } else { Err(Code::NotFound.into()) }
}

/// A party's public view, with what decides who gets to see it and whether a search finds it.
pub struct Seen {
    pub people: People,
    /// Whether it is open and until when, and what its store sells.
    pub open_until: Option<Time>,
    pub category: Category,
    /// What the delivery costs one who orders alone, and what it would cost one more guest, if that is known before he has ordered.
    pub alone_krw: Krw,
    pub next_guest_krw: Option<Krw>,
    pub entry: Entry,
}

/// None if there is no such party.
pub async fn seen(app: &Arc<App>, id: Id<Party>, finished: Finished<Listing>) -> Result<Option<Seen>> {
    let loading = Arc::clone(app);
    let load = move || async move {
        let found = parties::listing(&loading.databases, id, loading.clock.now()).await?;
        found.map(|(listing, people)| with_people(listing, &people, finished)).transpose()
    };
    let key = CacheKey::Party(id);
    let Some(entry) = app.cache.read(&key, load).await? else { return Ok(None) };
    if let Some(seen) = Seen::of(entry) {
        return Ok(Some(seen));
    }
    // Nothing that we wrote: the truth instead.
    app.cache.forget(&[key]).await;
    let Some((listing, people)) = parties::listing(&app.databases, id, app.clock.now()).await? else { return Ok(None) };
    let Loaded { version, body } = with_people(listing, &people, finished)?;
    Ok(Seen::of(Entry { version, body: body.into(), stale: false }))
}

/// Until when it is open, what its store sells, what delivery costs, how many people, the host, the members; then the view.
fn with_people(listing: Listing, people: &People, finished: Finished<Listing>) -> Result<Loaded> {
    let version = listing.version;
    let open_until = if listing.state == State::Open { unix_ms(listing.deadline_at) } else { 0 };
    let category = Category::ALL.iter().position(|category| *category == listing.store.category).unwrap_or_default();
    let (alone, next_guest) = (listing.fee_max_krw, listing.next_guest_fee());
    let view = finished(listing)?;
    let count = u16::try_from(people.members.len()).map_err(|error| Error::internal(Code::Internal, error))?;
    let mut body = Vec::with_capacity(27 + 8 * (people.members.len() + 1) + view.len());
    body.put_i64_le(open_until);
    body.put_u8(u8::try_from(category).unwrap_or_default());
    body.put_i64_le(alone.get());
    body.put_i64_le(next_guest.map_or(-1, Krw::get));
    body.put_u16_le(count);
    body.put_i64_le(people.host.raw());
    people.members.iter().for_each(|member| body.put_i64_le(member.raw()));
    body.extend(view);
    Ok(Loaded { version, body })
}

impl Seen {
    fn of(entry: Entry) -> Option<Self> {
        let mut body = entry.body;
        let open_until = of_unix_ms(body.try_get_i64_le().ok()?);
        let category = *Category::ALL.get(usize::from(body.try_get_u8().ok()?))?;
        let alone_krw = Krw::new(body.try_get_i64_le().ok()?);
        let next_guest_krw = Some(body.try_get_i64_le().ok()?).filter(|won| *won >= 0).map(Krw::new);
        let count = body.try_get_u16_le().ok()?;
        let host = Id::from_raw(body.try_get_i64_le().ok()?);
        let members = ids(&mut body, usize::from(count))?;
        let (people, entry) = (People { host, members }, Entry { body, ..entry });
        Some(Self { people, open_until, category, alone_krw, next_guest_krw, entry })
    }
}

/// Which parties are open in a tile.
pub async fn tile(app: &Arc<App>, tile: Tile) -> Result<Vec<Spot>> {
    let loading = Arc::clone(app);
    let load = move || async move { stored_tile(&loading, tile).await.map(|open| Some(tiled(&open))) };
    let entry = app.cache.read(&CacheKey::Tile(tile), load).await?;
    match entry.and_then(|entry| untiled(entry.body)) {
        Some(open) => Ok(open),
        None => stored_tile(app, tile).await,
    }
}

async fn stored_tile(app: &App, tile: Tile) -> Result<Vec<Spot>> {
    let now = app.clock.now();
    let homes = app.databases.homes(&tile.shards())?;
    let answers = try_join_all(homes.iter().map(|database| async move {
        let mut lane = database.lane().await?;
        let open = patiently(listings::of_tile(&mut lane, tile, now)).await;
        lane.done(open)
    }));
    let mut open: Vec<_> = answers.await?.into_iter().flatten().collect();
    // The same list in the same order is the same bytes.
    open.sort_unstable_by_key(|spot| spot.id);
    Ok(open)
}

/// Bytes of a spot: id, area's centre, since when it is boosted.
const SPOT: usize = 32;

fn tiled(open: &[Spot]) -> Loaded {
    let mut body = Vec::with_capacity(SPOT * open.len());
    for Spot { id, area, boosted_at } in open {
        body.put_i64_le(id.raw());
        body.put_f64_le(area.lat);
        body.put_f64_le(area.lng);
        body.put_i64_le(boosted_at.map_or(0, unix_ms));
    }
    Loaded { version: 0, body }
}

fn untiled(mut body: Bytes) -> Option<Vec<Spot>> {
    let count = body.remaining() / SPOT;
    let next = || {
        let id = Id::from_raw(body.try_get_i64_le().ok()?);
        let area = Point::new(body.try_get_f64_le().ok()?, body.try_get_f64_le().ok()?)?;
        Some(Spot { id, area, boosted_at: of_unix_ms(body.try_get_i64_le().ok()?) })
    };
    std::iter::repeat_with(next).take(count).collect()
}

fn unix_ms(time: Time) -> i64 {
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or_default()
}

/// None for 0, and for what is no time.
fn of_unix_ms(ms: i64) -> Option<Time> {
    (ms != 0).then(|| Time::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).ok()).flatten()
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
    fn what_a_search_wants_to_know_stands_before_the_view() {
        let mut body = 1_000_i64.to_le_bytes().to_vec();
        body.push(4);
        body.extend(4_000_i64.to_le_bytes());
        body.extend((-1_i64).to_le_bytes());
        body.extend([2, 0]);
        for id in [1_i64, 2, 3] {
            body.extend(id.to_le_bytes());
        }
        body.extend(b"{}");
        let seen = |body: &[u8]| Seen::of(Entry { version: 7, body: Bytes::copy_from_slice(body), stale: false });
        let found = seen(&body).unwrap();
        let id = Id::from_raw;
        assert_eq!(found.people, People { host: id(1), members: vec![id(2), id(3)] });
        assert_eq!(found.open_until, Some(Time::UNIX_EPOCH + time::Duration::SECOND));
        assert_eq!((found.category, &found.entry.body[..]), (Category::ALL[4], &b"{}"[..]));
        assert_eq!((found.alone_krw, found.next_guest_krw), (Krw::new(4_000), None));
        for cut in 0..51 {
            assert!(seen(&body[..cut]).is_none(), "{cut}");
        }
        body[8] = 200;
        assert!(seen(&body).is_none(), "no such category");
    }

    #[test]
    fn tiles_are_read_as_they_were_written() {
        let spot = |id, lat, boosted_at| Spot { id: Id::from_raw(id), area: Point { lat, lng: 127.0 }, boosted_at };
        let open = vec![spot(7, 37.5, None), spot(8, -1.0, Some(Time::UNIX_EPOCH + time::Duration::SECOND))];
        let body = Bytes::from(tiled(&open).body);
        assert_eq!(untiled(body), Some(open));
        assert_eq!(untiled(Bytes::new()), Some(Vec::new()));
        assert_eq!(untiled(Bytes::from(vec![255; SPOT])), None);
    }
}
