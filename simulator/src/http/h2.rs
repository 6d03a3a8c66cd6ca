//! HTTP/2 without TLS, by prior knowledge, for the providers who speak nothing else; faults break streams and connections.

use std::io;

use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::header::{HeaderName, HeaderValue};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::{Answer, Request, Response};

const BODY_MAX: usize = 1 << 20;

/// Whether the peer speaks HTTP/2: its first bytes say so, and stay unread.
pub async fn is_spoken(stream: &TcpStream) -> io::Result<bool> {
    const PREFACE: &[u8] = b"PRI";
    let mut first = [0; PREFACE.len()];
    loop {
        let count = stream.peek(&mut first).await?;
        let seen = first.get(..count).unwrap_or_default();
        if seen.is_empty() || !PREFACE.starts_with(seen) {
            return Ok(false);
        }
        if seen == PREFACE {
            return Ok(true);
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

/// Answers requests, any number at once, until the peer goes or a fault ends the connection.
pub async fn converse<H, F>(stream: TcpStream, handler: H) -> Result<(), h2::Error>
where
    H: Fn(Request) -> F + Clone + Send + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    let mut connection = h2::server::handshake(stream).await?;
    let (end, mut ended) = mpsc::channel::<()>(1);
    loop {
        let accepted = tokio::select! {
            accepted = connection.accept() => accepted,
            _ = ended.recv() => return Ok(()),
        };
        let Some(accepted) = accepted else { return Ok(()) };
        let (request, respond) = accepted?;
        let (handler, end) = (handler.clone(), end.clone());
        tokio::spawn(async move {
            let Ok(request) = read(request).await else { return };
            let goes_on = answer(respond, handler(request).await).await;
            if !goes_on.unwrap_or(true) {
                let _ = end.send(()).await;
            }
        });
    }
}

async fn read(request: http::Request<RecvStream>) -> Result<Request, h2::Error> {
    let (head, mut incoming) = request.into_parts();
    let mut body = Vec::new();
    while let Some(chunk) = incoming.data().await {
        let chunk = chunk?;
        incoming.flow_control().release_capacity(chunk.len())?;
        if body.len() < BODY_MAX {
            body.extend_from_slice(&chunk);
        }
    }
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Ok(Request {
        method: head.method.as_str().to_owned(),
        target: head.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned(),
        headers: head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect(),
        body,
        is_http2: true,
    })
}

/// False when the connection has to end.
async fn answer(mut respond: SendResponse<bytes::Bytes>, answer: Answer) -> Result<bool, h2::Error> {
    match answer {
        Answer::Whole(response) => {
            let (head, body) = parts(response);
            let mut stream = respond.send_response(head, body.is_empty())?;
            if !body.is_empty() {
                stream.send_data(body, true)?;
            }
        }
        Answer::Cut(response) => {
            let (head, body) = parts(response);
            let mut stream = respond.send_response(head, false)?;
            stream.send_data(body.slice(..body.len() / 2), false)?;
            stream.send_reset(Reason::INTERNAL_ERROR);
        }
        Answer::Reset => respond.send_reset(Reason::INTERNAL_ERROR),
        Answer::Garbage | Answer::Close => return Ok(false),
        Answer::Hang => std::future::pending().await,
    }
    Ok(true)
}

fn parts(response: Response) -> (http::Response<()>, bytes::Bytes) {
    let mut head = http::Response::new(());
    *head.status_mut() = http::StatusCode::from_u16(response.status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in response.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            head.headers_mut().insert(name, value);
        }
    }
    (head, response.body.into())
}
