//! Typed 64-bit ids: 41 bits of milliseconds, 13 of logical shard, 10 of sequence.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

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
