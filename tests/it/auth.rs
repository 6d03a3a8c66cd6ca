//! Sessions, profiles and what HTTP does to every request, in process, on a real PostgreSQL.

use std::sync::Arc;

use actix_http::Request;
use actix_web::body::{BoxBody, MessageBody, to_bytes};
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;
use actix_web::test::{TestRequest, init_service};
use nbbang::app::{App, clock};
use nbbang::config::{Config, Mode};
use nbbang::domain::id::Id;
use nbbang::http;
use serde_json::{Value, json};

use crate::scratch::Scratch;

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    bytes: Vec<u8>,
}

impl Answer {
    #[track_caller]
    fn is(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.bytes));
        if self.bytes.is_empty() { Value::Null } else { serde_json::from_slice(&self.bytes).unwrap() }
    }

    #[track_caller]
    fn refuses(self, status: u16, code: &str) -> Value {
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.header("cache-control"), "no-store");
        let id = self.header("x-request-id").to_owned();
        let body = self.is(status);
        assert_eq!(body["code"], code);
        assert_eq!(body["status"], status);
        assert_eq!(body["request_id"], id);
        body
    }

    #[track_caller]
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

struct Server<S> {
    app: Arc<App>,
    service: S,
}

async fn start(scratch: &Scratch, mode: Mode) -> Arc<App> {
    let env = |name: &str| match name {
        "NBBANG_MAIN_DATABASE_URL" => Some(scratch.url(0)),
        "NBBANG_PARTY_DATABASE_URLS" => Some(format!("party_0={}", scratch.url(1))),
        _ => None,
    };
    let mut config = Config::read(&env, []).unwrap();
    config.process.mode = mode;
    App::start(config).await.unwrap()
}

macro_rules! server {
    ($scratch:expr, $mode:expr) => {{
        let app = start(&$scratch, $mode).await;
        Server { service: init_service(http::application(app.clone())).await, app }
    }};
}

impl<S, B> Server<S>
where
    S: Service<Request, Response = ServiceResponse<B>, Error = actix_web::Error>,
    B: MessageBody + 'static,
{
    async fn send(&self, request: TestRequest) -> Answer {
        let response = self.service.call(request.to_request()).await.unwrap().map_into_boxed_body();
        let (_, response) = response.into_parts();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = to_bytes::<BoxBody>(response.into_body()).await.unwrap().to_vec();
        Answer { status, headers, bytes }
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(TestRequest::post().uri(path).set_json(body)).await
    }

    async fn by(&self, session: &Value, request: TestRequest) -> Answer {
        let token = session["access_token"].as_str().unwrap();
        self.send(request.insert_header(("authorization", format!("Bearer {token}")))).await
    }

    async fn get(&self, session: &Value, path: &str) -> Answer {
        self.by(session, TestRequest::get().uri(path)).await
    }

    async fn sign_in(&self, handle: &str) -> Value {
        self.post("/v1/dev/sessions", json!({"handle": handle})).await.is(200)
    }

    async fn refresh(&self, session: &Value) -> Answer {
        self.post("/v1/sessions/refresh", json!({"refresh_token": session["refresh_token"]})).await
    }
}

#[actix_web::test]
async fn the_same_handle_is_the_same_user_also_after_a_restart() {
    let (scratch, _) = Scratch::migrated(1).await;
    let server = server!(scratch, Mode::Dev);
    let mina = server.sign_in("mina").await;
    assert_eq!(mina["token_type"], "Bearer");
    assert_eq!(mina["expires_in"], 900);
    assert_eq!(mina["user"]["nickname"], "mina");
    assert_eq!(mina["user"]["trust"], 50);
    assert_eq!(mina["user"]["language"], "ko");
    assert!(mina["user"]["id"].is_string());
    assert!(mina["user"].get("plus_until").is_none());
    assert_eq!(server.get(&mina, "/v1/me").await.is(200), mina["user"]);

    let restarted = server!(scratch, Mode::Dev);
    assert_eq!(restarted.sign_in("mina").await["user"], mina["user"]);
    assert_ne!(restarted.sign_in("jun").await["user"]["id"], mina["user"]["id"]);
    restarted.get(&mina, "/v1/me").await.is(200);
    restarted.refresh(&mina).await.is(200);
}

#[actix_web::test]
async fn first_sign_ins_at_once_make_one_user() {
    let (scratch, _) = Scratch::migrated(1).await;
    let server = server!(scratch, Mode::Dev);
    let all = futures_util::future::join_all((0..20).map(|_| server.sign_in("mina"))).await;
    assert!(all.iter().all(|session| session["user"]["id"] == all[0]["user"]["id"]));
}

#[actix_web::test]
async fn handles_are_checked() {
    let (scratch, _) = Scratch::migrated(1).await;
    let server = server!(scratch, Mode::Dev);
    for (handle, code) in [("", "empty"), ("Mina", "not_permitted_character"), (&"a".repeat(31), "too_long")] {
        let problem = server.post("/v1/dev/sessions", json!({"handle": handle})).await.refuses(422, "invalid");
        assert_eq!(problem["fields"][0]["pointer"], "/handle");
        assert_eq!(problem["fields"][0]["code"], code);
    }
}

#[actix_web::test]
async fn developers_routes_are_absent_in_production() {
    let (scratch, _) = Scratch::migrated(1).await;
    let server = server!(scratch, Mode::Prod);
    server.post("/v1/dev/sessions", json!({"handle": "mina"})).await.refuses(404, "not_found");
    server.post("/v1/dev/clock", json!({"advance_s": 1})).await.refuses(404, "not_found");
    let document = server.send(TestRequest::get().uri("/openapi.json")).await.is(200);
    assert!(document["paths"].get("/v1/dev/sessions").is_none());
    assert!(document["paths"].get("/v1/me").is_some());
}

#[actix_web::test]
async fn a_refresh_goes_on_and_a_copied_token_ends_the_session() {
    let (scratch, _) = Scratch::migrated(1).await;
    let server = server!(scratch, Mode::Dev);
    let first = server.sign_in("mina").await;
    let second = server.refresh(&first).await.is(200);
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    assert_eq!(second["user"], first["user"]);
    server.get(&second, "/v1/me").await.is(200);
    let third = server.refresh(&second).await.is(200);

    // The second was used, so the phone had it: this is a copy of the first, though seconds old.
    server.refresh(&first).await.refuses(401, "refresh_token_invalid");
    server.refresh(&third).await.refuses(401, "refresh_token_invalid");
    let other_phone = server.sign_in("mina").await;
    server.refresh(&other_phone).await.is(200);
}

#[actix_web::test]
async fn a_lost_answer_is_given_again_for_ten_seconds() {
    let (scratch, _) = Scratch::migrated(1).await;
    let server = server!(scratch, Mode::Dev);
    let first = server.sign_in("mina").await;
    let lost = server.refresh(&first).await.is(200);
    let again = server.refresh(&first).await.is(200);
    assert_eq!(again["refresh_token"], lost["refresh_token"]);
    server.refresh(&again).await.is(200);

    let first = server.sign_in("mina").await;
    server.refresh(&first).await.is(200);
    let late = "update refresh_tokens set used_at = used_at - interval '11 seconds' where used_at is not null";
    sqlx::query(late).execute(&*server.app.databases.main()).await.unwrap();
    server.refresh(&first).await.refuses(401, "refresh_token_invalid");
}

#[actix_web::test]
async fn refreshes_at_once_get_the_same_successor() {
    let (scratch, _) = Scratch::migrated(1).await;
    let server = server!(scratch, Mode::Dev);
    let session = server.sign_in("mina").await;
    let all = futures_util::future::join_all((0..10).map(|_| server.refresh(&session))).await;
    let tokens: Vec<_> = all.into_iter().map(|answer| answer.is(200)["refresh_token"].clone()).collect();
    assert!(tokens.iter().all(|token| token == &tokens[0]));
}

#[actix_web::test]
async fn refresh_tokens_are_kept_as_hashes_and_expire() {
    let (scratch, _) = Scratch::migrated(1).await;
    let server = server!(scratch, Mode::Dev);
    let session = server.sign_in("mina").await;
    let main = server.app.databases.main();
    let dump: String =
        sqlx::query_scalar("select string_agg(r::text || s::text, ' ') from refresh_tokens r, sessions s")
            .fetch_one(&*main)
            .await
            .unwrap();
    assert!(!dump.contains(session["refresh_token"].as_str().unwrap()));

    sqlx::query("update refresh_tokens set expires_at = $1").bind(clock::real()).execute(&*main).await.unwrap();
    server.refresh(&session).await.refuses(401, "refresh_token_invalid");
    for bad in ["", "nonsense", "a\u{7}"] {
        let answer = server.post("/v1/sessions/refresh", json!({"refresh_token": bad})).await;
        answer.refuses(401, "refresh_token_invalid");
    }
    let long_ago = clock::real() - time::Duration::hours(25);
    sqlx::query("update refresh_tokens set expires_at = $1").bind(long_ago).execute(&*main).await.unwrap();
    nbbang::app::retention::forget(&server.app).await;
    let left: i64 = sqlx::query_scalar("select count(*) from sessions").fetch_one(&*main).await.unwrap();
    assert_eq!(left, 0);
}

#[actix_web::test]
async fn signing_out_ends_the_session() {
    let (scratch, _) = Scratch::migrated(1).await;
    let server = server!(scratch, Mode::Dev);
    let session = server.sign_in("mina").await;
    for _ in 0..2 {
        server.by(&session, TestRequest::delete().uri("/v1/sessions/current")).await.is(204);
    }
    server.refresh(&session).await.refuses(401, "refresh_token_invalid");
    server.get(&session, "/v1/me").await.refuses(401, "unauthenticated");
}

#[actix_web::test]
async fn tokens_are_ours_and_fresh() {
    let (scratch, _) = Scratch::migrated(1).await;
    let server = server!(scratch, Mode::Dev);
    let anonymous = server.send(TestRequest::get().uri("/v1/me")).await;
    assert_eq!(anonymous.header("www-authenticate"), "Bearer");
    anonymous.refuses(401, "unauthenticated");

    let long_ago = clock::real() - time::Duration::minutes(15);
    let old = server.app.keys.sign(Id::from_raw(1), Id::from_raw(1), long_ago).unwrap();
    let expired = server.get(&json!({"access_token": old}), "/v1/me").await;
    assert_eq!(expired.header("www-authenticate"), "Bearer error=\"invalid_token\"");
    expired.refuses(401, "token_expired");

    let nobody = server.app.keys.sign(Id::from_raw(1), Id::from_raw(1), clock::real()).unwrap();
    server.get(&json!({"access_token": nobody}), "/v1/me").await.refuses(401, "unauthenticated");

    let mina = server.sign_in("mina").await;
    let jwks = server.send(TestRequest::get().uri("/.well-known/jwks.json")).await.is(200);
    let header = jsonwebtoken::decode_header(mina["access_token"].as_str().unwrap()).unwrap();
    assert_eq!(jwks["keys"][0]["kid"], header.kid.unwrap());
    assert_eq!(jwks["keys"][0]["kty"], "OKP");
}

#[actix_web::test]
async fn a_profile_is_patched_field_by_field() {
    let (scratch, _) = Scratch::migrated(1).await;
    let server = server!(scratch, Mode::Dev);
    let mina = server.sign_in("mina").await;
    let patch = |body: Value| TestRequest::patch().uri("/v1/me").set_json(body);
    let changed = server.by(&mina, patch(json!({"nickname": " 민아 "}))).await.is(200);
    assert_eq!((&changed["nickname"], &changed["language"]), (&json!("민아"), &json!("ko")));
    let changed = server.by(&mina, patch(json!({"language": "en"}))).await.is(200);
    assert_eq!((&changed["nickname"], &changed["language"]), (&json!("민아"), &json!("en")));
    assert_eq!(server.by(&mina, patch(json!({}))).await.is(200), changed);
    for (body, pointer, code) in [
        (json!({"nickname": "a"}), "/nickname", "too_short"),
        (json!({"nickname": null}), "/nickname", "wrong_type"),
        (json!({"nickname": "ab\u{0}"}), "/nickname", "control_characters"),
        (json!({"language": "fr"}), "/language", "not_permitted_word"),
        (json!({"trust": 100}), "/trust", "unknown_field"),
        (json!([]), "", "wrong_type"),
    ] {
        let problem = server.by(&mina, patch(body)).await.refuses(422, "invalid");
        assert_eq!(problem["fields"][0]["pointer"], pointer);
        assert_eq!(problem["fields"][0]["code"], code);
    }
    assert_eq!(server.get(&mina, "/v1/me").await.is(200), changed);
}

#[actix_web::test]
async fn who_is_blocked_finds_nobody() {
    let (scratch, _) = Scratch::migrated(1).await;
    let server = server!(scratch, Mode::Dev);
    let (mina, jun) = (server.sign_in("mina").await, server.sign_in("jun").await);
    let id = |session: &Value| session["user"]["id"].as_str().unwrap().to_owned();
    let profile = |session: &Value| format!("/v1/users/{}", id(session));
    let block = |session: &Value| format!("/v1/me/blocks/{}", id(session));

    let seen = server.get(&jun, &profile(&mina)).await.is(200);
    assert_eq!(seen.as_object().unwrap().len(), 4, "{seen}");
    for _ in 0..2 {
        server.by(&mina, TestRequest::put().uri(&block(&jun))).await.is(204);
    }
    server.get(&jun, &profile(&mina)).await.refuses(404, "not_found");
    server.get(&mina, &profile(&jun)).await.is(200);
    for _ in 0..2 {
        server.by(&mina, TestRequest::delete().uri(&block(&jun))).await.is(204);
    }
    server.get(&jun, &profile(&mina)).await.is(200);

    let problem = server.by(&mina, TestRequest::put().uri(&block(&mina))).await.refuses(422, "invalid");
    assert_eq!(problem["fields"][0]["pointer"], "user_id");
    server.by(&mina, TestRequest::put().uri("/v1/me/blocks/1")).await.refuses(404, "not_found");
}

#[actix_web::test]
async fn an_id_that_is_not_ours_is_not_found() {
    let (scratch, _) = Scratch::migrated(1).await;
    let server = server!(scratch, Mode::Dev);
    let mina = server.sign_in("mina").await;
    for id in
        ["0", "-1", "+1", "01", "1.0", "abc", "9223372036854775808", "99999999999999999999", "%00", "1%00", "%EB%AF%BC"]
    {
        server.get(&mina, &format!("/v1/users/{id}")).await.refuses(404, "not_found");
    }
    server.get(&mina, "/v1/users/").await.refuses(404, "not_found");
}

#[actix_web::test]
async fn the_dev_clock_goes_forward() {
    let (scratch, _) = Scratch::migrated(1).await;
    let server = server!(scratch, Mode::Dev);
    let before = server.app.clock.now();
    server.post("/v1/dev/clock", json!({"advance_s": 3600})).await.is(200);
    assert!(server.app.clock.now() - before >= time::Duration::HOUR);
    for (body, code) in [(json!({"advance_s": 2_678_401}), "out_of_range"), (json!({"advance_s": -1}), "out_of_range")]
    {
        let problem = server.post("/v1/dev/clock", body).await.refuses(422, "invalid");
        assert_eq!(problem["fields"][0]["code"], code);
    }
    let mina = server.sign_in("mina").await;
    server.get(&mina, "/v1/me").await.is(200);
}

#[actix_web::test]
async fn bodies_are_json_and_small() {
    let (scratch, _) = Scratch::migrated(1).await;
    let server = server!(scratch, Mode::Dev);
    let post = || TestRequest::post().uri("/v1/dev/sessions");
    let json = ("content-type", "application/json");
    server.send(post()).await.refuses(415, "unsupported_media_type");
    server.send(post().insert_header(json)).await.refuses(400, "malformed");
    server.send(post().set_payload(r#"{"handle":"a"}"#)).await.refuses(415, "unsupported_media_type");
    let zipped = post().insert_header(json).insert_header(("content-encoding", "gzip")).set_payload("x");
    server.send(zipped).await.refuses(415, "unsupported_media_type");
    for body in ["{", "", "\"", "{\"handle\":\"\\ud800\"}", "{}x"] {
        server.send(post().insert_header(json).set_payload(body)).await.refuses(400, "malformed");
    }
    let problem = server.send(post().insert_header(json).set_payload(r#"{"handle":"a","handle":"b"}"#)).await;
    assert_eq!(problem.refuses(422, "invalid")["fields"][0]["code"], "duplicate");
    let charset = post().insert_header(("content-type", "Application/JSON; charset=utf-8"));
    server.send(charset.set_payload(r#"{"handle":"a"}"#)).await.is(200);
    let large = json!({"handle": "a".repeat(64 * 1024)}).to_string();
    server.send(post().insert_header(json).set_payload(large)).await.refuses(413, "payload_too_large");
    let promised = post().insert_header(json).insert_header(("content-length", "65537"));
    server.send(promised).await.refuses(413, "payload_too_large");
}

#[actix_web::test]
async fn what_is_not_served_is_refused_in_our_words() {
    let (scratch, _) = Scratch::migrated(1).await;
    let server = server!(scratch, Mode::Dev);
    for path in ["/", "/v1", "/v1/nothing", "/docs/nothing"] {
        server.send(TestRequest::get().uri(path)).await.refuses(404, "not_found");
    }
    for (path, allow) in [
        ("/v1/me", "DELETE, GET, HEAD, PATCH"),
        ("/v1/users/1", "GET, HEAD"),
        ("/v1/sessions/refresh", "POST"),
        ("/v1/me/blocks/1", "DELETE, PUT"),
        ("/openapi.json", "GET, HEAD"),
    ] {
        let answer = server.send(TestRequest::default().method("PROPFIND".parse().unwrap()).uri(path)).await;
        assert_eq!(answer.header("allow"), allow, "{path}");
        answer.refuses(405, "method_not_allowed");
    }
}

#[actix_web::test]
async fn a_refusal_speaks_the_clients_language() {
    let (scratch, _) = Scratch::migrated(1).await;
    let server = server!(scratch, Mode::Dev);
    let get = || TestRequest::get().uri("/v1/nothing");
    assert_eq!(server.send(get()).await.refuses(404, "not_found")["detail"], "찾을 수 없어요.");
    let english = server.send(get().insert_header(("accept-language", "en-GB,en;q=0.9"))).await;
    let english = english.refuses(404, "not_found");
    assert_eq!(english["detail"], "Not found.");
    assert_eq!(english["type"], "urn:nbbang:problem:not_found");
}

#[actix_web::test]
async fn requests_have_names() {
    let (scratch, _) = Scratch::migrated(1).await;
    let server = server!(scratch, Mode::Dev);
    let named = |id: &str| TestRequest::get().uri("/livez").insert_header(("x-request-id", id.to_owned()));
    assert_eq!(server.send(named("a.B-9_")).await.header("x-request-id"), "a.B-9_");
    for bad in ["", "a b", "a\"b", &"a".repeat(129)] {
        let answer = server.send(named(bad)).await;
        assert_eq!(answer.header("x-request-id").len(), 32, "{bad}");
    }
}

#[actix_web::test]
async fn large_answers_are_compressed_and_small_ones_are_not() {
    let (scratch, _) = Scratch::migrated(1).await;
    let server = server!(scratch, Mode::Dev);
    let get = |path: &str| TestRequest::get().uri(path).insert_header(("accept-encoding", "gzip, br"));
    let large = server.send(get("/openapi.json")).await;
    assert_eq!(large.header("content-encoding"), "br");
    assert!(large.header("vary").contains("ccept-"));
    let small = server.send(get("/.well-known/jwks.json")).await;
    assert_eq!(small.header("content-encoding"), "");
    small.is(200);
    let picky = TestRequest::get().uri("/livez").insert_header(("accept-encoding", "identity;q=0, *;q=0"));
    assert_eq!(server.send(picky).await.status, StatusCode::OK);
}

#[actix_web::test]
async fn health_needs_no_token() {
    let (scratch, _) = Scratch::migrated(1).await;
    let server = server!(scratch, Mode::Dev);
    assert_eq!(server.send(TestRequest::get().uri("/livez")).await.bytes, b"alive");
    assert_eq!(server.send(TestRequest::get().uri("/readyz")).await.bytes, b"ready");
    scratch.execute(0, "delete from _sqlx_migrations where version = 1002").await;
    let away = server.send(TestRequest::get().uri("/readyz")).await;
    assert_eq!(away.header("retry-after"), "1");
    away.refuses(503, "database_unavailable");
    assert_eq!(server.send(TestRequest::get().uri("/livez")).await.status, StatusCode::OK);
}

#[actix_web::test]
async fn the_documentation_is_served() {
    let (scratch, _) = Scratch::migrated(1).await;
    let server = server!(scratch, Mode::Dev);
    let page = server.send(TestRequest::get().uri("/docs/")).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(String::from_utf8_lossy(&page.bytes).contains("swagger-ui"));
    let settings = server.send(TestRequest::get().uri("/docs/swagger-initializer.js")).await;
    let settings = String::from_utf8_lossy(&settings.bytes).into_owned();
    for setting in ["/openapi.json", "persistAuthorization", "tryItOutEnabled"] {
        assert!(settings.contains(setting), "{setting}");
    }
    assert_eq!(server.send(TestRequest::get().uri("/docs")).await.header("location"), "/docs/");
}

/// On a socket, since what HEAD leaves out is a matter of bytes.
#[actix_web::test]
async fn head_is_get_without_a_body() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let (scratch, _) = Scratch::migrated(1).await;
    let app = start(&scratch, Mode::Dev).await;
    let server = actix_web::HttpServer::new(move || http::application(app.clone())).workers(1);
    let server = server.bind("127.0.0.1:0").unwrap();
    let address = server.addrs()[0];
    let server = server.run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let mut buffer = [0; 4096];
    let mut ask = async |request: &str| {
        stream.write_all(format!("{request} HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes()).await.unwrap();
        let length = stream.read(&mut buffer).await.unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    let known = ask("HEAD /livez").await;
    assert!(known.starts_with("HTTP/1.1 200") && known.contains("content-length: 5\r\n"), "{known}");
    assert!(known.ends_with("\r\n\r\n"), "{known}");
    let unknown = ask("HEAD /v1/nothing").await;
    assert!(unknown.starts_with("HTTP/1.1 404") && unknown.contains("application/problem+json"), "{unknown}");
    assert!(unknown.ends_with("\r\n\r\n"), "{unknown}");
    assert!(ask("GET /livez").await.ends_with("\r\n\r\nalive"));
    handle.stop(false).await;
}
