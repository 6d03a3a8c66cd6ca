//! How one setting is read: what applies when it is absent, and the sentence when it is wrong. Secrets are never repeated.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use secrecy::SecretString;
use sqlx::postgres::PgConnectOptions;

use crate::config::Mode;
use crate::domain::purchase::Environment;
use crate::domain::terms::Settlement;
use crate::storage::databases::MAIN;

/// What applies when a setting is absent or empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// It must be set.
    Needed,
    /// It may be absent.
    Nothing,
    Means(&'static str),
    /// In dev mode; in prod it must be set.
    InDev(&'static str),
    /// In dev mode; in prod it may be absent.
    OnlyInDev(&'static str),
    /// In dev and in prod.
    PerMode(&'static str, &'static str),
}

impl Absent {
    /// The text to read instead.
    pub fn within(self, mode: Mode) -> Option<&'static str> {
        match (self, mode) {
            (Self::Needed, _) | (Self::InDev(_), Mode::Prod) => None,
            (Self::Nothing, _) | (Self::OnlyInDev(_), Mode::Prod) => Some(""),
            (Self::Means(text), _)
            | (Self::InDev(text) | Self::OnlyInDev(text) | Self::PerMode(text, _), Mode::Dev)
            | (Self::PerMode(_, text), Mode::Prod) => Some(text),
        }
    }
}

/// The secrets that a file may hold instead of the environment, by the variable that names it.
pub const SECRETS: &[&str] = &[
    "NBBANG_MAIN_DATABASE_URL_FILE",
    "NBBANG_PARTY_DATABASE_URLS_FILE",
    "NBBANG_REDIS_URL_FILE",
    "NBBANG_TOSS_SECRET_KEY_FILE",
    "NBBANG_KAKAO_REST_API_KEY_FILE",
];

pub struct Reader<'a> {
    env: &'a dyn Fn(&str) -> Option<String>,
    mode: Mode,
    pub mistakes: Vec<String>,
}

impl<'a> Reader<'a> {
    pub fn new(env: &'a dyn Fn(&str) -> Option<String>) -> Self {
        let mut reader = Self { env, mode: Mode::Dev, mistakes: Vec::new() };
        // A wrong mode is told when the setting itself is read; until then the stricter one applies.
        reader.mode =
            reader.value("NBBANG_MODE").map_or(Mode::Dev, |text| mode(&text, Mode::Prod).unwrap_or(Mode::Prod));
        reader
    }

    pub fn get<T>(&mut self, name: &str, absent: Absent, read: impl Fn(&str, Mode) -> Result<T, String>) -> Option<T> {
        let value = match self.value_or_file(name) {
            Ok(value) => value,
            Err(sentence) => {
                self.mistake(&sentence);
                return None;
            }
        };
        let text = value.as_deref().or(absent.within(self.mode));
        let Some(text) = text else {
            let must = read("", self.mode).err().unwrap_or_else(|| "must be set".to_owned());
            self.mistake(&format!("{name} is missing; it {must}."));
            return None;
        };
        match read(text, self.mode) {
            Ok(value) => Some(value),
            Err(must) => {
                self.mistake(&format!("{name} {must}."));
                None
            }
        }
    }

    pub fn mistake(&mut self, sentence: &str) {
        self.mistakes.push(sentence.to_owned());
    }

    /// A secret may stand in a file that another variable names.
    fn value_or_file(&self, name: &str) -> Result<Option<String>, String> {
        let value = self.value(name);
        let Some(pointer) = SECRETS.iter().find(|pointer| pointer.strip_suffix("_FILE") == Some(name)) else {
            return Ok(value);
        };
        match (value, self.value(pointer)) {
            (value, None) => Ok(value),
            (Some(_), Some(_)) => Err(format!("{name} and {pointer} are both set; set one of them.")),
            (None, Some(file)) => match fs::read_to_string(&file) {
                Ok(text) => Ok(Some(text.trim().to_owned())),
                Err(error) => Err(format!("{pointer} names {file}, which cannot be read: {error}.")),
            },
        }
    }

    fn value(&self, name: &str) -> Option<String> {
        (self.env)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }
}

type Read<T> = Result<T, String>;

/// An absent value is none.
pub fn optional<T>(read: impl Fn(&str, Mode) -> Read<T>) -> impl Fn(&str, Mode) -> Read<Option<T>> {
    move |text, mode| if text.is_empty() { Ok(None) } else { read(text, mode).map(Some) }
}

/// Values separated by commas.
pub fn each<T>(read: impl Fn(&str, Mode) -> Read<T>) -> impl Fn(&str, Mode) -> Read<Vec<T>> {
    move |text, mode| parts(text).map(|part| read(part, mode)).collect()
}

/// As [`each`], and one at least.
pub fn some<T>(read: impl Fn(&str, Mode) -> Read<T>) -> impl Fn(&str, Mode) -> Read<Vec<T>> {
    move |text, mode| match parts(text).map(|part| read(part, mode)).collect::<Read<Vec<T>>>()? {
        none if none.is_empty() => read("", mode).map(|value| vec![value]),
        values => Ok(values),
    }
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

pub fn mode(text: &str, _: Mode) -> Read<Mode> {
    match text {
        "dev" => Ok(Mode::Dev),
        "prod" => Ok(Mode::Prod),
        _ => Err(format!("must be dev or prod, and is {text}")),
    }
}

pub fn address(text: &str, _: Mode) -> Read<SocketAddr> {
    text.parse().map_err(|_| format!("must be an IP address and a port, such as 127.0.0.1:8080, and is {text}"))
}

pub fn filter(text: &str, _: Mode) -> Read<String> {
    match tracing_subscriber::EnvFilter::builder().parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(format!("must be levels by module, such as info,nbbang=debug, and is {text}")),
    }
}

pub fn database_url(text: &str, _: Mode) -> Read<SecretString> {
    let scheme = text.starts_with("postgres://") || text.starts_with("postgresql://");
    let named = PgConnectOptions::from_str(text).is_ok_and(|options| options.get_database().is_some());
    if scheme && named { Ok(text.into()) } else { Err(format!("must be {DATABASE_URL}")) }
}

const DATABASE_URL: &str = "the address of a PostgreSQL database, such as postgres://user:password@host:5432/name (with % codes for special characters)";

pub fn party_urls(text: &str, mode: Mode) -> Read<Vec<(String, SecretString)>> {
    let form = "must be name=url of each party database, separated by commas, such as \
                party_a=postgres://user:password@host:5432/name";
    let mut databases: Vec<(String, SecretString)> = Vec::new();
    let mut seen = Vec::new();
    for part in parts(text) {
        let (name, url) = part.split_once('=').ok_or(form)?;
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !(1..=32).contains(&name.len()) || !name.chars().all(word) || name == MAIN {
            return Err(format!("{form}; a name has 1 to 32 of a-z, 0-9 and _, and is not `{MAIN}`"));
        }
        let secret = database_url(url, mode).map_err(|_| format!("must have for {name} {DATABASE_URL}"))?;
        if databases.iter().any(|(other, _)| other == name) {
            return Err(format!("has the name {name} twice; each party database has a name of its own"));
        }
        if seen.contains(&url) {
            return Err(format!("gives {name} the address of another; each name is a database of its own"));
        }
        seen.push(url);
        databases.push((name.to_owned(), secret));
    }
    if databases.is_empty() { Err(form.to_owned()) } else { Ok(databases) }
}

pub fn redis_url(text: &str, _: Mode) -> Read<SecretString> {
    if text.starts_with("redis://") || text.starts_with("rediss://") {
        Ok(text.into())
    } else {
        Err("must be an address such as redis://host:6379".to_owned())
    }
}

/// A provider's base URL, without a slash at the end. In prod it is no simulator's.
pub fn provider(text: &str, mode: Mode) -> Read<String> {
    let form = "must be an address such as https://api.example.com";
    let url = reqwest::Url::parse(text).map_err(|_| form)?;
    let host = url.host_str().filter(|_| matches!(url.scheme(), "http" | "https")).ok_or(form)?;
    if mode == Mode::Prod && (url.scheme() != "https" || is_here(host)) {
        return Err("must be the provider's own https address in prod, and is a simulator's".to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// An address for the public, without a slash at the end. In prod it is one that the public can reach.
pub fn site(text: &str, mode: Mode) -> Read<String> {
    let form = "must be the https address that the public knows, such as https://nbbang.example.com";
    let url = reqwest::Url::parse(text).map_err(|_| form)?;
    let host = url.host_str().filter(|_| matches!(url.scheme(), "http" | "https")).ok_or(form)?;
    if mode == Mode::Prod && (url.scheme() != "https" || is_here(host)) {
        return Err(form.to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

pub fn ios_app(text: &str, _: Mode) -> Read<String> {
    let is_good = text.split_once('.').is_some_and(|(team, bundle)| {
        team.len() == 10 && team.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()) && is_dotted(bundle)
    });
    let form = "must be the team's id and the bundle id, such as ABCDE12345.app.nbbang";
    if is_good { Ok(text.to_owned()) } else { Err(form.to_owned()) }
}

pub fn android_app(text: &str, _: Mode) -> Read<String> {
    if is_dotted(text) { Ok(text.to_owned()) } else { Err("must be a package such as app.nbbang".to_owned()) }
}

fn is_dotted(name: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    name.split('.').all(part)
}

/// Of a certificate, as Android writes it.
pub fn fingerprint(text: &str, _: Mode) -> Read<String> {
    let bytes: Vec<&str> = text.split(':').collect();
    let is_good = bytes.len() == 32 && bytes.iter().all(|byte| byte.len() == 2 && u8::from_str_radix(byte, 16).is_ok());
    let form = "must be SHA-256 fingerprints of 32 bytes in hex, such as 14:6D:E9:…, separated by commas";
    if is_good { Ok(text.to_ascii_uppercase()) } else { Err(form.to_owned()) }
}

fn is_here(host: &str) -> bool {
    let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || host.ends_with(".localhost") || ip.is_ok_and(|ip| ip.is_loopback() || ip.is_unspecified())
}

pub fn toss_key(key: &str, mode: Mode) -> Read<SecretString> {
    let test = key.starts_with("test_");
    if mode == Mode::Prod && test {
        return Err("must be the live secret key in prod, and is a test key, with which nobody pays".to_owned());
    }
    if test || key.starts_with("live_") {
        Ok(key.into())
    } else {
        Err("must be the secret key from Toss Payments' developer centre, which begins with live_ or test_".to_owned())
    }
}

pub fn kakao_key(key: &str, mode: Mode) -> Read<SecretString> {
    if mode == Mode::Prod && (key.is_empty() || key.starts_with("simulator")) {
        return Err("must be the REST API key of the app in Kakao Developers".to_owned());
    }
    text(key, mode).map(SecretString::from)
}

pub fn text(text: &str, _: Mode) -> Read<String> {
    if text.contains(char::is_whitespace) { Err("must have no spaces in it".to_owned()) } else { Ok(text.to_owned()) }
}

pub fn file(text: &str, _: Mode) -> Read<PathBuf> {
    if text.is_empty() { Err("must name a file".to_owned()) } else { Ok(text.into()) }
}

pub fn number(text: &str, _: Mode) -> Read<i64> {
    text.parse().map_err(|_| format!("must be a number, and is {text}"))
}

pub fn percent(text: &str, _: Mode) -> Read<u8> {
    text.parse().ok().filter(|percent| *percent <= 100).ok_or_else(|| format!("must be 0 to 100, and is {text}"))
}

/// A collector is often on the same machine, so any address will do.
pub fn collector(text: &str, _: Mode) -> Read<String> {
    let form = "must be an address such as http://127.0.0.1:4318";
    let url = reqwest::Url::parse(text).map_err(|_| form)?;
    url.host_str().filter(|_| matches!(url.scheme(), "http" | "https")).ok_or(form)?;
    Ok(text.trim_end_matches('/').to_owned())
}

pub fn switch(text: &str, _: Mode) -> Read<bool> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(format!("must be on or off, and is {text}")),
    }
}

/// Some addresses, such as `10.0.0.0/8` or a single one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: u128,
    bits: u32,
}

impl Network {
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().ok()?;
        // An IPv4 network lies in the last 32 bits of the mapped one.
        let least = if address.is_ipv4() { 96 } else { 0 };
        let bits = bits.map_or(Some(128), |bits| bits.parse::<u32>().ok()?.checked_add(least))?;
        (bits <= 128).then(|| Self { address: wide(address), bits })
    }

    pub fn contains(self, address: IpAddr) -> bool {
        (self.address ^ wide(address)).checked_shr(128 - self.bits).unwrap_or(0) == 0
    }
}

fn wide(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

pub fn network(text: &str, _: Mode) -> Read<Network> {
    Network::parse(text)
        .ok_or_else(|| format!("must be networks such as 10.0.0.0/8, separated by commas, and has {text}"))
}

pub fn settlement(text: &str, _: Mode) -> Read<Settlement> {
    Settlement::from_word(text)
        .ok_or_else(|| format!("must be prepaid, transfer or both, separated by a comma, and is {text}"))
}

pub fn words(text: &str, _: Mode) -> Read<Vec<Environment>> {
    let word = |part: &str| {
        let told = || format!("must be production, sandbox or both, separated by commas, and has {part}");
        Environment::from_word(part).ok_or_else(told)
    };
    parts(text).map(word).collect()
}
