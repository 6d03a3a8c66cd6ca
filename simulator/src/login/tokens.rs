//! Identity tokens as the issuers sign them, and forgeries by name.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::Issuer;
use super::keys::{Key, Keys};

/// How long Apple's tokens are good; Kakao's are good for hours.
const LIFETIME_S: i64 = 600;

/// Who signs in, to what, and what is wrong with the token.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    pub provider: Issuer,
    pub subject: String,
    #[serde(default = "audience")]
    audience: String,
    /// As the app made it; Apple's apps send its SHA-256 in hexadecimal to Apple, and so does this.
    nonce: Option<String>,
    nickname: Option<String>,
    email: Option<String>,
    tamper: Option<Tamper>,
}

fn audience() -> String {
    "app.nbbang.dev".to_owned()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tamper {
    Expired,
    NoExpiry,
    IssuedInTheFuture,
    WrongIssuer,
    NoAudience,
    WrongNonce,
    NoSubject,
    /// The payload was changed after it was signed.
    ChangedPayload,
    NoSignature,
    AlgNone,
    /// Signed by HMAC with the public key's text as the secret.
    AlgHs256,
    /// A key id that nobody has.
    UnknownKey,
    NoKeyId,
    /// Our key id, but signed by somebody else's key.
    ForeignKey,
    /// An extension that has to be understood.
    Critical,
}

pub fn token(keys: &mut Keys, wanted: &Wanted, now: OffsetDateTime) -> Result<String, String> {
    let public = keys.public()?.to_string();
    let key = keys.newest()?;
    let mut header = Header { kid: Some(key.kid.clone()), ..Header::new(Algorithm::RS256) };
    let claims = claims(wanted, now.unix_timestamp());
    let sign = |header: &Header, key: &EncodingKey| {
        jsonwebtoken::encode(header, &claims, key).map_err(|error| format!("The token cannot be signed: {error}."))
    };
    match wanted.tamper {
        Some(Tamper::UnknownKey) => header.kid = Some("NOBODY".to_owned()),
        Some(Tamper::NoKeyId) => header.kid = None,
        Some(Tamper::Critical) => header.crit = Some(vec!["exp".to_owned()]),
        Some(Tamper::ForeignKey) => {
            let foreign = Key::new(key.kid.clone()).map_err(|error| error.to_string())?;
            return sign(&header, &foreign.signing);
        }
        Some(Tamper::AlgHs256) => {
            header.alg = Algorithm::HS256;
            return sign(&header, &EncodingKey::from_secret(public.as_bytes()));
        }
        Some(Tamper::AlgNone) => {
            let header = json!({"alg": "none", "kid": key.kid});
            return Ok(format!("{}.{}.", part(&header), part(&claims)));
        }
        _ => {}
    }
    let token = sign(&header, &key.signing)?;
    let (signed, signature) = token.rsplit_once('.').unwrap_or_default();
    Ok(match wanted.tamper {
        Some(Tamper::NoSignature) => format!("{signed}."),
        Some(Tamper::ChangedPayload) => {
            let mut claims = claims;
            claims.insert("sub".to_owned(), json!("somebody-else"));
            format!("{}.{}.{signature}", signed.split('.').next().unwrap_or_default(), part(&claims))
        }
        _ => token,
    })
}

fn claims(wanted: &Wanted, now: i64) -> Map<String, Value> {
    let mut claims = Map::from_iter([
        ("iss".to_owned(), json!(wanted.provider.name())),
        ("aud".to_owned(), json!(wanted.audience)),
        ("sub".to_owned(), json!(wanted.subject)),
        ("iat".to_owned(), json!(now)),
        ("exp".to_owned(), json!(now + LIFETIME_S)),
        ("auth_time".to_owned(), json!(now)),
    ]);
    let mut set = |name: &str, value: Value| drop(claims.insert(name.to_owned(), value));
    if let Some(nonce) = &wanted.nonce {
        set(
            "nonce",
            json!(match wanted.provider {
                Issuer::Apple => hexadecimal(digest(&SHA256, nonce.as_bytes()).as_ref()),
                Issuer::Kakao => nonce.clone(),
            }),
        );
    }
    if let Some(email) = &wanted.email {
        set("email", json!(email));
        set("email_verified", json!(true));
    }
    if let Some(nickname) = wanted.nickname.as_ref().filter(|_| wanted.provider == Issuer::Kakao) {
        set("nickname", json!(nickname));
    }
    match wanted.tamper {
        Some(Tamper::Expired) => {
            set("iat", json!(now - 7200));
            set("exp", json!(now - 3600));
        }
        Some(Tamper::IssuedInTheFuture) => set("iat", json!(now + 3600)),
        Some(Tamper::WrongIssuer) => set("iss", json!("https://appleid.apple.com.evil.example")),
        Some(Tamper::WrongNonce) => set("nonce", json!("of another sign-in")),
        _ => {}
    }
    let gone = match wanted.tamper {
        Some(Tamper::NoExpiry) => "exp",
        Some(Tamper::NoAudience) => "aud",
        Some(Tamper::NoSubject) => "sub",
        _ => "",
    };
    claims.remove(gone);
    claims
}

fn part(json: &impl Serialize) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(json!(json).to_string())
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
