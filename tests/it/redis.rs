//! A Redis of a test's own, to be paused, killed and emptied.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use ::redis::{Client, FromRedisValue};

pub struct Redis {
    port: u16,
    more: Vec<String>,
    child: Option<Child>,
}

impl Redis {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With more options for `redis-server`.
    pub async fn with(more: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let more = more.iter().map(|option| (*option).to_owned()).collect();
        let mut redis = Self { port, more, child: None };
        redis.restart().await;
        redis
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Starts it, empty, once it was killed.
    pub async fn restart(&mut self) {
        let port = self.port.to_string();
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "no"]).args(&self.more);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.child = Some(child.expect("redis-server; run the tests by bin/test, which installs it"));
        for _ in 0..500 {
            if self.tries::<String>(&["PING"]).await.is_ok() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("redis-server does not answer");
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// As one that has lost its processor: connections stay, nothing answers.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    pub fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
    }

    /// Asks it something, past the cache.
    pub async fn ask<T: FromRedisValue>(&self, command: &[&str]) -> T {
        self.tries(command).await.unwrap()
    }

    async fn tries<T: FromRedisValue>(&self, command: &[&str]) -> ::redis::RedisResult<T> {
        let mut connection = Client::open(self.url())?.get_multiplexed_async_connection().await?;
        let (name, arguments) = command.split_first().unwrap();
        ::redis::cmd(name).arg(arguments).query_async(&mut connection).await
    }

    pub async fn set(&self, key: &str, value: &[u8]) {
        let mut connection = Client::open(self.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
        ::redis::cmd("SET").arg(key).arg(value).exec_async(&mut connection).await.unwrap();
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
