//! The simulator's clock: the real one plus what was added through the control routes; it can stand, but never goes back.

use std::sync::Mutex;

use time::macros::{format_description, offset};
use time::{Duration, OffsetDateTime};

use crate::lock;

/// How far the clock can be put forward in all.
const FURTHEST: Duration = Duration::days(3650);

#[derive(Default)]
pub struct Clock {
    hands: Mutex<Hands>,
}

#[derive(Default)]
struct Hands {
    /// By how much it was put forward.
    advanced: Duration,
    /// For how long it stood, until it was let run again.
    stood: Duration,
    /// The real time at which it was stopped.
    stopped_at: Option<OffsetDateTime>,
}

impl Clock {
    pub fn now(&self) -> OffsetDateTime {
        let hands = lock(&self.hands);
        hands.stopped_at.unwrap_or_else(real) + hands.advanced - hands.stood
    }

    pub fn stop(&self) {
        lock(&self.hands).stopped_at.get_or_insert_with(real);
    }

    /// It goes on from where it stands.
    pub fn run(&self) {
        let mut hands = lock(&self.hands);
        if let Some(stopped_at) = hands.stopped_at.take() {
            hands.stood += real() - stopped_at;
        }
    }

    pub fn is_stopped(&self) -> bool {
        lock(&self.hands).stopped_at.is_some()
    }

    /// Puts the clock forward, by at most ten years in all.
    pub fn advance(&self, seconds: u32) -> Result<(), String> {
        let mut hands = lock(&self.hands);
        let sum = hands.advanced + Duration::seconds(seconds.into());
        if sum > FURTHEST {
            return Err("The clock goes forward by ten years at most; start the simulator anew.".to_owned());
        }
        hands.advanced = sum;
        Ok(())
    }

    pub fn advanced_s(&self) -> i64 {
        lock(&self.hands).advanced.whole_seconds()
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the place where the simulator reads the real clock")]
pub fn real() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// `2024-02-13T12:18:14+09:00`, as Korean providers write it.
pub fn seoul(at: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]+09:00");
    at.to_offset(offset!(+9)).format(format).unwrap_or_default()
}

/// `2024-02-13T12:18:14.123456` in Seoul, without a zone, as Toss writes `createdAt`.
pub fn seoul_without_zone(at: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]");
    at.to_offset(offset!(+9)).format(format).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stands_and_is_put_forward_and_runs_on_from_there() {
        let clock = Clock::default();
        clock.stop();
        let stood = clock.now();
        assert_eq!(clock.now(), stood);
        clock.advance(60).unwrap();
        assert_eq!(clock.now(), stood + Duration::MINUTE);
        clock.run();
        assert!(!clock.is_stopped() && clock.now() >= stood + Duration::MINUTE);
        assert!(clock.advance(u32::MAX).is_err());
    }

    #[test]
    fn times_are_seouls() {
        let at = time::macros::datetime!(2024-02-13 03:18:14.5 UTC);
        assert_eq!(seoul(at), "2024-02-13T12:18:14+09:00");
        assert_eq!(seoul_without_zone(at), "2024-02-13T12:18:14.500000");
    }
}
