//! Text that people type: normal form, length and characters; it does not judge what is said.

use unicode_normalization::UnicodeNormalization;

use crate::domain::error::FieldFault;

/// `raw` in NFC without surrounding white space: 1 to `max` characters, none of them a control character.
pub fn clean(raw: &str, max: usize) -> Result<String, FieldFault> {
    let text: String = raw.trim().nfc().collect();
    if text.is_empty() {
        return Err(FieldFault::Empty);
    }
    if text.chars().any(|c| c.is_control() || is_direction(c)) {
        return Err(FieldFault::NotText);
    }
    if text.chars().count() > max {
        return Err(FieldFault::TooLong);
    }
    Ok(text)
}

/// Marks that turn the direction of what follows: with them a title can show other text than it holds.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// An absolute `https` or `http` address of at most 500 characters.
pub fn link(raw: &str) -> Result<String, FieldFault> {
    let link = clean(raw, 500)?;
    let host = link.strip_prefix("https://").or_else(|| link.strip_prefix("http://"));
    match host {
        Some(host) if !host.is_empty() && !host.starts_with('/') && !link.contains(char::is_whitespace) => Ok(link),
        _ => Err(FieldFault::NotALink),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_normalised_counted_in_characters_and_free_of_controls() {
        assert_eq!(clean(" 치킨\u{0020}같이 ", 60).as_deref(), Ok("치킨 같이"));
        assert_eq!(clean("e\u{301}", 1).as_deref(), Ok("é"), "one character in normal form C");
        assert_eq!(clean("   ", 60), Err(FieldFault::Empty));
        assert_eq!(clean("a\u{0}b", 60), Err(FieldFault::NotText));
        assert_eq!(clean("a\u{202e}b", 60), Err(FieldFault::NotText));
        assert_eq!(clean(&"가".repeat(60), 60).map(|text| text.chars().count()), Ok(60));
        assert_eq!(clean(&"가".repeat(61), 60), Err(FieldFault::TooLong));
    }

    #[test]
    fn links_are_absolute_and_of_the_web() {
        assert!(link("https://example.com/a?b=c").is_ok());
        for bad in ["javascript:alert(1)", "https://", "https:///x", "example.com", "http://a b"] {
            assert_eq!(link(bad), Err(FieldFault::NotALink), "{bad}");
        }
    }
}
