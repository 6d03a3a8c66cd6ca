//! Where a page ended, opaque to clients: numbers, and the hash of the filters that they belong to.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::domain::error::{Code, Result};

const WORD: usize = 8;

/// The cursor for what comes after `place` in a list with these filters.
pub fn write<const N: usize>(filters: &str, place: [u64; N]) -> String {
    let mut bytes = hash(filters).to_vec();
    bytes.extend(place.into_iter().flat_map(u64::to_be_bytes));
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// The place in a cursor; one that was made for other filters, or not by us, is refused.
pub fn read<const N: usize>(filters: &str, cursor: &str) -> Result<[u64; N]> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).map_err(|_| Code::InvalidCursor)?;
    let words = bytes.strip_prefix(&hash(filters)).ok_or(Code::InvalidCursor)?;
    let (words, rest) = words.as_chunks::<WORD>();
    let place: Vec<u64> = words.iter().map(|word| u64::from_be_bytes(*word)).collect();
    <[u64; N]>::try_from(place).ok().filter(|_| rest.is_empty()).ok_or_else(|| Code::InvalidCursor.into())
}

fn hash(filters: &str) -> [u8; WORD] {
    let mut hash = [0; WORD];
    hash.iter_mut().zip(digest(&SHA256, filters.as_bytes()).as_ref()).for_each(|(to, from)| *to = *from);
    hash
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cursor_is_of_its_filters() {
        let cursor = write("a", [1, u64::MAX]);
        assert_eq!(read("a", &cursor).unwrap(), [1, u64::MAX]);
        for (filters, cursor) in [("b", cursor.as_str()), ("a", &cursor[1..]), ("a", ""), ("a", "!"), ("a", "\u{0}")] {
            assert_eq!(read::<2>(filters, cursor).unwrap_err().code, Code::InvalidCursor, "{cursor}");
        }
        assert!(read::<1>("a", &cursor).is_err());
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text: String) {
            drop(read::<2>("a", &text));
        }
    }
}
