//! What the simulated providers were asked, in order, so that tests can count calls.

use std::collections::VecDeque;

use serde::Serialize;

/// The oldest entries go when there are more.
const KEPT: usize = 100_000;

#[derive(Clone, Debug, Serialize)]
pub struct Heard {
    pub provider: &'static str,
    pub operation: &'static str,
    pub idempotency_key: Option<String>,
    pub provider_order_id: Option<String>,
    pub payment_key: Option<String>,
    /// Of a question, as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The simulator's clock, RFC 3339.
    #[serde(with = "time::serde::rfc3339")]
    pub at: time::OffsetDateTime,
}

#[derive(Default)]
pub struct Journal {
    heard: VecDeque<Heard>,
}

impl Journal {
    pub fn record(&mut self, heard: Heard) {
        if self.heard.len() == KEPT {
            self.heard.pop_front();
        }
        self.heard.push_back(heard);
    }

    pub fn find(&self, provider: Option<&str>, operation: Option<&str>) -> Vec<&Heard> {
        self.heard
            .iter()
            .filter(|heard| provider.is_none_or(|it| it == heard.provider))
            .filter(|heard| operation.is_none_or(|it| it == heard.operation))
            .collect()
    }
}
