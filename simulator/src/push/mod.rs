//! Apple's and Google's push services: they check whoever sends as the real ones do, and keep what phones would show.

mod apns;
mod control;
mod fcm;
mod keys;

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;

use serde::Serialize;
use serde_json::Value;

use crate::faults::{Deed, Strike, When};
use crate::http::{Answer, Request, Response};
use crate::ids::Ids;
use crate::journal::Heard;
use crate::{World, lock};
use keys::{EcKey, RsaKey};

pub use apns::answer as apns;
pub use control::{answer as control, apns_control, fcm_control};
pub use fcm::answer as fcm;

/// What faults can be planned for.
pub const APNS_OPERATIONS: &[&str] = &["send"];
pub const FCM_OPERATIONS: &[&str] = &["send", "token"];

/// Whose app it is, by Apple's ids.
pub const TOPIC: &str = "com.example.nbbang";
pub const TEAM_ID: &str = "SIMTEAM001";
pub const APNS_KEY_ID: &str = "SIMAPNS001";
pub const PROJECT_ID: &str = "nbbang-simulator";

pub struct Push {
    apple: EcKey,
    google: RsaKey,
    /// Where Google's tokens are made.
    token_uri: String,
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    shown: Vec<Shown>,
    /// Tokens whose app is gone, and since when, in milliseconds of 1970.
    unregistered: HashMap<(&'static str, String), i64>,
    /// Apple's: each token that was shown to it, with the second in which it was first.
    provider_tokens: Vec<(String, i64)>,
    /// Google's, with the second at which each ends.
    access_tokens: HashMap<String, i64>,
    used_access_tokens: BTreeSet<String>,
}

/// A push on a phone; one of the same name takes its place.
#[derive(Clone, Debug, Serialize)]
struct Shown {
    platform: &'static str,
    token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    collapse_id: Option<String>,
    title: String,
    body: String,
    /// What the app gets besides.
    data: Value,
    urgent: bool,
    /// How often it came under this name.
    times: u32,
}

impl Push {
    /// `url` is where the simulator is reached.
    pub fn new(url: &str) -> Result<Self, String> {
        Ok(Self {
            apple: EcKey::new()?,
            google: RsaKey::default(),
            token_uri: format!("{url}/fcm/token"),
            books: Mutex::default(),
        })
    }

    pub fn apns_key_pem(&self) -> String {
        self.apple.pem()
    }

    /// The file that Google's console hands out.
    pub fn service_account(&self) -> Result<String, String> {
        let file = serde_json::json!({
            "type": "service_account",
            "project_id": PROJECT_ID,
            "private_key_id": keys::RSA_KEY_ID,
            "private_key": self.google.pem()?,
            "client_email": keys::CLIENT_EMAIL,
            "client_id": "100000000000000000001",
            "token_uri": self.token_uri,
        });
        serde_json::to_string_pretty(&file).map_err(|e| e.to_string())
    }
}

impl Books {
    fn show(&mut self, push: Shown) {
        let same = |other: &&mut Shown| {
            push.collapse_id.is_some()
                && (other.platform, &other.token, &other.collapse_id) == (push.platform, &push.token, &push.collapse_id)
        };
        match self.shown.iter_mut().find(same) {
            Some(other) => *other = Shown { times: other.times + 1, ..push },
            None => self.shown.push(push),
        }
    }

    fn unregistered_since(&self, platform: &'static str, token: &str) -> Option<i64> {
        self.unregistered.get(&(platform, token.to_owned())).copied()
    }
}

/// One call in the order in which it meets a provider: fault, what it does, fault. `named` is the provider's own error of a name.
async fn met(
    world: &World,
    (provider, operation): (&'static str, &'static str),
    does: impl FnOnce() -> Response,
    named: fn(&str, Option<u16>) -> Response,
) -> Answer {
    lock(&world.journal).record(Heard {
        provider,
        operation,
        idempotency_key: None,
        provider_order_id: None,
        payment_key: None,
        query: None,
        at: world.clock.now(),
    });
    let before = lock(&world.faults).strike(provider, operation, When::Before);
    if let Some(strike) = before {
        tokio::time::sleep(strike.latency).await;
        if strike.deed != Deed::Latency {
            return spoiled(&strike, named("InternalServerError", None), named);
        }
    }
    let response = does();
    let after = lock(&world.faults).strike(provider, operation, When::AfterEffect);
    match after {
        None => response.into(),
        Some(strike) => {
            tokio::time::sleep(strike.latency).await;
            spoiled(&strike, response, named)
        }
    }
}

fn spoiled(strike: &Strike, response: Response, named: fn(&str, Option<u16>) -> Response) -> Answer {
    match (&strike.code, strike.deed) {
        (Some(name), _) => named(name, strike.status).into(),
        (None, Deed::WrongBody) => Response::json(200, &serde_json::json!({ "what": ["is", "this"] })).into(),
        _ => strike.spoil(response),
    }
}

/// Those who send in the name of an app.
fn bearer(request: &Request) -> Option<&str> {
    let (scheme, token) = request.header("authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

fn name(ids: &mut Ids) -> String {
    ids.hex().to_lowercase()
}
