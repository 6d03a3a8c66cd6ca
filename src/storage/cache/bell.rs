//! A bell that all processes on one Redis hear. It only wakes: what has happened is in the databases, and a ring may get lost.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use redis::RedisResult;
use redis::aio::{ConnectionManager, PubSub};
use tokio::sync::mpsc::{self, Receiver, Sender};

use crate::storage::cache::Cache;
use crate::storage::cache::link::{Away, Link};

const CHANNEL: &str = "nbbang:bell";
const PAUSE: Duration = Duration::from_secs(1);
/// Rings that wait to be heard.
const WAITING: usize = 10_000;

/// What was rung.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ring {
    Word(String),
    /// Nobody listened for a while, and any may have been missed.
    Anything,
}

impl Cache {
    /// Wakes whoever listens for this word in any process. Nobody waits for it.
    pub fn ring(&self, word: String) {
        if let Some(link) = self.0.link.clone() {
            self.0.runtime.spawn(async move { link.publish(CHANNEL, &word).await });
        }
    }

    /// What is rung from now on, until nobody listens any more. None: there is no Redis.
    pub fn listen(&self) -> Option<Receiver<Ring>> {
        let link = self.0.link.clone()?;
        let (to, heard) = mpsc::channel(WAITING);
        self.0.runtime.spawn(async move {
            while !to.is_closed() {
                if let Err(error) = listen(&link, &to).await {
                    tracing::debug!(%error, "the bell is not heard");
                }
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    () = to.closed() => {}
                }
            }
        });
        Some(heard)
    }
}

impl Link {
    /// Whoever does not hear it finds out by himself.
    async fn publish(self: &Arc<Self>, channel: &str, word: &str) {
        let publish = |mut to: ConnectionManager| async move {
            redis::cmd("PUBLISH").arg(channel).arg(word).query_async(&mut to).await
        };
        let told: Result<(), Away> = self.ask(publish).await;
        let ok = if told.is_ok() { "true" } else { "false" };
        metrics::counter!("nbbang_bell_rings_total", "ok" => ok).increment(1);
    }

    /// A connection of its own that hears what is published.
    async fn subscribe(&self, channel: &str) -> RedisResult<PubSub> {
        let mut listening = self.client.get_async_pubsub().await?;
        listening.subscribe(channel).await?;
        Ok(listening)
    }
}

async fn listen(link: &Arc<Link>, to: &Sender<Ring>) -> RedisResult<()> {
    let mut listening = link.subscribe(CHANNEL).await?;
    let mut rings = listening.on_message();
    if to.send(Ring::Anything).await.is_err() {
        return Ok(());
    }
    loop {
        let ring = tokio::select! {
            ring = rings.next() => ring,
            () = to.closed() => None,
        };
        let Some(ring) = ring else { return Ok(()) };
        let Ok(word) = ring.get_payload() else { continue };
        if to.send(Ring::Word(word)).await.is_err() {
            return Ok(());
        }
    }
}
