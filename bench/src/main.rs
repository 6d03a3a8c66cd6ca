//! `bin/bench`: measures a release build over HTTP, and beside it pgbench with the same SQL; it judges nothing.

mod bare;
mod data;
mod load;
mod machine;
mod measures;
mod rig;
mod streams;
mod table;
mod wire;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use crate::data::Data;
use crate::rig::Rig;
use crate::table::Table;

/// What everything answers that can go wrong here: a sentence.
type Told<T> = Result<T, String>;

/// How long each measure takes, and which were asked for; none is all.
struct Plan {
    span: Duration,
    wanted: Vec<String>,
}

impl Plan {
    fn from_arguments() -> Self {
        let (mut span, mut wanted) = (Duration::from_secs(8), Vec::new());
        for argument in std::env::args().skip(1) {
            if argument == "--quick" { span = Duration::from_secs(2) } else { wanted.push(argument) }
        }
        Self { span, wanted }
    }

    fn wants(&self, name: &str) -> bool {
        self.wanted.is_empty() || self.wanted.iter().any(|wanted| wanted == name)
    }
}

/// One thread, so that the client leaves the machine to what is measured.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    if let Some(address) = std::env::args().skip(1).skip_while(|argument| argument != "bare").nth(1) {
        return if bare::serve(&address).await.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    match run(&Plan::from_arguments()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            say(&format!("bench: {why}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(plan: &Plan) -> Told<()> {
    let mut rig = Rig::start().await?;
    let done = measure(plan, &rig).await;
    rig.stop().await;
    tell(&done?.to_string());
    Ok(())
}

async fn measure(plan: &Plan, rig: &Rig) -> Told<Table> {
    say("preparing people and parties");
    let data = Data::prepare(rig).await?;
    measures::all(plan, rig, &data).await
}

/// Progress, to standard error.
fn say(line: &str) {
    drop(writeln!(std::io::stderr().lock(), "{line}"));
}

/// The outcome, to standard output.
fn tell(text: &str) {
    drop(writeln!(std::io::stdout().lock(), "{text}"));
}
