//! A storm of requests that nobody sane would send, on the program as a process: none is answered 5xx, and nothing grows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::crowd::{Dice, long};
use crate::malformed::scene;
use crate::operations::{Ids, Operation, all};
use crate::person::{Person, fresh_key};
use crate::server::Server;
use crate::world::{World, world};

const CLIENTS: u64 = 8;

/// What stands where something else is meant to.
const JUNK: [&str; 16] = [
    "",
    "0",
    "-1",
    "null",
    "%00",
    "%ff",
    "../..",
    "9223372036854775808",
    "1e400",
    "NaN",
    "'; drop table parties; --",
    "{}",
    "[[[[[[",
    "\u{202e}x",
    "🍗",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
];

struct Storm {
    world: Arc<World>,
    base: String,
    operations: Vec<Operation>,
    ids: Ids,
    person: Person,
    sent: AtomicU64,
}

impl Storm {
    /// So many requests, by several clients at once; each has the dice of its own.
    async fn blows(&self, seed: u64, requests: u64) {
        let clients = (0..CLIENTS).map(|client| async move {
            let mut dice = Dice(seed * CLIENTS + client);
            for _ in 0..requests / CLIENTS {
                self.one(&mut dice).await;
            }
        });
        join_all(clients).await;
    }

    async fn one(&self, dice: &mut Dice) {
        let operation = dice.pick(&self.operations);
        let request = self.request(dice, operation);
        let request = self.headers(dice, request);
        let request = match operation.body.as_ref().filter(|_| !dice.one_in(8)) {
            Some((_, example)) => body(dice, request, example),
            None if dice.one_in(4) => request.body(*dice.pick(&JUNK)),
            None => request,
        };
        // What the client itself cannot send is not sent.
        let Ok(request) = request.timeout(Duration::from_secs(20)).build() else { return };
        let what = format!("{request:?}");
        match self.world.client.execute(request).await {
            Ok(answer) => assert!(answer.status().as_u16() < 500, "{}: {what}", answer.status()),
            // Refused before it was read to its end.
            Err(error) => assert!(!error.is_connect() && !error.is_timeout(), "{error:?}: {what}"),
        }
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    fn request(&self, dice: &mut Dice, operation: &Operation) -> RequestBuilder {
        let junk = *dice.pick(&JUNK);
        let mut address = if dice.one_in(2) { operation.at(&self.ids) } else { operation.with_id(junk) };
        if dice.one_in(4) {
            let mark = if address.contains('?') { '&' } else { '?' };
            address = format!("{address}{mark}{}={}", *dice.pick(&JUNK), *dice.pick(&JUNK));
        }
        let methods = ["GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "X"];
        let method = if dice.one_in(8) { *dice.pick(&methods) } else { operation.method.as_str() };
        self.world.client.request(method.parse().unwrap(), format!("{}{address}", self.base))
    }

    fn headers(&self, dice: &mut Dice, mut request: RequestBuilder) -> RequestBuilder {
        request = match dice.below(8) {
            0 => request,
            1 => request.bearer_auth(*dice.pick(&JUNK)),
            2 => request.header("authorization", "Basic eDp5"),
            _ => request.bearer_auth(&self.person.token),
        };
        request = match dice.below(4) {
            0 => request.header("idempotency-key", dice.pick(&JUNK).as_bytes()),
            1 => request,
            _ => request.header("idempotency-key", fresh_key()),
        };
        let names = [
            "content-type",
            "content-encoding",
            "accept-encoding",
            "if-match",
            "if-none-match",
            "accept-language",
            "x-request-id",
            "traceparent",
            "x-forwarded-for",
            "expect",
        ];
        if dice.one_in(3) {
            request = request.header(*dice.pick(&names), dice.pick(&JUNK).as_bytes());
        }
        request
    }
}

/// A body that is nearly right, or not at all.
fn body(dice: &mut Dice, request: RequestBuilder, example: &Value) -> RequestBuilder {
    let request = request.header("content-type", "application/json");
    let text = example.to_string();
    match dice.below(6) {
        0 => request.body("[".repeat(2_000)),
        1 => {
            let mut cut = dice.below(text.len());
            while !text.is_char_boundary(cut) {
                cut -= 1;
            }
            request.body(text[..cut].to_owned())
        }
        2 => {
            let mut bytes = text.into_bytes();
            let at = dice.below(bytes.len());
            bytes[at] = u8::try_from(dice.below(256)).unwrap();
            request.body(bytes)
        }
        _ => {
            let mut wrong = example.clone();
            if let Some(fields) = wrong.as_object_mut().filter(|fields| !fields.is_empty()) {
                let at = dice.below(fields.len());
                let name = fields.keys().nth(at).unwrap().clone();
                let values = [
                    json!(null),
                    json!(-1),
                    json!(1e308),
                    json!([]),
                    json!({}),
                    json!(*dice.pick(&JUNK)),
                    json!(i64::MAX),
                    json!("x".repeat(70_000)),
                ];
                fields.insert(name, dice.pick(&values).clone());
            }
            request.body(wrong.to_string())
        }
    }
}

#[tokio::test]
async fn no_nonsense_makes_it_fail_or_grow() {
    world(|world| async move {
        let settings = [
            ("NBBANG_LOG", "error,nbbang::serve=info".to_owned()),
            ("NBBANG_APPLE_LOGIN_BASE_URL", format!("{}/apple-login", world.simulator)),
            ("NBBANG_KAKAO_LOGIN_BASE_URL", format!("{}/kakao-login", world.simulator)),
        ];
        let server = Server::with_settings(&world, &settings).await;
        let (person, ids) = scene(&world).await;
        // They end what the others stand on, or move the clock for all.
        let apart = ["delete_me", "delete_session", "advance_dev_clock", "create_dev_session"];
        let operations = all().1.into_iter().filter(|operation| !apart.contains(&operation.id.as_str())).collect();
        let base = server.base.clone();
        let storm = Storm { world: Arc::clone(&world), base, operations, ids, person, sent: AtomicU64::new(0) };
        let requests = if long() { 1_000_000 } else { 4_000 };
        storm.blows(1, requests / 4).await;
        let (before, connections) = (server.memory_kb(), connections(&world).await);
        storm.blows(2, requests * 3 / 4).await;
        let (after, more) = (server.memory_kb(), self::connections(&world).await);
        let sent = storm.sent.load(Ordering::Relaxed);
        println!("{sent} requests; {before} kB and {connections} connections after a quarter, {after} kB and {more} at the end");
        assert!(sent > requests / 2, "only {sent} could be sent");
        // What a thousand different requests have not made it take, a million must not.
        assert!(after < before + before / 4 + 16_384, "{before} kB became {after} kB");
        assert!(more <= connections + 8, "{connections} connections became {more}");
    })
    .await;
}

async fn connections(world: &World) -> i64 {
    sqlx::query_scalar("select count(*) from pg_stat_activity where datname = current_database()")
        .fetch_one(&*world.app.databases.main())
        .await
        .unwrap()
}
