//! Typed 64-bit ids: 41 bits of milliseconds, 13 of logical shard, 10 of sequence; and the generator, which has no clock.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The id of a `T`; its bits say on which logical shard the thing lives. In JSON a decimal string.
pub struct Id<T>(i64, PhantomData<fn() -> T>);

/// A logical shard, 0 to 8191.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard(u16);

impl Shard {
    pub const COUNT: u16 = 8192;

    /// The shard of a hash, by its remainder.
    #[expect(clippy::cast_possible_truncation, reason = "a remainder of 8192 fits 16 bits")]
    pub const fn of_hash(hash: u64) -> Self {
        Self((hash % Self::COUNT as u64) as u16)
    }

    pub const fn number(self) -> u16 {
        self.0
    }
}

impl<T> Id<T> {
    pub const fn from_raw(raw: i64) -> Self {
        Self(raw, PhantomData)
    }

    pub const fn raw(self) -> i64 {
        self.0
    }

    /// The id that a client wrote; none for anything that we would not have written ourselves.
    pub fn parse(text: &str) -> Option<Self> {
        let raw: i64 = text.parse().ok()?;
        (raw > 0 && text.bytes().next().is_some_and(|first| matches!(first, b'1'..=b'9'))).then(|| Self::from_raw(raw))
    }

    #[expect(clippy::cast_sign_loss, reason = "ids are positive")]
    pub const fn shard(self) -> Shard {
        Shard::of_hash((self.0 >> 10) as u64)
    }

    /// The id's time in milliseconds since [`EPOCH_MS`]: for order, never shown as a time.
    #[expect(clippy::cast_sign_loss, reason = "ids are positive")]
    pub const fn millis(self) -> u64 {
        (self.0 >> 23) as u64
    }
}

/// 2026-01-01T00:00:00Z in milliseconds since 1970: where the time of ids begins.
pub const EPOCH_MS: u64 = 1_767_225_600_000;

/// The first millisecond (in 2060) that would make an id negative.
const END_MS: u64 = 1 << 40;

const COUNTER_BITS: u32 = 5;

/// A claim on a slot for the id times `floor_ms <= t < upper_ms`, in milliseconds since [`EPOCH_MS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    pub slot: u8,
    pub floor_ms: u64,
    pub upper_ms: u64,
}

impl Lease {
    pub const SLOTS: u8 = 32;
}

/// The lease allows no further id of this shard until it is renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the id lease has run out")]
pub struct Exhausted;

/// Makes the ids of one lease, from any number of threads.
///
/// # Why no two ids are equal
///
/// An id is `time (41) | shard (13) | slot (5) | counter (5)`. Ids of different shards or slots differ in those bits, so
/// take one shard and one slot.
///
/// 1. *Within one generator*: `time | counter` is the value that a compare-and-swap put into the shard's atomic, and each
///    is greater than the one before it. More than 32 ids in a millisecond run on into the next; a clock that is set back
///    changes nothing, since the last value plus one is the lower bound.
/// 2. *Between two generators*: each issues only times in its `floor_ms <= t < upper_ms`. The slot's row holds `ts_upper`,
///    and every change of the row is one durable update under the row's lock. A holder raises its own `upper_ms` only to a
///    value that such an update has returned, and the update demands that the holder still holds the row; so
///    `upper_ms <= ts_upper` at all times. Whoever takes the slot begins at the `ts_upper` that it found, and from then on
///    no update of the former holder succeeds. Hence the ranges of all holders, one after another, are disjoint.
///
/// No step speaks of what time it really is. A holder that slept past its lease wakes up with its own range and can
/// spend only that. Clocks decide only who may be thought dead, and a mistake there costs the living holder another slot.
/// The one assumption is that the main database does not forget a committed update (a failover to a replica that lags
/// does; then raise every `ts_upper` by an hour). The primary key is the last guard.
pub struct Generator {
    slot: u8,
    floor_ms: u64,
    upper_ms: AtomicU64,
    /// Per shard the `time << 5 | counter` of its last id.
    last: Box<[AtomicU64]>,
}

impl Generator {
    pub fn new(lease: Lease) -> Self {
        Self {
            slot: lease.slot % Lease::SLOTS,
            floor_ms: lease.floor_ms.max(1),
            upper_ms: AtomicU64::new(lease.upper_ms.min(END_MS)),
            last: (0..Shard::COUNT).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    pub const fn slot(&self) -> u8 {
        self.slot
    }

    pub fn upper_ms(&self) -> u64 {
        self.upper_ms.load(Ordering::Acquire)
    }

    /// The shard's next id, greater than every one before it.
    pub fn next(&self, shard: Shard, now_ms: u64) -> Result<i64, Exhausted> {
        let last = self.last.get(usize::from(shard.number())).ok_or(Exhausted)?;
        let earliest = now_ms.max(self.floor_ms).min(END_MS) << COUNTER_BITS;
        let end = self.upper_ms() << COUNTER_BITS;
        let mut seen = last.load(Ordering::Relaxed);
        loop {
            let next = earliest.max(seen + 1);
            if next >= end {
                return Err(Exhausted);
            }
            match last.compare_exchange_weak(seen, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(self.id(shard, next)),
                Err(newer) => seen = newer,
            }
        }
    }

    /// Moves the end of the lease to what the slot's row says now; never back.
    pub fn renew(&self, upper_ms: u64) {
        self.upper_ms.fetch_max(upper_ms.min(END_MS), Ordering::AcqRel);
    }

    #[expect(clippy::cast_possible_wrap, reason = "the time is below END_MS, so the sign bit stays clear")]
    fn id(&self, shard: Shard, next: u64) -> i64 {
        let (ms, counter) = (next >> COUNTER_BITS, next & ((1 << COUNTER_BITS) - 1));
        (ms << 23 | u64::from(shard.number()) << 10 | u64::from(self.slot) << COUNTER_BITS | counter) as i64
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Id<T> {}

impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T> Eq for Id<T> {}

impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl<T> Hash for Id<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl<T> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl<T> Serialize for Id<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// From a string, as we write it, or from a number, as PostgreSQL writes its rows.
impl<'de, T> Deserialize<'de> for Id<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(PhantomData<fn() -> T>);

        impl<T> serde::de::Visitor<'_> for Visitor<T> {
            type Value = Id<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Id<T>, E> {
                Id::parse(text).ok_or_else(|| E::custom("not an id"))
            }

            fn visit_u64<E: serde::de::Error>(self, raw: u64) -> Result<Id<T>, E> {
                i64::try_from(raw).map(Id::from_raw).map_err(E::custom)
            }

            fn visit_i64<E: serde::de::Error>(self, raw: i64) -> Result<Id<T>, E> {
                Ok(Id::from_raw(raw))
            }
        }

        deserializer.deserialize_any(Visitor(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn generator(slot: u8, floor_ms: u64, upper_ms: u64) -> Generator {
        Generator::new(Lease { slot, floor_ms, upper_ms })
    }

    fn shard(number: u16) -> Shard {
        Shard::of_hash(u64::from(number))
    }

    #[test]
    fn the_bits_are_where_they_belong() {
        let ids = generator(31, 0, 1000);
        assert_eq!(ids.next(shard(8191), 7), Ok(7 << 23 | 8191 << 10 | 31 << 5));
        assert_eq!(ids.next(shard(8191), 7), Ok(7 << 23 | 8191 << 10 | 31 << 5 | 1));
        let id = Id::<()>::from_raw(ids.next(shard(4097), 9).unwrap());
        assert_eq!((id.millis(), id.shard().number()), (9, 4097));
    }

    #[test]
    fn the_epoch_is_the_first_of_january_2026() {
        assert_eq!(
            i128::from(EPOCH_MS) * 1_000_000,
            time::macros::datetime!(2026-01-01 0:00 UTC).unix_timestamp_nanos()
        );
    }

    #[test]
    fn more_than_32_in_a_millisecond_borrow_from_the_next() {
        let ids = generator(0, 0, 1000);
        let millis: Vec<u64> = (0..65).map(|_| Id::<()>::from_raw(ids.next(shard(0), 5).unwrap()).millis()).collect();
        assert_eq!((millis[31], millis[32], millis[64]), (5, 6, 7));
    }

    #[test]
    fn a_lease_is_never_left() {
        let ids = generator(0, 100, 101);
        let made: Vec<u64> =
            std::iter::from_fn(|| ids.next(shard(3), 0).ok()).map(|id| Id::<()>::from_raw(id).millis()).collect();
        assert_eq!(made, [100; 32], "it begins at the floor, though the clock says 0");
        assert_eq!(ids.next(shard(4), 101), Err(Exhausted), "a clock past the end");
        ids.renew(50);
        assert_eq!(ids.next(shard(3), 0), Err(Exhausted), "a renewal never goes back");
        ids.renew(102);
        assert_eq!(ids.next(shard(3), 0).map(|id| Id::<()>::from_raw(id).millis()), Ok(101));
    }

    #[test]
    fn ids_are_positive_to_the_end_of_time() {
        let last = generator(31, END_MS - 1, u64::MAX);
        let made: Vec<i64> = std::iter::from_fn(|| last.next(shard(8191), u64::MAX - 1).ok()).collect();
        assert_eq!(made, [] as [i64; 0], "a clock past 2060");
        let made: Vec<i64> = std::iter::from_fn(|| last.next(shard(8191), 0).ok()).collect();
        assert_eq!(made.last(), Some(&i64::MAX));
        assert!(generator(0, 0, 10).next(shard(0), 0).unwrap() > 0);
    }

    #[test]
    fn threads_never_share_an_id() {
        let ids = generator(1, 0, 1 << 30);
        let made: Vec<i64> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8_u64)
                .map(|thread| {
                    let ids = &ids;
                    // Every thread has a clock of its own, and some go back.
                    scope.spawn(move || {
                        (0..20_000_u64)
                            .map(|n| ids.next(shard(9), 1000 + thread * 7 + (n * 31) % 50).unwrap())
                            .collect::<Vec<_>>()
                    })
                })
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(made.iter().collect::<HashSet<_>>().len(), 160_000);
    }

    proptest! {
        #[test]
        fn each_id_is_greater_than_the_last_and_within_the_lease(
            floor in 0_u64..1000, length in 1_u64..50, clocks in prop::collection::vec(0_u64..2000, 1..400),
        ) {
            let ids = generator(3, floor, floor + length);
            let mut last = 0;
            for now in clocks {
                if let Ok(id) = ids.next(shard(77), now) {
                    prop_assert!(id > last);
                    last = id;
                    let id = Id::<()>::from_raw(id);
                    prop_assert!((floor..floor + length).contains(&id.millis()));
                    prop_assert_eq!(id.shard(), shard(77));
                }
            }
        }

        #[test]
        fn text_and_id_are_one_to_one(raw in 1..=i64::MAX) {
            let id = Id::<()>::from_raw(raw);
            prop_assert_eq!(Id::parse(&id.to_string()), Some(id));
        }

        #[test]
        fn foreign_text_is_no_id(text in "[+0]?[0-9a-z -]{0,25}") {
            if let Some(id) = Id::<()>::parse(&text) {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }
}
