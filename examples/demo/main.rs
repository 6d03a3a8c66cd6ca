//! The main job, played through HTTP and told in sentences. Every amount is checked before it is told; the first won that is
//! off ends the story with exit code 1. `bin/demo` starts what it needs.

mod people;
mod prepaid;
mod story;
mod transfer;

use std::process::ExitCode;

use clap::Parser;

use crate::people::Town;
use crate::story::Told;

/// Plays the main job against a server in dev mode and its simulator.
#[derive(Parser)]
struct Settings {
    /// The server
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// The simulator that it pays with
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8090")]
    simulator: String,
    /// The nbbang program, if the databases are the story's own: then a day passes, and the host is paid out
    #[arg(long, value_name = "PATH")]
    operator: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Settings { url, simulator, operator } = Settings::parse();
    match tell(url, simulator, operator).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            story::complain(&what);
            ExitCode::FAILURE
        }
    }
}

async fn tell(url: String, simulator: String, operator: Option<String>) -> Told {
    let town = Town::new(url, simulator, operator)?;
    let prepaid = prepaid::tell(&town).await?;
    let transfer = transfer::tell(&town).await?;
    story::end(prepaid + transfer);
    Ok(())
}
