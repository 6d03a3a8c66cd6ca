//! What clients build on: the shape of every answer, tags, names of requests, problem documents.

use serde_json::{Value, json};

use crate::operations::{Operation, all, send};
use crate::person::{Answer, draft, food, id, transfer_draft};
use crate::shape;
use crate::world::world;

/// The document, to hold answers against.
struct Contract {
    document: Value,
    operations: Vec<Operation>,
}

impl Contract {
    fn new() -> Self {
        let (document, operations) = all();
        Self { document, operations }
    }

    /// The body, which has the shape that the document tells of this answer.
    #[track_caller]
    fn holds(&self, operation: &str, status: u16, answer: Answer) -> Value {
        let told = self.operations.iter().find(|other| other.id == operation).expect(operation);
        let response = &told.responses[status.to_string()];
        for (name, _) in response["headers"].as_object().into_iter().flatten() {
            let may_lack = name == "Idempotency-Replayed";
            assert!(may_lack || answer.headers.contains_key(name.as_str()), "{operation}: no {name}");
        }
        let body = answer.expect(status);
        let faults = shape::faults(&self.document, &response["content"]["application/json"]["schema"], &body);
        assert!(faults.is_empty(), "{operation}: {faults:?}\n{body}");
        no_nulls(&body);
        body
    }
}

#[track_caller]
fn no_nulls(body: &Value) {
    match body {
        Value::Null => panic!("a null"),
        Value::Array(list) => list.iter().for_each(no_nulls),
        Value::Object(map) => map.values().for_each(no_nulls),
        _ => {}
    }
}

/// The names of an object, one after another.
#[track_caller]
fn names(body: &Value) -> String {
    body.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ")
}

fn sorted(names: &str) -> String {
    let mut names: Vec<_> = names.split_whitespace().collect();
    names.sort_unstable();
    names.join(" ")
}

const PARTY: &str = "id title store area state host member_count seats_taken capacity min_members min_order_krw food_total_krw \
    fee_krw fee_cap_krw deadline_at settlement split boosted version created_at";
const ROOM: &str = "pickup my_order_id orders";
const PAYMENT: &str =
    "id order_id kind state amount_krw refunded_krw provider provider_order_id order_name customer_key expires_at";
const ORDER: &str = "id party_id user_id state items food_krw paid_krw refunding_krw refunded_krw version";

#[tokio::test]
async fn every_answer_has_its_shape_on_the_way_of_a_prepaid_party() {
    world(|world| async move {
        let contract = Contract::new();
        let (mina, juno, sena) = (world.person("mina").await, world.person("juno").await, world.person("sena").await);
        let me = contract.holds("get_me", 200, mina.get("/v1/me").await);
        assert_eq!(names(&me), sorted("id nickname trust created_at app_account_token language"));
        let user = contract.holds("get_user", 200, mina.get(&format!("/v1/users/{}", juno.id)).await);
        assert_eq!(names(&user), sorted("id nickname trust created_at"));

        let opened = mina.post("/v1/parties", draft(&json!({}))).await;
        let location = opened.header("location").to_owned();
        let room = contract.holds("create_party", 201, opened);
        assert_eq!(names(&room), sorted(&format!("{PARTY} {ROOM}")));
        let party = id(&room);
        assert_eq!(location, format!("/v1/parties/{party}"));
        assert_eq!((&room["state"], &room["boosted"], &room["version"]), (&json!("open"), &json!(false), &json!(1)));
        assert_eq!(names(&room["area"]), sorted("lat lng radius_m"));
        assert_eq!(names(&room["host"]), sorted("id nickname trust"));
        assert_eq!(names(&room["store"]), sorted("name category"));
        let seen = contract.holds("get_party", 200, juno.get(&location).await);
        assert_eq!(names(&seen), sorted(PARTY));

        let quote = contract.holds("get_quote", 200, juno.get(&format!("{location}/quote?food_krw=8000")).await);
        assert_eq!(names(&quote), sorted("final food_total_krw fee_krw discount_krw total_krw with_me"));
        assert_eq!(names(&quote["with_me"]), sorted("fee_krw discount_krw owed_krw fee_cap_krw prepay_krw"));
        assert_eq!(quote["with_me"]["prepay_krw"], 10_000);
        let totals = contract.holds("get_quote", 200, juno.get(&format!("{location}/quote")).await);
        assert_eq!(names(&totals), sorted("final food_total_krw fee_krw discount_krw total_krw"));
        let near = contract.holds("find_parties", 200, juno.get("/v1/parties?lat=37.498&lng=127.028").await);
        assert_eq!(names(&near), "items", "the only page has no cursor");
        assert_eq!(names(&near["items"][0]), sorted(&format!("{PARTY} distance_band")));

        let joined = juno.joins(&party, food(8_000)).await;
        let location_of_order = joined.header("location").to_owned();
        let order = contract.holds("join_party", 201, joined);
        assert_eq!(location_of_order, format!("/v1/orders/{}", id(&order)));
        assert_eq!(names(&order), sorted(&format!("{ORDER} fee_cap_krw held_until payment")));
        assert_eq!(names(&order["payment"]), sorted(PAYMENT));
        assert_eq!((&order["payment"]["provider"], &order["payment"]["state"]), (&json!("toss"), &json!("ready")));
        let paid = contract.holds("confirm_payment", 200, juno.pays(&order["payment"]).await);
        assert_eq!(names(&paid), sorted(PAYMENT));
        contract.holds("get_payment", 200, juno.get(&format!("/v1/payments/{}", id(&paid))).await);
        let order = contract.holds("get_order", 200, juno.get(&location_of_order).await);
        assert_eq!(names(&order), sorted(&format!("{ORDER} fee_cap_krw joined_at payment")));
        let items = json!({"items": food(6_000)});
        contract.holds("change_items", 200, juno.put(&format!("{location_of_order}/items"), items).await);
        let other = id(&sena.joins(&party, food(5_000)).await.expect(201));
        contract.holds("end_order", 200, sena.delete(&format!("/v1/orders/{other}")).await);
        contract.holds("update_party", 200, mina.patch(&location, json!({"title": "새 제목"})).await);
        let quote = contract.holds("get_quote", 200, juno.get(&format!("{location}/quote")).await);
        assert_eq!(names(&quote["shares"][0]), sorted("order_id user_id food_krw fee_krw discount_krw owed_krw"));

        let room = contract.holds("lock_party", 200, mina.does(&party, "lock").await);
        assert_eq!(names(&room), sorted(&format!("{PARTY} {ROOM} quote locked_at placement_due_at")));
        assert!(room["orders"].as_array().unwrap().iter().all(|order| order.get("payment").is_none()), "{room}");
        let room = contract.holds("get_room", 200, juno.get(&format!("{location}/room")).await);
        let seen: Vec<_> =
            room["orders"].as_array().unwrap().iter().filter(|order| order.get("payment").is_some()).map(id).collect();
        assert_eq!(seen, [id(&order)], "one's own payment alone");
        let room = contract.holds("place_party", 200, mina.places(&party, 20_000).await);
        assert_eq!(names(&room["placement"]), sorted("store_order_no receipt_total_krw eta_at placed_at"));
        let room = contract.holds("arrive_party", 200, mina.does(&party, "arrival").await);
        assert_eq!(
            names(&room),
            sorted(&format!("{PARTY} {ROOM} quote locked_at placement_due_at placement arrived_at pickup_until"))
        );
        let complaint = json!({"kind": "item_missing", "note": "콜라", "amount_krw": 1_000});
        let order =
            contract.holds("dispute_order", 200, juno.put(&format!("{location_of_order}/dispute"), complaint).await);
        assert_eq!(names(&order["dispute"]), sorted("kind state note amount_krw opened_at"));
        contract.holds("pick_up_order", 200, juno.put(&format!("{location_of_order}/pickup"), Value::Null).await);
        let ledger = contract.holds("get_ledger", 200, juno.get(&format!("{location}/ledger")).await);
        assert_eq!(names(&ledger), sorted("items sum_krw"));
        assert_eq!(
            names(&ledger["items"][0]),
            sorted("id transaction_id account order_id kind source_id amount_krw created_at")
        );
        world.settle().await;
        let listed = contract.holds("list_my_parties", 200, juno.get("/v1/me/parties").await);
        let names_of_mine =
            "id title store state role my_order_id my_order_state seats_taken capacity deadline_at created_at";
        assert_eq!(names(&listed["items"][0]), sorted(names_of_mine));
        assert_eq!(listed["items"][0]["role"], "guest");
        assert_eq!(juno.get("/v1/me/parties?state=open").await.expect(200)["items"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn every_answer_has_its_shape_on_the_way_of_a_transfer_party() {
    world(|world| async move {
        let contract = Contract::new();
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let link = json!({"store": {"name": "교촌", "category": "chicken", "link": "https://example.com/a"}});
        let room = contract.holds("create_party", 201, mina.post("/v1/parties", transfer_draft(&link)).await);
        let party = id(&room);
        assert_eq!(names(&room), sorted(&format!("{PARTY} {ROOM} transfer_account")));
        assert_eq!(names(&room["transfer_account"]), sorted("bank number holder"));
        assert_eq!(names(&room["store"]), sorted("name category link"));
        let order = contract.holds("join_party", 201, juno.joins(&party, food(8_000)).await);
        assert_eq!(names(&order), sorted(&format!("{ORDER} fee_cap_krw joined_at")));
        mina.does(&party, "lock").await.expect(200);
        let path = format!("/v1/orders/{}/transfer", id(&order));
        let sent = contract.holds("send_transfer", 200, juno.put(&path, Value::Null).await);
        assert_eq!(names(&sent), sorted(&format!("{ORDER} fee_cap_krw joined_at owed_krw transfer_state")));
        contract.holds("dispute_transfer", 200, mina.put(&format!("{path}/dispute"), Value::Null).await);
        contract.holds("receive_transfer", 200, mina.put(&format!("{path}/receipt"), Value::Null).await);
        let ledger = contract.holds("get_ledger", 200, juno.get(&format!("/v1/parties/{party}/ledger")).await);
        assert_eq!(ledger, json!({"items": [], "sum_krw": 0}));
        let cancelled = contract.holds("cancel_party", 200, mina.cancels(&party, "host").await);
        assert_eq!(cancelled["cancel_reason"], "host");
    })
    .await;
}

#[tokio::test]
async fn every_answer_has_its_shape_of_what_is_bought() {
    world(|world| async move {
        let contract = Contract::new();
        let mina = world.person("mina").await;
        let sold = contract.holds("list_products", 200, mina.get("/v1/products").await);
        let product = json!({"product_id": "boost_5", "kind": "consumable", "grants": {"plus": false, "boosts": 5}});
        assert!(sold["items"].as_array().unwrap().contains(&product), "{sold}");
        let none = contract.holds("get_entitlements", 200, mina.get("/v1/me/entitlements").await);
        assert_eq!(none, json!({"plus": {"active": false, "state": "none"}, "boosts": 0}));
        for product in ["plus_monthly", "boost_1"] {
            let signed = world.mints(json!({"product_id": product})).await;
            let has = contract.holds("create_purchase", 200, mina.hands_in(&signed).await);
            assert_eq!(names(&has["plus"]), sorted("active state expires_at will_renew environment"));
        }
        let me = contract.holds("get_me", 200, mina.get("/v1/me").await);
        assert_eq!(names(&me), sorted("id nickname trust created_at app_account_token language plus_until"));
        let party = mina.opens(draft(&json!({}))).await;
        let room = contract.holds("boost_party", 200, mina.does(&party, "boost").await);
        assert_eq!((names(&room), &room["boosted"]), (sorted(&format!("{PARTY} {ROOM}")), &json!(true)));
    })
    .await;
}

#[tokio::test]
async fn tags_save_answers_and_guard_changes() {
    world(|world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let opened = mina.post("/v1/parties", draft(&json!({}))).await;
        assert_eq!(opened.header("etag"), "\"v1\"");
        let party = id(&opened.body);
        let order = id(&juno.joins(&party, food(8_000)).await.expect(201));
        let addresses =
            [format!("/v1/parties/{party}"), format!("/v1/parties/{party}/room"), format!("/v1/orders/{order}")];
        let held = juno.get(&addresses[2]).await;
        juno.pays(&held.body["payment"]).await.expect(200);
        assert_ne!(juno.get(&addresses[2]).await.header("etag"), held.header("etag"), "a payment is part of the order");
        for address in &addresses {
            let full = juno.get(address).await;
            assert_eq!(full.header("cache-control"), "private, no-cache", "{address}");
            let tag = full.header("etag").to_owned();
            assert!(tag.starts_with("\"v"), "{address}: {tag}");
            for value in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".into()] {
                let same =
                    Answer::of(juno.request("GET", address).header("If-None-Match", value).send().await.unwrap()).await;
                assert_eq!(
                    (same.status, same.text.as_str(), same.header("etag")),
                    (304, "", tag.as_str()),
                    "{address}"
                );
            }
            let zipped = juno.request("GET", address).header("Accept-Encoding", "gzip").send().await.unwrap();
            let is_zipped = zipped.headers().contains_key("content-encoding");
            assert_eq!(is_zipped, full.text.len() > 1024, "{address}: above 1 KiB");
            let expected = if is_zipped { format!("W/{tag}") } else { tag };
            assert_eq!(zipped.headers()["etag"], expected.as_str(), "{address}");
        }
        let (of_party, of_order) = (juno.get(&addresses[1]).await, juno.get(&addresses[2]).await);
        let guarded = |person: &crate::person::Person, method: &str, address: &str, tag: &str, body: Value| {
            let request = person.request(method, address).header("If-Match", tag).json(&body);
            async move { Answer::of(request.send().await.unwrap()).await }
        };
        let title = json!({"title": "다른 제목"});
        for stale in ["\"v1\"", "W/\"v1\"", "\"x\""] {
            assert_eq!(
                guarded(&mina, "PATCH", &addresses[0], stale, title.clone()).await.code(412),
                "precondition_failed"
            );
        }
        let changed = guarded(&mina, "PATCH", &addresses[0], of_party.header("etag"), title.clone()).await;
        assert_ne!(changed.header("etag"), of_party.header("etag"));
        assert_eq!(changed.expect(200)["title"], "다른 제목");
        guarded(&mina, "PATCH", &addresses[0], "*", json!({})).await.expect(200);
        let items = json!({"items": food(7_000)});
        let path = format!("{}/items", addresses[2]);
        for stale in ["\"v1\"", held.header("etag")] {
            assert_eq!(guarded(&juno, "PUT", &path, stale, items.clone()).await.code(412), "precondition_failed");
        }
        guarded(&juno, "PUT", &path, of_order.header("etag"), items).await.expect(200);
        let again = Answer::of(
            juno.request("GET", &addresses[1]).header("If-None-Match", of_party.header("etag")).send().await.unwrap(),
        );
        assert_eq!(again.await.status, 200, "the room has changed with what is in it");
    })
    .await;
}

#[tokio::test]
async fn a_repeated_command_acts_once_and_a_key_is_for_one_body() {
    world(|world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let body = draft(&json!({}));
        let first = mina.post_as("one", "/v1/parties", body.clone()).await;
        assert_eq!(first.header("idempotency-replayed"), "");
        let again = mina.post_as("\"one\"", "/v1/parties", body.clone()).await;
        assert_eq!((again.header("idempotency-replayed"), again.header("etag")), ("true", first.header("etag")));
        assert_eq!(again.header("location"), first.header("location"));
        assert_eq!(again.expect(201), first.body);
        let other = mina.post_as("one", "/v1/parties", draft(&json!({"title": "다른"}))).await;
        assert_eq!(other.code(422), "idempotency_key_reused");
        assert_eq!(mina.post("/v1/parties", body).await.code(409), "already_hosting");

        let path = format!("{}/orders", first.header("location"));
        let joined = juno.post_as("one", &path, json!({"items": food(8_000)})).await;
        let again = juno.post_as("one", &path, json!({"items": food(8_000)})).await;
        assert_eq!(again.header("idempotency-replayed"), "true");
        assert_eq!(again.expect(201), joined.body);
        let other = juno.post_as("one", &path, json!({"items": food(8_001)})).await;
        assert_eq!(other.code(422), "idempotency_key_reused");
        let twice = juno.post("/v1/parties/x/orders", json!({"items": food(1)})).await;
        assert_eq!(twice.code(404), "not_found");
        let twice = juno.post(&path, json!({"items": food(8_000)})).await;
        assert_eq!(twice.body["order_id"], joined.body["id"]);
        assert_eq!(twice.body["state"], "held");
        assert_eq!(twice.code(409), "already_joined");
    })
    .await;
}

#[tokio::test]
async fn a_refusal_says_what_a_client_needs() {
    world(|world| async move {
        let juno = world.person("juno").await;
        let named =
            juno.request("GET", "/v1/parties/1").header("X-Request-Id", "my-name.1").header("Accept-Language", "en");
        let refused = send("named", named).await;
        assert_eq!(refused.header("x-request-id"), "my-name.1");
        assert_eq!(refused.header("cache-control"), "no-store");
        assert_eq!(names(&refused.body), sorted("type title status detail code retryable request_id"));
        assert_eq!(refused.body["detail"], "Not found.");
        let invalid = juno.post("/v1/parties", draft(&json!({"title": "", "capacity": 1}))).await;
        assert_eq!(names(&invalid.body), sorted("type title status detail code retryable request_id fields"));
        assert_eq!(invalid.body["fields"].as_array().unwrap().len(), 2, "all mistakes at once: {}", invalid.text);
        assert_eq!(names(&invalid.body["fields"][0]), sorted("pointer code detail"));
        assert_eq!(invalid.body["fields"][0]["detail"], "비어 있어요.");
        let closed = juno.post(&format!("/v1/parties/{}/orders", "1"), json!({"items": food(8_000)})).await;
        assert_eq!(closed.code(404), "not_found");

        for (method, address, allow) in [
            ("DELETE", "/v1/parties", "GET, HEAD, POST"),
            ("GET", "/v1/parties/1/lock", "PUT"),
            ("POST", "/v1/orders/1", "DELETE, GET, HEAD"),
            ("PUT", "/v1/payments/1/confirmation", "POST"),
            ("OPTIONS", "/v1/me/parties", "GET, HEAD"),
        ] {
            let refused = send(address, juno.request(method, address)).await;
            assert_eq!((refused.header("allow"), refused.status), (allow, 405), "{method} {address}");
        }
        for address in
            ["/v1/parties/", "/v1/parties/1/", "/v1/parties/1/nothing", "/V1/parties", "//v1/parties", "/v1/orders"]
        {
            assert_eq!(send(address, juno.request("GET", address)).await.code(404), "not_found", "{address}");
        }
        // We have one form of answer, and say so whatever the client would rather have.
        assert_eq!(send("xml", juno.request("GET", "/v1/me").header("Accept", "application/xml")).await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn in_development_the_examples_run_as_they_are() {
    world(|world| async move {
        let (mina, juno, sena) = (world.person("mina").await, world.person("juno").await, world.person("sena").await);
        let joined = mina.opens(transfer_draft(&json!({}))).await;
        let order = id(&juno.joins(&joined, food(8_000)).await.expect(201));
        let open = sena.opens(draft(&json!({}))).await;
        world.settle().await;
        let served = world.get("/openapi.json").await.expect(200);
        let committed = nbbang::http::openapi();
        assert_ne!(served, committed);
        assert_eq!(
            served["components"]["schemas"].as_object().unwrap().len(),
            committed["components"]["schemas"].as_object().unwrap().len()
        );
        let example = |path: &str, method: &str| {
            let operation = &served["paths"][path][method];
            let id =
                operation["parameters"].as_array().into_iter().flatten().find(|parameter| parameter["in"] == "path");
            let body = &operation["requestBody"]["content"]["application/json"]["example"];
            (id.map_or("", |id| id["example"].as_str().unwrap()).to_owned(), body.clone())
        };
        assert_eq!(example("/v1/parties/{id}", "get").0, open);
        assert_eq!(example("/v1/parties/{id}/room", "get").0, joined);
        assert_eq!(example("/v1/orders/{id}", "get").0, order);
        assert_eq!(example("/v1/users/{id}", "get").0, sena.id);
        juno.post("/v1/parties", example("/v1/parties", "post").1).await.expect(201);
        juno.joins(&open, example("/v1/parties/{id}/orders", "post").1["items"].clone()).await.expect(201);
        juno.put(&format!("/v1/orders/{order}/items"), example("/v1/orders/{id}/items", "put").1).await.expect(200);
        juno.patch("/v1/me", example("/v1/me", "patch").1).await.expect(200);
        for operation in
            served["paths"].as_object().unwrap().values().flat_map(|methods| methods.as_object().unwrap().values())
        {
            let query =
                operation["parameters"].as_array().into_iter().flatten().filter(|parameter| parameter["in"] == "query");
            let query: Vec<_> = query
                .filter_map(|parameter| Some((parameter["name"].as_str()?, parameter.get("example")?)))
                .map(|(name, value)| format!("{name}={}", value.as_str().map_or(value.to_string(), str::to_owned)))
                .collect();
            let address = match operation["operationId"].as_str().unwrap() {
                "find_parties" => "/v1/parties",
                "list_my_parties" => "/v1/me/parties",
                "find_places" => "/v1/places",
                "find_addresses" => "/v1/places/addresses",
                "find_regions" => "/v1/places/regions",
                _ => continue,
            };
            let found = juno.get(&format!("{address}?{}", query.join("&"))).await.expect(200);
            assert!(
                !found["items"].as_array().unwrap().is_empty() || address == "/v1/me/parties",
                "{address}: {found}"
            );
        }
    })
    .await;
}
