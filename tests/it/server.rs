//! The program itself as a process, to be killed.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;

use crate::world::World;

pub struct Server {
    pub base: String,
    /// Where the metrics are.
    pub metrics: String,
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    /// Closed when the process has closed its log: it is over.
    over: Option<oneshot::Receiver<()>>,
}

impl Server {
    /// Starts `nbbang serve` on a world's databases and provider, with stop points set.
    pub async fn start(world: &World, stop_points: &str, with_jobs: bool) -> Self {
        Self::with_metrics_at("127.0.0.1:0", world, stop_points, with_jobs, &[]).await
    }

    /// With jobs, and with metrics at an address that a test can ask: of port 0 nobody tells which one it became.
    pub async fn with_metrics(world: &World) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        Self::with_metrics_at(&free.to_string(), world, "", true, &[]).await
    }

    /// With jobs, and with settings of one's own.
    pub async fn with_settings(world: &World, settings: &[(&str, String)]) -> Self {
        Self::with_metrics_at("127.0.0.1:0", world, "", true, settings).await
    }

    /// As the above, with stop points set.
    pub async fn with_all(world: &World, stop_points: &str, settings: &[(&str, String)]) -> Self {
        Self::with_metrics_at("127.0.0.1:0", world, stop_points, true, settings).await
    }

    async fn with_metrics_at(
        metrics: &str,
        world: &World,
        stop_points: &str,
        with_jobs: bool,
        settings: &[(&str, String)],
    ) -> Self {
        let [a, b] = &world.urls.parties;
        let mut command = Command::new(env!("CARGO_BIN_EXE_nbbang"));
        command.arg("serve").args((!with_jobs).then_some("--no-jobs"));
        command
            .env("NBBANG_MODE", "dev")
            .env("NBBANG_LISTEN", "127.0.0.1:0")
            .env("NBBANG_OPS_LISTEN", metrics)
            .env("NBBANG_MAIN_DATABASE_URL", &world.urls.main)
            .env("NBBANG_PARTY_DATABASE_URLS", format!("party_a={a},party_b={b}"))
            .env("NBBANG_TOSS_BASE_URL", format!("{}/toss", world.simulator))
            .env("NBBANG_KAKAO_BASE_URL", format!("{}/kakao", world.simulator))
            .env("NBBANG_REDIS_URL", world.urls.redis.as_deref().unwrap_or_default())
            .env("NO_COLOR", "1")
            .env("FAILPOINTS", stop_points)
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let (address, listening) = oneshot::channel();
        let (end, over) = oneshot::channel();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&lines);
        std::thread::spawn(move || {
            let mut address = Some(address);
            for line in log.lines().map_while(Result::ok) {
                let found = line.split_once("listening on ").and_then(|(_, rest)| rest.split_once(", metrics on "));
                if let Some((found, metrics)) = found
                    && let Some(address) = address.take()
                {
                    drop(address.send(Ok((found.to_owned(), metrics.to_owned()))));
                }
                written.lock().unwrap().push(line);
            }
            if let Some(address) = address {
                // A stop point of a job may be reached before anybody can be told.
                drop(address.send(Err(written.lock().unwrap().join("\n"))));
            }
            drop(end);
        });
        let (base, metrics) = match listening.await.unwrap() {
            Ok(addresses) => addresses,
            Err(log) if with_jobs && !stop_points.is_empty() => (log, String::new()),
            Err(log) => panic!("the server did not start: {log}"),
        };
        Self { base, metrics, log: lines, child, over: Some(over) }
    }

    /// Ends it as an operator does, and gives all that it has logged.
    pub async fn ends(mut self) -> Vec<String> {
        let over = self.over.take().unwrap();
        let told = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status().unwrap();
        assert!(told.success());
        let ended = tokio::time::timeout(std::time::Duration::from_mins(1), over).await;
        assert!(ended.is_ok(), "the server did not end");
        std::mem::take(&mut *self.log.lock().unwrap())
    }

    /// What of it lies in memory.
    pub fn memory_kb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Waits until it has died of its stop point.
    pub async fn dies(mut self) -> ExitStatus {
        let over = self.over.take().unwrap();
        let died = tokio::time::timeout(std::time::Duration::from_mins(1), over).await;
        assert!(died.is_ok(), "the stop point was not reached");
        self.child.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
