//! Two at one party, step by step: one has it locked and changed, the other waits for it; whoever comes second sees all that
//! the first has done.

use std::sync::Arc;

use nbbang::app::orders::{self, Joined};
use nbbang::app::{Expected, Key, parties as using};
use nbbang::domain::At;
use nbbang::domain::error::{Code, Result};
use nbbang::domain::id::Id;
use nbbang::domain::money::Krw;
use nbbang::domain::order::{Order, OrderState};
use nbbang::domain::party::{Join, Party};
use nbbang::domain::user::User;
use nbbang::domain::wordlist::WordList;
use nbbang::storage::{orders as stored_orders, parties};
use serde_json::{Value, json};
use time::Duration;
use tokio::task::JoinHandle;

use crate::crowd::{begin, joins, meal, opens, people, somebody, waiters};
use crate::person::{draft, transfer_draft};
use crate::world::{World, world};

/// A party in which somebody changes something at the very moment at which others want something of it.
struct Scene {
    world: Arc<World>,
    host: Id<User>,
    party: Id<Party>,
}

impl Scene {
    async fn of(world: Arc<World>, draft: Value) -> Self {
        let host = somebody(&world, "host").await;
        let party = opens(&world, host, draft).await;
        Self { world, host, party }
    }

    /// The first has locked and changed the party; the second waits for him, and then goes on. What the second is told.
    async fn second<T: Send + 'static>(
        &self,
        first: impl FnOnce(&mut Party, &At) -> Result<()>,
        second: JoinHandle<T>,
        held: Held,
    ) -> T {
        let Held(mut tx, mut locked) = held;
        waiters(&self.world, self.party, 1, || second.is_finished()).await;
        let app = &self.world.app;
        let mint = || app.ids.try_next(self.party.shard());
        let at = At { now: app.clock.now(), mint: &mint };
        first(&mut locked.party, &at).unwrap();
        assert!(parties::save(&mut tx, &mut locked, &at).await.unwrap());
        tx.commit().await.unwrap();
        second.await.unwrap()
    }

    async fn hold(&self) -> Held {
        let mut tx = begin(&self.world, self.party).await;
        let locked = parties::lock(&mut tx, self.party).await.unwrap();
        Held(tx, locked)
    }

    fn joining(&self, user: Id<User>, price_krw: i64) -> JoinHandle<Result<Joined>> {
        let (world, party) = (Arc::clone(&self.world), self.party);
        tokio::spawn(async move { joins(&world, user, party, price_krw).await })
    }

    async fn now(&self) -> Party {
        crate::crowd::party(&self.world, self.party).await
    }

    async fn order_of(&self, user: Id<User>) -> Order {
        self.now().await.orders.iter().rfind(|order| order.user_id == user).unwrap().clone()
    }
}

struct Held(nbbang::storage::tx::Tx, parties::Locked);

fn edit(change: Value) -> impl FnOnce(&mut Party, &At) -> Result<()> {
    move |party, at| party.edit(serde_json::from_value(change).unwrap(), &WordList::default(), at.now)
}

#[tokio::test]
async fn a_guest_who_waits_for_an_edit_is_promised_what_is_true_after_it() {
    world(|world| async move {
        let scene = Scene::of(Arc::clone(&world), draft(&json!({}))).await;
        for (name, change, cap) in [
            ("juno", json!({"fee_tiers": [{"from_krw": 0, "fee_krw": 9_000}]}), 4_500),
            ("sena", json!({"min_members": 3}), 3_000),
            ("hana", json!({"split": "proportional", "min_order_krw": 20_000}), 3_600),
            ("dojin", json!({"split": "host_pays"}), 0),
        ] {
            let guest = somebody(&world, name).await;
            let held = scene.hold().await;
            let joined = scene.second(edit(change), scene.joining(guest, 8_000), held).await.unwrap();
            assert_eq!(joined.order.order.fee_cap_krw, Some(Krw::new(cap)), "{name}");
            let order = scene.order_of(guest).await;
            assert_eq!(order.fee_cap_krw, Some(scene.now().await.terms.tariff.cap(order.food_krw)), "{name}");
            assert_eq!(order.payments[0].amount_krw, Krw::new(8_000 + cap), "{name}");
            // The terms are free again.
            orders::end(&world.app, guest, order.id, None, &Expected::default()).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn an_amount_that_an_edit_makes_too_small_is_refused() {
    world(|world| async move {
        let scene = Scene::of(Arc::clone(&world), draft(&json!({}))).await;
        let guest = somebody(&world, "juno").await;
        let held = scene.hold().await;
        let told = scene.second(edit(json!({"split": "host_pays"})), scene.joining(guest, 150), held).await;
        assert_eq!(told.err().map(|error| error.code), Some(Code::AmountTooSmall));
    })
    .await;
}

#[tokio::test]
async fn a_hold_that_runs_out_meanwhile_counts() {
    world(|world| async move {
        let late = nbbang::app::clock::real() + Duration::hours(20);
        let late = late.format(&time::format_description::well_known::Rfc3339).unwrap();
        let scene = Scene::of(Arc::clone(&world), draft(&json!({"deadline_at": late}))).await;
        let guest = somebody(&world, "juno").await;
        for _ in 0..2 {
            joins(&world, guest, scene.party, 8_000).await.unwrap();
            world.pass(301).await;
        }
        joins(&world, guest, scene.party, 8_000).await.unwrap();
        world.moves_clocks(301).await;
        let held = scene.hold().await;
        let told = scene.second(nbbang::domain::party::Party::tick, scene.joining(guest, 8_000), held).await;
        assert_eq!(told.err().map(|error| error.code), Some(Code::TooManyHolds));
        let expired = scene.now().await.orders.iter().filter(|order| order.state == OrderState::Expired).count();
        assert_eq!(expired, 3);
    })
    .await;
}

#[tokio::test]
async fn a_seat_that_was_just_cut_and_a_lock_are_seen() {
    world(|world| async move {
        let scene = Scene::of(Arc::clone(&world), transfer_draft(&json!({"capacity": 3}))).await;
        let guests = people(&world, "guest", 2).await;
        joins(&world, guests[0], scene.party, 8_000).await.unwrap();

        let held = scene.hold().await;
        let told = scene.second(edit(json!({"capacity": 2})), scene.joining(guests[1], 8_000), held).await;
        assert_eq!(told.err().map(|error| error.code), Some(Code::PartyFull));

        using::edit(
            &world.app,
            scene.host,
            scene.party,
            serde_json::from_value(json!({"capacity": 3})).unwrap(),
            &Expected(None),
        )
        .await
        .unwrap();
        let held = scene.hold().await;
        let told = scene.second(Party::lock, scene.joining(guests[1], 8_000), held).await.err().unwrap();
        assert_eq!((told.code, told.more.state), (Code::PartyNotOpen, Some("locked")));
        assert_eq!(scene.now().await.quote.unwrap().shares.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn nothing_slips_past_the_quote() {
    world(|world| async move {
        let scene = Scene::of(Arc::clone(&world), transfer_draft(&json!({}))).await;
        let guest = somebody(&world, "juno").await;
        let order = joins(&world, guest, scene.party, 8_000).await.unwrap().order.order.id;
        let held = scene.hold().await;
        let app = Arc::clone(&world.app);
        let eats =
            tokio::spawn(async move { orders::change_items(&app, guest, order, meal(9_000), &Expected(None)).await });
        let told = scene.second(Party::lock, eats, held).await;
        assert_eq!(told.err().map(|error| error.code), Some(Code::PartyNotOpen));
        let party = scene.now().await;
        assert_eq!(party.quote.as_ref().unwrap().food_total_krw, Krw::new(18_000));
        assert_eq!(party.food_total(), Krw::new(18_000));

        let held = scene.hold().await;
        let app = Arc::clone(&world.app);
        let leaves = tokio::spawn(async move { orders::end(&app, guest, order, None, &Expected::default()).await });
        let cancel = |party: &mut Party, at: &At| party.cancel(nbbang::domain::party::CancelReason::Host, at);
        let told = scene.second(cancel, leaves, held).await;
        assert_eq!(told.err().map(|error| error.code), Some(Code::PartyNotOpen));
    })
    .await;
}

#[tokio::test]
async fn a_join_under_way_is_seen_by_an_edit_and_by_the_lock() {
    world(|world| async move {
        let scene = Scene::of(Arc::clone(&world), transfer_draft(&json!({}))).await;
        let guests = people(&world, "guest", 2).await;

        let tx = scene.seat_under_way(guests[0]).await;
        let (app, host, party) = (Arc::clone(&world.app), scene.host, scene.party);
        let dearer = serde_json::from_value(json!({"fee_tiers": [{"from_krw": 0, "fee_krw": 9_000}]})).unwrap();
        let edits = tokio::spawn(async move { using::edit(&app, host, party, dearer, &Expected(None)).await });
        waiters(&world, party, 1, || edits.is_finished()).await;
        tx.commit().await.unwrap();
        assert_eq!(edits.await.unwrap().err().map(|error| error.code), Some(Code::TermsFrozen));

        let tx = scene.seat_under_way(guests[1]).await;
        let app = Arc::clone(&world.app);
        let locks = tokio::spawn(async move { using::lock(&app, host, party, &Expected::default()).await });
        waiters(&world, party, 1, || locks.is_finished()).await;
        tx.commit().await.unwrap();
        let room = locks.await.unwrap().unwrap();
        assert_eq!(room.party.quote.unwrap().shares.len(), 3);
    })
    .await;
}

impl Scene {
    /// A seat that is taken and not yet committed.
    async fn seat_under_way(&self, user: Id<User>) -> nbbang::storage::tx::Tx {
        let mut tx = begin(&self.world, self.party).await;
        let app = &self.world.app;
        let id = || app.ids.try_next(self.party.shard()).unwrap();
        let join = Join { user_id: user, blocked: Vec::new(), items: meal(8_000) };
        let key = crate::person::fresh_key();
        let key = Key { route: "test", key: &key, fingerprint: b"" };
        let ids = (Id::from_raw(id()), Id::from_raw(id()));
        assert!(stored_orders::join(&mut tx, self.party, &join, ids, &key, app.clock.now()).await.unwrap().is_some());
        tx
    }
}

#[tokio::test]
async fn of_two_who_keep_apart_one_gets_in() {
    world(|world| async move {
        let scene = Scene::of(Arc::clone(&world), transfer_draft(&json!({}))).await;
        let [juno, sena] = [somebody(&world, "juno").await, somebody(&world, "sena").await];
        nbbang::app::users::block(&world.app, juno, sena).await.unwrap();
        let Held(tx, _) = scene.hold().await;
        let (one, other) = (scene.joining(juno, 8_000), scene.joining(sena, 8_000));
        waiters(&world, scene.party, 2, || one.is_finished() || other.is_finished()).await;
        drop(tx);
        let told = [one.await.unwrap(), other.await.unwrap()];
        let codes: Vec<_> = told.iter().map(|told| told.as_ref().err().map(|error| error.code)).collect();
        assert!(codes == [None, Some(Code::NotFound)] || codes == [Some(Code::NotFound), None], "{codes:?}");
        assert_eq!(scene.now().await.guests().count(), 1);
    })
    .await;
}
