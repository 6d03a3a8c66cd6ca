//! Following a party: every step in its order and once, to its members alone, over several processes.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use nbbang::app::App;
use nbbang::config::Config;
use serde_json::{Value, json};

use crate::person::{Person, draft, food, id, transfer_draft};
use crate::stream::{Frame, Stream};
use crate::world::{World, world, world_with};

impl Person {
    pub async fn says(&self, party: &str, text: &str) -> Value {
        let key = nbbang::app::random().to_string();
        let body = json!({"text": text, "client_key": key});
        self.post(&format!("/v1/parties/{party}/messages"), body).await.expect(201)
    }
}

fn told(frames: &[Frame]) -> Vec<String> {
    frames.iter().map(Frame::told).collect()
}

async fn take(stream: &mut Stream, count: usize) -> Vec<Frame> {
    let mut frames = Vec::new();
    while frames.len() < count {
        frames.push(stream.next().await.expect("the stream has ended"));
    }
    frames
}

/// Another process's server on the same databases, if need be without Redis.
pub async fn another(world: &World, change: impl FnOnce(&mut Config)) -> (Arc<App>, String) {
    let mut config = world.app.config.clone();
    let store = &mut config.app_store;
    store.root_certs.clear();
    (store.bundle_id, store.api_base_url, store.api_key_id) = (None, None, None);
    (store.api_issuer_id, store.api_key_file) = (None, None);
    change(&mut config);
    let app = App::start(config).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(nbbang::http::serve(Arc::clone(&app), listener).unwrap());
    (app, base)
}

#[tokio::test]
async fn a_party_is_followed_from_its_first_step_to_its_last() {
    world(|world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let party = mina.opens(draft(&json!({}))).await;
        let mut hers = Stream::open(&mina, &party, None).await;
        let order = juno.joins(&party, food(8_000)).await.expect(201);
        juno.pays(&order["payment"]).await.expect(200);
        let mut his = Stream::open(&juno, &party, Some(0)).await;
        mina.says(&party, "3번 출구 앞이요").await;
        mina.does(&party, "lock").await.expect(200);
        mina.places(&party, 21_500).await.expect(200);
        mina.does(&party, "arrival").await.expect(200);
        juno.put(&format!("/v1/orders/{}/pickup", id(&order)), Value::Null).await.expect(200);
        world.settle().await;

        let hers = take(&mut hers, 9).await;
        let seqs: Vec<i64> = hers.iter().map(|frame| frame.seq).collect();
        assert_eq!(seqs, (2..=10).collect::<Vec<_>>());
        let expected = [
            "seat_held",
            // The payment is begun: nobody else's business.
            "",
            "joined",
            "3번 출구 앞이요",
            "locked",
            "placed",
            "arrived",
            "picked_up completed",
            "",
        ];
        assert_eq!(told(&hers), expected);
        // What comes before his membership is not his to see, the payment that began it is.
        let his = take(&mut his, 7).await;
        assert_eq!(his[0].told(), "paid joined");
        assert_eq!(his[0].data["events"][0]["amount_krw"], order["payment"]["amount_krw"]);
        assert_eq!(told(&his[1..4]), ["3번 출구 앞이요", "locked", "placed"]);
        assert_eq!(his[5].told(), "picked_up refund_requested completed");
        let versions = hers.iter().filter_map(|frame| frame.data["version"].as_i64()).collect::<Vec<_>>();
        assert_eq!(versions, (2..=9).collect::<Vec<_>>(), "no version is left out");
    })
    .await;
}

#[tokio::test]
async fn who_comes_again_gets_what_he_has_missed() {
    world(|world| async move {
        let mina = world.person("mina").await;
        let party = mina.opens(transfer_draft(&json!({}))).await;
        let mut stream = Stream::open(&mina, &party, None).await;
        mina.says(&party, "하나").await;
        let first = stream.next().await.unwrap();
        drop(stream);
        for text in ["둘", "셋", "넷"] {
            mina.says(&party, text).await;
        }
        let mut stream = Stream::open(&mina, &party, Some(first.seq)).await;
        assert_eq!(told(&take(&mut stream, 3).await), ["둘", "셋", "넷"]);
        mina.says(&party, "다섯").await;
        assert_eq!(stream.next().await.unwrap().told(), "다섯");
        // More than one page of the database, and more than may wait.
        for n in 0..600 {
            mina.says(&party, &n.to_string()).await;
        }
        drop(stream);
        let mut stream = Stream::open(&mina, &party, Some(6)).await;
        let expected: Vec<String> = (0..600).map(|n| n.to_string()).collect();
        assert_eq!(told(&take(&mut stream, 600).await), expected);
        // What is not there yet is no place to go on from.
        let mut ahead = Stream::open(&mina, &party, Some(1_000_000)).await;
        ahead.last_id = None;
        mina.says(&party, "끝").await;
        assert_eq!(ahead.next().await.unwrap().told(), "끝");
        for bad in ["x", "-1", "99999999999", ""] {
            let request = mina.request("GET", &format!("/v1/parties/{party}/events")).header("last-event-id", bad);
            assert_eq!(request.send().await.unwrap().status(), 422, "{bad}");
        }
    })
    .await;
}

#[tokio::test]
async fn nobody_but_a_member_follows() {
    world(|world| async move {
        let (mina, juno, sena) = (world.person("mina").await, world.person("juno").await, world.person("sena").await);
        let party = mina.opens(draft(&json!({}))).await;
        let path = format!("/v1/parties/{party}/events");
        assert_eq!(juno.get(&path).await.code(403), "not_a_member");
        juno.joins(&party, food(8_000)).await.expect(201);
        assert_eq!(juno.get(&path).await.code(403), "not_a_member", "a seat that is only held");
        mina.put(&format!("/v1/me/blocks/{}", sena.id), Value::Null).await.expect(204);
        assert_eq!(sena.get(&path).await.code(404), "not_found");
        assert_eq!(sena.get("/v1/parties/1/events").await.code(404), "not_found");
    })
    .await;
}

#[tokio::test]
async fn who_leaves_or_is_sent_away_sees_that_last() {
    world(|world| async move {
        let (mina, juno, sena) = (world.person("mina").await, world.person("juno").await, world.person("sena").await);
        let party = mina.opens(transfer_draft(&json!({}))).await;
        let left = id(&juno.joins(&party, food(8_000)).await.expect(201));
        let kicked = id(&sena.joins(&party, food(8_000)).await.expect(201));
        let (his, theirs) = (Stream::open(&juno, &party, None).await, Stream::open(&sena, &party, None).await);
        juno.delete(&format!("/v1/orders/{left}")).await.expect(200);
        mina.says(&party, "이제 우리뿐").await;
        mina.delete(&format!("/v1/orders/{kicked}?reason=late")).await.expect(200);
        mina.says(&party, "혼자").await;
        assert_eq!(told(&his.rest().await), ["left"]);
        assert_eq!(told(&theirs.rest().await), ["left", "이제 우리뿐", "kicked"]);
        // One who has come back sees nothing of the time between.
        let seat = juno.joins(&party, food(8_000)).await.expect(201);
        let mut again = Stream::open(&juno, &party, Some(3)).await;
        let frame = again.next().await.unwrap();
        assert_eq!((frame.told().as_str(), &frame.data["version"]), ("joined", &seat["version"]));
    })
    .await;
}

#[tokio::test]
async fn who_may_not_ask_any_more_is_cut_off() {
    world(|world| async move {
        let (mina, juno, olga) = (world.person("mina").await, world.person("juno").await, world.operator("olga").await);
        let party = mina.opens(transfer_draft(&json!({}))).await;
        juno.joins(&party, food(8_000)).await.expect(201);
        let (hers, his) = (Stream::open(&mina, &party, None).await, Stream::open(&juno, &party, None).await);
        olga.put(&format!("/v1/admin/users/{}/suspension", juno.id), json!({"note": "x"})).await.expect(200);
        assert_eq!(told(&his.rest().await), Vec::<String>::new());
        mina.delete("/v1/sessions/current").await.expect(204);
        assert_eq!(told(&hers.rest().await), Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn a_token_that_ends_ends_the_stream() {
    world(|world| async move {
        let mut mina = world.person("mina").await;
        let party = mina.opens(transfer_draft(&json!({}))).await;
        let now = nbbang::app::clock::real();
        let access = world.app.keys.verify(&mina.token, now).unwrap();
        let almost = now - time::Duration::minutes(15) + time::Duration::seconds(3);
        mina.token = world.app.keys.sign(access.user_id, access.session_id, almost).unwrap();
        assert_eq!(Stream::open(&mina, &party, None).await.rest().await, []);
    })
    .await;
}

#[tokio::test]
async fn who_is_blocked_is_not_heard_any_more() {
    world(|world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let party = mina.opens(transfer_draft(&json!({}))).await;
        juno.joins(&party, food(8_000)).await.expect(201);
        let (mut hers, mut his) = (Stream::open(&mina, &party, None).await, Stream::open(&juno, &party, None).await);
        juno.says(&party, "들려요?").await;
        assert_eq!(hers.next().await.unwrap().told(), "들려요?");
        assert_eq!(his.next().await.unwrap().told(), "들려요?");
        juno.put(&format!("/v1/me/blocks/{}", mina.id), Value::Null).await.expect(204);
        // What the other says from here on is heard by himself alone.
        mina.says(&party, "네").await;
        juno.says(&party, "혼잣말").await;
        assert_eq!(hers.next().await.unwrap().told(), "네");
        assert_eq!(his.next().await.unwrap().told(), "혼잣말");
        juno.delete(&format!("/v1/me/blocks/{}", mina.id)).await.expect(204);
        mina.says(&party, "다시").await;
        assert_eq!(hers.next().await.unwrap().told(), "다시");
        assert_eq!(his.next().await.unwrap().told(), "다시");
    })
    .await;
}

#[tokio::test]
async fn silence_is_told() {
    world_with(
        |config| config.patience.silence = Duration::from_millis(50),
        |world| async move {
            let mina = world.person("mina").await;
            let party = mina.opens(transfer_draft(&json!({}))).await;
            let mut stream = Stream::open(&mina, &party, None).await;
            stream.comment().await;
            stream.comment().await;
            mina.says(&party, "아직").await;
            assert_eq!(stream.next().await.unwrap().told(), "아직");
        },
    )
    .await;
}

#[tokio::test]
async fn other_processes_are_heard_with_redis_and_without() {
    world(|world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let party = mina.opens(transfer_draft(&json!({}))).await;
        juno.joins(&party, food(8_000)).await.expect(201);
        let (_with, with) = another(&world, |_| ()).await;
        let (_without, without) = another(&world, |config| config.storage.redis_url = None).await;
        let there = async |base: &str| Person::sign_in(&world.client, base, &world.simulator, "juno").await;
        let (with, without) = (there(&with).await, there(&without).await);
        let mut streams = [Stream::open(&with, &party, None).await, Stream::open(&without, &party, None).await];
        for text in ["하나", "둘"] {
            mina.says(&party, text).await;
            for stream in &mut streams {
                assert_eq!(stream.next().await.unwrap().told(), text);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_process_that_stops_ends_its_streams_and_another_goes_on() {
    world(|world| async move {
        let mina = world.person("mina").await;
        let party = mina.opens(transfer_draft(&json!({}))).await;
        let (app, base) = another(&world, |_| ()).await;
        let there = Person::sign_in(&world.client, &base, &world.simulator, "mina").await;
        let mut stream = Stream::open(&there, &party, None).await;
        mina.says(&party, "하나").await;
        let last = stream.next().await.unwrap().seq;
        app.events.close();
        assert_eq!(stream.rest().await, []);
        let refused = there.get(&format!("/v1/parties/{party}/events")).await;
        assert_eq!(refused.code(503), "busy");
        mina.says(&party, "둘").await;
        let mut stream = Stream::open(&mina, &party, Some(last)).await;
        assert_eq!(stream.next().await.unwrap().told(), "둘");
        app.stop().await;
    })
    .await;
}
