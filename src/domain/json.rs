//! How values of the contract are written and read in JSON: times to the millisecond, absent fields that are not `null`.

use serde::{Deserialize, Deserializer};

/// For `#[serde(default, deserialize_with = "present")]` on an optional field: absent is none, and `null` is refused.
pub fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// For `#[serde(default, deserialize_with = "patch")]` on an `Option<Option<T>>` of a PATCH (RFC 7396): absent is none and
/// changes nothing, `null` is `Some(None)` and clears.
pub fn patch<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// For `#[serde(with = "time_ms")]` on a `Time`.
pub mod time_ms {
    use serde::{Deserialize, Deserializer, Serializer, de};
    use time::format_description::FormatItem;
    use time::format_description::well_known::Rfc3339;
    use time::macros::format_description;
    use time::{Duration, UtcOffset};

    use crate::domain::Time;

    const FORMAT: &[FormatItem<'_>] =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

    /// How a message of serde begins when a string is no time; `extract` knows it by this.
    pub const NOT_A_TIME: &str = "not a time";

    pub fn serialize<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
        let text = time.to_offset(UtcOffset::UTC).format(FORMAT).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&text)
    }

    /// To the millisecond, since the rules know no shorter time.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time = Time::parse(&text, &Rfc3339).ok().and_then(|time| time.checked_to_offset(UtcOffset::UTC));
        let time = time.filter(|time| time.year() >= 0).ok_or_else(|| de::Error::custom(NOT_A_TIME))?;
        Ok(time - Duration::nanoseconds(i64::from(time.nanosecond() % 1_000_000)))
    }

    /// For `#[serde(with = "time_ms::option")]` on an `Option<Time>`, with `default` and `skip_serializing_if`; `null` is refused.
    pub mod option {
        use serde::{Deserializer, Serializer};

        use crate::domain::Time;

        pub fn serialize<S: Serializer>(time: &Option<Time>, serializer: S) -> Result<S::Ok, S::Error> {
            match time {
                Some(time) => super::serialize(time, serializer),
                None => serializer.serialize_none(),
            }
        }

        pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Time>, D::Error> {
            super::deserialize(deserializer).map(Some)
        }
    }
}
