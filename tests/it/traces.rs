//! Traces, as a collector gets them: a request with its SQL, Redis and providers, in the trace that its caller has begun, and
//! nothing personal.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::json;

use crate::person::{Person, draft, food};
use crate::server::Server;
use crate::world::world;

type Spans = Arc<Mutex<Vec<Span>>>;

/// A collector, and what it has got.
fn collector() -> (String, Spans) {
    let spans = Spans::default();
    let got = Arc::clone(&spans);
    let take = move |body: actix_web::web::Bytes| {
        let exported = ExportTraceServiceRequest::decode(body).unwrap();
        let spans = exported.resource_spans.into_iter().flat_map(|it| it.scope_spans).flat_map(|it| it.spans);
        got.lock().unwrap().extend(spans);
        async { actix_web::HttpResponse::Ok().finish() }
    };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = actix_web::HttpServer::new(move || {
        actix_web::App::new().route("/v1/traces", actix_web::web::post().to(take.clone()))
    });
    tokio::spawn(server.workers(1).disable_signals().listen(listener).unwrap().run());
    (url, spans)
}

fn attributes(span: &Span) -> HashMap<String, String> {
    let text = |value: &opentelemetry_proto::tonic::common::v1::AnyValue| {
        use opentelemetry_proto::tonic::common::v1::any_value::Value;
        match value.value.as_ref() {
            Some(Value::StringValue(text)) => text.clone(),
            other => format!("{other:?}"),
        }
    };
    span.attributes.iter().map(|it| (it.key.clone(), it.value.as_ref().map(text).unwrap_or_default())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_gets_requests_with_all_that_they_ask() {
    world(|world| async move {
        let (url, spans) = collector();
        let settings = [("NBBANG_OTLP_URL", url), ("NBBANG_LOG", "nbbang::serve=info".to_owned())];
        let server = Server::with_settings(&world, &settings).await;
        let mina = Person::sign_in(&world.client, &server.base, &world.simulator, "mina").await;
        let party = mina.opens(draft(&json!({}))).await;
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let traced =
            |path: &str| mina.request("GET", path).header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"));
        assert_eq!(traced(&format!("/v1/parties/{party}")).send().await.unwrap().status(), 200);
        assert_eq!(traced("/v1/places?query=%EA%B0%95%EB%82%A8").send().await.unwrap().status(), 200);
        let unsampled = mina.request("GET", "/v1/me").header("traceparent", format!("00-{trace}-00f067aa0ba902b7-00"));
        assert_eq!(unsampled.send().await.unwrap().status(), 200);
        mina.joins(&party, food(1)).await.expect(409);
        server.ends().await;

        let spans = std::mem::take(&mut *spans.lock().unwrap());
        let named = |name: &str| spans.iter().filter(|span| span.name == name).collect::<Vec<_>>();
        let of = |parent: &Span, name: &str| {
            let mut parents = vec![parent.span_id.clone()];
            let mut found = Vec::new();
            // Those below it, however deep.
            while let Some(id) = parents.pop() {
                for span in spans.iter().filter(|span| span.parent_span_id == id) {
                    parents.push(span.span_id.clone());
                    found.extend((span.name == name).then_some(span));
                }
            }
            found
        };
        let [read] = *named("GET /v1/parties/{id}") else { panic!("{spans:#?}") };
        let hex = |bytes: &[u8]| bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        assert_eq!((hex(&read.trace_id), hex(&read.parent_span_id)), (trace.to_owned(), "00f067aa0ba902b7".to_owned()));
        assert!(!of(read, "redis").is_empty() && !of(read, "sql").is_empty(), "{spans:#?}");
        let [places] = *named("GET /v1/places") else { panic!("{spans:#?}") };
        let asked = attributes(of(places, "upstream")[0]);
        assert_eq!((asked["peer.service"].as_str(), asked["outcome"].as_str()), ("kakao", "ok"));
        assert!(named("GET /v1/me").is_empty(), "the caller has decided against it");
        assert_eq!(named("POST /v1/parties/{id}/orders").len(), 1);
        // No ids, positions, names or questions.
        let all = format!("{spans:?}");
        for personal in [&*party, &*mina.id, "37.49", "mina", "강남", "%EA", &*mina.token] {
            assert!(!all.contains(personal), "{personal}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_holds_nothing_up() {
    world(|world| async move {
        let settings =
            [("NBBANG_OTLP_URL", "http://127.0.0.1:9".to_owned()), ("NBBANG_LOG", "nbbang::serve=info".to_owned())];
        let server = Server::with_settings(&world, &settings).await;
        let mina = Person::sign_in(&world.client, &server.base, &world.simulator, "mina").await;
        mina.get("/v1/me").await.expect(200);
        server.ends().await;
    })
    .await;
}
