//! Toss Payments, as a merchant's server and a person in the payment window see it.

mod api;
mod books;
mod codes;
mod control;
mod idempotency;
mod page;
mod payment;
mod webhooks;

use std::sync::Mutex;

use time::OffsetDateTime;

use crate::http::{Answer, Request};
use crate::ids::Ids;
use crate::{World, lock};
use books::Books;
use idempotency::IdempotencyKeys;
use webhooks::Webhooks;

pub use control::answer as control;
pub use webhooks::deliver as deliver_webhooks;

/// What faults can be planned for.
pub const OPERATIONS: &[&str] = &["confirm", "cancel", "lookup", "list", "webhook"];

pub struct Toss {
    books: Mutex<Books>,
    idempotency_keys: Mutex<IdempotencyKeys>,
    webhooks: Webhooks,
}

impl Toss {
    pub fn new() -> Result<Self, String> {
        Ok(Self {
            books: Mutex::new(Books::new(Ids::random())),
            idempotency_keys: Mutex::default(),
            webhooks: Webhooks::new(Ids::random())?,
        })
    }

    /// The clock was put forward: webhooks may be due.
    pub fn clock_moved(&self) {
        self.webhooks.wake();
    }

    /// Works on the books, and sends a webhook for each payment that changed.
    fn work<T>(&self, now: OffsetDateTime, work: impl FnOnce(&mut Books) -> T) -> T {
        let mut books = lock(&self.books);
        let done = work(&mut books);
        for payment in books.take_changes() {
            self.webhooks.send(&payment, now);
        }
        done
    }
}

pub async fn answer(world: &World, request: &Request, path: &[&str]) -> Answer {
    match path {
        ["v1", rest @ ..] => api::answer(world, request, rest).await,
        _ => page::answer(world, request, path).into(),
    }
}
