//! The settings' defaults, mistakes and warnings, and that `.env.example` lists them.

use std::collections::HashMap;

use super::*;

const DATABASES: &[(&str, &str)] = &[
    ("NBBANG_MAIN_DATABASE_URL", "postgres://me@127.0.0.1/main"),
    ("NBBANG_PARTY_DATABASE_URLS", "party_a=postgres://me@127.0.0.1/a, party_b=postgres://me@127.0.0.1/b"),
];

const PROD: &[(&str, &str)] = &[
    ("NBBANG_MODE", "prod"),
    ("NBBANG_TOSS_SECRET_KEY", "live_sk_1"),
    ("NBBANG_KAKAO_REST_API_KEY", "0123456789abcdef0123456789abcdef"),
    ("NBBANG_JWT_KEY_FILES", "/keys/new.pem,/keys/old.pem"),
    ("NBBANG_DATA_KEY_FILES", "/keys/data"),
    ("NBBANG_PUBLIC_URL", "https://nbbang.example.com/"),
];

fn read(settings: &[&[(&str, &str)]]) -> Result<Config, Vec<String>> {
    let env: HashMap<String, String> =
        settings.concat().into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Config::read(&|name| env.get(name).cloned(), env.keys().cloned())
}

fn mistakes(settings: &[&[(&str, &str)]]) -> Vec<String> {
    read(settings).expect_err("these settings are wrong")
}

#[test]
fn dev_needs_nothing_but_databases() {
    let config = read(&[DATABASES]).unwrap();
    assert!(config.is_dev());
    assert_eq!(config.process.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.toss.base_url, "http://127.0.0.1:8090/toss");
    let names: Vec<&str> = config.storage.party_database_urls.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["party_a", "party_b"]);
    assert_eq!(config.warnings, [] as [String; 0]);
    assert_eq!(read(&[DATABASES, &[("NBBANG_LISTEN", " ")]]).unwrap().process.listen.port(), 8080, "empty is absent");
}

#[test]
fn every_mistake_is_told_at_once() {
    let told = mistakes(&[&[
        ("NBBANG_LISTEN", "8080"),
        ("NBBANG_PARTY_DATABASE_URLS", "party_a=mysql://x/y"),
        ("NBBANG_TOSS_SECRET_KEY", "hunter2"),
        ("NBBANG_APP_STORE_APP_APPLE_ID", "one"),
        ("NBBANG_APP_STORE_ENVIRONMENTS", "moon"),
    ]]);
    let names: Vec<&str> = told.iter().filter_map(|sentence| sentence.split(' ').next()).collect();
    assert_eq!(
        names,
        [
            "NBBANG_LISTEN",
            "NBBANG_MAIN_DATABASE_URL",
            "NBBANG_PARTY_DATABASE_URLS",
            "NBBANG_TOSS_SECRET_KEY",
            "NBBANG_APP_STORE_APP_APPLE_ID",
            "NBBANG_APP_STORE_ENVIRONMENTS",
        ]
    );
    assert!(told.iter().all(|sentence| sentence.contains(" must ") && sentence.ends_with('.')), "{told:?}");
    assert!(!told.concat().contains("hunter2"), "a secret is never repeated");
}

#[test]
fn prod_refuses_what_is_for_play() {
    assert_eq!(read(&[DATABASES, PROD]).unwrap().toss.base_url, "https://api.tosspayments.com");
    let bare = mistakes(&[DATABASES, &[("NBBANG_MODE", "prod")]]).join(" ");
    for name in [
        "NBBANG_TOSS_SECRET_KEY",
        "NBBANG_KAKAO_REST_API_KEY",
        "NBBANG_JWT_KEY_FILES",
        "NBBANG_DATA_KEY_FILES",
        "NBBANG_PUBLIC_URL",
    ] {
        assert!(bare.contains(&format!("{name} is missing")), "{name}: {bare}");
    }
    for key in ["test_sk_1", "test_gsk_1"] {
        assert_eq!(mistakes(&[DATABASES, PROD, &[("NBBANG_TOSS_SECRET_KEY", key)]]).len(), 1, "{key}");
    }
    for url in
        ["http://api.tosspayments.com", "https://127.0.0.1/toss", "https://localhost", "https://[::1]:1/", "toss"]
    {
        assert_eq!(mistakes(&[DATABASES, PROD, &[("NBBANG_TOSS_BASE_URL", url)]]).len(), 1, "{url}");
    }
    assert_eq!(mistakes(&[DATABASES, PROD, &[("NBBANG_KAKAO_REST_API_KEY", "simulator")]]).len(), 1);
    assert_eq!(mistakes(&[DATABASES, PROD, &[("NBBANG_KAKAO_BASE_URL", "http://127.0.0.1:8090/kakao")]]).len(), 1);
    for (name, url) in
        [("NBBANG_APNS_BASE_URL", "http://127.0.0.1:8090/apns"), ("NBBANG_FCM_BASE_URL", "https://localhost/fcm")]
    {
        let told = mistakes(&[DATABASES, PROD, &[(name, url)]]).join(" ");
        assert!(told.contains("a simulator's"), "{told}");
    }
    assert_eq!(mistakes(&[DATABASES, PROD, &[("NBBANG_JWT_KEY_FILES", " , ")]]).len(), 1, "no file at all");
    assert_eq!(mistakes(&[DATABASES, PROD, &[("NBBANG_MODE", "production")]]).len(), 1);
}

#[test]
fn party_databases_are_told_apart() {
    for urls in [
        "postgres://h/a",
        "main=postgres://h/a",
        "A=postgres://h/a",
        "a=postgres://h/a,a=postgres://h/b",
        "a=postgres://h/a,b=postgres://h/a",
        "a=postgres://h",
        ",",
    ] {
        let told = mistakes(&[DATABASES, &[("NBBANG_PARTY_DATABASE_URLS", urls)]]);
        assert_eq!(told.len(), 1, "{urls}: {told:?}");
    }
}

#[test]
fn settings_that_belong_together_come_together() {
    for (name, value) in
        [("NBBANG_APPLE_LOGIN_BASE_URL", "https://appleid.apple.com"), ("NBBANG_KAKAO_LOGIN_AUDIENCES", "app")]
    {
        assert_eq!(mistakes(&[DATABASES, PROD, &[(name, value)]]).len(), 1, "{name}");
    }
    for (name, value) in [
        ("NBBANG_APPLE_LOGIN_TEAM_ID", "team"),
        ("NBBANG_APP_STORE_API_KEY_ID", "id"),
        ("NBBANG_APNS_TOPIC", "app.nbbang"),
        ("NBBANG_FCM_CREDENTIALS_FILE", "account.json"),
        ("NBBANG_APP_STORE_BUNDLE_ID", "app.nbbang"),
        ("NBBANG_OPS_LISTEN", "127.0.0.1:8080"),
    ] {
        assert_eq!(mistakes(&[DATABASES, &[(name, value)]]).len(), 1, "{name}");
    }
    let sandbox = [("NBBANG_APP_STORE_BUNDLE_ID", "app.nbbang"), ("NBBANG_APP_STORE_ENVIRONMENTS", "sandbox")];
    let config = read(&[PROD, DATABASES, &sandbox]).unwrap();
    assert_eq!(config.app_store.environments, [Environment::Sandbox]);
    assert!(!config.sandbox_for_all && read(&[DATABASES]).unwrap().sandbox_for_all);
}

#[test]
fn links_lead_to_where_the_public_reaches_us() {
    let pages = read(&[DATABASES, PROD]).unwrap().pages;
    assert_eq!(pages.public_url, "https://nbbang.example.com", "without the slash");
    for url in ["http://nbbang.example.com", "https://localhost", "https://127.0.0.1", "nbbang.example.com"] {
        assert_eq!(mistakes(&[DATABASES, PROD, &[("NBBANG_PUBLIC_URL", url)]]).len(), 1, "{url}");
    }
    let cert = ["1f"; 32].join(":");
    let android = [("NBBANG_ANDROID_PACKAGE", "app.nbbang"), ("NBBANG_ANDROID_CERT_SHA256", cert.as_str())];
    let pages = read(&[DATABASES, &android, &[("NBBANG_IOS_APP_ID", "ABCDE12345.app.nbbang")]]).unwrap().pages;
    assert_eq!(pages.android_certs, [["1F"; 32].join(":")]);
    assert_eq!(pages.ios_app_id.as_deref(), Some("ABCDE12345.app.nbbang"));
    for (name, value) in [
        ("NBBANG_IOS_APP_ID", "app.nbbang"),
        ("NBBANG_IOS_APP_ID", "ABCDE12345."),
        ("NBBANG_ANDROID_PACKAGE", "app.nbbang"),
        ("NBBANG_ANDROID_STORE_URL", "play"),
    ] {
        assert_eq!(mistakes(&[DATABASES, &[(name, value)]]).len(), 1, "{name} {value}");
    }
    for (package, cert) in [("app nbbang", cert.as_str()), ("app.nbbang", "1f:2"), ("app.nbbang", "zz")] {
        let wrong = [("NBBANG_ANDROID_PACKAGE", package), ("NBBANG_ANDROID_CERT_SHA256", cert)];
        assert!(!mistakes(&[DATABASES, &wrong]).is_empty(), "{package} {cert}");
    }
}

#[test]
fn a_misspelt_setting_is_a_warning() {
    let config = read(&[
        DATABASES,
        &[("NBBANG_LISTENN", "x"), ("NBBANG_TEST_POSTGRES_URL", "x"), ("NBBANG_SIMULATOR_LISTEN", "x"), ("PATH", "x")],
    ]);
    let warnings = config.unwrap().warnings;
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].starts_with("NBBANG_LISTENN "));
}

#[test]
fn the_example_lists_exactly_the_settings_and_what_applies_in_dev() {
    let example = include_str!("../../.env.example");
    let listed = example.lines().filter_map(|line| line.trim_start_matches('#').split_once('='));
    let mut listed: Vec<(&str, &str)> = listed.filter(|(name, _)| name.starts_with("NBBANG_")).collect();
    listed.retain(|(name, _)| *name != "NBBANG_SIMULATOR_LISTEN");
    let mut settings: Vec<(&str, &str)> =
        SETTINGS.iter().map(|(name, absent)| (*name, absent.within(Mode::Dev).unwrap_or_default())).collect();
    listed.sort_unstable();
    settings.sort_unstable();
    assert_eq!(listed, settings);
}

#[test]
fn a_secret_may_stand_in_a_file() {
    let file = std::env::temp_dir().join(format!("nbbang-secret-{}", std::process::id()));
    let named = file.to_str().unwrap();
    std::fs::write(&file, "postgres://me@127.0.0.1/from_a_file\n").unwrap();
    let other = &DATABASES[1..];
    let config = read(&[other, &[("NBBANG_MAIN_DATABASE_URL_FILE", named)]]).unwrap();
    assert_eq!(config.storage.main_database_url.expose_secret(), "postgres://me@127.0.0.1/from_a_file");
    assert_eq!(config.warnings, [] as [String; 0]);
    let both = mistakes(&[DATABASES, &[("NBBANG_MAIN_DATABASE_URL_FILE", named)]]);
    assert_eq!(both, ["NBBANG_MAIN_DATABASE_URL and NBBANG_MAIN_DATABASE_URL_FILE are both set; set one of them."]);
    std::fs::remove_file(&file).unwrap();
    let gone = mistakes(&[other, &[("NBBANG_MAIN_DATABASE_URL_FILE", named)]]);
    assert!(gone.len() == 1 && gone[0].contains("cannot be read"), "{gone:?}");
    // What is no secret has no file.
    let mode = read(&[DATABASES, &[("NBBANG_MODE_FILE", named)]]).unwrap();
    assert_eq!(mode.warnings.len(), 1);
}

#[test]
fn networks_have_what_they_should() {
    for (network, inside, outside) in [
        ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
        ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
        ("192.0.2.0/31", "192.0.2.1", "192.0.2.2"),
        ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
        ("::1", "::1", "127.0.0.1"),
    ] {
        let network = Network::parse(network).unwrap();
        assert!(network.contains(inside.parse().unwrap()), "{network:?} {inside}");
        assert!(!network.contains(outside.parse().unwrap()), "{network:?} {outside}");
    }
    assert!(Network::parse("0.0.0.0/0").unwrap().contains("203.0.113.1".parse().unwrap()));
    for wrong in ["10.0.0.0/33", "10.0.0", "::/129", "x/8", "10.0.0.0/x", ""] {
        assert_eq!(Network::parse(wrong), None, "{wrong}");
    }
    let told =
        mistakes(&[DATABASES, &[("NBBANG_RATE_LIMITS", "maybe"), ("NBBANG_TRUSTED_PROXIES", "10.0.0.0/8,proxy")]]);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(read(&[DATABASES, PROD]).unwrap().rate_limits.are_on);
}
