//! An issuer's RSA keys: made on first use, rotated on demand; old ones are shown until they are dropped.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

pub struct Key {
    pub kid: String,
    pub signing: EncodingKey,
    public: Value,
}

/// The newest last.
#[derive(Default)]
pub struct Keys {
    keys: Vec<Key>,
    made: u32,
}

impl Keys {
    /// The key that signs now.
    pub fn newest(&mut self) -> Result<&Key, String> {
        if self.keys.is_empty() {
            self.add()?;
        }
        self.keys.last().ok_or_else(|| "there is no key".to_owned())
    }

    /// From now on another key signs; the old ones are still shown, or not.
    pub fn rotate(&mut self, keep_old: bool) -> Result<(), String> {
        if !keep_old {
            self.keys.clear();
        }
        self.add()
    }

    fn add(&mut self) -> Result<(), String> {
        self.made += 1;
        let key = Key::new(format!("SIM{}", self.made)).map_err(|error| format!("No key could be made: {error}."))?;
        self.keys.push(key);
        Ok(())
    }

    /// The key set, as both issuers write it.
    pub fn public(&mut self) -> Result<Value, String> {
        self.newest()?;
        Ok(json!({ "keys": self.keys.iter().map(|key| &key.public).collect::<Vec<_>>() }))
    }
}

impl Key {
    pub fn new(kid: String) -> Result<Self, Box<dyn std::error::Error>> {
        let pair = KeyPair::generate(KeySize::Rsa2048)?;
        let pkcs8: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der()?;
        let signing = EncodingKey::from_rsa_der(inner(pkcs8.as_ref()).ok_or("no PKCS #1 key inside")?);
        let mut public = Jwk::from_encoding_key(&signing, Algorithm::RS256)?;
        public.common.key_id = Some(kid.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self { kid, signing, public: serde_json::to_value(public)? })
    }
}

/// The PKCS #1 key within PKCS #8: the content of the last OCTET STRING, whose length takes two bytes for a key of 2048 bits.
fn inner(pkcs8: &[u8]) -> Option<&[u8]> {
    let start = pkcs8.windows(2).position(|pair| pair == [0x04, 0x82])?;
    pkcs8.get(start + 4..)
}
