//! Toss's webhooks: what is still to be delivered, when it is tried again, and the delivery itself.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::sync::Notify;

use crate::World;
use crate::clock::{seoul, seoul_without_zone};
use crate::faults::{Deed, Strike, When};
use crate::ids::Ids;
use crate::lock;

/// The merchant has this long to answer 200.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How long after a failed try comes the next one.
const RETRY_AFTER_MIN: [i64; 7] = [1, 4, 16, 64, 256, 1024, 4096];

pub struct Webhooks {
    outbox: Mutex<Outbox>,
    wake: Notify,
    client: reqwest::Client,
}

impl Webhooks {
    #[expect(
        clippy::disallowed_methods,
        reason = "the simulator's only outbound client; it shares no code with nbbang"
    )]
    pub fn new(ids: Ids) -> Result<Self, String> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(ANSWER_WITHIN)
            .build()
            .map_err(|e| format!("There can be no HTTP client here: {e}."))?;
        Ok(Self { outbox: Mutex::new(Outbox { waiting: Vec::new(), ids }), wake: Notify::new(), client })
    }

    pub fn send(&self, payment: &Value, now: OffsetDateTime) {
        lock(&self.outbox).add(payment, now);
        self.wake.notify_one();
    }

    /// Something may be due now.
    pub fn wake(&self) {
        self.wake.notify_one();
    }
}

/// Delivers what is due, until dropped.
pub async fn deliver(world: Arc<World>) {
    let webhooks = &world.toss.webhooks;
    loop {
        let now = world.clock.now();
        let (due, next) = {
            let mut outbox = lock(&webhooks.outbox);
            (outbox.take_due(now), outbox.next_due())
        };
        for delivery in due {
            tokio::spawn(attempt(Arc::clone(&world), delivery));
        }
        let pause = next.map(|next| Duration::try_from(next - now).unwrap_or_default());
        tokio::select! {
            () = webhooks.wake.notified() => {}
            () = tokio::time::sleep(pause.unwrap_or(Duration::from_hours(1))) => {}
        }
    }
}

async fn attempt(world: Arc<World>, delivery: Delivery) {
    let strike = {
        let mut faults = lock(&world.faults);
        let mut strike = |when| faults.strike("toss", "webhook", when);
        strike(When::Before).or_else(|| strike(When::AfterEffect))
    };
    let deed = strike.as_ref().map(|strike: &Strike| strike.deed);
    if let Some(Strike { deed: Deed::Latency, latency, .. }) = strike {
        tokio::time::sleep(latency).await;
    }
    let sent_at = world.clock.now();
    let received = match deed {
        Some(Deed::Drop) => true,
        Some(Deed::Duplicate) => {
            let first = post(&world, &delivery, sent_at).await;
            post(&world, &delivery, sent_at).await || first
        }
        _ => post(&world, &delivery, sent_at).await,
    };
    if !received {
        lock(&world.toss.webhooks.outbox).again(delivery, sent_at);
        world.toss.webhooks.wake();
    }
}

async fn post(world: &World, delivery: &Delivery, sent_at: OffsetDateTime) -> bool {
    let request = world
        .toss
        .webhooks
        .client
        .post(format!("{}/v1/webhooks/toss", world.webhook_base()))
        .header(CONTENT_TYPE, "application/json")
        .header("tosspayments-webhook-transmission-time", seoul(sent_at))
        .header("tosspayments-webhook-transmission-retried-count", delivery.retried.to_string())
        .header("tosspayments-webhook-transmission-id", &delivery.id)
        .body(delivery.body.clone());
    request.send().await.is_ok_and(|response| response.status() == 200)
}

#[derive(Debug)]
struct Delivery {
    /// The same for every try.
    id: String,
    body: String,
    retried: usize,
    due: OffsetDateTime,
}

struct Outbox {
    waiting: Vec<Delivery>,
    ids: Ids,
}

impl Outbox {
    fn add(&mut self, payment: &Value, now: OffsetDateTime) {
        let body = json!({
            "eventType": "PAYMENT_STATUS_CHANGED",
            "createdAt": seoul_without_zone(now),
            "data": payment,
        });
        self.waiting.push(Delivery { id: self.ids.hex(), body: body.to_string(), retried: 0, due: now });
    }

    fn take_due(&mut self, now: OffsetDateTime) -> Vec<Delivery> {
        self.waiting.extract_if(.., |delivery| delivery.due <= now).collect()
    }

    fn next_due(&self) -> Option<OffsetDateTime> {
        self.waiting.iter().map(|delivery| delivery.due).min()
    }

    /// Plans the next try of what failed when sent at `sent_at`; after the last one it is given up.
    fn again(&mut self, delivery: Delivery, sent_at: OffsetDateTime) {
        if let Some(minutes) = RETRY_AFTER_MIN.get(delivery.retried) {
            let due = sent_at + time::Duration::minutes(*minutes);
            self.waiting.push(Delivery { retried: delivery.retried + 1, due, ..delivery });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);

    #[test]
    fn seven_tries_more_then_never() {
        let mut outbox = Outbox { waiting: Vec::new(), ids: Ids::from_seed(1) };
        outbox.add(&json!({"orderId": "order-1"}), NOW);
        let (mut at, mut ids, mut gaps) = (NOW, Vec::new(), Vec::new());
        while let Some(due) = outbox.next_due() {
            assert!(outbox.take_due(due - time::Duration::SECOND).is_empty());
            let delivery = outbox.take_due(due).pop().unwrap();
            gaps.push((due - at).whole_minutes());
            ids.push(delivery.id.clone());
            at = due;
            outbox.again(delivery, due);
        }
        assert_eq!(gaps, [0, 1, 4, 16, 64, 256, 1024, 4096]);
        ids.dedup();
        assert_eq!(ids.len(), 1);
    }
}
