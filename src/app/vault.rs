//! Personal data at rest: sealed with AES-256-GCM under the first data key, opened under whichever key sealed it.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::app::random_bytes;
use crate::domain::error::{Code, Error, Result};
use crate::domain::id::Id;

pub struct Vault {
    keys: Vec<DataKey>,
}

struct DataKey {
    /// Of what it sealed: the beginning of the key's hash.
    name: String,
    key: LessSafeKey,
}

impl Vault {
    /// The first key seals, all open. None if there is no key.
    pub fn new(keys: &[[u8; 32]]) -> Option<Self> {
        let keys: Option<Vec<DataKey>> = keys.iter().map(DataKey::new).collect();
        keys.filter(|keys| !keys.is_empty()).map(|keys| Self { keys })
    }

    /// A secret, readable only as that owner's: a party's, a user's.
    pub fn seal<O>(&self, owner: Id<O>, secret: &impl Serialize) -> Result<String> {
        let failed = |what: &str| Error::internal(Code::Internal, format_args!("a secret could not be sealed: {what}"));
        let key = self.keys.first().ok_or_else(|| failed("no key"))?;
        let mut text = serde_json::to_vec(secret).map_err(|_| failed("json"))?;
        let nonce: [u8; NONCE_LEN] = random_bytes()?;
        key.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad(owner), &mut text)
            .map_err(|_| failed("aead"))?;
        let bytes = [nonce.as_slice(), &text].concat();
        Ok(format!("{}.{}", key.name, BASE64_STANDARD_NO_PAD.encode(bytes)))
    }

    pub fn open<O, S: DeserializeOwned>(&self, owner: Id<O>, sealed: &str) -> Result<S> {
        self.try_open(owner, sealed)
            .ok_or_else(|| Error::internal(Code::Internal, "a secret cannot be opened: is its data key still there?"))
    }

    fn try_open<O, S: DeserializeOwned>(&self, owner: Id<O>, sealed: &str) -> Option<S> {
        let (name, text) = sealed.split_once('.')?;
        let key = self.keys.iter().find(|key| key.name == name)?;
        let mut bytes = BASE64_STANDARD_NO_PAD.decode(text).ok()?;
        let (nonce, text) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let secret = key.key.open_in_place(nonce, aad(owner), text).ok()?;
        serde_json::from_slice(secret).ok()
    }
}

/// Ids are unique whatever they are of, so an owner's number is enough.
fn aad<O>(owner: Id<O>) -> Aad<[u8; 8]> {
    Aad::from(owner.raw().to_be_bytes())
}

impl DataKey {
    fn new(bytes: &[u8; 32]) -> Option<Self> {
        let hash = digest(&SHA256, bytes);
        let start: [u8; 4] = hash.as_ref().first_chunk().copied()?;
        let name = format!("{:08x}", u32::from_be_bytes(start));
        Some(Self { name, key: LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).ok()?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::party::Party;
    use crate::domain::terms::TransferAccount;

    fn id(raw: i64) -> Id<Party> {
        Id::from_raw(raw)
    }

    fn open(vault: &Vault, owner: i64, sealed: &str) -> Result<TransferAccount> {
        vault.open(id(owner), sealed)
    }

    #[test]
    fn an_account_is_opened_by_its_key_and_as_its_partys_only() {
        let account = TransferAccount { bank: "은행".into(), number: "123456".into(), holder: "민아".into() };
        let old = Vault::new(&[[1; 32]]).unwrap();
        let rotated = Vault::new(&[[2; 32], [1; 32]]).unwrap();
        let other = Vault::new(&[[2; 32]]).unwrap();
        let sealed = old.seal(id(1), &account).unwrap();
        assert!(!sealed.contains("123456"));
        assert_ne!(sealed, old.seal(id(1), &account).unwrap(), "no nonce twice");
        assert_eq!(open(&rotated, 1, &sealed).unwrap(), account);
        assert!(open(&rotated, 2, &sealed).is_err(), "another party's");
        assert!(open(&other, 1, &sealed).is_err(), "without its key");
        for broken in ["", "x", "x.y", &sealed[..sealed.len() - 2]] {
            assert!(open(&old, 1, broken).is_err(), "{broken}");
        }
    }
}
