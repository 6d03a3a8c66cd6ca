//! The OpenAPI document: what generators of Swift and Kotlin need, and what people need.
#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

use nbbang::domain::error::Code;
use nbbang::http::{openapi, row};
use serde_json::{Value, json};

mod generators;
mod shape;

#[test]
fn the_document_follows_its_rules() {
    let faults = lint(&openapi());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_lint_finds_faults() {
    let document = openapi();
    let me = "/paths/~1v1~1me/get";
    for (pointer, name, value) in [
        ("/info", "title", json!("nbbang")),
        ("", "openapi", json!("3.0.3")),
        ("/components/schemas/Me/properties/nickname", "type", json!(["string", "null"])),
        ("/components/schemas/Me/properties/nickname", "example", Value::Null),
        ("/components/schemas/Me/properties/nickname", "description", Value::Null),
        ("/components/schemas/Language", "enum", json!(["Korean"])),
        ("/components/schemas/Me/properties", "party_id", json!({"type": "integer", "example": 1, "description": "x"})),
        ("/components/schemas/Me/properties", "total_krw", json!({"type": "number", "example": 1, "description": "x"})),
        ("/components/schemas/Me", "oneOf", json!([{"$ref": "#/components/schemas/Id"}])),
        ("/components/schemas/Me", "description", Value::Null),
        ("/components/schemas/Me/properties", "lost", json!({"$ref": "#/components/schemas/Lost"})),
        (me, "operationId", json!("me")),
        (me, "summary", Value::Null),
        (me, "description", json!("")),
        ("/paths/~1v1~1me/get/responses", "401", Value::Null),
        ("/paths/~1v1~1me/get/responses", "500", Value::Null),
        ("/paths/~1v1~1me/patch/responses", "413", Value::Null),
        ("/paths/~1v1~1users~1{id}/get/responses", "404", Value::Null),
        ("/paths/~1v1~1me/get/responses/200", "description", json!("")),
        ("/paths/~1v1~1me/get/responses/200/content/application~1json", "example", Value::Null),
        ("/paths/~1v1~1me/patch/requestBody/content/application~1json", "example", Value::Null),
        ("/paths/~1v1~1me/get/responses/401", "x-codes", json!(["not_found"])),
        ("/components/schemas/Me", "allOf", json!([{"$ref": "#/components/schemas/Profile"}])),
        ("/paths/~1v1~1me/get/responses/200/content/application~1json/example", "id", json!(1)),
        ("/paths/~1v1~1me/get/responses/200/content/application~1json/example", "lost", json!("x")),
        ("/paths/~1v1~1parties~1{id}~1orders/post/requestBody/content/application~1json/example", "items", json!([{}])),
    ] {
        assert!(!lint(&changed(&document, pointer, name, value)).is_empty(), "not noticed: {pointer} {name}");
    }
}

#[test]
fn the_lint_finds_what_generators_stumble_over() {
    let document = openapi();
    for (pointer, name, value) in [
        ("/paths/~1v1~1me/delete", "operationId", json!("get_me")),
        ("/components/schemas", "me", document["components"]["schemas"]["Me"].clone()),
        ("/components/schemas", "Error", document["components"]["schemas"]["Me"].clone()),
        ("/components/schemas/Language", "enum", json!(["ko", "k_o"])),
        ("/components/schemas/Language", "enum", json!(["2nd"])),
        (
            "/components/schemas/Me/properties",
            "Nick_name",
            document["components"]["schemas"]["Me"]["properties"]["nickname"].clone(),
        ),
        ("/components/schemas/Me/properties", "more", json!({"type": "object", "description": "x", "properties": {}})),
        ("/components/schemas", "Anything", json!({"type": "object", "description": "x"})),
        ("/components/schemas/Me/properties", "more", json!({"type": "array", "description": "x"})),
        ("/components/schemas/Me/properties", "more", json!({"type": "integer", "example": 1, "description": "x"})),
        ("/components/schemas/Me/properties", "more", json!({"type": "string", "enum": ["a"], "description": "x"})),
        ("/components/schemas/Me/properties", "more", json!({"description": "x", "example": 1})),
        ("/components/schemas/Me", "additionalProperties", json!(true)),
        ("/paths/~1v1~1users~1{id}/get", "parameters", json!([])),
        ("/paths/~1v1~1me/get/responses/200/content/application~1json", "schema", json!({})),
        (
            "/paths/~1v1~1payments~1{id}~1confirmation/post/responses/202/content/application~1json/schema",
            "$ref",
            json!("#/components/schemas/Order"),
        ),
    ] {
        let broken = changed(&document, pointer, name, value.clone());
        assert_eq!(generators::faults(&broken).len(), 1, "{pointer} {name} {value}: {:?}", generators::faults(&broken));
    }
}

/// `null` takes `name` away.
fn changed(document: &Value, pointer: &str, name: &str, value: Value) -> Value {
    let mut changed = document.clone();
    let Some(Value::Object(object)) = changed.pointer_mut(pointer) else { panic!("{pointer} is no object") };
    if value.is_null() {
        object.remove(name)
    } else {
        object.insert(name.to_owned(), value)
    };
    changed
}

/// What is wrong with an OpenAPI document of ours.
pub fn lint(document: &Value) -> Vec<String> {
    let mut faults = generators::faults(document);
    let mut must = |holds: bool, fault: String| {
        if !holds {
            faults.push(fault);
        }
    };
    must(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1.")), "openapi is not 3.1".into());
    must(document["info"]["title"] == "N-bbang", "info has no title of ours".into());
    must(said(&document["info"]["description"]), "info has no description".into());
    must(said(&document["info"]["license"]["name"]), "info has no licence".into());
    for (path, operations) in entries(&document["paths"]) {
        for (method, operation) in entries(operations) {
            operation_faults(document, path, method, operation, &mut must);
        }
    }
    for (name, schema) in entries(&document["components"]["schemas"]) {
        must(said(&schema["description"]), format!("schema {name} has no description"));
    }
    everywhere("", document, &mut |at, value| {
        schema_faults(document, at, value, &mut must);
    });
    faults
}

fn operation_faults(
    document: &Value,
    path: &str,
    method: &str,
    operation: &Value,
    must: &mut impl FnMut(bool, String),
) {
    let at = format!("{} {path}", method.to_uppercase());
    let id = operation["operationId"].as_str().unwrap_or_default();
    let verb = id.split('_').next().unwrap_or_default();
    must(id.contains('_') && !verb.is_empty(), format!("{at}: operationId {id:?} is no handler's name"));
    for name in ["summary", "description"] {
        must(said(&operation[name]), format!("{at} has no {name}"));
    }
    must(operation["tags"].as_array().is_some_and(|tags| tags.len() == 1), format!("{at} has not one tag"));
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        must(said(&parameter["description"]), format!("{at}: parameter {} has no description", parameter["name"]));
        let example = parameter.get("example").or_else(|| parameter["schema"].get("example"));
        // No cursor but one that an answer has given would run.
        let may_lack =
            parameter["name"] == "cursor" || parameter["in"] != "path" && parameter["schema"].get("$ref").is_some();
        must(example.is_some() || may_lack, format!("{at}: parameter {} has no example", parameter["name"]));
        if parameter["in"] == "query" && matches!(parameter["schema"]["type"].as_str(), Some("integer" | "number")) {
            let is_bounded = ["minimum", "maximum"].iter().all(|bound| parameter["schema"].get(bound).is_some());
            must(is_bounded, format!("{at}: parameter {} has no bounds", parameter["name"]));
        }
    }
    if let Some(body) = operation.get("requestBody") {
        must(said(&body["description"]), format!("{at}: the body has no description"));
        must(has_example(body), format!("{at}: the body has no example"));
    }
    let responses = &operation["responses"];
    let mut known = vec!["500", "503"];
    if operation.get("security").is_some() {
        known.push("401");
    }
    // A provider's hint is never refused for what is in it.
    let lenient = operation["tags"][0] == "Webhooks";
    if operation.get("requestBody").is_some() {
        known.extend(if lenient { ["400", "413"].as_slice() } else { &["400", "413", "415", "422"] });
    }
    if path.contains('{') {
        known.push("404");
    }
    for status in known {
        must(responses.get(status).is_some(), format!("{at} does not tell of {status}"));
    }
    let codes = entries(responses).flat_map(|(_, response)| response["x-codes"].as_array().into_iter().flatten());
    let codes: Vec<_> = codes.filter_map(Value::as_str).collect();
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let parameters: Vec<_> = parameters.filter_map(|parameter| parameter["name"].as_str()).collect();
    for (code, parameter) in [("idempotency_key_missing", "Idempotency-Key"), ("precondition_failed", "If-Match")] {
        let fits = codes.contains(&code) == parameters.contains(&parameter);
        must(fits, format!("{at}: {code} and the parameter {parameter} belong together"));
    }
    must(entries(responses).any(|(status, _)| status.starts_with(['2', '3'])), format!("{at} never succeeds"));
    let bodies = entries(responses).chain(operation.get("requestBody").map(|body| ("the body", body)));
    for (name, body) in bodies {
        for (_, content) in entries(&body["content"]) {
            let several = entries(&content["examples"]).map(|(_, example)| &example["value"]);
            for example in content.get("example").into_iter().chain(several) {
                let faults = shape::faults(document, &content["schema"], example);
                must(faults.is_empty(), format!("{at}: the example of {name} is wrong: {}", faults.join("; ")));
            }
        }
    }
    for (status, response) in entries(responses) {
        must(said(&response["description"]), format!("{at}: {status} has no description"));
        must(response.get("content").is_none() || has_example(response), format!("{at}: {status} has no example"));
        if status.starts_with(['4', '5']) {
            let codes: Vec<_> =
                response["x-codes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            must(!codes.is_empty(), format!("{at}: {status} has no codes"));
            for code in codes {
                let fits = Code::from_word(code).is_some_and(|code| row(code).status.as_str() == status);
                must(fits, format!("{at}: {code} has not the status {status}"));
            }
        }
    }
}

/// The rules of whatever looks like a schema.
fn schema_faults(document: &Value, at: &str, value: &Value, must: &mut impl FnMut(bool, String)) {
    let has_null =
        value["type"].as_array().is_some_and(|types| types.contains(&json!("null"))) || value["type"] == "null";
    must(!has_null, format!("{at} can be null"));
    if value.get("oneOf").is_some() || value.get("anyOf").is_some() {
        must(value.get("discriminator").is_some(), format!("{at} is a choice without a discriminator"));
    }
    must(value.get("allOf").is_none(), format!("{at} is in several parts"));
    for word in value["enum"].as_array().into_iter().flatten() {
        let is_snake = |word: &str| word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        must(word.as_str().is_some_and(is_snake), format!("{at} has the word {word}"));
    }
    if let Some(reference) = value["$ref"].as_str() {
        let there = reference.strip_prefix('#').and_then(|pointer| document.pointer(pointer)).is_some();
        must(there, format!("{at} refers to {reference}, which is not there"));
    }
    for (name, property) in entries(&value["properties"]) {
        let at = format!("{at}/properties/{name}");
        if name == "id" || name.ends_with("_id") {
            let is_id = property["$ref"] == "#/components/schemas/Id" || property["type"] == "string";
            must(is_id, format!("{at} is an id and no string"));
        }
        if name.ends_with("_krw") {
            let is_money = property["type"] == "integer" || property["$ref"] == "#/components/schemas/Krw";
            must(is_money, format!("{at} is money and no integer"));
        }
        if name.ends_with("_at") {
            let is_time = property["$ref"] == "#/components/schemas/Timestamp" || property["format"] == "date-time";
            must(is_time, format!("{at} is no Timestamp"));
        }
        let speaks_for_itself = property.get("$ref").is_some() || property.get("enum").is_some();
        let is_shape = property["type"] == "array" || property["type"] == "object" || property.get("oneOf").is_some();
        let has_example = property.get("example").is_some() || property.get("examples").is_some();
        must(property.get("$ref").is_some() || said(&property["description"]), format!("{at} has no description"));
        must(speaks_for_itself || is_shape || has_example, format!("{at} has no example"));
    }
}

/// `see` with every object of the document, but not inside of examples.
fn everywhere(at: &str, value: &Value, see: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Object(map) => {
            see(at, value);
            for (name, inner) in map {
                if !matches!(name.as_str(), "example" | "examples" | "default") {
                    everywhere(&format!("{at}/{name}"), inner, see);
                }
            }
        }
        Value::Array(list) => {
            for (index, inner) in list.iter().enumerate() {
                everywhere(&format!("{at}/{index}"), inner, see);
            }
        }
        _ => {}
    }
}

fn has_example(body: &Value) -> bool {
    let mut contents = entries(&body["content"]).map(|(_, content)| content).peekable();
    contents.peek().is_some() && contents.all(|c| c.get("example").is_some() || c.get("examples").is_some())
}

fn said(words: &Value) -> bool {
    words.as_str().is_some_and(|words| !words.trim().is_empty())
}

fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}
