//! The house: who may call whom, how files begin and how long they get, and that every refusal has its row.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use nbbang::domain::error::Code;
use nbbang::http::{errors_markdown, row};

/// Longer than others, each for a reason of its own.
const LONG: [(&str, &str); 3] = [
    ("http/error.rs", "the table of all refusals is one table"),
    ("upstream/toss.rs", "one provider is one file"),
    ("upstream/app_store/server_api/tests.rs", "every code of one API is one list"),
];
const LONGEST: usize = 400;

/// A floor, and the floors that it may call beside itself.
const FLOORS: [(&str, &[&str]); 5] = [
    ("domain", &[]),
    ("storage", &["domain"]),
    ("upstream", &["domain"]),
    ("app", &["domain", "storage", "upstream", "config"]),
    ("http", &["domain", "app"]),
];

/// Crates that a floor has no business with.
const STRANGERS: [(&str, &[&str]); 5] = [
    ("domain", &["actix_web", "sqlx", "reqwest", "tokio", "tracing", "redis"]),
    ("storage", &["actix_web", "reqwest"]),
    ("upstream", &["actix_web", "sqlx"]),
    ("app", &["actix_web", "reqwest"]),
    ("http", &["sqlx", "reqwest"]),
];

struct File {
    /// From `src/` on.
    name: String,
    text: String,
}

impl File {
    fn floor(&self) -> &str {
        self.name.split(['/', '.']).next().unwrap()
    }

    /// Its lines without comments.
    fn code(&self) -> String {
        let lines = self.text.lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code));
        lines.collect::<Vec<_>>().join("\n")
    }
}

fn sources() -> Vec<File> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    read(&root, &root, &mut files);
    assert!(files.len() > 60, "only {} files", files.len());
    files
}

fn read(root: &Path, folder: &Path, files: &mut Vec<File>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(root, &path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            files.push(File { name, text: std::fs::read_to_string(&path).unwrap() });
        }
    }
}

/// The modules of ours that a file names, in `use` or in passing; `use crate::{a, b}` is written as `use crate::a`.
fn named(code: &str) -> Vec<String> {
    let word = |rest: &str| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let grouped = code.split("crate::{").skip(1).flat_map(|rest| {
        let mut depth = 0;
        let group = rest.split(|c| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            depth < 0
        });
        let mut depth = 0;
        let list = group.into_iter().next().unwrap_or_default().to_owned();
        let outer: String = list
            .chars()
            .filter(|c| {
                depth += i32::from(*c == '{') - i32::from(*c == '}');
                depth == 0
            })
            .collect();
        outer.split(',').map(|part| word(part.trim())).collect::<Vec<_>>()
    });
    code.split("crate::").skip(1).map(word).chain(grouped).filter(|name| !name.is_empty()).collect()
}

#[test]
fn calls_go_down_only() {
    let files = sources();
    let mut faults = Vec::new();
    for (floor, below) in FLOORS {
        // Macros stand at the root of the crate.
        let may =
            |name: &str| name == floor || below.contains(&name) || matches!(name, "words" | "errors" | "stop_point");
        for file in files.iter().filter(|file| file.floor() == floor) {
            let code = file.code();
            faults.extend(
                named(&code).iter().filter(|name| !may(name)).map(|name| format!("{} names {name}", file.name)),
            );
            let strangers = STRANGERS.iter().find(|(other, _)| *other == floor).unwrap().1;
            let used = strangers.iter().filter(|stranger| code.contains(&format!("{stranger}::")));
            faults.extend(used.map(|stranger| format!("{} uses {stranger}", file.name)));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_look_at_calls_sees_them() {
    assert_eq!(named("use crate::storage::{a, b};"), ["storage"]);
    assert_eq!(named("use crate::{app, domain::{x, y}, storage::z};"), ["app", "domain", "storage"]);
    assert_eq!(named("let a = crate::http::row(b);"), ["http"]);
}

#[test]
fn files_say_what_they_are_and_stay_short() {
    let mut faults = Vec::new();
    let files = sources();
    for file in &files {
        if !file.text.starts_with("//! ") {
            faults.push(format!("{} does not say what it is (`//! …`)", file.name));
        }
        let lines = file.text.lines().count();
        if lines > LONGEST && !LONG.iter().any(|(name, _)| *name == file.name) {
            faults.push(format!("{} has {lines} lines", file.name));
        }
        if file.code().contains("allow(") {
            faults.push(format!("{} allows a lint; write #[expect(…, reason)]", file.name));
        }
    }
    for (name, reason) in LONG {
        assert!(!reason.is_empty() && files.iter().any(|file| file.name == name), "{name} is gone");
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_refusal_has_its_row_and_is_documented() {
    let page = errors_markdown();
    for code in Code::ALL {
        let (row, word) = (row(*code), code.word());
        assert!(row.status.as_u16() >= 400 && !row.title.is_empty(), "{word}");
        assert!(
            page.contains(&format!("| {} | `{word}` |", row.status.as_u16())),
            "{word} is not on the page of errors"
        );
        assert_eq!(Code::from_word(word), Some(*code));
    }
    let files = sources();
    let unused = Code::ALL.iter().map(|code| format!("{code:?}")).filter(|name| {
        let said = |file: &File| file.name != "http/error.rs" && file.code().contains(&format!("Code::{name}"));
        !files.iter().any(said)
    });
    let unused: Vec<_> = unused.collect();
    assert!(unused.is_empty(), "nobody refuses with {unused:?}");
}

#[test]
fn every_test_that_the_security_page_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/SECURITY.md")).unwrap();
    // In every other piece between two of them.
    let named: Vec<(&str, &str)> =
        page.split('`').skip(1).step_by(2).filter_map(|piece| piece.split_once(".rs: ")).collect();
    assert!(named.len() > 40, "only {} tests are named", named.len());
    for (file, test) in named {
        let path = format!("{file}.rs");
        let source = std::fs::read_to_string(root.join(&path)).unwrap_or_default();
        assert!(source.contains(&format!("fn {test}(")), "there is no {test} in {path}");
    }
}
