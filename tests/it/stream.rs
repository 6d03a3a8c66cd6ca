//! Following a party as an app does it: server-sent events, one after the other.

use std::time::Duration;

use serde_json::Value;

use crate::person::Person;

/// Longer than anything takes that is going to come.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Stream {
    response: reqwest::Response,
    read: String,
    /// The id of the last event.
    pub last_id: Option<i64>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    pub seq: i64,
    pub event: String,
    pub data: Value,
}

impl Stream {
    /// Follows, from behind an event on if one is named; else it waits for the greeting.
    pub async fn open(person: &Person, party: &str, after: Option<i64>) -> Self {
        let mut stream = Self::connect(person, party, after).await.unwrap();
        if after.is_none() {
            assert_eq!(stream.next().await.unwrap().event, "ready");
        }
        stream
    }

    /// As `connect`, for one who may be turned away: then none as well.
    pub async fn try_connect(person: &Person, party: &str, after: i64) -> Option<Self> {
        let request = person.request("GET", &format!("/v1/parties/{party}/events")).header("last-event-id", after);
        let response = request.send().await.ok().filter(|response| response.status() == 200)?;
        Some(Self { response, read: String::new(), last_id: Some(after) })
    }

    /// None: the server is not there.
    pub async fn connect(person: &Person, party: &str, after: Option<i64>) -> Option<Self> {
        let request = person.request("GET", &format!("/v1/parties/{party}/events"));
        let request = match after {
            Some(after) => request.header("last-event-id", after),
            None => request,
        };
        let response = request.send().await.ok()?;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Some(Self { response, read: String::new(), last_id: after })
    }

    /// The next block, a comment as well; none at the end.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.read.split_once("\n\n") {
                let block = block.to_owned();
                self.read = rest.to_owned();
                return Some(block);
            }
            let chunk = self.response.chunk().await.ok()??;
            self.read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next event; none when the stream has ended.
    pub async fn next(&mut self) -> Option<Frame> {
        // Heartbeats alone are no answer.
        tokio::time::timeout(PATIENCE, self.next_event()).await.expect("no event comes")
    }

    async fn next_event(&mut self) -> Option<Frame> {
        loop {
            let block = self.block().await?;
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            let (Some(id), Some(event), Some(data)) = (field("id: "), field("event: "), field("data: ")) else {
                continue;
            };
            let seq = id.parse().unwrap();
            assert!(event == "ready" || self.last_id.is_none_or(|last| last < seq), "{seq} after {:?}", self.last_id);
            self.last_id = Some(seq);
            return Some(Frame { seq, event, data: serde_json::from_str(&data).unwrap() });
        }
    }

    /// Waits for a comment.
    pub async fn comment(&mut self) {
        let wait = async { while !self.block().await.expect("the stream has ended").starts_with(':') {} };
        tokio::time::timeout(PATIENCE, wait).await.expect("no comment comes");
    }

    /// All that comes until the stream ends.
    pub async fn rest(mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.next().await {
            frames.push(frame);
        }
        frames
    }
}

impl Frame {
    /// What has happened, in words: the kinds of a change, the text of a message.
    pub fn told(&self) -> String {
        match self.data["events"].as_array() {
            Some(events) => {
                let kinds: Vec<&str> = events.iter().map(|event| event["kind"].as_str().unwrap()).collect();
                kinds.join(" ")
            }
            None => self.data["text"].as_str().unwrap_or_default().to_owned(),
        }
    }
}
