//! Apple's App Store as a backend meets it: messages signed under a root of our own, every forgery of them, the Server API, and
//! notifications that are delivered.

mod api;
mod api_codes;
mod api_key;
mod books;
mod chain;
mod control;
mod delivery;
mod header;
mod history;
mod mold;
mod page;
mod payload;
mod pki;
mod sales;
mod tamper;
mod token;

pub mod messages;

use std::sync::Mutex;

use crate::ids::Ids;
use api_key::ApiKey;
use books::Books;
use delivery::Delivery;

pub use api::answer;
pub use control::answer as control;
pub use delivery::deliver;
pub use pki::{Pki, Shape};
pub use tamper::Tamper;

/// What faults can be planned for.
pub const OPERATIONS: &[&str] = &["api", "notification"];

pub struct AppStore {
    apple: Pki,
    plain: Pki,
    ids: Mutex<Ids>,
    api_key: ApiKey,
    books: Mutex<Books>,
    delivery: Delivery,
}

impl AppStore {
    pub fn new() -> Result<Self, String> {
        Ok(Self {
            apple: Pki::new(Shape::Apple)?,
            plain: Pki::new(Shape::Plain)?,
            ids: Mutex::new(Ids::random()),
            api_key: ApiKey::new()?,
            books: Mutex::default(),
            delivery: Delivery::new()?,
        })
    }

    /// The clock was put forward: notifications may be due.
    pub fn clock_moved(&self) {
        self.delivery.wake();
    }

    fn pki(&self, shape: Shape) -> &Pki {
        match shape {
            Shape::Apple => &self.apple,
            Shape::Plain => &self.plain,
        }
    }
}
