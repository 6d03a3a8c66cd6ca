//! How the story is told: chapters, sentences, and amounts that are checked before they are told.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

/// What is wrong is told in one sentence.
pub type Told<T = ()> = Result<T, String>;

static CHECKED: AtomicUsize = AtomicUsize::new(0);

pub fn chapter(title: &str) {
    say(&format!("\n{title}\n"));
}

/// One sentence.
pub fn say(sentence: &str) {
    // A reader who has gone misses the rest.
    drop(writeln!(std::io::stdout().lock(), "{sentence}"));
}

pub fn complain(what: &str) {
    drop(writeln!(std::io::stderr().lock(), "\nThe story ends here: {what}"));
}

pub fn end(won: i64) {
    let checked = CHECKED.load(Ordering::Relaxed);
    say(&format!("\n{checked} things were checked, {} changed hands, and not a won is off.", krw(won)));
}

/// `12,300 won`.
pub fn krw(amount: i64) -> String {
    let digits = amount.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped} won")
}

/// What the server says at `pointer` has to be `expected`.
pub fn check(body: &Value, pointer: &str, expected: impl Into<Value>) -> Told {
    let expected = expected.into();
    let found = body.pointer(pointer).unwrap_or(&Value::Null);
    same(&format!("{pointer} in {body}"), found, &expected)
}

pub fn same<T: PartialEq + std::fmt::Display>(what: &str, found: &T, expected: &T) -> Told {
    CHECKED.fetch_add(1, Ordering::Relaxed);
    if found == expected { Ok(()) } else { Err(format!("expected {expected}, found {found} at {what}")) }
}

pub fn part<'a>(body: &'a Value, pointer: &str) -> Told<&'a Value> {
    body.pointer(pointer).ok_or_else(|| format!("there is no {pointer} in {body}"))
}

pub fn says(body: &Value, pointer: &str, word: &str) -> bool {
    body.pointer(pointer).is_some_and(|found| found == word)
}

pub fn text(body: &Value, pointer: &str) -> Told<String> {
    let found = body.pointer(pointer).and_then(Value::as_str);
    found.map(str::to_owned).ok_or_else(|| format!("there is no {pointer} in {body}"))
}

pub fn amount(body: &Value, pointer: &str) -> Told<i64> {
    body.pointer(pointer).and_then(Value::as_i64).ok_or_else(|| format!("there is no amount {pointer} in {body}"))
}

pub fn list<'a>(body: &'a Value, pointer: &str) -> Told<&'a Vec<Value>> {
    body.pointer(pointer).and_then(Value::as_array).ok_or_else(|| format!("there is no list {pointer} in {body}"))
}
