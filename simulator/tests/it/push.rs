//! The push services: whom they believe, what they refuse, and what phones show.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Sim, answered};

const TOKEN: &str = "740f4707bebcf74f9b7c25d48e3358945f6aa01da5ddb387462c7eaf61bb78ad";
const GOOGLES: &str = "dGVzdA:APA91b-0001";

#[expect(clippy::disallowed_methods, reason = "a test's client talks to the simulator only")]
fn http2() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "a token has the real time in it")]
fn now() -> i64 {
    time::OffsetDateTime::now_utc().unix_timestamp()
}

async fn text(sim: &Sim, path: &str) -> String {
    sim.request(Method::GET, path).send().await.unwrap().text().await.unwrap()
}

/// A provider's token, made at `iat`.
async fn apples(sim: &Sim, kid: &str, iat: i64) -> String {
    let key = EncodingKey::from_ec_pem(text(sim, "/__sim/apns/key.p8").await.as_bytes()).unwrap();
    let header = Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::ES256) };
    format!("bearer {}", jsonwebtoken::encode(&header, &json!({"iss": "SIMTEAM001", "iat": iat}), &key).unwrap())
}

fn note(sim: &Sim, client: &reqwest::Client, authorization: &str) -> reqwest::RequestBuilder {
    client
        .post(format!("http://{}/apns/3/device/{TOKEN}", sim.address))
        .header("authorization", authorization)
        .header("apns-topic", "com.example.nbbang")
        .header("apns-push-type", "alert")
        .header("apns-collapse-id", "7-arrived")
        .header("apns-expiration", (now() + 60).to_string())
        .json(&json!({"aps": {"alert": {"title": "t", "body": "b"}}, "kind": "arrived"}))
}

async fn refused(request: reqwest::RequestBuilder) -> (u16, String) {
    let (status, body) = answered(request).await;
    (status, body["reason"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn apple_speaks_http2_believes_its_key_and_checks_each_header() {
    let (sim, client) = (Sim::start().await, http2());
    let good = apples(&sim, "SIMAPNS001", now()).await;
    let sent = note(&sim, &client, &good).send().await.unwrap();
    assert_eq!((sent.status().as_u16(), sent.version()), (200, reqwest::Version::HTTP_2));
    assert!(sent.text().await.unwrap().is_empty());
    let with = |name: &'static str, value: &str| {
        let mut request = note(&sim, &client, &good).build().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
        reqwest::RequestBuilder::from_parts(client.clone(), request)
    };
    for (request, status, reason) in [
        (with("authorization", "bearer a.b.c"), 403, "InvalidProviderToken"),
        (with("authorization", ""), 403, "MissingProviderToken"),
        (with("authorization", &apples(&sim, "OTHER", now()).await), 403, "InvalidProviderToken"),
        (with("authorization", &apples(&sim, "SIMAPNS001", now() - 3700).await), 403, "ExpiredProviderToken"),
        (with("apns-topic", "com.example.other"), 400, "TopicDisallowed"),
        (with("apns-push-type", "voip"), 400, "InvalidPushType"),
        (with("apns-priority", "7"), 400, "BadPriority"),
        (with("apns-expiration", "soon"), 400, "BadExpirationDate"),
        (with("apns-collapse-id", &"a".repeat(65)), 400, "BadCollapseId"),
        (with("apns-priority", "5").body(" ".repeat(4097)), 413, "PayloadTooLarge"),
        (with("apns-priority", "5").body(""), 400, "PayloadEmpty"),
    ] {
        assert_eq!(refused(request).await, (status, reason.to_owned()), "{reason}");
    }
    let other = client.post(format!("http://{}/apns/3/device/abc", sim.address));
    let headers = note(&sim, &client, &good).build().unwrap().headers().clone();
    assert_eq!(refused(other.headers(headers).body("{}")).await, (400, "BadDeviceToken".to_owned()));
    // In HTTP/1.1 nobody is heard.
    let old = sim.request(Method::POST, &format!("/apns/3/device/{TOKEN}")).header("authorization", &good);
    assert_eq!(old.send().await.unwrap().status().as_u16(), 505);
    for second in 1..8 {
        note(&sim, &client, &apples(&sim, "SIMAPNS001", now() - second).await).send().await.unwrap();
    }
    let flood = note(&sim, &client, &apples(&sim, "SIMAPNS001", now() - 9).await);
    assert_eq!(refused(flood).await, (429, "TooManyProviderTokenUpdates".to_owned()));
}

#[tokio::test]
async fn a_phone_shows_one_of_each_name_and_none_without_the_app() {
    let (sim, client) = (Sim::start().await, http2());
    let good = apples(&sim, "SIMAPNS001", now()).await;
    for _ in 0..2 {
        assert_eq!(note(&sim, &client, &good).send().await.unwrap().status().as_u16(), 200);
    }
    let mut late = note(&sim, &client, &good).build().unwrap();
    late.headers_mut().insert("apns-expiration", (now() - 1).to_string().parse().unwrap());
    late.headers_mut().insert("apns-collapse-id", "late".parse().unwrap());
    assert_eq!(client.execute(late).await.unwrap().status().as_u16(), 200);
    let shown = sim.get("/__sim/pushes").await;
    assert_eq!(shown["provider_tokens"], 1);
    assert_eq!(
        shown["pushes"],
        json!([{
            "platform": "ios", "token": TOKEN, "collapse_id": "7-arrived", "title": "t", "body": "b",
            "data": {"kind": "arrived"}, "urgent": true, "times": 2,
        }])
    );
    let gone = json!({"platform": "ios", "token": TOKEN, "since_ms": 1_700_000_000_000_i64});
    let unregister = |body: &Value| sim.request(Method::POST, "/__sim/pushes/unregister").json(body);
    assert_eq!(unregister(&gone).send().await.unwrap().status().as_u16(), 204);
    let (status, body) = answered(note(&sim, &client, &good)).await;
    assert_eq!((status, body), (410, json!({"reason": "Unregistered", "timestamp": 1_700_000_000_000_i64})));
    let back = json!({"platform": "ios", "token": TOKEN, "again": true});
    unregister(&back).send().await.unwrap();
    assert_eq!(note(&sim, &client, &good).send().await.unwrap().status().as_u16(), 200);
    sim.request(Method::DELETE, "/__sim/pushes").send().await.unwrap();
    assert_eq!(sim.get("/__sim/pushes").await["pushes"], json!([]));
}

#[tokio::test]
async fn faults_break_streams_and_connections() {
    let (sim, client) = (Sim::start().await, http2());
    let good = apples(&sim, "SIMAPNS001", now()).await;
    for (deed, shown) in [
        (json!({"do": "reset"}), 0),
        (json!({"do": "drop"}), 0),
        (json!({"do": "garbage", "when": "after_effect"}), 1),
        (json!({"do": "truncate", "when": "after_effect"}), 2),
    ] {
        let mut fault = json!({"provider": "apns", "operation": "send"});
        fault.as_object_mut().unwrap().extend(deed.as_object().unwrap().clone());
        sim.control("faults", fault).await;
        let answer = note(&sim, &client, &good).send().await;
        let whole = match answer {
            Ok(answer) => answer.bytes().await.is_ok(),
            Err(_) => false,
        };
        assert!(!whole, "{deed}");
        let pushes = sim.get("/__sim/pushes").await["pushes"].clone();
        assert_eq!(pushes[0]["times"].as_i64().unwrap_or_default(), shown, "{deed}");
    }
    for (code, status) in [("Unregistered", 410), ("TooManyRequests", 429), ("ExpiredProviderToken", 403)] {
        let fault = json!({"provider": "apns", "operation": "send", "do": "status", "status": status, "code": code});
        sim.control("faults", fault).await;
        assert_eq!(refused(note(&sim, &client, &good)).await, (status, code.to_owned()));
    }
}

#[tokio::test]
async fn google_gives_tokens_to_its_account_and_takes_notes_with_them() {
    let sim = Sim::start().await;
    let account: Value = serde_json::from_str(&text(&sim, "/__sim/fcm/service-account.json").await).unwrap();
    let said = |name: &str| account[name].as_str().unwrap().to_owned();
    let key = EncodingKey::from_rsa_pem(said("private_key").as_bytes()).unwrap();
    let header = Header { kid: Some(said("private_key_id")), ..Header::new(Algorithm::RS256) };
    let assertion = |aud: &str| {
        let claims = json!({
            "iss": said("client_email"), "aud": aud, "scope": "https://www.googleapis.com/auth/firebase.messaging",
            "iat": now(), "exp": now() + 300,
        });
        jsonwebtoken::encode(&header, &claims, &key).unwrap()
    };
    let token = |assertion: String| {
        let body = format!("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={assertion}");
        sim.request(Method::POST, "/fcm/token").header("Content-Type", "application/x-www-form-urlencoded").body(body)
    };
    let (status, body) = answered(token(assertion("https://example.com"))).await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_grant")));
    let (status, granted) = answered(token(assertion(&said("token_uri")))).await;
    assert_eq!((status, &granted["token_type"]), (200, &json!("Bearer")));
    let access = granted["access_token"].as_str().unwrap().to_owned();

    let send = |access: &str, project: &str, message: Value| {
        let path = format!("/fcm/v1/projects/{project}/messages:send");
        sim.request(Method::POST, &path).bearer_auth(access).json(&json!({ "message": message }))
    };
    let message = json!({
        "token": GOOGLES, "notification": {"title": "t", "body": "b"}, "data": {"kind": "arrived"},
        "android": {"priority": "HIGH", "ttl": "60s", "notification": {"tag": "7-arrived"}},
    });
    let (status, receipt) = answered(send(&access, "nbbang-simulator", message.clone())).await;
    assert!(status == 200 && receipt["name"].as_str().unwrap().starts_with("projects/nbbang-simulator/messages/"));
    assert_eq!(sim.get("/__sim/pushes").await["pushes"][0]["collapse_id"], "7-arrived");
    let code = async |request| {
        let (status, body) = answered(request).await;
        let own = body["error"]["details"][0]["errorCode"].as_str().or(body["error"]["status"].as_str());
        (status, own.unwrap_or_default().to_owned())
    };
    let mut numbers = message.clone();
    numbers["data"] = json!({"kind": 1});
    for (request, status, expected) in [
        (send("other", "nbbang-simulator", message.clone()), 401, "UNAUTHENTICATED"),
        (send(&access, "other", message.clone()), 403, "PERMISSION_DENIED"),
        (send(&access, "nbbang-simulator", numbers), 400, "INVALID_ARGUMENT"),
        (send(&access, "nbbang-simulator", json!({"token": ""})), 400, "INVALID_ARGUMENT"),
    ] {
        assert_eq!(code(request).await, (status, expected.to_owned()));
    }
    let gone = json!({"platform": "android", "token": GOOGLES});
    sim.request(Method::POST, "/__sim/pushes/unregister").json(&gone).send().await.unwrap();
    assert_eq!(code(send(&access, "nbbang-simulator", message.clone())).await, (404, "UNREGISTERED".to_owned()));
    for (name, status) in [("QUOTA_EXCEEDED", 429), ("UNAVAILABLE", 503)] {
        let fault = json!({"provider": "fcm", "operation": "send", "do": "status", "status": status, "code": name});
        sim.control("faults", fault).await;
        assert_eq!(code(send(&access, "nbbang-simulator", message.clone())).await, (status, name.to_owned()));
    }
    sim.request(Method::DELETE, "/__sim/fcm/tokens").send().await.unwrap();
    assert_eq!(code(send(&access, "nbbang-simulator", message)).await, (401, "UNAUTHENTICATED".to_owned()));
}
