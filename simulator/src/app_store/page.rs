//! Where a list is continued: a word that is good for the same question only.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// How many were shown already.
#[derive(Clone, Copy)]
pub struct Page(pub usize);

impl Page {
    /// From its word, which has to be of this question; without a word at the beginning.
    pub fn begun(word: Option<&str>, question: &str) -> Option<Self> {
        let Some(word) = word else { return Some(Self(0)) };
        let page = Self(word.split_once('_')?.0.parse().ok()?);
        (page.word(question) == word).then_some(page)
    }

    pub fn word(self, question: &str) -> String {
        let hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, question.as_bytes()));
        format!("{}_{hash}", self.0)
    }

    /// What comes now, and where it goes on.
    pub fn cut<T>(self, all: &[T], most: usize) -> (&[T], Self) {
        let from = self.0.min(all.len());
        let to = (from + most).min(all.len());
        (all.get(from..to).unwrap_or_default(), Self(to))
    }
}
