//! The server and PostgreSQL are killed, restarted and cut off under load: what was acknowledged is kept, and all goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::cluster::Cluster;
use crate::crowd::long;
use crate::network::Network;
use crate::person::{Answer, Person, draft, food, fresh_key, id};
use crate::server::Server;
use crate::world::{World, world};

/// Nothing here takes that long, however slow the machine.
const AT_MOST: Duration = Duration::from_mins(10);

/// What all clients share.
struct Load {
    /// Where the server is at present.
    base: ArcSwap<String>,
    /// How many commands were acknowledged.
    acknowledged: AtomicU64,
    /// How many times a client was told 503.
    unavailable: AtomicU64,
    over: watch::Receiver<bool>,
    client: reqwest::Client,
}

/// One guest's way that was acknowledged step by step.
struct Done {
    guest: Arc<Person>,
    order: String,
}

impl Load {
    /// Says the same until it is acknowledged, whatever comes between. While a server is there it refuses in no other way
    /// than 503, as a problem.
    async fn insists(&self, who: &Person, method: &str, path: &str, body: &Value) -> Answer {
        let key = fresh_key();
        loop {
            let request = who.request(method, path).header("Idempotency-Key", &key).json(body).build().unwrap();
            if let Some(answer) = self.hears(request).await {
                return answer;
            }
        }
    }

    async fn looks(&self, who: &Person, path: &str) -> Answer {
        loop {
            if let Some(answer) = self.hears(who.request("GET", path).build().unwrap()).await {
                return answer;
            }
        }
    }

    /// None if it has to be said again.
    async fn hears(&self, mut request: reqwest::Request) -> Option<Answer> {
        let now = reqwest::Url::parse(&self.base.load()).unwrap();
        request.url_mut().set_port(now.port()).unwrap();
        let sent = tokio::time::timeout(Duration::from_mins(1), self.client.execute(request)).await;
        let Ok(sent) = sent.expect("an answer") else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            return None;
        };
        let (status, headers) = (sent.status().as_u16(), sent.headers().clone());
        // The connection may end in the middle of the body.
        let Ok(text) = sent.text().await else { return None };
        match status {
            503 => {
                let is_problem = headers.get("content-type").is_some_and(|kind| kind == "application/problem+json");
                assert!(is_problem && headers.contains_key("retry-after"), "{headers:?} {text}");
                self.unavailable.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(50)).await;
                None
            }
            409 if text.contains("request_in_progress") => {
                tokio::time::sleep(Duration::from_millis(50)).await;
                None
            }
            _ => {
                assert!(status < 500, "{status} {text}");
                self.acknowledged.fetch_add(1, Ordering::SeqCst);
                let body = serde_json::from_str(&text).unwrap_or(Value::Null);
                Some(Answer { status, headers, body, text })
            }
        }
    }

    /// A host and a guest: a party, a seat that is paid, and the party is cancelled; until it is over.
    async fn plays(self: Arc<Self>, world: Arc<World>, host: Person, guest: Person) -> Vec<Done> {
        let (mut done, guest) = (Vec::new(), Arc::new(guest));
        while !*self.over.borrow() {
            let deadline = (world.app.clock.now() + time::Duration::hours(3)).format(&Rfc3339).unwrap();
            let opened = self.insists(&host, "POST", "/v1/parties", &draft(&json!({"deadline_at": deadline}))).await;
            let party = id(&opened.expect(201));
            let joined = self
                .insists(&guest, "POST", &format!("/v1/parties/{party}/orders"), &json!({"items": food(8_000)}))
                .await;
            let order = joined.expect(201);
            let payment = &order["payment"];
            let payment_key = guest.authorizes(payment, "card").await;
            let path = format!("/v1/payments/{}", payment["id"].as_str().unwrap());
            let body = json!({"payment_key": payment_key, "amount_krw": payment["amount_krw"]});
            let paid = self.insists(&guest, "POST", &format!("{path}/confirmation"), &body).await;
            assert!([200, 202].contains(&paid.status), "{paid:?}");
            while self.looks(&guest, &path).await.expect(200)["state"] == "confirming" {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            assert_eq!(self.looks(&guest, &path).await.expect(200)["state"], "paid");
            let ended = self
                .insists(&host, "PUT", &format!("/v1/parties/{party}/cancellation"), &json!({"reason": "host"}))
                .await;
            // Said twice when the first answer was lost.
            assert!(ended.status == 200 || ended.body["state"] == "cancelled", "{ended:?}");
            done.push(Done { guest: Arc::clone(&guest), order: id(&order) });
        }
        done
    }

    async fn until(&self, counter: &AtomicU64, more: u64) {
        let goal = counter.load(Ordering::SeqCst) + more;
        let reached = async {
            while counter.load(Ordering::SeqCst) < goal {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(AT_MOST, reached).await.expect("it does not go on");
    }
}

/// Clients at work, and what stops them.
struct Play {
    load: Arc<Load>,
    clients: JoinSet<Vec<Done>>,
    end: watch::Sender<bool>,
}

impl Play {
    async fn begin(world: &Arc<World>, clients: usize, base: &str) -> Self {
        let (end, over) = watch::channel(false);
        let load = Load {
            base: ArcSwap::from_pointee(base.to_owned()),
            acknowledged: 0.into(),
            unavailable: 0.into(),
            over,
            client: world.client.clone(),
        };
        let mut play = Self { load: Arc::new(load), clients: JoinSet::new(), end };
        for n in 0..clients {
            let (host, guest) = (world.person(&format!("host{n}")).await, world.person(&format!("guest{n}")).await);
            play.clients.spawn(Arc::clone(&play.load).plays(Arc::clone(world), host, guest));
        }
        play
    }

    /// Every client ends the round that it is in; then everything that was acknowledged must be there.
    async fn ends(mut self, world: &Arc<World>) {
        self.end.send(true).unwrap();
        let mut rounds = 0;
        let all = async {
            let mut all = Vec::new();
            while let Some(done) = self.clients.join_next().await {
                all.extend(done.unwrap());
            }
            all
        };
        let all = tokio::time::timeout(AT_MOST, all).await.expect("somebody waits for ever");
        for seconds in [10, 45, 45, 5] {
            world.pass(seconds).await;
        }
        for Done { guest, order } in all {
            let order = guest.order(&order).await;
            let won = (order["state"].as_str(), order["paid_krw"].as_i64(), order["refunded_krw"].as_i64());
            assert_eq!(won, (Some("cancelled"), Some(10_000), Some(10_000)), "{order}");
            rounds += 1;
        }
        let load = &self.load;
        let (acknowledged, unavailable) = (&load.acknowledged, &load.unavailable);
        eprintln!("{rounds} rounds, {acknowledged:?} acknowledged, {unavailable:?} times 503");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_is_killed_again_and_again_loses_nothing() {
    let (clients, kills) = if long() { (64, 200) } else { (8, 5) };
    world(|world| async move {
        let mut server = Server::start(&world, "", true).await;
        let play = Play::begin(&world, clients, &server.base).await;
        let mut slowest = Duration::ZERO;
        for _ in 0..kills {
            play.load.until(&play.load.acknowledged, clients as u64 * 2).await;
            // SIGKILL, and the next one takes over at once.
            drop(server);
            let begun = tokio::time::Instant::now();
            server = Server::start(&world, "", true).await;
            slowest = slowest.max(begun.elapsed());
            play.load.base.store(Arc::new(server.base.clone()));
            // What the dead one had in hand comes up again.
            world.moves_clocks(45).await;
        }
        play.load.until(&play.load.acknowledged, clients as u64 * 2).await;
        play.ends(&world).await;
        drop(server);
        eprintln!("{kills} kills; listening again after {slowest:?} at most");
    })
    .await;
}

/// Lets the clients play on a PostgreSQL of the test's own, with the jobs, while `harm` is done to it.
async fn with_postgres(harm: impl AsyncFn(&Cluster, &Network, &Load)) {
    let cluster = Cluster::start().await;
    let network = Network::to(&format!("127.0.0.1:{}", cluster.port)).await;
    let world = Arc::new(World::on(cluster.databases(network.address.port()).await, |_| ()).await);
    let (stop, stopped) = watch::channel(false);
    let jobs = tokio::spawn(nbbang::jobs::run(Arc::clone(&world.app), stopped));
    let clients = if long() { 64 } else { 6 };
    let play = Play::begin(&world, clients, &world.base).await;
    play.load.until(&play.load.acknowledged, 20).await;
    harm(&cluster, &network, &play.load).await;
    let begun = tokio::time::Instant::now();
    play.load.until(&play.load.acknowledged, clients as u64 * 2).await;
    eprintln!("at work again after {:?}", begun.elapsed());
    play.ends(&world).await;
    stop.send(true).unwrap();
    jobs.await.unwrap();
    world.settle().await;
    world.judge().await;
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn postgresql_is_restarted() {
    with_postgres(async |cluster, _, load| {
        for _ in 0..if long() { 20 } else { 2 } {
            cluster.stops();
            load.until(&load.unavailable, 10).await;
            cluster.starts().await;
            load.until(&load.acknowledged, 50).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn postgresql_is_killed() {
    with_postgres(async |cluster, _, load| {
        for _ in 0..if long() { 50 } else { 2 } {
            cluster.dies();
            load.until(&load.unavailable, 10).await;
            cluster.starts().await;
            load.until(&load.acknowledged, 50).await;
        }
    })
    .await;
}

/// It accepts connections and says nothing; and the connections that there were have lost their peer without a word.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn postgresql_falls_silent() {
    with_postgres(async |_, network, load| {
        network.blackhole();
        load.until(&load.unavailable, 20).await;
        if long() {
            tokio::time::sleep(Duration::from_mins(1)).await;
        }
        network.heals().await;
    })
    .await;
}
