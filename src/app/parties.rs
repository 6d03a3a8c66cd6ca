//! What people do with a party as a whole: open it, look at it, change it, take it through its course.

use serde::{Deserialize, Serialize};

use crate::app::{App, Expected, Key, entitlements, events, hosting, users};
use crate::domain::error::{Code, Error, Result};
use crate::domain::id::Id;
use crate::domain::ledger::Leg;
use crate::domain::listing::{Listing, People};
use crate::domain::money::Krw;
use crate::domain::order::{Order, OrderState};
use crate::domain::party::{CancelReason, Party, Placing, Quote, State, WithMe};
use crate::domain::payment::Payment;
use crate::domain::terms::{Draft, Edit, Settlement, TransferAccount};
use crate::domain::user::User;
use crate::domain::{At, Time};
use crate::stop_point;
use crate::storage::cache::CacheKey;
use crate::storage::databases::Databases;
use crate::storage::idempotency;
use crate::storage::pool::Pool;
use crate::storage::tx::Tx;
use crate::storage::{erasures, ledger, listings, parties, patiently, users as stored_users};

/// Below it nobody hosts.
const HOSTING_TRUST: i16 = 20;

/// A party, and whether this is the answer to an earlier try of the same command.
pub struct Opened {
    pub room: Room,
    pub replayed: bool,
}

/// What a member sees: the party, and the host's account if he may see that.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Room {
    pub party: Party,
    pub account: Option<TransferAccount>,
}

/// Opens a party. Its id and a hosting slot are fixed in the main database first, so that a repeated command makes the same
/// party, and a crash in between costs nobody his slot.
pub async fn open(app: &App, host_id: Id<User>, draft: Draft, key: &Key<'_>) -> Result<Opened> {
    patiently(open_in_time(app, host_id, draft, key)).await
}

async fn open_in_time(app: &App, host_id: Id<User>, draft: Draft, key: &Key<'_>) -> Result<Opened> {
    let now = app.clock.now();
    let point = crate::domain::geo::Point { lat: draft.pickup.lat, lng: draft.pickup.lng };
    let mut main = Tx::begin(&app.databases.main()).await?;
    // What was made already is answered even if it could not be made again.
    if let Some(id) = idempotency::fixed_party(&mut main, host_id, key).await?
        && let Some(opened) = answered(app, id, host_id, key).await?
    {
        return Ok(opened);
    }
    app.config.settlement_is_on(draft.settlement)?;
    let limits = entitlements::limits(app, &mut main, host_id, now).await?;
    let offer = draft.check(limits, &app.words, now)?;
    let host = stored_users::find(&mut main, host_id).await?.ok_or(Code::Unauthenticated)?;
    if erasures::is_asked(&mut main, host_id).await? {
        return Err(Code::Unauthenticated.into());
    }
    if host.trust < HOSTING_TRUST {
        return Err(Code::TrustTooLow.into());
    }
    let fresh = Id::from_raw(app.ids.next(point.shard()).await?);
    let id = idempotency::fix_party(&mut main, host_id, key, fresh, now).await?;
    hosting::reserve(app, &mut main, host_id, id, limits, now).await?;
    main.commit().await?;
    stop_point!("open.reserved");

    let account = offer.account.clone();
    let sealed = account.as_ref().map(|account| app.vault.seal(id, account)).transpose()?;
    let party = Party::open(id, &host, offer, limits, sealed, &At { now, mint: &app.mint(id.shard()) })?;
    let (party_ref, key_ref) = (&party, key);
    let insert = |pool: Pool| async move {
        let mut conn = pool.acquire().await?;
        if app.clock.now() >= reserved_until(now) {
            return Err(Error::internal(Code::Busy, "the hosting slot was reserved too long ago"));
        }
        parties::insert(&mut conn, party_ref, key_ref, now).await
    };
    let inserted = app.databases.on_shard(id.shard(), insert).await?;
    stop_point!("open.inserted");
    app.cache.forget(&[CacheKey::Party(id), CacheKey::Tile(point.centre().tile())]).await;
    app.news.events.ring();
    if inserted {
        return Ok(Opened { room: Room { party, account }, replayed: false });
    }
    answered(app, id, host_id, key).await?.ok_or_else(|| Error::internal(Code::Internal, "a party without its answer"))
}

/// The answer of the command that made the party, once it has.
async fn answered(app: &App, id: Id<Party>, host: Id<User>, key: &Key<'_>) -> Result<Option<Opened>> {
    let find = |pool: Pool| async move { idempotency::find(&mut *pool.acquire().await?, id, host, key).await };
    let found: Option<parties::Document> = app.databases.look(id.shard(), find).await?;
    let Some(document) = found else { return Ok(None) };
    let room = room(app, document.assemble(), host)?;
    Ok(Some(Opened { room, replayed: true }))
}

/// The public view, and who is in the party.
pub(super) async fn listing(databases: &Databases, id: Id<Party>, now: Time) -> Result<Option<(Listing, People)>> {
    let find = |_| async move {
        let mut lane = databases.lane(id.shard()).await?;
        let found = patiently(listings::find(&mut lane, id, now)).await;
        lane.done(found)
    };
    databases.look(id.shard(), find).await
}

/// The members' view.
pub async fn see(app: &App, viewer: Id<User>, id: Id<Party>) -> Result<Room> {
    let party = member_only(find(app, id).await?, viewer);
    room(app, discreet(app, id, viewer, party).await?, viewer)
}

pub(super) async fn find(app: &App, id: Id<Party>) -> Result<Party> {
    let found = app
        .databases
        .look(id.shard(), |pool| async move { parties::find(&mut *pool.acquire().await?, id).await })
        .await?;
    found.ok_or_else(|| Code::NotFound.into())
}

fn member_only(party: Party, viewer: Id<User>) -> Result<Party> {
    if party.is_member(viewer) { Ok(party) } else { Err(Code::NotAMember.into()) }
}

/// Who is no member, and keeps apart from one, is not even told that the party exists.
pub(super) async fn discreet<T>(app: &App, id: Id<Party>, viewer: Id<User>, answer: Result<T>) -> Result<T> {
    if answer.as_ref().is_err_and(|error| matches!(error.code, Code::NotAMember | Code::NotTheHost)) {
        let apart = users::apart_from(app, viewer).await?;
        let (_, people) = listing(&app.databases, id, app.clock.now()).await?.ok_or(Code::NotFound)?;
        if !people.shows_to(viewer, &apart) {
            return Err(Code::NotFound.into());
        }
    }
    answer
}

pub(super) fn room(app: &App, party: Party, viewer: Id<User>) -> Result<Room> {
    let confirmed = |state| matches!(state, OrderState::Confirmed | OrderState::PickedUp | OrderState::NoShow);
    let may_see = viewer == party.host_id || party.order_of(viewer).is_some_and(|order| confirmed(order.state));
    let sealed = party.sealed_account.as_deref().filter(|_| may_see);
    let account = sealed.map(|sealed| app.vault.open(party.id, sealed)).transpose()?;
    Ok(Room { party, account })
}

/// The split as members see it, or its totals and the viewer's own part as an outsider would have it.
pub struct Seen {
    pub last: bool,
    pub quote: Quote,
    pub member: bool,
    pub with_me: Option<WithMe>,
}

pub async fn quote(app: &App, viewer: Id<User>, id: Id<Party>, food: Option<Krw>) -> Result<Seen> {
    let party = find(app, id).await?;
    let member = party.is_member(viewer);
    if !member {
        let apart = users::apart_from(app, viewer).await?;
        let present = |order: &Order| order.is_live() || order.user_id == party.host_id;
        let own = party.orders.iter().any(|order| order.is_live() && order.user_id == viewer);
        if !own && party.orders.iter().any(|order| present(order) && apart.contains(&order.user_id)) {
            return Err(Code::NotFound.into());
        }
    }
    let with_me = food.filter(|_| !member && party.state == State::Open).map(|food| party.with_me(food));
    Ok(Seen { last: party.quote.is_some(), quote: party.present_quote(), member, with_me })
}

pub async fn entries(app: &App, viewer: Id<User>, id: Id<Party>) -> Result<Vec<Leg>> {
    let party = member_only(find(app, id).await?, viewer);
    discreet(app, id, viewer, party).await?;
    app.databases
        .look(id.shard(), |pool| async move { ledger::of(&mut *pool.acquire().await?, id).await.map(Some) })
        .await
        .map(Option::unwrap_or_default)
}

/// Changes the terms. This and the following only in the version that is expected, if one is.
pub async fn edit(app: &App, user: Id<User>, id: Id<Party>, edit: Edit, expected: &Expected) -> Result<Room> {
    by_host(app, user, id, expected, |party, at| party.edit(edit.clone(), &app.words, at.now)).await
}

pub async fn lock(app: &App, user: Id<User>, id: Id<Party>, expected: &Expected) -> Result<Room> {
    by_host(app, user, id, expected, Party::lock).await
}

pub async fn place(app: &App, user: Id<User>, id: Id<Party>, placing: Placing, expected: &Expected) -> Result<Room> {
    by_host(app, user, id, expected, |party, at| party.place(&placing, at.now)).await
}

/// By the host, or by a guest as his vote.
pub async fn arrive(app: &App, user: Id<User>, id: Id<Party>, expected: &Expected) -> Result<Room> {
    let change = |party: &mut Party, at: &At| {
        if !party.is_member(user) {
            return Err(Code::NotAMember.into());
        }
        meant(party, expected, party.version, |party| party.arrive(user, at.now))
    };
    let arrived = command(app, id, change).await;
    room(app, discreet(app, id, user, arrived).await?, user)
}

pub async fn cancel(
    app: &App,
    user: Id<User>,
    id: Id<Party>,
    reason: CancelReason,
    expected: &Expected,
) -> Result<Room> {
    by_host(app, user, id, expected, |party, at| party.cancel(reason, at)).await
}

async fn by_host(
    app: &App,
    user: Id<User>,
    id: Id<Party>,
    expected: &Expected,
    change: impl Fn(&mut Party, &At) -> Result<()>,
) -> Result<Room> {
    let change = |party: &mut Party, at: &At| {
        party.must_be_host(user)?;
        meant(party, expected, party.version, |party| change(party, at))
    };
    let changed = command(app, id, change).await;
    room(app, discreet(app, id, user, changed).await?, user)
}

/// Changes a thing if the version that it is in is expected. What has happened already has happened in every version.
pub(super) fn meant(
    party: &mut Party,
    expected: &Expected,
    version: i64,
    change: impl FnOnce(&mut Party) -> Result<()>,
) -> Result<()> {
    let Err(unexpected) = expected.check(version) else { return change(party) };
    let before = party.clone();
    match change(party) {
        Ok(()) if *party == before => Ok(()),
        _ => Err(unexpected),
    }
}

/// Locks the party, changes it, does what that makes due, and saves it: one transaction.
pub(super) async fn command(app: &App, id: Id<Party>, change: impl Fn(&mut Party, &At) -> Result<()>) -> Result<Party> {
    command_once(app, id, None, change).await
}

/// As `command`; with a key it refuses one that the user has used for something else, and keeps it with what it has changed.
pub(super) async fn command_once(
    app: &App,
    id: Id<Party>,
    key: Option<(Id<User>, &Key<'_>)>,
    change: impl Fn(&mut Party, &At) -> Result<()>,
) -> Result<Party> {
    let change = &change;
    app.databases
        .on_shard(id.shard(), |pool| async move {
            let mut tx = Tx::begin(&pool).await?;
            let mut locked = parties::lock(&mut tx, id).await?;
            if let Some((user, key)) = key {
                idempotency::keep(&mut tx, id, user, key, app.clock.now()).await?;
            }
            let mint = app.mint(id.shard());
            let at = At { now: app.clock.now(), mint: &mint };
            // What is due already comes first; a command that is refused undoes it, and the clock does it again.
            locked.party.tick(&at)?;
            change(&mut locked.party, &at)?;
            locked.party.tick(&at)?;
            if parties::save(&mut tx, &mut locked, &at).await? {
                tx.commit().await?;
                told(app, &locked.party).await;
            }
            Ok(locked.party)
        })
        .await
}

/// Does what the system has to do with a party by now.
pub async fn tick(app: &App, id: Id<Party>) -> Result<()> {
    let work = |pool: Pool| async move {
        let mut tx = Tx::begin(&pool).await?;
        let mut locked = parties::lock(&mut tx, id).await?;
        let mint = app.mint(id.shard());
        let at = At { now: app.clock.now(), mint: &mint };
        locked.party.tick(&at)?;
        if parties::save(&mut tx, &mut locked, &at).await? {
            tx.commit().await?;
            told(app, &locked.party).await;
            return Ok(());
        }
        // A join says when to look again, and may have said it too early.
        parties::set_due(&mut tx, &locked.party).await?;
        tx.commit().await?;
        // Else the job would be at it for ever.
        let over = locked.party.due_at().is_none_or(|due| due > at.now);
        if over { Ok(()) } else { Err(Error::internal(Code::Internal, "a party is due though its clock has done all")) }
    };
    app.databases.on_shard(id.shard(), work).await
}

/// After the commit: nobody sees the party as it was before, and the jobs hear of it.
pub(super) async fn told(app: &App, party: &Party) {
    app.cache.forget(&[CacheKey::Party(party.id)]).await;
    events::happened(app, party.id);
    app.news.events.ring();
    if party.orders.iter().flat_map(|order| &order.payments).any(Payment::has_refund_to_send) {
        app.news.money.ring();
    }
}

/// How long a reservation of a hosting slot lasts while its party is being made.
pub(super) fn reserved_until(now: Time) -> Time {
    now + time::Duration::minutes(2)
}

impl crate::config::Config {
    fn settlement_is_on(&self, settlement: Settlement) -> Result<()> {
        if self.rules.settlements.contains(&settlement) { Ok(()) } else { Err(Code::SettlementUnavailable.into()) }
    }
}
