//! Signing in with Apple and Kakao: whose token counts, and what happens when the issuer is away.

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::person::Answer;
use crate::world::{World, world};

pub const NONCE: &str = "5f1d7a84db2a4a1e";

impl World {
    /// What the phone gets from the issuer.
    pub async fn token(&self, provider: &str, subject: &str, more: Value) -> String {
        let mut wanted = json!({"provider": provider, "subject": subject, "nonce": NONCE});
        wanted.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let got = self.sim("POST", "/__sim/login", wanted).await;
        let token = got.get("identity_token").or(got.get("id_token")).and_then(Value::as_str);
        token.unwrap_or_else(|| panic!("no token: {got}")).to_owned()
    }

    async fn signs_in(&self, provider: &str, token: &str, nonce: &str) -> Answer {
        let body = match provider {
            "apple" => json!({"identity_token": token, "nonce": nonce}),
            _ => json!({"id_token": token, "nonce": nonce}),
        };
        let request = self.client.post(format!("{}/v1/sessions/{provider}", self.base)).json(&body);
        Answer::of(request.send().await.unwrap()).await
    }

    async fn issuer_fails(&self, operation: &str, times: u32, how: Value) {
        let mut fault = json!({"provider": "login", "operation": operation, "times": times});
        fault.as_object_mut().unwrap().extend(how.as_object().unwrap().clone());
        self.fault(fault).await;
    }

    async fn fetches(&self) -> usize {
        let heard = self.sim("GET", "/__sim/requests?provider=login&operation=jwks", Value::Null).await;
        heard["requests"].as_array().unwrap().len()
    }
}

#[tokio::test]
async fn the_same_account_is_the_same_user_and_each_provider_has_its_own() {
    world(|world| async move {
        let mut ids = Vec::new();
        for provider in ["apple", "kakao"] {
            let token = world.token(provider, "001", json!({"nickname": "민아"})).await;
            let session = world.signs_in(provider, &token, NONCE).await.expect(200);
            let again = world.token(provider, "001", json!({"nickname": "다른이름"})).await;
            let again = world.signs_in(provider, &again, NONCE).await.expect(200);
            assert_eq!(again["user"], session["user"], "{provider}");
            let me = world.client.get(format!("{}/v1/me", world.base));
            let me = me.bearer_auth(session["access_token"].as_str().unwrap()).send().await.unwrap();
            assert_eq!(Answer::of(me).await.expect(200)["id"], session["user"]["id"]);
            let named = session["user"]["nickname"].as_str().unwrap().to_owned();
            assert_eq!(named == "민아", provider == "kakao", "{named}");
            ids.push(session["user"]["id"].clone());
        }
        assert_ne!(ids[0], ids[1]);
        let other = world.token("apple", "002", json!({})).await;
        assert_ne!(world.signs_in("apple", &other, NONCE).await.expect(200)["user"]["id"], ids[0]);
    })
    .await;
}

#[tokio::test]
async fn no_forged_foreign_or_old_token_signs_anybody_in() {
    world(|world| async move {
        let forgeries = [
            "expired",
            "no_expiry",
            "issued_in_the_future",
            "wrong_issuer",
            "no_audience",
            "wrong_nonce",
            "no_subject",
            "changed_payload",
            "no_signature",
            "alg_none",
            "alg_hs256",
            "unknown_key",
            "no_key_id",
            "foreign_key",
            "critical",
        ];
        for provider in ["apple", "kakao"] {
            let good = world.token(provider, "001", json!({})).await;
            world.signs_in(provider, &good, NONCE).await.expect(200);
            for tamper in forgeries {
                let token = world.token(provider, "001", json!({"tamper": tamper})).await;
                let answer = world.signs_in(provider, &token, NONCE).await;
                assert_eq!(answer.header("www-authenticate"), r#"Bearer error="invalid_token""#, "{tamper}");
                assert_eq!(answer.code(401), "identity_token_invalid", "{provider} {tamper}");
            }
            let foreign = world.token(provider, "001", json!({"audience": "app.other"})).await;
            assert_eq!(world.signs_in(provider, &foreign, NONCE).await.code(401), "identity_token_invalid");
            assert_eq!(world.signs_in(provider, &good, "of another sign-in").await.code(401), "identity_token_invalid");
            for garbage in ["", ".", "a.b.c", "eyJhbGciOiJSUzI1NiJ9..", &"x".repeat(9_000)] {
                assert_eq!(world.signs_in(provider, garbage, NONCE).await.code(401), "identity_token_invalid");
            }
            assert_eq!(world.signs_in(provider, &good, "").await.code(422), "invalid");
        }
        let apples = world.token("apple", "001", json!({})).await;
        assert_eq!(world.signs_in("kakao", &apples, NONCE).await.code(401), "identity_token_invalid");
        // Apple's token holds the nonce's hash; who stole the token knows that, and not the nonce.
        let raw = world.token("apple", "001", json!({"nonce": "stolen"})).await;
        let hash = "79c51ef0ed68fcb2b8b14a0ee9adcb6c6a5bd6e8a2c3e77f8d2db09a4ee5dfd7";
        assert_eq!(world.signs_in("apple", &raw, hash).await.code(401), "identity_token_invalid");
        // All these key ids of nobody's cost one fetch of each issuer, besides the first.
        assert!(world.fetches().await <= 3, "{}", world.fetches().await);
    })
    .await;
}

#[tokio::test]
async fn keys_are_fetched_once_and_are_good_while_the_issuer_is_away() {
    world(|world| async move {
        let token = world.token("apple", "001", json!({})).await;
        let crowd = (0..20).map(|_| world.signs_in("apple", &token, NONCE));
        for answer in futures_util::future::join_all(crowd).await {
            answer.expect(200);
        }
        assert_eq!(world.fetches().await, 1);
        world.issuer_fails("jwks", 9, json!({"do": "reset"})).await;
        world.signs_in("apple", &token, NONCE).await.expect(200);
        assert_eq!(world.fetches().await, 1);
    })
    .await;
}

#[tokio::test]
async fn keys_that_cannot_be_had_are_the_issuers_fault_and_never_the_callers() {
    for (how, status, code) in [
        (json!({"do": "reset"}), 502, "sign_in_unusable"),
        (json!({"do": "garbage"}), 502, "sign_in_unusable"),
        (json!({"do": "html"}), 502, "sign_in_unusable"),
        (json!({"do": "truncate"}), 502, "sign_in_unusable"),
        (json!({"do": "wrong_body"}), 502, "sign_in_unusable"),
        (json!({"do": "status", "status": 500}), 502, "sign_in_unusable"),
        (json!({"do": "status", "status": 429}), 503, "sign_in_unavailable"),
        (json!({"do": "status", "status": 401}), 500, "internal"),
        (json!({"do": "status", "status": 403}), 500, "internal"),
    ] {
        world(|world| async move {
            let token = world.token("kakao", "001", json!({})).await;
            world.issuer_fails("jwks", 1, how.clone()).await;
            for _ in 0..2 {
                let answer = world.signs_in("kakao", &token, NONCE).await;
                assert_eq!(answer.header("retry-after").is_empty(), status != 503, "{how}");
                assert_eq!(answer.code(status), code, "{how}");
            }
            assert_eq!(world.fetches().await, 1, "who asks again at once does not make it worse");
        })
        .await;
    }
}

#[tokio::test]
async fn a_stranger_makes_an_account_only_once_however_often_he_tries() {
    world(|world| async move {
        let token = world.token("kakao", "001", json!({})).await;
        let crowd = (0..16).map(|_| world.signs_in("kakao", &token, NONCE));
        let mut ids: Vec<String> = Vec::new();
        for answer in futures_util::future::join_all(crowd).await {
            ids.push(answer.expect(200)["user"]["id"].as_str().unwrap().to_owned());
        }
        ids.dedup();
        assert_eq!(ids.len(), 1);
    })
    .await;
}

/// A key like those that Apple gives to developers.
fn p8() -> std::path::PathBuf {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
    use base64::Engine;
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &aws_lc_rs::rand::SystemRandom::new());
    let text = base64::prelude::BASE64_STANDARD.encode(key.unwrap());
    let file = std::env::temp_dir().join(format!("nbbang-{}.p8", nbbang::app::random()));
    std::fs::write(&file, format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")).unwrap();
    file
}

#[tokio::test]
async fn what_withdraws_apples_permission_is_kept_sealed_and_keeps_nobody_out() {
    let file = p8();
    let key_file = file.clone();
    let with_key = |config: &mut nbbang::config::Config| {
        config.apple_login.team_id = Some("TEAM000001".to_owned());
        config.apple_login.key_id = Some("KEY0000001".to_owned());
        config.apple_login.key_file = Some(key_file);
    };
    crate::world::world_with(with_key, |world| async move {
        let wanted = json!({"provider": "apple", "subject": "001", "nonce": NONCE});
        world.issuer_fails("token", 1, json!({"do": "reset"})).await;
        for kept in [false, true] {
            let got = world.sim("POST", "/__sim/login", wanted.clone()).await;
            let code = got["authorization_code"].as_str().unwrap();
            let body = json!({"identity_token": got["identity_token"], "nonce": NONCE, "authorization_code": code});
            let sent = world.client.post(format!("{}/v1/sessions/apple", world.base)).json(&body).send().await;
            Answer::of(sent.unwrap()).await.expect(200);
            let asked = if kept { 2 } else { 1 };
            loop {
                let heard = world.sim("GET", "/__sim/requests?provider=login&operation=token", Value::Null).await;
                if heard["requests"].as_array().unwrap().len() == asked {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        let mut main = PgConnection::connect(&world.urls.main).await.unwrap();
        let sealed = loop {
            let sealed: Option<String> =
                sqlx::query_scalar("select grant_sealed from identities").fetch_one(&mut main).await.unwrap();
            if let Some(sealed) = sealed {
                break sealed;
            }
            tokio::task::yield_now().await;
        };
        let grants = world.sim("GET", "/__sim/login/grants", Value::Null).await;
        let [first, second] = grants["grants"].as_array().unwrap().as_slice() else { panic!("{grants}") };
        assert_eq!(first["refresh_token"], Value::Null);
        assert!(!sealed.contains(second["refresh_token"].as_str().unwrap()), "{sealed}");

        // The account is deleted while Apple is away: it is told later.
        world.issuer_fails("revoke", 1, json!({"do": "reset"})).await;
        let token = world.token("apple", "001", json!({})).await;
        let session = world.signs_in("apple", &token, NONCE).await.expect(200);
        let delete = world.client.delete(format!("{}/v1/me", world.base));
        let gone = delete.bearer_auth(session["access_token"].as_str().unwrap()).send().await.unwrap();
        assert_eq!(gone.status().as_u16(), 204);
        world.settle().await;
        let revoked =
            async || world.sim("GET", "/__sim/login/grants", Value::Null).await["grants"][1]["revoked"].clone();
        assert_eq!(revoked().await, false);
        for _ in 0..4 {
            world.pass(60).await;
        }
        assert_eq!(revoked().await, true);
        let left: i64 = sqlx::query_scalar("select count(*) from erasures where next_at is not null or grants <> '{}'")
            .fetch_one(&mut main)
            .await
            .unwrap();
        assert_eq!(left, 0);
    })
    .await;
    std::fs::remove_file(file).unwrap();
}
