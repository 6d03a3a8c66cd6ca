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
pub mod ocsp;
mod page;
mod payload;
mod pki;
mod sales;
mod tamper;
mod token;

pub mod messages;

use std::net::SocketAddr;
use std::sync::Mutex;

use crate::ids::Ids;
use api_key::ApiKey;
use books::Books;
use delivery::Delivery;

pub use api::{answer, responder};
pub use control::answer as control;
pub use delivery::deliver;
pub use pki::{Pki, Shape};
pub use tamper::Tamper;

/// What faults can be planned for.
pub const OPERATIONS: &[&str] = &["api", "notification", "ocsp"];

pub struct AppStore {
    apple: Pki,
    plain: Pki,
    ids: Mutex<Ids>,
    api_key: ApiKey,
    books: Mutex<Books>,
    delivery: Delivery,
    /// What the responder says of the leaf and of the intermediate.
    said: Mutex<[ocsp::Status; 2]>,
}

impl AppStore {
    /// `address` is the simulator's own.
    pub fn new(address: SocketAddr) -> Result<Self, String> {
        let responder = format!("http://{address}/app-store/ocsp");
        Ok(Self {
            apple: Pki::with_responder(Shape::Apple, Some(&responder))?,
            plain: Pki::with_responder(Shape::Plain, Some(&responder))?,
            ids: Mutex::new(Ids::random()),
            api_key: ApiKey::new()?,
            books: Mutex::default(),
            delivery: Delivery::new()?,
            said: Mutex::default(),
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
