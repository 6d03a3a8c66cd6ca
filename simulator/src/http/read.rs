//! Reads one request off a socket, with care: sizes are capped, and a length that can be read in two ways is refused.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Request;

const HEAD_MAX: usize = 32 * 1024;
const HEADERS_MAX: usize = 100;
const BODY_MAX: usize = 1024 * 1024;
/// A body in chunks of one byte is six times as long on the wire.
const RAW_BODY_MAX: usize = 8 * BODY_MAX;

pub struct Incoming {
    pub request: Request,
    pub keep_alive: bool,
}

#[derive(Debug)]
pub enum Trouble {
    Io(io::Error),
    /// The status and the sentence to answer with before closing.
    Refused(u16, &'static str),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The next request, or none when the peer has closed. `unread` holds what came after it.
pub async fn request(stream: &mut TcpStream, unread: &mut Vec<u8>) -> Result<Option<Incoming>, Trouble> {
    let head = loop {
        if let Some(head) = head(unread)? {
            unread.drain(..head.length);
            break head;
        }
        if unread.len() > HEAD_MAX {
            return Err(Trouble::Refused(431, "The request's head is too long."));
        }
        if stream.read_buf(unread).await? == 0 {
            return Ok(None);
        }
    };
    if head.expects_continue && unread.is_empty() {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let body = loop {
        if let Some((body, length)) = body(head.framing, unread)? {
            unread.drain(..length);
            break body;
        }
        if unread.len() > RAW_BODY_MAX {
            return Err(Trouble::Refused(413, "The body is longer than 1 MiB."));
        }
        if stream.read_buf(unread).await? == 0 {
            return Ok(None);
        }
    };
    let request = Request { method: head.method, target: head.target, headers: head.headers, body, is_http2: false };
    Ok(Some(Incoming { request, keep_alive: head.keep_alive }))
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Framing {
    Length(usize),
    Chunked,
}

#[derive(Debug)]
struct Head {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    framing: Framing,
    keep_alive: bool,
    expects_continue: bool,
    length: usize,
}

fn head(bytes: &[u8]) -> Result<Option<Head>, Trouble> {
    let mut space = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut space);
    let length = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Trouble::Refused(431, "There are too many headers.")),
        Err(_) => return Err(Trouble::Refused(400, "This is no HTTP request.")),
    };
    let headers: Vec<(String, String)> = parsed
        .headers
        .iter()
        .map(|header| (header.name.to_owned(), String::from_utf8_lossy(header.value).trim().to_owned()))
        .collect();
    let values =
        |name: &'static str| headers.iter().filter(move |(it, _)| it.eq_ignore_ascii_case(name)).map(move |(_, v)| v);
    let newest = parsed.version == Some(1);
    if newest && values("host").count() != 1 {
        return Err(Trouble::Refused(400, "HTTP/1.1 wants one Host header."));
    }
    let framing = framing(
        &values("content-length").map(String::as_str).collect::<Vec<_>>(),
        &values("transfer-encoding").map(String::as_str).collect::<Vec<_>>(),
    )?;
    let target = parsed.path.unwrap_or_default().to_owned();
    if !target.starts_with('/') {
        return Err(Trouble::Refused(400, "The request target has to be a path."));
    }
    let closes = values("connection").any(|value| value.to_ascii_lowercase().contains("close"));
    let expects_continue = newest && values("expect").any(|value| value.eq_ignore_ascii_case("100-continue"));
    let method = parsed.method.unwrap_or_default().to_owned();
    Ok(Some(Head { method, target, framing, keep_alive: newest && !closes, expects_continue, length, headers }))
}

fn framing(lengths: &[&str], encodings: &[&str]) -> Result<Framing, Trouble> {
    match (lengths, encodings) {
        ([], []) => Ok(Framing::Length(0)),
        ([length], []) if !length.is_empty() && length.bytes().all(|b| b.is_ascii_digit()) => {
            match length.parse::<usize>() {
                Ok(length) if length <= BODY_MAX => Ok(Framing::Length(length)),
                _ => Err(Trouble::Refused(413, "The body is longer than 1 MiB.")),
            }
        }
        ([], [encoding]) if encoding.eq_ignore_ascii_case("chunked") => Ok(Framing::Chunked),
        ([], _) => Err(Trouble::Refused(501, "The only transfer encoding understood here is chunked.")),
        _ => Err(Trouble::Refused(400, "The body's length is not clear.")),
    }
}

/// The whole body and how many bytes it took, once all of it is there.
fn body(framing: Framing, bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, Trouble> {
    match framing {
        Framing::Length(length) => Ok(bytes.get(..length).map(|body| (body.to_vec(), length))),
        Framing::Chunked => chunked(bytes),
    }
}

fn chunked(bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, Trouble> {
    const BROKEN: Trouble = Trouble::Refused(400, "The chunks are broken.");
    let (mut body, mut rest) = (Vec::new(), bytes);
    loop {
        let (start, size) = match httparse::parse_chunk_size(rest) {
            Ok(httparse::Status::Complete(found)) => found,
            Ok(httparse::Status::Partial) if rest.len() > HEAD_MAX => return Err(BROKEN),
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(BROKEN),
        };
        rest = rest.get(start..).unwrap_or_default();
        if size == 0 {
            return Ok(trailers(rest)?.map(|after| (body, bytes.len() - after.len())));
        }
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        if size > BODY_MAX - body.len() {
            return Err(Trouble::Refused(413, "The body is longer than 1 MiB."));
        }
        let Some((chunk, after)) = rest.split_at_checked(size) else { return Ok(None) };
        let Some((end, after)) = after.split_at_checked(2) else { return Ok(None) };
        if end != b"\r\n" {
            return Err(BROKEN);
        }
        body.extend_from_slice(chunk);
        rest = after;
    }
}

/// What follows the trailers, which nobody here needs.
fn trailers(bytes: &[u8]) -> Result<Option<&[u8]>, Trouble> {
    let mut rest = bytes;
    loop {
        let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") else {
            return if rest.len() > HEAD_MAX {
                Err(Trouble::Refused(431, "The trailers are too long."))
            } else {
                Ok(None)
            };
        };
        rest = rest.get(end + 2..).unwrap_or_default();
        if end == 0 {
            return Ok(Some(rest));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(bytes: &[u8]) -> u16 {
        match head(bytes) {
            Err(Trouble::Refused(status, _)) => status,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_head_is_read_once_complete() {
        let whole = b"POST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
        for cut in 0..whole.len() - 3 {
            assert!(head(&whole[..cut]).unwrap().is_none(), "{cut}");
        }
        let head = head(whole).unwrap().unwrap();
        assert_eq!((head.method.as_str(), head.target.as_str()), ("POST", "/a?b=c"));
        assert_eq!((head.framing, head.keep_alive, head.length), (Framing::Length(3), true, whole.len() - 3));
    }

    #[test]
    fn lengths_that_can_be_read_in_two_ways_are_refused() {
        let with = |headers: &str| format!("POST / HTTP/1.1\r\nHost: x\r\n{headers}\r\n").into_bytes();
        assert_eq!(refused(&with("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n")), 400);
        assert_eq!(refused(&with("Content-Length: 3\r\nContent-Length: 3\r\n")), 400);
        assert_eq!(refused(&with("Content-Length: +3\r\n")), 400);
        assert_eq!(refused(&with("Content-Length: 99999999999999999999999\r\n")), 413);
        assert_eq!(refused(&with("Transfer-Encoding: gzip\r\n")), 501);
        assert_eq!(refused(b"POST / HTTP/1.1\r\n\r\n"), 400);
        assert_eq!(refused(b"\x00\x01\x02\r\n\r\n"), 400);
    }

    #[test]
    fn chunks_are_joined_and_what_follows_stays() {
        let bytes = b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: z\r\n\r\nGET /";
        let (body, length) = chunked(bytes).unwrap().unwrap();
        assert_eq!((body.as_slice(), &bytes[length..]), (&b"abcde"[..], &b"GET /"[..]));
        for cut in 0..length {
            assert!(chunked(&bytes[..cut]).unwrap().is_none(), "{cut}");
        }
        assert!(matches!(chunked(b"3\r\nabcXX"), Err(Trouble::Refused(400, _))));
        assert!(matches!(chunked(b"200001\r\n"), Err(Trouble::Refused(413, _))));
    }
}
