//! What compose.yaml makes, made for one test: two servers and a worker of the image, PostgreSQL, Redis and the simulator, in a
//! network of their own. `bin/test-containers` builds the images and runs the tests.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Output;
use std::time::Duration;

use serde_json::{Value, json};
use testcontainers::core::{IntoContainerPort, Mount, WaitFor};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, ContainerRequest, GenericImage, ImageExt};
use tokio::process::Command;

pub type Container = ContainerAsync<GenericImage>;

const DATABASES: &str = include_str!("../compose/databases.sql");

pub struct Stack {
    /// Begins the names of its containers.
    name: String,
    /// What all processes share: keys of dev mode, and the simulator's.
    shared: PathBuf,
    pub postgres: Container,
    pub redis: Container,
    pub simulator: Container,
    pub servers: [Container; 2],
    pub worker: Container,
    pub client: reqwest::Client,
}

impl Stack {
    pub async fn start(test: &str) -> Self {
        let name = format!("nbbang-{test}-{}", std::process::id());
        let shared = std::env::temp_dir().join(&name);
        std::fs::create_dir_all(&shared).unwrap();
        std::fs::set_permissions(&shared, std::fs::Permissions::from_mode(0o777)).unwrap();
        let postgres = GenericImage::new("postgres", "15")
            .with_exposed_port(5432.tcp())
            // The first, private start says it on the other stream.
            .with_wait_for(WaitFor::message_on_stderr("database system is ready to accept connections"))
            .with_env_var("POSTGRES_PASSWORD", "nbbang")
            .with_env_var("POSTGRES_INITDB_ARGS", "--no-sync")
            .with_cmd(["postgres", "-c", "max_connections=300"])
            .with_copy_to("/docker-entrypoint-initdb.d/databases.sql", DATABASES.as_bytes().to_vec())
            .with_network(&name)
            .with_container_name(format!("{name}-postgres"));
        let redis = GenericImage::new("redis", "7")
            .with_wait_for(WaitFor::message_on_stdout("Ready to accept connections"))
            .with_network(&name)
            .with_container_name(format!("{name}-redis"));
        let (postgres, redis) = (postgres.start().await.unwrap(), redis.start().await.unwrap());
        let simulator = hardened("nbbang-simulator", &name, &shared, "simulator")
            .with_cmd([
                "--listen",
                "0.0.0.0:8090",
                "--webhook-base",
                &format!("http://{name}-server-0:8080"),
                "--public-url",
                &format!("http://{name}-simulator:8090"),
                "--app-store-files",
                ".dev",
            ])
            .start()
            .await
            .unwrap();
        migrate(&name, &shared).await;
        let server = async |number: usize| {
            process(&name, &shared, &format!("server-{number}")).with_cmd(["serve", "--no-jobs"]).start().await.unwrap()
        };
        let servers = [server(0).await, server(1).await];
        let worker = process(&name, &shared, "worker").with_cmd(["work"]).start().await.unwrap();
        let client = client();
        let stack = Self { name, shared, postgres, redis, simulator, servers, worker, client };
        for number in 0..2 {
            stack.is_ready(number).await;
        }
        stack
    }

    /// Where a server is now; after a start it may be at another port.
    pub async fn url(&self, number: usize) -> String {
        address(&self.servers[number], 8080).await
    }

    pub async fn simulator_url(&self) -> String {
        address(&self.simulator, 8090).await
    }

    /// Waits until a server says that it can serve.
    pub async fn is_ready(&self, number: usize) {
        let url = format!("{}/readyz", self.url(number).await);
        for _ in 0..300 {
            if self.client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("server {number} is not ready after 30 seconds");
    }

    /// What `docker` says to this.
    pub async fn docker(&self, arguments: &[&str]) -> Output {
        Command::new("docker").args(arguments).output().await.unwrap()
    }

    pub fn container(&self, what: &str) -> String {
        format!("{}-{what}", self.name)
    }

    /// An access token of a made-up user.
    pub async fn token(&self, handle: &str) -> String {
        let url = format!("{}/v1/dev/sessions", self.url(0).await);
        let answer: Value =
            self.client.post(url).json(&json!({"handle": handle})).send().await.unwrap().json().await.unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// The id of an open party.
    pub async fn opens(&self, token: &str) -> String {
        let deadline: String = {
            // The database's clock, so that this needs none of its own.
            let answer = self.client.get(format!("{}/livez", self.url(0).await)).send().await.unwrap();
            answer.headers()["date"].to_str().unwrap().to_owned()
        };
        let hour = rfc3339_in_an_hour(&deadline);
        let draft = json!({
            "title": "치킨 같이 시켜요", "store": {"name": "교촌치킨 역삼점", "category": "chicken"},
            "pickup": {"lat": 37.498, "lng": 127.027, "label": "정문 앞"}, "min_members": 2, "capacity": 4,
            "deadline_at": hour, "min_order_krw": 20000, "fee_tiers": [{"from_krw": 0, "fee_krw": 3000}],
            "split": "even", "settlement": "prepaid",
            "items": [{"name": "허니콤보", "unit_price_krw": 23000, "quantity": 1}],
        });
        let request = self.client.post(format!("{}/v1/parties", self.url(0).await)).bearer_auth(token);
        let answer = request.header("idempotency-key", format!("open-{token:.20}")).json(&draft).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(status, 201, "{text}");
        serde_json::from_str::<Value>(&text).unwrap()["id"].as_str().unwrap().to_owned()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.shared));
    }
}

#[expect(clippy::disallowed_methods, reason = "the tests' own client; it shares no code with nbbang")]
fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap()
}

async fn address(container: &Container, port: u16) -> String {
    format!("http://{}:{}", container.get_host().await.unwrap(), container.get_host_port_ipv4(port).await.unwrap())
}

/// An image of ours as compose.yaml runs it: it writes nothing but what is shared, and may do nothing.
fn hardened(image: &str, name: &str, shared: &std::path::Path, what: &str) -> ContainerRequest<GenericImage> {
    let port = if image == "nbbang" { 8080 } else { 8090 };
    GenericImage::new(image, "latest")
        .with_exposed_port(port.tcp())
        .with_mount(Mount::bind_mount(shared.to_str().unwrap(), "/var/lib/nbbang/.dev"))
        .with_readonly_rootfs(true)
        .with_cap_drop("ALL")
        .with_security_opt("no-new-privileges:true")
        .with_network(name)
        .with_container_name(format!("{name}-{what}"))
}

fn process(name: &str, shared: &std::path::Path, what: &str) -> ContainerRequest<GenericImage> {
    let database = |database: &str| format!("postgres://postgres:nbbang@{name}-postgres/{database}");
    let simulator = |part: &str| format!("http://{name}-simulator:8090/{part}");
    let settings = [
        ("NBBANG_MODE", "dev".to_owned()),
        ("NBBANG_MAIN_DATABASE_URL", database("nbbang_main")),
        (
            "NBBANG_PARTY_DATABASE_URLS",
            format!("party_a={},party_b={}", database("nbbang_party_a"), database("nbbang_party_b")),
        ),
        ("NBBANG_REDIS_URL", format!("redis://{name}-redis")),
        ("NBBANG_TOSS_BASE_URL", simulator("toss")),
        ("NBBANG_KAKAO_BASE_URL", simulator("kakao")),
        ("NBBANG_APPLE_LOGIN_BASE_URL", simulator("apple-login")),
        ("NBBANG_KAKAO_LOGIN_BASE_URL", simulator("kakao-login")),
    ];
    settings
        .into_iter()
        .fold(hardened("nbbang", name, shared, what), |request, (name, value)| request.with_env_var(name, value))
}

async fn migrate(name: &str, shared: &std::path::Path) {
    let migrate = process(name, shared, "migrate").with_cmd(["migrate"]).start().await.unwrap();
    for _ in 0..300 {
        if let Some(code) = migrate.exit_code().await.unwrap() {
            assert_eq!(code, 0, "{}", String::from_utf8_lossy(&migrate.stderr_to_vec().await.unwrap()));
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the migrations take longer than 30 seconds");
}

/// `Fri, 27 Nov 2026 12:00:00 GMT` and an hour, as the API has times.
fn rfc3339_in_an_hour(date: &str) -> String {
    let parts: Vec<&str> = date.split(' ').collect();
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = 1 + months.iter().position(|month| *month == parts[2]).unwrap();
    // An offset instead of arithmetic: an hour later in UTC is the same hour to the west.
    format!("{}-{month:02}-{}T{}-01:00", parts[3], parts[1], parts[4])
}
