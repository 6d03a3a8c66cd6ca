//! The program itself: its one line, its sentence when the address is taken, and its quick end.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

fn start(listen: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_nbbang-simulator"))
        .args(["--listen", listen, "--webhook-base", "http://127.0.0.1:1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn it_says_where_it_listens_and_stops_when_told_to() {
    let mut first = start("127.0.0.1:0");
    let mut out = BufReader::new(first.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let address = line.trim_end().strip_prefix("listening on http://").unwrap().to_owned();
    assert!(std::net::TcpStream::connect(&address).is_ok());

    let second = start(&address).wait_with_output().unwrap();
    let sentence = String::from_utf8(second.stderr).unwrap();
    assert_eq!((second.status.code(), second.stdout.len()), (Some(1), 0));
    assert!(sentence.contains("is in use") && sentence.lines().count() == 1, "{sentence}");

    let told = Command::new("kill").args(["-TERM", &first.id().to_string()]).status().unwrap();
    assert!(told.success() && first.wait().unwrap().success());
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
}
