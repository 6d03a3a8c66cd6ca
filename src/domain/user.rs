//! People: what others see of a user, and the rules of what users say about themselves.

use crate::domain::Time;
use crate::domain::error::FieldFault;
use crate::domain::id::Id;
use crate::domain::wordlist::WordList;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub id: Id<User>,
    pub nickname: String,
    /// 0 to 100, from 50.
    pub trust: i16,
    pub created_at: Time,
    /// Given to `StoreKit` with each purchase, so that a purchase finds its buyer.
    pub app_account_token: uuid::Uuid,
    pub language: Language,
}

/// Whom a user keeps away, and who keeps him away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blocks {
    pub by_him: Vec<Id<User>>,
    pub of_him: Vec<Id<User>>,
}

impl Blocks {
    /// Everyone with whom he has nothing to do.
    pub fn apart(&self) -> Vec<Id<User>> {
        self.by_him.iter().chain(&self.of_him).copied().collect()
    }
}

crate::words! {
    /// The language of what we say to a user.
    pub enum Language {
        Korean => "ko",
        English => "en",
    }
}

/// The trust of a new user.
pub const FIRST_TRUST: i16 = 50;

/// What is shown of one who has been erased.
pub const ERASED_NICKNAME: &str = "탈퇴한 이웃";

/// A nickname of 2 to 20 characters, which everybody can bear to read.
pub fn nickname(raw: &str, words: &WordList) -> Result<String, FieldFault> {
    let nickname = words.said(raw, 20)?;
    if nickname.chars().count() < 2 { Err(FieldFault::TooShort) } else { Ok(nickname) }
}

/// A name for one who brought none, from random bytes; he can change it.
pub fn made_up_nickname(bytes: [u8; 4], language: Language) -> String {
    let number = u32::from_le_bytes(bytes) % 100_000;
    match language {
        Language::Korean => format!("이웃{number:05}"),
        Language::English => format!("Neighbour {number:05}"),
    }
}

/// The name by which a developer calls a made-up user: 1 to 30 of `a-z`, `0-9`, `_` and `-`.
pub fn handle(raw: &str) -> Result<&str, FieldFault> {
    match raw.len() {
        0 => Err(FieldFault::Empty),
        _ if !raw.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-')) => {
            Err(FieldFault::NotPermittedCharacter)
        }
        1..=30 => Ok(raw),
        _ => Err(FieldFault::TooLong),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nickname(raw: &str) -> Result<String, FieldFault> {
        super::nickname(raw, &WordList::built_in())
    }

    #[test]
    fn nicknames_have_2_to_20_characters() {
        assert_eq!(nickname(" 민아 ").as_deref(), Ok("민아"));
        assert_eq!(nickname("민"), Err(FieldFault::TooShort));
        assert_eq!(nickname(&"가".repeat(21)), Err(FieldFault::TooLong));
        assert_eq!(nickname("a\u{7}b"), Err(FieldFault::NotText));
        assert_eq!(nickname("씨 발"), Err(FieldFault::Offensive));
    }

    #[test]
    fn made_up_nicknames_are_nicknames() {
        for language in [Language::Korean, Language::English] {
            let name = made_up_nickname([255; 4], language);
            assert_eq!(nickname(&name).as_deref(), Ok(name.as_str()));
        }
    }

    #[test]
    fn handles_are_plain() {
        assert_eq!(handle("mina_1-x"), Ok("mina_1-x"));
        assert_eq!(handle(""), Err(FieldFault::Empty));
        assert_eq!(handle(&"a".repeat(31)), Err(FieldFault::TooLong));
        for bad in ["Mina", "mi na", "민아", "a\u{0}"] {
            assert_eq!(handle(bad), Err(FieldFault::NotPermittedCharacter), "{bad}");
        }
    }
}
