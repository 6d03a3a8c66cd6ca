//! Parties over HTTP: the limits of what may be offered, who may see and do what, and what a repeated command says.

use serde_json::{Value, json};

use crate::operations::pointer;
use crate::person::{Person, draft, food, id, transfer_draft};
use crate::world::{World, world};

/// Changes to a good draft, where the fault is and what it is called.
fn wrong_drafts() -> Vec<(Value, &'static str, &'static str)> {
    let item =
        |name: &str, price: i64, quantity: i64| json!([{"name": name, "unit_price_krw": price, "quantity": quantity}]);
    let pickup = |change: Value| {
        let mut pickup = json!({"lat": 37.4981, "lng": 127.0276, "label": "강남역", "memo": "앞"});
        pickup.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        json!({"pickup": pickup})
    };
    let account = |number: &str| json!({"settlement": "transfer", "transfer_account": {"bank": "카카오", "number": number, "holder": "김"}});
    let tiers = |tiers: &[(i64, i64)]| json!({"fee_tiers": tiers.iter().map(|(from, fee)| json!({"from_krw": from, "fee_krw": fee})).collect::<Vec<_>>()});
    let in_minutes = |minutes: i64| {
        let at = nbbang::app::clock::real() + time::Duration::minutes(minutes);
        json!({"deadline_at": at.format(&time::format_description::well_known::Rfc3339).unwrap()})
    };
    vec![
        (json!({"title": ""}), "/title", "empty"),
        (json!({"title": " \t "}), "/title", "empty"),
        (json!({"title": "가".repeat(61)}), "/title", "too_long"),
        (json!({"title": "a\u{7}b"}), "/title", "control_characters"),
        (json!({"title": "a\u{202e}b"}), "/title", "control_characters"),
        (json!({"store": {"name": "", "category": "chicken"}}), "/store/name", "empty"),
        (json!({"store": {"name": "가".repeat(61), "category": "chicken"}}), "/store/name", "too_long"),
        (json!({"store": {"name": "a", "category": "fish"}}), "/store/category", "not_permitted_word"),
        (
            json!({"store": {"name": "a", "category": "pizza", "link": "javascript:alert(1)"}}),
            "/store/link",
            "not_a_link",
        ),
        (pickup(json!({"lat": 90.1})), "/pickup/lat", "out_of_range"),
        (pickup(json!({"lng": -180.1})), "/pickup/lng", "out_of_range"),
        (pickup(json!({"label": ""})), "/pickup/label", "empty"),
        (pickup(json!({"label": "가".repeat(81)})), "/pickup/label", "too_long"),
        (pickup(json!({"memo": "가".repeat(201)})), "/pickup/memo", "too_long"),
        (json!({"min_members": 1}), "/min_members", "out_of_range"),
        (json!({"min_members": 5}), "/min_members", "out_of_range"),
        (json!({"capacity": 1}), "/capacity", "out_of_range"),
        (json!({"capacity": 11}), "/capacity", "out_of_range"),
        (json!({"capacity": i64::MAX}), "/capacity", "out_of_range"),
        (in_minutes(9), "/deadline_at", "too_soon"),
        (in_minutes(-60), "/deadline_at", "too_soon"),
        (in_minutes(24 * 60 + 1), "/deadline_at", "too_late"),
        (json!({"deadline_at": "tomorrow"}), "/deadline_at", "not_a_time"),
        (json!({"min_order_krw": -1}), "/min_order_krw", "out_of_range"),
        (json!({"min_order_krw": i64::MAX}), "/min_order_krw", "out_of_range"),
        (json!({"discount_krw": -1}), "/discount_krw", "out_of_range"),
        (tiers(&[]), "/fee_tiers", "too_few"),
        (tiers(&[(0, 0); 11]), "/fee_tiers", "too_many"),
        (tiers(&[(1, 3_000)]), "/fee_tiers/0/from_krw", "out_of_range"),
        (tiers(&[(0, 100_001)]), "/fee_tiers/0/fee_krw", "out_of_range"),
        (tiers(&[(0, -1)]), "/fee_tiers/0/fee_krw", "out_of_range"),
        (tiers(&[(0, 3_000), (0, 2_000)]), "/fee_tiers/1/from_krw", "not_rising"),
        (tiers(&[(0, 3_000), (9, 3_001)]), "/fee_tiers/1/fee_krw", "not_falling"),
        (json!({"split": "odd"}), "/split", "not_permitted_word"),
        (json!({"settlement": "cash"}), "/settlement", "not_permitted_word"),
        (json!({"settlement": "transfer"}), "/transfer_account", "required"),
        (
            json!({"transfer_account": {"bank": "a", "number": "123456", "holder": "b"}}),
            "/transfer_account",
            "not_allowed_here",
        ),
        (account("12345"), "/transfer_account/number", "out_of_range"),
        (account("12345a7"), "/transfer_account/number", "out_of_range"),
        (account(""), "/transfer_account/number", "empty"),
        (json!({"items": item("", 1, 1)}), "/items/0/name", "empty"),
        (json!({"items": item(&"가".repeat(61), 1, 1)}), "/items/0/name", "too_long"),
        (json!({"items": item("a", 1_000_001, 1)}), "/items/0/unit_price_krw", "out_of_range"),
        (json!({"items": item("a", -1, 1)}), "/items/0/unit_price_krw", "out_of_range"),
        (json!({"items": item("a", 1, 0)}), "/items/0/quantity", "out_of_range"),
        (json!({"items": item("a", 1, 100)}), "/items/0/quantity", "out_of_range"),
        (json!({"items": item("a", 1_000_000, 6)}), "/items", "out_of_range"),
        (json!({"items": vec![json!({"name": "a", "unit_price_krw": 1, "quantity": 1}); 31]}), "/items", "too_many"),
        (
            json!({"items": [{"name": "a", "unit_price_krw": 1, "quantity": 1, "memo": "가".repeat(201)}]}),
            "/items/0/memo",
            "too_long",
        ),
    ]
}

#[tokio::test]
async fn what_is_beyond_the_limits_is_pointed_at() {
    world(|world| async move {
        let mina = world.person("mina").await;
        for (change, at, fault) in wrong_drafts() {
            let answer = mina.post("/v1/parties", draft(&change)).await;
            assert_eq!((answer.status, pointer(&answer)), (422, at), "{change}: {}", answer.text);
            assert_eq!(answer.body["fields"][0]["code"], fault, "{change}");
            assert_eq!(answer.body["fields"].as_array().unwrap().len(), 1, "{change}: {}", answer.text);
        }
        // The widest that may be.
        let widest = json!({
            "title": "가".repeat(60), "capacity": 10, "min_members": 10, "min_order_krw": 5_000_000, "discount_krw": 5_000_000,
            "store": {"name": "나".repeat(60), "category": "late_night", "link": format!("https://{}", "a".repeat(492))},
            "pickup": {"lat": -90, "lng": 180.0, "label": "다".repeat(80), "memo": "라".repeat(200)},
            "fee_tiers": (0..10).map(|n| json!({"from_krw": n, "fee_krw": 100_000 - n})).collect::<Vec<_>>(),
            "items": (0..30).map(|_| json!({"name": "마".repeat(60), "unit_price_krw": 1_000, "quantity": 99, "memo": "바".repeat(200)})).collect::<Vec<_>>(),
        });
        let party = mina.opens(draft(&widest)).await;
        assert_eq!(mina.room(&party).await["food_total_krw"], 2_970_000);
        let path = format!("/v1/parties/{party}");
        for (change, at) in [
            (json!({"title": ""}), "/title"), (json!({"pickup": {"label": ""}}), "/pickup/label"), (json!({"pickup": {"lat": 1}}), "/pickup/lat"),
            (json!({"pickup": {"memo": "가".repeat(201)}}), "/pickup/memo"), (json!({"capacity": 11}), "/capacity"), (json!({"capacity": 0}), "/capacity"),
            (json!({"settlement": "transfer"}), "/settlement"), (json!({"deadline_at": "2020-01-01T00:00:00Z"}), "/deadline_at"),
            (json!({"fee_tiers": []}), "/fee_tiers"), (json!({"title": null}), "/title"), (json!({"deadline_at": null}), "/deadline_at"),
            (json!({"pickup": null}), "/pickup"), (json!({"auto_lock": null}), "/auto_lock"), (json!({"pickup": {"label": null}}), "/pickup/label"),
        ] {
            let answer = mina.patch(&path, change.clone()).await;
            assert_eq!((answer.status, pointer(&answer)), (422, at), "{change}: {}", answer.text);
        }
        let cleared = mina.patch(&path, json!({"pickup": {"memo": null}})).await.expect(200);
        assert!(cleared["pickup"].get("memo").is_none(), "null clears");
    })
    .await;
}

#[tokio::test]
async fn who_may_see_and_do_what() {
    world(|world| async move {
        let mina = world.person("mina").await;
        let party = mina.opens(draft(&json!({"capacity": 4}))).await;
        let [juno, left, kicked, held, outsider] =
            ["juno", "left", "kicked", "held", "outsider"].map(|name| world.person(name));
        let (juno, left, kicked, held, outsider) = tokio::join!(juno, left, kicked, held, outsider);
        let order = juno.joins_and_pays(&party, food(8_000)).await;
        let gone = left.joins_and_pays(&party, food(5_000)).await;
        left.delete(&format!("/v1/orders/{gone}")).await.expect(200);
        let sent_away = kicked.joins_and_pays(&party, food(5_000)).await;
        mina.delete(&format!("/v1/orders/{sent_away}?reason=x")).await.expect(200);
        held.joins(&party, food(5_000)).await.expect(201);
        let host_order = mina.room(&party).await["my_order_id"].as_str().unwrap().to_owned();
        let placing = json!({"store_order_no": "B-1", "receipt_total_krw": 20_000});
        let p = |rest: &str| format!("/v1/parties/{party}{rest}");
        let o = |order: &str, rest: &str| format!("/v1/orders/{order}{rest}");
        // What is asked; then host, guest, guest who has not paid, one who left, one who was sent away, outsider.
        let table: Vec<(&str, String, Value, [u16; 6])> = vec![
            ("GET", p(""), Value::Null, [200; 6]),
            ("GET", p("/quote"), Value::Null, [200; 6]),
            ("GET", p("/room"), Value::Null, [200, 200, 403, 403, 403, 403]),
            ("GET", p("/ledger"), Value::Null, [200, 200, 403, 403, 403, 403]),
            ("PATCH", p(""), json!({}), [200, 403, 403, 403, 403, 403]),
            ("PUT", p("/placement"), placing, [409, 403, 403, 403, 403, 403]),
            ("PUT", p("/cancellation"), json!({"reason": "store"}), [409, 403, 403, 403, 403, 403]),
            ("PUT", p("/arrival"), Value::Null, [409, 409, 403, 403, 403, 403]),
            ("GET", o(&order, ""), Value::Null, [403, 200, 404, 404, 404, 404]),
            ("GET", o(&gone, ""), Value::Null, [403, 404, 404, 200, 404, 404]),
            ("GET", o(&host_order, ""), Value::Null, [200, 404, 404, 404, 404, 404]),
            ("PUT", o(&order, "/items"), json!({"items": food(8_000)}), [403, 200, 404, 404, 404, 404]),
            ("PUT", o(&order, "/pickup"), Value::Null, [409, 409, 404, 404, 404, 404]),
            ("PUT", o(&order, "/no-show"), Value::Null, [409, 403, 404, 404, 404, 404]),
            ("PUT", o(&order, "/transfer"), Value::Null, [403, 409, 404, 404, 404, 404]),
            ("PUT", o(&order, "/transfer/receipt"), Value::Null, [409, 403, 404, 404, 404, 404]),
            ("PUT", o(&order, "/transfer/dispute"), Value::Null, [409, 403, 404, 404, 404, 404]),
            ("PUT", o(&order, "/dispute"), json!({"kind": "other"}), [403, 409, 404, 404, 404, 404]),
            ("DELETE", o(&host_order, ""), Value::Null, [409, 404, 404, 404, 404, 404]),
            ("DELETE", o(&order, ""), Value::Null, [422, 0, 404, 404, 404, 404]),
        ];
        let people = [&mina, &juno, &held, &left, &kicked, &outsider];
        for (method, address, body, expected) in table {
            for (person, status) in people.iter().zip(expected).filter(|(_, status)| *status != 0) {
                let request = person.request(method, &address);
                let request = if body.is_null() { request } else { request.json(&body) };
                let answer = crate::person::Answer::of(request.send().await.unwrap()).await;
                assert_eq!(answer.status, status, "{method} {address} by {}: {}", person.id, answer.text);
                let code = &answer.body["code"];
                assert!(status != 404 || code == "not_found");
                assert!(
                    status != 403
                        || matches!(code.as_str().unwrap(), "not_a_member" | "not_the_host" | "not_the_owner"),
                    "{code}"
                );
                assert!(
                    status != 409 || code == "host_cannot_leave" || answer.body["state"].is_string(),
                    "{}",
                    answer.text
                );
            }
        }
        assert_eq!(kicked.joins(&party, food(5_000)).await.code(409), "kicked");
        left.joins_and_pays(&party, food(5_000)).await;
        assert_eq!(outsider.joins(&party, food(5_000)).await.code(409), "party_full");
    })
    .await;
}

#[tokio::test]
async fn the_quote_of_a_party_that_was_never_locked_is_of_nothing() {
    world(|world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let party = mina.opens(draft(&json!({}))).await;
        juno.joins_and_pays(&party, food(8_000)).await;
        mina.cancels(&party, "host").await.expect(200);
        for person in [&mina, &juno, &world.person("sena").await] {
            let quote = person.get(&format!("/v1/parties/{party}/quote?food_krw=5000")).await.expect(200);
            assert_eq!(quote["final"], false);
            for name in ["food_total_krw", "fee_krw", "discount_krw", "total_krw"] {
                assert_eq!(quote[name], 0, "{name}");
            }
            assert!(quote.get("with_me").is_none());
        }
    })
    .await;
}

#[tokio::test]
async fn a_store_is_changed_in_part() {
    world(|world| async move {
        let mina = world.person("mina").await;
        let party = mina.opens(draft(&json!({}))).await;
        let address = format!("/v1/parties/{party}");
        let link = "https://example.com/menu";
        let store = mina.patch(&address, json!({"store": {"link": link}})).await.expect(200)["store"].clone();
        let renamed = mina.patch(&address, json!({"store": {"name": "다른 가게"}})).await.expect(200)["store"].clone();
        assert_eq!(renamed, json!({"name": "다른 가게", "category": store["category"], "link": link}));
        let bare = mina.patch(&address, json!({"store": {"link": null}})).await.expect(200)["store"].clone();
        assert_eq!(bare, json!({"name": "다른 가게", "category": store["category"]}));
        let wrong = mina.patch(&address, json!({"store": {"name": "", "link": "x"}})).await.expect(422);
        assert_eq!(wrong["fields"][0]["pointer"], "/store/link");
    })
    .await;
}

#[tokio::test]
async fn what_has_happened_is_so_in_every_version() {
    world(|world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let party = mina.opens(draft(&json!({}))).await;
        juno.joins_and_pays(&party, food(20_000)).await;
        let tag = mina.get(&format!("/v1/parties/{party}/room")).await.header("etag").to_owned();
        let locks = || async {
            let request = mina.request("PUT", &format!("/v1/parties/{party}/lock")).header("If-Match", &tag);
            crate::person::Answer::of(request.send().await.unwrap()).await
        };
        assert_eq!(locks().await.expect(200)["state"], "locked");
        assert_eq!(locks().await.expect(200)["state"], "locked", "the answer was lost, and it is asked for again");
        let cancels = mina.request("PUT", &format!("/v1/parties/{party}/cancellation")).header("If-Match", &tag);
        let cancels = cancels.json(&json!({"reason": "host"})).send().await.unwrap();
        assert_eq!(crate::person::Answer::of(cancels).await.code(412), "precondition_failed");
    })
    .await;
}

#[tokio::test]
async fn a_guests_payment_and_complaint_are_not_the_hosts_to_see() {
    world(|world| async move {
        let table = crate::table::Table::paid(&world, "juno").await;
        assert!(table.guest.order(&table.order).await["payment"].is_object());
        let kicked = table.host.delete(&format!("/v1/orders/{}?reason=x", table.order)).await.expect(200);
        assert!(kicked.get("payment").is_none(), "{kicked}");
        assert!(table.guest.order(&table.order).await["payment"].is_object());
    })
    .await;
}

#[tokio::test]
async fn people_apart_find_no_party_of_each_other() {
    world(|world| async move {
        let (mina, juno, sena) = (world.person("mina").await, world.person("juno").await, world.person("sena").await);
        let party = mina.opens(draft(&json!({}))).await;
        juno.joins_and_pays(&party, food(8_000)).await;
        // One who is in the party already stays; his own view of it too.
        juno.put(&format!("/v1/me/blocks/{}", mina.id), Value::Null).await.expect(204);
        for rest in ["", "/quote", "/room", "/ledger"] {
            juno.get(&format!("/v1/parties/{party}{rest}")).await.expect(200);
            mina.get(&format!("/v1/parties/{party}{rest}")).await.expect(200);
        }
        // By a guest, not the host: it keeps from the party all the same.
        juno.put(&format!("/v1/me/blocks/{}", sena.id), Value::Null).await.expect(204);
        for rest in ["", "/quote", "/quote?food_krw=1000", "/room", "/ledger"] {
            assert_eq!(sena.get(&format!("/v1/parties/{party}{rest}")).await.code(404), "not_found", "{rest}");
        }
        for what in ["lock", "arrival"] {
            assert_eq!(sena.does(&party, what).await.code(404), "not_found", "{what}");
        }
        assert_eq!(sena.cancels(&party, "host").await.code(404), "not_found");
        assert_eq!(sena.joins(&party, food(8_000)).await.code(404), "not_found");
        juno.delete(&format!("/v1/me/blocks/{}", sena.id)).await.expect(204);
        sena.joins(&party, food(8_000)).await.expect(201);
    })
    .await;
}

#[tokio::test]
async fn an_account_is_shown_to_the_host_and_to_confirmed_members() {
    world(|world| async move {
        let mina = world.person("mina").await;
        let party = mina.opens(transfer_draft(&json!({}))).await;
        let (juno, left) = (world.person("juno").await, world.person("left").await);
        juno.joins(&party, food(8_000)).await.expect(201);
        let gone = id(&left.joins(&party, food(8_000)).await.expect(201));
        left.delete(&format!("/v1/orders/{gone}")).await.expect(200);
        let sees = async |person: &Person| person.room(&party).await.get("transfer_account").is_some();
        assert_eq!((sees(&mina).await, sees(&juno).await), (true, false));
        mina.does(&party, "lock").await.expect(200);
        assert_eq!((sees(&mina).await, sees(&juno).await), (true, true));
        left.get(&format!("/v1/parties/{party}/room")).await.expect(403);
        mina.places(&party, 22_000).await.expect(200);
        mina.does(&party, "arrival").await.expect(200);
        world.pass(24 * 3600 + 1).await;
        assert_eq!(mina.room(&party).await["state"], "completed");
        assert_eq!((sees(&mina).await, sees(&juno).await), (true, true));
        world.pass(7 * 24 * 3600).await;
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let sees = async |person: &Person| person.room(&party).await.get("transfer_account").is_some();
        assert_eq!((sees(&mina).await, sees(&juno).await), (false, false), "erased");
    })
    .await;
}

/// A party on its way, and how a PUT is answered there.
async fn again(
    world: &World,
    mina: &Person,
    party: &str,
    address: &'static str,
    body: Value,
    status: u16,
    code: &'static str,
) {
    let answer = mina.put(&format!("/v1/parties/{party}{address}"), body.clone()).await;
    assert_eq!(answer.status, status, "{address} {body}: {}", answer.text);
    if status == 409 {
        assert_eq!(answer.body["code"], code);
        assert_eq!(answer.body["state"], mina.room(party).await["state"], "{address}: {}", answer.text);
    } else if status == 200 {
        assert_eq!(answer.body, mina.room(party).await, "{address}: the present room");
    }
    world.settle().await;
}

#[tokio::test]
async fn a_put_that_has_happened_is_answered_with_the_present() {
    world(|world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let party = mina.opens(draft(&json!({}))).await;
        let put = |address, body, status, code| Box::pin(again(&world, &mina, &party, address, body, status, code));
        let place = |total: i64| json!({"store_order_no": "B-1", "receipt_total_krw": total});
        let nothing = || Value::Null;
        put("/lock", nothing(), 409, "too_few_members").await;
        put("/placement", place(20_000), 409, "wrong_state").await;
        put("/arrival", nothing(), 409, "wrong_state").await;
        put("/cancellation", json!({"reason": "store"}), 409, "wrong_state").await;
        let order = juno.joins_and_pays(&party, food(8_000)).await;
        put("/lock", nothing(), 200, "").await;
        put("/lock", nothing(), 200, "").await;
        put("/arrival", nothing(), 409, "wrong_state").await;
        put("/placement", place(20_000), 200, "").await;
        put("/placement", place(20_000), 200, "").await;
        put("/placement", place(21_000), 200, "").await;
        assert_eq!(
            mina.room(&party).await["placement"]["receipt_total_krw"],
            21_000,
            "until arrival it is a correction"
        );
        put("/cancellation", json!({"reason": "host"}), 409, "wrong_state").await;
        put("/arrival", nothing(), 200, "").await;
        for (address, body) in [("/lock", nothing()), ("/placement", place(21_000)), ("/arrival", nothing())] {
            put(address, body, 200, "").await;
        }
        put("/placement", place(22_000), 409, "wrong_state").await;
        put("/cancellation", json!({"reason": "store"}), 409, "wrong_state").await;
        let pick_up = format!("/v1/orders/{order}/pickup");
        for _ in 0..2 {
            assert_eq!(juno.put(&pick_up, nothing()).await.expect(200)["state"], "picked_up");
        }
        assert_eq!(mina.room(&party).await["state"], "completed");
        for (address, body) in [("/lock", nothing()), ("/placement", place(21_000)), ("/arrival", nothing())] {
            put(address, body, 200, "").await;
        }
        put("/placement", place(22_000), 409, "wrong_state").await;
        put("/cancellation", json!({"reason": "host"}), 409, "wrong_state").await;

        let party = mina.opens(draft(&json!({"deadline_at": crate::operations::deadline()}))).await;
        let put = |address, body, status, code| Box::pin(again(&world, &mina, &party, address, body, status, code));
        for _ in 0..2 {
            put("/cancellation", json!({"reason": "host"}), 200, "").await;
        }
        put("/cancellation", json!({"reason": "store"}), 409, "wrong_state").await;
        put("/lock", nothing(), 409, "wrong_state").await;
    })
    .await;
}
