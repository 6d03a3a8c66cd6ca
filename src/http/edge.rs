//! What happens to every request on its way in and to every answer on its way out, in the order of `http::application`.

use std::collections::HashMap;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, AcceptEncoding, Encoding, Header, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use opentelemetry::global;
use tokio::time::Instant;
use tracing::field::Empty;
use tracing::{Instrument, Level, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::app::random;
use crate::domain::error::{Code, Error, Result};
use crate::http::docs::Served;
use crate::http::{error, extract, pages};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Smaller bodies are not worth compressing.
const COMPRESSED_FROM: u64 = 1024;

/// By which a client, our log and we speak of the same request.
#[derive(Clone)]
struct RequestId(String);

/// Names the request, answers HEAD as GET, and writes the line of the access log: without addresses of people, ids in the
/// path or the query.
pub async fn observe<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let began = Instant::now();
    let id = request_id(&request);
    let method = request.method().clone();
    let span = tracing::info_span!("request", request_id = id, %method, trace_id = tracing::field::Empty);
    if let Some(trace_id) = trace_id(&request) {
        span.record("trace_id", trace_id);
    }
    request.extensions_mut().insert(RequestId(id.clone()));
    let trace = trace(&request, &method);
    if method == Method::HEAD {
        request.head_mut().method = Method::GET;
    }
    refuse_no_encoding(&mut request);
    let told = trace.clone();
    async move {
        let mut response = next.call(request).await?.map_into_boxed_body();
        finish_headers(&mut response, &id);
        let route = response.request().match_pattern();
        let route = route.as_deref().unwrap_or("unmatched");
        let status = response.status().as_u16();
        let took = began.elapsed();
        let labels = [("route", route.to_owned()), ("status", status.to_string())];
        metrics::histogram!("nbbang_http_seconds", &labels).record(took);
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(route, status, ms, "answered");
        told.record("http.response.status_code", status);
        if status >= 500 {
            told.record("otel.status_code", "ERROR");
        }
        if method == Method::HEAD { Ok(without_body(response)) } else { Ok(response) }
    }
    .instrument(trace)
    .instrument(span)
    .await
}

/// The request as a part of a trace, of the caller's if he has begun one. Neither address nor query is in it. Nothing where
/// there is no collector.
fn trace(request: &ServiceRequest, method: &Method) -> Span {
    if !tracing::enabled!(target: "nbbang::traces", Level::DEBUG) {
        return Span::none();
    }
    let route = request.match_pattern().unwrap_or_else(|| "unmatched".to_owned());
    let span = tracing::debug_span!(
        target: "nbbang::traces", parent: None, "http", otel.name = format!("{method} {route}"), otel.kind = "server",
        otel.status_code = Empty, http.request.method = %method, http.route = route, http.response.status_code = Empty,
    );
    let begun = request.headers().get(TRACEPARENT).and_then(|value| value.to_str().ok());
    if let Some(begun) = begun {
        let carrier = HashMap::from([(TRACEPARENT.to_string(), begun.to_owned())]);
        let parent = global::get_text_map_propagator(|propagator| propagator.extract(&carrier));
        // An error means that the layer for it is not there.
        drop(span.set_parent(parent));
    }
    span
}

/// The client's own, if it is 1 to 128 of `A-Za-z0-9._-`, else a new one.
fn request_id(request: &ServiceRequest) -> String {
    let is_good = |id: &&str| {
        (1..=128).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    };
    let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(is_good);
    if let Some(id) = given {
        return id.to_owned();
    }
    random().simple().to_string()
}

/// Of a W3C `traceparent`: `00-<32 hex>-<16 hex>-<2 hex>`.
fn trace_id(request: &ServiceRequest) -> Option<&str> {
    let mut parts = request.headers().get(TRACEPARENT)?.to_str().ok()?.split('-');
    let (version, trace, parent) = (parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, len| text.len() == len && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let is_good = is_hex(version, 2) && version != "ff" && is_hex(trace, 32) && is_hex(parent, 16);
    (is_good && trace.bytes().any(|b| b != b'0')).then_some(trace)
}

/// `Accept-Encoding` may refuse everything that we have, even plain; it gets plain then, as RFC 9110 allows.
fn refuse_no_encoding(request: &mut ServiceRequest) {
    if !request.headers().contains_key(header::ACCEPT_ENCODING) {
        return;
    }
    let ours = [Encoding::identity(), Encoding::brotli(), Encoding::gzip()];
    if !AcceptEncoding::parse(request).is_ok_and(|accepted| accepted.negotiate(ours.iter()).is_some()) {
        request.headers_mut().remove(header::ACCEPT_ENCODING);
    }
}

fn finish_headers(response: &mut ServiceResponse<BoxBody>, request_id: &str) {
    let is_error = response.status().is_client_error() || response.status().is_server_error();
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding == "identity") {
        headers.remove(header::CONTENT_ENCODING);
    }
    let tag = headers.get(header::ETAG).cloned();
    if let Some(tag) = tag.filter(|_| headers.contains_key(header::CONTENT_ENCODING)) {
        let weak = [b"W/", tag.as_bytes()].concat();
        if !tag.as_bytes().starts_with(b"W/")
            && let Ok(weak) = HeaderValue::from_bytes(&weak)
        {
            headers.insert(header::ETAG, weak);
        }
    }
    if is_error || !headers.contains_key(header::CACHE_CONTROL) {
        // What has a tag can be asked for again; everything else is one person's, and of this moment.
        let tagged = headers.contains_key(header::ETAG) && !is_error;
        let control = if tagged { "private, no-cache" } else { "no-store" };
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(control));
    }
}

/// The answer to HEAD: what GET would say, without saying it. A stream would never end.
fn without_body(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    response.map_body(|_, body| match body.size() {
        BodySize::Sized(length) => BoxBody::new(Unsaid(length)),
        BodySize::None | BodySize::Stream => BoxBody::new(()),
    })
}

/// A body that has a length and is not sent.
struct Unsaid(u64);

impl MessageBody for Unsaid {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.0)
    }

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<web::Bytes, Self::Error>>> {
        std::task::Poll::Ready(None)
    }
}

/// Keeps actix's `Compress`, which knows no smallest size, from small bodies and from streams of events: it leaves alone
/// what has a `Content-Encoding`. `observe` takes the word away again.
pub async fn small_stays_plain<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let mut response = next.call(request).await?;
    let is_small = match response.response().body().size() {
        BodySize::None => true,
        BodySize::Sized(length) => length < COMPRESSED_FROM,
        BodySize::Stream => false,
    };
    let headers = response.headers_mut();
    let is_stream_of_events =
        headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    if (is_small || is_stream_of_events) && !headers.contains_key(header::CONTENT_ENCODING) {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("identity"));
    }
    Ok(response)
}

/// Writes the problem document of every refusal, ours or actix's; the refusal's own headers stay.
pub async fn problems<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let response = next.call(request).await?;
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return Ok(response.map_into_boxed_body());
    }
    let (request, response) = response.into_parts();
    let id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    let language = extract::language(&request);
    let refusal = match response.error().map(|e| (e, e.as_error::<Error>())) {
        Some((_, Some(ours))) => ours.clone(),
        Some((actix, None)) => Error::internal(code_of(status), actix),
        None => code_of(status).into(),
    };
    let mut problem = error::respond(&refusal, &id, language);
    if pages::is_page(request.path())
        && let Some(mut page) = pages::sorry(&request, refusal.code, problem.status())
    {
        if let Some(wait) = problem.headers().get(header::RETRY_AFTER) {
            page.headers_mut().insert(header::RETRY_AFTER, wait.clone());
        }
        problem = page;
    }
    for (name, value) in response.headers() {
        if !problem.headers().contains_key(name) {
            problem.headers_mut().append(name.clone(), value.clone());
        }
    }
    Ok(ServiceResponse::new(request, problem))
}

/// For the few refusals that actix makes by itself.
fn code_of(status: StatusCode) -> Code {
    match status {
        StatusCode::NOT_FOUND => Code::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => Code::MethodNotAllowed,
        StatusCode::PAYLOAD_TOO_LARGE => Code::PayloadTooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::UnsupportedMediaType,
        status if status.is_client_error() => Code::Malformed,
        _ => Code::Internal,
    }
}

/// The answer where no route is: 405 when the address knows other methods, else 404.
pub async fn unmatched(request: HttpRequest, served: web::Data<Served>) -> HttpResponse {
    match served.methods(request.path()) {
        Some(methods) => {
            let mut response = HttpResponse::from_error(Error::from(Code::MethodNotAllowed));
            if let Ok(methods) = HeaderValue::from_str(&methods) {
                response.headers_mut().insert(header::ALLOW, methods);
            }
            response
        }
        None => HttpResponse::from_error(Error::from(Code::NotFound)),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::App;
    use actix_web::middleware::{Compress, from_fn};
    use actix_web::test::{TestRequest, call_service, init_service};

    use super::*;

    #[test]
    fn a_trace_goes_on_under_its_own_name() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let named = |value: String| {
            let request = TestRequest::get().insert_header(("traceparent", value)).to_srv_request();
            trace_id(&request).map(str::to_owned)
        };
        assert_eq!(named(format!("00-{trace}-00f067aa0ba902b7-01")).as_deref(), Some(trace));
        assert_eq!(named(format!("cc-{trace}-00f067aa0ba902b7-01-more")).as_deref(), Some(trace), "of a later version");
        for bad in [
            format!("ff-{trace}-00f067aa0ba902b7-01"),
            format!("00-{}-00f067aa0ba902b7-01", trace.to_uppercase()),
            format!("00-{trace}-00f067-01"),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            trace.to_owned(),
        ] {
            assert_eq!(named(bad.clone()), None, "{bad}");
        }
    }
    use crate::http::extract::ETag;

    /// What of `content-encoding`, `etag` and `cache-control` comes with a body of that length and kind.
    async fn headers(length: usize, kind: &'static str) -> [String; 3] {
        let handler = move |request: HttpRequest| async move {
            let mut response = ETag::of(1).respond(&request, "a".repeat(length));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            response
        };
        let app = App::new().default_service(web::to(handler));
        let app = app.wrap(from_fn(small_stays_plain)).wrap(Compress::default()).wrap(from_fn(observe));
        let request = TestRequest::get().insert_header(("accept-encoding", "gzip")).to_request();
        let response = call_service(&init_service(app).await, request).await;
        let header = |name: &str| response.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        [header("content-encoding"), header("etag"), header("cache-control")]
    }

    #[actix_web::test]
    async fn a_tag_is_weak_when_its_answer_is_compressed() {
        let private = "private, no-cache";
        assert_eq!(headers(2000, "application/json").await, ["gzip", "W/\"v1\"", private]);
        assert_eq!(headers(1000, "application/json").await, ["", "\"v1\"", private]);
        assert_eq!(headers(2000, "text/event-stream").await, ["", "\"v1\"", private]);
    }
}
