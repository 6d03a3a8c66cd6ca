//! The token that goes with every request: made with our key, and used again until it is about to end.

use std::sync::{Mutex, PoisonError};

use jsonwebtoken::{Algorithm, Header};
use reqwest::header::HeaderValue;
use serde::Serialize;

use super::ApiKey;
use crate::domain::Time;
use crate::upstream::Fault;

const AUDIENCE: &str = "appstoreconnect-v1";
/// Apple takes an hour at most.
const LIFETIME_S: i64 = 20 * 60;
/// It is not used so shortly before its end: it has to get there, and clocks differ.
const MARGIN_S: i64 = 2 * 60;
/// Made as if so long ago, for an Apple whose clock is behind ours.
const BACK_S: i64 = 30;

pub(super) struct Tokens {
    key: ApiKey,
    bundle_id: String,
    current: Mutex<Option<Token>>,
}

struct Token {
    authorization: HeaderValue,
    /// Seconds since 1970, both.
    made: i64,
    ends: i64,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    iat: i64,
    exp: i64,
    aud: &'a str,
    bid: &'a str,
}

impl Tokens {
    pub(super) fn new(key: ApiKey, bundle_id: String) -> Self {
        Self { key, bundle_id, current: Mutex::default() }
    }

    pub(super) fn authorization(&self, now: Time) -> Result<HeaderValue, Fault> {
        let now = now.unix_timestamp();
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        match &*current {
            // A clock that was put back makes it one from the future.
            Some(token) if token.made <= now && now < token.ends - MARGIN_S => Ok(token.authorization.clone()),
            _ => {
                let token = self.make(now)?;
                Ok(current.insert(token).authorization.clone())
            }
        }
    }

    fn make(&self, now: i64) -> Result<Token, Fault> {
        let header = Header { kid: Some(self.key.key_id.clone()), ..Header::new(Algorithm::ES256) };
        let (iat, ends) = (now - BACK_S, now + LIFETIME_S);
        let claims = Claims { iss: &self.key.issuer_id, iat, exp: ends, aud: AUDIENCE, bid: &self.bundle_id };
        let jwt = jsonwebtoken::encode(&header, &claims, &self.key.key)
            .map_err(|error| Fault::Refused(format!("TOKEN_NOT_MADE: {error}")))?;
        let mut authorization =
            HeaderValue::try_from(format!("Bearer {jwt}")).map_err(|_| Fault::Refused("TOKEN_NOT_MADE".to_owned()))?;
        authorization.set_sensitive(true);
        Ok(Token { authorization, made: now, ends })
    }
}
