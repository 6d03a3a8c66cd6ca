//! A small HTTP/1.1 server on bare sockets, because a faulty provider breaks the connection, not only the answer. Who begins in
//! HTTP/2 is answered in it.

mod h2;
mod read;

use std::fmt::Write;
use std::io;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// A connection that says nothing, or is slow to say it, is closed after this.
const PATIENCE: Duration = Duration::from_secs(75);

pub struct Request {
    pub method: String,
    /// Path and query as they came.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub is_http2: bool,
}

impl Request {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The first query parameter of this name, decoded.
    pub fn param(&self, name: &str) -> Option<String> {
        field(self.target.split_once('?')?.1.as_bytes(), name)
    }

    /// The first field of this name in a form's body, decoded.
    pub fn form(&self, name: &str) -> Option<String> {
        field(&self.body, name)
    }

    /// The path's segments, decoded; a trailing slash gives an empty last one.
    pub fn segments(&self) -> Vec<String> {
        let path = self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path);
        let path = path.strip_prefix('/').unwrap_or(path);
        path.split('/').map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned()).collect()
    }
}

fn field(encoded: &[u8], name: &str) -> Option<String> {
    form_urlencoded::parse(encoded).find(|(it, _)| it == name).map(|(_, value)| value.into_owned())
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Response {
    pub fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: vec![("Content-Type", content_type.to_owned())], body: body.into() }
    }

    pub fn json(status: u16, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => Self::new(status, "application/json;charset=UTF-8", body),
            Err(e) => Self::new(500, "text/plain;charset=UTF-8", e.to_string()),
        }
    }

    /// A sentence for whoever sits at the other end.
    pub fn message(status: u16, sentence: &str) -> Self {
        Self::json(status, &json!({ "message": sentence }))
    }

    pub fn html(status: u16, page: String) -> Self {
        Self::new(status, "text/html;charset=UTF-8", page)
    }

    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// What goes onto the wire.
pub enum Answer {
    Whole(Response),
    /// The head and half of the body, then the end of the connection.
    Cut(Response),
    /// Bytes that are no HTTP.
    Garbage,
    /// TCP RST in place of an answer.
    Reset,
    /// The end of the connection (TCP FIN) in place of an answer.
    Close,
    /// Nothing at all, until the peer goes.
    Hang,
}

impl From<Response> for Answer {
    fn from(response: Response) -> Self {
        Self::Whole(response)
    }
}

/// Accepts connections until dropped; each request is answered by `handler`, which goes on when its peer hangs up.
pub async fn serve<H, F>(listener: TcpListener, handler: H)
where
    H: Fn(Request) -> F + Clone + Send + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let handler = handler.clone();
                tokio::spawn(async move {
                    // An error here is a peer that went away, which is its right.
                    let _ = converse(stream, handler).await;
                });
            }
            // Out of file descriptors, most likely: the others have to finish first.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn converse<H, F>(mut stream: TcpStream, handler: H) -> io::Result<()>
where
    H: Fn(Request) -> F + Clone + Send + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    stream.set_nodelay(true)?;
    let Ok(is_http2) = timeout(PATIENCE, h2::is_spoken(&stream)).await else { return Ok(()) };
    if is_http2? {
        return h2::converse(stream, handler).await.map_err(io::Error::other);
    }
    let mut unread = Vec::new();
    loop {
        let Ok(incoming) = timeout(PATIENCE, read::request(&mut stream, &mut unread)).await else { return Ok(()) };
        let mut incoming = match incoming {
            Ok(Some(incoming)) => incoming,
            Ok(None) => return Ok(()),
            Err(read::Trouble::Io(e)) => return Err(e),
            Err(read::Trouble::Refused(status, sentence)) => {
                stream.write_all(&written(&Response::message(status, sentence), false, false)).await?;
                return close(stream).await;
            }
        };
        let head_only = incoming.request.method == "HEAD";
        if head_only {
            "GET".clone_into(&mut incoming.request.method);
        }
        let answer = tokio::spawn(handler(incoming.request)).await;
        match answer.unwrap_or_else(|_| Response::message(500, "The simulator has a bug here.").into()) {
            Answer::Whole(response) => {
                stream.write_all(&written(&response, incoming.keep_alive, head_only)).await?;
                if !incoming.keep_alive {
                    return close(stream).await;
                }
            }
            Answer::Cut(response) => {
                let mut bytes = written(&response, true, false);
                bytes.truncate(bytes.len() - response.body.len().div_ceil(2));
                stream.write_all(&bytes).await?;
                return close(stream).await;
            }
            Answer::Garbage => {
                stream.write_all(b"\x16\x03\x01\x02\x00\x01\x00 this is not HTTP \xff\xfe\r\n\r\n").await?;
                return close(stream).await;
            }
            Answer::Reset => return stream.set_zero_linger(),
            Answer::Close => return close(stream).await,
            Answer::Hang => return drain(&mut stream).await,
        }
    }
}

/// Closes after the peer has read: bytes that lie unread here would turn the close into a reset and eat the answer.
async fn close(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    timeout(Duration::from_secs(2), drain(&mut stream)).await.unwrap_or(Ok(()))
}

async fn drain(stream: &mut TcpStream) -> io::Result<()> {
    let mut dropped = [0; 4096];
    while stream.read(&mut dropped).await? > 0 {}
    Ok(())
}

fn written(response: &Response, keep_alive: bool, head_only: bool) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {} {}\r\n", response.status, reason(response.status));
    // Writing to a string cannot fail.
    for (name, value) in &response.headers {
        // A line break would end the header and begin one of the sender's choice.
        let value: String = value.chars().filter(|c| !c.is_control()).collect();
        let _ = write!(head, "{name}: {value}\r\n");
    }
    if response.status != 204 {
        let _ = write!(head, "Content-Length: {}\r\n", response.body.len());
    }
    head.push_str(if keep_alive { "\r\n" } else { "Connection: close\r\n\r\n" });
    let mut bytes = head.into_bytes();
    if !head_only && response.status != 204 {
        bytes.extend_from_slice(&response.body);
    }
    bytes
}

fn reason(status: u16) -> &'static str {
    reqwest::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Unnamed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_cannot_break_its_line() {
        let response = Response::empty(303).with("Location", "http://a/\r\nSet-Cookie: x=1");
        let bytes = String::from_utf8(written(&response, true, false)).unwrap();
        assert!(bytes.contains("Location: http://a/Set-Cookie: x=1\r\n"), "{bytes}");
        assert_eq!(bytes.lines().filter(|line| line.starts_with("Set-Cookie")).count(), 0);
    }
}
