//! Reading through the cache, over HTTP: a hit asks no database, what was written shows at once in every process, blocks
//! count for what is cached, and a cache full of lies changes nothing that decides.

use std::sync::Arc;

use nbbang::app::App;
use nbbang::domain::id::Id;
use nbbang::domain::party::Party;
use nbbang::storage::cache::CacheKey;
use serde_json::{Value, json};

use crate::person::{Person, draft, food, id};
use crate::redis::Redis;
use crate::world::{World, config, world_with};

/// A world with a Redis that nobody else has.
async fn cached_world<F: Future<Output = ()>>(test: impl FnOnce(Arc<World>, Arc<Redis>) -> F) {
    let redis = Arc::new(Redis::start().await);
    let (url, tested) = (redis.url(), Arc::clone(&redis));
    world_with(|config| config.storage.redis_url = Some(url.into()), |world| test(world, tested)).await;
    // It lives as long as the world does.
    drop(redis);
}

fn party_key(party: &str) -> CacheKey {
    CacheKey::Party(Id::parse(party).unwrap())
}

fn user_id<T>(person: &Person) -> Id<T> {
    Id::parse(&person.id).unwrap()
}

/// Past all commands: nobody is told.
async fn title(world: &World, party: &str, title: &str) {
    let id = Id::<Party>::parse(party).unwrap();
    let pool = world.app.databases.party(id.shard()).unwrap();
    let changed = sqlx::query("update parties set title = $2 where id = $1").bind(id.raw()).bind(title);
    assert_eq!(changed.execute(&*pool).await.unwrap().rows_affected(), 1);
}

#[tokio::test]
async fn a_hit_asks_no_database_and_a_command_shows_at_once() {
    cached_world(|world, _redis| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let party = mina.opens(draft(&json!({"title": "처음 이름"}))).await;
        let path = format!("/v1/parties/{party}");
        let first = juno.get(&path).await;
        title(&world, &party, "몰래 바꾼 이름").await;
        let again = juno.get(&path).await;
        assert_eq!((again.status, &again.text), (200, &first.text), "this is what was cached");
        assert_eq!(again.header("content-type"), "application/json");
        assert_eq!(again.header("etag"), first.header("etag"));
        let unchanged = juno.request("GET", &path).header("If-None-Match", again.header("etag")).send().await.unwrap();
        assert_eq!(unchanged.status(), 304);

        juno.joins(&party, food(9_000)).await.expect(201);
        let joined = juno.get(&path).await.expect(200);
        assert_eq!((&joined["title"], &joined["seats_taken"]), (&json!("몰래 바꾼 이름"), &json!(2)));
        mina.patch(&path, json!({"title": "새 이름"})).await.expect(200);
        assert_eq!(juno.get(&path).await.expect(200)["title"], "새 이름");
        // The clock's doing shows too: the seat that nobody paid for.
        world.pass(400).await;
        assert_eq!(juno.get(&path).await.expect(200)["seats_taken"], 1);
        mina.cancels(&party, "host").await.expect(200);
        assert_eq!(juno.get(&path).await.expect(200)["state"], "cancelled");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_shows_at_once_however_many_read_meanwhile() {
    cached_world(|world, _redis| async move {
        let mina = world.person("mina").await;
        let party = mina.opens(draft(&json!({}))).await;
        let path = format!("/v1/parties/{party}");
        let mut readers = tokio::task::JoinSet::new();
        for number in 0..6 {
            let (reader, path) = (world.person(&format!("reader-{number}")).await, path.clone());
            readers.spawn(async move {
                loop {
                    reader.get(&path).await.expect(200);
                }
            });
        }
        for number in 0..60 {
            let title = format!("이름 {number}");
            mina.patch(&path, json!({ "title": title })).await.expect(200);
            assert_eq!(mina.get(&path).await.expect(200)["title"], title);
        }
        readers.shutdown().await;
    })
    .await;
}

#[tokio::test]
async fn payments_and_refunds_show_at_once() {
    cached_world(|world, _redis| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let party = mina.opens(draft(&json!({}))).await;
        let path = format!("/v1/parties/{party}");
        let members = async || juno.get(&path).await.expect(200)["member_count"].clone();
        let shown = async || juno.get(&path).await.expect(200)["version"].clone();
        assert_eq!(members().await, 1);
        let order = juno.joins(&party, food(9_000)).await.expect(201);
        juno.pays(&order["payment"]).await.expect(200);
        assert_eq!(members().await, 2);
        juno.delete(&format!("/v1/orders/{}", id(&order))).await.expect(200);
        assert_eq!(members().await, 1);
        world.pass(5).await;
        assert_eq!(shown().await, mina.room(&party).await["version"]);
    })
    .await;
}

#[tokio::test]
async fn what_another_process_writes_shows_at_once() {
    cached_world(|world, redis| async move {
        let mut settings = config(&world.urls, &world.simulator);
        settings.storage.redis_url = Some(redis.url().into());
        let other = App::start(settings).await.unwrap();
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let party = mina.opens(draft(&json!({}))).await;
        let path = format!("/v1/parties/{party}");
        let profile = format!("/v1/users/{}", mina.id);
        let edit = |title: &str| serde_json::from_value(json!({ "title": title })).unwrap();
        for name in ["하나씩", "둘이서", "셋이서"] {
            juno.get(&path).await.expect(200);
            juno.get(&profile).await.expect(200);
            let party_id = Id::parse(&party).unwrap();
            let anyhow = nbbang::app::Expected(None);
            nbbang::app::parties::edit(&other, user_id(&mina), party_id, edit(name), &anyhow).await.unwrap();
            assert_eq!(juno.get(&path).await.expect(200)["title"], name);
            mina.patch("/v1/me", json!({ "nickname": name })).await.expect(200);
            assert_eq!(juno.get(&profile).await.expect(200)["nickname"], name);
        }
        other.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_block_counts_at_once_for_what_is_cached_already() {
    cached_world(|world, _redis| async move {
        let (mina, juno, sora) = (world.person("mina").await, world.person("juno").await, world.person("sora").await);
        let party = mina.opens(draft(&json!({}))).await;
        sora.joins_and_pays(&party, food(9_000)).await;
        let paths = [format!("/v1/parties/{party}"), format!("/v1/users/{}", mina.id)];
        let sees = async |person: &Person| [person.get(&paths[0]).await.status, person.get(&paths[1]).await.status];
        for _ in 0..2 {
            assert_eq!(sees(&juno).await, [200, 200]);
            mina.put(&format!("/v1/me/blocks/{}", juno.id), Value::Null).await.expect(204);
            assert_eq!(sees(&juno).await, [404, 404]);
            assert_eq!(sees(&sora).await, [200, 200], "the others see what they saw");
            mina.delete(&format!("/v1/me/blocks/{}", juno.id)).await.expect(204);
        }
        juno.put(&format!("/v1/me/blocks/{}", sora.id), Value::Null).await.expect(204);
        assert_eq!(
            sees(&juno).await,
            [404, 200],
            "a guest counts as the host does, and who blocks still sees profiles"
        );
        mina.put(&format!("/v1/me/blocks/{}", sora.id), Value::Null).await.expect(204);
        assert_eq!(sees(&sora).await, [200, 404], "who is in it sees the party");
    })
    .await;
}

#[tokio::test]
async fn a_party_that_was_looked_for_too_early_is_found_when_it_is_there() {
    cached_world(|world, redis| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let party = mina.opens(draft(&json!({}))).await;
        let path = format!("/v1/parties/{party}");
        let nobody = Id::<Party>::from_raw(Id::<Party>::parse(&party).unwrap().raw() + (1 << 23));
        let nowhere = format!("/v1/parties/{nobody}");
        assert_eq!((juno.get(&path).await.status, juno.get(&nowhere).await.status), (200, 404));
        let known: i64 = redis.ask(&["EXISTS", &CacheKey::Party(nobody).text(), &party_key(&party).text()]).await;
        assert_eq!(known, 2);
    })
    .await;
}

/// As when a process dies between its commit and its forgetting: nobody is told but the outbox.
#[tokio::test]
async fn what_a_dead_process_has_not_forgotten_the_outbox_does() {
    cached_world(|world, _redis| async move {
        let mut settings = config(&world.urls, &world.simulator);
        settings.storage.redis_url = None;
        let deaf = App::start(settings).await.unwrap();
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let party = mina.opens(draft(&json!({}))).await;
        world.settle().await;
        let path = format!("/v1/parties/{party}");
        juno.get(&path).await.expect(200);
        let edit = serde_json::from_value(json!({"title": "새 이름"})).unwrap();
        let anyhow = nbbang::app::Expected(None);
        let party_id = Id::parse(&party).unwrap();
        nbbang::app::parties::edit(&deaf, user_id(&mina), party_id, edit, &anyhow).await.unwrap();
        assert_ne!(juno.get(&path).await.expect(200)["title"], "새 이름", "it was cached");
        world.settle().await;
        assert_eq!(juno.get(&path).await.expect(200)["title"], "새 이름");
        deaf.stop().await;
    })
    .await;
}

/// Fills every key of these people and parties with what lies under the others', or with garbage.
struct Poison {
    redis: Arc<Redis>,
    keys: Vec<String>,
    lies: Vec<Vec<u8>>,
}

impl Poison {
    /// What is true of another party and of somebody whom everybody blocks.
    async fn brew(world: &World, redis: Arc<Redis>) -> Self {
        let (sora, hana) = (world.person("sora").await, world.person("hana").await);
        let other = sora.opens(draft(&json!({"title": "다른 파티", "capacity": 2}))).await;
        hana.joins_and_pays(&other, food(9_000)).await;
        for number in 0..5 {
            let person = world.person(&format!("blocked-{number}")).await;
            sora.put(&format!("/v1/me/blocks/{}", person.id), Value::Null).await.expect(204);
        }
        sora.get(&format!("/v1/parties/{other}")).await.expect(200);
        hana.get(&format!("/v1/users/{}", sora.id)).await.expect(200);
        let there = [party_key(&other), CacheKey::Profile(user_id(&sora)), CacheKey::Blocks(user_id(&sora))];
        let mut lies = vec![b"garbage".to_vec(), vec![1; 30]];
        for key in there {
            lies.push(redis.ask(&["GET", &key.text()]).await);
        }
        Self { redis, keys: Vec::new(), lies }
    }

    async fn spread(&self, drop: usize) {
        for (number, key) in self.keys.iter().enumerate() {
            self.redis.set(key, &self.lies[(number + drop) % self.lies.len()]).await;
        }
    }
}

#[tokio::test]
async fn under_a_cache_full_of_lies_join_pay_and_refund_do_the_same() {
    cached_world(|world, redis| async move {
        let mut poison = Poison::brew(&world, redis).await;
        let truth = story(&world, "a", &mut poison, None).await;
        for drop in 0..poison.lies.len() {
            let told = story(&world, &format!("p{drop}"), &mut poison, Some(drop)).await;
            assert_eq!(told, truth, "lies from {drop} on");
        }
    })
    .await;
}

/// Two join, a third finds no seat, both pay, one leaves, the host cancels: every status, state and amount.
async fn story(world: &World, names: &str, poison: &mut Poison, drop: Option<usize>) -> Vec<String> {
    let mut people = Vec::new();
    for name in ["mina", "juno", "dana", "yuna"] {
        people.push(world.person(&format!("{name}-{names}")).await);
    }
    let [mina, juno, dana, yuna] = <[Person; 4]>::try_from(people).ok().unwrap();
    let party = mina.opens(draft(&json!({"capacity": 3}))).await;
    poison.keys = [&mina, &juno, &dana, &yuna]
        .into_iter()
        .flat_map(|person| [CacheKey::Profile(user_id(person)), CacheKey::Blocks(user_id(person))])
        .chain([party_key(&party)])
        .map(|key| key.text())
        .collect();
    let poison = &*poison;
    let lie = async || {
        if let Some(drop) = drop {
            poison.spread(drop).await;
        }
    };
    let mut told = Vec::new();
    let seat = |answer: &crate::person::Answer| {
        let body = &answer.body;
        format!("{} {} {} {}", answer.status, body["code"], body["state"], body["payment"]["amount_krw"])
    };
    lie().await;
    let first = juno.joins(&party, food(9_000)).await;
    lie().await;
    let second = dana.joins(&party, food(8_000)).await;
    lie().await;
    let third = yuna.joins(&party, food(7_000)).await;
    told.extend([&first, &second, &third].map(&seat));
    for (person, answer) in [(&juno, &first), (&dana, &second)] {
        lie().await;
        let paid = person.pays(&answer.body["payment"]).await;
        told.push(format!("{} {}", paid.status, paid.body["state"]));
    }
    lie().await;
    let left = juno.delete(&format!("/v1/orders/{}", id(&first.body))).await;
    told.push(format!("{} {}", left.status, left.body["state"]));
    lie().await;
    world.pass(2).await;
    lie().await;
    let quote = dana.get(&format!("/v1/parties/{party}/quote")).await;
    told.push(format!("{} {}", quote.status, quote.body["fee_krw"]));
    let cancelled = mina.cancels(&party, "host").await;
    told.push(format!("{} {}", cancelled.status, cancelled.body["party"]["state"]));
    lie().await;
    for _ in 0..3 {
        world.pass(2).await;
    }
    for (person, answer) in [(&juno, &first), (&dana, &second)] {
        let payment = person.get(&format!("/v1/payments/{}", answer.body["payment"]["id"].as_str().unwrap())).await;
        told.push(format!("{} {} {}", payment.status, payment.body["state"], payment.body["refunded_krw"]));
    }
    told
}
