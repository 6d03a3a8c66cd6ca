//! The outcome as a plain table, and how parts of it compare.

use std::fmt;

use crate::load::Run;
use crate::machine::Cpu;

#[derive(Default)]
pub struct Table {
    rows: Vec<Row>,
    notes: Vec<String>,
}

/// What a row is to reach.
#[derive(Clone, Copy)]
pub enum Goal {
    /// So many hundredths of another row's rate.
    Of(&'static str, u64),
    PerSecond(u64),
    /// At most so much of the server's CPU for one.
    ServerUs(u64),
}

pub struct Row {
    pub name: &'static str,
    pub per_second: u64,
    /// Median and 99th percentile in microseconds.
    pub took_us: Option<(u64, u64)>,
    /// Per request or transaction.
    pub cpu: Cpu,
    pub refused: String,
}

impl Row {
    pub fn of(name: &'static str, run: &Run, cpu: Cpu) -> Self {
        let refused = run.refused.iter().map(|(status, times)| format!("{times} × {status}")).collect::<Vec<_>>();
        let per_second = u128::from(run.answers()) * 1_000_000 / run.span.as_micros().max(1);
        Self {
            name,
            per_second: u64::try_from(per_second).unwrap_or(u64::MAX),
            took_us: Some((run.quantile_us(500), run.quantile_us(990))),
            cpu: cpu.per(run.answers()),
            refused: refused.join(", "),
        }
    }
}

impl Table {
    pub fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// Says whether a row holds a goal, if what it takes to know was measured.
    pub fn judge(&mut self, name: &str, goal: Goal) {
        let row = |name: &str| self.rows.iter().find(|row| row.name == name);
        let Some(ours) = row(name) else { return };
        let (is_held, wanted) = match goal {
            Goal::Of(limit, hundredths) => {
                let Some(theirs) = row(limit) else { return };
                let wanted = theirs.per_second * hundredths / 100;
                (ours.per_second >= wanted, format!("0.{hundredths} of {limit}, {wanted}/s"))
            }
            Goal::PerSecond(wanted) => (ours.per_second >= wanted, format!("{wanted}/s")),
            Goal::ServerUs(wanted) => (ours.cpu.server <= wanted, format!("at most {wanted} µs of the server")),
        };
        let verdict = if is_held { "held" } else { "MISSED" };
        self.note(format!("goal {verdict}: {name}: {wanted}"));
    }

    /// How many hundredths of another row's rate a row has, if both were measured.
    pub fn compare(&mut self, name: &str, limit: &str) {
        let rate = |name| self.rows.iter().find(|row| row.name == name).map(|row| row.per_second);
        if let (Some(ours), Some(theirs)) = (rate(name), rate(limit)) {
            let hundredths = ours * 100 / theirs.max(1);
            self.note(format!("{name}: {}.{:02} of {limit}", hundredths / 100, hundredths % 100));
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<36}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}  not 2xx",
            "", "1/s", "p50 ms", "p99 ms", "server", "postgres", "client"
        )?;
        for row in &self.rows {
            let ms = |us: u64| format!("{}.{:02}", us / 1000, us / 10 % 100);
            let (p50, p99) = row.took_us.map_or_else(Default::default, |(p50, p99)| (ms(p50), ms(p99)));
            let Cpu { server, postgres, client } = row.cpu;
            writeln!(
                f,
                "{:<36}{:>9}{p50:>9}{p99:>9}{server:>9}{postgres:>9}{client:>9}  {}",
                row.name,
                row.per_second,
                if row.refused.is_empty() { "-" } else { &row.refused }
            )?;
        }
        writeln!(
            f,
            "\nserver, postgres, client: CPU in µs per request or transaction, jobs and background writers included"
        )?;
        self.notes.iter().try_for_each(|note| writeln!(f, "{note}"))
    }
}
