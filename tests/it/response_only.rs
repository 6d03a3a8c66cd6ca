//! What only answers have is refused in requests: nobody sets his own trust, state or id.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::operations::{Ids, Operation, all, pointer, send};
use crate::person::{draft, food, id};
use crate::world::{World, world};

/// The fields of every schema that answers have anywhere.
fn answered(document: &Value) -> BTreeSet<String> {
    let mut fields = BTreeSet::new();
    for operation in all().1 {
        for (status, response) in operation.responses.as_object().unwrap() {
            let schema = &response["content"]["application/json"]["schema"];
            if status.starts_with('2') {
                gather(document, schema, &mut fields, &mut BTreeSet::new());
            }
        }
    }
    assert!(fields.len() > 60, "{fields:?}");
    fields
}

fn gather(document: &Value, schema: &Value, fields: &mut BTreeSet<String>, seen: &mut BTreeSet<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        if seen.insert(name.to_owned()) {
            gather(document, resolved(document, schema), fields, seen);
        }
        return;
    }
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        fields.insert(name.clone());
        gather(document, inner, fields, seen);
    }
    gather_inside(document, schema, fields, seen);
}

fn gather_inside(document: &Value, schema: &Value, fields: &mut BTreeSet<String>, seen: &mut BTreeSet<String>) {
    for keyword in ["items", "additionalProperties"] {
        if schema[keyword].is_object() {
            gather(document, &schema[keyword], fields, seen);
        }
    }
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let name = schema["$ref"].as_str().and_then(|name| name.strip_prefix('#'));
    name.map_or(schema, |pointer| document.pointer(pointer).unwrap())
}

/// Where in a body there are objects, and the fields that each may have.
fn objects<'a>(
    document: &'a Value,
    schema: &'a Value,
    body: &Value,
    at: &str,
    found: &mut BTreeMap<String, &'a Value>,
) {
    let schema = resolved(document, schema);
    match body {
        Value::Object(fields) => {
            found.insert(at.to_owned(), schema);
            for (name, inner) in fields {
                objects(document, &schema["properties"][name], inner, &format!("{at}/{name}"), found);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            objects(document, &schema["items"], &items[0], &format!("{at}/0"), found);
        }
        _ => {}
    }
}

async fn ids(world: &World) -> (crate::person::Person, Ids) {
    let (host, juno) = (world.person("mina").await, world.person("juno").await);
    let party = host.opens(draft(&json!({}))).await;
    let joined = juno.joins(&party, food(8_000)).await.expect(201);
    let code = host.invites(&party).await;
    let ids = Ids {
        party,
        order: id(&joined),
        payment: id(&joined["payment"]),
        user: juno.id.clone(),
        other_user: juno.id.clone(),
        code,
    };
    (world.operator("mina").await, ids)
}

#[tokio::test]
async fn no_request_takes_what_only_answers_have() {
    world(|world| async move {
        let (document, operations) = all();
        let fields = answered(&document);
        let (person, ids) = ids(&world).await;
        let mut tried = 0;
        let with_body = |operation: &&Operation| operation.body.is_some() && !operation.is_webhook;
        for operation in operations.iter().filter(with_body) {
            let (schema, example) = operation.body.clone().unwrap();
            let mut places = BTreeMap::new();
            objects(&document, &schema, &example, "", &mut places);
            for (place, schema) in places {
                for field in fields.iter().filter(|field| schema["properties"].get(*field).is_none()) {
                    let mut body = example.clone();
                    body.pointer_mut(&place).unwrap()[field] = json!("1");
                    let request = operation.without_body(&world, Some(&person), &operation.at(&ids)).json(&body);
                    let what = format!("{} with {place}/{field}", operation.id);
                    let answer = send(&what, request).await;
                    assert_eq!(answer.status, 422, "{what}: {}", answer.text);
                    assert_eq!(pointer(&answer), format!("{place}/{field}"), "{what}: {}", answer.text);
                    tried += 1;
                }
            }
        }
        assert!(tried > 1000, "only {tried} were tried");
    })
    .await;
}
