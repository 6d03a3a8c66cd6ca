//! What the tests share: a running simulator, a merchant that speaks Toss's API, and a server that takes webhooks.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use nbbang_simulator::Simulator;
use nbbang_simulator::http::{self, Answer, Request, Response};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

pub const AUTHORIZATION: &str = "Basic dGVzdF9za19zaW11bGF0b3I6";
pub const ORDER: &str = "order-1";

pub struct Sim {
    pub address: SocketAddr,
    client: reqwest::Client,
}

impl Sim {
    /// A simulator whose webhooks go nowhere.
    pub async fn start() -> Self {
        Self::start_with("http://127.0.0.1:1").await
    }

    #[expect(clippy::disallowed_methods, reason = "a test's client talks to the simulator only")]
    pub async fn start_with(webhook_base: &str) -> Self {
        let simulator = Simulator::bind("127.0.0.1:0", webhook_base).await.unwrap();
        let address = simulator.address();
        tokio::spawn(simulator.run());
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { address, client }
    }

    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    pub async fn get(&self, path: &str) -> Value {
        self.request(Method::GET, path).send().await.unwrap().json().await.unwrap()
    }

    pub async fn control(&self, path: &str, body: Value) -> Value {
        let response = self.request(Method::POST, &format!("/__sim/{path}")).json(&body).send().await.unwrap();
        assert!(response.status().is_success(), "{path} {body}: {}", response.text().await.unwrap());
        response.json().await.unwrap()
    }

    pub async fn fault(&self, operation: &str, when: &str, more: Value) {
        let mut fault = json!({"provider": "toss", "operation": operation, "when": when});
        fault.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.control("faults", fault).await;
    }

    pub async fn advance(&self, seconds: u32) {
        self.control("clock", json!({"advance_s": seconds})).await;
    }

    pub async fn authorize(&self) -> String {
        self.authorize_with(json!({"provider_order_id": ORDER, "amount_krw": 10_000})).await
    }

    pub async fn authorize_with(&self, wanted: Value) -> String {
        self.control("toss/authorize", wanted).await["payment_key"].as_str().unwrap().to_owned()
    }

    /// Captured and refunded of the order, by Toss's books.
    pub async fn truth(&self) -> (i64, i64) {
        let truth = self.get("/__sim/toss/truth").await;
        let orders = truth["orders"].as_array().unwrap();
        let sum = |field: &str| orders.iter().map(|order| order[field].as_i64().unwrap()).sum();
        (sum("captured_krw"), sum("refunded_krw"))
    }

    pub fn toss(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.request(method, &format!("/toss/v1/{path}")).header("Authorization", AUTHORIZATION)
    }

    pub fn confirm(&self, payment_key: &str) -> reqwest::RequestBuilder {
        let body = json!({"paymentKey": payment_key, "orderId": ORDER, "amount": 10_000});
        self.toss(Method::POST, "payments/confirm").json(&body)
    }

    pub fn cancel(&self, payment_key: &str, amount: Option<i64>) -> reqwest::RequestBuilder {
        let body = json!({"cancelReason": "왜", "cancelAmount": amount});
        self.toss(Method::POST, &format!("payments/{payment_key}/cancel")).json(&body)
    }

    /// Confirms over a bare socket, half-closes, and gives every byte that comes back.
    pub async fn confirm_raw(&self, payment_key: &str) -> std::io::Result<Vec<u8>> {
        let body = json!({"paymentKey": payment_key, "orderId": ORDER, "amount": 10_000}).to_string();
        let request = format!(
            "POST /toss/v1/payments/confirm HTTP/1.1\r\nHost: sim\r\nAuthorization: {AUTHORIZATION}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        raw(self.address, request.as_bytes()).await
    }
}

pub async fn raw(address: SocketAddr, request: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request).await?;
    stream.shutdown().await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer)
}

/// The status and the JSON of an answer.
pub async fn answered(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, response.json().await.unwrap())
}

/// The status and the code of an error.
pub async fn refused(request: reqwest::RequestBuilder) -> (u16, String) {
    let (status, body) = answered(request).await;
    (status, body["code"].as_str().unwrap_or_else(|| panic!("{status} {body}")).to_owned())
}

/// Takes webhooks, answers them with the statuses given (200 when there are no more), and hands them over.
pub struct Merchant {
    pub base: String,
    received: mpsc::UnboundedReceiver<Request>,
}

impl Merchant {
    pub async fn start(statuses: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (sender, received) = mpsc::unbounded_channel();
        let statuses = Arc::new(Mutex::new(VecDeque::from(statuses.to_vec())));
        tokio::spawn(http::serve(listener, move |request| {
            let status = statuses.lock().unwrap().pop_front().unwrap_or(200);
            // A test that is over does not listen any more.
            let _ = sender.send(request);
            async move { Answer::Whole(Response::empty(status)) }
        }));
        Self { base, received }
    }

    pub async fn next(&mut self) -> Request {
        self.received.recv().await.unwrap()
    }
}
