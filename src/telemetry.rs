//! Log and metrics: where they go and in which form; what is written is said where it happens.

use std::io::IsTerminal;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::{Config, Mode};

/// Limits of the buckets of every `*_seconds` histogram.
const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The log goes to standard error: lines for people in dev, JSON in prod. Once per process; a second call does nothing.
pub fn log(config: &Config) {
    let lines = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::builder().parse_lossy(&config.process.log))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    // An error means that the log has been set up before.
    drop(match config.process.mode {
        Mode::Dev => lines.compact().try_init(),
        Mode::Prod => lines.json().flatten_event(true).with_current_span(false).try_init(),
    });
}

/// Starts to collect; the handle prints what `/metrics` answers. Once per process.
pub fn metrics() -> Result<PrometheusHandle, BuildError> {
    PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)?.install_recorder()
}
