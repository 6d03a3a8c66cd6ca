//! Sign in with Apple: whose identity a token is, and the permission that is withdrawn when an account is deleted.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::{RequestBuilder, StatusCode};
use serde::{Deserialize, Serialize};

use super::client::{self, Answer, Deadline, Lane};
use super::oidc::{Identity, Issuer, Refusal};
use super::{Fault, why};
use crate::domain::Time;
use crate::domain::error::{Code, Error, Result};

const NAME: &str = "https://appleid.apple.com";
const PATIENCE: Duration = Duration::from_secs(10);
/// Apple allows half a year; each secret is used once.
const SECRET_LIFETIME: time::Duration = time::Duration::minutes(5);

pub struct AppleLogin {
    issuer: Issuer,
    http: reqwest::Client,
    base_url: String,
    key: Option<ClientKey>,
    tokens: Lane,
}

/// With what we show Apple that we are the team whose app it is.
pub struct ClientKey {
    pub team_id: String,
    pub key_id: String,
    pub key: EncodingKey,
}

impl AppleLogin {
    pub fn new(base_url: &str, audiences: &[String], key: Option<ClientKey>) -> Result<Self> {
        Ok(Self {
            issuer: Issuer::new("apple_login", NAME, base_url, "/auth/keys", audiences)?,
            http: client::http()?,
            base_url: base_url.to_owned(),
            key,
            tokens: Lane::new("apple_login", "tokens", 8, PATIENCE),
        })
    }

    /// `nonce` as the app made it: its SHA-256 is what the app sent to Apple, and what the token holds.
    pub async fn verify(&self, token: &str, nonce: &str, now: Time, deadline: Deadline) -> Result<Identity, Refusal> {
        let hash = digest(&SHA256, nonce.as_bytes());
        let hash: String = hash.as_ref().iter().flat_map(|byte| hexadecimal(*byte)).collect();
        self.issuer.verify(token, &hash, now, deadline).await
    }

    /// The refresh token that an app's authorization code is good for, once and for 5 minutes. None without a key of ours.
    pub async fn exchange(
        &self,
        code: &str,
        app: &str,
        now: Time,
        deadline: Deadline,
    ) -> Result<Option<String>, Fault> {
        let form = [("grant_type", "authorization_code"), ("code", code)];
        let Some(request) = self.signed("/auth/token", app, &form, now)? else { return Ok(None) };
        self.tokens.call(request, deadline, granted).await.map(Some)
    }

    /// Withdraws the permission that a refresh token stands for. Apple also says so of tokens that it does not know.
    pub async fn revoke(&self, refresh_token: &str, app: &str, now: Time, deadline: Deadline) -> Result<(), Fault> {
        let form = [("token", refresh_token), ("token_type_hint", "refresh_token")];
        let request = self.signed("/auth/revoke", app, &form, now)?;
        let request = request.ok_or_else(|| Fault::Refused("NO_KEY_OF_OURS".to_owned()))?;
        self.tokens.call(request, deadline, |answer| sorted(answer).map(|_| ())).await
    }

    fn signed(&self, path: &str, app: &str, form: &[(&str, &str)], now: Time) -> Result<Option<RequestBuilder>, Fault> {
        let Some(key) = &self.key else { return Ok(None) };
        let secret = key.secret(app, now).map_err(|error| Fault::Refused(error.to_string()))?;
        let form = form.iter().copied().chain([("client_id", app), ("client_secret", &secret)]);
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self.http.post(format!("{}{path}", self.base_url)).body(body);
        Ok(Some(request.header("Content-Type", "application/x-www-form-urlencoded")))
    }
}

#[derive(Serialize)]
struct Secret<'a> {
    iss: &'a str,
    iat: i64,
    exp: i64,
    aud: &'a str,
    sub: &'a str,
}

impl ClientKey {
    fn secret(&self, app: &str, now: Time) -> Result<String> {
        let header = Header { kid: Some(self.key_id.clone()), ..Header::new(Algorithm::ES256) };
        let iat = now.unix_timestamp();
        let claims =
            Secret { iss: &self.team_id, iat, exp: iat + SECRET_LIFETIME.whole_seconds(), aud: NAME, sub: app };
        jsonwebtoken::encode(&header, &claims, &self.key).map_err(|error| Error::internal(Code::Internal, error))
    }
}

#[derive(Deserialize)]
struct Granted {
    refresh_token: String,
}

#[derive(Deserialize)]
struct Refused {
    error: String,
}

fn granted(answer: &Answer) -> Result<String, Fault> {
    let granted: Granted = serde_json::from_slice(sorted(answer)?).map_err(|_| Fault::Unknown(why::GARBAGE))?;
    Ok(granted.refresh_token)
}

/// The body of a success, or what the error means: <https://developer.apple.com/documentation/signinwithapplerestapi/errorresponse>.
fn sorted(answer: &Answer) -> Result<&[u8], Fault> {
    match answer.status {
        StatusCode::OK => Ok(&answer.body),
        StatusCode::TOO_MANY_REQUESTS => Err(Fault::Busy { retry_after_ms: answer.retry_after_ms }),
        status if status.is_server_error() => Err(Fault::Unknown(why::SERVER_ERROR)),
        _ => match serde_json::from_slice::<Refused>(&answer.body) {
            Ok(refused) => Err(Fault::Refused(refused.error)),
            Err(_) => Err(Fault::Unknown(why::GARBAGE)),
        },
    }
}

fn hexadecimal(byte: u8) -> [char; 2] {
    [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap_or('0'))
}
