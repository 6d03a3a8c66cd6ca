//! Every operation of the OpenAPI document, ready to be asked for: a test that goes over all of them covers a new one by itself.

use reqwest::RequestBuilder;
use serde_json::Value;
use time::Duration;
use time::format_description::well_known::Rfc3339;

use crate::person::{Answer, Person, fresh_key};
use crate::world::World;

pub struct Operation {
    pub id: String,
    pub method: String,
    /// With the name of its one parameter in braces.
    pub path: String,
    pub is_secured: bool,
    pub is_keyed: bool,
    /// Provider's hints are not refused for what is in them.
    pub is_webhook: bool,
    /// Where the schema of the body is, and an example of it that is fit to be sent now.
    pub body: Option<(Value, Value)>,
    pub parameters: Vec<Value>,
    pub responses: Value,
}

/// What stands in for `{id}`, by what the address is about.
#[derive(Clone, Debug)]
pub struct Ids {
    pub party: String,
    pub order: String,
    pub payment: String,
    pub user: String,
    pub other_user: String,
    /// Of an invitation to the party.
    pub code: String,
}

pub fn all() -> (Value, Vec<Operation>) {
    let document = nbbang::http::openapi();
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, spec) in methods.as_object().unwrap() {
            operations.push(Operation::of(path, method, spec));
        }
    }
    assert!(operations.len() > 30, "only {} operations", operations.len());
    (document, operations)
}

/// A deadline that a party may have, whatever the example's is.
pub fn deadline() -> String {
    (nbbang::app::clock::real() + Duration::hours(2)).format(&Rfc3339).unwrap()
}

impl Operation {
    fn of(path: &str, method: &str, spec: &Value) -> Self {
        let parameters = spec["parameters"].as_array().cloned().unwrap_or_default();
        let content = &spec["requestBody"]["content"]["application/json"];
        let mut example = content["example"].clone();
        if example.get("deadline_at").is_some() {
            example["deadline_at"] = deadline().into();
        }
        Self {
            id: spec["operationId"].as_str().unwrap().to_owned(),
            method: method.to_uppercase(),
            path: path.to_owned(),
            is_secured: spec.get("security").is_some(),
            is_keyed: parameters.iter().any(|parameter| parameter["name"] == "Idempotency-Key"),
            is_webhook: spec["tags"][0] == "Webhooks",
            body: content.get("schema").map(|schema| (schema.clone(), example)),
            parameters,
            responses: spec["responses"].clone(),
        }
    }

    pub fn has_id(&self) -> bool {
        self.path.contains('{')
    }

    /// The parameters of its query.
    pub fn query(&self) -> impl Iterator<Item = &Value> {
        self.parameters.iter().filter(|parameter| parameter["in"] == "query")
    }

    /// Its address with this for its first parameter and no code that is there for a second one, and with the query that it cannot
    /// do without.
    pub fn with_id(&self, id: &str) -> String {
        self.with_ids(id, "0000000000")
    }

    fn with_ids(&self, id: &str, code: &str) -> String {
        let (mut path, mut rest) = (String::new(), self.path.as_str());
        for value in [id, code] {
            if let Some((before, after)) = rest.split_once('{') {
                path = format!("{path}{before}{value}");
                rest = after.split_once('}').unwrap().1;
            }
        }
        path.push_str(rest);
        let needed: Vec<_> = self
            .query()
            .filter(|parameter| parameter["required"] == true)
            .map(|parameter| (parameter["name"].as_str().unwrap(), &parameter["example"]))
            .map(|(name, value)| format!("{name}={}", value.as_str().map_or(value.to_string(), str::to_owned)))
            .collect();
        if needed.is_empty() { path } else { format!("{path}?{}", needed.join("&")) }
    }

    pub fn at(&self, ids: &Ids) -> String {
        let first = match self.path.as_str() {
            path if path.starts_with("/v1/invitations") => &ids.code,
            path if path.starts_with("/v1/parties") => &ids.party,
            path if path.starts_with("/v1/orders") => &ids.order,
            path if path.starts_with("/v1/payments") => &ids.payment,
            path if path.starts_with("/v1/users") => &ids.user,
            _ => &ids.other_user,
        };
        self.with_ids(first, &ids.code)
    }

    /// By nobody, without a key and a body.
    pub fn bare(&self, world: &World, address: &str) -> RequestBuilder {
        world.client.request(self.method.parse().unwrap(), format!("{}{address}", world.base))
    }

    /// With all that it wants: a token, a key that nobody has used, the example's body.
    pub fn request(&self, world: &World, person: Option<&Person>, address: &str) -> RequestBuilder {
        let request = self.without_body(world, person, address);
        match &self.body {
            Some((_, example)) => request.json(example),
            None => request,
        }
    }

    pub fn without_body(&self, world: &World, person: Option<&Person>, address: &str) -> RequestBuilder {
        let mut request = self.bare(world, address);
        if let Some(person) = person {
            request = request.bearer_auth(&person.token);
        }
        if self.is_keyed { request.header("Idempotency-Key", fresh_key()) } else { request }
    }
}

/// Sends it. Whatever was sent, an answer is never a failure of ours, and a refusal is a problem document.
pub async fn send(what: &str, request: RequestBuilder) -> Answer {
    let answer = Answer::of(request.send().await.unwrap_or_else(|error| panic!("{what}: {error}"))).await;
    assert!(answer.status < 500, "{what}: {} {}", answer.status, answer.text);
    if answer.status >= 400 {
        assert_eq!(
            answer.header("content-type"),
            "application/problem+json",
            "{what}: {} {}",
            answer.status,
            answer.text
        );
        assert_eq!(answer.body["status"], answer.status, "{what}");
        assert_eq!(answer.body["request_id"], answer.header("x-request-id"), "{what}");
        assert_eq!(answer.body["type"], format!("urn:nbbang:problem:{}", answer.body["code"].as_str().unwrap()));
    }
    answer
}

/// Where the first fault of a refused request is.
pub fn pointer(answer: &Answer) -> &str {
    answer.body["fields"][0]["pointer"].as_str().unwrap_or("nothing is pointed at")
}
