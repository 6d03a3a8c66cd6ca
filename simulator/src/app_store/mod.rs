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
    /// `url` is where the simulator is reached.
    pub fn new(url: &str) -> Result<Self, String> {
        let responder = format!("{url}/app-store/ocsp");
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

    /// What signs for it in the end, as Apple's own certificates are shaped.
    pub fn root_der(&self) -> Vec<u8> {
        self.apple.root_der().to_vec()
    }

    pub fn api_key_pem(&self) -> String {
        self.api_key.pem()
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
