//! The App Store's notifications on their way to the app's server: when each is due, when it is tried again, and the sending.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use serde_json::json;
use time::OffsetDateTime;
use tokio::sync::Notify;

use super::books::Sent;
use crate::faults::{Deed, Strike, When};
use crate::{World, lock};

/// Apple names no number; a server that takes longer than this is late for everybody.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How long after a failed try comes the next one, in production; the sandbox tries once.
const RETRY_AFTER_H: [i64; 5] = [1, 12, 24, 48, 72];

pub struct Delivery {
    waiting: Mutex<Vec<Due>>,
    wake: Notify,
    client: reqwest::Client,
}

/// A try that is to be made.
#[derive(Clone, Debug)]
pub struct Due {
    uuid: String,
    payload: String,
    at: OffsetDateTime,
    /// How many tries there were.
    tried: usize,
    is_retried: bool,
}

impl Delivery {
    #[expect(clippy::disallowed_methods, reason = "the simulator's own outbound client; it shares no code with nbbang")]
    pub fn new() -> Result<Self, String> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(ANSWER_WITHIN)
            .build()
            .map_err(|e| format!("There can be no HTTP client here: {e}."))?;
        Ok(Self { waiting: Mutex::default(), wake: Notify::new(), client })
    }

    pub fn send(&self, due: Due) {
        lock(&self.waiting).push(due);
        self.wake();
    }

    /// Something may be due now.
    pub fn wake(&self) {
        self.wake.notify_one();
    }
}

/// Delivers what is due, until dropped.
pub async fn deliver(world: Arc<World>) {
    let delivery = &world.app_store.delivery;
    loop {
        let now = world.clock.now();
        let (due, next) = {
            let mut waiting = lock(&delivery.waiting);
            let due: Vec<Due> = waiting.extract_if(.., |due| due.at <= now).collect();
            (due, waiting.iter().map(|due| due.at).min())
        };
        for due in due {
            tokio::spawn(attempt(Arc::clone(&world), due));
        }
        let pause = next.map(|next| Duration::try_from(next - now).unwrap_or_default());
        tokio::select! {
            () = delivery.wake.notified() => {}
            () = tokio::time::sleep(pause.unwrap_or(Duration::from_hours(1))) => {}
        }
    }
}

async fn attempt(world: Arc<World>, due: Due) {
    let strike = {
        let mut faults = lock(&world.faults);
        let mut strike = |when| faults.strike("app_store", "notification", when);
        strike(When::Before).or_else(|| strike(When::AfterEffect))
    };
    if let Some(Strike { deed: Deed::Latency, latency, .. }) = strike {
        tokio::time::sleep(latency).await;
    }
    let sent_at = world.clock.now();
    let result = match strike.map(|strike| strike.deed) {
        // Something on the way took it and said thank you: Apple believes that it has arrived.
        Some(Deed::Drop) => "SUCCESS",
        Some(Deed::Duplicate) => {
            post(&world, &due).await;
            post(&world, &due).await
        }
        _ => post(&world, &due).await,
    };
    lock(&world.app_store.books).note_attempt(&due.uuid, sent_at, result);
    if let Some(next) = due.after(result, sent_at) {
        lock(&world.app_store.delivery.waiting).push(next);
        world.app_store.delivery.wake();
    }
}

/// Apple's word for how it went.
async fn post(world: &World, due: &Due) -> &'static str {
    let request = world
        .app_store
        .delivery
        .client
        .post(format!("{}/v1/webhooks/app-store", world.webhook_base()))
        .header(CONTENT_TYPE, "application/json")
        .body(json!({ "signedPayload": due.payload }).to_string());
    match request.send().await {
        Ok(response) if (200..=206).contains(&response.status().as_u16()) => "SUCCESS",
        Ok(_) => "UNSUCCESSFUL_HTTP_RESPONSE_CODE",
        Err(error) if error.is_timeout() => "TIMED_OUT",
        Err(_) => "NO_RESPONSE",
    }
}

impl Due {
    pub fn first(sent: &Sent) -> Self {
        let is_retried = sent.app.environment == "Production";
        Self { uuid: sent.uuid.clone(), payload: sent.payload.clone(), at: sent.at, tried: 0, is_retried }
    }

    /// The next try of what went like this at `at`; after the last one it is given up.
    fn after(self, result: &str, at: OffsetDateTime) -> Option<Self> {
        let hours = RETRY_AFTER_H.get(self.tried).filter(|_| self.is_retried && result != "SUCCESS")?;
        Some(Self { at: at + time::Duration::hours(*hours), tried: self.tried + 1, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);

    fn due(is_retried: bool) -> Due {
        Due { uuid: "u".to_owned(), payload: "p".to_owned(), at: NOW, tried: 0, is_retried }
    }

    #[test]
    fn five_tries_more_then_never() {
        let (mut due, mut gaps) = (due(true), Vec::new());
        while let Some(next) = due.clone().after("NO_RESPONSE", due.at) {
            gaps.push((next.at - due.at).whole_hours());
            due = next;
        }
        assert_eq!(gaps, [1, 12, 24, 48, 72]);
    }

    #[test]
    fn what_arrived_and_what_is_of_the_sandbox_is_not_sent_again() {
        assert!(due(true).after("SUCCESS", NOW).is_none());
        assert!(due(false).after("NO_RESPONSE", NOW).is_none());
    }
}
