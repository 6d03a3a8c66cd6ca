//! The rules: pure Rust without async, input, output, a clock or randomness of its own.

pub mod books;
pub mod device;
pub mod dispute;
pub mod error;
pub mod event;
pub mod geo;
pub mod id;
pub mod invitation;
pub mod item;
pub mod json;
pub mod ledger;
pub mod limit;
pub mod listing;
pub mod location_use;
pub mod message;
pub mod money;
pub mod order;
pub mod party;
pub mod payment;
pub mod place;
pub mod preferences;
pub mod purchase;
pub mod push;
pub mod refund;
pub mod report;
pub mod split;
pub mod terms;
pub mod text;
pub mod trust;
pub mod user;
pub mod wordlist;

/// A moment of the rules' clock, UTC, to the millisecond.
pub type Time = time::OffsetDateTime;

/// What a command is told by its caller: when it happens, and where new ids on the party's shard come from.
pub struct At<'a> {
    pub now: Time,
    pub mint: &'a (dyn Fn() -> error::Result<i64> + Sync),
}

impl At<'_> {
    pub fn id<T>(&self) -> error::Result<id::Id<T>> {
        (self.mint)().map(id::Id::from_raw)
    }
}
