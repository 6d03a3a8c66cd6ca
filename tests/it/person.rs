//! Somebody with the app in his hand: what he does is what the app would send.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use time::Duration;
use time::format_description::well_known::Rfc3339;

pub struct Person {
    pub id: String,
    pub token: String,
    client: reqwest::Client,
    base: String,
    simulator: String,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
    pub text: String,
}

impl Answer {
    pub async fn of(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        // A stream would never end; of it the first that comes.
        let is_stream =
            headers.get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        let text = if is_stream {
            let mut response = response;
            let first = response.chunk().await.unwrap().unwrap_or_default();
            String::from_utf8(first.to_vec()).unwrap()
        } else {
            response.text().await.unwrap()
        };
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self { status, headers, body, text }
    }

    /// The body, if this is the status that was expected.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.body
    }

    /// The refusal's code, if this is the status that was expected.
    #[track_caller]
    pub fn code(self, status: u16) -> String {
        let body = self.expect(status);
        body["code"].as_str().unwrap_or_else(|| panic!("no code: {body}")).to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl Person {
    pub async fn sign_in(client: &reqwest::Client, base: &str, simulator: &str, handle: &str) -> Self {
        let sent =
            client.post(format!("{base}/v1/dev/sessions")).json(&json!({"handle": handle})).send().await.unwrap();
        Self::of(client, base, simulator, &Answer::of(sent).await.expect(200))
    }

    /// One who has just signed in, however that was.
    pub fn of(client: &reqwest::Client, base: &str, simulator: &str, session: &Value) -> Self {
        Self {
            id: session["user"]["id"].as_str().unwrap().to_owned(),
            token: session["access_token"].as_str().unwrap().to_owned(),
            client: client.clone(),
            base: base.to_owned(),
            simulator: simulator.to_owned(),
        }
    }

    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method.parse().unwrap(), format!("{}{path}", self.base)).bearer_auth(&self.token)
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request("GET", path).send().await.unwrap()).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        let request = self.request("PUT", path);
        let request = if body.is_null() { request } else { request.json(&body) };
        Answer::of(request.send().await.unwrap()).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.request("PATCH", path).json(&body).send().await.unwrap()).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        Answer::of(self.request("DELETE", path).send().await.unwrap()).await
    }

    /// With an idempotency key that nobody has used.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.post_as(&fresh_key(), path, body).await
    }

    pub async fn post_as(&self, key: &str, path: &str, body: Value) -> Answer {
        let request = self.request("POST", path).header("Idempotency-Key", key).json(&body);
        Answer::of(request.send().await.unwrap()).await
    }

    /// Opens a party and says its id.
    pub async fn opens(&self, draft: Value) -> String {
        id(&self.post("/v1/parties", draft).await.expect(201))
    }

    pub async fn joins(&self, party: &str, items: Value) -> Answer {
        self.post(&format!("/v1/parties/{party}/orders"), json!({"items": items})).await
    }

    /// Authorizes a payment in the provider's window: the key that it gives back.
    pub async fn authorizes(&self, payment: &Value, method: &str) -> String {
        let body = json!({
            "provider_order_id": payment["provider_order_id"], "amount_krw": payment["amount_krw"], "method": method,
        });
        let sent =
            self.client.post(format!("{}/__sim/toss/authorize", self.simulator)).json(&body).send().await.unwrap();
        let answer = Answer::of(sent).await;
        assert!(answer.status < 300, "{}", answer.text);
        answer.body["payment_key"].as_str().unwrap().to_owned()
    }

    /// Authorizes and confirms a payment.
    pub async fn pays(&self, payment: &Value) -> Answer {
        let key = self.authorizes(payment, "card").await;
        self.confirms(payment, &key).await
    }

    pub async fn confirms(&self, payment: &Value, payment_key: &str) -> Answer {
        let path = format!("/v1/payments/{}/confirmation", payment["id"].as_str().unwrap());
        self.post(&path, json!({"payment_key": payment_key, "amount_krw": payment["amount_krw"]})).await
    }

    /// Joins a prepaid party and pays: the order's id.
    pub async fn joins_and_pays(&self, party: &str, items: Value) -> String {
        let order = self.joins(party, items).await.expect(201);
        self.pays(&order["payment"]).await.expect(200);
        id(&order)
    }

    pub async fn order(&self, id: &str) -> Value {
        self.get(&format!("/v1/orders/{id}")).await.expect(200)
    }

    pub async fn room(&self, party: &str) -> Value {
        self.get(&format!("/v1/parties/{party}/room")).await.expect(200)
    }

    /// A transition without a body.
    pub async fn does(&self, party: &str, what: &str) -> Answer {
        self.put(&format!("/v1/parties/{party}/{what}"), Value::Null).await
    }

    pub async fn places(&self, party: &str, receipt_krw: i64) -> Answer {
        let body = json!({"store_order_no": "B-1", "receipt_total_krw": receipt_krw});
        self.put(&format!("/v1/parties/{party}/placement"), body).await
    }

    pub async fn cancels(&self, party: &str, reason: &str) -> Answer {
        self.put(&format!("/v1/parties/{party}/cancellation"), json!({"reason": reason})).await
    }
}

pub fn id(body: &Value) -> String {
    body["id"].as_str().unwrap_or_else(|| panic!("no id: {body}")).to_owned()
}

pub fn fresh_key() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("key-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

pub fn food(price_krw: i64) -> Value {
    json!([{"name": "치킨", "unit_price_krw": price_krw, "quantity": 1}])
}

/// A prepaid party for four, with a fee of 4,000 and the host eating for 10,000; `change` overrides.
pub fn draft(change: &Value) -> Value {
    let deadline = (nbbang::app::clock::real() + Duration::hours(2)).format(&Rfc3339).unwrap();
    let mut draft = json!({
        "title": "치킨 같이 시켜요",
        "store": {"name": "교촌치킨 역삼점", "category": "chicken"},
        "pickup": {"lat": 37.4981, "lng": 127.0276, "label": "강남역 11번 출구", "memo": "편의점 앞"},
        "min_members": 2,
        "capacity": 4,
        "deadline_at": deadline,
        "min_order_krw": 15_000,
        "fee_tiers": [{"from_krw": 0, "fee_krw": 4_000}],
        "split": "even",
        "settlement": "prepaid",
        "items": food(10_000),
    });
    if let (Value::Object(draft), Value::Object(change)) = (&mut draft, change) {
        draft.extend(change.clone());
    }
    draft
}

pub fn transfer_draft(change: &Value) -> Value {
    let mut draft = draft(&json!({
        "settlement": "transfer",
        "transfer_account": {"bank": "카카오뱅크", "number": "3333-01-1234567", "holder": "김민아"},
    }));
    if let (Value::Object(draft), Value::Object(change)) = (&mut draft, change) {
        draft.extend(change.clone());
    }
    draft
}
