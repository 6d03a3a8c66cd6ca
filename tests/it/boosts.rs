//! Boosts at work: one lifts a party once, whoever tries how often, whatever dies half-way; and the search shows it.

use futures_util::future::join_all;
use nbbang::domain::id::Id;
use nbbang::storage::cache::CacheKey;
use serde_json::{Value, json};

use crate::person::{Person, draft, id};
use crate::world::{World, world};

const SEARCH: &str = "/v1/parties?lat=37.4981&lng=127.0276&radius_m=3000";

fn at(lat: f64, lng: f64) -> Value {
    draft(&json!({"pickup": {"lat": lat, "lng": lng, "label": "정문"}}))
}

async fn found(who: &Person, path: &str) -> (Vec<(String, bool)>, Option<String>) {
    let page = who.get(path).await.expect(200);
    let items = page["items"].as_array().unwrap().iter();
    let items = items.map(|item| (id(item), item["boosted"].as_bool().unwrap())).collect();
    (items, page["next_cursor"].as_str().map(str::to_owned))
}

async fn boosts(who: &Person, party: &str) -> crate::person::Answer {
    who.put(&format!("/v1/parties/{party}/boost"), Value::Null).await
}

async fn is_boosted(who: &Person, party: &str) -> bool {
    who.get(&format!("/v1/parties/{party}")).await.expect(200)["boosted"].as_bool().unwrap()
}

const SPENT: &str = "select count(*) from boosts where returned_at is null";

#[tokio::test]
async fn a_boost_lifts_a_party_for_half_an_hour_and_is_spent_once() {
    world(|world| async move {
        let (mina, juno, sena) = (world.person("mina").await, world.person("juno").await, world.person("sena").await);
        let near = mina.opens(at(37.4981, 127.0276)).await;
        let far = juno.opens(at(37.5130, 127.0276)).await;
        assert_eq!(boosts(&juno, &far).await.code(409), "no_boosts");
        juno.buys(&world, "boost_1").await;
        assert_eq!(boosts(&juno, &near).await.code(403), "not_the_host");
        assert!(!is_boosted(&sena, &far).await);
        let unlifted = [(near.clone(), false), (far.clone(), false)];
        assert_eq!(found(&sena, SEARCH).await.0, unlifted);

        let before = juno.room(&far).await["version"].as_i64().unwrap();
        let room = boosts(&juno, &far).await.expect(200);
        assert_eq!((&room["boosted"], room["version"].as_i64().unwrap()), (&json!(true), before + 1));
        assert!(is_boosted(&sena, &far).await, "what was cached is forgotten");
        assert_eq!(found(&sena, SEARCH).await.0, [(far.clone(), true), (near.clone(), false)]);
        assert_eq!(juno.boosts().await, 0);
        boosts(&juno, &far).await.expect(200);
        world.moves_clocks(29 * 60).await;
        assert_eq!(boosts(&juno, &far).await.expect(200)["boosted"], true);
        assert_eq!((juno.boosts().await, world.count_of(SPENT).await), (0, 1));

        world.moves_clocks(61).await;
        // Cached views live for some seconds of the real clock, which stood still here.
        world.app.cache.forget(&[CacheKey::Party(Id::parse(&far).unwrap())]).await;
        assert_eq!(found(&sena, SEARCH).await.0, unlifted, "before any job has looked");
        world.settle().await;
        assert!(!is_boosted(&sena, &far).await);
        assert_eq!(juno.room(&far).await["version"], before + 2);
        assert_eq!(boosts(&juno, &far).await.code(409), "no_boosts");
        juno.buys(&world, "boost_5").await;
        boosts(&juno, &far).await.expect(200);
        assert_eq!(juno.boosts().await, 4);

        juno.cancels(&far, "host").await.expect(200);
        assert!(!is_boosted(&sena, &far).await);
        assert_eq!(boosts(&juno, &far).await.code(409), "party_not_open");
        assert_eq!(juno.boosts().await, 4);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_tries_at_once_spend_one() {
    world(|world| async move {
        let mina = world.person("mina").await;
        mina.buys(&world, "boost_5").await;
        let party = mina.opens(draft(&json!({}))).await;
        for answer in join_all((0..100).map(|_| boosts(&mina, &party))).await {
            assert_eq!(answer.expect(200)["boosted"], true);
        }
        assert_eq!((mina.boosts().await, world.count_of(SPENT).await), (4, 1));
        assert_eq!(world.count_of("select count(*) from boosts where applied_at is not null").await, 1);
    })
    .await;
}

/// Two parties of one host, one boost.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_last_boost_lifts_one_of_two_parties() {
    world(|world| async move {
        let mina = world.person("mina").await;
        mina.buys(&world, "plus_monthly").await;
        mina.buys(&world, "boost_1").await;
        let parties = [mina.opens(draft(&json!({}))).await, mina.opens(draft(&json!({}))).await];
        let answers = join_all((0..20).map(|n| boosts(&mina, &parties[n % 2]))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 10);
        for answer in answers.into_iter().filter(|answer| answer.status != 200) {
            assert_eq!(answer.code(409), "no_boosts");
        }
        assert_eq!((mina.boosts().await, world.count_of(SPENT).await), (0, 1));
    })
    .await;
}

#[tokio::test]
async fn a_refund_of_what_is_spent_leaves_less_than_nothing() {
    world(|world| async move {
        let mina = world.person("mina").await;
        let purchase = json!({
            "product_id": "boost_1", "app_account_token": mina.account_token().await, "transaction_id": "2000000000000001",
        });
        mina.hands_in(&world.mints(purchase.clone()).await).await.expect(200);
        let party = mina.opens(draft(&json!({}))).await;
        boosts(&mina, &party).await.expect(200);
        world.moment().await;
        world.notifies("REFUND", None, &purchase).await;
        assert_eq!(mina.boosts().await, -1);
        assert!(is_boosted(&mina, &party).await, "what is done is done");
        world.moves_clocks(30 * 60).await;
        mina.buys(&world, "boost_1").await;
        assert_eq!(boosts(&mina, &party).await.code(409), "no_boosts");
        world.notifies("REFUND_REVERSED", None, &purchase).await;
        assert_eq!(mina.boosts().await, 1);
        boosts(&mina, &party).await.expect(200);
    })
    .await;
}

/// A boost begins and another ends between two pages: every party is on one of them, once.
#[tokio::test]
async fn pages_go_on_as_they_began() {
    world(|world| async move {
        let mut hosts = Vec::new();
        for (n, lat) in [37.4981, 37.5000, 37.5020, 37.5040, 37.5060, 37.5080].into_iter().enumerate() {
            let host = world.person(&format!("host{n}")).await;
            host.buys(&world, "boost_1").await;
            let party = host.opens(at(lat, 127.0276)).await;
            hosts.push((host, party));
        }
        for n in [5, 3, 4] {
            boosts(&hosts[n].0, &hosts[n].1).await.expect(200);
        }
        world.moves_clocks(25 * 60).await;
        let sena = world.person("sena").await;
        let (mut all, mut cursor) = (Vec::new(), None);
        for page in 0..6 {
            let after = cursor.map(|cursor: String| format!("&cursor={cursor}")).unwrap_or_default();
            let (items, next) = found(&sena, &format!("{SEARCH}&limit=1{after}")).await;
            all.extend(items.into_iter().map(|(party, _)| party));
            cursor = next;
            if page == 1 {
                // The lifted ones fall back, and one that was not lifted rises.
                world.pass(10 * 60).await;
                boosts(&hosts[2].0, &hosts[2].1).await.expect(200);
            }
        }
        let expected: Vec<&String> = [3, 4, 5, 0, 1, 2].map(|n| &hosts[n].1).into_iter().collect();
        assert_eq!(all.iter().collect::<Vec<_>>(), expected);
        assert_eq!(cursor, None);
        let anew: Vec<String> = found(&sena, SEARCH).await.0.into_iter().map(|(party, _)| party).collect();
        assert_eq!(anew.iter().collect::<Vec<_>>(), [2, 0, 1, 3, 4, 5].map(|n| &hosts[n].1));
    })
    .await;
}

#[tokio::test]
async fn more_lifted_parties_than_a_page_holds_come_nearest_first() {
    world(|world| async move {
        let mut opened = Vec::new();
        for n in 0..14_u32 {
            let host = world.person(&format!("host{n}")).await;
            host.buys(&world, "boost_1").await;
            let party = host.opens(at(37.4981 + f64::from(n % 7) * 0.002, 127.0276)).await;
            if n % 7 != 0 {
                boosts(&host, &party).await.expect(200);
            }
            opened.push(party);
        }
        let sena = world.person("sena").await;
        let whole: Vec<String> =
            found(&sena, &format!("{SEARCH}&limit=100")).await.0.into_iter().map(|(party, _)| party).collect();
        assert_eq!(whole.len(), 14);
        assert_eq!(whole[12..], [opened[0].clone(), opened[7].clone()]);
        for limit in [1, 5, 12, 13] {
            let (mut all, mut cursor) = (Vec::new(), Some(String::new()));
            while let Some(after) = cursor {
                let after = if after.is_empty() { after } else { format!("&cursor={after}") };
                let (items, next) = found(&sena, &format!("{SEARCH}&limit={limit}{after}")).await;
                all.extend(items.into_iter().map(|(party, _)| party));
                cursor = next;
            }
            assert_eq!(all, whole, "{limit}");
        }
    })
    .await;
}

#[cfg(feature = "stop-points")]
mod crashes {
    use super::*;
    use crate::server::Server;

    /// Boosts a party by a server that dies of it.
    async fn dies_of(world: &World, stop_point: &str, who: &Person, party: &str) {
        let server = Server::start(world, &format!("{stop_point}=return"), false).await;
        let request = world.client.put(format!("{}/v1/parties/{party}/boost", server.base)).bearer_auth(&who.token);
        assert!(request.send().await.is_err(), "{stop_point}");
        assert!(!server.dies().await.success(), "{stop_point}");
    }

    async fn pending(world: &World) -> i64 {
        world.count_of("select count(*) from boosts where applied_at is null and returned_at is null").await
    }

    #[tokio::test]
    async fn boosting_survives() {
        world(|world| async move {
            for stop_point in ["boost.spent", "boost.lifted"] {
                for tries_again in [true, false] {
                    let mina = world.person(&format!("{}-{tries_again}", stop_point.replace('.', "-"))).await;
                    mina.buys(&world, "boost_5").await;
                    let party = mina.opens(draft(&json!({}))).await;
                    dies_of(&world, stop_point, &mina, &party).await;
                    assert_eq!((mina.boosts().await, pending(&world).await), (4, 1), "{stop_point}");
                    if tries_again {
                        boosts(&mina, &party).await.expect(200);
                    }
                    world.pass(20).await;
                    assert_eq!((mina.boosts().await, pending(&world).await), (4, 0), "{stop_point}");
                    assert!(is_boosted(&mina, &party).await, "{stop_point}");
                    boosts(&mina, &party).await.expect(200);
                    assert_eq!(mina.boosts().await, 4, "{stop_point}");
                }
            }
        })
        .await;
    }

    #[tokio::test]
    async fn a_boost_that_can_lift_nothing_any_more_is_given_back() {
        world(|world| async move {
            for (name, is_cancelled) in [("mina", true), ("juno", false)] {
                let host = world.person(name).await;
                host.buys(&world, "boost_1").await;
                let party = host.opens(draft(&json!({}))).await;
                dies_of(&world, "boost.spent", &host, &party).await;
                assert_eq!(host.boosts().await, 0);
                if is_cancelled {
                    host.cancels(&party, "host").await.expect(200);
                    world.pass(20).await;
                } else {
                    world.pass(31 * 60).await;
                }
                assert_eq!((host.boosts().await, pending(&world).await), (1, 0), "{name}");
                assert!(!is_boosted(&host, &party).await, "{name}");
            }
        })
        .await;
    }

    /// It was lifted before the crash, and has ended since: that is no reason to give it back.
    #[tokio::test]
    async fn a_boost_that_has_done_its_work_stays_spent() {
        world(|world| async move {
            let mina = world.person("mina").await;
            mina.buys(&world, "boost_1").await;
            let party = mina.opens(draft(&json!({}))).await;
            dies_of(&world, "boost.lifted", &mina, &party).await;
            mina.cancels(&party, "host").await.expect(200);
            world.pass(31 * 60).await;
            assert_eq!((mina.boosts().await, pending(&world).await), (0, 0));
        })
        .await;
    }
}
