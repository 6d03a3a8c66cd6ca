//! Headers that no client of ours sends, on every operation of the document; and requests that are hardly HTTP.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::malformed::scene;
use crate::operations::{all, send};
use crate::world::{World, world, world_with};

#[tokio::test]
async fn a_token_that_is_not_ours_is_nobody_s() {
    world(|world| async move {
        let (juno, ids) = scene(&world).await;
        let (head, signature) = juno.token.rsplit_once('.').unwrap();
        let long = format!("Bearer {}", "a".repeat(5_000));
        let forged = format!("Bearer {head}.{}", signature.chars().rev().collect::<String>());
        let unsigned = format!("Bearer {head}.");
        let none = format!("Bearer eyJhbGciOiJub25lIn0.{}.", head.split_once('.').unwrap().1);
        let basic = format!("Basic {}", juno.token);
        let bad: [&[u8]; 12] = [
            b"",
            b"Bearer",
            b"Bearer ",
            b"Bearer x",
            b"Bearer a.b.c",
            b"Bearer \xff",
            b"\xff",
            basic.as_bytes(),
            long.as_bytes(),
            forged.as_bytes(),
            unsigned.as_bytes(),
            none.as_bytes(),
        ];
        for operation in all().1.iter().filter(|operation| operation.is_secured) {
            let answer = send(&operation.id, operation.request(&world, None, &operation.at(&ids))).await;
            assert_eq!(answer.header("www-authenticate"), "Bearer", "{}", operation.id);
            assert_eq!(answer.code(401), "unauthenticated", "{}", operation.id);
            for token in bad {
                let what = format!("{} with {:.40}", operation.id, String::from_utf8_lossy(token));
                let request = operation.request(&world, None, &operation.at(&ids)).header("authorization", token);
                assert_eq!(send(&what, request).await.code(401), "unauthenticated", "{what}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn odd_headers_change_nothing_or_are_refused() {
    world(|world| async move {
        let (juno, ids) = scene(&world).await;
        let long = "a".repeat(256);
        for operation in &all().1 {
            let name = &operation.id;
            let keys: [&[u8]; 7] = [b"", b"\"", b"\"a", b"a b", b"\xff", "키".as_bytes(), long.as_bytes()];
            for key in keys.into_iter().filter(|_| operation.is_keyed) {
                let request =
                    operation.bare(&world, &operation.at(&ids)).bearer_auth(&juno.token).header("idempotency-key", key);
                let request = request.json(&operation.body.as_ref().map_or(Value::Null, |body| body.1.clone()));
                assert_eq!(send(name, request).await.code(400), "idempotency_key_malformed", "{name}");
            }
            if operation.is_keyed {
                let request = operation.bare(&world, &operation.at(&ids)).bearer_auth(&juno.token);
                let request = request.json(&operation.body.as_ref().map_or(Value::Null, |body| body.1.clone()));
                assert_eq!(send(name, request).await.code(400), "idempotency_key_missing", "{name}");
                let twice = operation.request(&world, Some(&juno), &operation.at(&ids)).header("idempotency-key", "b");
                assert_eq!(send(name, twice).await.code(400), "idempotency_key_malformed", "{name}");
            }
            let has = |header: &str| operation.parameters.iter().any(|parameter| parameter["name"] == header);
            let tags: [&[u8]; 6] = [b"x", b"\"", b"W/", b"\"v99999999999999999999\"", b"\xff", long.as_bytes()];
            for tag in tags {
                if has("If-None-Match") {
                    let request =
                        operation.request(&world, Some(&juno), &operation.at(&ids)).header("if-none-match", tag);
                    assert_ne!(send(name, request).await.status, 304, "{name}");
                }
                if has("If-Match") && name == "change_items" {
                    let request = operation.request(&world, Some(&juno), &operation.at(&ids)).header("if-match", tag);
                    assert_eq!(send(name, request).await.code(412), "precondition_failed", "{name} {tag:?}");
                }
            }
            // Of what is refused anyway, in case that it acts.
            for (header, value) in [
                ("accept-language", &b"\xff"[..]),
                ("accept-language", b";;;,q=,-"),
                ("x-request-id", b"\xff"),
                ("accept", b"x"),
                ("x-request-id", long.as_bytes()),
                ("traceparent", b"00-x-y-z"),
                ("traceparent", b"\xff"),
                ("range", b"bytes=9-1"),
                ("accept-encoding", b"\xff"),
                ("accept-encoding", b"gzip;q=x, *;q=0"),
                ("if-modified-since", b"yesterday"),
                ("x-http-method-override", b"DELETE"),
                ("x-forwarded-for", b"\xff"),
                ("cookie", b"a=\xff"),
                ("te", b"x"),
            ] {
                send(
                    &format!("{name} {header}"),
                    operation.bare(&world, &operation.with_id("0")).header(header, value),
                )
                .await;
            }
        }
    })
    .await;
}

/// The status of the answer to these bytes; 0 where the server hangs up without a word.
async fn raw(world: &World, bytes: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(world.base.trim_start_matches("http://")).await.unwrap();
    // It may hang up before it has heard all.
    drop(stream.write_all(bytes).await);
    drop(stream.shutdown().await);
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    (answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0), answer)
}

#[tokio::test]
async fn what_is_hardly_http_is_no_failure_of_ours() {
    world(|world| async move {
        let post = |headers: &str, body: &[u8]| {
            let head = format!(
                "POST /v1/dev/sessions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n{headers}\r\n\r\n"
            );
            [head.as_bytes(), body].concat()
        };
        let chunk = |size: usize| [format!("{size:x}\r\n").as_bytes(), &vec![b' '; size], b"\r\n"].concat();
        let chunks = [chunk(40_000), chunk(25_537), b"0\r\n\r\n".to_vec()].concat();
        let (status, answer) = raw(&world, &post("transfer-encoding: chunked", &chunks)).await;
        assert!(status == 413 && answer.contains("payload_too_large"), "64 KiB and a byte, without a length: {answer}");
        let good = b"11\r\n{\"handle\":\"mina\"}\r\n0\r\n\r\n";
        assert_eq!(raw(&world, &post("transfer-encoding: chunked", good)).await.0, 200);

        let many = "x-a: b\r\n".repeat(500);
        let long = format!("x-a: {}", "b".repeat(200_000));
        let path = format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(200_000));
        let requests: Vec<Vec<u8>> = vec![
            b"\r\n\r\n".to_vec(),
            b"hello\r\n\r\n".to_vec(),
            b"GET\r\n\r\n".to_vec(),
            b"GET /livez HTTP/9.9\r\n\r\n".to_vec(),
            b"GET /livez HTTP/1.1\r\n\r\n".to_vec(),
            b"GET livez HTTP/1.1\r\nhost: a\r\n\r\n".to_vec(),
            b"GET * HTTP/1.1\r\nhost: a\r\n\r\n".to_vec(),
            b"GET http://a/livez HTTP/1.1\r\nhost: a\r\n\r\n".to_vec(),
            b"GET /v1/parties/\xff HTTP/1.1\r\nhost: a\r\n\r\n".to_vec(),
            b"GET /v1/parties?lat=\xff HTTP/1.1\r\nhost: a\r\n\r\n".to_vec(),
            b"CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n".to_vec(),
            b"TRACE /livez HTTP/1.1\r\nhost: a\r\n\r\n".to_vec(),
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
            b"GET /livez HTTP/1.1\r\nhost: a\r\nx\x00y: z\r\n\r\n".to_vec(),
            b"GET /livez HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n".to_vec(),
            b"GET /v1/me HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n".to_vec(),
            path.into_bytes(),
            post("content-length: -1", b"{}"),
            post("content-length: x", b"{}"),
            post("content-length: 99999999999999999999999", b"{}"),
            post("content-length: 2\r\ncontent-length: 3", b"{}"),
            post("content-length: 50", b"{}"),
            post("transfer-encoding: chunked\r\ncontent-length: 2", b"{}"),
            post("transfer-encoding: chunked", b"zz\r\n{}"),
            post("transfer-encoding: chunked", b"ffffffffffffffffff\r\n{}"),
            post("transfer-encoding: chunked", b"2\r\n{"),
            post("transfer-encoding: odd", b"{}"),
            post(&many, b""),
            post(&long, b""),
        ];
        for request in requests {
            let what = String::from_utf8_lossy(&request).chars().take(120).collect::<String>();
            let (status, answer) = raw(&world, &request).await;
            assert!(status < 500, "{what}: {answer}");
        }
        assert_eq!(world.get("/livez").await.status, 200, "and it lives");
    })
    .await;
}

#[tokio::test]
async fn who_sends_his_body_byte_by_byte_does_not_hold_us_up() {
    let short = |config: &mut nbbang::config::Config| config.patience.body = std::time::Duration::from_millis(200);
    world_with(short, |world| async move {
        let paths = ["/v1/dev/sessions", "/v1/webhooks/app-store", "/v1/webhooks/toss"];
        for path in paths {
            let mut stream = TcpStream::connect(world.base.trim_start_matches("http://")).await.unwrap();
            let head = format!(
                "POST {path} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 60000\r\n\r\n{{"
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            // It stays open for more, and nothing more comes.
            let mut answer = vec![0; 4096];
            let length = stream.read(&mut answer).await.unwrap();
            let answer = String::from_utf8_lossy(&answer[..length]);
            assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("request_timeout"), "{path}: {answer}");
        }
    })
    .await;
}
