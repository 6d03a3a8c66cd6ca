//! What is measured: fresh databases in the cluster of bin/postgres, the simulator and the server, all ended afterwards.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::Told;
use crate::machine::{self, Cpu};

pub const MAIN: &str = "nbbang_main";
pub const PARTIES: [&str; 2] = ["nbbang_party_a", "nbbang_party_b"];
/// pgbench's own.
pub const LIMIT: &str = "nbbang_bench_limit";

/// A process that answers HTTP.
#[derive(Clone, Copy)]
pub struct Server {
    pub address: SocketAddr,
    pid: u32,
}

pub struct Rig {
    /// Without Redis: what is not cached.
    pub api: Server,
    /// With Redis, and without jobs.
    pub cached: Server,
    /// Actix alone.
    pub bare: Server,
    pub simulator: SocketAddr,
    postgres: String,
    redis: String,
    postmaster: u32,
    /// In the order of their start.
    started: Vec<Child>,
}

impl Rig {
    pub async fn start() -> Told<Self> {
        let url = std::env::var("NBBANG_TEST_POSTGRES_URL").map_err(|_| "start me by bin/bench.")?;
        let postgres = url.strip_suffix("/postgres").ok_or("NBBANG_TEST_POSTGRES_URL is not that of bin/postgres.")?;
        let redis = std::env::var("NBBANG_REDIS_URL").map_err(|_| "start me by bin/bench.")?;
        let [api, cached, bare] = [free()?, free()?, free()?].map(|address| Server { address, pid: 0 });
        let (simulator, postgres) = (free()?, postgres.to_owned());
        let mut rig = Self { api, cached, bare, simulator, postgres, redis, postmaster: 0, started: Vec::new() };
        for name in [MAIN, LIMIT].iter().chain(&PARTIES) {
            rig.query("postgres", &format!("drop database if exists {name} with (force)"))?;
            rig.query("postgres", &format!("create database {name}"))?;
        }
        let pid = rig.query("postgres", "select split_part(pg_read_file('postmaster.pid'), E'\\n', 1)")?;
        rig.postmaster = pid.parse().map_err(|_| format!("{pid:?} is no process id."))?;
        let begun = rig.begin().await;
        if begun.is_err() {
            rig.stop().await;
        }
        begun.map(|()| rig)
    }

    async fn begin(&mut self) -> Told<()> {
        let program = |name: &str| beside_me(name).map(Command::new);
        let (api, simulator) = (self.api.address, self.simulator);
        let nbbang = |address: SocketAddr, redis: &str| {
            let mut command = program("nbbang")?;
            command.env("NBBANG_MODE", "dev").env("NBBANG_LOG", "warn").env("NBBANG_REDIS_URL", redis);
            command.env("NBBANG_LISTEN", address.to_string()).env("NBBANG_OPS_LISTEN", free()?.to_string());
            command.env("NBBANG_TOSS_BASE_URL", format!("http://{simulator}/toss"));
            command.env("NBBANG_KAKAO_BASE_URL", format!("http://{simulator}/kakao"));
            Ok::<_, String>(command)
        };
        output(nbbang(api, "")?.arg("migrate"))?;
        let webhooks = format!("http://{api}");
        let mut command = program("nbbang-simulator")?;
        self.launch(command.args(["--listen", &simulator.to_string(), "--webhook-base", &webhooks]), simulator).await?;
        self.api.pid = self.launch(nbbang(api, "")?.arg("serve"), api).await?;
        let cached = self.cached.address;
        let mut command = nbbang(cached, &self.redis)?;
        self.cached.pid = self.launch(command.args(["serve", "--no-jobs"]), cached).await?;
        let bare = self.bare.address;
        let mut command = program("nbbang-bench")?;
        self.bare.pid = self.launch(command.args(["bare", &bare.to_string()]), bare).await?;
        Ok(())
    }

    /// The process's id, once it answers.
    async fn launch(&mut self, command: &mut Command, address: SocketAddr) -> Told<u32> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let child = child.map_err(|error| format!("{command:?}: {error}"))?;
        self.started.push(child);
        for _ in 0..600 {
            if TcpStream::connect(address).await.is_ok() {
                return Ok(self.started.last().map(Child::id).unwrap_or_default());
            }
            if self.started.last_mut().is_some_and(has_ended) {
                return Err(format!("{command:?} has ended at once."));
            }
            sleep(Duration::from_millis(50)).await;
        }
        Err(format!("{address} does not answer."))
    }

    /// The server first, since it still talks to the simulator while it ends; each has 20 seconds.
    pub async fn stop(&mut self) {
        for mut child in self.started.drain(..).rev() {
            drop(output(Command::new("kill").arg(child.id().to_string())));
            for _ in 0..400 {
                if has_ended(&mut child) {
                    break;
                }
                sleep(Duration::from_millis(50)).await;
            }
            drop(child.kill());
            drop(child.wait());
        }
    }

    pub fn cpu(&self, server: Server) -> Cpu {
        Cpu::now(server.pid, self.postmaster)
    }

    /// What of a server lies in memory; 0 where that is not known.
    #[expect(clippy::unused_self, reason = "beside `cpu`")]
    pub fn memory_kb(&self, server: Server) -> u64 {
        machine::memory_kb(server.pid)
    }

    /// How many GETs of a value like a party's public view Redis does a second, one after another on each connection.
    pub fn redis_benchmark(&self, clients: usize) -> Told<u64> {
        let url = self.redis.trim_start_matches("redis://").split('/').next().unwrap_or_default();
        let (host, port) = url.split_once(':').ok_or("NBBANG_REDIS_URL is not that of bin/redis.")?;
        let clients = clients.to_string();
        let mut command = Command::new("redis-benchmark");
        command.args([
            "-h", host, "-p", port, "-c", &clients, "-P", "1", "-n", "200000", "-d", "900", "-t", "get", "--csv",
        ]);
        let said = output(&mut command)?;
        let rate = said.lines().find(|line| line.starts_with("\"GET\"")).and_then(|line| line.split('"').nth(3));
        let rate = rate.and_then(|rate| rate.split('.').next()?.parse().ok());
        rate.ok_or_else(|| format!("redis-benchmark says {said}"))
    }

    pub fn query(&self, database: &str, sql: &str) -> Told<String> {
        output(Command::new("psql").args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", &self.url(database), "-c", sql]))
    }

    /// Runs a file of `bench/sql`.
    pub fn play(&self, database: &str, file: &str, variables: &[(&str, String)]) -> Told<String> {
        let mut command = Command::new("psql");
        command.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", &self.url(database), "-f", &sql_file(file)]);
        command.args(variables.iter().flat_map(|(name, value)| ["-v".to_owned(), format!("{name}={value}")]));
        output(&mut command)
    }

    /// What pgbench says, on connections with the settings of ours that change plans.
    pub fn pgbench(&self, database: &str, arguments: &[&str]) -> Told<String> {
        let settings = "-c jit=off -c enable_bitmapscan=off";
        output(Command::new("pgbench").args(arguments).arg(self.url(database)).env("PGOPTIONS", settings))
    }

    /// Does the work while the server sleeps, since its jobs would take part.
    pub fn without_server<T>(&self, work: impl FnOnce() -> Told<T>) -> Told<T> {
        self.signal("-STOP")?;
        let done = work();
        self.signal("-CONT")?;
        done
    }

    fn signal(&self, signal: &str) -> Told<()> {
        output(Command::new("kill").args([signal, &self.api.pid.to_string()])).map(drop)
    }

    fn url(&self, database: &str) -> String {
        format!("{}/{database}", self.postgres)
    }
}

/// bin/bench starts us in the root of the repository.
pub fn sql_file(name: &str) -> String {
    format!("bench/sql/{name}")
}

fn has_ended(child: &mut Child) -> bool {
    !matches!(child.try_wait(), Ok(None))
}

fn beside_me(name: &str) -> Told<PathBuf> {
    let me = std::env::current_exe().map_err(|error| error.to_string())?;
    let program = me.with_file_name(name);
    if program.exists() { Ok(program) } else { Err(format!("{} is not built.", program.display())) }
}

fn free() -> Told<SocketAddr> {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).map_err(|error| error.to_string())
}

fn output(command: &mut Command) -> Told<String> {
    let done = command.stdin(Stdio::null()).output().map_err(|error| format!("{command:?}: {error}"))?;
    if !done.status.success() {
        return Err(format!("{command:?}: {}", String::from_utf8_lossy(&done.stderr)));
    }
    Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned())
}
