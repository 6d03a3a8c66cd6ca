//! The settings: read from the environment once, every mistake told at once; nothing else reads the environment.

pub mod keys;
mod read;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

pub use crate::config::read::Network;
use crate::config::read::{
    Absent::{self, InDev, Means, Needed, Nothing, OnlyInDev, PerMode},
    Reader, SECRETS, address, android_app, collector, database_url, each, file, filter, fingerprint, ios_app,
    kakao_key, mode, network, number, optional, party_urls, percent, provider, redis_url, settlement, site, some,
    switch, text, toss_key, words,
};
use crate::domain::purchase::Environment;
use crate::domain::terms::Settlement;
use crate::storage::databases::{Database, Databases, MAIN};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Dev,
    Prod,
}

/// `field: type = name, what applies when it is not set, how it is read`.
macro_rules! settings {
    ($($(#[$group_doc:meta])* $group:ident { $($(#[$doc:meta])* $field:ident: $type:ty = $name:literal, $absent:expr, $read:expr;)* })*) => {
        $(
            $(#[$group_doc])*
            #[derive(Clone, Debug)]
            pub struct $group { $($(#[$doc])* pub $field: $type),* }

            impl $group {
                fn read(reader: &mut Reader<'_>) -> Option<Self> {
                    $(let $field = reader.get($name, $absent, $read);)*
                    Some(Self { $($field: $field?),* })
                }
            }
        )*

        /// Every setting, and what applies when it is not set.
        pub const SETTINGS: &[(&str, Absent)] = &[$($(($name, $absent)),*),*];
    };
}

settings! {
    /// How the process runs.
    Process {
        mode: Mode = "NBBANG_MODE", Means("dev"), mode;
        /// Where the API listens.
        listen: SocketAddr = "NBBANG_LISTEN", Means("127.0.0.1:8080"), address;
        /// Where `/metrics` listens.
        ops_listen: SocketAddr = "NBBANG_OPS_LISTEN", Means("127.0.0.1:9090"), address;
        log: String = "NBBANG_LOG", Means("info"), filter;
    }
    /// Traces, for an OpenTelemetry collector.
    Traces {
        /// OTLP over HTTP; none: there are no traces.
        otlp_url: Option<String> = "NBBANG_OTLP_URL", Nothing, optional(collector);
        /// Of a hundred requests, how many are traced; one whose caller has decided follows that.
        percent: u8 = "NBBANG_TRACES_PERCENT", Means("100"), percent;
    }
    Storage {
        main_database_url: SecretString = "NBBANG_MAIN_DATABASE_URL", Needed, database_url;
        /// Names and addresses.
        party_database_urls: Vec<(String, SecretString)> = "NBBANG_PARTY_DATABASE_URLS", Needed, party_urls;
        redis_url: Option<SecretString> = "NBBANG_REDIS_URL", Nothing, optional(redis_url);
    }
    /// The files of our own keys; `config::keys` reads them.
    KeyFiles {
        /// Ed25519 keys (PKCS#8 PEM); the first signs access tokens, all verify.
        jwt: Vec<PathBuf> = "NBBANG_JWT_KEY_FILES", InDev(keys::DEV_JWT), some(file);
        /// Keys of 32 bytes; the first encrypts at rest, all decrypt.
        data: Vec<PathBuf> = "NBBANG_DATA_KEY_FILES", InDev(keys::DEV_DATA), some(file);
    }
    Toss {
        /// Without a slash at the end, as all of these.
        base_url: String = "NBBANG_TOSS_BASE_URL", PerMode("http://127.0.0.1:8090/toss", "https://api.tosspayments.com"), provider;
        secret_key: SecretString = "NBBANG_TOSS_SECRET_KEY", InDev("test_sk_simulator"), toss_key;
    }
    Rules {
        /// How new parties may settle.
        settlements: Vec<Settlement> = "NBBANG_SETTLEMENTS", Means("prepaid,transfer"), some(settlement);
        /// Words that are not welcome, beside the built-in ones.
        words_file: Option<PathBuf> = "NBBANG_WORDS_FILE", Nothing, optional(file);
    }
    /// Kakao Local.
    Kakao {
        base_url: String = "NBBANG_KAKAO_BASE_URL", PerMode("http://127.0.0.1:8090/kakao", "https://dapi.kakao.com"), provider;
        rest_api_key: SecretString = "NBBANG_KAKAO_REST_API_KEY", InDev("simulator"), kakao_key;
    }
    AppleLogin {
        base_url: Option<String> = "NBBANG_APPLE_LOGIN_BASE_URL", OnlyInDev("http://127.0.0.1:8090/apple-login"), optional(provider);
        audiences: Vec<String> = "NBBANG_APPLE_LOGIN_AUDIENCES", OnlyInDev("app.nbbang.dev"), each(text);
        /// With the two below: lets us withdraw Apple's permission when an account is deleted.
        team_id: Option<String> = "NBBANG_APPLE_LOGIN_TEAM_ID", Nothing, optional(text);
        key_id: Option<String> = "NBBANG_APPLE_LOGIN_KEY_ID", Nothing, optional(text);
        key_file: Option<PathBuf> = "NBBANG_APPLE_LOGIN_KEY_FILE", Nothing, optional(file);
    }
    KakaoLogin {
        base_url: Option<String> = "NBBANG_KAKAO_LOGIN_BASE_URL", OnlyInDev("http://127.0.0.1:8090/kakao-login"), optional(provider);
        audiences: Vec<String> = "NBBANG_KAKAO_LOGIN_AUDIENCES", OnlyInDev("app.nbbang.dev"), each(text);
    }
    /// Apple's push notification service: all or nothing.
    Apns {
        base_url: Option<String> = "NBBANG_APNS_BASE_URL", Nothing, optional(provider);
        key_id: Option<String> = "NBBANG_APNS_KEY_ID", Nothing, optional(text);
        team_id: Option<String> = "NBBANG_APNS_TEAM_ID", Nothing, optional(text);
        key_file: Option<PathBuf> = "NBBANG_APNS_KEY_FILE", Nothing, optional(file);
        /// The app's bundle id.
        topic: Option<String> = "NBBANG_APNS_TOPIC", Nothing, optional(text);
    }
    /// Firebase Cloud Messaging: both or neither.
    Fcm {
        base_url: Option<String> = "NBBANG_FCM_BASE_URL", Nothing, optional(provider);
        /// The JSON file of a service account.
        credentials_file: Option<PathBuf> = "NBBANG_FCM_CREDENTIALS_FILE", Nothing, optional(file);
    }
    RateLimits {
        are_on: bool = "NBBANG_RATE_LIMITS", PerMode("off", "on"), switch;
        /// Whose `X-Forwarded-For` is believed.
        trusted_proxies: Vec<Network> = "NBBANG_TRUSTED_PROXIES", Nothing, each(network);
    }
    /// Pages for the public, and the apps that they lead to.
    Pages {
        /// Where the public reaches us.
        public_url: String = "NBBANG_PUBLIC_URL", InDev("http://127.0.0.1:8080"), site;
        /// The team and the bundle id: opens our links in the app.
        ios_app_id: Option<String> = "NBBANG_IOS_APP_ID", Nothing, optional(ios_app);
        ios_store_url: Option<String> = "NBBANG_IOS_STORE_URL", Nothing, optional(site);
        /// With the certificates that its app is signed with: as above.
        android_package: Option<String> = "NBBANG_ANDROID_PACKAGE", Nothing, optional(android_app);
        android_certs: Vec<String> = "NBBANG_ANDROID_CERT_SHA256", Nothing, each(fingerprint);
        android_store_url: Option<String> = "NBBANG_ANDROID_STORE_URL", Nothing, optional(site);
    }
    AppStore {
        /// None: the built-in Apple Root CA - G3.
        root_certs: Vec<PathBuf> = "NBBANG_APP_STORE_ROOT_CERTS", Nothing, each(file);
        /// None: nothing is sold.
        bundle_id: Option<String> = "NBBANG_APP_STORE_BUNDLE_ID", Nothing, optional(text);
        app_apple_id: Option<i64> = "NBBANG_APP_STORE_APP_APPLE_ID", Nothing, optional(number);
        environments: Vec<Environment> = "NBBANG_APP_STORE_ENVIRONMENTS", Means("production,sandbox"), words;
        api_base_url: Option<String> = "NBBANG_APP_STORE_API_BASE_URL", Nothing, optional(provider);
        api_key_id: Option<String> = "NBBANG_APP_STORE_API_KEY_ID", Nothing, optional(text);
        api_issuer_id: Option<String> = "NBBANG_APP_STORE_API_ISSUER_ID", Nothing, optional(text);
        api_key_file: Option<PathBuf> = "NBBANG_APP_STORE_API_KEY_FILE", Nothing, optional(file);
        /// None: the built-in catalogue.
        products: Option<PathBuf> = "NBBANG_APP_STORE_PRODUCTS", Nothing, optional(file);
    }
}

/// How long we wait for a provider, and for a client.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// While a phone waits; of money, before it is told to poll.
    pub phone: Duration,
    pub background: Duration,
    /// Until a request's head has arrived, counted from the connection or from its first byte.
    pub head: Duration,
    /// Until a request's body has arrived.
    pub body: Duration,
    /// Between two requests on a connection.
    pub idle: Duration,
    /// Of a stream of events, until it says that it is alive.
    pub silence: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            phone: Duration::from_secs(8),
            background: Duration::from_secs(30),
            head: Duration::from_secs(10),
            body: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            silence: Duration::from_secs(15),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Config {
    pub process: Process,
    pub traces: Traces,
    pub storage: Storage,
    pub keys: KeyFiles,
    pub toss: Toss,
    pub rules: Rules,
    pub rate_limits: RateLimits,
    pub kakao: Kakao,
    pub apple_login: AppleLogin,
    pub kakao_login: KakaoLogin,
    pub pages: Pages,
    pub app_store: AppStore,
    pub apns: Apns,
    pub fcm: Fcm,
    /// No setting: in dev mode, and tests say otherwise. Else purchases in the sandbox count for testers alone.
    pub sandbox_for_all: bool,
    /// No setting: tests shorten it.
    pub patience: Patience,
    /// What looks like a mistake and stops nothing.
    pub warnings: Vec<String>,
}

impl Config {
    /// From the environment of this process; every mistake has a sentence that says what to do.
    pub fn from_env() -> Result<Self, Vec<String>> {
        let lossy = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        let names = std::env::vars_os().map(|(name, _)| lossy(name));
        Self::read(&|name| std::env::var_os(name).map(lossy), names)
    }

    /// From `env`, which has the variables `names`.
    pub fn read(
        env: &dyn Fn(&str) -> Option<String>,
        names: impl IntoIterator<Item = String>,
    ) -> Result<Self, Vec<String>> {
        let mut reader = Reader::new(env);
        let config = Self::groups(&mut reader, warnings(names));
        if let Some(config) = &config {
            config.judge(&mut reader);
        }
        match config {
            Some(config) if reader.mistakes.is_empty() => Ok(config),
            _ => Err(reader.mistakes),
        }
    }

    fn groups(reader: &mut Reader<'_>, warnings: Vec<String>) -> Option<Self> {
        // Each is read before the first `?`, so that no mistake hides another.
        let process = Process::read(reader);
        let traces = Traces::read(reader);
        let storage = Storage::read(reader);
        let keys = KeyFiles::read(reader);
        let toss = Toss::read(reader);
        let rules = Rules::read(reader);
        let rate_limits = RateLimits::read(reader);
        let kakao = Kakao::read(reader);
        let apple_login = AppleLogin::read(reader);
        let kakao_login = KakaoLogin::read(reader);
        let pages = Pages::read(reader);
        let app_store = AppStore::read(reader);
        let apns = Apns::read(reader);
        let fcm = Fcm::read(reader);
        let process = process?;
        let traces = traces?;
        Some(Self {
            sandbox_for_all: process.mode == Mode::Dev,
            process,
            traces,
            storage: storage?,
            keys: keys?,
            toss: toss?,
            rules: rules?,
            rate_limits: rate_limits?,
            kakao: kakao?,
            apple_login: apple_login?,
            kakao_login: kakao_login?,
            pages: pages?,
            app_store: app_store?,
            apns: apns?,
            fcm: fcm?,
            patience: Patience::default(),
            warnings,
        })
    }

    /// What only two settings together can get wrong.
    fn judge(&self, reader: &mut Reader<'_>) {
        let Self { process, apple_login, kakao_login, pages, app_store, .. } = self;
        // Port 0 is whichever is free.
        if process.listen == process.ops_listen && process.listen.port() != 0 {
            reader.mistake("NBBANG_LISTEN and NBBANG_OPS_LISTEN must differ.");
        }
        if apple_login.base_url.is_some() == apple_login.audiences.is_empty() {
            reader.mistake(
                "NBBANG_APPLE_LOGIN_BASE_URL and NBBANG_APPLE_LOGIN_AUDIENCES belong together: set both or neither.",
            );
        }
        let key = [apple_login.team_id.is_some(), apple_login.key_id.is_some(), apple_login.key_file.is_some()];
        if key.contains(&true) && key.contains(&false) {
            reader.mistake("NBBANG_APPLE_LOGIN_TEAM_ID, _KEY_ID and _KEY_FILE belong together: set all or none.");
        }
        if kakao_login.base_url.is_some() == kakao_login.audiences.is_empty() {
            reader.mistake(
                "NBBANG_KAKAO_LOGIN_BASE_URL and NBBANG_KAKAO_LOGIN_AUDIENCES belong together: set both or neither.",
            );
        }
        if pages.android_package.is_some() == pages.android_certs.is_empty() {
            reader
                .mistake("NBBANG_ANDROID_PACKAGE and NBBANG_ANDROID_CERT_SHA256 belong together: set both or neither.");
        }
        if app_store.bundle_id.is_some()
            && app_store.app_apple_id.is_none()
            && app_store.environments.contains(&Environment::Production)
        {
            reader.mistake(
                "NBBANG_APP_STORE_BUNDLE_ID needs NBBANG_APP_STORE_APP_APPLE_ID beside it, unless sandbox is all of \
                 NBBANG_APP_STORE_ENVIRONMENTS: the number under General, App Information, Apple ID in App Store Connect.",
            );
        }
        let Apns { base_url, key_id, team_id, key_file, topic } = &self.apns;
        let apns = [base_url.is_some(), key_id.is_some(), team_id.is_some(), key_file.is_some(), topic.is_some()];
        if apns.contains(&true) && apns.contains(&false) {
            reader.mistake(
                "NBBANG_APNS_BASE_URL, _KEY_ID, _TEAM_ID, _KEY_FILE and _TOPIC belong together: set all or none.",
            );
        }
        if self.fcm.base_url.is_some() != self.fcm.credentials_file.is_some() {
            reader.mistake("NBBANG_FCM_BASE_URL and NBBANG_FCM_CREDENTIALS_FILE belong together: set both or neither.");
        }
        let api = [
            app_store.api_base_url.is_some(),
            app_store.api_key_id.is_some(),
            app_store.api_issuer_id.is_some(),
            app_store.api_key_file.is_some(),
        ];
        if api.contains(&true) && api.contains(&false) {
            reader.mistake(
                "NBBANG_APP_STORE_API_BASE_URL, _KEY_ID, _ISSUER_ID and _KEY_FILE belong together: set all or none.",
            );
        }
    }

    pub fn is_dev(&self) -> bool {
        self.process.mode == Mode::Dev
    }
}

impl Storage {
    /// The pools; they connect to nothing yet.
    pub fn databases(&self) -> Result<Databases, String> {
        let open = |name: &str, url: &SecretString| {
            Database::new(name, url.expose_secret()).map_err(|error| format!("The address of {name}: {error}."))
        };
        let parties = self.party_database_urls.iter().map(|(name, url)| open(name, url)).collect::<Result<_, _>>()?;
        Ok(Databases::new(open(MAIN, &self.main_database_url)?, parties))
    }
}

/// Variables that look like ours and are not settings of the server: of bin/dev and of the tests.
const ELSEWHERE: &[&str] =
    &["NBBANG_SIMULATOR_LISTEN", "NBBANG_LONG", "NBBANG_REQUIRE_CONTAINERS", "NBBANG_DOCKER_BUILD", "NBBANG_DEMO"];

fn warnings(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let known = |name: &str| {
        SETTINGS.iter().any(|(setting, _)| *setting == name)
            || ELSEWHERE.contains(&name)
            || SECRETS.contains(&name)
            || name.starts_with("NBBANG_TEST_")
    };
    let mut unknown: Vec<String> =
        names.into_iter().filter(|name| name.starts_with("NBBANG_") && !known(name)).collect();
    unknown.sort();
    let tell =
        |name| format!("{name} is no setting and does nothing; is it misspelt? .env.example lists the settings.");
    unknown.into_iter().map(tell).collect()
}

#[cfg(test)]
#[path = "config/tests.rs"]
mod tests;
