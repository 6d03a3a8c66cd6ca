//! How much processor time processes have used, by Linux's `/proc`; elsewhere it is not known.

use std::fs;

/// `USER_HZ` is 100 wherever Linux runs on servers.
const TICK_US: u64 = 10_000;

/// Processor time so far, in microseconds.
#[derive(Clone, Copy, Default)]
pub struct Cpu {
    pub server: u64,
    pub postgres: u64,
    pub client: u64,
}

impl Cpu {
    /// Of the server, of the postmaster with all its backends, and of this process with what it has started and awaited.
    pub fn now(server: u32, postmaster: u32) -> Self {
        Self { server: own(server), postgres: family(postmaster), client: with_ended(std::process::id()) }
    }

    pub fn since(self, before: Self) -> Self {
        Self {
            server: self.server.saturating_sub(before.server),
            postgres: self.postgres.saturating_sub(before.postgres),
            client: self.client.saturating_sub(before.client),
        }
    }

    pub fn per(self, pieces: u64) -> Self {
        let pieces = pieces.max(1);
        Self { server: self.server / pieces, postgres: self.postgres / pieces, client: self.client / pieces }
    }
}

struct Stat {
    parent: u32,
    /// User, system, and both of children that have ended.
    ticks: [u64; 4],
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before it may hold anything.
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
    let number = |at: usize| fields.get(at).and_then(|field| field.parse().ok()).unwrap_or_default();
    Some(Stat { parent: fields.get(1)?.parse().ok()?, ticks: [11, 12, 13, 14].map(number) })
}

fn own(pid: u32) -> u64 {
    stat(pid).map_or(0, |stat| stat.ticks.iter().take(2).sum::<u64>() * TICK_US)
}

/// What of a process lies in memory.
pub fn memory_kb(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().unwrap_or_default()
}

fn with_ended(pid: u32) -> u64 {
    stat(pid).map_or(0, |stat| stat.ticks.iter().sum::<u64>() * TICK_US)
}

fn family(parent: u32) -> u64 {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let children = pids.filter_map(stat).filter(|stat| stat.parent == parent);
    with_ended(parent) + children.map(|stat| stat.ticks.iter().sum::<u64>() * TICK_US).sum::<u64>()
}
