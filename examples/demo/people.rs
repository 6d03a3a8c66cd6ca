//! The people of the story: what each does is what the app would send.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::story::{Told, amount, check, list, text};

/// Where the story plays.
pub struct Town {
    client: reqwest::Client,
    url: String,
    simulator: String,
    operator: Option<String>,
    /// Makes names that nobody has yet.
    tale: String,
}

/// Somebody with the app in his hand.
pub struct Person<'a> {
    town: &'a Town,
    token: String,
}

impl Town {
    pub fn new(url: String, simulator: String, operator: Option<String>) -> Told<Self> {
        let client = nbbang::upstream::client::http().map_err(|error| error.to_string())?;
        let tale = format!("{:x}", nbbang::app::clock::real().unix_timestamp_nanos() / 1_000_000);
        Ok(Self { client, url, simulator, operator, tale })
    }

    pub async fn person(&self, name: &str) -> Told<Person<'_>> {
        let body = json!({"handle": format!("{name}-{}", self.tale)});
        let session = self.send("POST", "/v1/dev/sessions", None, Some(body)).await?.expect(200)?;
        Ok(Person { town: self, token: text(&session, "/access_token")? })
    }

    /// Moves the rules' clock, which says then what time it is.
    pub async fn pass(&self, seconds: i64) -> Told<String> {
        let body = json!({"advance_s": seconds});
        let clock = self.send("POST", "/v1/dev/clock", None, Some(body)).await?.expect(200)?;
        text(&clock, "/now")
    }

    /// What the provider has captured and given back of a payment, over all its attempts.
    pub async fn truth(&self, payment: &str) -> Told<(i64, i64)> {
        let answer = self.client.get(format!("{}/__sim/toss/truth", self.simulator)).send().await;
        let truth = Answer::of(answer).await?.expect(200)?;
        let mut sum = (0, 0);
        for row in list(&truth, "/orders")? {
            if text(row, "/provider_order_id")?.split('-').next() == Some(payment) {
                sum = (sum.0 + amount(row, "/captured_krw")?, sum.1 + amount(row, "/refunded_krw")?);
            }
        }
        Ok(sum)
    }

    /// Whether the databases are the story's own, so that there is an operator in it.
    pub fn has_operator(&self) -> bool {
        self.operator.is_some()
    }

    /// What an operator's command prints.
    pub fn operator(&self, words: &[&str]) -> Told<String> {
        let program = self.operator.as_deref().unwrap_or("nbbang");
        let run = Command::new(program).args(words).output().map_err(|error| format!("{program}: {error}"))?;
        if !run.status.success() {
            return Err(format!("`nbbang {}` failed: {}", words.join(" "), String::from_utf8_lossy(&run.stderr)));
        }
        Ok(String::from_utf8_lossy(&run.stdout).into_owned())
    }

    async fn send(&self, method: &str, path: &str, token: Option<&str>, body: Option<Value>) -> Told<Answer> {
        let method: reqwest::Method = method.parse().map_err(|_| format!("{method} is no method"))?;
        let mut request = self.client.request(method.clone(), format!("{}{path}", self.url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if method == reqwest::Method::POST {
            request = request.header("Idempotency-Key", nbbang::app::random().to_string());
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        Answer::of(request.send().await).await
    }
}

impl Person<'_> {
    pub async fn opens(&self, party: Value) -> Told<Value> {
        self.send("POST", "/v1/parties", Some(party)).await?.expect(201)
    }

    pub async fn joins(&self, party: &str, items: Value) -> Told<Value> {
        let path = format!("/v1/parties/{party}/orders");
        self.send("POST", &path, Some(json!({"items": items}))).await?.expect(201)
    }

    /// Approves in the provider's window, and confirms.
    pub async fn pays(&self, payment: &Value) -> Told<Value> {
        self.confirms(payment, None).await?.expect(200)
    }

    /// Approves, but the issuer declines: the problem that the app gets.
    pub async fn fails_to_pay(&self, payment: &Value, code: &str) -> Told<Value> {
        self.confirms(payment, Some(code)).await?.expect(402)
    }

    async fn confirms(&self, payment: &Value, decline: Option<&str>) -> Told<Answer> {
        let amount_krw = amount(payment, "/amount_krw")?;
        let mut body = json!({"provider_order_id": text(payment, "/provider_order_id")?, "amount_krw": amount_krw});
        if let (Some(code), Some(body)) = (decline, body.as_object_mut()) {
            body.insert("decline".to_owned(), code.into());
        }
        let window = format!("{}/__sim/toss/authorize", self.town.simulator);
        let approved = Answer::of(self.town.client.post(window).json(&body).send().await).await?.expect(201)?;
        let path = format!("/v1/payments/{}/confirmation", text(payment, "/id")?);
        let body = json!({"payment_key": text(&approved, "/payment_key")?, "amount_krw": amount_krw});
        self.send("POST", &path, Some(body)).await
    }

    pub async fn gets(&self, path: &str) -> Told<Value> {
        self.send("GET", path, None).await?.expect(200)
    }

    pub async fn puts(&self, path: &str, body: Option<Value>) -> Told<Value> {
        self.send("PUT", path, body).await?.expect(200)
    }

    pub async fn leaves(&self, order: &str) -> Told<Value> {
        self.send("DELETE", &format!("/v1/orders/{order}"), None).await?.expect(200)
    }

    /// The order, once `refunded_krw` has come back in all and nothing is on its way any more.
    pub async fn refunded(&self, order: &str, refunded_krw: i64) -> Told<Value> {
        for _ in 0..100 {
            let seen = self.gets(&format!("/v1/orders/{order}")).await?;
            if amount(&seen, "/refunding_krw")? == 0 && amount(&seen, "/refunded_krw")? == refunded_krw {
                check(&seen, "/refunded_krw", refunded_krw)?;
                return Ok(seen);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let seen = self.gets(&format!("/v1/orders/{order}")).await?;
        Err(format!("{refunded_krw} won should have come back by now; the order is {seen}"))
    }

    async fn send(&self, method: &str, path: &str, body: Option<Value>) -> Told<Answer> {
        self.town.send(method, path, Some(&self.token), body).await
    }
}

/// What came back.
struct Answer {
    status: u16,
    body: Value,
    from: String,
}

impl Answer {
    async fn of(answer: Result<reqwest::Response, reqwest::Error>) -> Told<Self> {
        let answer = answer.map_err(|error| format!("nobody answers: {error}. Is bin/dev running?"))?;
        let (status, from) = (answer.status().as_u16(), answer.url().to_string());
        let text = answer.text().await.map_err(|error| error.to_string())?;
        Ok(Self { status, body: serde_json::from_str(&text).unwrap_or(Value::String(text)), from })
    }

    fn expect(self, status: u16) -> Told<Value> {
        if self.status == status {
            return Ok(self.body);
        }
        Err(format!("{} answered {} and not {status}: {}", self.from, self.status, self.body))
    }
}
