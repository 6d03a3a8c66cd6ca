//! Thousands who follow their parties live, and what it costs to tell all of them what one says.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::data::{self, Data, OPEN, SEATS};
use crate::load::Load;
use crate::rig::Rig;
use crate::table::{Row, Table};
use crate::wire::{Wire, get, post};
use crate::{Plan, Told, say};

/// All seats of these parties are followed: 5,004 streams.
const PARTIES: u64 = 556;
const STREAMS: u64 = PARTIES * SEATS;
const SPEAKING: usize = 32;
const MESSAGE: &[u8] = b"event: message";
const NAME: &str = "message to nine who follow";
/// How long we wait for the last message to arrive.
const PATIENCE: Duration = Duration::from_secs(20);

/// Parties that nobody else joins here.
fn party(data: &Data, number: u64) -> u64 {
    data.open.party(OPEN - 1 - number % PARTIES)
}

fn guest(data: &Data, number: u64, seat: u64) -> &str {
    data.guest(number % PARTIES + seat * 101)
}

pub async fn measure(plan: &Plan, rig: &Rig, data: &Data, table: &mut Table) -> Told<()> {
    say(NAME);
    let told = |error: std::io::Error| error.to_string();
    let server = rig.cached;
    let mut wire = Wire::connect(server.address).await.map_err(told)?;
    let body = json!({"items": data::food()}).to_string();
    for (number, seat) in all() {
        let path = format!("/v1/parties/{}/orders", party(data, number));
        let join = post(&path, guest(data, number, seat), &format!("follow-{number}-{seat}"), &body);
        let status = wire.ask(&join).await.map_err(told)?;
        if status != 201 {
            return Err(format!("a seat for one who follows: {status}"));
        }
    }
    let (before, heard) = (rig.memory_kb(server), Arc::new(AtomicU64::new(0)));
    let mut followers = Vec::new();
    for (number, seat) in all() {
        let path = format!("/v1/parties/{}/events", party(data, number));
        let stream = follow(server.address, &get(&path, guest(data, number, seat))).await?;
        followers.push(tokio::spawn(listen(stream, Arc::clone(&heard))));
    }
    let each_kb = rig.memory_kb(server).saturating_sub(before) / STREAMS;
    let mut load = Load::connect(server.address, SPEAKING).await?;
    let cpu = rig.cpu(server);
    let run = load
        .run(plan.span, async |wire, n| {
            let body = json!({"text": "3번 출구 앞에서 만나요", "client_key": n.to_string()}).to_string();
            let path = format!("/v1/parties/{}/messages", party(data, n));
            wire.ask(&post(&path, guest(data, n, n % SEATS), &format!("say-{n}"), &body)).await
        })
        .await?;
    let ended = Instant::now();
    let expected = run.answers() * SEATS;
    while heard.load(Ordering::Relaxed) < expected && ended.elapsed() < PATIENCE {
        sleep(Duration::from_millis(1)).await;
    }
    let (late_ms, arrived) = (ended.elapsed().as_millis(), heard.load(Ordering::Relaxed));
    table.add(Row::of(NAME, &run, rig.cpu(server).since(cpu)));
    table.note(format!(
        "{STREAMS} streams, {each_kb} kB of the server each; of {expected} messages to them {arrived} arrived, the last \
         {late_ms} ms after the load ended; the server has {} kB then",
        rig.memory_kb(server)
    ));
    for follower in followers {
        follower.abort();
    }
    Ok(())
}

fn all() -> impl Iterator<Item = (u64, u64)> {
    (0..PARTIES).flat_map(|number| (0..SEATS).map(move |seat| (number, seat)))
}

/// A stream that has greeted.
async fn follow(address: SocketAddr, request: &[u8]) -> Told<TcpStream> {
    let greeted = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request).await?;
        let mut said = Vec::new();
        while !contains(&said, b"event: ready") {
            if stream.read_buf(&mut said).await? == 0 || said.len() > 4096 {
                return Err(std::io::Error::other(String::from_utf8_lossy(&said).into_owned()));
            }
        }
        Ok(stream)
    };
    greeted.await.map_err(|error| format!("one who follows: {error}"))
}

async fn listen(mut stream: TcpStream, heard: Arc<AtomicU64>) {
    let mut said = Vec::new();
    while stream.read_buf(&mut said).await.is_ok_and(|read| read > 0) {
        let count = said.windows(MESSAGE.len()).filter(|window| *window == MESSAGE).count();
        heard.fetch_add(count.try_into().unwrap_or_default(), Ordering::Relaxed);
        // Of a word that is not whole yet the beginning stays.
        let keep = said.len().saturating_sub(MESSAGE.len() - 1);
        said.drain(..keep);
    }
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}
