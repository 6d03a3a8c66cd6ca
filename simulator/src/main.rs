//! The command: reads its two settings, opens the door, and leaves at once when told to.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use nbbang_simulator::Simulator;
use tokio::signal::unix::{SignalKind, signal};

/// Plays the providers that nbbang talks to, so that everything can be tried offline.
#[derive(Parser)]
#[command(version)]
struct Settings {
    /// Where to listen; port 0 picks a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8090")]
    listen: String,
    /// The nbbang server that gets the webhooks (they go to URL/v1/webhooks/…)
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    webhook_base: String,
    /// Where others reach the simulator, if not where it listens; it stands in certificates
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Leave the files here that nbbang reads: root.der, api-key.p8, apns-key.p8 and service-account.json
    #[arg(long, value_name = "FOLDER")]
    app_store_files: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let settings = Settings::parse();
    match run(settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            // Nobody is left to tell when stderr is closed.
            let _ = writeln!(std::io::stderr(), "{sentence}");
            ExitCode::FAILURE
        }
    }
}

async fn run(settings: Settings) -> Result<(), String> {
    let stop = |kind| signal(kind).map_err(|e| format!("Signals cannot be received here: {e}."));
    let (mut terminate, mut interrupt) = (stop(SignalKind::terminate())?, stop(SignalKind::interrupt())?);
    let Settings { listen, webhook_base, public_url, app_store_files } = settings;
    let simulator = Simulator::bind_as(public_url.as_deref(), &listen, &webhook_base).await?;
    if let Some(folder) = app_store_files {
        simulator.write_files(&folder)?;
    }
    let mut out = std::io::stdout();
    writeln!(out, "listening on http://{}", simulator.address())
        .and_then(|()| out.flush())
        .map_err(|e| format!("The address could not be printed: {e}."))?;
    tokio::select! {
        () = simulator.run() => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    // Held connections and slow answers do not keep the process.
    std::process::exit(0)
}
