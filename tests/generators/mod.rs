//! What a generator of clients stumbles over: openapi-generator's for Kotlin, Swift and TypeScript, and Apple's swift-openapi-generator.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Types that generated code uses or is in scope with: a schema of that name would stand in their place.
const TAKEN: &[&str] = &[
    "Any",
    "Array",
    "Bool",
    "Boolean",
    "Byte",
    "Character",
    "Codable",
    "Data",
    "Date",
    "Decimal",
    "Decoder",
    "Dictionary",
    "Double",
    "Encoder",
    "Enum",
    "Error",
    "Exception",
    "File",
    "Float",
    "Function",
    "Int",
    "Integer",
    "List",
    "Long",
    "Map",
    "Nbbang",
    "Never",
    "Nothing",
    "Null",
    "Number",
    "Object",
    "Operation",
    "Optional",
    "Pair",
    "Promise",
    "Protocol",
    "Record",
    "Request",
    "Response",
    "Result",
    "Self",
    "Sendable",
    "Set",
    "Short",
    "String",
    "Symbol",
    "Task",
    "Throwable",
    "Type",
    "Unit",
    "Void",
];

/// Toss's hint has a shape of Toss's, and no app sends it.
const SHAPELESS: &str = "/paths/~1v1~1webhooks~1toss/post/requestBody/content/application~1json/schema";

pub fn faults(document: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    names(document, &mut faults);
    for (path, operations) in entries(&document["paths"]) {
        for (method, operation) in entries(operations) {
            one_answer(&format!("{method} {path}"), operation, &mut faults);
            let declared = operation["parameters"].as_array().into_iter().flatten();
            let declared: Vec<_> = declared.filter_map(|parameter| parameter["name"].as_str()).collect();
            distinct(&format!("the parameters of {method} {path}"), &declared, &mut faults);
            for name in path.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
                if !declared.contains(&name) {
                    faults.push(format!("{method} {path} does not declare {name}"));
                }
            }
        }
    }
    for (name, schema) in entries(&document["components"]["schemas"]) {
        schema_faults(&format!("/components/schemas/{name}"), schema, true, &mut faults);
    }
    contents("/paths", &document["paths"], &mut faults);
    faults
}

/// Names that a generator has to tell apart, or to keep.
fn names(document: &Value, faults: &mut Vec<String>) {
    let operations = entries(&document["paths"]).flat_map(|(_, operations)| entries(operations));
    let ids: Vec<_> = operations.filter_map(|(_, operation)| operation["operationId"].as_str()).collect();
    distinct("the operationIds", &ids, faults);
    let schemas: Vec<_> = entries(&document["components"]["schemas"]).map(|(name, _)| name).collect();
    distinct("the schemas", &schemas, faults);
    faults.extend(
        schemas.iter().filter(|name| TAKEN.contains(name)).map(|name| format!("the schema {name} has a type's name")),
    );
}

/// A method returns one type.
fn one_answer(at: &str, operation: &Value, faults: &mut Vec<String>) {
    let successes = entries(&operation["responses"]).filter(|(status, _)| status.starts_with('2'));
    let shapes: BTreeSet<_> = successes
        .flat_map(|(_, response)| entries(&response["content"]))
        .map(|(_, content)| content["schema"].to_string())
        .collect();
    if shapes.len() > 1 {
        faults.push(format!("{at} succeeds with several shapes"));
    }
}

/// Every body, parameter and header, wherever it is.
fn contents(at: &str, value: &Value, faults: &mut Vec<String>) {
    for (name, inner) in entries(value) {
        let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        match name {
            "example" | "examples" => {}
            "schema" if at == SHAPELESS => {}
            "schema" => schema_faults(&at, inner, false, faults),
            _ => contents(&at, inner, faults),
        }
    }
    for (index, inner) in value.as_array().into_iter().flatten().enumerate() {
        contents(&format!("{at}/{index}"), inner, faults);
    }
}

/// `is_named` is of what stands in `components` itself: what does not gets a name that the generator makes up.
fn schema_faults(at: &str, schema: &Value, is_named: bool, faults: &mut Vec<String>) {
    let mut must = |holds: bool, fault: &str| {
        if !holds {
            faults.push(format!("{at} {fault}"));
        }
    };
    if schema.get("$ref").is_some() {
        return;
    }
    let kind = schema["type"].as_str();
    must(kind.is_some() || schema.get("oneOf").is_some(), "has no shape");
    must(is_named || schema.get("enum").is_none(), "lists words and has no name");
    must(kind != Some("object") || schema.get("properties").is_some(), "is an object of any shape");
    must(kind != Some("object") || is_named, "is an object without a name");
    must(
        !matches!(schema.get("additionalProperties"), Some(Value::Bool(true) | Value::Object(_))),
        "takes any property",
    );
    must(kind != Some("array") || schema.get("items").is_some(), "is a list of anything");
    must(
        kind != Some("integer") || matches!(schema["format"].as_str(), Some("int32" | "int64")),
        "is a number of unsaid width",
    );
    must(schema.get("const").is_none() && schema.get("patternProperties").is_none(), "has what generators do not know");
    let words: Vec<_> = schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    distinct(&format!("the words of {at}"), &words, faults);
    for word in words {
        if word.is_empty()
            || word.starts_with(|first: char| first.is_ascii_digit())
            || plain(word) == "unknowndefaultopenapi"
        {
            faults.push(format!("{at} has the word {word:?}, of which no case can be made"));
        }
    }
    let properties: Vec<_> = entries(&schema["properties"]).map(|(name, _)| name).collect();
    distinct(&format!("the properties of {at}"), &properties, faults);
    for (name, property) in entries(&schema["properties"]) {
        schema_faults(&format!("{at}/properties/{name}"), property, false, faults);
    }
    if let Some(items) = schema.get("items") {
        schema_faults(&format!("{at}/items"), items, false, faults);
    }
}

/// Generators write names in camel case, and file systems may not tell cases apart.
fn distinct(what: &str, names: &[&str], faults: &mut Vec<String>) {
    let mut seen = BTreeMap::new();
    for name in names {
        if let Some(other) = seen.insert(plain(name), name) {
            faults.push(format!("{what} {other} and {name} are one to a generator"));
        }
    }
}

fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}
