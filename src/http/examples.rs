//! The examples of the OpenAPI document: one evening of one party, told in the shapes of the contract. The committed document
//! has placeholders for ids and times; a server in development puts real ones in their place (`docs.rs`).

mod export;

use serde_json::{Map, Value, json};

/// A person, a party that one can join, an order of one's own and the party that it is in, a payment.
pub const USER: &str = "117440512000000001";
pub const PARTY: &str = "117440512000000002";
pub const ORDER: &str = "117440512000000003";
pub const PAYMENT: &str = "117440512000000004";
pub const JOINED: &str = "117440512000000005";
/// Ahead of every example.
pub const DEADLINE: &str = "2026-12-01T11:30:00.000Z";
pub const KEY: &str = "7d0e5b5e-5f0a-4a52-9a57-0d6c1f3f2a11";

const CODE: &str = "7k3m9q2xvd";
const HOST_ORDER: &str = "117440512000000006";
const GUEST: &str = "117440512000000007";

/// Gives an example to every parameter of a path, and to every body that has none of its own.
pub fn fill(document: &mut Value) {
    let operations = document.get_mut("paths").and_then(Value::as_object_mut).into_iter().flatten();
    for (path, operations) in operations {
        for operation in operations.as_object_mut().into_iter().flat_map(Map::values_mut) {
            let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default().to_owned();
            let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
            for parameter in parameters.into_iter().flatten().filter_map(Value::as_object_mut) {
                if parameter.get("in").is_some_and(|place| place == "path") {
                    parameter.entry("example").or_insert_with(|| json!(in_path(path)));
                }
            }
            fill_body(&id, operation.get_mut("requestBody"));
            let responses = operation.get_mut("responses").and_then(Value::as_object_mut).into_iter().flatten();
            responses.for_each(|(status, response)| fill_body(&format!("{id} {status}"), Some(response)));
        }
    }
}

fn fill_body(operation: &str, body: Option<&mut Value>) {
    let Some(content) = body.and_then(|body| body.pointer_mut("/content/application~1json")) else { return };
    let shape = content.pointer("/schema/$ref").and_then(Value::as_str).and_then(|shape| shape.rsplit('/').next());
    let example = shape.and_then(|shape| of(operation, shape));
    if let (Some(content), Some(example)) = (content.as_object_mut(), example)
        && !content.contains_key("examples")
    {
        content.entry("example").or_insert(example);
    }
}

fn in_path(path: &str) -> &'static str {
    match path {
        "/v1/parties/{id}/room" | "/v1/parties/{id}/ledger" | "/v1/parties/{id}/invitations" => JOINED,
        _ if path.starts_with("/v1/parties/") => PARTY,
        _ if path.starts_with("/v1/orders/") => ORDER,
        _ if path.starts_with("/v1/payments/") => PAYMENT,
        _ => USER,
    }
}

fn of(operation: &str, shape: &str) -> Option<Value> {
    Some(match shape {
        "Draft" => draft(),
        "ItemsBody" => json!({"items": [chicken()]}),
        "ConfirmationBody" => json!({"payment_key": "tgen_20261201190500abcd1", "amount_krw": 13_500}),
        "PartyView" => party("open"),
        "NearbyPage" => json!({
            "items": [with(party("open"), json!({"distance_band": "under_300m"}))], "next_cursor": "c2VhcmNoLWFmdGVyLWE",
        }),
        "MyPartiesPage" => json!({"items": [mine()], "next_cursor": "bXktcGFydGllcy1hZnRlcg"}),
        "QuoteView" => json!({
            "final": false, "food_total_krw": 19_000, "fee_krw": 3_000, "discount_krw": 0, "total_krw": 22_000,
            "with_me": {
                "fee_krw": 1_000, "discount_krw": 0, "owed_krw": 13_000, "fee_cap_krw": 1_500, "prepay_krw": 13_500,
            },
        }),
        "LedgerView" => ledger(),
        "InvitationView" => json!({
            "code": CODE, "party_id": PARTY, "url": "https://nbbang.example.com/i/7k3m9q2xvd",
            "expires_at": "2026-12-02T10:30:00.000Z",
        }),
        "ProductsPage" => json!({"items": [
            {"product_id": "plus_monthly", "kind": "subscription", "grants": {"plus": true, "boosts": 0}},
            {"product_id": "boost_1", "kind": "consumable", "grants": {"plus": false, "boosts": 1}},
            {"product_id": "boost_5", "kind": "consumable", "grants": {"plus": false, "boosts": 5}},
        ]}),
        "EntitlementsView" => json!({
            "plus": {
                "active": true, "state": "active", "expires_at": "2027-01-01T10:05:00.000Z", "will_renew": true,
                "environment": "production",
            },
            "boosts": 5,
        }),
        "PurchaseBody" => json!({"signed_transaction": "eyJhbGciOiJFUzI1NiIsIng1YyI6WyJNSUlC..."}),
        "PlacesPage" => json!({"items": [{
            "name": "강남역", "category": "지하철역", "address": "서울 강남구 역삼동 858",
            "street_address": "서울 강남구 강남대로 396", "lat": 37.497_9, "lng": 127.027_6, "distance_m": 37,
        }]}),
        "AddressesPage" => json!({"items": [{
            "address": "서울 강남구 역삼동 858", "street_address": "서울 강남구 강남대로 396", "building": "강남역",
            "postal_code": "06232", "lat": 37.497_9, "lng": 127.027_6,
        }]}),
        "RegionsPage" => json!({"items": [
            {"kind": "legal", "name": "역삼동", "city": "서울특별시", "district": "강남구", "code": "1168010100"},
            {"kind": "administrative", "name": "역삼1동", "city": "서울특별시", "district": "강남구", "code": "1168064000"},
        ]}),
        "RoomView" => room(match operation {
            "create_party 201" => "opened",
            "lock_party 200" => "locked",
            "place_party 200" => "placed",
            "arrive_party 200" => "arrived",
            "cancel_party 200" => "cancelled",
            _ => "open",
        }),
        "OrderView" => order(match operation {
            "join_party 201" => "held",
            "end_order 200" => "left",
            "pick_up_order 200" => "picked_up",
            "no_show_order 200" => "no_show",
            "send_transfer 200" => "sent",
            "receive_transfer 200" => "received",
            "dispute_transfer 200" => "disputed",
            "dispute_order 200" => "complained",
            _ => "joined",
        }),
        "PaymentView" => payment(if operation.ends_with(" 202") { "confirming" } else { "paid" }),
        _ => return operators(shape),
    })
}

fn operators(shape: &str) -> Option<Value> {
    let report = json!({
        "id": USER, "reporter_id": GUEST, "subject_type": "party", "subject_id": PARTY, "accused_id": USER,
        "reason": "inappropriate", "note": "욕설이 있어요", "state": "open", "created_at": "2026-12-01T12:30:00.000Z",
    });
    let dispute = json!({
        "id": USER, "party_id": PARTY, "order_id": ORDER, "kind": "item_missing", "state": "open",
        "note": "콜라가 빠졌어요", "amount_krw": 2_000, "frozen_krw": 13_000, "opened_at": "2026-12-01T12:00:00.000Z",
    });
    let payout = json!({
        "id": USER, "party_id": PARTY, "host_id": USER, "amount_krw": 26_000, "due_at": "2026-12-02T11:10:00.000Z",
    });
    Some(match shape {
        "ReportCasesPage" => json!({"items": [report]}),
        "ReportDecision" => json!({"outcome": "dismissed", "note": "문제가 없습니다"}),
        "ReportCase" => with(
            report,
            json!({
                "state": "dismissed", "decision_note": "문제가 없습니다", "decided_at": "2026-12-01T13:00:00.000Z",
            }),
        ),
        "DisputeCasesPage" => json!({"items": [dispute]}),
        "DisputeDecision" => json!({"outcome": "upheld", "refund_krw": 2_000, "note": "콜라 값을 돌려드립니다"}),
        "DisputeCase" => with(
            dispute,
            json!({
                "state": "decided", "refund_krw": 2_000, "decided_at": "2026-12-01T13:00:00.000Z",
            }),
        ),
        "PayoutsPage" => json!({"items": [with(payout, json!({"open_disputes": 0}))]}),
        "PayoutDecision" => json!({"outcome": "paid", "amount_krw": 26_000, "note": "KB 20261202-0001"}),
        "PayoutView" => with(payout, json!({"paid_at": "2026-12-02T12:00:00.000Z"})),
        "Export" => export::export(),
        "NewSuspension" => json!({"note": "반복된 사기 신고"}),
        "SuspensionView" => json!({
            "user_id": USER, "note": "반복된 사기 신고", "suspended_at": "2026-12-01T13:00:00.000Z",
        }),
        _ => return None,
    })
}

fn with(mut value: Value, more: Value) -> Value {
    if let (Value::Object(fields), Value::Object(more)) = (&mut value, more) {
        fields.extend(more);
    }
    value
}

fn chicken() -> Value {
    json!({"name": "후라이드", "unit_price_krw": 12_000, "quantity": 1, "memo": "순한맛으로"})
}

fn draft() -> Value {
    json!({
        "title": "치킨 같이 시켜요",
        "store": {"name": "교촌치킨 역삼점", "category": "chicken"},
        "pickup": {"lat": 37.498_1, "lng": 127.027_6, "label": "강남역 11번 출구", "memo": "편의점 앞 의자"},
        "min_members": 2,
        "capacity": 4,
        "deadline_at": DEADLINE,
        "min_order_krw": 20_000,
        "fee_tiers": [{"from_krw": 0, "fee_krw": 3_000}, {"from_krw": 30_000, "fee_krw": 2_000}],
        "split": "even",
        "settlement": "prepaid",
        "items": [{"name": "허니콤보", "unit_price_krw": 19_000, "quantity": 1}],
    })
}

/// The public view: with the host alone, or with a guest.
fn party(state: &str) -> Value {
    let alone = state == "opened";
    json!({
        "id": PARTY,
        "title": "치킨 같이 시켜요",
        "store": {"name": "교촌치킨 역삼점", "category": "chicken"},
        "area": {"lat": 37.498_468, "lng": 127.026_612, "name": "역삼동", "radius_m": 200},
        "state": if alone { "open" } else { state },
        "host": {"id": USER, "nickname": "민아", "trust": 50},
        "member_count": if alone { 1 } else { 2 },
        "seats_taken": if alone { 1 } else { 2 },
        "capacity": 4,
        "min_members": 2,
        "min_order_krw": 20_000,
        "food_total_krw": if alone { 19_000 } else { 31_000 },
        "fee_krw": if alone { 3_000 } else { 2_000 },
        "fee_cap_krw": 1_500,
        "deadline_at": DEADLINE,
        "settlement": "prepaid",
        "split": "even",
        "boosted": false,
        "version": if alone { 1 } else { 4 },
        "created_at": "2026-12-01T10:00:00.000Z",
    })
}

fn room(state: &str) -> Value {
    let step = ["opened", "open", "locked", "placed", "arrived"].iter().position(|at| *at == state).unwrap_or(1);
    let locked = step >= 2;
    let mut orders = vec![host_order(locked)];
    if step >= 1 {
        let seat = order(if locked { "confirmed" } else { "joined" });
        let others = seat.as_object().into_iter().flatten().filter(|(name, _)| *name != "payment");
        orders.push(others.map(|(name, value)| (name.clone(), value.clone())).collect());
    }
    let mut room = with(
        party(state),
        json!({
            "pickup": {"lat": 37.498_1, "lng": 127.027_6, "label": "강남역 11번 출구", "memo": "편의점 앞 의자"},
            "my_order_id": HOST_ORDER,
            "orders": orders,
        }),
    );
    if locked {
        let shares = json!([
            {"order_id": HOST_ORDER, "user_id": USER, "food_krw": 19_000, "fee_krw": 1_000, "discount_krw": 0, "owed_krw": 20_000},
            {"order_id": ORDER, "user_id": GUEST, "food_krw": 12_000, "fee_krw": 1_000, "discount_krw": 0, "owed_krw": 13_000},
        ]);
        let quote = json!({
            "final": true, "food_total_krw": 31_000, "fee_krw": 2_000, "discount_krw": 0, "total_krw": 33_000, "shares": shares,
        });
        let due = "2026-12-01T10:45:00.000Z";
        room = with(room, json!({"quote": quote, "locked_at": "2026-12-01T10:30:00.000Z", "placement_due_at": due}));
    }
    if step >= 3 {
        let placement = json!({
            "store_order_no": "B-1024", "receipt_total_krw": 33_000, "eta_at": "2026-12-01T11:15:00.000Z",
            "placed_at": "2026-12-01T10:35:00.000Z",
        });
        room = with(room, json!({"placement": placement}));
    }
    if step == 4 {
        let times = json!({"arrived_at": "2026-12-01T11:10:00.000Z", "pickup_until": "2026-12-01T11:40:00.000Z"});
        room = with(room, times);
    }
    if state == "cancelled" {
        room = with(room, json!({"cancel_reason": "host", "seats_taken": 0, "member_count": 0, "food_total_krw": 0}));
    }
    room
}

fn host_order(locked: bool) -> Value {
    let order = json!({
        "id": HOST_ORDER,
        "party_id": PARTY,
        "user_id": USER,
        "state": if locked { "confirmed" } else { "joined" },
        "items": [{"name": "허니콤보", "unit_price_krw": 19_000, "quantity": 1}],
        "food_krw": 19_000,
        "paid_krw": 0,
        "refunding_krw": 0,
        "refunded_krw": 0,
        "joined_at": "2026-12-01T10:00:00.000Z",
        "version": if locked { 5 } else { 1 },
    });
    if locked { with(order, json!({"owed_krw": 20_000})) } else { order }
}

/// A guest's order; of a transfer party where the state is that of a transfer.
fn order(state: &str) -> Value {
    let transfer = matches!(state, "sent" | "received" | "disputed");
    let owed = transfer || matches!(state, "confirmed" | "picked_up" | "no_show" | "complained");
    let paid = !transfer && state != "held";
    let mut order = json!({
        "id": ORDER,
        "party_id": JOINED,
        "user_id": GUEST,
        "state": if transfer || state == "complained" { "confirmed" } else { state },
        "items": [chicken()],
        "food_krw": 12_000,
        "fee_cap_krw": 1_500,
        "paid_krw": if paid { 13_500 } else { 0 },
        "refunding_krw": if state == "left" { 13_500 } else { 0 },
        "refunded_krw": if owed && paid { 500 } else { 0 },
        "version": 4,
    });
    if owed {
        order = with(order, json!({"owed_krw": 13_000}));
    }
    if transfer {
        order = with(order, json!({"transfer_state": state}));
    } else {
        let state = match state {
            "held" => "ready",
            _ if owed => "partially_refunded",
            _ => "paid",
        };
        order = with(order, json!({"payment": payment(state)}));
    }
    if state == "complained" {
        let dispute = json!({
            "kind": "item_missing", "state": "open", "note": "콜라가 빠졌어요", "amount_krw": 2_000,
            "opened_at": "2026-12-01T12:00:00.000Z",
        });
        order = with(order, json!({"dispute": dispute}));
    }
    let time = if state == "held" { "held_until" } else { "joined_at" };
    with(order, json!({time: if state == "held" { "2026-12-01T10:10:00.000Z" } else { "2026-12-01T10:06:00.000Z" }}))
}

fn payment(state: &str) -> Value {
    json!({
        "id": PAYMENT,
        "order_id": ORDER,
        "kind": "join",
        "state": state,
        "amount_krw": 13_500,
        "refunded_krw": if state == "partially_refunded" { 500 } else { 0 },
        "provider": "toss",
        "provider_order_id": format!("{PAYMENT}-1"),
        "order_name": "교촌치킨 역삼점",
        "customer_key": format!("user-{GUEST}"),
        "expires_at": "2026-12-01T10:10:00.000Z",
    })
}

fn mine() -> Value {
    json!({
        "id": PARTY,
        "title": "치킨 같이 시켜요",
        "store": {"name": "교촌치킨 역삼점", "category": "chicken"},
        "state": "open",
        "role": "guest",
        "my_order_id": ORDER,
        "my_order_state": "joined",
        "seats_taken": 2,
        "capacity": 4,
        "deadline_at": DEADLINE,
        "created_at": "2026-12-01T10:00:00.000Z",
    })
}

/// The capture of a payment and what went back of it at the lock.
fn ledger() -> Value {
    let legs = [
        ("08", "08", "provider", "capture", PAYMENT, 13_500),
        ("09", "08", "order", "capture", PAYMENT, -13_500),
        ("11", "11", "order", "refund_requested", "117440512000000010", 500),
        ("12", "11", "refunding", "refund_requested", "117440512000000010", -500),
    ];
    let items = legs.map(|(id, transaction, account, kind, source, amount)| {
        json!({
            "id": format!("1174405120000000{id}"), "transaction_id": format!("1174405120000000{transaction}"),
            "account": account, "order_id": ORDER, "kind": kind, "source_id": source, "amount_krw": amount,
            "created_at": if kind == "capture" { "2026-12-01T10:06:00.000Z" } else { "2026-12-01T10:30:00.000Z" },
        })
    });
    json!({"items": items, "sum_krw": 0})
}
