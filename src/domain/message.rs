//! What members say to each other in their party, and which events their chat tells between it.

use crate::domain::Time;
use crate::domain::error::FieldFault;
use crate::domain::event::EventKind;
use crate::domain::id::Id;
use crate::domain::party::Party;
use crate::domain::text;
use crate::domain::user::User;
use crate::domain::wordlist::WordList;

/// Characters of a message at the most.
pub const MAX_TEXT: usize = 500;

/// How long after its end a party's members can still speak: as long as complaints are open.
pub const AFTER_THE_END: time::Duration = time::Duration::hours(24);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub id: Id<Message>,
    pub party_id: Id<Party>,
    /// Its place among all that happens in the party.
    pub seq: i64,
    pub user_id: Id<User>,
    pub text: String,
    /// The app's own name for it.
    pub client_key: String,
    pub created_at: Time,
}

/// One line of a party's chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub seq: i64,
    /// Among the lines of one number.
    pub part: i32,
    pub created_at: Time,
    pub what: Said,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    Text(Message),
    /// By the system: what has happened, and to whom.
    Event(EventKind, Option<Id<User>>),
}

crate::words! {
    /// Who speaks in a line of the chat.
    pub enum LineKind {
        /// A member.
        Text => "text",
        /// The system, of what has happened.
        System => "system",
    }
}

/// How far a member has read, and when he was last there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    pub user_id: Id<User>,
    pub seq: i64,
    pub seen_at: Time,
}

/// A message of 1 to [`MAX_TEXT`] characters on one line or several, which everybody can bear to read.
pub fn text(raw: &str, words: &WordList) -> Result<String, FieldFault> {
    let lines = raw.trim().lines().map(|line| {
        let line = line.trim_end();
        if line.is_empty() { Ok(String::new()) } else { text::clean(line, MAX_TEXT) }
    });
    let text = lines.collect::<Result<Vec<_>, _>>()?.join("\n");
    if text.chars().count() > MAX_TEXT {
        return Err(FieldFault::TooLong);
    }
    // A line break hides no word.
    words.said(&text.replace('\n', " "), MAX_TEXT).map(|_| text)
}

/// The events that the chat tells.
pub const TOLD: &[EventKind] = &[
    EventKind::Created,
    EventKind::Joined,
    EventKind::Left,
    EventKind::Kicked,
    EventKind::Locked,
    EventKind::Placed,
    EventKind::Arrived,
    EventKind::PickedUp,
    EventKind::NoShow,
    EventKind::Completed,
    EventKind::Cancelled,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_lines_but_no_other_controls() {
        let words = WordList::built_in();
        assert_eq!(text(" 3번 출구\r\n\n 앞이요 \n", &words).as_deref(), Ok("3번 출구\n\n앞이요"));
        assert_eq!(text("\n \n", &words), Err(FieldFault::Empty));
        assert_eq!(text("a\tb", &words), Err(FieldFault::NotText));
        assert_eq!(text("a\u{202e}b", &words), Err(FieldFault::NotText));
        assert!(text(&"가".repeat(MAX_TEXT), &words).is_ok());
        assert_eq!(text(&"가\n".repeat(251), &words), Err(FieldFault::TooLong));
    }

    #[test]
    fn a_line_break_hides_no_word() {
        let words = WordList::built_in();
        for hidden in ["시발", "시 발", "시\n발"] {
            assert_eq!(text(hidden, &words), Err(FieldFault::Offensive), "{hidden}");
        }
    }
}
