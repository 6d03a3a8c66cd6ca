//! What a provider lets us ask in a day, for one kind of question: how much was asked, and whether it is used up. It counts
//! what this process has asked, and does not know the limit: the provider says when it is reached.

use std::sync::{Mutex, PoisonError};

use time::macros::offset;
use time::{Date, Duration, Time as OfDay};

use crate::domain::Time;

pub struct Quota {
    upstream: &'static str,
    operation: &'static str,
    today: Mutex<Today>,
}

/// A day in Seoul.
#[derive(Default)]
struct Today {
    date: Option<Date>,
    asked: u32,
    used_up: bool,
}

impl Quota {
    pub fn new(upstream: &'static str, operation: &'static str) -> Self {
        Self { upstream, operation, today: Mutex::default() }
    }

    /// How long nothing may be asked any more; none when it may.
    pub fn closed_for(&self, now: Time) -> Option<Duration> {
        self.on(now, |today| today.used_up).then(|| until_midnight(now))
    }

    /// A question was answered, which has cost one.
    pub fn count(&self, now: Time) {
        let asked = self.on(now, |today| {
            today.asked += 1;
            today.asked
        });
        metrics::gauge!("upstream_asked_today", "upstream" => self.upstream, "operation" => self.operation).set(asked);
    }

    /// The provider says that nothing is left; how long it will be so.
    pub fn used_up(&self, now: Time) -> Duration {
        let asked = self.on(now, |today| {
            today.used_up = true;
            today.asked
        });
        tracing::error!(upstream = self.upstream, operation = self.operation, asked, "the day's quota is used up");
        until_midnight(now)
    }

    fn on<T>(&self, now: Time, look: impl FnOnce(&mut Today) -> T) -> T {
        let mut today = self.today.lock().unwrap_or_else(PoisonError::into_inner);
        let date = now.to_offset(offset!(+9)).date();
        if today.date != Some(date) {
            *today = Today { date: Some(date), ..Today::default() };
        }
        look(&mut today)
    }
}

/// In Seoul, where quotas are renewed.
fn until_midnight(now: Time) -> Duration {
    let of_day = now.to_offset(offset!(+9)).time();
    Duration::DAY - (of_day - OfDay::MIDNIGHT)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn it_is_closed_until_midnight_in_seoul() {
        let quota = Quota::new("kakao", "keyword");
        let noon = datetime!(2026-11-24 12:00 +9);
        assert_eq!(quota.closed_for(noon), None);
        quota.count(noon);
        assert_eq!(quota.used_up(noon), Duration::hours(12));
        assert_eq!(quota.closed_for(datetime!(2026-11-24 14:59:59 UTC)), Some(Duration::SECOND));
        assert_eq!(quota.closed_for(datetime!(2026-11-24 15:00 UTC)), None, "midnight in Seoul");
        assert_eq!(quota.closed_for(noon), None, "it is renewed but once");
    }

    #[test]
    fn questions_are_counted_by_the_day() {
        let quota = Quota::new("kakao", "region");
        let asked = |now| quota.on(now, |today| today.asked);
        let late = datetime!(2026-11-24 23:59 +9);
        quota.count(late);
        quota.count(late);
        assert_eq!(asked(late), 2);
        assert_eq!(asked(datetime!(2026-11-25 00:00 +9)), 0);
    }
}
