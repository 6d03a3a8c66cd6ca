//! Whether an app that was built against an older OpenAPI document works with the newer one; bin/ci asks before a change lands.

mod breaks;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use serde_json::Value;

/// Compares two OpenAPI documents and exits 1 if the newer one breaks clients of the older.
#[derive(Parser)]
struct Settings {
    old: PathBuf,
    new: PathBuf,
    /// Breaks that are meant: lines as this program prints them, `#` begins a comment
    #[arg(long)]
    accepted: Option<PathBuf>,
}

fn main() -> ExitCode {
    match compare(&Settings::parse()) {
        Ok(found) if found.is_empty() => ExitCode::SUCCESS,
        Ok(found) => {
            tell(&found);
            ExitCode::FAILURE
        }
        Err(why) => {
            tell(&[why]);
            ExitCode::from(2)
        }
    }
}

fn compare(settings: &Settings) -> Result<Vec<String>, String> {
    let (old, new) = (document(&settings.old)?, document(&settings.new)?);
    let accepted = settings.accepted.as_deref().map_or(Ok(String::new()), text)?;
    let accepted: Vec<&str> = accepted.lines().map(str::trim).collect();
    let found = breaks::breaks(&old, &new).into_iter();
    Ok(found.filter(|found| !accepted.contains(&found.as_str())).collect())
}

fn document(path: &Path) -> Result<Value, String> {
    serde_json::from_str(&text(path)?).map_err(|error| format!("{} is no JSON: {error}.", path.display()))
}

fn text(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{} cannot be read: {error}.", path.display()))
}

fn tell(lines: &[String]) {
    let mut out = std::io::stdout().lock();
    for line in lines {
        // A reader that has gone is no failure of ours.
        drop(writeln!(out, "{line}"));
    }
}
