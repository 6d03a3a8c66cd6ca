//! What people do with a seat: take it, change what they eat, leave, pick up, say that they have paid or complain.

use crate::app::parties::{command, find, meant};
use crate::app::{App, Expected, Key, events, parties, users};
use crate::domain::At;
use crate::domain::dispute::DisputeKind;
use crate::domain::error::{Code, Error, Result};
use crate::domain::id::Id;
use crate::domain::item::{self, Item};
use crate::domain::money::Krw;
use crate::domain::order::Order;
use crate::domain::party::{Join, Party};
use crate::domain::user::User;
use crate::stop_point;
use crate::storage::cache::CacheKey;
use crate::storage::idempotency;
use crate::storage::orders::{self, Seat};
use crate::storage::{parties as stored, patiently, violates};

/// Below it nobody joins.
const JOINING_TRUST: i16 = 10;
/// How often a join is tried again when it was refused for a reason that has just gone.
const TRIES: usize = 3;

/// An order and the party that it is in.
pub struct InParty {
    pub order: Order,
    pub party_id: Id<Party>,
    /// What the provider's window calls what is paid.
    pub order_name: String,
    /// Whether who asks is the owner.
    pub own: bool,
}

pub struct Joined {
    pub order: InParty,
    pub replayed: bool,
}

/// Takes a seat. The database decides, in one statement; only when it refuses is the party read, to say why.
pub async fn join(app: &App, user: Id<User>, party_id: Id<Party>, items: Vec<Item>, key: &Key<'_>) -> Result<Joined> {
    let (trust, blocked) = users::joining(app, user).await?;
    let trusted = if trust < JOINING_TRUST { Err(Code::TrustTooLow.into()) } else { Ok(()) };
    let items = match trusted.and_then(|()| item::check(items, "/items", true)) {
        Ok(items) => items,
        // What was done already is answered even if it could not be done again.
        Err(error) => {
            let seat = answer(app, party_id, user, key).await?.ok_or(error)?;
            return Ok(Joined { order: in_party(seat, party_id), replayed: true });
        }
    };
    let join = Join { user_id: user, blocked, items };
    let shard = party_id.shard();
    for _ in 0..TRIES {
        let ids = (Id::from_raw(app.ids.next(shard).await?), Id::from_raw(app.ids.next(shard).await?));
        let now = app.clock.now();
        let (join, key) = (&join, &key);
        let taken = app
            .databases
            .on_shard(shard, |_| async move {
                let mut lane = app.databases.lane(shard).await?;
                let taken = patiently(orders::join(&mut lane, party_id, join, ids, key, now)).await;
                lane.done(taken)
            })
            .await;
        match taken {
            Ok(Some(taken)) => {
                stop_point!("join.taken");
                app.cache.forget(&[CacheKey::Party(party_id)]).await;
                events::happened(app, party_id);
                app.news.events.ring();
                if taken.lock {
                    // The seat is taken whatever comes of this; the clock does it again.
                    let locked = parties::tick(app, party_id).await;
                    locked.unwrap_or_else(|error| tracing::warn!(?error, "a full party was not locked at once"));
                }
                return Ok(Joined { order: in_party(taken.seat, party_id), replayed: false });
            }
            // Two tries of one user at once: the other one has the seat.
            Ok(None) => {}
            Err(error) if violates(&error, "orders_live") || violates(&error, "idempotency_pkey") => {}
            Err(error) => return Err(error),
        }
        if let Some(seat) = answer(app, party_id, user, key).await? {
            return Ok(Joined { order: in_party(seat, party_id), replayed: true });
        }
        let party = find(app, party_id).await?;
        if party.due_at().is_some_and(|due| due <= now) {
            // Seats that nobody paid for may be free by now.
            parties::tick(app, party_id).await?;
        } else {
            party.may_join(join, now)?;
        }
    }
    find(app, party_id).await?.may_join(&join, app.clock.now())?;
    Err(Error::internal(Code::Busy, "a join was refused again and again, each time for a reason that was gone"))
}

fn in_party(seat: Seat, party_id: Id<Party>) -> InParty {
    let order_name = seat.order_name.clone();
    InParty { order: seat.into_order(), party_id, order_name, own: true }
}

async fn answer(app: &App, party: Id<Party>, user: Id<User>, key: &Key<'_>) -> Result<Option<Seat>> {
    app.databases
        .look(
            party.shard(),
            |pool| async move { idempotency::find(&mut *pool.acquire().await?, party, user, key).await },
        )
        .await
}

/// One's own order.
pub async fn see(app: &App, viewer: Id<User>, id: Id<Order>) -> Result<InParty> {
    let party = find(app, party_of(app, id).await?).await?;
    owner_only(&party, id, viewer)?;
    taken(&party, id, viewer)
}

async fn party_of(app: &App, id: Id<Order>) -> Result<Id<Party>> {
    let found = app
        .databases
        .look(id.shard(), |pool| async move { stored::of_order(&mut *pool.acquire().await?, id).await })
        .await?;
    found.ok_or_else(|| Code::NotFound.into())
}

/// Payment and complaint are the owner's alone.
fn taken(party: &Party, id: Id<Order>, viewer: Id<User>) -> Result<InParty> {
    let order = party.order(id)?.clone();
    let own = order.user_id == viewer;
    Ok(InParty { order, party_id: party.id, order_name: party.order_name().to_owned(), own })
}

/// Others are not even told that the order exists.
fn owner_or_host(party: &Party, id: Id<Order>, user: Id<User>) -> Result<()> {
    let known = party.order(id)?.user_id == user || party.host_id == user;
    if known { Ok(()) } else { Err(Code::NotFound.into()) }
}

fn owner_only(party: &Party, id: Id<Order>, user: Id<User>) -> Result<()> {
    owner_or_host(party, id, user)?;
    if party.order(id)?.user_id == user { Ok(()) } else { Err(Code::NotTheOwner.into()) }
}

fn host_only(party: &Party, id: Id<Order>, user: Id<User>) -> Result<()> {
    owner_or_host(party, id, user)?;
    party.must_be_host(user)
}

pub async fn change_items(
    app: &App,
    user: Id<User>,
    id: Id<Order>,
    items: Vec<Item>,
    expected: &Expected,
) -> Result<InParty> {
    on(app, user, id, owner_only, expected, |party, at| {
        let items = item::check(items.clone(), "/items", user != party.host_id)?;
        party.change_items(id, items, at)
    })
    .await
}

/// The owner leaves, or the host sends him away and says why.
pub async fn end(
    app: &App,
    user: Id<User>,
    id: Id<Order>,
    reason: Option<&str>,
    expected: &Expected,
) -> Result<InParty> {
    on(app, user, id, owner_or_host, expected, |party, at| {
        if party.order(id)?.user_id == user { party.leave(id, at) } else { party.kick(id, reason, at) }
    })
    .await
}

pub async fn pick_up(app: &App, user: Id<User>, id: Id<Order>, expected: &Expected) -> Result<InParty> {
    on(app, user, id, owner_or_host, expected, |party, _| party.pick_up(id, user)).await
}

pub async fn no_show(app: &App, user: Id<User>, id: Id<Order>, expected: &Expected) -> Result<InParty> {
    on(app, user, id, host_only, expected, |party, at| party.no_show(id, at.now)).await
}

pub async fn transfer_sent(app: &App, user: Id<User>, id: Id<Order>, expected: &Expected) -> Result<InParty> {
    on(app, user, id, owner_only, expected, |party, at| party.transfer_sent(id, at.now)).await
}

pub async fn transfer_received(app: &App, user: Id<User>, id: Id<Order>, expected: &Expected) -> Result<InParty> {
    on(app, user, id, host_only, expected, |party, _| party.transfer_received(id)).await
}

pub async fn transfer_disputed(app: &App, user: Id<User>, id: Id<Order>, expected: &Expected) -> Result<InParty> {
    on(app, user, id, host_only, expected, |party, at| party.transfer_disputed(id, at.now)).await
}

/// What a guest complains about.
#[derive(Clone, Debug)]
pub struct Complaint {
    pub kind: DisputeKind,
    pub note: Option<String>,
    pub amount_krw: Option<Krw>,
}

pub async fn dispute(
    app: &App,
    user: Id<User>,
    id: Id<Order>,
    complaint: Complaint,
    expected: &Expected,
) -> Result<InParty> {
    let Complaint { kind, note, amount_krw } = complaint;
    on(app, user, id, owner_only, expected, |party, at| party.dispute(id, kind, note.as_deref(), amount_krw, at)).await
}

/// A command on an order, by one who may give it, in the version that is expected, if one is.
async fn on(
    app: &App,
    user: Id<User>,
    id: Id<Order>,
    who: fn(&Party, Id<Order>, Id<User>) -> Result<()>,
    expected: &Expected,
    change: impl Fn(&mut Party, &At) -> Result<()>,
) -> Result<InParty> {
    let change = |party: &mut Party, at: &At| {
        who(party, id, user)?;
        let version = party.order(id)?.version;
        meant(party, expected, version, |party| change(party, at))
    };
    let party = command(app, party_of(app, id).await?, change).await?;
    taken(&party, id, user)
}

/// A command of an operator's on an order.
pub(super) async fn by_operator(
    app: &App,
    id: Id<Order>,
    change: impl Fn(&mut Party, &At) -> Result<()>,
) -> Result<Party> {
    command(app, party_of(app, id).await?, change).await
}
