//! What no client of ours sends: every operation of the document with malformed ids, bodies and parameters (headers are in `headers.rs`). Each gets
//! its 4xx and a pointer to the fault; nothing is ever a failure of ours.
#![expect(clippy::float_arithmetic, reason = "places are not money")]

use nbbang::domain::device::DeviceId;
use serde_json::{Value, json};

use crate::operations::{Ids, Operation, all, pointer, send};
use crate::person::{Person, draft, food, id};
use crate::world::{World, world};

const JSON: (&str, &str) = ("content-type", "application/json");

/// A party of mina's with an order of juno's, who asks and is an operator.
pub async fn scene(world: &World) -> (Person, Ids) {
    let (mina, juno) = (world.person("mina").await, world.operator("juno").await);
    let party = mina.opens(draft(&json!({}))).await;
    let order = juno.joins(&party, food(8_000)).await.expect(201);
    let code = mina.invites(&party).await;
    let ids = Ids {
        party,
        order: id(&order),
        payment: id(&order["payment"]),
        user: mina.id.clone(),
        other_user: mina.id.clone(),
        code,
    };
    (juno, ids)
}

#[tokio::test]
async fn an_id_that_is_not_ours_is_not_found() {
    world(|world| async move {
        let (juno, _) = scene(&world).await;
        let long = "9".repeat(5_000);
        let bad = [
            "",
            "0",
            "-1",
            "+1",
            "007",
            "1.0",
            "1e3",
            "abc",
            "9223372036854775808",
            "18446744073709551616",
            "%00",
            "1%00",
            "%EB%AF%BC",
            "%ff",
            "%zz",
            "%",
            "1%20",
            "%2e%2e",
            "1%2F2",
            "null",
            "{id}",
            "1",
            "9223372036854775807",
            &long,
        ];
        for operation in all().1.iter().filter(|operation| operation.has_id()) {
            // The client itself goes one folder up, and asks for something else.
            let is_elsewhere = |id: &str| id == "%2e%2e" && operation.path.ends_with("/{code}");
            for id in bad.into_iter().filter(|id| !is_elsewhere(id)) {
                // Phones have names that the app made up.
                if operation.path.ends_with("{device_id}") && DeviceId::parse(id).is_some() {
                    continue;
                }
                let what = format!("{} {} with {id:.30}", operation.method, operation.path);
                let answer = send(&what, operation.request(&world, Some(&juno), &operation.with_id(id))).await;
                assert_eq!(
                    (answer.status, &answer.body["code"]),
                    (404, &json!("not_found")),
                    "{what}: {}",
                    answer.text
                );
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused() {
    world(|world| async move {
        let (juno, ids) = scene(&world).await;
        let nested = format!("{{\"a\":{}{}}}", "[".repeat(20_000), "]".repeat(20_000));
        let malformed: [&[u8]; 11] = [
            b"",
            b" ",
            b"{",
            b"}",
            b"{\"a\":1}x",
            b"{'a':1}",
            b"{\"a\":\"\xff\"}",
            b"{\"a\":\"\\ud800\"}",
            b"{\"a\":1e400}",
            b"[1,]",
            nested.as_bytes(),
        ];
        for operation in all().1.iter().filter(|operation| operation.body.is_some()) {
            let ask = || operation.without_body(&world, Some(&juno), &operation.at(&ids));
            let name = &operation.id;
            for body in malformed {
                let what = format!("{name} with {:.40}", String::from_utf8_lossy(body));
                let answer = send(&what, ask().header(JSON.0, JSON.1).body(body.to_vec())).await;
                assert_eq!(
                    (answer.status, &answer.body["code"]),
                    (400, &json!("malformed")),
                    "{what}: {}",
                    answer.text
                );
            }
            let large = |size: usize| format!("{{{}", " ".repeat(size - 1));
            let answer = send(name, ask().header(JSON.0, JSON.1).body(large(64 * 1024 + 1))).await;
            assert_eq!((answer.status, &answer.body["code"]), (413, &json!("payload_too_large")), "{name}");
            let answer = send(name, ask().header(JSON.0, JSON.1).body(large(64 * 1024))).await;
            assert_eq!(answer.status, 400, "{name}: 64 KiB are read");
            if operation.is_webhook {
                continue;
            }
            let example = operation.body.as_ref().unwrap().1.to_string();
            for (kind, encoding) in
                [("text/plain", ""), ("application/xml", ""), ("application/json", "gzip"), ("\u{e9}", "")]
            {
                let request = ask().header(JSON.0, kind).body(example.clone());
                let request = if encoding.is_empty() { request } else { request.header("content-encoding", encoding) };
                assert_eq!(send(name, request).await.code(415), "unsupported_media_type", "{name} {kind} {encoding}");
            }
            assert_eq!(send(name, ask().body(example.clone())).await.code(415), "unsupported_media_type", "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_wrong_field_is_pointed_at() {
    world(|world| async move {
        let (juno, ids) = scene(&world).await;
        let (document, operations) = all();
        let mut tried = 0;
        for operation in operations.iter().filter(|operation| operation.body.is_some() && !operation.is_webhook) {
            let (schema, example) = operation.body.as_ref().unwrap();
            let clears = operation.id == "patch_preferences";
            for (at, body) in mutations(&document, schema, example, clears) {
                let what = format!("{} {body}", operation.id);
                let ask = operation.without_body(&world, Some(&juno), &operation.at(&ids));
                let answer = send(&what, ask.json(&body)).await;
                assert_eq!((answer.status, &answer.body["code"]), (422, &json!("invalid")), "{what}: {}", answer.text);
                assert_eq!(pointer(&answer), at, "{what}: {}", answer.text);
                assert!(answer.body["fields"][0]["detail"].is_string() && answer.body["fields"][0]["code"].is_string());
                tried += 1;
            }
            let twice = format!("{{\"x\":1,{}", example.to_string().replacen('{', "\"x\":2,", 1));
            let ask = operation.without_body(&world, Some(&juno), &operation.at(&ids));
            let answer = send(&twice, ask.header(JSON.0, JSON.1).body(twice.clone())).await;
            assert_eq!((answer.status, pointer(&answer)), (422, "/x"), "{}", answer.text);
        }
        assert!(tried > 300, "{tried}");
    })
    .await;
}

/// The example with one thing wrong in it, and where that is.
/// In a merge patch whose fields can all be cleared, `null` is nothing wrong.
fn mutations(document: &Value, schema: &Value, example: &Value, clears: bool) -> Vec<(String, Value)> {
    let mut out = Vec::new();
    let mut wrong = |at: &str, value: Value| out.push((at.to_owned(), with(example, at, value)));
    for value in [json!([]), json!("x"), json!(1), json!(true), Value::Null] {
        wrong("", value);
    }
    fields(document, schema, "", example, &mut |at, kind| {
        if !clears {
            wrong(at, Value::Null);
        }
        let values = match kind {
            "string" => vec![json!(1), json!(true), json!([]), json!({}), json!("\u{0}")],
            "integer" => vec![json!("1"), json!(1.5), json!(true), json!([]), json!(1e30), json!(u64::MAX)],
            "number" => vec![json!("1"), json!(true), json!([]), json!({})],
            "boolean" => vec![json!("true"), json!(1), json!([])],
            "array" => vec![json!({}), json!("x"), json!(1)],
            _ => vec![json!([]), json!("x"), json!(1)],
        };
        for value in values {
            wrong(at, value);
        }
        if kind == "object" && example.pointer(at).is_some() {
            wrong(&format!("{at}/unknown"), json!(1));
        }
    });
    out.push(("/unknown".to_owned(), with(example, "/unknown", json!(1))));
    out
}

/// Every field that a body can have, with its type; those of lists by their first item.
fn fields(document: &Value, schema: &Value, at: &str, example: &Value, see: &mut impl FnMut(&str, &str)) {
    let schema = resolved(document, schema);
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let (at, property) = (format!("{at}/{name}"), resolved(document, property));
        see(&at, property["type"].as_str().unwrap_or_else(|| panic!("{at} has no type: {property}")));
        // Inside of what the example has not, it would be the rest that is missing.
        match example.get(name) {
            Some(inner) if property["type"] == "object" => fields(document, property, &at, inner, see),
            Some(inner) if property["type"] == "array" => {
                let item = resolved(document, &property["items"]);
                see(&format!("{at}/0"), item["type"].as_str().unwrap());
                fields(document, item, &format!("{at}/0"), &inner[0], see);
            }
            _ => {}
        }
    }
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    schema["$ref"].as_str().map_or(schema, |reference| document.pointer(&reference[1..]).unwrap())
}

fn with(example: &Value, at: &str, value: Value) -> Value {
    let mut body = example.clone();
    let Some((parent, name)) = at.rsplit_once('/') else { return value };
    let parent = body.pointer_mut(parent).unwrap();
    match name.parse::<usize>() {
        Ok(index) => parent[index] = value,
        Err(_) => parent[name] = value,
    }
    body
}

#[tokio::test]
async fn a_wrong_parameter_is_named() {
    world(|world| async move {
        let (juno, ids) = scene(&world).await;
        let (document, operations) = all();
        for operation in operations.iter().filter(|operation| operation.query().next().is_some()) {
            for parameter in operation.query() {
                let name = parameter["name"].as_str().unwrap();
                for value in wrong_values(&document, parameter) {
                    let what = format!("{} {name}={value:.40}", operation.id);
                    let answer =
                        send(&what, operation.request(&world, Some(&juno), &query(operation, &ids, name, &value)))
                            .await;
                    assert!(matches!(answer.status, 400 | 422), "{what}: {} {}", answer.status, answer.text);
                    if answer.body["code"] == "invalid" {
                        assert_eq!(pointer(&answer), name, "{what}: {}", answer.text);
                    }
                }
                let address = query(operation, &ids, name, "1");
                let answer =
                    send(&address, operation.request(&world, Some(&juno), &format!("{address}&{name}=1"))).await;
                assert_eq!((answer.status, pointer(&answer)), (422, name), "{address}: twice {}", answer.text);
            }
            let address = query(operation, &ids, "unknown", "1");
            let answer = send(&address, operation.request(&world, Some(&juno), &address)).await;
            assert_eq!((answer.status, pointer(&answer)), (422, "unknown"), "{address}: {}", answer.text);
        }
    })
    .await;
}

/// The address with this value for one parameter.
fn query(operation: &Operation, ids: &Ids, name: &str, value: &str) -> String {
    let address = operation.at(ids);
    let (path, old) = address.split_once('?').unwrap_or((&address, ""));
    let kept = old.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with(&format!("{name}=")));
    let pairs: Vec<_> = kept.map(str::to_owned).chain([format!("{name}={value}")]).collect();
    format!("{path}?{}", pairs.join("&"))
}

fn wrong_values(document: &Value, parameter: &Value) -> Vec<String> {
    let schema = resolved(document, &parameter["schema"]);
    let mut values: Vec<String> = ["%", "%zz", "%ff", "%00"].map(str::to_owned).into();
    let more: Vec<String> = match schema["type"].as_str().unwrap() {
        "integer" | "number" => {
            let bound = |name: &str, by: f64| (schema[name].as_f64().unwrap() + by).to_string();
            let text = ["", "x", "NaN", "inf", "-inf", "1e309", "0x10", "1,5", "99999999999999999999999"];
            text.into_iter().map(str::to_owned).chain([bound("minimum", -1.0), bound("maximum", 1.0)]).collect()
        }
        _ if schema.get("enum").is_some() => ["", "x", "OPEN", "open,locked"].map(str::to_owned).into(),
        _ if parameter["name"] == "cursor" => {
            let long = "A".repeat(5_000);
            ["", "x", "!!!!", "c2VhcmNoLWFmdGVyLWE", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &long]
                .map(str::to_owned)
                .into()
        }
        _ => {
            let longest = schema["maxLength"].as_u64().and_then(|longest| usize::try_from(longest).ok());
            let too_long = longest.map(|longest| "a".repeat(longest + 1));
            too_long.map(|text| vec![String::new(), "%20".to_owned(), text]).unwrap_or_default()
        }
    };
    values.extend(more);
    values
}

#[tokio::test]
async fn a_hint_that_says_nothing_is_received_and_forgotten() {
    world(|world| async move {
        let bodies = [
            json!({}),
            json!([]),
            json!(null),
            json!("x"),
            json!({"data": null}),
            json!({"data": {}}),
            json!({"data": {"orderId": 1}}),
            json!({"eventType": "PAYOUT.CHANGED", "data": {"payoutId": "x"}}),
            json!({"data": {"orderId": "x"}}),
            json!({"data": {"orderId": "1-1"}}),
            json!({"data": {"orderId": "-1-1"}}),
            json!({"data": {"orderId": "\u{0}"}}),
            json!({"data": {"orderId": "9223372036854775808-1"}}),
            json!({"data": {"orderId": "9223372036854775807-99999999999"}}),
        ];
        for body in bodies {
            let request = world.client.post(format!("{}/v1/webhooks/toss", world.base)).json(&body);
            assert_eq!(send(&body.to_string(), request).await.status, 200, "{body}");
            let odd = world.client.post(format!("{}/v1/webhooks/toss", world.base)).json(&body);
            let odd = odd.header("tosspayments-webhook-transmission-id", &b"\xff"[..]);
            assert_eq!(send(&body.to_string(), odd).await.status, 200, "{body}");
        }
    })
    .await;
}
