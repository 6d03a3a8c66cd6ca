//! The one way out: sends a request within its deadline, through its lane; it knows no provider and logs no body.

use std::error::Error as StdError;
use std::io;
use std::time::{Duration, Instant};

use reqwest::header::RETRY_AFTER;
use reqwest::{RequestBuilder, Response, StatusCode};
use tokio::sync::Semaphore;
use tracing::Instrument;

use super::breaker::{Breaker, Turn};
use super::budget::Budget;
use super::{Fault, why};
use crate::domain::error::{Code, Error, Result};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const MAX_BODY: usize = 1 << 20;
/// With less time left a call is not begun.
const LEAST_LEFT: Duration = Duration::from_millis(500);
/// What we keep to write down the outcome.
const OUR_PART: Duration = Duration::from_millis(250);
/// For those we turn away ourselves.
const COME_BACK_MS: u64 = 1000;
/// Before a question is asked a second time.
const BREATH: Duration = Duration::from_millis(100);

/// A connection pool that follows no redirect (reqwest would send a payment's key to wherever one points), repeats
/// nothing and uses no proxy. In HTTP/1.1.
pub fn http() -> Result<reqwest::Client> {
    built(builder().http1_only())
}

/// As [`http`], in HTTP/2 from the first byte on, with TLS or without it: one connection for all requests, which is kept open, as
/// Apple wants it, and looked after.
pub fn http2() -> Result<reqwest::Client> {
    let builder = builder()
        .http2_prior_knowledge()
        .http2_keep_alive_interval(Duration::from_mins(1))
        .http2_keep_alive_timeout(Duration::from_secs(10))
        .http2_keep_alive_while_idle(true)
        .pool_idle_timeout(Duration::from_hours(1));
    built(builder)
}

#[expect(clippy::disallowed_methods, reason = "this is the one outbound client")]
fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(Duration::from_secs(20))
        .user_agent(concat!("nbbang/", env!("CARGO_PKG_VERSION")))
}

fn built(builder: reqwest::ClientBuilder) -> Result<reqwest::Client> {
    builder.build().map_err(|error| Error::internal(Code::Internal, error))
}

/// Until when the whole request, of which a call is a part, has to be done.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    pub fn within(budget: Duration) -> Self {
        Self(now() + budget)
    }

    /// What a call may take; none when it should not begin.
    fn for_a_call(self) -> Option<Duration> {
        let left = self.0.saturating_duration_since(now());
        (left >= LEAST_LEFT).then(|| left.saturating_sub(OUR_PART))
    }
}

/// A provider's answer, read to its end but not understood.
pub struct Answer {
    pub status: StatusCode,
    /// Between a second and a minute, whatever they said.
    pub retry_after_ms: Option<u64>,
    /// The number as they said it: some mean a time.
    pub retry_after: Option<i64>,
    pub body: Vec<u8>,
}

/// One class of calls to one provider, with a bulkhead and a breaker of its own: the others go on when it is full.
pub struct Lane {
    upstream: &'static str,
    operation: &'static str,
    patience: Duration,
    seats: Semaphore,
    breaker: Breaker,
    retries: Budget,
}

impl Lane {
    /// `at_once` calls at a time, each of which takes `patience` at most.
    pub fn new(upstream: &'static str, operation: &'static str, at_once: usize, patience: Duration) -> Self {
        let (seats, breaker) = (Semaphore::new(at_once), Breaker::new(now()));
        Self { upstream, operation, patience, seats, breaker, retries: Budget::full() }
    }

    /// Sends `request` once and has the answer read by `read`, whose verdict also feeds the breaker.
    pub async fn call<T>(
        &self,
        request: RequestBuilder,
        deadline: Deadline,
        read: impl FnOnce(&Answer) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        match self.admit(deadline) {
            Ok(admission) => self.send(request, admission, read).await,
            Err((wait_ms, outcome)) => {
                self.count(outcome);
                Err(Fault::Busy { retry_after_ms: Some(wait_ms) })
            }
        }
    }

    /// As [`Self::call`] for a question that changes nothing at the provider: without a usable answer it is asked once more,
    /// if the budget, the breaker and the deadline allow. Never for what moves money.
    pub async fn ask<T>(
        &self,
        question: RequestBuilder,
        deadline: Deadline,
        read: impl Fn(&Answer) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.retries.earn();
        let again = question.try_clone();
        match (self.call(question, deadline, &read).await, again) {
            (Err(fault), Some(again)) if fault.may_pass() => {
                self.once_more(again, deadline, read).await.unwrap_or(Err(fault))
            }
            (answer, _) => answer,
        }
    }

    /// None if it may not be sent.
    async fn once_more<T>(
        &self,
        question: RequestBuilder,
        deadline: Deadline,
        read: impl Fn(&Answer) -> Result<T, Fault>,
    ) -> Option<Result<T, Fault>> {
        if !self.retries.spend() {
            metrics::counter!("upstream_retries_total", &self.labels("no_budget")).increment(1);
            return None;
        }
        tokio::time::sleep(BREATH).await;
        let admission = self.admit(deadline).ok()?;
        let answer = self.send(question, admission, read).await;
        let outcome = answer.as_ref().map_or_else(Fault::word, |_| "ok");
        metrics::counter!("upstream_retries_total", &self.labels(outcome)).increment(1);
        Some(answer)
    }

    async fn send<T>(
        &self,
        request: RequestBuilder,
        (seat, pass, budget): Admission<'_>,
        read: impl FnOnce(&Answer) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let begun = now();
        let span = tracing::debug_span!(
            target: "nbbang::traces", "upstream", otel.kind = "client", peer.service = self.upstream,
            operation = self.operation, outcome = tracing::field::Empty, otel.status_code = tracing::field::Empty,
        );
        let fetched = fetch(request.timeout(budget.min(self.patience))).instrument(span.clone()).await;
        let result = fetched.and_then(|answer| read(&answer));
        span.record("outcome", result.as_ref().map_or_else(Fault::word, |_| "ok"));
        if result.is_err() {
            span.record("otel.status_code", "ERROR");
        }
        drop(span);
        drop(seat);
        metrics::histogram!("upstream_seconds", "upstream" => self.upstream, "operation" => self.operation)
            .record(begun.elapsed());
        let failed = result.as_ref().is_err_and(Fault::is_outage);
        if let Some(turn) = pass.ended(now(), failed) {
            self.tell(turn);
        }
        self.count(result.as_ref().map_or_else(Fault::word, |_| "ok"));
        result
    }

    fn count(&self, outcome: &'static str) {
        metrics::counter!("upstream_requests_total", &self.labels(outcome)).increment(1);
    }

    fn labels(&self, outcome: &'static str) -> [(&'static str, &'static str); 3] {
        [("upstream", self.upstream), ("operation", self.operation), ("outcome", outcome)]
    }

    /// A seat, leave and time for a call; or how many milliseconds to wait, and the word for why.
    fn admit(&self, deadline: Deadline) -> Result<Admission<'_>, (u64, &'static str)> {
        let budget = deadline.for_a_call().ok_or((COME_BACK_MS, "no_time_left"))?;
        let seat = self.seats.try_acquire().map_err(|_| (COME_BACK_MS, "bulkhead_full"))?;
        let pass = self.breaker.admit(now()).map_err(|wait| (millis(wait), "breaker_open"))?;
        Ok((seat, pass, budget))
    }

    fn tell(&self, turn: Turn) {
        let open = turn == Turn::Opened;
        metrics::gauge!("upstream_breaker_open", "upstream" => self.upstream, "operation" => self.operation)
            .set(if open { 1.0 } else { 0.0 });
        tracing::warn!(upstream = self.upstream, operation = self.operation, open, "the circuit breaker turned");
    }
}

type Admission<'a> = (tokio::sync::SemaphorePermit<'a>, super::breaker::Pass<'a>, Duration);

async fn fetch(request: RequestBuilder) -> Result<Answer, Fault> {
    let (client, request) = request.build_split();
    let request = request.map_err(|error| {
        tracing::error!(error = %error.without_url(), "a request to a provider cannot be built");
        Fault::Refused("REQUEST_NOT_BUILT".into())
    })?;
    let mut response = client.execute(request).await.map_err(broken)?;
    let (status, retry_after) = (response.status(), retry_after(&response));
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if body.len() + chunk.len() > MAX_BODY {
            return Err(Fault::Unknown(why::TOO_LARGE));
        }
        body.extend_from_slice(&chunk);
    }
    let retry_after_ms = retry_after.and_then(|seconds| u64::try_from(seconds).ok());
    let retry_after_ms = retry_after_ms.map(|seconds| seconds.clamp(1, 60) * 1000);
    Ok(Answer { status, retry_after_ms, retry_after, body })
}

/// Measured of reqwest: an error of connecting means that nothing was delivered, and any other that all may have been.
fn broken(error: reqwest::Error) -> Fault {
    let fault = if error.is_connect() && is_tls(&error) {
        Fault::Untrusted
    } else if error.is_connect() {
        Fault::Unreachable
    } else if error.is_timeout() {
        Fault::Unknown(why::TIMEOUT)
    } else {
        Fault::Unknown(why::RESET)
    };
    // An address can hold a payment's key.
    let error = error.without_url();
    let cause = error.source().map(ToString::to_string);
    tracing::warn!(outcome = fault.word(), %error, cause, "a provider gave no answer");
    fault
}

/// TLS reports a bad certificate or no TLS at all as invalid data, at the bottom of errors within errors.
fn is_tls(error: &(dyn StdError + 'static)) -> bool {
    match error.downcast_ref::<io::Error>() {
        Some(error) if error.kind() == io::ErrorKind::InvalidData => true,
        // The source of an input error is that of the error it wraps, which would thus be passed over.
        Some(error) => error.get_ref().is_some_and(|inner| is_tls(inner)),
        None => error.source().is_some_and(is_tls),
    }
}

fn retry_after(response: &Response) -> Option<i64> {
    response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}

fn millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
}

#[expect(clippy::disallowed_methods, reason = "how long a call really takes cannot be an argument")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
#[path = "retry_tests.rs"]
mod retry_tests;
