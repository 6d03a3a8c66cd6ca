//! The image as it is run: small, shut, quick to start and to stop; the main job through it; no failed request while servers are
//! replaced; and what clients get while PostgreSQL or Redis is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use nbbang_containers::Stack;
use serde_json::Value;
use tokio::process::Command;
use tokio::sync::RwLock;
use tokio::time::Instant;

#[tokio::test(flavor = "multi_thread")]
async fn it_is_small_and_shut_and_ends_when_it_is_told() {
    let stack = Stack::start("shut").await;
    let inspected = stack.docker(&["image", "inspect", "nbbang:latest"]).await;
    let image: Value = serde_json::from_slice(&inspected.stdout).unwrap();
    let bytes = image[0]["Size"].as_u64().unwrap();
    println!("the image has {:.1} MB", bytes as f64 / 1e6);
    assert!(bytes < 40_000_000, "{bytes}");
    assert_eq!(image[0]["Config"]["User"], "65532", "not root");

    let server = stack.container("server-0");
    let shell = stack.docker(&["exec", &server, "/bin/sh", "-c", "true"]).await;
    assert!(!shell.status.success(), "there is a shell");
    let health = stack.docker(&["exec", &server, "/usr/local/bin/nbbang", "health"]).await;
    assert!(health.status.success(), "{health:?}");
    let health = stack.docker(&["exec", &stack.container("worker"), "/usr/local/bin/nbbang", "health", "--work"]).await;
    assert!(health.status.success(), "{health:?}");
    // A worker serves nobody.
    let health = stack.docker(&["exec", &stack.container("worker"), "/usr/local/bin/nbbang", "health"]).await;
    assert!(!health.status.success());

    stack.servers[0].stop_with_timeout(Some(30)).await.unwrap();
    assert_eq!(stack.servers[0].exit_code().await.unwrap(), Some(0), "it ends by itself");
    let begun = Instant::now();
    stack.servers[0].start().await.unwrap();
    stack.is_ready(0).await;
    println!("started and ready after {} ms, the engine's time included", begun.elapsed().as_millis());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_main_job_goes_through_it() {
    let stack = Stack::start("job").await;
    let demo = std::env::var("NBBANG_DEMO").expect("bin/test-containers names the story's program");
    let (server, simulator) = (stack.url(1).await, stack.simulator_url().await);
    let told = Command::new(demo).args(["--url", &server, "--simulator", &simulator]).output().await.unwrap();
    let (story, fault) = (String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
    assert!(told.status.success(), "{story}{fault}");
    println!("{story}");
}

/// Readers of one party, each through whichever server is in turn, as a load balancer would send them.
struct Readers {
    up: Arc<RwLock<Vec<String>>>,
    stop: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<Vec<String>>>,
    done: Arc<AtomicU64>,
}

impl Readers {
    async fn start(stack: &Stack) -> Self {
        let token = stack.token("mina").await;
        let party = stack.opens(&token).await;
        let up = Arc::new(RwLock::new(vec![stack.url(0).await, stack.url(1).await]));
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let tasks = (0..16_usize).map(|reader| {
            let (up, stop, done) = (Arc::clone(&up), Arc::clone(&stop), Arc::clone(&done));
            let (client, token, party) = (stack.client.clone(), token.clone(), party.clone());
            tokio::spawn(async move {
                let (mut turn, mut failures) = (reader, Vec::new());
                while !stop.load(Ordering::Relaxed) {
                    turn += 1;
                    // Held while the request is under way, so that a server is taken out only when its last one is answered.
                    let up = up.read().await;
                    let url = format!("{}/v1/parties/{party}", up[turn % up.len()]);
                    match client.get(url).bearer_auth(&token).send().await {
                        Ok(answer) if answer.status().is_success() => drop(done.fetch_add(1, Ordering::Relaxed)),
                        Ok(answer) => failures.push(answer.status().to_string()),
                        Err(error) => failures.push(format!("{error:?}")),
                    }
                }
                failures
            })
        });
        Self { tasks: tasks.collect(), up, stop, done }
    }

    async fn some_more(&self) {
        let before = self.done.load(Ordering::Relaxed);
        while self.done.load(Ordering::Relaxed) < before + 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// How many were served, and what the others were told.
    async fn end(self) -> (u64, Vec<String>) {
        self.stop.store(true, Ordering::Relaxed);
        let mut failures = Vec::new();
        for task in self.tasks {
            failures.extend(task.await.unwrap());
        }
        (self.done.load(Ordering::Relaxed), failures)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_are_replaced_and_no_request_fails() {
    let stack = Stack::start("rolling").await;
    let readers = Readers::start(&stack).await;
    for _ in 0..3 {
        for number in 0..2 {
            readers.some_more().await;
            *readers.up.write().await = vec![stack.url(1 - number).await];
            stack.servers[number].stop_with_timeout(Some(30)).await.unwrap();
            stack.servers[number].start().await.unwrap();
            stack.is_ready(number).await;
            *readers.up.write().await = vec![stack.url(0).await, stack.url(1).await];
        }
    }
    let (done, failures) = readers.end().await;
    println!("{done} requests while six servers were replaced, {} failed", failures.len());
    assert!(failures.is_empty(), "{failures:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_read_fails_while_redis_is_gone() {
    let stack = Stack::start("redis").await;
    let readers = Readers::start(&stack).await;
    for _ in 0..2 {
        readers.some_more().await;
        stack.redis.stop_with_timeout(Some(5)).await.unwrap();
        readers.some_more().await;
        stack.redis.start().await.unwrap();
    }
    readers.some_more().await;
    let (done, failures) = readers.end().await;
    println!("{done} reads, {} failed", failures.len());
    assert!(failures.is_empty(), "{failures:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_postgresql_there_is_503_and_then_it_works_again() {
    let stack = Stack::start("postgres").await;
    let token = stack.token("mina").await;
    let readers = Readers::start(&stack).await;
    readers.some_more().await;
    stack.postgres.stop_with_timeout(Some(30)).await.unwrap();
    let mine = format!("{}/v1/me/parties", stack.url(0).await);
    let ask = async || stack.client.get(&mine).bearer_auth(&token).send().await.unwrap();
    let gone = ask().await;
    assert_eq!(gone.status(), 503);
    assert_eq!(gone.headers()["content-type"], "application/problem+json");
    stack.postgres.start().await.unwrap();
    let begun = Instant::now();
    while !ask().await.status().is_success() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it does not work again");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("at work again {} ms after PostgreSQL's start", begun.elapsed().as_millis());
    readers.some_more().await;
    let (done, failures) = readers.end().await;
    println!("{done} reads, {} of them refused meanwhile", failures.len());
    assert!(failures.iter().all(|failure| failure.starts_with("503")), "{failures:?}");
}
