//! Finding parties: those near a point, and one's own.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::try_join_all;

use crate::app::cached::{self, Finished, Seen};
use crate::app::{App, location_uses};
use crate::domain::Time;
use crate::domain::error::Result;
use crate::domain::geo::{DistanceBand, Point};
use crate::domain::id::Id;
use crate::domain::listing::{Listing, Place, Role, Summary};
use crate::domain::location_use::LocationPurpose;
use crate::domain::order::Order;
use crate::domain::party::{Party, State};
use crate::domain::terms::Category;
use crate::domain::user::User;
use crate::storage::listings::{self, Near, Search};
use crate::storage::{my_parties, patiently, using};

/// Around which point, how far, and what.
#[derive(Clone, Copy, Debug)]
pub struct Nearby {
    pub centre: Point,
    pub radius_m: u32,
    pub category: Option<Category>,
    pub after: Option<After>,
    pub limit: usize,
}

/// Where a page ended, and when the first one was made: which parties are boosted is as it was then, so that none comes
/// twice or never because a boost begins or ends between two pages.
#[derive(Clone, Copy, Debug)]
pub struct After {
    pub place: Place,
    pub as_of: Time,
}

/// Some of a list, and where the rest begins.
pub struct Page<T, C> {
    pub items: Vec<T>,
    pub next: Option<C>,
}

/// A party that was found, as it goes out but for how far it is.
pub type Found = (Bytes, Option<DistanceBand>);

/// Open parties whose area's centre is within the radius, boosted ones first, then nearest: from the cache while that answers,
/// else from the databases.
pub async fn nearby(
    app: &Arc<App>,
    viewer: Id<User>,
    nearby: Nearby,
    finished: Finished<Listing>,
) -> Result<Page<Found, After>> {
    location_uses::note(app, viewer, LocationPurpose::NearbyParties);
    let apart = cached::blocks(app, viewer).await?.apart();
    if app.cache.is_up() {
        from_tiles(app, &nearby, &apart, finished).await
    } else {
        let page = from_databases(app, &nearby, &apart).await?;
        let found = page.items.into_iter().map(|(listing, band)| Ok((finished(listing)?.into(), band)));
        Ok(Page { items: found.collect::<Result<_>>()?, next: page.next })
    }
}

/// Tiles say who is there and how far; what each party is like by now, and whether it is open still, its own view tells. So
/// no more of those are read than are asked for, and one that has just changed is seen as it is.
async fn from_tiles(
    app: &Arc<App>,
    nearby: &Nearby,
    apart: &[Id<User>],
    finished: Finished<Listing>,
) -> Result<Page<Found, After>> {
    let now = app.clock.now();
    let as_of = nearby.after.map_or(now, |after| after.as_of);
    let tiles = nearby.centre.tiles_within(nearby.radius_m);
    let open = try_join_all(tiles.into_iter().map(|tile| cached::tile(app, tile))).await?;
    let spots = open.into_iter().flatten().map(|spot| spot.place(nearby.centre, as_of));
    let mut places: Vec<Place> = spots.filter(|place| nearby.wants(place)).collect();
    places.sort_unstable_by(Place::compare);
    places.dedup_by_key(|place| place.id);
    let shown = |seen: &Seen| {
        let open = seen.open_until.is_some_and(|until| until > now);
        let wanted = nearby.category.is_none_or(|category| category == seen.category);
        open && wanted && !seen.people.is_apart(apart)
    };
    let (mut found, mut rest) = (Vec::new(), places.as_slice());
    while found.len() <= nearby.limit && !rest.is_empty() {
        // One more tells whether there is another page.
        let (next, later) = rest.split_at(rest.len().min(nearby.limit + 1 - found.len()));
        let seen = try_join_all(next.iter().map(|place| cached::seen(app, place.id, finished))).await?;
        let seen = next.iter().zip(seen).filter_map(|(place, seen)| Some((*place, seen.filter(shown)?.entry.body)));
        found.extend(seen);
        rest = later;
    }
    Ok(page(found, nearby.limit, as_of))
}

/// Each database that can hold one is asked once a round, all at the same time; they answer in the order of the index's plane,
/// which is a little out of scale, so a party counts as soon as nothing that is still unseen can come before it. When too few
/// count, more are asked for.
async fn from_databases(
    app: &App,
    nearby: &Nearby,
    apart: &[Id<User>],
) -> Result<Page<(Listing, Option<DistanceBand>), After>> {
    let homes = app.databases.homes(&nearby.centre.shards_within(nearby.radius_m))?;
    let scale = nearby.centre.plane_scale(nearby.radius_m);
    let now = app.clock.now();
    let as_of = nearby.after.map_or(now, |after| after.as_of);
    let from = |after: After| scale.nearest(after.place.distance);
    let (boosted_from, from) = match nearby.after {
        None => (Some(0.0), 0.0),
        Some(after) if after.place.is_boosted => (Some(from(after)), 0.0),
        Some(after) => (None, from(after)),
    };
    let limit = i64::try_from(nearby.limit).unwrap_or(i64::MAX).saturating_add(10);
    let Nearby { centre, radius_m, category, .. } = *nearby;
    let mut search = Search { centre, radius_m, category, apart, now, as_of, boosted_from, from, limit };
    loop {
        let search_now = &search;
        let answers = try_join_all(homes.iter().map(|database| async move {
            let mut lane = database.lane().await?;
            let nearest = patiently(listings::nearest(&mut lane, search_now)).await;
            lane.done(nearest)
        }))
        .await?;
        let unseen = |boosted| unseen(&answers, boosted, search.limit).map(|on_plane| scale.least_m(on_plane));
        let (unseen_boosted, unseen_others) = (unseen(true), unseen(false));
        let found = answers.into_iter().flatten().map(|near| (measured(centre, &near.listing), near.listing));
        let mut found: Vec<_> = found.filter(|(place, _)| nearby.wants(place)).collect();
        found.sort_by(|(a, _), (b, _)| a.compare(b));
        // A party that moved between two databases meanwhile is in both answers.
        found.dedup_by_key(|(place, _)| place.id);
        let sure = found.partition_point(|(place, _)| match (place.is_boosted, unseen_boosted) {
            (true, Some(unseen)) => place.distance < unseen,
            (true, None) => true,
            (false, Some(_)) => false,
            (false, None) => unseen_others.is_none_or(|unseen| place.distance < unseen),
        });
        let all = unseen_boosted.is_none() && unseen_others.is_none();
        if all || sure > nearby.limit {
            return Ok(page(found, nearby.limit, as_of));
        }
        search.limit = search.limit.saturating_mul(2);
    }
}

/// How far on the plane the nearest may be that a database did not send: no nearer than the last that it did.
fn unseen(answers: &[Vec<Near>], boosted: bool, limit: i64) -> Option<f64> {
    let of_kind = answers.iter().map(|rows| rows.iter().filter(move |near| near.listing.is_boosted == boosted));
    let cut = of_kind.filter(|rows| i64::try_from(rows.clone().count()).is_ok_and(|count| count >= limit));
    cut.filter_map(|mut rows| rows.next_back().map(|near| near.on_plane)).min_by(f64::total_cmp)
}

impl Nearby {
    fn wants(&self, place: &Place) -> bool {
        let is_new = self.after.is_none_or(|after| place.compare(&after.place).is_gt());
        is_new && place.distance <= f64::from(self.radius_m)
    }
}

fn measured(centre: Point, listing: &Listing) -> Place {
    Place { is_boosted: listing.is_boosted, distance: centre.distance_m(listing.area), id: listing.id }
}

fn page<T>(mut found: Vec<(Place, T)>, limit: usize, as_of: Time) -> Page<(T, Option<DistanceBand>), After> {
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|(place, _)| After { place: *place, as_of });
    let items = found.into_iter().map(|(place, party)| (party, DistanceBand::of(place.distance)));
    Page { items: items.collect(), next }
}

/// What the examples of the documentation are about: a party to join, and a guest's order in another one.
#[derive(Debug, Default)]
pub struct Sample {
    pub open: Option<Seated>,
    pub joined: Option<Seated>,
}

/// Somebody's seat in an open party.
#[derive(Clone, Copy, Debug)]
pub struct Seated {
    pub user_id: Id<User>,
    pub party_id: Id<Party>,
    pub order_id: Id<Order>,
}

/// The newest there are. In development alone: the question has no index.
pub async fn sample(app: &App) -> Result<Sample> {
    let seats = my_parties::open_seats(&mut *app.databases.main().acquire().await?, app.clock.now(), 200).await?;
    let seat = |(user_id, summary): &(Id<User>, Summary)| Seated {
        user_id: *user_id,
        party_id: summary.party_id,
        order_id: summary.order_id,
    };
    let joined = seats.iter().find(|(_, summary)| summary.role == Role::Guest);
    let other = |summary: &Summary| joined.is_none_or(|(_, joined)| joined.party_id != summary.party_id);
    let open = seats.iter().find(|(_, summary)| summary.role == Role::Host && other(summary));
    Ok(Sample { open: open.map(seat), joined: joined.map(seat) })
}

/// One's own parties, newest first.
pub async fn mine(
    app: &App,
    user: Id<User>,
    state: Option<State>,
    before: Option<Id<Party>>,
    limit: usize,
) -> Result<Page<Summary, Id<Party>>> {
    let fetch = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let list = async |conn: &mut _| my_parties::list(conn, user, state, before, fetch).await;
    let mut items = using(&app.databases.main(), list).await?;
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|summary| summary.party_id);
    Ok(Page { items, next })
}
