//! A closed loop: every connection asks again as soon as it is answered, until time is up.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::time::Instant;

use crate::Told;
use crate::wire::Wire;

/// What came back in one run.
#[derive(Default)]
pub struct Run {
    pub span: Duration,
    /// Of the good answers, in microseconds, in order.
    pub took_us: Vec<u64>,
    /// How often each status that is not 2xx came.
    pub refused: BTreeMap<u16, u64>,
}

impl Run {
    pub fn answers(&self) -> u64 {
        self.took_us.len() as u64
    }

    /// Below which so many thousandths of the answers are.
    pub fn quantile_us(&self, thousandths: usize) -> u64 {
        let last = self.took_us.len().saturating_sub(1);
        self.took_us.get(last * thousandths / 1000).copied().unwrap_or_default()
    }
}

/// The connections of a load, and how many pieces of work they have done so far; each piece has a number of its own.
pub struct Load {
    wires: Vec<Wire>,
    next: Cell<u64>,
}

impl Load {
    pub async fn connect(address: SocketAddr, connections: usize) -> Told<Self> {
        let wires = try_join_all((0..connections).map(|_| Wire::connect(address))).await;
        Ok(Self { wires: wires.map_err(|error| format!("{address}: {error}"))?, next: Cell::new(0) })
    }

    /// Runs for `span`; `work` does the piece of that number and says the status of its answer.
    pub async fn run(&mut self, span: Duration, work: impl AsyncFn(&mut Wire, u64) -> io::Result<u16>) -> Told<Run> {
        let (begin, next, work) = (Instant::now(), &self.next, &work);
        let loops = self.wires.iter_mut().map(|wire| async move {
            let (mut took_us, mut refused) = (Vec::new(), BTreeMap::new());
            while begin.elapsed() < span {
                let asked = Instant::now();
                let status = work(wire, next.replace(next.get() + 1)).await?;
                if (200..300).contains(&status) {
                    took_us.push(u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX));
                } else {
                    *refused.entry(status).or_insert(0) += 1;
                }
            }
            io::Result::Ok((took_us, refused))
        });
        let done = try_join_all(loops).await.map_err(|error| format!("a connection broke: {error}"))?;
        let mut run = Run { span: begin.elapsed(), ..Run::default() };
        for (took_us, refused) in done {
            run.took_us.extend(took_us);
            for (status, times) in refused {
                *run.refused.entry(status).or_insert(0) += times;
            }
        }
        run.took_us.sort_unstable();
        Ok(run)
    }
}
