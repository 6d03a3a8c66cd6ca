//! The life of the server: start, listen, run the jobs, and end without dropping what is going on.

use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;

use actix_web::{HttpResponse, HttpServer, web};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::app::App;
use crate::config::Config;
use crate::ops::complain;
use crate::{http, jobs, telemetry};

/// `nbbang serve`: the API, and the jobs unless somebody else does them.
pub async fn serve(with_jobs: bool) -> ExitCode {
    run(true, with_jobs).await.unwrap_or_else(|mistakes| complain(&mistakes))
}

/// `nbbang work`: the jobs alone.
pub async fn work() -> ExitCode {
    run(false, true).await.unwrap_or_else(|mistakes| complain(&mistakes))
}

async fn run(with_api: bool, with_jobs: bool) -> Result<ExitCode, Vec<String>> {
    let config = Config::from_env()?;
    let traces = telemetry::start(&config).map_err(|why| vec![why])?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    if config.storage.redis_url.is_none() {
        tracing::info!("NBBANG_REDIS_URL is not set: single-process mode");
    }
    let metrics = telemetry::metrics().map_err(|error| vec![error.to_string()])?;
    let (listen, ops_listen) = (config.process.listen, config.process.ops_listen);
    // Before the databases are asked: a port that is taken is a mistake to be told at once.
    let api = if with_api { Some(bind(listen, "NBBANG_LISTEN")?) } else { None };
    let ops = bind(ops_listen, "NBBANG_OPS_LISTEN")?;
    let app = App::start(config).await.map_err(|why| vec![why])?;
    let told = |error: std::io::Error| vec![format!("The server did not start: {error}.")];

    let (stop, stopped) = watch::channel(false);
    let jobs = with_jobs.then(|| tokio::spawn(jobs::run(Arc::clone(&app), stopped)));
    let ops = tokio::spawn(observe(ops, metrics).map_err(told)?);
    let listening = api.as_ref().and_then(|listener| listener.local_addr().ok()).unwrap_or(listen);
    let server = api.map(|listener| http::serve(Arc::clone(&app), listener)).transpose().map_err(told)?;
    let handle = server.as_ref().map(actix_web::dev::Server::handle);
    let server = server.map(tokio::spawn);
    if with_api {
        tracing::info!("listening on http://{listening}, metrics on http://{ops_listen}/metrics");
    } else {
        tracing::info!("working; metrics on http://{ops_listen}/metrics");
    }

    ended().await.map_err(told)?;
    tracing::info!("stopping");
    // Streams never end by themselves; who follows goes on at another process.
    app.events.close();
    if let Some(handle) = handle {
        handle.stop(true).await;
    }
    stop.send_replace(true);
    if let Some(jobs) = jobs {
        drop(jobs.await);
    }
    if let Some(server) = server {
        drop(server.await);
    }
    app.stop().await;
    ops.abort();
    // It blocks, and does so in a thread of its own.
    drop(tokio::task::spawn_blocking(|| traces.finish()).await);
    Ok(ExitCode::SUCCESS)
}

fn bind(address: SocketAddr, setting: &str) -> Result<TcpListener, Vec<String>> {
    TcpListener::bind(address).map_err(|error| {
        vec![format!("{address} cannot be used: {error}. Stop who has it, or set {setting} to another address.")]
    })
}

/// `/metrics`, on a port that the public does not reach.
fn observe(listener: TcpListener, metrics: PrometheusHandle) -> std::io::Result<actix_web::dev::Server> {
    let server = HttpServer::new(move || {
        let metrics = metrics.clone();
        let render = move || {
            let metrics = metrics.clone();
            async move { HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(metrics.render()) }
        };
        actix_web::App::new().route("/metrics", web::get().to(render))
    });
    Ok(server.workers(1).disable_signals().listen(listener)?.run())
}

/// Until somebody wants the process to end.
async fn ended() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
