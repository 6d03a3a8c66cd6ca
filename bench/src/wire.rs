//! One kept-alive HTTP/1.1 connection, as cheap as a client can be; it knows bodies with a `Content-Length` and nothing else.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub struct Wire {
    stream: TcpStream,
    inbox: Vec<u8>,
}

pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Wire {
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, inbox: Vec::with_capacity(16 * 1024) })
    }

    /// Asks, and looks only at the status of the answer.
    pub async fn ask(&mut self, request: &[u8]) -> io::Result<u16> {
        Ok(self.exchange(request).await?.0)
    }

    /// Asks, and gives the whole answer.
    pub async fn fetch(&mut self, request: &[u8]) -> io::Result<Answer> {
        let (status, begin) = self.exchange(request).await?;
        Ok(Answer { status, body: self.inbox.get(begin..).unwrap_or_default().to_vec() })
    }

    /// The answer's status, and where in the inbox its body begins.
    async fn exchange(&mut self, request: &[u8]) -> io::Result<(u16, usize)> {
        self.stream.write_all(request).await?;
        self.inbox.clear();
        loop {
            if self.stream.read_buf(&mut self.inbox).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(head) = Head::of(&self.inbox)
                && self.inbox.len() >= head.length + head.body
            {
                return Ok((head.status, head.length));
            }
        }
    }
}

struct Head {
    status: u16,
    length: usize,
    body: usize,
}

impl Head {
    /// None until all of it is there.
    fn of(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = std::str::from_utf8(bytes.get(..end)?).ok()?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let length = lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        });
        Some(Self { status, length: end + 4, body: length.unwrap_or(0) })
    }
}

pub fn get(path: &str, token: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n").into_bytes()
}

/// With an idempotency key, which those who need none ignore.
pub fn post(path: &str, token: &str, key: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_when_it_is_whole() {
        let answer = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nx: y\r\n\r\n{}";
        assert!(Head::of(&answer[..30]).is_none());
        let head = Head::of(answer).unwrap();
        assert_eq!((head.status, head.body, answer.len() - head.length), (201, 2, 2));
    }
}
