//! Log, metrics and traces: where they go and in which form; what is written is said where it happens.

use std::io::IsTerminal;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use opentelemetry::trace::TracerProvider;
use opentelemetry::{KeyValue, global};
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::{Config, Mode, Traces};

/// Limits of the buckets of every `*_seconds` histogram.
const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The target of the spans that traces are made of: requests, SQL, Redis and providers. No other span or line gets there, so nothing
/// that is personal does.
const TRACES: &str = "nbbang::traces";

/// What is on its way to the collector; what waits is sent when the process ends.
#[derive(Default)]
pub struct Tracing(Option<SdkTracerProvider>);

impl Tracing {
    /// Sends what waits, for five seconds at the most.
    pub fn finish(self) {
        if let Some(provider) = self.0
            && let Err(error) = provider.shutdown()
        {
            tracing::warn!(%error, "the last traces did not get to the collector");
        }
    }
}

/// The log goes to standard error: lines for people in dev, JSON in prod; traces to the collector, if there is one. Once per process.
pub fn start(config: &Config) -> Result<Tracing, String> {
    let lines =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    let lines = match config.process.mode {
        Mode::Dev => lines.compact().boxed(),
        Mode::Prod => lines.json().flatten_event(true).with_current_span(false).boxed(),
    };
    let lines = lines.with_filter(EnvFilter::builder().parse_lossy(&config.process.log));
    let provider = config.traces.otlp_url.as_deref().map(|url| provider(url, &config.traces)).transpose()?;
    let traces = provider.as_ref().map(|provider| {
        let tracer = provider.tracer("nbbang");
        let layer = tracing_opentelemetry::layer().with_tracer(tracer);
        // Where in the code, on which thread and for how long it was busy is of no use there.
        let layer = layer.with_location(false).with_threads(false).with_tracked_inactivity(false);
        layer.with_filter(Targets::new().with_target(TRACES, Level::DEBUG))
    });
    // An error means that the log has been set up before.
    drop(tracing_subscriber::registry().with(lines).with(traces).try_init());
    Ok(Tracing(provider))
}

#[expect(clippy::float_arithmetic, reason = "the sampler takes a ratio")]
fn provider(url: &str, traces: &Traces) -> Result<SdkTracerProvider, String> {
    let told = |error: &dyn std::fmt::Display| format!("NBBANG_OTLP_URL: {error}.");
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_endpoint(format!("{url}/v1/traces"))
        .build()
        .map_err(|error| told(&error))?;
    let sampler = Sampler::TraceIdRatioBased(f64::from(traces.percent) / 100.0);
    let resource = Resource::builder()
        .with_service_name("nbbang")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    global::set_text_map_propagator(TraceContextPropagator::new());
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(Sampler::ParentBased(Box::new(sampler)))
        .with_resource(resource)
        .build())
}

/// Starts to collect; the handle prints what `/metrics` answers. Once per process.
pub fn metrics() -> Result<PrometheusHandle, BuildError> {
    PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)?.install_recorder()
}
