//! For tests: a provider on a real socket that answers, or fails to, by a script; it understands nothing.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};

use serde_json::Value;

/// What the server does with one connection, after it has the whole request.
#[derive(Clone)]
pub enum Act {
    Answer(u16, Value),
    Raw(Vec<u8>),
    /// Says this much and breaks the connection off; nothing at all when empty.
    Reset(&'static [u8]),
    /// Says this much and then nothing more.
    Hang(&'static [u8]),
}

/// The server's other end: what it was asked, and its life, for connections hang until this is dropped.
pub struct Server {
    pub asked: Receiver<String>,
    _open: Sender<()>,
}

/// A server that plays one act per connection.
pub fn serve(acts: Vec<Act>) -> (String, Server) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (tell, asked) = channel();
    let (open, closed) = channel();
    std::thread::spawn(move || {
        let mut hanging = Vec::new();
        for act in acts {
            let (mut stream, _) = listener.accept().unwrap();
            let request = peeked(&stream).unwrap();
            // Closed with the request unread, the kernel answers with a reset.
            if !matches!(act, Act::Reset(_)) {
                stream.read_exact(&mut vec![0; request.len()]).unwrap();
            }
            // The test may be over, or its client gone.
            let _ = tell.send(request);
            let _ = match &act {
                Act::Answer(status, body) => stream.write_all(&answer_text(*status, "", &body.to_string())),
                Act::Raw(bytes) => stream.write_all(bytes),
                Act::Reset(bytes) | Act::Hang(bytes) => stream.write_all(bytes),
            };
            if matches!(act, Act::Hang(_)) {
                hanging.push(stream);
            }
        }
        drop(tell);
        let _ = closed.recv();
    });
    (address, Server { asked, _open: open })
}

/// A whole request, left in the socket.
fn peeked(stream: &TcpStream) -> std::io::Result<String> {
    let mut buffer = vec![0; 16_384];
    loop {
        let length = stream.peek(&mut buffer)?;
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let announced = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
        if body.len() >= announced.parse::<usize>().unwrap() {
            return Ok(text);
        }
    }
}

pub fn answer_text(status: u16, header: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} x\r\n{header}connection: close\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}
