//! Access tokens: Ed25519 JWTs, signed by the first key and verified by any; not the sessions behind them.

use std::collections::HashMap;
use std::sync::Mutex;

use jsonwebtoken::jwk::{Jwk, JwkSet, KeyOperations, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use time::Duration;

use crate::domain::Time;
use crate::domain::error::{Code, Error, Result};
use crate::domain::id::Id;
use crate::domain::user::User;
use crate::storage::auth::Session;

/// How long an access token is good for.
pub const LIFETIME: Duration = Duration::minutes(15);

const ISSUER: &str = "nbbang";

/// How many verified tokens are remembered; a signature costs more than the rest of a cached read.
const REMEMBERED: usize = 10_000;

pub struct Keys {
    signing: EncodingKey,
    header: Header,
    verifying: HashMap<String, DecodingKey>,
    validation: Validation,
    public: JwkSet,
    seen: Mutex<HashMap<Box<str>, Access>>,
}

/// What a good access token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    pub user_id: Id<User>,
    pub session_id: Id<Session>,
    pub expires_at: i64,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: Id<User>,
    sid: Id<Session>,
    iat: i64,
    exp: i64,
}

impl Keys {
    /// From private keys in PKCS #8 DER. Their ids are their thumbprints (RFC 7638). Says which key is not good.
    pub fn from_pkcs8(ders: &[impl AsRef<[u8]>]) -> Result<Self, String> {
        let mut keys = Vec::new();
        for (index, der) in ders.iter().enumerate() {
            let key = key(der.as_ref());
            keys.push(key.map_err(|e| format!("key {} is no Ed25519 private key in PKCS #8: {e}", index + 1))?);
        }
        let public = JwkSet { keys: keys.iter().map(|(_, _, jwk)| jwk.clone()).collect() };
        let kid = |jwk: &Jwk| jwk.common.key_id.clone().unwrap_or_default();
        let mut verifying = HashMap::new();
        for (_, decoding, jwk) in &keys {
            verifying.insert(kid(jwk), decoding.clone());
        }
        let (signing, _, jwk) = keys.into_iter().next().ok_or("there is no key")?;
        let header = Header { kid: Some(kid(&jwk)), ..Header::new(Algorithm::EdDSA) };
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["iss", "sub", "exp"]);
        validation.validate_exp = false; // Ours to judge, by the caller's time.
        Ok(Self { signing, header, verifying, validation, public, seen: Mutex::default() })
    }

    /// The public keys, for `/.well-known/jwks.json`.
    pub fn public(&self) -> &JwkSet {
        &self.public
    }

    /// An access token.
    pub fn sign(&self, user: Id<User>, session: Id<Session>, now: Time) -> Result<String> {
        let iat = now.unix_timestamp();
        let exp = iat + LIFETIME.whole_seconds();
        let claims = Claims { iss: ISSUER.to_owned(), sub: user, sid: session, iat, exp };
        jsonwebtoken::encode(&self.header, &claims, &self.signing).map_err(|e| Error::internal(Code::Internal, e))
    }

    /// Whose token it is, if it is one of ours and good at `now`.
    pub fn verify(&self, token: &str, now: Time) -> Result<Access> {
        let remembered = self.seen.lock().ok().and_then(|seen| seen.get(token).copied());
        let access = match remembered {
            Some(access) => access,
            None => self.verify_signature(token)?,
        };
        if now.unix_timestamp() >= access.expires_at {
            return Err(Code::TokenExpired.into());
        }
        if remembered.is_none()
            && let Ok(mut seen) = self.seen.lock()
        {
            if seen.len() >= REMEMBERED {
                seen.clear();
            }
            seen.insert(token.into(), access);
        }
        Ok(access)
    }

    fn verify_signature(&self, token: &str) -> Result<Access> {
        let refused = |e| Error::internal(Code::Unauthenticated, e);
        let header = jsonwebtoken::decode_header(token).map_err(refused)?;
        let key = header.kid.and_then(|kid| self.verifying.get(&kid)).ok_or(Code::Unauthenticated)?;
        let claims = jsonwebtoken::decode::<Claims>(token, key, &self.validation).map_err(refused)?.claims;
        Ok(Access { user_id: claims.sub, session_id: claims.sid, expires_at: claims.exp })
    }
}

fn key(der: &[u8]) -> jsonwebtoken::errors::Result<(EncodingKey, DecodingKey, Jwk)> {
    let signing = EncodingKey::from_ed_der(der);
    let mut jwk = Jwk::from_encoding_key(&signing, Algorithm::EdDSA)?;
    jwk.common.key_id = Some(jwk.thumbprint(ThumbprintHash::SHA256)?);
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    jwk.common.key_operations = Some(vec![KeyOperations::Verify]);
    let verifying = DecodingKey::from_jwk(&jwk)?;
    Ok((signing, verifying, jwk))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use time::macros::datetime;

    const NOW: Time = datetime!(2026-11-24 12:00 UTC);

    fn new_key() -> Vec<u8> {
        let pair = aws_lc_rs::signature::Ed25519KeyPair::generate().unwrap();
        pair.to_pkcs8v1().unwrap().as_ref().to_vec()
    }

    fn keys(ders: &[&[u8]]) -> Keys {
        Keys::from_pkcs8(ders).unwrap()
    }

    fn sign(keys: &Keys) -> String {
        keys.sign(Id::from_raw(7), Id::from_raw(9), NOW).unwrap()
    }

    fn refusal(keys: &Keys, token: &str) -> Code {
        keys.verify(token, NOW).unwrap_err().code
    }

    #[test]
    fn a_token_is_good_for_15_minutes() {
        let keys = keys(&[&new_key()]);
        let token = sign(&keys);
        for _ in 0..2 {
            let access = keys.verify(&token, NOW).unwrap();
            assert_eq!((access.user_id.raw(), access.session_id.raw()), (7, 9));
            assert!(keys.verify(&token, NOW + Duration::seconds(899)).is_ok());
            assert_eq!(keys.verify(&token, NOW + LIFETIME).unwrap_err().code, Code::TokenExpired);
        }
    }

    #[test]
    fn keys_overlap_while_they_are_rotated() {
        let (old, new) = (new_key(), new_key());
        let (before, during, after) = (keys(&[&old]), keys(&[&new, &old]), keys(&[&new]));
        assert!(during.verify(&sign(&before), NOW).is_ok());
        assert!(after.verify(&sign(&during), NOW).is_ok());
        assert_eq!(refusal(&after, &sign(&before)), Code::Unauthenticated);
        assert_eq!(during.public().keys.len(), 2);
    }

    #[test]
    fn what_we_did_not_sign_is_refused() {
        let keys = keys(&[&new_key()]);
        let token = sign(&keys);
        let parts: Vec<_> = token.split('.').collect();
        let encode = |json: &str| BASE64_URL_SAFE_NO_PAD.encode(json);
        let kid = keys.header.kid.clone().unwrap();
        let other_claims = encode(r#"{"iss":"nbbang","sub":"8","sid":"9","iat":0,"exp":9999999999}"#);
        for forged in [
            String::new(),
            "a.b.c".to_owned(),
            format!("{}.{other_claims}.{}", parts[0], parts[2]),
            format!("{}.{}.", parts[0], parts[1]),
            format!("{}.{other_claims}.", encode(&format!(r#"{{"alg":"none","kid":"{kid}"}}"#))),
            format!("{}.{other_claims}.{}", encode(&format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#)), parts[2]),
            format!("{}.{}.{}", encode(r#"{"alg":"EdDSA"}"#), parts[1], parts[2]),
        ] {
            assert_eq!(refusal(&keys, &forged), Code::Unauthenticated, "{forged}");
        }
    }

    /// The example of RFC 8037, appendix A.1 to A.3.
    #[test]
    fn a_key_is_named_by_its_thumbprint() {
        let der = [
            &[0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20][..],
            &BASE64_URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap(),
        ];
        let jwks = serde_json::to_value(keys(&[&der.concat()]).public()).unwrap();
        assert_eq!(jwks["keys"][0]["x"], "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert_eq!(jwks["keys"][0]["kid"], "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert!(jwks["keys"][0].get("d").is_none());
    }

    #[test]
    fn a_bad_key_is_told() {
        let Err(message) = Keys::from_pkcs8(&["not a key"]) else { panic!("taken") };
        assert!(message.starts_with("key 1 is no Ed25519"), "{message}");
        assert!(Keys::from_pkcs8(&[] as &[&str]).is_err());
    }
}
