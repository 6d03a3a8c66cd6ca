//! A circuit breaker: it stops calls to a provider that fails, and tries it again after a while. It measures nothing
//! itself; the time is an argument.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const WINDOW_S: u64 = 10;
const MIN_CALLS: u32 = 20;
const FIRST_WAIT: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_mins(1);
const PROBES: u8 = 3;
/// For those who come while the probes are under way.
const PROBING_WAIT: Duration = Duration::from_secs(1);

/// Opens when, of at least 20 calls within 10 s, half or more failed: for 5 s, and twice as long (up to 60 s) each
/// time that one of the three probes after it fails.
pub struct Breaker {
    started: Instant,
    inner: Mutex<Inner>,
}

struct Inner {
    /// Counts the changes of phase, so that a call which began in an earlier one has no say in this one.
    era: u64,
    phase: Phase,
}

enum Phase {
    Closed(VecDeque<Second>),
    Open { until: Instant, wait: Duration },
    Probing { wait: Duration, begun: u8, succeeded: u8 },
}

struct Second {
    number: u64,
    calls: u32,
    failures: u32,
}

/// Leave for one call. Dropped without a verdict it counts for nothing.
pub struct Pass<'a> {
    breaker: &'a Breaker,
    era: u64,
    judged: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    Opened,
    Closed,
}

impl Breaker {
    pub fn new(now: Instant) -> Self {
        let inner = Inner { era: 0, phase: Phase::Closed(VecDeque::new()) };
        Self { started: now, inner: Mutex::new(inner) }
    }

    /// Leave for a call, or how long to wait.
    pub fn admit(&self, now: Instant) -> Result<Pass<'_>, Duration> {
        let mut inner = self.lock();
        match &mut inner.phase {
            Phase::Closed(_) => {}
            Phase::Open { until, .. } if now < *until => return Err(until.duration_since(now)),
            Phase::Open { wait, .. } => {
                let wait = *wait;
                inner.turn(Phase::Probing { wait, begun: 1, succeeded: 0 });
            }
            Phase::Probing { begun, .. } if *begun == PROBES => return Err(PROBING_WAIT),
            Phase::Probing { begun, .. } => *begun += 1,
        }
        Ok(Pass { breaker: self, era: inner.era, judged: false })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<'_> {
    /// How the call ended, and whether that turned the breaker.
    pub fn ended(mut self, now: Instant, failed: bool) -> Option<Turn> {
        self.judged = true;
        let mut inner = self.breaker.lock();
        if inner.era != self.era {
            return None;
        }
        let wait = match &mut inner.phase {
            Phase::Closed(window) => {
                if !record(window, now.duration_since(self.breaker.started).as_secs(), failed) {
                    return None;
                }
                FIRST_WAIT
            }
            Phase::Probing { wait, .. } if failed => (*wait * 2).min(LONGEST_WAIT),
            Phase::Probing { succeeded, .. } => {
                *succeeded += 1;
                if *succeeded < PROBES {
                    return None;
                }
                inner.turn(Phase::Closed(VecDeque::new()));
                return Some(Turn::Closed);
            }
            Phase::Open { .. } => return None,
        };
        inner.turn(Phase::Open { until: now + wait, wait });
        Some(Turn::Opened)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.judged {
            return;
        }
        let mut inner = self.breaker.lock();
        if inner.era == self.era
            && let Phase::Probing { begun, .. } = &mut inner.phase
        {
            *begun -= 1;
        }
    }
}

impl Inner {
    fn turn(&mut self, phase: Phase) {
        self.era += 1;
        self.phase = phase;
    }
}

/// Adds a call to the window; whether there are now too many failures in it.
fn record(window: &mut VecDeque<Second>, number: u64, failed: bool) -> bool {
    window.retain(|second| second.number + WINDOW_S > number);
    match window.back_mut() {
        Some(second) if second.number == number => {
            second.calls += 1;
            second.failures += u32::from(failed);
        }
        _ => window.push_back(Second { number, calls: 1, failures: u32::from(failed) }),
    }
    let calls: u32 = window.iter().map(|second| second.calls).sum();
    let failures: u32 = window.iter().map(|second| second.failures).sum();
    failed && calls >= MIN_CALLS && failures * 2 >= calls
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// A breaker and a clock that is put forward by hand.
    struct Play {
        breaker: Breaker,
        now: Cell<Instant>,
    }

    impl Play {
        #[expect(clippy::disallowed_methods, reason = "an instant can only be made from now; it is then moved by hand")]
        fn begin() -> Self {
            let now = Instant::now();
            Self { breaker: Breaker::new(now), now: Cell::new(now) }
        }

        fn pass(&self, millis: u64) {
            self.now.set(self.now.get() + Duration::from_millis(millis));
        }

        fn call(&self, failed: bool) -> Result<Option<Turn>, Duration> {
            self.breaker.admit(self.now.get()).map(|pass| pass.ended(self.now.get(), failed))
        }

        fn calls(&self, times: u32, failed: bool) -> Option<Turn> {
            (0..times).map(|_| self.call(failed).expect("closed")).last().flatten()
        }

        fn opened() -> Self {
            let play = Self::begin();
            assert_eq!(play.calls(20, true), Some(Turn::Opened));
            play
        }
    }

    #[test]
    fn half_of_twenty_failed_calls_open_it() {
        let play = Play::begin();
        assert_eq!(play.calls(10, false), None);
        assert_eq!(play.calls(9, true), None);
        assert_eq!(play.call(true), Ok(Some(Turn::Opened)));
        assert_eq!(play.call(false), Err(Duration::from_secs(5)));
    }

    #[test]
    fn few_calls_or_few_failures_do_not() {
        let play = Play::begin();
        assert_eq!(play.calls(19, true), None);
        let play = Play::begin();
        assert_eq!(play.calls(30, false), None);
        assert_eq!(play.calls(29, true), None);
    }

    #[test]
    fn failures_are_forgotten_after_ten_seconds() {
        let play = Play::begin();
        play.calls(19, true);
        play.pass(10_000);
        assert_eq!(play.calls(19, true), None);
    }

    #[test]
    fn three_good_probes_close_it_and_no_fourth_goes_through() {
        let play = Play::opened();
        play.pass(5_000);
        let probes: Vec<_> = (0..3).map(|_| play.breaker.admit(play.now.get()).expect("a probe")).collect();
        assert_eq!(play.call(false), Err(PROBING_WAIT));
        let turns: Vec<_> = probes.into_iter().map(|probe| probe.ended(play.now.get(), false)).collect();
        assert_eq!(turns, [None, None, Some(Turn::Closed)]);
        assert_eq!(play.calls(19, true), None, "it begins anew");
    }

    #[test]
    fn a_bad_probe_doubles_the_wait_up_to_a_minute() {
        let play = Play::opened();
        for (wait, next) in [(5, 10), (10, 20), (20, 40), (40, 60), (60, 60)] {
            play.pass(wait * 1000 - 1);
            assert_eq!(play.call(true), Err(Duration::from_millis(1)));
            play.pass(1);
            assert_eq!(play.call(true), Ok(Some(Turn::Opened)));
            assert_eq!(play.call(true), Err(Duration::from_secs(next)));
        }
    }

    #[test]
    fn a_probe_that_is_dropped_makes_room_for_another() {
        let play = Play::opened();
        play.pass(5_000);
        let probes: Vec<_> = (0..3).map(|_| play.breaker.admit(play.now.get())).collect();
        drop(probes);
        assert_eq!(play.call(false), Ok(None));
    }

    #[test]
    fn a_call_from_before_has_no_say() {
        let play = Play::begin();
        let early = play.breaker.admit(play.now.get()).expect("closed");
        play.calls(20, true);
        play.pass(5_000);
        assert_eq!(play.call(false), Ok(None));
        assert_eq!(early.ended(play.now.get(), true), None);
        assert_eq!(play.calls(2, false), Some(Turn::Closed));
    }
}
