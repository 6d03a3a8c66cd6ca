//! Asks Apple in the background whether the certificates of known chains are revoked; no message waits for that.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{StatusCode, Url};

use super::chain::Leaf;
use super::ocsp::{self, Said, Verdict};
use super::{Verifier, certificate};
use crate::domain::Time;
use crate::domain::error::Result;
use crate::upstream::client::{self, Answer, Deadline, Lane};
use crate::upstream::{Fault, why};

const PATIENCE: Duration = Duration::from_secs(10);
/// After no usable answer; that is no verdict.
const AGAIN: time::Duration = time::Duration::minutes(10);
/// However long an answer is in force.
const LONGEST: time::Duration = time::Duration::days(1);

pub struct Revocation {
    http: reqwest::Client,
    lane: Lane,
    verifier: Arc<Verifier>,
    known: Mutex<Vec<Known>>,
}

/// When a certificate is asked about again.
struct Known {
    certificate: Vec<u8>,
    again: Time,
}

impl Revocation {
    pub fn new(verifier: Arc<Verifier>) -> Result<Self> {
        let lane = Lane::new("app_store", "ocsp", 4, PATIENCE);
        Ok(Self { http: client::http()?, lane, verifier, known: Mutex::default() })
    }

    /// Asks about every certificate in use whose last answer is no longer in force, and says how many were asked about. A chain
    /// with a revoked one verifies nothing any more, whatever is answered later.
    pub async fn look(&self, now: Time) -> usize {
        let mut asked = 0;
        let leaves = self.verifier.chains.known();
        self.forget(&leaves);
        for leaf in leaves {
            let [der, intermediate, root] = leaf.certificates();
            for (certificate, issuer) in [(der, intermediate), (intermediate, root)] {
                if self.is_due(certificate, now) {
                    asked += 1;
                    let again = self.ask(certificate, issuer, now).await;
                    self.keep(certificate, again);
                }
            }
        }
        asked
    }

    /// When to ask again.
    async fn ask(&self, der: &[u8], issuer: &[u8], now: Time) -> Time {
        let Some((url, question)) = question(der, issuer) else { return now + LONGEST };
        let request = self.http.post(url).header(CONTENT_TYPE, "application/ocsp-request").body(question);
        let deadline = Deadline::within(PATIENCE);
        match self.lane.ask(request, deadline, |answer| read(answer, der, issuer, now)).await {
            Ok(Verdict { said: Said::Good, until }) => until.clamp(now + AGAIN, now + LONGEST),
            Ok(Verdict { said: Said::Revoked, .. }) => {
                tracing::error!(
                    certificate = name(der),
                    "Apple has revoked a certificate that signs for the App Store"
                );
                self.verifier.chains.revoke(der);
                now + LONGEST
            }
            Ok(Verdict { said: Said::Unknown, .. }) => {
                tracing::warn!(certificate = name(der), "Apple does not say whether a certificate is revoked");
                now + AGAIN
            }
            Err(fault) => {
                tracing::warn!(certificate = name(der), ?fault, "it is not known whether a certificate is revoked");
                now + AGAIN
            }
        }
    }

    fn is_due(&self, certificate: &[u8], now: Time) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        !known.iter().any(|it| it.certificate == certificate && now < it.again)
    }

    fn keep(&self, certificate: &[u8], again: Time) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|it| it.certificate != certificate);
        known.push(Known { certificate: certificate.to_vec(), again });
    }

    /// What is no longer in use.
    fn forget(&self, leaves: &[Arc<Leaf>]) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|it| leaves.iter().any(|leaf| leaf.certificates().contains(&it.certificate)));
    }
}

/// None when the certificate does not say whom to ask.
fn question(der: &[u8], issuer: &[u8]) -> Option<(Url, Vec<u8>)> {
    let (certificate, issuer) = (certificate::parse(der).ok()?, certificate::parse(issuer).ok()?);
    let url = Url::parse(&ocsp::responder(&certificate)?).ok()?;
    Some((url, ocsp::request(&certificate, &issuer)))
}

fn read(answer: &Answer, der: &[u8], issuer: &[u8], now: Time) -> Result<Verdict, Fault> {
    if answer.status != StatusCode::OK {
        let is_theirs = answer.status.is_server_error();
        return Err(Fault::Unknown(if is_theirs { why::SERVER_ERROR } else { why::GARBAGE }));
    }
    let parsed = certificate::parse(der).and_then(|der| certificate::parse(issuer).map(|issuer| (der, issuer)));
    let (certificate, issuer) = parsed.map_err(|_| Fault::Unknown(why::GARBAGE))?;
    ocsp::read(&answer.body, &certificate, &issuer, now).map_err(|worthless| {
        tracing::warn!(?worthless, "an answer about a certificate is worth nothing");
        Fault::Unknown(why::UNVERIFIED)
    })
}

fn name(der: &[u8]) -> String {
    certificate::parse(der).map(|it| it.subject().to_string()).unwrap_or_default()
}
