//! What the log may not tell: the program itself, at its most talkative, is taken through the main job and through every kind of
//! error and provider's fault, with words that are nowhere else; none of them is in its log, or in what it says when it refuses.

use std::sync::Mutex;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::person::{Answer, Person, draft, fresh_key, id, transfer_draft};
use crate::server::Server;
use crate::sign_in::NONCE;
use crate::world::{World, world};

/// Places to four decimals, which is some ten metres.
const FIXED: [&str; 29] = [
    // Where the food is, and of a searcher.
    "37.4981",
    "127.0277",
    "37.4991",
    "127.0263",
    "canary-query",
    "canary-label",
    "canary-memo",
    "canary-bank",
    "9081-7263-5544",
    "canary-holder",
    "canary-name",
    "canary-food",
    "canary-wish",
    "canary-order-no",
    "canary-report",
    "canary-dispute",
    "canary-decision",
    "canary-suspension",
    "canary-kick",
    "canary-code",
    "canary-bearer",
    "canary-refresh",
    "canary-issuer",
    "canary-apple",
    // Keys of the providers.
    "test_sk_canary",
    "simulator-canary",
    // Phones, and what the push services give us.
    "canary-push-token",
    "ca9a51ca9a51",
    "ya29.simulator",
];
const SPOT: [f64; 2] = [37.498_137_219, 127.027_719_463];
const SEARCHER: &str = "lat=37.49911317&lng=127.02633171";

/// A run of the program, what must not be told, and what it refused.
struct Stage<'a> {
    world: &'a World,
    server: Server,
    secrets: Mutex<Vec<String>>,
    refusals: Mutex<Vec<(String, Answer)>>,
}

impl<'a> Stage<'a> {
    async fn open(world: &'a World, root: &std::path::Path, phones: Vec<(&'static str, String)>) -> Self {
        let settings = [
            ("NBBANG_LOG", "trace".to_owned()),
            ("NBBANG_TOSS_SECRET_KEY", "test_sk_canary".to_owned()),
            ("NBBANG_KAKAO_REST_API_KEY", "simulator-canary".to_owned()),
            ("NBBANG_APPLE_LOGIN_BASE_URL", format!("{}/apple-login", world.simulator)),
            ("NBBANG_KAKAO_LOGIN_BASE_URL", format!("{}/kakao-login", world.simulator)),
            ("NBBANG_APP_STORE_ROOT_CERTS", root.display().to_string()),
            ("NBBANG_APP_STORE_BUNDLE_ID", "com.example.nbbang".to_owned()),
            ("NBBANG_APP_STORE_APP_APPLE_ID", "1234567890".to_owned()),
        ];
        let settings: Vec<_> = settings.into_iter().chain(phones).collect();
        let server = Server::with_settings(world, &settings).await;
        let secrets = FIXED.iter().map(|word| (*word).to_owned()).chain([NONCE.to_owned()]);
        let basic = BASE64_STANDARD.encode("test_sk_canary:").trim_end_matches('=').to_owned();
        Self { world, server, secrets: Mutex::new(secrets.chain([basic]).collect()), refusals: Mutex::default() }
    }

    fn keep(&self, secret: &str) {
        // Of a signed token each part by itself.
        let parts = secret.split('.').skip(usize::from(secret.contains('.'))).map(str::to_owned);
        self.secrets.lock().unwrap().extend(parts);
    }

    async fn sends(&self, what: &str, request: reqwest::RequestBuilder) -> Answer {
        let answer = Answer::of(request.send().await.unwrap()).await;
        if answer.status >= 400 {
            self.refusals.lock().unwrap().push((what.to_owned(), answer.clone()));
        }
        answer
    }

    /// Refused with one of these; else the test does not take the way that it means to.
    async fn refused(&self, what: &str, statuses: &[u16], request: reqwest::RequestBuilder) {
        let answer = self.sends(what, request).await;
        assert!(statuses.contains(&answer.status), "{what}: {} {}", answer.status, answer.text);
    }

    fn post(&self, path: &str, body: &Value) -> reqwest::RequestBuilder {
        self.world.client.post(format!("{}{path}", self.server.base)).json(body)
    }

    async fn signs_in(&self, provider: &str, subject: &str) -> Person {
        let token = self.world.token(provider, subject, json!({})).await;
        self.keep(&token);
        let body = match provider {
            "apple" => json!({"identity_token": token, "nonce": NONCE, "authorization_code": "canary-code"}),
            _ => json!({"id_token": token, "nonce": NONCE}),
        };
        let session = self.sends("signing in", self.post(&format!("/v1/sessions/{provider}"), &body)).await.expect(200);
        let refresh = json!({"refresh_token": session["refresh_token"]});
        let session = self.sends("refreshing", self.post("/v1/sessions/refresh", &refresh)).await.expect(200);
        self.keep(refresh["refresh_token"].as_str().unwrap());
        for token in ["access_token", "refresh_token"] {
            self.keep(session[token].as_str().unwrap());
        }
        Person::of(&self.world.client, &self.server.base, &self.world.simulator, &session)
    }

    /// Joins and pays, with the provider's answer to the confirmation spoiled if so planned.
    async fn pays(&self, person: &Person, party: &str, statuses: &[u16]) -> String {
        let items = json!([{"name": "canary-food", "unit_price_krw": 8_000, "quantity": 1, "memo": "canary-wish"}]);
        let order = person.joins(party, items).await.expect(201);
        let key = person.authorizes(&order["payment"], "card").await;
        self.keep(&key);
        let body = json!({"payment_key": key, "amount_krw": order["payment"]["amount_krw"]});
        let path = format!("/v1/payments/{}/confirmation", id(&order["payment"]));
        let answer = self.sends("a confirmation", by(person, "POST", &path, &body)).await;
        assert!(statuses.contains(&answer.status), "{} {}", answer.status, answer.text);
        id(&order)
    }

    async fn breaks(&self, database: &str, sql: &'static str) {
        let mut db = PgConnection::connect(database).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut db).await.unwrap();
    }

    /// Ends the run: none of the secrets is in the log or in a refusal.
    async fn judge(self) {
        let log = self.server.ends().await;
        for level in ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"] {
            assert!(log.iter().any(|line| line.contains(level)), "no line of {level} in {}", log.len());
        }
        assert!(log.iter().any(|line| line.contains("answered")) && log.len() > 1_000, "{}", log.len());
        let secrets = self.secrets.into_inner().unwrap();
        assert!(secrets.len() > 40 && secrets.iter().all(|secret| secret.len() > 5), "{secrets:?}");
        let told =
            |secret: &String| log.iter().find(|line| line.contains(secret)).map(|line| format!("{secret}: {line}"));
        let mut faults: Vec<String> = secrets.iter().filter_map(told).collect();
        let refusals = self.refusals.into_inner().unwrap();
        assert!(refusals.len() > 30, "{}", refusals.len());
        for (what, answer) in refusals {
            let said = format!("{:?} {}", answer.headers, answer.text);
            let told = secrets.iter().filter(|secret| said.contains(*secret));
            faults.extend(told.map(|secret| format!("{what} is answered with {secret}: {said}")));
        }
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }
}

fn by(person: &Person, method: &str, path: &str, body: &Value) -> reqwest::RequestBuilder {
    person.request(method, path).header("Idempotency-Key", fresh_key()).json(body)
}

fn pickup() -> Value {
    json!({"lat": SPOT[0], "lng": SPOT[1], "label": "canary-label", "memo": "canary-memo"})
}

#[tokio::test]
async fn nothing_personal_and_no_secret_is_in_the_log() {
    world(|world| async move {
        let root = std::env::temp_dir().join(format!("nbbang-root-{}.der", nbbang::app::random()));
        let der = world.client.get(format!("{}/__sim/app-store/root.der", world.simulator)).send().await.unwrap();
        std::fs::write(&root, der.bytes().await.unwrap()).unwrap();
        let (phones, files) = crate::world::phone_settings(&world).await;
        let stage = Stage::open(&world, &root, phones).await;
        let (mina, juno) =
            (stage.signs_in("apple", "canary-apple-1").await, stage.signs_in("kakao", "canary-apple-2").await);
        for person in [&mina, &juno] {
            person.patch("/v1/me", json!({"nickname": "canary-name"})).await.expect(200);
            for path in ["/v1/parties", "/v1/places/regions"] {
                person.get(&format!("{path}?{SEARCHER}")).await.expect(200);
            }
            person.get(&format!("/v1/places?query=canary-query&{SEARCHER}")).await.expect(200);
            person.get("/v1/places/addresses?query=canary-query").await.expect(200);
            person.get("/v1/me/export").await.expect(200);
        }
        let phone = json!({"platform": "android", "push_token": "canary-push-token-0001"});
        juno.put("/v1/me/devices/phone", phone).await.expect(200);
        let phone = json!({"platform": "ios", "push_token": "ca9a51".repeat(12)});
        mina.put("/v1/me/devices/phone", phone).await.expect(200);
        for provider in ["apns", "fcm"] {
            for deed in ["reset", "garbage"] {
                let fault = json!({"provider": provider, "operation": "send", "do": deed});
                world.fault(fault).await;
            }
        }
        by_transfer(&stage, &mina, &juno).await;
        let spoiled = prepaid(&stage, &mina, &juno).await;
        bought(&stage, &mina).await;
        refused(&stage, &mina, &spoiled).await;
        unsound(&stage, &mina, &juno).await;
        let shown = world.sim("GET", "/__sim/pushes", Value::Null).await.to_string();
        assert!(shown.contains("canary-push-token") && shown.contains("ca9a51"), "both were told something: {shown}");
        stage.judge().await;
        for file in files.iter().chain([&root]) {
            std::fs::remove_file(file).unwrap();
        }
        world.pass(20 * 60).await;
    })
    .await;
}

async fn by_transfer(stage: &Stage<'_>, mina: &Person, juno: &Person) {
    let mut terms = transfer_draft(&json!({"pickup": pickup()}));
    terms["transfer_account"] = json!({"bank": "canary-bank", "number": "9081-7263-5544", "holder": "canary-holder"});
    let party = mina.opens(terms).await;
    let items = json!([{"name": "canary-food", "unit_price_krw": 8_000, "quantity": 1, "memo": "canary-wish"}]);
    let order = id(&juno.joins(&party, items).await.expect(201));
    mina.does(&party, "lock").await.expect(200);
    assert!(juno.get(&format!("/v1/parties/{party}/room")).await.text.contains("canary-holder"));
    juno.put(&format!("/v1/orders/{order}/transfer"), Value::Null).await.expect(200);
    mina.put(&format!("/v1/orders/{order}/transfer/dispute"), Value::Null).await.expect(200);
    mina.put(&format!("/v1/orders/{order}/transfer/receipt"), Value::Null).await.expect(200);
    let placed = json!({"store_order_no": "canary-order-no", "receipt_total_krw": 22_000});
    mina.put(&format!("/v1/parties/{party}/placement"), placed).await.expect(200);
    mina.does(&party, "arrival").await.expect(200);
    juno.put(&format!("/v1/orders/{order}/pickup"), Value::Null).await.expect(200);
    let told = json!({"subject_type": "user", "subject_id": juno.id, "reason": "spam", "note": "canary-report"});
    mina.post("/v1/reports", told).await.expect(201);
    stage.world.operator("olga").await;
    let olga = Person::sign_in(&stage.world.client, &stage.server.base, &stage.world.simulator, "olga").await;
    let report = id(&olga.get("/v1/admin/reports").await.expect(200)["items"][0]);
    let decision = json!({"outcome": "dismissed", "note": "canary-decision"});
    olga.put(&format!("/v1/admin/reports/{report}/decision"), decision).await.expect(200);
    let rude = stage.signs_in("kakao", "canary-apple-3").await;
    let suspension = json!({"note": "canary-suspension"});
    olga.put(&format!("/v1/admin/users/{}/suspension", rude.id), suspension).await.expect(200);
    stage.refused("a suspended one", &[403], rude.request("GET", "/v1/me")).await;
}

/// A party whose guests pay while the provider fails in every way.
async fn prepaid(stage: &Stage<'_>, mina: &Person, juno: &Person) -> String {
    let party = mina.opens(draft(&json!({"pickup": pickup(), "capacity": 10}))).await;
    let order = stage.pays(juno, &party, &[200]).await;
    let code = juno.invites(&party).await;
    stage.keep(&code);
    let page = |path: &str| stage.world.client.get(format!("{}/i/{code}{path}", stage.server.base));
    assert!(stage.sends("a page", page("")).await.text.contains("og:image"));
    assert_eq!(page("/card.png").send().await.unwrap().status(), 200);
    mina.get(&format!("/v1/invitations/{code}")).await.expect(200);
    mina.delete(&format!("/v1/parties/{party}/invitations/{code}")).await.expect(204);
    stage.refused("an invitation that is over", &[410], page("")).await;
    let none = stage.world.client.get(format!("{}/i/canary-query?canary-query", stage.server.base));
    stage.refused("no invitation", &[404], none).await;
    let faults = [
        json!({"do": "reset"}),
        json!({"do": "reset", "when": "after_effect"}),
        json!({"do": "html", "text": "canary-issuer"}),
        json!({"do": "garbage"}),
        json!({"do": "truncate", "when": "after_effect"}),
        json!({"do": "wrong_body"}),
        json!({"do": "status", "status": 400, "code": "REJECT_CARD_COMPANY", "text": "canary-issuer"}),
        json!({"do": "status", "status": 401, "code": "UNAUTHORIZED_KEY", "text": "canary-issuer"}),
    ];
    for (n, fault) in faults.into_iter().enumerate() {
        let guest = stage.signs_in("kakao", &format!("canary-apple-1{n}")).await;
        stage.world.spoils("confirm", 1, fault).await;
        let held = stage.pays(&guest, &party, &[200, 202, 402, 500, 503]).await;
        if n == 6 {
            mina.delete(&format!("/v1/orders/{held}?reason=canary-kick")).await.expect(200);
        }
    }
    for fault in [
        json!({"provider": "kakao", "operation": "keyword", "times": 3, "do": "reset"}),
        json!({"provider": "kakao", "operation": "region", "times": 3, "do": "status", "status": 500, "text": "canary-issuer"}),
    ] {
        stage.world.fault(fault).await;
    }
    let lost = juno.request("GET", "/v1/places?query=canary-query-2&lat=37.49911317&lng=127.02633171");
    stage.refused("a search without a map", &[502, 503], lost).await;
    let lost = juno.request("GET", "/v1/places/regions?lat=37.49911317&lng=127.02639171");
    stage.sends("regions without a map", lost).await;
    stage.world.heals().await;
    // What is unknown is asked about, by this process's own job.
    stage.world.moves_clocks(30).await;
    let payments_settled = async {
        loop {
            let room = mina.room(&party).await;
            let held = room["orders"].as_array().unwrap().iter().filter(|order| order["state"] == "held").count();
            let asked = stage.world.sim("GET", "/__sim/requests?provider=toss&operation=lookup", Value::Null).await;
            if asked["requests"].as_array().unwrap().len() >= 3 || held == 0 {
                return;
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_mins(1), payments_settled).await.expect("nobody asks");
    juno.put(
        &format!("/v1/orders/{order}/items"),
        json!({"items": [{"name": "canary-food", "unit_price_krw": 7_000, "quantity": 1}]}),
    )
    .await
    .expect(200);
    order
}

async fn bought(stage: &Stage<'_>, mina: &Person) {
    let signed =
        stage.world.mints(json!({"product_id": "boost_1", "app_account_token": mina.account_token().await})).await;
    stage.keep(&signed);
    mina.hands_in(&signed).await.expect(200);
    let forged = format!("{}x", &signed[..signed.len() - 8]);
    let body = json!({"signed_transaction": forged});
    stage.refused("a forged purchase", &[422], by(mina, "POST", "/v1/purchases/app-store", &body)).await;
    stage.sends("a forged notice", stage.post("/v1/webhooks/app-store", &json!({"signedPayload": forged}))).await;
}

async fn refused(stage: &Stage<'_>, mina: &Person, order: &str) {
    let raw = |method: &str, path: &str, body: &str| {
        let request = mina.request(method, path).header("Idempotency-Key", fresh_key());
        request.header("content-type", "application/json").body(body.to_owned())
    };
    for (method, path, body) in [
        ("POST", "/v1/parties", r#"{"title": "canary-label", "#),
        ("POST", "/v1/parties", r#"{"title": {"canary": "canary-label"}}"#),
        ("POST", "/v1/parties", r#"["canary-label"]"#),
        ("POST", "/v1/parties", r#"{"title": "canary-label", "title": "canary-memo"}"#),
        ("PATCH", "/v1/me", r#"{"nickname": "canary-name canary-name canary-name"}"#),
        ("PATCH", "/v1/me", r#"{"nickname": "canary-name\u0000"}"#),
        ("PATCH", "/v1/me", r#"{"nickname": "canary-name 시발"}"#),
        ("PATCH", "/v1/me", r#"{"language": "canary-name"}"#),
        ("POST", "/v1/reports", r#"{"subject_type": "canary-report", "subject_id": "1", "reason": "spam"}"#),
        (
            "POST",
            "/v1/reports",
            r#"{"subject_type": "user", "subject_id": "canary-report", "reason": "spam", "note": "canary-report"}"#,
        ),
        ("POST", "/v1/payments/1/confirmation", r#"{"payment_key": "canary-bearer", "amount_krw": "canary-bearer"}"#),
    ] {
        stage.refused(body, &[400, 404, 422], raw(method, path, body)).await;
    }
    let wrong = |change: Value| {
        let mut terms = transfer_draft(&json!({"pickup": pickup()}));
        terms.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        terms
    };
    for change in [
        json!({"pickup": {"lat": "37.498137219", "lng": SPOT[1], "label": "canary-label"}}),
        json!({"pickup": {"lat": SPOT[0], "lng": 1_127.027_7, "label": "canary-label"}}),
        json!({"transfer_account": {"bank": "canary-bank", "number": "9081-7263-5544 x", "holder": "canary-holder"}}),
        json!({"transfer_account": {"bank": "canary-bank", "number": 9, "holder": ["canary-holder"]}}),
    ] {
        stage.refused("terms", &[422], by(mina, "POST", "/v1/parties", &wrong(change))).await;
    }
    for query in [
        "/v1/parties?lat=37.49911317x&lng=127.02633171",
        "/v1/parties?lat=37.49911317&lng=1127.02633171",
        "/v1/parties?lat=37.49911317&lng=127.02633171&cursor=canary-query",
        "/v1/parties?lat=37.49911317&lng=127.02633171&category=canary-query",
        "/v1/places?query=canary-query%00&lat=37.49911317",
        "/v1/places/regions?lat=37.49911317",
    ] {
        stage.refused(query, &[422], mina.request("GET", query)).await;
    }
    let anonymous = |path: &str| stage.world.client.get(format!("{}{path}", stage.server.base));
    stage.refused("a bearer", &[401], anonymous("/v1/me").bearer_auth("canary-bearer")).await;
    let token = &mina.token;
    stage.refused("a spoiled token", &[401], anonymous("/v1/me").bearer_auth(&token[..token.len() - 4])).await;
    stage.refused("nowhere", &[404], anonymous("/v1/nowhere/canary-query?q=canary-query")).await;
    let refresh = json!({"refresh_token": "canary-refresh"});
    stage.refused("a refresh token", &[401], stage.post("/v1/sessions/refresh", &refresh)).await;
    for provider in ["apple", "kakao"] {
        for tamper in ["expired", "wrong_audience", "wrong_nonce", "changed_payload", "unknown_key"] {
            let more =
                if tamper == "wrong_audience" { json!({"audience": "app.other"}) } else { json!({"tamper": tamper}) };
            let token = stage.world.token(provider, "canary-apple-9", more).await;
            stage.keep(&token);
            let body = match provider {
                "apple" => json!({"identity_token": token, "nonce": NONCE}),
                _ => json!({"id_token": token, "nonce": NONCE}),
            };
            let path = format!("/v1/sessions/{provider}");
            stage.refused(tamper, &[401], stage.post(&path, &body)).await;
        }
    }
    let hint = json!({"eventType": "PAYMENT_STATUS_CHANGED", "data": {"orderId": "canary-code", "paymentKey": "canary-bearer"}});
    stage.sends("a hint", stage.post("/v1/webhooks/toss", &hint)).await;
    let dispute = json!({"kind": "canary-dispute", "note": "canary-dispute"});
    stage.refused("a dispute", &[422], by(mina, "PUT", &format!("/v1/orders/{order}/dispute"), &dispute)).await;
}

/// The database refuses what we thought was good, and says in its own words what it was.
async fn unsound(stage: &Stage<'_>, mina: &Person, juno: &Person) {
    let (main, parties) = (&stage.world.urls.main, &stage.world.urls.parties);
    stage.breaks(main, "alter table reports add constraint canary check (note is null) not valid").await;
    stage.breaks(main, "alter table users add constraint canary check (nickname <> 'canary-name-2')").await;
    for party in parties {
        stage.breaks(party, "alter table parties add constraint canary check (sealed_account is null) not valid").await;
    }
    let told = json!({"subject_type": "user", "subject_id": mina.id, "reason": "spam", "note": "canary-report"});
    stage.refused("a report", &[500], by(juno, "POST", "/v1/reports", &told)).await;
    let name = json!({"nickname": "canary-name-2"});
    stage.refused("a nickname", &[500], by(juno, "PATCH", "/v1/me", &name)).await;
    let mut terms = transfer_draft(&json!({"pickup": pickup()}));
    terms["transfer_account"] = json!({"bank": "canary-bank", "number": "9081-7263-5544", "holder": "canary-holder"});
    stage.refused("a party", &[500], by(juno, "POST", "/v1/parties", &terms)).await;
    for database in parties.iter().chain([main]) {
        for sql in [
            "alter table if exists reports drop constraint if exists canary",
            "alter table if exists users drop constraint if exists canary",
            "alter table if exists parties drop constraint if exists canary",
        ] {
            stage.breaks(database, sql).await;
        }
    }
}
