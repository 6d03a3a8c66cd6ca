//! A user's phone, as far as telling it something goes; not who is signed in on it.

use crate::domain::error::FieldFault;

/// How many phones a user has at most; the one that was longest silent makes room.
pub const MOST: i64 = 10;

crate::words! {
    /// Whose push service reaches a phone.
    pub enum Platform {
        /// By Apple's push notification service.
        Ios => "ios",
        /// By Firebase Cloud Messaging.
        Android => "android",
    }
}

/// The app's own name for the phone it runs on: 1 to 64 of `A-Z`, `a-z`, `0-9`, `.`, `_` and `-`, the first a letter or a digit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceId(String);

impl DeviceId {
    pub fn parse(raw: &str) -> Option<Self> {
        let is_one = (1..=64).contains(&raw.len())
            && raw.starts_with(|c: char| c.is_ascii_alphanumeric())
            && raw.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        is_one.then(|| Self(raw.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A token as the platform gives them: of Apple bytes in hexadecimal, in small letters here.
pub fn push_token(platform: Platform, raw: &str) -> Result<String, FieldFault> {
    let (length, permitted): (_, fn(u8) -> bool) = match platform {
        Platform::Ios => (64..=200, |b| b.is_ascii_hexdigit()),
        Platform::Android => (16..=2048, |b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b':' | b'.')),
    };
    if raw.is_empty() {
        Err(FieldFault::Empty)
    } else if !raw.bytes().all(permitted) {
        Err(FieldFault::NotPermittedCharacter)
    } else if raw.len() < *length.start() {
        Err(FieldFault::TooShort)
    } else if raw.len() > *length.end() {
        Err(FieldFault::TooLong)
    } else if platform == Platform::Ios {
        Ok(raw.to_ascii_lowercase())
    } else {
        Ok(raw.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_the_platforms_own() {
        let apples = "AB".repeat(32);
        assert_eq!(push_token(Platform::Ios, &apples), Ok("ab".repeat(32)));
        assert_eq!(push_token(Platform::Ios, &"ab".repeat(101)), Err(FieldFault::TooLong));
        assert_eq!(push_token(Platform::Ios, "abcd"), Err(FieldFault::TooShort));
        assert_eq!(push_token(Platform::Ios, &"xy".repeat(32)), Err(FieldFault::NotPermittedCharacter));
        assert_eq!(push_token(Platform::Ios, ""), Err(FieldFault::Empty));
        let googles = "dGVzdA:APA91b-_x";
        assert_eq!(push_token(Platform::Android, googles).as_deref(), Ok(googles));
        assert_eq!(push_token(Platform::Android, "a/../b/aaaaaaaaaaaaaaa"), Err(FieldFault::NotPermittedCharacter));
        assert_eq!(push_token(Platform::Android, &"a".repeat(2049)), Err(FieldFault::TooLong));
    }

    #[test]
    fn device_ids_are_plain() {
        assert!(DeviceId::parse("2F1A-b_9.x").is_some() && DeviceId::parse(&"a".repeat(64)).is_some());
        for bad in ["", "a b", "..", "-1", "민아", "a/b", "a%2Fb", &"a".repeat(65)] {
            assert_eq!(DeviceId::parse(bad), None, "{bad}");
        }
    }
}
