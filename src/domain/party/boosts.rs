//! A party lifted to the top of the search for half an hour; who pays for that is not its business.

use time::Duration;

use crate::domain::Time;
use crate::domain::error::Result;
use crate::domain::event::EventKind;
use crate::domain::party::{Party, State};

/// How long a boost lasts.
pub const BOOST: Duration = Duration::minutes(30);

impl Party {
    /// Whether another boost would be for nothing.
    pub fn is_boosted(&self, now: Time) -> bool {
        self.boosted_until.is_some_and(|until| now < until)
    }

    pub fn may_be_boosted(&self, now: Time) -> Result<()> {
        self.must_be_joinable(now)
    }

    /// Lifts it by a boost that began at `from`. Repeated, or when that boost is over by now, it changes nothing.
    pub fn boost(&mut self, from: Time, now: Time) -> Result<()> {
        let until = from + BOOST;
        if self.boosted_at.is_some_and(|known| known >= from) || now >= until {
            return Ok(());
        }
        self.may_be_boosted(now)?;
        self.boosted_at = Some(from);
        self.boosted_until = Some(until);
        self.tell(EventKind::Boosted, None);
        Ok(())
    }

    /// A boost ends by time, and with the search that it is for.
    pub(super) fn end_boost(&mut self, now: Time) {
        let is_over = self.boosted_until.is_some_and(|until| until <= now || self.state != State::Open);
        if is_over {
            self.boosted_until = None;
            self.tell(EventKind::BoostEnded, None);
        }
    }
}
