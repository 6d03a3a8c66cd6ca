//! `bin/bench app-store`: verifications a second on one core, beside what the signatures alone allow; it judges nothing.

use std::hint::black_box;
use std::io::Write;
use std::time::{Duration, Instant};

use app_store_server_library::models::app_store_environment::Environment as TheirEnvironment;
use app_store_server_library::signed_data_verifier::SignedDataVerifier;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, ParsedPublicKey,
};
use nbbang::domain::purchase::Environment;
use nbbang::upstream::app_store::{Roots, Verifier};
use nbbang_simulator::app_store::messages::{self, App, Inside};
use nbbang_simulator::app_store::{Pki, Shape};
use serde_json::Value;


const TOKENS: u64 = 64;

/// Short and many: the best of each measure is then taken from a moment in which nobody else used the core.
const ROUNDS: u32 = 400;
const ROUND: Duration = Duration::from_millis(4);

type Told<T> = Result<T, String>;
type Measure = (&'static str, Box<dyn Fn() -> bool>);

/// Different tokens of one chain: nobody verifies the same one again and again.
struct Tokens {
    root: Vec<u8>,
    transactions: Vec<String>,
    notifications: Vec<[String; 3]>,
}

fn main() -> Told<()> {
    let now = now();
    let tokens = Tokens::mint(now)?;
    let measures = [vec![signature_alone()?], ours(&tokens, now)?, theirs(&tokens)?].concat_all();
    let mut best = vec![f64::MAX; measures.len()];
    // One after another in each round, so that a busy machine is busy for all of them.
    for _ in 0..ROUNDS {
        for (best, (_, measure)) in best.iter_mut().zip(&measures) {
            *best = best.min(micros(measure)?);
        }
    }
    let limit = best.first().copied().unwrap_or_default();
    tell(&format!("{:<62} {:>9} {:>9} {:>9}", "", "µs", "per s", "of limit"))?;
    for ((name, _), micros) in measures.iter().zip(&best) {
        let signatures = if name.contains("notification") { 3.0 } else { 1.0 };
        tell(&format!("{name:<62} {micros:>9.1} {:>9.0} {:>9.2}", 1e6 / micros, limit * signatures / micros))?;
    }
    Ok(())
}

trait ConcatAll {
    fn concat_all(self) -> Vec<Measure>;
}

impl<const N: usize> ConcatAll for [Vec<Measure>; N] {
    fn concat_all(self) -> Vec<Measure> {
        self.into_iter().flatten().collect()
    }
}

/// Microseconds of one call, over a round.
fn micros(measure: &impl Fn() -> bool) -> Told<f64> {
    let (began, mut calls) = (Instant::now(), 0_u32);
    while began.elapsed() < ROUND {
        if !black_box(measure()) {
            return Err("a good token was refused".to_owned());
        }
        calls += 1;
    }
    Ok(began.elapsed().as_secs_f64() * 1e6 / f64::from(calls))
}

/// Of as many different messages as there are tokens: one and the same again and again is faster, since the processor
/// learns its way through it.
fn signature_alone() -> Told<Measure> {
    let told = |e: &dyn std::fmt::Display| format!("No key: {e}.");
    let random = SystemRandom::new();
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|e| told(&e))?;
    let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref()).map_err(|e| told(&e))?;
    let mut signed = Vec::new();
    for at in 0..TOKENS {
        let message = at.to_be_bytes();
        let signature = pair.sign(&random, &message).map_err(|e| told(&e))?;
        signed.push((message, signature.as_ref().to_vec()));
    }
    let signed = in_turn(&signed);
    let measure = move || signed(&|(message, signature)| key.verify_sig(message, signature).is_ok());
    Ok(("limit: one P-256 signature of aws-lc-rs over 8 bytes", Box::new(measure)))
}

impl Tokens {
    fn mint(now: time::OffsetDateTime) -> Told<Self> {
        let pki = Pki::new(Shape::Apple)?;
        let app = app();
        let mut tokens = Self { root: pki.root_der().to_vec(), transactions: Vec::new(), notifications: Vec::new() };
        for at in 0..TOKENS {
            let claims = messages::transaction(&app, "plus_monthly", true, &format!("20000009000000{at:02}"), now);
            let transaction = pki.sign(&claims)?;
            let renewal_info = pki.sign(&messages::renewal_info(&app, &claims, now))?;
            let inside = Inside {
                transaction: Some(transaction.clone()),
                renewal_info: Some(renewal_info.clone()),
                app_transaction: None,
            };
            let uuid = format!("002e14d5-51f5-4503-b5a8-c3a1af68eb{at:02}");
            let claims: Value = messages::notification(&app, "DID_RENEW", None, &uuid, &inside, now);
            tokens.notifications.push([pki.sign(&claims)?, transaction.clone(), renewal_info]);
            tokens.transactions.push(transaction);
        }
        Ok(tokens)
    }
}

fn app() -> App {
    App {
        bundle_id: "com.example.nbbang".to_owned(),
        app_apple_id: 1_234_567_890,
        environment: "Production".to_owned(),
    }
}

fn ours(tokens: &Tokens, now: time::OffsetDateTime) -> Told<Vec<Measure>> {
    let verifier = || {
        let roots = Roots::from_der(vec![tokens.root.clone()])?;
        Verifier::new(roots, app().bundle_id, Some(app().app_apple_id), vec![Environment::Production])
    };
    let (first, second) = (verifier()?, verifier()?);
    let (transactions, notifications) = (in_turn(&tokens.transactions), in_turn(&tokens.notifications));
    let (roots, token) = (tokens.root.clone(), tokens.transactions.first().cloned().unwrap_or_default());
    Ok(vec![
        ("nbbang: a transaction", Box::new(move || transactions(&|jws| first.verify_transaction(jws, now).is_ok()))),
        (
            "nbbang: a notification, with the two tokens inside",
            Box::new(move || notifications(&|[jws, ..]| second.verify_notification(jws, now).is_ok())),
        ),
        (
            "nbbang: a transaction under a chain never seen before",
            Box::new(move || {
                let roots = Roots::from_der(vec![roots.clone()]);
                let fresh = roots.and_then(|roots| {
                    Verifier::new(roots, app().bundle_id, Some(app().app_apple_id), vec![Environment::Production])
                });
                fresh.is_ok_and(|fresh| fresh.verify_transaction(&token, now).is_ok())
            }),
        ),
    ])
}

/// Theirs does not look inside a notification, so the caller has to.
fn theirs(tokens: &Tokens) -> Told<Vec<Measure>> {
    let verifier = |caches: bool| {
        let roots = vec![tokens.root.clone()];
        let environment = TheirEnvironment::Production;
        SignedDataVerifier::new(roots, environment, app().bundle_id, Some(app().app_apple_id), caches)
            .map_err(|e| e.to_string())
    };
    let mut measures: Vec<Measure> = Vec::new();
    for (caches, transaction, notification) in [
        (
            true,
            "app-store-server-library: a transaction, chain cached",
            "app-store-server-library: a notification, all three, cached",
        ),
        (false, "app-store-server-library: a transaction", "app-store-server-library: a notification, all three"),
    ] {
        let (first, second) = (verifier(caches)?, verifier(caches)?);
        let (transactions, notifications) = (in_turn(&tokens.transactions), in_turn(&tokens.notifications));
        measures.push((
            transaction,
            Box::new(move || transactions(&|jws| first.verify_and_decode_signed_transaction(jws).is_ok())),
        ));
        measures.push((
            notification,
            Box::new(move || {
                notifications(&|[outer, transaction, renewal_info]| {
                    second.verify_and_decode_notification(outer).is_ok()
                        && second.verify_and_decode_signed_transaction(transaction).is_ok()
                        && second.verify_and_decode_renewal_info(renewal_info).is_ok()
                })
            }),
        ));
    }
    Ok(measures)
}

/// One after another, over and over.
fn in_turn<T: Clone + 'static>(all: &[T]) -> impl Fn(&dyn Fn(&T) -> bool) -> bool + use<T> {
    let (all, at) = (all.to_vec(), std::cell::Cell::new(0_usize));
    move |measure| {
        at.set(at.get().wrapping_add(1));
        all.get(at.get() % all.len().max(1)).is_some_and(measure)
    }
}

fn now() -> time::OffsetDateTime {
    time::OffsetDateTime::now_utc()
}

fn tell(line: &str) -> Told<()> {
    writeln!(std::io::stdout(), "{line}").map_err(|e| e.to_string())
}
