//! Toss's idempotency keys: which answer a key already has. The body is not looked at, as at Toss.

use std::collections::HashMap;

use time::{Duration, OffsetDateTime};

use crate::http::Response;

const KEPT: Duration = Duration::days(15);
pub const LENGTH_MAX: usize = 300;

/// What makes two requests the same one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    pub key: String,
    pub api_key: String,
    pub method: String,
    pub url: String,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Seen {
    /// Never seen; it is in flight from now on.
    New,
    InFlight,
    /// Answered before, with this.
    Answered(Response),
}

#[derive(Default)]
pub struct IdempotencyKeys {
    kept: HashMap<Scope, (OffsetDateTime, Option<Response>)>,
}

impl IdempotencyKeys {
    pub fn begin(&mut self, scope: &Scope, now: OffsetDateTime) -> Seen {
        match self.kept.get(scope).filter(|(since, _)| now - *since < KEPT) {
            Some((_, Some(response))) => Seen::Answered(response.clone()),
            Some((_, None)) => Seen::InFlight,
            None => {
                self.kept.insert(scope.clone(), (now, None));
                Seen::New
            }
        }
    }

    /// Keeps the answer, errors too, unless the key has one.
    pub fn finish(&mut self, scope: Scope, now: OffsetDateTime, response: &Response) {
        let (_, kept) = self.kept.entry(scope).or_insert((now, None));
        kept.get_or_insert_with(|| response.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);

    fn scope(key: &str, url: &str) -> Scope {
        Scope { key: key.into(), api_key: "test_sk_a".into(), method: "POST".into(), url: url.into() }
    }

    #[test]
    fn the_first_answer_is_replayed_for_fifteen_days() {
        let mut keys = IdempotencyKeys::default();
        let refusal = Response::message(403, "no");
        let it = scope("1-1-1", "/v1/payments/confirm");
        assert_eq!(keys.begin(&it, NOW), Seen::New);
        assert_eq!(keys.begin(&it, NOW), Seen::InFlight);
        keys.finish(it.clone(), NOW, &refusal);
        keys.finish(it.clone(), NOW, &Response::message(200, "yes"));
        assert_eq!(keys.begin(&it, NOW + KEPT - Duration::SECOND), Seen::Answered(refusal));
        assert_eq!(keys.begin(&scope("1-1-1", "/v1/payments/x/cancel"), NOW), Seen::New);
        assert_eq!(keys.begin(&scope("1-1-2", "/v1/payments/confirm"), NOW), Seen::New);
        assert_eq!(keys.begin(&it, NOW + KEPT), Seen::New);
    }
}
