//! Revocation: which answers count, what a revoked certificate ends, and that an outage ends nothing.

use std::sync::Arc;

use nbbang_simulator::Simulator;
use nbbang_simulator::app_store::ocsp::{Question, Status};

use super::super::certificate;
use super::super::ocsp::{self, Said, Verdict, Worthless};
use super::super::revocation::Revocation;
use super::*;
use crate::upstream::client;

/// The question about a certificate, answered like this.
fn answer(pki: &Pki, of_leaf: bool, status: Status) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let (der, issuer) =
        if of_leaf { (pki.leaf_der(), pki.intermediate_der()) } else { (pki.intermediate_der(), pki.root_der()) };
    let question = ocsp::request(&certificate::parse(der).unwrap(), &certificate::parse(issuer).unwrap());
    let question = Question::read(&question).unwrap();
    assert_eq!(pki.is_about_leaf(&question), Some(of_leaf));
    (pki.ocsp(&question, status, NOW).unwrap(), der.to_vec(), issuer.to_vec())
}

fn judged(answer: &[u8], der: &[u8], issuer: &[u8], now: Time) -> Result<Verdict, Worthless> {
    ocsp::read(answer, &certificate::parse(der).unwrap(), &certificate::parse(issuer).unwrap(), now)
}

#[test]
fn only_a_fresh_answer_of_the_issuers_counts() {
    for pki in PKIS.iter() {
        for of_leaf in [true, false] {
            let until = NOW + time::Duration::hours(12);
            for (status, expected) in [
                (Status::Good, Ok(Verdict { said: Said::Good, until })),
                (Status::Revoked, Ok(Verdict { said: Said::Revoked, until })),
                (Status::Unknown, Ok(Verdict { said: Said::Unknown, until })),
                (Status::Forged, Err(Worthless::Signature)),
                (Status::ForgedRevoked, Err(Worthless::Signature)),
                (Status::Stale, Err(Worthless::Stale)),
                (Status::OtherSerial, Err(Worthless::Other)),
                (Status::Unauthorized, Err(Worthless::Signer)),
            ] {
                let (answer, der, issuer) = answer(pki, of_leaf, status);
                assert_eq!(judged(&answer, &der, &issuer, NOW), expected, "{status:?} {of_leaf}");
            }
            let (answer, der, issuer) = answer(pki, of_leaf, Status::Good);
            assert_eq!(judged(&answer, &der, &issuer, until), Err(Worthless::Stale));
            let early = NOW - time::Duration::hours(2);
            assert_eq!(judged(&answer, &der, &issuer, early), Err(Worthless::Stale));
        }
    }
}

#[test]
fn no_changed_answer_counts() {
    let (good, der, issuer) = answer(&PKIS[0], true, Status::Revoked);
    for at in 0..good.len() {
        let mut changed = good.clone();
        changed[at] ^= 0x01;
        let found = judged(&changed, &der, &issuer, NOW);
        // Where the responder's certificate is changed outside of what is signed, it is not the same certificate any more.
        assert!(found.is_err(), "{at}: {found:?} {:02X?}", &good[at - at.min(8)..(at + 8).min(good.len())]);
        assert!(judged(&good[..at], &der, &issuer, NOW).is_err(), "{at}");
    }
    assert!(judged(&[good, vec![0]].concat(), &der, &issuer, NOW).is_err());
    // The responder cannot answer now.
    assert_eq!(judged(&[0x30, 3, 0x0A, 1, 3], &der, &issuer, NOW), Err(Worthless::Unsuccessful));
}

struct Store {
    url: String,
    verifier: Arc<Verifier>,
    revocation: Revocation,
}

impl Store {
    async fn start() -> Self {
        let simulator = Simulator::bind("127.0.0.1:0", "http://127.0.0.1:9").await.unwrap();
        let url = format!("http://{}", simulator.address());
        tokio::spawn(simulator.run());
        let root = client::http().unwrap().get(format!("{url}/__sim/app-store/root.der")).send().await.unwrap();
        let roots = Roots::from_der(vec![root.bytes().await.unwrap().to_vec()]).unwrap();
        let both = vec![Environment::Production, Environment::Sandbox];
        let verifier = Arc::new(Verifier::new(roots, BUNDLE_ID, Some(APP_APPLE_ID), both).unwrap());
        Self { url, revocation: Revocation::new(Arc::clone(&verifier)).unwrap(), verifier }
    }

    async fn post(&self, method: reqwest::Method, path: &str, body: Value) -> Value {
        let request = client::http().unwrap().request(method, format!("{}/__sim/{path}", self.url)).json(&body);
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}");
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default()
    }

    async fn say(&self, said: Value) {
        self.post(reqwest::Method::PUT, "app-store/ocsp", said).await;
    }

    async fn buys(&self) -> Option<Rule> {
        let minted = self.post(reqwest::Method::POST, "app-store/transactions", json!({})).await;
        self.verifier.verify_transaction(minted["signed_transaction"].as_str().unwrap(), real()).err().map(|it| it.rule)
    }
}

#[expect(clippy::disallowed_methods, reason = "the simulator's clock is the real one")]
fn real() -> Time {
    Time::now_utc()
}

#[tokio::test]
async fn a_revoked_certificate_ends_its_chain_for_good() {
    for which in ["leaf", "intermediate"] {
        let store = Store::start().await;
        assert_eq!(store.revocation.look(real()).await, 0, "nothing is in use");
        assert_eq!(store.buys().await, None);
        assert_eq!(store.revocation.look(real()).await, 2);
        assert_eq!(store.revocation.look(real()).await, 0, "both answers are in force");
        assert_eq!(store.buys().await, None);
        store.say(json!({which: "revoked"})).await;
        let later = real() + time::Duration::hours(11);
        assert_eq!(store.revocation.look(later).await, 0);
        let expired = real() + time::Duration::hours(13);
        assert_eq!(store.buys().await, None, "not asked yet");
        // By then the simulator's answers, made now, are no longer in force: put its clock forward, too.
        store.post(reqwest::Method::POST, "clock", json!({"advance_s": 13 * 3600})).await;
        assert_eq!(store.revocation.look(expired).await, 2);
        let minted = store.post(reqwest::Method::POST, "app-store/transactions", json!({})).await;
        let jws = minted["signed_transaction"].as_str().unwrap();
        let rule = |now| store.verifier.verify_transaction(jws, now).err().map(|it| it.rule);
        assert_eq!(rule(expired), Some(Rule::Revoked), "{which}");
        store.say(json!({})).await;
        store.post(reqwest::Method::POST, "clock", json!({"advance_s": 25 * 3600})).await;
        store.revocation.look(expired + time::Duration::hours(25)).await;
        assert_eq!(rule(expired), Some(Rule::Revoked), "it is final");
    }
}

#[tokio::test]
async fn whatever_else_is_answered_ends_nothing_and_is_asked_again() {
    let store = Store::start().await;
    assert_eq!(store.buys().await, None);
    let mut now = real();
    for said in ["unknown", "forged", "forged_revoked", "stale", "other_serial", "unauthorized"] {
        store.say(json!({"leaf": said, "intermediate": said})).await;
        assert_eq!(store.revocation.look(now).await, 2, "{said}");
        assert_eq!(store.buys().await, None, "{said}");
        now += time::Duration::minutes(10);
    }
    for deed in [json!({"do": "reset"}), json!({"do": "garbage"}), json!({"do": "status", "status": 503})] {
        let mut fault = json!({"provider": "app_store", "operation": "ocsp", "times": 4});
        fault.as_object_mut().unwrap().extend(deed.as_object().unwrap().clone());
        store.post(reqwest::Method::POST, "faults", fault).await;
        assert_eq!(store.revocation.look(now).await, 2, "{deed}");
        assert_eq!(store.buys().await, None, "{deed}");
        now += time::Duration::minutes(10);
    }
}
