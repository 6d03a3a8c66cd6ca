//! The verifier against the simulator's mint: what everything here stands on.

mod accepted;
mod forgeries;
mod fuzz;
mod memory;
mod revoked;
mod roots;
pub(super) mod vectors;

use std::sync::LazyLock;

use nbbang_simulator::app_store::messages::{self, App, Inside};
use nbbang_simulator::app_store::{Pki, Shape, Tamper};
use serde_json::{Value, json};
use time::macros::datetime;

use super::*;

const NOW: Time = datetime!(2026-11-22 12:00 UTC);
const BUNDLE_ID: &str = "com.example.nbbang";
const APP_APPLE_ID: i64 = 1_234_567_890;
const UUID: &str = "002e14d5-51f5-4503-b5a8-c3a1af68eb20";

/// Making keys takes longer than a test.
static PKIS: LazyLock<[Pki; 2]> = LazyLock::new(|| Shape::ALL.map(|shape| Pki::new(shape).unwrap()));

fn app(environment: &str) -> App {
    App { bundle_id: BUNDLE_ID.to_owned(), app_apple_id: APP_APPLE_ID, environment: environment.to_owned() }
}

fn verifier(pki: &Pki) -> Verifier {
    trusting(pki, &[Environment::Production, Environment::Sandbox])
}

fn trusting(pki: &Pki, environments: &[Environment]) -> Verifier {
    let roots = Roots::from_der(vec![pki.root_der().to_vec()]).unwrap();
    Verifier::new(roots, BUNDLE_ID, Some(APP_APPLE_ID), environments.to_vec()).unwrap()
}

fn transaction() -> Value {
    messages::transaction(&app("Production"), "plus_monthly", true, "2000000900000001", NOW)
}

fn renewal_info() -> Value {
    messages::renewal_info(&app("Production"), &transaction(), NOW)
}

fn app_transaction() -> Value {
    messages::app_transaction(&app("Production"), NOW)
}

fn inside(pki: &Pki) -> Inside {
    Inside {
        transaction: Some(pki.sign(&transaction()).unwrap()),
        renewal_info: Some(pki.sign(&renewal_info()).unwrap()),
        app_transaction: Some(pki.sign(&app_transaction()).unwrap()),
    }
}

fn notification(inside: &Inside) -> Value {
    messages::notification(&app("Production"), "SUBSCRIBED", Some("INITIAL_BUY"), UUID, inside, NOW)
}

fn changed(mut claims: Value, over: &Value) -> Value {
    messages::overlay(&mut claims, over);
    claims
}

/// Verifies a token of whatever kind, and gives what was wrong with it.
fn wrong(verifier: &Verifier, token: Token, jws: &str) -> Option<Rejection> {
    match token {
        Token::Transaction => verifier.verify_transaction(jws, NOW).err(),
        Token::RenewalInfo => verifier.verify_renewal_info(jws, NOW).err(),
        Token::AppTransaction => verifier.verify_app_transaction(jws, NOW).err(),
        Token::Notification => verifier.verify_notification(jws, NOW).err(),
    }
}
