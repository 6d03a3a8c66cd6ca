//! Which questions are asked a second time, and how many of them.

use serde_json::json;

use super::*;
use crate::upstream::scripted::{Act, answer_text, serve};

fn sick() -> Act {
    Act::Raw(answer_text(503, "", ""))
}

fn well() -> Act {
    Act::Answer(200, json!({}))
}

/// A lane to a provider that says 200, 404 or that it is ill.
struct Play {
    lane: Lane,
    http: reqwest::Client,
    address: String,
}

impl Play {
    fn with(address: String) -> Self {
        Self { lane: Lane::new("test", "look_up", 8, Duration::from_secs(5)), http: http().unwrap(), address }
    }

    async fn ask(&self) -> Result<(), Fault> {
        let question = self.http.get(&self.address);
        let read = |answer: &Answer| match answer.status.as_u16() {
            200 => Ok(()),
            404 => Err(Fault::Refused("NOT_FOUND".into())),
            _ => Err(Fault::Unknown(why::SERVER_ERROR)),
        };
        self.lane.ask(question, Deadline::within(Duration::from_secs(20)), read).await
    }
}

#[tokio::test]
async fn a_question_without_an_answer_is_asked_once_more_and_no_third_time() {
    for first in [sick(), Act::Reset(b""), Act::Raw(vec![])] {
        let (address, server) = serve(vec![first, well()]);
        assert_eq!(Play::with(address).ask().await, Ok(()));
        assert_eq!(server.asked.iter().count(), 2);
    }
    let (address, server) = serve(vec![sick(), sick(), well()]);
    let play = Play::with(address);
    assert_eq!(play.ask().await, Err(Fault::Unknown(why::SERVER_ERROR)));
    assert_eq!(play.ask().await, Ok(()), "the third act was still to be played");
    assert_eq!(server.asked.iter().count(), 3);
}

#[tokio::test]
async fn an_answer_however_bad_is_not_asked_for_again() {
    let (address, server) = serve(vec![Act::Answer(404, json!({})), well()]);
    let play = Play::with(address);
    assert_eq!(play.ask().await, Err(Fault::Refused("NOT_FOUND".into())));
    assert_eq!(play.ask().await, Ok(()));
    assert_eq!(server.asked.iter().count(), 2);
}

#[tokio::test]
async fn no_more_than_a_tenth_of_the_questions_is_asked_twice() {
    // Few enough fail for the breaker to stay shut.
    let acts = (0..300).map(|n| if n % 3 == 0 { sick() } else { well() });
    let (address, server) = serve(acts.collect());
    let play = Play::with(address);
    let mut unanswered = 0;
    for _ in 0..60 {
        unanswered += usize::from(play.ask().await.is_err());
    }
    let retries = server.asked.try_iter().count() - 60;
    // Ten are saved from the start.
    assert!((10..=16).contains(&retries) && unanswered > 0, "{retries} retries, {unanswered} without an answer");
}
