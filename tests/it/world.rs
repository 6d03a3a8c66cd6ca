//! A world for one test: databases of its own, a simulator, a server, and people.

use std::collections::HashMap;
use std::future::Future;
use std::hash::{Hash, Hasher};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use nbbang::app::App;
use nbbang::config::{self, Config};
use nbbang::{http, jobs};
use nbbang_simulator::Simulator;
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};

use crate::person::{Answer, Person};

pub struct World {
    pub app: Arc<App>,
    pub base: String,
    pub simulator: String,
    pub client: reqwest::Client,
    pub urls: Urls,
}

/// Where this world's databases are.
#[derive(Clone)]
pub struct Urls {
    pub main: String,
    pub parties: [String; 2],
    /// With a database of its own, if the tests have a Redis at all.
    pub redis: Option<String>,
}

/// Runs a test in a new world, and judges the world afterwards: no news is left untold, the ledger sums to zero and agrees
/// with the provider's books.
pub async fn world<F: Future<Output = ()>>(test: impl FnOnce(Arc<World>) -> F) {
    world_with(|_| (), test).await;
}

/// As `world`, with settings changed.
pub async fn world_with<F: Future<Output = ()>>(change: impl FnOnce(&mut Config), test: impl FnOnce(Arc<World>) -> F) {
    let world = Arc::new(World::new(change).await);
    test(Arc::clone(&world)).await;
    world.settle().await;
    world.judge().await;
    world.end().await;
}

/// As `world`, where people are told things on their phones.
pub async fn world_with_phones<F: Future<Output = ()>>(test: impl FnOnce(Arc<World>) -> F) {
    // So that a service that hangs does not keep a test waiting.
    let patience = Duration::from_secs(3);
    let change = |config: &mut Config| config.patience.background = patience;
    let world = Arc::new(World::with(databases().await, true, change).await);
    test(Arc::clone(&world)).await;
    world.settle().await;
    world.judge().await;
    world.end().await;
}

impl World {
    async fn new(change: impl FnOnce(&mut Config)) -> Self {
        Self::on(databases().await, change).await
    }

    /// A world on databases of the test's own making.
    pub async fn on(urls: Urls, change: impl FnOnce(&mut Config)) -> Self {
        Self::with(urls, false, change).await
    }

    async fn with(urls: Urls, pushes: bool, change: impl FnOnce(&mut Config)) -> Self {
        let simulator = Simulator::bind("127.0.0.1:0", "http://127.0.0.1:9").await.unwrap();
        let simulator_url = format!("http://{}", simulator.address());
        tokio::spawn(simulator.run());
        let client = nbbang::upstream::client::http().unwrap();
        let mut config = config(&urls, &simulator_url);
        let mut files = sells(&mut config, &client, &simulator_url).await.to_vec();
        if pushes {
            files.extend(reaches_phones(&mut config, &client, &simulator_url).await);
        }
        change(&mut config);
        let app = App::start(config).await.unwrap();
        for file in files {
            std::fs::remove_file(file).unwrap();
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let server = http::serve(Arc::clone(&app), listener).unwrap();
        tokio::spawn(server);
        let world = Self { app, base, simulator: simulator_url, client, urls };
        world.sim("PUT", "/__sim/webhook-base", json!({"url": world.base})).await;
        world
    }

    pub async fn person(&self, handle: &str) -> Person {
        Person::sign_in(&self.client, &self.base, &self.simulator, handle).await
    }

    /// Moves the rules' clock, here and at the provider, and does what that makes due.
    pub async fn pass(&self, seconds: u32) {
        self.moves_clocks(seconds).await;
        self.settle().await;
    }

    /// Moves the clocks alone.
    pub async fn moves_clocks(&self, seconds: u32) {
        let body = json!({"advance_s": seconds});
        self.sim("POST", "/__sim/clock", body.clone()).await;
        let answer = self.client.post(format!("{}/v1/dev/clock", self.base)).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }

    /// Does everything that is due now.
    pub async fn settle(&self) {
        jobs::settle(&self.app).await.unwrap();
    }

    /// Asks the simulator's control for something.
    pub async fn sim(&self, method: &str, path: &str, body: Value) -> Value {
        let request = self.client.request(method.parse().unwrap(), format!("{}{path}", self.simulator));
        let answer = if body.is_null() { request.send().await } else { request.json(&body).send().await }.unwrap();
        assert!(answer.status().is_success(), "{path}: {answer:?}");
        let text = answer.text().await.unwrap();
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    pub async fn fault(&self, fault: Value) {
        self.sim("POST", "/__sim/faults", fault).await;
    }

    /// What the provider has captured and given back, by payment id.
    pub async fn truth(&self) -> HashMap<i64, i64> {
        let truth = self.sim("GET", "/__sim/toss/truth", Value::Null).await;
        let mut net = HashMap::new();
        for row in truth["orders"].as_array().unwrap() {
            let (payment, _) = row["provider_order_id"].as_str().unwrap().split_once('-').unwrap();
            let held = row["captured_krw"].as_i64().unwrap() - row["refunded_krw"].as_i64().unwrap();
            *net.entry(payment.parse().unwrap()).or_default() += held;
        }
        net
    }

    /// Whether our books agree with themselves and with the provider's.
    pub async fn judge(&self) {
        let mut ours: HashMap<i64, i64> = HashMap::new();
        for url in &self.urls.parties {
            let mut db = PgConnection::connect(url).await.unwrap();
            let untold: i64 = one(&mut db, "select count(*) from outbox where relayed_at is null").await;
            assert_eq!(untold, 0, "news is left untold");
            let unbalanced: i64 = one(
                &mut db,
                "select count(*) from (select 1 from ledger group by transaction_id having sum(amount_krw) <> 0) x",
            )
            .await;
            assert_eq!(unbalanced, 0, "the ledger does not sum to zero");
            let overfull: i64 = one(&mut db, "select count(*) from parties where seats_taken > capacity").await;
            assert_eq!(overfull, 0, "a party is overfull");
            let wrong: i64 = one(
                &mut db,
                "select count(*) from parties p where row(p.seats_taken, p.member_count, p.food_total_krw)::text <> (
                    select row(
                        count(*) filter (where state in ('held', 'joined', 'confirmed', 'picked_up', 'no_show')),
                        count(*) filter (where state in ('joined', 'confirmed', 'picked_up', 'no_show')),
                        coalesce(sum(food_krw) filter (where state in ('joined', 'confirmed', 'picked_up', 'no_show')), 0)::bigint)::text
                    from orders o where o.party_id = p.id)",
            )
            .await;
            assert_eq!(wrong, 0, "a party's counts are not those of its orders");
            let rows: Vec<(i64, i64)> = sqlx::query_as(
                "select payment_id, sum(amount_krw)::bigint from (
                    select source_id as payment_id, amount_krw from ledger where account = 'provider' and kind = 'capture'
                    union all
                    select r.payment_id, l.amount_krw from ledger l join refunds r on r.id = l.source_id
                    where l.account = 'provider'
                ) x group by payment_id",
            )
            .fetch_all(&mut db)
            .await
            .unwrap();
            ours.extend(rows.into_iter().filter(|(_, held)| *held != 0));
            db.close().await.unwrap();
        }
        let mut theirs = self.truth().await;
        theirs.retain(|_, held| *held != 0);
        assert_eq!(ours, theirs, "the ledger and the provider's books differ");
    }

    async fn end(&self) {
        self.app.stop().await;
        let mut server = PgConnection::connect(&server_url()).await.unwrap();
        for url in std::iter::once(&self.urls.main).chain(&self.urls.parties) {
            let name = url.rsplit('/').next().unwrap();
            server.execute(sqlx::AssertSqlSafe(format!("drop database if exists {name} with (force)"))).await.unwrap();
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.client.get(format!("{}{path}", self.base)).send().await.unwrap()).await
    }
}

/// A file of the simulator's, of which only we may read.
pub async fn file(client: &reqwest::Client, simulator: &str, path: &str) -> PathBuf {
    let got = client.get(format!("{simulator}/__sim/{path}")).send().await.unwrap();
    let file = std::env::temp_dir().join(format!("nbbang-{}-{}", nbbang::app::random(), path.replace('/', "-")));
    std::fs::write(&file, got.bytes().await.unwrap()).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    file
}

/// The settings by which a process of its own reaches phones through the simulator, and the files that they name.
pub async fn phone_settings(world: &World) -> (Vec<(&'static str, String)>, [PathBuf; 2]) {
    let key = file(&world.client, &world.simulator, "apns/key.p8").await;
    let account = file(&world.client, &world.simulator, "fcm/service-account.json").await;
    let settings = vec![
        ("NBBANG_APNS_BASE_URL", format!("{}/apns", world.simulator)),
        ("NBBANG_APNS_KEY_ID", "SIMAPNS001".to_owned()),
        ("NBBANG_APNS_TEAM_ID", "SIMTEAM001".to_owned()),
        ("NBBANG_APNS_KEY_FILE", key.display().to_string()),
        ("NBBANG_APNS_TOPIC", "com.example.nbbang".to_owned()),
        ("NBBANG_FCM_BASE_URL", format!("{}/fcm", world.simulator)),
        ("NBBANG_FCM_CREDENTIALS_FILE", account.display().to_string()),
    ];
    (settings, [key, account])
}

/// The push services are the simulator's.
async fn reaches_phones(config: &mut Config, client: &reqwest::Client, simulator: &str) -> [PathBuf; 2] {
    let key = file(client, simulator, "apns/key.p8").await;
    let account = file(client, simulator, "fcm/service-account.json").await;
    config.apns = config::Apns {
        base_url: Some(format!("{simulator}/apns")),
        key_id: Some("SIMAPNS001".to_owned()),
        team_id: Some("SIMTEAM001".to_owned()),
        key_file: Some(key.clone()),
        topic: Some("com.example.nbbang".to_owned()),
    };
    config.fcm = config::Fcm { base_url: Some(format!("{simulator}/fcm")), credentials_file: Some(account.clone()) };
    [key, account]
}

/// Purchases are those of the simulator's App Store: the files with its root and with its key.
async fn sells(config: &mut Config, client: &reqwest::Client, simulator: &str) -> [PathBuf; 2] {
    let file = async |name: &str| file(client, simulator, &format!("app-store/{name}")).await;
    let [root, key] = [file("root.der").await, file("api-key.p8").await];
    config.app_store.root_certs = vec![root.clone()];
    config.app_store.api_base_url = Some(format!("{simulator}/app-store"));
    config.app_store.api_key_id = Some("SIMULATOR1".to_owned());
    config.app_store.api_issuer_id = Some("57246542-96fe-1a63-e053-0824d011072a".to_owned());
    config.app_store.api_key_file = Some(key.clone());
    config.app_store.bundle_id = Some("com.example.nbbang".to_owned());
    config.app_store.app_apple_id = Some(1_234_567_890);
    [root, key]
}

pub async fn one(db: &mut PgConnection, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(db).await.unwrap()
}

pub fn config(urls: &Urls, simulator: &str) -> Config {
    let mut env = HashMap::from([
        ("NBBANG_MODE", "dev".to_owned()),
        ("NBBANG_MAIN_DATABASE_URL", urls.main.clone()),
        ("NBBANG_PARTY_DATABASE_URLS", format!("party_a={},party_b={}", urls.parties[0], urls.parties[1])),
        ("NBBANG_TOSS_BASE_URL", format!("{simulator}/toss")),
        ("NBBANG_KAKAO_BASE_URL", format!("{simulator}/kakao")),
        ("NBBANG_APPLE_LOGIN_BASE_URL", format!("{simulator}/apple-login")),
        ("NBBANG_KAKAO_LOGIN_BASE_URL", format!("{simulator}/kakao-login")),
    ]);
    env.extend(urls.redis.clone().map(|url| ("NBBANG_REDIS_URL", url)));
    let names = env.keys().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    Config::read(&|name| env.get(name).cloned(), names).unwrap()
}

fn server_url() -> String {
    std::env::var("NBBANG_TEST_POSTGRES_URL").expect("tests need PostgreSQL; run them with bin/test")
}

/// Databases of one's own, cloned from migrated ones.
pub async fn databases() -> Urls {
    let server = server_url();
    let base = server.rsplit_once('/').unwrap().0.to_owned();
    let mut admin = PgConnection::connect(&server).await.unwrap();
    // One process at a time: a template in use cannot be cloned.
    admin.execute("select pg_advisory_lock(7014)").await.unwrap();
    let templates = templates(&mut admin, &base).await;
    let own = nbbang::app::random().simple().to_string();
    let mut urls = Vec::new();
    for (part, template) in ["main", "a", "b"].iter().zip(&templates) {
        let name = format!("t_{own}_{part}");
        admin.execute(sqlx::AssertSqlSafe(format!("create database {name} template {template}"))).await.unwrap();
        urls.push(format!("{base}/{name}"));
    }
    admin.execute("select pg_advisory_unlock(7014)").await.unwrap();
    let [main, a, b] = <[String; 3]>::try_from(urls).unwrap();
    Urls { main, parties: [a, b], redis: redis().await }
}

/// An empty database of one's own.
async fn redis() -> Option<String> {
    let server = std::env::var("NBBANG_TEST_REDIS_URL").ok()?;
    let mut first = redis::Client::open(&*server).unwrap().get_multiplexed_async_connection().await.unwrap();
    let (_, databases): (String, i64) =
        redis::cmd("CONFIG").arg("GET").arg("databases").query_async(&mut first).await.unwrap();
    let taken: i64 = redis::cmd("INCR").arg("worlds").query_async(&mut first).await.unwrap();
    let url = format!("{server}/{}", 1 + taken % (databases - 1));
    let mut own = redis::Client::open(&*url).unwrap().get_multiplexed_async_connection().await.unwrap();
    redis::cmd("FLUSHDB").exec_async(&mut own).await.unwrap();
    Some(url)
}

/// The migrated databases, made by the first test that needs them.
async fn templates(admin: &mut PgConnection, base: &str) -> Vec<String> {
    let version = migrations();
    let names: Vec<String> = ["main", "a", "b"].iter().map(|part| format!("template_{version}_{part}")).collect();
    let ready: i64 = sqlx::query_scalar("select count(*) from pg_database where datname = any($1) and datistemplate")
        .bind(&names)
        .fetch_one(&mut *admin)
        .await
        .unwrap();
    if ready == 3 {
        return names;
    }
    for name in &names {
        admin.execute(sqlx::AssertSqlSafe(format!("drop database if exists {name} with (force)"))).await.unwrap();
        admin.execute(sqlx::AssertSqlSafe(format!("create database {name}"))).await.unwrap();
    }
    let url = |n: usize| format!("{base}/{}", names[n]);
    let urls = Urls { main: url(0), parties: [url(1), url(2)], redis: None };
    let databases = config(&urls, "http://127.0.0.1:9").storage.databases().unwrap();
    nbbang::storage::migrate::run(&databases).await.unwrap();
    databases.close().await;
    for name in &names {
        admin.execute(sqlx::AssertSqlSafe(format!("alter database {name} is_template true"))).await.unwrap();
    }
    names
}

/// A name for the present migrations.
fn migrations() -> String {
    let mut hasher = std::hash::DefaultHasher::new();
    for set in ["main", "party"] {
        let folder = format!("{}/migrations/{set}", env!("CARGO_MANIFEST_DIR"));
        let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        for file in files {
            std::fs::read(file).unwrap().hash(&mut hasher);
        }
    }
    format!("{:016x}", hasher.finish())
}
