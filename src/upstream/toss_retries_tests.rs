//! Look-ups are asked once more within their budget, and nothing else is.

use super::tests::{KEY, ORDER, failure, paid, soon, toss};
use super::*;
use crate::upstream::scripted::{Act, answer_text, serve};

#[tokio::test]
async fn a_look_up_without_an_answer_is_asked_once_more_and_no_third_time() {
    let sick = || Act::Raw(answer_text(503, "", ""));
    for first in [sick(), Act::Reset(b""), Act::Raw(answer_text(200, "", "<html>ok</html>"))] {
        let (address, server) = serve(vec![first, Act::Answer(200, paid())]);
        assert!(toss(&address).look_up(ORDER, soon()).await.unwrap().is_some());
        assert_eq!(server.asked.iter().count(), 2);
    }
    let (address, server) = serve(vec![sick(), sick(), Act::Answer(200, paid())]);
    let toss = toss(&address);
    assert_eq!(toss.look_up_key(KEY, soon()).await, Err(Fault::Unknown(why::SERVER_ERROR)));
    assert!(toss.look_up_key(KEY, soon()).await.is_ok(), "the third act was still to be played");
    assert_eq!(server.asked.iter().count(), 3);
}

#[tokio::test]
async fn an_answer_however_bad_is_not_asked_for_again() {
    for (status, code) in [(404, "NOT_FOUND_PAYMENT"), (401, "UNAUTHORIZED_KEY"), (400, "A_CODE_OF_TOMORROW")] {
        let (address, server) = serve(vec![failure(status, code), Act::Answer(200, paid())]);
        let toss = toss(&address);
        drop(toss.look_up(ORDER, soon()).await);
        assert!(toss.look_up(ORDER, soon()).await.unwrap().is_some(), "{code}");
        assert_eq!(server.asked.iter().count(), 2, "{code}");
    }
}

#[tokio::test]
async fn no_more_than_a_tenth_of_the_look_ups_is_asked_twice() {
    // Few enough fail for the breaker to stay shut.
    let acts = (0..300)
        .map(|n| if n % 3 == 0 { Act::Raw(answer_text(503, "", "")) } else { failure(404, "NOT_FOUND_PAYMENT") });
    let (address, server) = serve(acts.collect());
    let toss = toss(&address);
    let mut unanswered = 0;
    for _ in 0..60 {
        unanswered += usize::from(toss.look_up(ORDER, soon()).await.is_err());
    }
    drop(toss);
    let retries = server.asked.try_iter().count() - 60;
    // Ten are saved from the start.
    assert!((10..=16).contains(&retries) && unanswered > 0, "{retries} retries, {unanswered} without an answer");
}
