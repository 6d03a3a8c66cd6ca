//! The keys that the two hand out to developers, and whether a token was made with them.

use std::sync::OnceLock;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{KeyPair, PublicKeyData};
use serde_json::Value;

pub const CLIENT_EMAIL: &str = "push@nbbang-simulator.iam.gserviceaccount.com";
pub const RSA_KEY_ID: &str = "5f1d0c3b9a2e4f6087c1d2e3f4a5b6c7d8e9f001";

pub struct EcKey {
    pair: KeyPair,
}

impl EcKey {
    pub fn new() -> Result<Self, String> {
        KeyPair::generate().map(|pair| Self { pair }).map_err(|e| format!("A key could not be made: {e}."))
    }

    /// The `.p8` file.
    pub fn pem(&self) -> String {
        pem(self.pair.serialized_der())
    }

    /// Header and claims of a token that was signed with it.
    pub fn opened(&self, token: &str) -> Option<(Value, Value)> {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.pair.der_bytes());
        opened(token, |signed, signature| key.verify(signed, signature).is_ok())
    }
}

/// Made when it is first asked for, which takes a while.
#[derive(Default)]
pub struct RsaKey {
    pair: OnceLock<RsaKeyPair>,
}

impl RsaKey {
    fn pair(&self) -> Result<&RsaKeyPair, String> {
        if self.pair.get().is_none() {
            let made = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|e| format!("A key could not be made: {e}."))?;
            // Another may have been quicker.
            let _ = self.pair.set(made);
        }
        self.pair.get().ok_or_else(|| "There is no key.".to_owned())
    }

    pub fn pem(&self) -> Result<String, String> {
        let der = AsDer::<Pkcs8V1Der<'_>>::as_der(self.pair()?);
        der.map(|der| pem(der.as_ref())).map_err(|e| format!("A key could not be written: {e}."))
    }

    /// Header and claims of a token that was signed with it.
    pub fn opened(&self, token: &str) -> Option<(Value, Value)> {
        let pair = self.pair().ok()?;
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref());
        opened(token, |signed, signature| key.verify(signed, signature).is_ok())
    }
}

fn pem(der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let lines: Vec<&str> = body.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}

fn opened(token: &str, is_signed: impl Fn(&[u8], &[u8]) -> bool) -> Option<(Value, Value)> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let json = |segment: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(segment).ok()?).ok();
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    is_signed(signed.as_bytes(), &signature).then_some((json(header)?, json(claims)?))
}
