//! Whether a JSON value has the shape that a schema of our OpenAPI document tells; strict: what is not told may not be there.

use serde_json::Value;

/// What is wrong with `value`, each fault with its place.
pub fn faults(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    check(document, schema, "", value, &mut faults);
    faults
}

fn check(document: &Value, schema: &Value, at: &str, value: &Value, faults: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let there = document.pointer(reference.trim_start_matches('#')).unwrap_or(&Value::Null);
        return check(document, there, at, value, faults);
    }
    let mut must = |holds: bool, why: &str| {
        if !holds {
            faults.push(format!("{at}: {value} {why}"));
        }
    };
    if let Some(words) = schema["enum"].as_array() {
        must(words.contains(value), "is none of the words");
    }
    match schema["type"].as_str() {
        Some("string") => {
            let text = value.as_str();
            must(text.is_some(), "is no string");
            let text = text.unwrap_or_default();
            let length = text.chars().count() as u64;
            must(schema["minLength"].as_u64().is_none_or(|min| length >= min), "is too short");
            must(schema["maxLength"].as_u64().is_none_or(|max| length <= max), "is too long");
            must(schema["format"] != "date-time" || is_time(text), "is no time with milliseconds and Z");
            let is_id = schema["pattern"] == "^[1-9][0-9]{0,18}$";
            must(!is_id || text.parse::<i64>().is_ok_and(|id| id > 0), "is no id");
        }
        Some("integer") => {
            must(value.is_i64() || value.is_u64(), "is no integer");
            must(schema["minimum"].as_i64().is_none_or(|min| value.as_i64() >= Some(min)), "is too small");
            must(schema["maximum"].as_i64().is_none_or(|max| value.as_i64() <= Some(max)), "is too large");
        }
        Some("number") => must(value.is_number(), "is no number"),
        Some("boolean") => must(value.is_boolean(), "is no boolean"),
        Some("array") => {
            must(value.is_array(), "is no array");
            for (n, item) in value.as_array().into_iter().flatten().enumerate() {
                check(document, &schema["items"], &format!("{at}/{n}"), item, faults);
            }
        }
        Some("object") => {
            must(value.is_object(), "is no object");
            for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                must(value.get(name).is_some(), &format!("lacks {name}"));
            }
            for (name, inner) in value.as_object().into_iter().flatten() {
                match schema["properties"].get(name) {
                    Some(property) => check(document, property, &format!("{at}/{name}"), inner, faults),
                    None => faults.push(format!("{at}: {name} is not told of")),
                }
            }
        }
        _ => {}
    }
}

/// `2026-11-24T12:30:00.000Z`
fn is_time(text: &str) -> bool {
    let form = "dddd-dd-ddTdd:dd:dd.dddZ";
    let fits = |(is, form): (char, char)| if form == 'd' { is.is_ascii_digit() } else { is == form };
    text.len() == form.len() && text.chars().zip(form.chars()).all(fits)
}
