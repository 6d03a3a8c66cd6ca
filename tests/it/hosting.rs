//! Hosting slots: a host has one party at a time, whatever happens at once or dies half-way; and everybody's list of his own
//! parties ends right in whatever order the news comes.

use std::sync::Arc;

use nbbang::app::Expected;
use nbbang::domain::id::Id;
use nbbang::domain::listing::Summary;
use nbbang::domain::party::Party;
use nbbang::domain::user::User;
use nbbang::jobs;
use nbbang::storage::{hosting, my_parties};
use serde_json::{Value, json};
use time::Duration;

use crate::crowd::{at_once, joins, opens, people, place, somebody};
use crate::person::{Answer, Person, draft, food, fresh_key, id, transfer_draft};
use crate::world::{World, world};

async fn slots(world: &World, host: &str) -> i64 {
    let count = sqlx::query_scalar("select count(*) from hosting where user_id = $1");
    count.bind(host.parse::<i64>().unwrap()).fetch_one(&*world.app.databases.main()).await.unwrap()
}

async fn opens_many(mina: &Arc<Person>, count: usize) -> Vec<Answer> {
    let drafts = (0..count).map(|n| (Arc::clone(mina), draft(&json!({"pickup": place(n)})))).collect();
    let opened = at_once(count, drafts, |(mina, draft)| async move { mina.post("/v1/parties", draft).await });
    opened.await.into_iter().map(|done| done.answer).collect()
}

/// The one that was opened; all others were told that he hosts one already.
fn the_one(answers: Vec<Answer>) -> String {
    let (opened, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
    assert_eq!(opened.len(), 1);
    for answer in refused {
        assert_eq!(answer.code(409), "already_hosting");
    }
    id(&opened[0].body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_parties_opened_at_once_there_is_one_and_after_its_end_the_next() {
    world(|world| async move {
        let (mina, juno) = (Arc::new(world.person("mina").await), world.person("juno").await);
        for round in 0..4 {
            // Nobody has told the news of the last party's end.
            let party = the_one(opens_many(&mina, 20).await);
            assert_eq!(slots(&world, &mina.id).await, 1);
            if round % 2 == 0 {
                mina.cancels(&party, "host").await.expect(200);
            } else {
                let order = juno.joins_and_pays(&party, food(9_000)).await;
                mina.does(&party, "lock").await.expect(200);
                mina.places(&party, 23_000).await.expect(200);
                mina.does(&party, "arrival").await.expect(200);
                juno.put(&format!("/v1/orders/{order}/pickup"), Value::Null).await.expect(200);
                assert_eq!(mina.room(&party).await["state"], "completed");
            }
        }
        world.settle().await;
        assert_eq!(slots(&world, &mina.id).await, 0);
    })
    .await;
}

/// A reservation whose party was never made.
async fn reserves(world: &World, host: &str, party: Id<Party>) {
    let mut main = world.app.databases.main().acquire().await.unwrap();
    let until = world.app.clock.now() + Duration::minutes(2);
    assert!(hosting::reserve(&mut main, Id::parse(host).unwrap(), party, 1, until).await.unwrap());
}

#[tokio::test]
async fn a_reservation_without_a_party_ends_by_itself() {
    world(|world| async move {
        let mina = world.person("mina").await;
        let never_made = Id::from_raw(world.app.ids.next(nbbang::domain::id::Shard::of_hash(1)).await.unwrap());
        reserves(&world, &mina.id, never_made).await;
        assert_eq!(mina.post("/v1/parties", draft(&json!({}))).await.code(409), "already_hosting");
        world.moves_clocks(121).await;
        let party = mina.opens(draft(&json!({}))).await;
        mina.cancels(&party, "host").await.expect(200);
        world.settle().await;

        reserves(&world, &mina.id, never_made).await;
        jobs::tidy(Arc::clone(&world.app)).await.unwrap();
        assert_eq!(slots(&world, &mina.id).await, 1, "its time is not over");
        world.moves_clocks(121).await;
        jobs::tidy(Arc::clone(&world.app)).await.unwrap();
        assert_eq!(slots(&world, &mina.id).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_command_that_is_tried_again_late_has_its_time_anew() {
    world(|world| async move {
        let mina = world.person("mina").await;
        let party = Id::from_raw(world.app.ids.next(nbbang::domain::id::Shard::of_hash(1)).await.unwrap());
        reserves(&world, &mina.id, party).await;
        // It died, and is tried again when the reservation is over and nobody has looked after it yet.
        world.moves_clocks(121).await;
        reserves(&world, &mina.id, party).await;
        jobs::tidy(Arc::clone(&world.app)).await.unwrap();
        let mut main = world.app.databases.main().acquire().await.unwrap();
        // Nor does one take it away who had seen that its time was over.
        hosting::give_up(&mut main, party, world.app.clock.now()).await.unwrap();
        assert_eq!(slots(&world, &mina.id).await, 1, "the party that is being made keeps its slot");
        hosting::confirm(&mut main, &[party]).await.unwrap();
        reserves(&world, &mina.id, party).await;
        let over = hosting::over(&mut main, world.app.clock.now() + Duration::hours(1), 10).await.unwrap();
        assert_eq!(over, [], "a party that is made has no end of its reservation");
        hosting::release(&mut main, &[party]).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_slot_that_was_reserved_for_a_party_that_lives_is_confirmed_by_whoever_looks() {
    world(|world| async move {
        let mina = world.person("mina").await;
        let party = mina.opens(draft(&json!({}))).await;
        // No news was passed on in time.
        world.moves_clocks(121).await;
        assert_eq!(mina.post("/v1/parties", draft(&json!({}))).await.code(409), "already_hosting");
        jobs::tidy(Arc::clone(&world.app)).await.unwrap();
        assert_eq!(slots(&world, &mina.id).await, 1);
        mina.cancels(&party, "host").await.expect(200);
    })
    .await;
}

/// The list of one's own parties as it is kept.
async fn list(world: &World, user: Id<User>) -> Vec<(i64, Summary)> {
    let mut main = world.app.databases.main().acquire().await.unwrap();
    let rows = my_parties::list(&mut main, user, None, None, 100).await.unwrap();
    rows.into_iter().map(|summary| (summary.party_id.raw(), summary)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn lists_of_ones_own_parties_end_right_though_many_pass_on_the_news_at_once() {
    world(|world| async move {
        let hosts = people(&world, "host", 6).await;
        let guests = people(&world, "guest", 8).await;
        let mut parties = Vec::new();
        for (n, host) in hosts.iter().enumerate() {
            parties.push(opens(&world, *host, transfer_draft(&json!({"pickup": place(n)}))).await);
        }
        let relays: Vec<_> = (0..4)
            .map(|_| {
                let app = Arc::clone(&world.app);
                tokio::spawn(async move {
                    for _ in 0..60 {
                        nbbang::app::relay::relay(&app, 3).await.unwrap();
                    }
                })
            })
            .collect();
        let mut commands = Vec::new();
        for guest in &guests {
            commands.extend(parties.iter().map(|party| (Arc::clone(&world), *guest, *party)));
        }
        at_once(12, commands, |(world, guest, party)| async move {
            if let Ok(joined) = joins(&world, guest, party, 8_000).await
                && guest.raw() % 2 == 0
            {
                nbbang::app::orders::end(&world.app, guest, joined.order.order.id, None, &Expected::default())
                    .await
                    .unwrap();
            }
        })
        .await;
        for (host, party) in hosts.iter().zip(&parties).take(3) {
            let reason = nbbang::domain::party::CancelReason::Host;
            nbbang::app::parties::cancel(&world.app, *host, *party, reason, &Expected::default()).await.unwrap();
        }
        for relay in relays {
            relay.await.unwrap();
        }
        world.settle().await;

        for party in &parties {
            for copy in copies(&world, *party).await {
                let listed = list(&world, copy.user).await;
                assert_eq!(listed.iter().find(|(id, _)| *id == party.raw()), Some(&(party.raw(), copy.summary)));
            }
        }
        for (n, host) in hosts.iter().enumerate() {
            assert_eq!(slots(&world, &host.to_string()).await, i64::from(n >= 3));
        }
    })
    .await;
}

async fn copies(world: &World, party: Id<Party>) -> Vec<my_parties::Copy> {
    let pool = world.app.databases.party(party.shard()).unwrap();
    my_parties::of(&mut pool.acquire().await.unwrap(), &[party]).await.unwrap()
}

#[tokio::test]
async fn old_news_that_comes_late_changes_nothing() {
    world(|world| async move {
        let host = somebody(&world, "host").await;
        let party = opens(&world, host, transfer_draft(&json!({}))).await;
        let old = copies(&world, party).await;
        let reason = nbbang::domain::party::CancelReason::Host;
        nbbang::app::parties::cancel(&world.app, host, party, reason, &Expected::default()).await.unwrap();
        world.settle().await;
        let listed = list(&world, host).await;
        let mut main = world.app.databases.main().acquire().await.unwrap();
        my_parties::save(&mut main, &old).await.unwrap();
        hosting::confirm(&mut main, &[party]).await.unwrap();
        assert_eq!(list(&world, host).await, listed);
        assert_eq!(slots(&world, &host.to_string()).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_repeated_command_takes_no_slot_for_a_party_that_has_ended() {
    world(|world| async move {
        let mina = world.person("mina").await;
        let (key, terms) = (fresh_key(), draft(&json!({})));
        let party = id(&mina.post_as(&key, "/v1/parties", terms.clone()).await.expect(201));
        mina.cancels(&party, "host").await.expect(200);
        world.settle().await;
        assert_eq!(id(&mina.post_as(&key, "/v1/parties", terms).await.expect(201)), party);
        assert_eq!(slots(&world, &mina.id).await, 0);
        mina.opens(draft(&json!({}))).await;
    })
    .await;
}
