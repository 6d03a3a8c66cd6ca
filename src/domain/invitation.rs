//! Invitations: a short code that leads to a party whoever has it, until it expires, is revoked, or its maker leaves.

use std::fmt;

use time::Duration;

use crate::domain::Time;
use crate::domain::id::Id;
use crate::domain::party::Party;
use crate::domain::user::User;

/// How long a code is good: as long as a party can wait for its deadline.
const LIFE: Duration = Duration::hours(24);

/// How many good codes of one party a member has at most.
pub const MOST: i64 = 10;

/// Crockford's base 32, in which nothing is taken for something else when it is read aloud or copied by hand.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const LENGTH: usize = 10;

/// Ten characters that nobody can guess: 50 random bits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InvitationCode(String);

impl InvitationCode {
    /// Of random bytes.
    pub fn of(bytes: [u8; LENGTH]) -> Self {
        Self(bytes.iter().filter_map(|byte| ALPHABET.get(usize::from(byte % 32))).copied().map(char::from).collect())
    }

    /// As people write it: in capitals, with an O for the 0, an I or L for the 1.
    pub fn parse(text: &str) -> Option<Self> {
        let digit = |c: char| match c.to_ascii_lowercase() {
            'o' => Some('0'),
            'i' | 'l' => Some('1'),
            c => ALPHABET.contains(&u8::try_from(c).ok()?).then_some(c),
        };
        let code = text.chars().map(digit).collect::<Option<String>>()?;
        (code.len() == LENGTH).then_some(Self(code))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InvitationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    pub code: InvitationCode,
    pub party_id: Id<Party>,
    pub created_by: Id<User>,
    pub created_at: Time,
    pub expires_at: Time,
    pub revoked_at: Option<Time>,
}

impl Invitation {
    pub fn new(code: InvitationCode, party_id: Id<Party>, created_by: Id<User>, now: Time) -> Self {
        Self { code, party_id, created_by, created_at: now, expires_at: now + LIFE, revoked_at: None }
    }

    /// Whether it still leads anywhere, as far as it knows itself.
    pub fn is_good(&self, now: Time) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_code_has_fifty_bits_in_ten_characters() {
        assert_eq!(InvitationCode::of([0; LENGTH]).as_str(), "0000000000");
        assert_eq!(InvitationCode::of([31, 32, 63, 1, 10, 18, 20, 27, 255, 16]).as_str(), "z0z1ajmvzg");
        for byte in 0..=255 {
            let code = InvitationCode::of([byte; LENGTH]);
            assert_eq!(InvitationCode::parse(code.as_str()), Some(code));
        }
    }

    #[test]
    fn a_code_is_read_as_people_write_it() {
        let code = InvitationCode::parse("0o1iLz9aBc").unwrap();
        assert_eq!(code.as_str(), "00111z9abc");
        for wrong in [
            "",
            "123456789",
            "12345678901",
            "123456789u",
            "12345 7890",
            "123456789%",
            "가나다라마바사아자차",
            "１２３４５６７８９０",
        ] {
            assert_eq!(InvitationCode::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn it_is_good_for_a_day_unless_it_is_revoked() {
        let now = datetime!(2026-12-01 12:00 UTC);
        let mut invitation = Invitation::new(InvitationCode::of([0; LENGTH]), Id::from_raw(1), Id::from_raw(2), now);
        assert!(invitation.is_good(now + LIFE - Duration::milliseconds(1)));
        assert!(!invitation.is_good(now + LIFE));
        invitation.revoked_at = Some(now);
        assert!(!invitation.is_good(now));
    }
}
