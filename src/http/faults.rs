//! For people: what a client gets when a provider fails, and why; printed behind the list of errors. It decides nothing, the
//! use cases do.

use crate::domain::error::Code;
use crate::http::error::{row, table};

/// One way of a payment call to fail.
struct Fault {
    what: &'static str,
    /// What it says of the money.
    meaning: &'static str,
    /// None: 202 with the payment, which is to be polled.
    answer: Option<Code>,
    then: &'static str,
}

const PAYMENT: [Fault; 7] = [
    Fault {
        what: "no connection: no such name, refused, no answer to the connecting",
        meaning: "surely not delivered, so nothing was done",
        answer: Some(Code::PaymentUnavailable),
        then: "the payment is `ready`; the same request again",
    },
    Fault {
        what: "429, their maintenance, our own breaker, bulkhead or deadline",
        meaning: "not now, and not done",
        answer: Some(Code::PaymentUnavailable),
        then: "the payment is `ready`; the same request again",
    },
    Fault {
        what: "no TLS, or a certificate that proves nothing",
        meaning: "nothing was sent",
        answer: Some(Code::PaymentUntrusted),
        then: "the payment is `ready`; an operator is told at once",
    },
    Fault {
        what: "the time is over, the connection breaks, half an answer, HTML, no JSON, a redirect, 5xx, a code that nobody knows, \
               an answer about another payment",
        meaning: "delivered, and perhaps done",
        answer: None,
        then: "the payment is `confirming`; we ask the provider after 10 s, 30 s, 2, 5, 8, 11 and 15 min, then hourly, and each \
               time it hints; after 14 days, or when its answer contradicts ours, a person does",
    },
    Fault {
        what: "the issuer, the bank or a limit refuses; the window was open too long",
        meaning: "the payer's to solve, whatever its status was (400, 403, 404 or 500)",
        answer: Some(Code::PaymentDeclined),
        then: "the payment is `declined`; another attempt, by another method",
    },
    Fault {
        what: "done before (`ALREADY_PROCESSED_PAYMENT`)",
        meaning: "the truth has to be asked for",
        answer: None,
        then: "when the provider answers, 200 with the paid payment at once; else as above",
    },
    Fault {
        what: "our key or our request is wrong, by the provider's word (401, 403, 400)",
        meaning: "nothing was done, and the payer cannot help it",
        answer: Some(Code::Internal),
        then: "the payment is `ready`; an operator is told at once",
    },
];

const INTRODUCTION: &str = "\
## When a payment provider fails

What a client gets when the provider fails, and why. Two questions decide, in this order: can the money have moved, and
whose fault is it. Not the provider's status: Toss says 400 for a passing fault, 403 for a declined card and 500 for a limit.
";

const WHY: &str = "
Why not simply 400, 401 or 429: the client did nothing wrong; an app that gets 401 signs its user out; 429 is said only to a
client that is too fast itself. Why not 504 for a lost answer: it invites a second payment, while 202 with the payment says
that it is being looked into, and a repeated request never pays twice. Why 503 and not 502 when nobody answered: it is known
that nothing was charged, and 503 says with `Retry-After` when to come again. No answer has the provider's words in it: they
can hold an issuer's message, our address or another order.

A refund has no client who waits. One that was surely not done is sent again under a new key; one in doubt under the same key,
after the provider was asked; one that is refused waits in review for a person. A question that changes nothing is asked once
more, within a budget of a tenth of all questions; what moves money never is. Every morning the provider's books are
compared with ours (`nbbang books`).";

pub fn markdown() -> String {
    let lines = PAYMENT.iter().map(|Fault { what, meaning, answer, then }| {
        let answer = match answer.map(|code| (code, row(code))) {
            None => "202, `Retry-After: 2`".to_owned(),
            Some((code, row)) => {
                let retry = row.retry_after_ms.map(|ms| format!(", `Retry-After: {}`", ms / 1000)).unwrap_or_default();
                format!("{} `{}`{retry}", row.status.as_u16(), code.word())
            }
        };
        format!("| {what} | {meaning} | {answer} | {then} |")
    });
    let mut lines: Vec<String> = table("the provider | means | the client gets | then", lines).collect();
    lines.insert(0, INTRODUCTION.to_owned());
    lines.push(WHY.to_owned());
    lines.join("\n")
}
