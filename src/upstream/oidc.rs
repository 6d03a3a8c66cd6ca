//! Identity tokens of an issuer of `OpenID` Connect: its keys, kept for the whole process, and what makes a token good. The issuers
//! themselves are in files of their own.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use reqwest::{StatusCode, Url};
use serde::Deserialize;
use tokio::sync::Mutex as AsyncMutex;

use super::client::{self, Answer, Deadline, Lane};
use super::{Fault, why};
use crate::domain::Time;
use crate::domain::error::{Code, Error, Result};

const PATIENCE: Duration = Duration::from_secs(5);
/// Kakao may shut out who fetches its keys too often, and its own sample keeps them for days.
const FRESH: time::Duration = time::Duration::hours(6);
/// A key that nobody has is no reason to fetch again and again.
const BETWEEN_FETCHES: time::Duration = time::Duration::MINUTE;
const AFTER_A_FAILURE: time::Duration = time::Duration::seconds(5);
/// By how much clocks may differ.
const LEEWAY: time::Duration = time::Duration::MINUTE;
const LONGEST_TOKEN: usize = 8 * 1024;

/// Who somebody is, by an issuer's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The issuer's own name for the person; it never changes.
    pub subject: String,
    /// How he calls himself there, if the issuer told.
    pub nickname: Option<String>,
    /// Which of our apps he signed in to.
    pub audience: String,
}

/// Why somebody is not signed in.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The token is not good; the word is for our log.
    Token(&'static str),
    /// The issuer's keys cannot be had, so nobody knows.
    Keys(Fault),
}

/// An issuer of identity tokens, for the apps that we accept them for.
pub struct Issuer {
    http: reqwest::Client,
    keys_url: Url,
    lane: Lane,
    validation: Validation,
    kept: Mutex<Arc<Kept>>,
    /// One fetch at a time, for all who wait for it.
    fetching: AsyncMutex<()>,
}

#[derive(Default)]
struct Kept {
    keys: Vec<(String, DecodingKey)>,
    fetched_at: Option<Time>,
    failed: Option<(Time, Fault)>,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    aud: String,
    exp: i64,
    iat: i64,
    nonce: Option<String>,
    nickname: Option<String>,
}

impl Issuer {
    /// `name` is what its tokens say in `iss`, and `keys_path` where its keys are below `base_url`.
    pub fn new(
        upstream: &'static str,
        name: &str,
        base_url: &str,
        keys_path: &str,
        audiences: &[String],
    ) -> Result<Self> {
        let keys_url = Url::parse(&format!("{base_url}{keys_path}")).map_err(|e| Error::internal(Code::Internal, e))?;
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[name]);
        validation.set_audience(audiences);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        validation.validate_exp = false; // Ours to judge, by the caller's time.
        Ok(Self {
            http: client::http()?,
            keys_url,
            lane: Lane::new(upstream, "jwks", 2, PATIENCE),
            validation,
            kept: Mutex::default(),
            fetching: AsyncMutex::default(),
        })
    }

    /// Who the token says it is of, if the issuer signed it for one of our apps, for this sign-in, and it is good at `now`.
    /// `nonce` is what the token has to hold.
    pub async fn verify(&self, token: &str, nonce: &str, now: Time, deadline: Deadline) -> Result<Identity, Refusal> {
        if token.len() > LONGEST_TOKEN {
            return Err(Refusal::Token("too long"));
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| Refusal::Token("header"))?;
        if header.alg != Algorithm::RS256 {
            return Err(Refusal::Token("algorithm"));
        }
        if header.crit.is_some() {
            return Err(Refusal::Token("critical extension"));
        }
        let kid = header.kid.ok_or(Refusal::Token("no key id"))?;
        let key = self.key(&kid, now, deadline).await?;
        let claims = jsonwebtoken::decode::<Claims>(token, &key, &self.validation);
        let claims = claims.map_err(|error| Refusal::Token(what_is_wrong(&error)))?.claims;
        judge(&claims, nonce, now)?;
        Ok(Identity { subject: claims.sub, nickname: claims.nickname, audience: claims.aud })
    }

    /// The issuer's key of that id. Keys that we have are good while the issuer is down.
    async fn key(&self, kid: &str, now: Time, deadline: Deadline) -> Result<DecodingKey, Refusal> {
        let kept = self.kept();
        if !kept.wants_a_fetch(kid, now) {
            return kept.answer(kid);
        }
        let _one_at_a_time = self.fetching.lock().await;
        // Somebody may have fetched while we waited.
        let kept = self.kept();
        if !kept.wants_a_fetch(kid, now) {
            return kept.answer(kid);
        }
        let fetched = self.lane.call(self.http.get(self.keys_url.clone()), deadline, key_set).await;
        let kept = Arc::new(match fetched {
            Ok(keys) => Kept { keys, fetched_at: Some(now), failed: None },
            Err(fault) => {
                tracing::warn!(url = %self.keys_url, outcome = fault.word(), "an issuer's keys could not be fetched");
                Kept { keys: kept.keys.clone(), fetched_at: kept.fetched_at, failed: Some((now, fault)) }
            }
        });
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&kept);
        kept.answer(kid)
    }

    fn kept(&self) -> Arc<Kept> {
        Arc::clone(&self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Kept {
    fn wants_a_fetch(&self, kid: &str, now: Time) -> bool {
        if self.failed.as_ref().is_some_and(|(at, _)| now - *at < AFTER_A_FAILURE) {
            return false;
        }
        match self.fetched_at {
            None => true,
            Some(at) if self.find(kid).is_some() => now - at >= FRESH,
            Some(at) => now - at >= BETWEEN_FETCHES,
        }
    }

    /// An unknown key is the token's fault only if we know that the issuer has no such key.
    fn answer(&self, kid: &str) -> Result<DecodingKey, Refusal> {
        match (self.find(kid), &self.failed) {
            (Some(key), _) => Ok(key.clone()),
            (None, Some((_, fault))) => Err(Refusal::Keys(fault.clone())),
            (None, None) => Err(Refusal::Token("unknown key")),
        }
    }

    fn find(&self, kid: &str) -> Option<&DecodingKey> {
        self.keys.iter().find(|(id, _)| id == kid).map(|(_, key)| key)
    }
}

fn judge(claims: &Claims, nonce: &str, now: Time) -> Result<(), Refusal> {
    let now = now.unix_timestamp();
    let leeway = LEEWAY.whole_seconds();
    if claims.exp.saturating_add(leeway) <= now {
        return Err(Refusal::Token("expired"));
    }
    if claims.iat.saturating_sub(leeway) > now {
        return Err(Refusal::Token("issued in the future"));
    }
    if claims.nonce.as_deref() != Some(nonce) {
        return Err(Refusal::Token("nonce"));
    }
    if claims.sub.is_empty() || claims.sub.len() > 255 {
        return Err(Refusal::Token("subject"));
    }
    Ok(())
}

fn what_is_wrong(error: &jsonwebtoken::errors::Error) -> &'static str {
    use jsonwebtoken::errors::ErrorKind;
    match error.kind() {
        ErrorKind::InvalidSignature => "signature",
        ErrorKind::InvalidIssuer => "issuer",
        ErrorKind::InvalidAudience => "audience",
        ErrorKind::MissingRequiredClaim(_) => "a claim is missing",
        _ => "not as documented",
    }
}

fn key_set(answer: &Answer) -> Result<Vec<(String, DecodingKey)>, Fault> {
    match answer.status {
        StatusCode::OK => {}
        StatusCode::TOO_MANY_REQUESTS => return Err(Fault::Busy { retry_after_ms: answer.retry_after_ms }),
        status if status.is_server_error() => return Err(Fault::Unknown(why::SERVER_ERROR)),
        status if status.is_redirection() => return Err(Fault::Unknown(why::REDIRECT)),
        status => return Err(Fault::Refused(status.as_str().to_owned())),
    }
    let set: JwkSet = serde_json::from_slice(&answer.body).map_err(|_| Fault::Unknown(why::GARBAGE))?;
    let keys: Vec<_> = set.keys.iter().filter_map(usable).collect();
    // An issuer without a key for signatures is none.
    if keys.is_empty() { Err(Fault::Unknown(why::GARBAGE)) } else { Ok(keys) }
}

fn usable(jwk: &Jwk) -> Option<(String, DecodingKey)> {
    let rsa = matches!(jwk.algorithm, AlgorithmParameters::RSA(_));
    let kid = jwk.common.key_id.clone()?;
    rsa.then(|| DecodingKey::from_jwk(jwk).ok()).flatten().map(|key| (kid, key))
}
