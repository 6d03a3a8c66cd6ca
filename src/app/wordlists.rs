//! The list of words that are not welcome as the settings make it: the built-in ones, and those of the operator's file.

use std::fs;

use crate::config::Config;
use crate::domain::wordlist::WordList;

/// What is wrong with the file is told in a sentence.
pub fn open(config: &Config) -> Result<WordList, String> {
    let built_in = WordList::built_in();
    let Some(path) = &config.rules.words_file else { return Ok(built_in) };
    let told = |why: String| format!("NBBANG_WORDS_FILE: {} {why}.", path.display());
    let text = fs::read_to_string(path).map_err(|error| told(format!("cannot be read: {error}")))?;
    built_in.with(&text).map_err(told)
}

/// What the settings come to, for `nbbang doctor`.
pub fn examine(config: &Config) -> Result<String, String> {
    let (all, built_in) = (open(config)?.len(), WordList::built_in().len());
    Ok(format!("{built_in} built in, {} of yours", all - built_in))
}
