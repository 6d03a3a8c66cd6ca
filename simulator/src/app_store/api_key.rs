//! The key of the Server API, as App Store Connect would hand it out, and whether a request's token was made with it.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{KeyPair, PublicKeyData};
use serde_json::Value;
use time::OffsetDateTime;

pub const KEY_ID: &str = "SIMULATOR1";
pub const ISSUER_ID: &str = "57246542-96fe-1a63-e053-0824d011072a";

const AUDIENCE: &str = "appstoreconnect-v1";
const LIFETIME_MAX_S: i64 = 3600;
/// Clocks differ.
const AHEAD_S: i64 = 60;

pub struct ApiKey {
    pair: KeyPair,
}

impl ApiKey {
    pub fn new() -> Result<Self, String> {
        KeyPair::generate().map(|pair| Self { pair }).map_err(|e| format!("A key could not be made: {e}."))
    }

    /// The `.p8` file.
    pub fn pem(&self) -> String {
        let body = STANDARD.encode(self.pair.serialized_der());
        let lines: Vec<&str> = body.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
    }

    /// The bundle id of a good token; a server's own clock makes tokens, so any of `times` will do.
    pub fn bundle_id(&self, authorization: Option<&str>, times: &[OffsetDateTime]) -> Option<String> {
        let token = authorization?.strip_prefix("Bearer ")?;
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let (header, claims) = (json(header)?, json(claims)?);
        let text = |of: &Value, name: &str| of.get(name).and_then(Value::as_str).map(str::to_owned);
        let well_headed = text(&header, "alg").as_deref() == Some("ES256")
            && text(&header, "typ").as_deref() == Some("JWT")
            && text(&header, "kid").as_deref() == Some(KEY_ID);
        let well_claimed =
            text(&claims, "iss").as_deref() == Some(ISSUER_ID) && text(&claims, "aud").as_deref() == Some(AUDIENCE);
        let seconds = |name: &str| claims.get(name).and_then(Value::as_i64);
        let (iat, exp) = (seconds("iat")?, seconds("exp")?);
        let is_timely = |now: &OffsetDateTime| {
            let now = now.unix_timestamp();
            iat <= now + AHEAD_S && now < exp && exp - iat <= LIFETIME_MAX_S
        };
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.pair.der_bytes());
        let is_signed = key.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).ok()?).is_ok();
        let is_good = well_headed && well_claimed && times.iter().any(is_timely) && is_signed;
        text(&claims, "bid").filter(|_| is_good)
    }
}

fn json(segment: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(segment).ok()?).ok()
}
