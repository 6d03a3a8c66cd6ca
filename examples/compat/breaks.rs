//! What breaks a client: an operation, a field or a value that is gone, something more that it must send, something that it may no
//! longer send, or something that it may no longer get. New fields and values of answers break none: clients pass over them.

use std::collections::HashSet;

use serde_json::{Map, Value};

const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

/// Each break in a sentence that names the place.
pub fn breaks(old: &Value, new: &Value) -> Vec<String> {
    let mut comparison = Comparison { old, new, seen: HashSet::new(), found: Vec::new() };
    for (path, item) in object(old, "paths") {
        for method in METHODS {
            let Some(operation) = item.get(method) else { continue };
            let at = format!("{} {path}", method.to_uppercase());
            match new["paths"].get(path).and_then(|item| item.get(method)) {
                None => comparison.tell(&at, "is gone"),
                Some(now) => comparison.operation(&at, operation, now),
            }
        }
    }
    comparison.found
}

struct Comparison<'a> {
    old: &'a Value,
    new: &'a Value,
    /// Pairs of named schemas that are compared already, so that one inside itself ends.
    seen: HashSet<(String, String, Way)>,
    found: Vec<String>,
}

/// Who makes what a schema describes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Way {
    /// The client sends it: it may not be asked for more.
    Sent,
    /// The client gets it: it may not be given less.
    Got,
}

impl<'a> Comparison<'a> {
    fn tell(&mut self, at: &str, what: &str) {
        self.found.push(format!("{at}: {what}"));
    }

    fn operation(&mut self, at: &str, old: &'a Value, new: &'a Value) {
        if old.get("operationId") != new.get("operationId") {
            self.tell(at, "its operationId has changed, and with it the name of its method in clients");
        }
        if is_open(old) && !is_open(new) {
            self.tell(at, "it needs a token now");
        }
        self.parameters(at, list(old, "parameters"), list(new, "parameters"));
        self.body(&format!("{at}, body"), old.get("requestBody"), new.get("requestBody"));
        for (status, answer) in object(old, "responses").filter(|(status, _)| status.starts_with(['2', '3'])) {
            let at = format!("{at}, {status}");
            match new["responses"].get(status) {
                None => self.tell(&at, "is gone"),
                Some(now) => self.answer(&at, answer, now),
            }
        }
    }

    fn parameters(&mut self, at: &str, old: &'a [Value], new: &'a [Value]) {
        let same = |one: &Value, other: &Value| one["name"] == other["name"] && one["in"] == other["in"];
        for before in old {
            let at = format!("{at}, parameter {}", word(&before["name"]));
            match new.iter().find(|now| same(before, now)) {
                None => self.tell(&at, "is gone"),
                Some(now) => {
                    if !is_true(before, "required") && is_true(now, "required") {
                        self.tell(&at, "must be sent now");
                    }
                    self.schema(&at, &before["schema"], &now["schema"], Way::Sent);
                }
            }
        }
        let added = new.iter().filter(|now| is_true(now, "required") && !old.iter().any(|before| same(before, now)));
        for now in added {
            self.tell(&format!("{at}, parameter {}", word(&now["name"])), "is new and must be sent");
        }
    }

    fn body(&mut self, at: &str, old: Option<&'a Value>, new: Option<&'a Value>) {
        match (old, new) {
            (None, Some(now)) if is_true(now, "required") => self.tell(at, "is new and must be sent"),
            (Some(_), None) => self.tell(at, "is gone"),
            (Some(before), Some(now)) => {
                if !is_true(before, "required") && is_true(now, "required") {
                    self.tell(at, "must be sent now");
                }
                self.content(at, before, now, Way::Sent);
            }
            (None, _) => {}
        }
    }

    fn answer(&mut self, at: &str, old: &'a Value, new: &'a Value) {
        self.content(at, old, new, Way::Got);
        for (name, _) in object(old, "headers") {
            if new["headers"].get(name).is_none() {
                self.tell(&format!("{at}, header {name}"), "is gone");
            }
        }
    }

    fn content(&mut self, at: &str, old: &'a Value, new: &'a Value, way: Way) {
        for (kind, before) in object(old, "content") {
            match new["content"].get(kind) {
                None => self.tell(at, &format!("is no longer {kind}")),
                Some(now) => self.schema(at, &before["schema"], &now["schema"], way),
            }
        }
    }

    fn schema(&mut self, at: &str, old: &'a Value, new: &'a Value, way: Way) {
        let names = (name(old), name(new));
        if let (Some(before), Some(now)) = names
            && !self.seen.insert((before.to_owned(), now.to_owned(), way))
        {
            return;
        }
        let (old, new) = (resolved(self.old, old), resolved(self.new, new));
        // A named schema is told by its name, since it is compared only where it is first met.
        let at = names.0.map_or_else(|| at.to_owned(), str::to_owned);
        for keyword in ["type", "format"] {
            if old.get(keyword) != new.get(keyword) {
                let told = |schema: &Value| schema.get(keyword).map_or_else(|| "none".to_owned(), word);
                self.tell(&at, &format!("its {keyword} was {} and is {}", told(old), told(new)));
            }
        }
        self.values(&at, old, new, way);
        self.fields(&at, old, new, way);
        if way == Way::Sent {
            self.limits(&at, old, new);
        }
        for (keyword, what) in [("items", "an item"), ("additionalProperties", "a value")] {
            if let (Some(before @ Value::Object(_)), Some(now @ Value::Object(_))) =
                (old.get(keyword), new.get(keyword))
            {
                self.schema(&format!("{at}, {what}"), before, now, way);
            }
        }
    }

    fn values(&mut self, at: &str, old: &Value, new: &Value, way: Way) {
        let (before, now) = (list(old, "enum"), list(new, "enum"));
        if before.is_empty() && !now.is_empty() && way == Way::Sent {
            self.tell(at, "only certain values may be sent now");
        }
        if now.is_empty() {
            return;
        }
        for value in before.iter().filter(|value| !now.contains(value)) {
            self.tell(at, &format!("the value {} is gone", word(value)));
        }
    }

    fn fields(&mut self, at: &str, old: &'a Value, new: &'a Value, way: Way) {
        let is_required = |schema: &Value, field: &str| list(schema, "required").iter().any(|name| name == field);
        for (field, before) in object(old, "properties") {
            let at = format!("{at}.{field}");
            let Some(now) = new["properties"].get(field) else {
                self.tell(&at, "is gone");
                continue;
            };
            match (way, is_required(old, field), is_required(new, field)) {
                (Way::Sent, false, true) => self.tell(&at, "must be sent now"),
                (Way::Got, true, false) => self.tell(&at, "may be absent now"),
                _ => {}
            }
            self.schema(&at, before, now, way);
        }
        if way == Way::Got {
            return;
        }
        for (field, _) in object(new, "properties").filter(|(field, _)| old["properties"].get(*field).is_none()) {
            if is_required(new, field) {
                self.tell(&format!("{at}.{field}"), "is new and must be sent");
            }
        }
        let is_closed = |schema: &Value| schema.get("additionalProperties") == Some(&Value::Bool(false));
        if !is_closed(old) && is_closed(new) {
            self.tell(at, "other fields are refused now");
        }
    }

    /// What may be sent only becomes more.
    fn limits(&mut self, at: &str, old: &Value, new: &Value) {
        for (keyword, is_narrower) in [
            ("maximum", (|before, now| now < before) as fn(f64, f64) -> bool),
            ("maxLength", |before, now| now < before),
            ("maxItems", |before, now| now < before),
            ("minimum", |before, now| now > before),
            ("minLength", |before, now| now > before),
            ("minItems", |before, now| now > before),
        ] {
            let (before, now) = (number(old, keyword), number(new, keyword));
            let narrowed = match (before, now) {
                (Some(before), Some(now)) => is_narrower(before, now),
                (None, Some(_)) => true,
                (_, None) => false,
            };
            if narrowed {
                let told = |limit: Option<f64>| limit.map_or_else(|| "none".to_owned(), |limit| limit.to_string());
                self.tell(at, &format!("its {keyword} was {} and is {}", told(before), told(now)));
            }
        }
        if new.get("pattern").is_some() && old.get("pattern") != new.get("pattern") {
            self.tell(at, "its pattern has changed");
        }
    }
}

fn object<'a>(of: &'a Value, name: &str) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
    of.get(name).and_then(Value::as_object).into_iter().flat_map(Map::iter).map(|(name, value)| (name.as_str(), value))
}

fn list<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn is_true(of: &Value, name: &str) -> bool {
    of.get(name) == Some(&Value::Bool(true))
}

fn number(of: &Value, name: &str) -> Option<f64> {
    of.get(name).and_then(Value::as_f64)
}

fn is_open(operation: &Value) -> bool {
    list(operation, "security").is_empty()
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Of a schema that is only a name.
fn name(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix("#/components/schemas/")
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let Some(name) = name(schema) else { return schema };
    document.pointer(&format!("/components/schemas/{name}")).unwrap_or(&Value::Null)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document() -> Value {
        json!({
            "paths": {
                "/a": {
                    "get": {
                        "operationId": "get_a",
                        "parameters": [{"name": "q", "in": "query", "required": false, "schema": {"type": "string", "maxLength": 9}}],
                        "responses": {
                            "200": {
                                "headers": {"ETag": {}},
                                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}},
                            },
                            "404": {"content": {"application/problem+json": {"schema": {"type": "object"}}}},
                        },
                    },
                    "post": {
                        "operationId": "post_a",
                        "requestBody": {
                            "required": false,
                            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/NewA"}}},
                        },
                        "responses": {"204": {}},
                    },
                },
            },
            "components": {"schemas": {
                "A": {
                    "type": "object",
                    "required": ["id"],
                    "properties": {
                        "id": {"type": "string"},
                        "n": {"type": "integer", "format": "int64", "maximum": 9},
                        "kind": {"type": "string", "enum": ["x", "y"]},
                        "inner": {"type": "array", "items": {"$ref": "#/components/schemas/A"}},
                    },
                },
                "NewA": {
                    "type": "object",
                    "required": ["title"],
                    "properties": {
                        "title": {"type": "string", "minLength": 1, "maxLength": 60},
                        "memo": {"type": "string"},
                        "n": {"type": "integer", "minimum": 1, "maximum": 9},
                        "kind": {"type": "string", "enum": ["x", "y"]},
                        "list": {"type": "array", "maxItems": 3, "items": {"type": "string"}},
                    },
                },
            }},
        })
    }

    /// The breaks when this is put there, or taken away.
    fn found(pointer: &str, value: Option<Value>) -> Vec<String> {
        let (old, mut new) = (document(), document());
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let key = key.replace("~1", "/");
        match (new.pointer_mut(parent).unwrap(), value) {
            (Value::Object(parent), Some(value)) => drop(parent.insert(key, value)),
            (Value::Object(parent), None) => assert!(parent.remove(&key).is_some(), "{pointer}"),
            (Value::Array(parent), Some(value)) => parent.push(value),
            _ => panic!("{pointer}"),
        }
        breaks(&old, &new)
    }

    const GET: &str = "/paths/~1a/get";
    const POST: &str = "/paths/~1a/post";
    const A: &str = "/components/schemas/A";
    const NEW_A: &str = "/components/schemas/NewA";

    #[test]
    fn each_rule() {
        let gone: Option<Value> = None;
        for (pointer, value, break_) in [
            (GET.to_owned(), gone.clone(), "GET /a: is gone"),
            ("/paths/~1a".to_owned(), gone.clone(), "POST /a: is gone"),
            (
                format!("{GET}/operationId"),
                Some(json!("a")),
                "GET /a: its operationId has changed, and with it the name of its method in clients",
            ),
            (format!("{GET}/security"), Some(json!([{"bearer": []}])), "GET /a: it needs a token now"),
            (format!("{GET}/parameters"), Some(json!([])), "GET /a, parameter q: is gone"),
            (format!("{GET}/parameters/0/required"), Some(json!(true)), "GET /a, parameter q: must be sent now"),
            (
                format!("{GET}/parameters/0/schema/maxLength"),
                Some(json!(8)),
                "GET /a, parameter q: its maxLength was 9 and is 8",
            ),
            (
                format!("{GET}/parameters/1"),
                Some(json!({"name": "r", "in": "query", "required": true, "schema": {}})),
                "GET /a, parameter r: is new and must be sent",
            ),
            (format!("{GET}/requestBody"), Some(json!({"required": true})), "GET /a, body: is new and must be sent"),
            (format!("{GET}/responses/200"), gone.clone(), "GET /a, 200: is gone"),
            (format!("{GET}/responses/200/headers"), gone.clone(), "GET /a, 200, header ETag: is gone"),
            (
                format!("{GET}/responses/200/content"),
                Some(json!({"text/plain": {}})),
                "GET /a, 200: is no longer application/json",
            ),
            (format!("{POST}/requestBody"), gone.clone(), "POST /a, body: is gone"),
            (format!("{POST}/requestBody/required"), Some(json!(true)), "POST /a, body: must be sent now"),
            (format!("{A}/properties/n"), gone.clone(), "A.n: is gone"),
            (format!("{A}/required"), Some(json!([])), "A.id: may be absent now"),
            (format!("{A}/properties/n/type"), Some(json!("string")), "A.n: its type was integer and is string"),
            (format!("{A}/properties/n/format"), Some(json!("int32")), "A.n: its format was int64 and is int32"),
            (format!("{A}/properties/kind/enum"), Some(json!(["x", "z"])), "A.kind: the value y is gone"),
            (
                format!("{A}/properties/inner/items"),
                Some(json!({"type": "string"})),
                "A: its type was object and is string",
            ),
            (format!("{NEW_A}/properties/memo"), gone.clone(), "NewA.memo: is gone"),
            (format!("{NEW_A}/required"), Some(json!(["title", "memo"])), "NewA.memo: must be sent now"),
            (format!("{NEW_A}/properties/kind/enum"), Some(json!(["x"])), "NewA.kind: the value y is gone"),
            (
                format!("{NEW_A}/properties/memo/enum"),
                Some(json!(["x"])),
                "NewA.memo: only certain values may be sent now",
            ),
            (
                format!("{NEW_A}/properties/title/maxLength"),
                Some(json!(59)),
                "NewA.title: its maxLength was 60 and is 59",
            ),
            (format!("{NEW_A}/properties/title/minLength"), Some(json!(2)), "NewA.title: its minLength was 1 and is 2"),
            (format!("{NEW_A}/properties/n/maximum"), Some(json!(8)), "NewA.n: its maximum was 9 and is 8"),
            (format!("{NEW_A}/properties/n/minimum"), Some(json!(2)), "NewA.n: its minimum was 1 and is 2"),
            (format!("{NEW_A}/properties/list/maxItems"), Some(json!(2)), "NewA.list: its maxItems was 3 and is 2"),
            (format!("{NEW_A}/properties/list/minItems"), Some(json!(1)), "NewA.list: its minItems was none and is 1"),
            (
                format!("{NEW_A}/properties/list/items/type"),
                Some(json!("integer")),
                "NewA.list, an item: its type was string and is integer",
            ),
            (format!("{NEW_A}/properties/memo/pattern"), Some(json!("^a")), "NewA.memo: its pattern has changed"),
            (format!("{NEW_A}/additionalProperties"), Some(json!(false)), "NewA: other fields are refused now"),
        ] {
            let found = found(&pointer, value);
            assert!(found.iter().any(|found| found == break_), "{pointer}: {found:?}");
        }
    }

    #[test]
    fn a_new_field_that_must_be_sent_breaks() {
        let mut new = document();
        new["components"]["schemas"]["NewA"]["properties"]["size"] = json!({"type": "integer"});
        assert_eq!(breaks(&document(), &new), [""; 0], "it may be sent");
        new["components"]["schemas"]["NewA"]["required"] = json!(["title", "size"]);
        assert_eq!(breaks(&document(), &new), ["NewA.size: is new and must be sent"]);
    }

    #[test]
    fn what_only_adds_breaks_nobody() {
        assert_eq!(breaks(&document(), &document()), [""; 0]);
        for (pointer, value) in [
            (format!("{GET}/responses/202"), Some(json!({}))),
            (format!("{GET}/responses/404"), None),
            ("/paths/~1b".to_owned(), Some(json!({"get": {}}))),
            (format!("{GET}/parameters/1"), Some(json!({"name": "r", "in": "query", "schema": {}}))),
            (format!("{GET}/parameters/0/schema/maxLength"), Some(json!(10))),
            (format!("{A}/properties/more"), Some(json!({"type": "string"}))),
            (format!("{A}/required"), Some(json!(["id", "n"]))),
            (format!("{A}/properties/n/maximum"), Some(json!(8))),
            (format!("{A}/properties/kind/enum"), Some(json!(["x", "y", "z"]))),
            (format!("{NEW_A}/required"), Some(json!([]))),
            (format!("{NEW_A}/properties/n/maximum"), None),
            (format!("{NEW_A}/properties/kind/enum"), Some(json!(["x", "y", "z"]))),
            (format!("{NEW_A}/properties/title/maxLength"), Some(json!(61))),
        ] {
            assert_eq!(found(&pointer, value), [""; 0], "{pointer}");
        }
    }
}
