//! The files of our own keys: made in dev mode when they are missing, read and looked at before anything starts.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::EncodingKey;
use secrecy::{ExposeSecret, SecretBox, SecretSlice, SecretString};
use serde::Deserialize;

use crate::config::read::provider;
use crate::config::{Config, Mode};

pub const DEV_JWT: &str = ".dev/jwt.pem";
pub const DEV_DATA: &str = ".dev/data.key";

/// What the key files hold; in each list the first is the one that signs or encrypts.
#[derive(Debug)]
pub struct Keys {
    /// Ed25519 private keys, PKCS#8 DER.
    pub jwt: Vec<SecretSlice<u8>>,
    pub data: Vec<SecretBox<[u8; 32]>>,
    /// PEM, as Apple gives it.
    pub apple_login: Option<SecretSlice<u8>>,
    /// Likewise.
    pub app_store_api: Option<SecretSlice<u8>>,
    /// Likewise.
    pub apns: Option<SecretSlice<u8>>,
    pub fcm: Option<ServiceAccount>,
}

/// The file of a service account, as Google gives it, as far as we need it.
#[derive(Debug, Deserialize)]
pub struct ServiceAccount {
    pub project_id: String,
    pub private_key_id: String,
    /// An RSA key, PEM.
    pub private_key: SecretString,
    pub client_email: String,
    pub token_uri: String,
}

/// Reads the key files; in dev mode it makes those of `.dev/` first, if they are not there.
pub fn load(config: &Config) -> Result<Keys, Vec<String>> {
    let mut mistakes = Vec::new();
    if config.is_dev() {
        let made = [(&config.keys.jwt, DEV_JWT, new_jwt as fn() -> _), (&config.keys.data, DEV_DATA, new_data)];
        for (files, path, new) in made {
            let wanted = files.iter().any(|file| file == Path::new(path));
            if wanted && let Err(error) = make(Path::new(path), new) {
                mistakes.push(format!("The key file {path} cannot be made: {error}. Make the folder writable."));
            }
        }
    }
    let mut gather = |name: &str, file: &Path, error: String| {
        mistakes.push(format!("The key file {} of {name} {error}.", file.display()));
    };
    let mut keys =
        Keys { jwt: Vec::new(), data: Vec::new(), apple_login: None, app_store_api: None, apns: None, fcm: None };
    for file in &config.keys.jwt {
        match read(file).and_then(|content| jwt(&content)) {
            Ok(key) => keys.jwt.push(key),
            Err(error) => gather("NBBANG_JWT_KEY_FILES", file, error),
        }
    }
    for file in &config.keys.data {
        match read(file).and_then(|content| data(&content)) {
            Ok(key) => keys.data.push(key),
            Err(error) => gather("NBBANG_DATA_KEY_FILES", file, error),
        }
    }
    if let Some(file) = &config.apple_login.key_file {
        match read(file).and_then(p8) {
            Ok(key) => keys.apple_login = Some(key),
            Err(error) => gather("NBBANG_APPLE_LOGIN_KEY_FILE", file, error),
        }
    }
    if let Some(file) = &config.app_store.api_key_file {
        match read(file).and_then(p8) {
            Ok(key) => keys.app_store_api = Some(key),
            Err(error) => gather("NBBANG_APP_STORE_API_KEY_FILE", file, error),
        }
    }
    if let Some(file) = &config.apns.key_file {
        match read(file).and_then(p8) {
            Ok(key) => keys.apns = Some(key),
            Err(error) => gather("NBBANG_APNS_KEY_FILE", file, error),
        }
    }
    if let Some(file) = &config.fcm.credentials_file {
        match read(file).and_then(|content| service_account(&content, config.process.mode)) {
            Ok(account) => keys.fcm = Some(account),
            Err(error) => gather("NBBANG_FCM_CREDENTIALS_FILE", file, error),
        }
    }
    if mistakes.is_empty() { Ok(keys) } else { Err(mistakes) }
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    fs::read(file).map_err(|error| format!("cannot be read: {error}"))
}

fn jwt(content: &[u8]) -> Result<SecretSlice<u8>, String> {
    let must = "must be an Ed25519 key in PEM (`openssl genpkey -algorithm ed25519` makes one)";
    let text = std::str::from_utf8(content).map_err(|_| must)?;
    let body = text.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END)).ok_or(must)?.0;
    let der = STANDARD.decode(body.split_whitespace().collect::<String>()).map_err(|_| must)?;
    Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map_err(|_| must)?;
    Ok(der.into())
}

fn data(content: &[u8]) -> Result<SecretBox<[u8; 32]>, String> {
    let key: [u8; 32] = content.try_into().map_err(|_| {
        format!("must hold 32 random bytes (`head -c 32 /dev/urandom` makes them) and holds {}", content.len())
    })?;
    Ok(SecretBox::new(Box::new(key)))
}

/// A key of the kind that Apple gives to developers.
fn p8(content: Vec<u8>) -> Result<SecretSlice<u8>, String> {
    match EncodingKey::from_ec_pem(&content) {
        Ok(_) => Ok(content.into()),
        Err(_) => Err("must be the .p8 file as Apple gives it (an EC key in PEM)".to_owned()),
    }
}

fn service_account(content: &[u8], mode: Mode) -> Result<ServiceAccount, String> {
    let must = "must be the JSON file of a service account, as Google gives it";
    let account: ServiceAccount = serde_json::from_slice(content).map_err(|_| must)?;
    EncodingKey::from_rsa_pem(account.private_key.expose_secret().as_bytes()).map_err(|_| must)?;
    provider(&account.token_uri, mode).map_err(|why| format!("has a token_uri that {why}"))?;
    Ok(account)
}

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

fn new_jwt() -> io::Result<Vec<u8>> {
    let key = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).map_err(io::Error::other)?;
    Ok(format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode(key)).into_bytes())
}

fn new_data() -> io::Result<Vec<u8>> {
    let mut key = vec![0; 32];
    SystemRandom::new().fill(&mut key).map_err(io::Error::other)?;
    Ok(key)
}

/// Several processes may start at once: each writes a file of its own and links it to the name, which only one can.
fn make(path: &Path, new: impl Fn() -> io::Result<Vec<u8>>) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut random = [0; 8];
    SystemRandom::new().fill(&mut random).map_err(io::Error::other)?;
    let own = path.with_added_extension(format!("{:x}", u64::from_le_bytes(random)));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&own)?;
    let linked = file.write_all(&new()?).and_then(|()| file.sync_all()).and_then(|()| fs::hard_link(&own, path));
    drop(fs::remove_file(&own));
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_only_for_us() {
        let folder = std::env::temp_dir().join(format!("nbbang-keys-{}", std::process::id()));
        let path = folder.join("data.key");
        let made: Vec<Vec<u8>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        make(&path, new_data).unwrap();
                        fs::read(&path).unwrap()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        make(&path, new_data).unwrap();
        assert!(made.iter().all(|key| *key == fs::read(&path).unwrap() && key.len() == 32));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing else is left");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_service_account_is_googles_and_in_prod_asks_google() {
        use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
        use aws_lc_rs::rsa::{KeyPair, KeySize};

        let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&key).unwrap();
        let pem = format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode(der.as_ref()));
        let read = |token_uri: &str, private_key: &str, mode| {
            let file = serde_json::json!({
                "type": "service_account", "project_id": "p", "private_key_id": "k", "client_email": "a@b",
                "private_key": private_key, "token_uri": token_uri,
            });
            service_account(file.to_string().as_bytes(), mode).map(|account| account.project_id)
        };
        let googles = "https://oauth2.googleapis.com/token";
        assert_eq!(read(googles, &pem, Mode::Prod).as_deref(), Ok("p"));
        let simulators = "http://127.0.0.1:8090/fcm/token";
        assert!(read(simulators, &pem, Mode::Dev).is_ok());
        assert!(read(simulators, &pem, Mode::Prod).unwrap_err().contains("a simulator's"));
        assert!(read(googles, "no key", Mode::Dev).is_err());
        assert!(service_account(b"{}", Mode::Dev).is_err());
    }

    #[test]
    fn keys_are_what_they_should_be() {
        assert!(jwt(&new_jwt().unwrap()).is_ok());
        assert!(jwt(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----").is_err());
        assert!(jwt(b"\xff").is_err());
        assert_eq!(data(&[7; 32]).unwrap().expose_secret(), &[7; 32]);
        assert!(data(&[7; 31]).is_err());
    }
}
