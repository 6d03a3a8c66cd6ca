//! A PostgreSQL of a test's own, to be restarted and killed; on 127.0.0.1, gone with the test.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::world::{Urls, config};

pub struct Cluster {
    folder: PathBuf,
    programs: PathBuf,
    pub port: u16,
}

impl Cluster {
    pub async fn start() -> Self {
        let folder = std::env::temp_dir().join(format!("nbbang-test-{}", nbbang::app::random().simple()));
        std::fs::create_dir(&folder).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let cluster = Self { folder, programs: programs(), port };
        if root() {
            done(Command::new("chown").arg("postgres").arg(&cluster.folder));
        }
        let data = cluster.folder.join("data");
        let made = cluster
            .as_user("initdb")
            .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"])
            .arg("-D")
            .arg(&data)
            .output();
        let made = made.unwrap();
        assert!(made.status.success(), "{made:?}");
        cluster.starts().await;
        cluster
    }

    /// Starts the server; of one that was killed the sessions may still be ending.
    pub async fn starts(&self) {
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off -c max_connections=200 -p {}",
            self.port
        );
        for _ in 0..60 {
            let mut start = self.control("start");
            start.args(["-w", "-t", "60", "-o", &options]).arg("-l").arg(self.folder.join("log"));
            // The server keeps what it gets; a pipe would never end.
            start.stdout(Stdio::null()).stderr(Stdio::null());
            if tokio::task::block_in_place(|| start.status().unwrap()).success() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        }
        panic!("{}", std::fs::read_to_string(self.folder.join("log")).unwrap_or_default());
    }

    /// As an administrator does it: sessions are ended.
    pub fn stops(&self) {
        let mut stop = self.control("stop");
        stop.args(["-m", "fast", "-w"]).stdout(Stdio::null());
        tokio::task::block_in_place(|| stop.status().unwrap());
    }

    /// `kill -9` of the postmaster; its children notice and end.
    pub fn dies(&self) {
        let pid = std::fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap();
        done(Command::new("kill").args(["-9", pid.lines().next().unwrap()]));
    }

    /// Makes and migrates three databases; `port` is where the tests reach the server.
    pub async fn databases(&self, port: u16) -> Urls {
        let url = |port: u16, name: &str| format!("postgres://postgres@127.0.0.1:{port}/{name}");
        for name in ["main", "a", "b"] {
            crate::scratch::execute(&url(self.port, "postgres"), &format!("create database {name}")).await;
        }
        let urls = Urls { main: url(port, "main"), parties: [url(port, "a"), url(port, "b")], redis: None };
        let databases = config(&urls, "http://127.0.0.1:9").storage.databases().unwrap();
        nbbang::storage::migrate::run(&databases).await.unwrap();
        databases.close().await;
        urls
    }

    fn control(&self, what: &str) -> Command {
        let mut command = self.as_user("pg_ctl");
        command.arg(what).arg("-D").arg(self.folder.join("data"));
        command
    }

    /// PostgreSQL refuses to run as root.
    fn as_user(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        let mut command = if root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(&self.folder);
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.control("stop").args(["-m", "immediate", "-w"]).stdout(Stdio::null()).stderr(Stdio::null()).status());
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

fn root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.trim_ascii() == b"0"
}

fn done(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

/// Where PostgreSQL's programs are: as `bin/postgres` finds them, or in the PATH that it has set.
fn programs() -> PathBuf {
    let has = |folder: &Path| folder.join("initdb").is_file() && folder.join("pg_ctl").is_file();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    for parent in ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt", "/usr"] {
        let versions = std::fs::read_dir(parent).into_iter().flatten().flatten();
        folders.extend(versions.map(|version| version.path().join("bin")));
    }
    folders
        .into_iter()
        .rev()
        .find(|folder| has(folder))
        .expect("tests need PostgreSQL's programs; run them with bin/test")
}
