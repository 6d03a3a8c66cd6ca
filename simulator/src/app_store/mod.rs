//! Apple's App Store as a backend meets it: messages signed under a root of our own, and every forgery of them.

mod chain;
mod control;
mod header;
mod mold;
mod payload;
mod pki;
mod tamper;
mod token;

pub mod messages;

use std::sync::Mutex;

use crate::ids::Ids;

pub use control::answer as control;
pub use pki::{Pki, Shape};
pub use tamper::Tamper;

pub struct AppStore {
    apple: Pki,
    plain: Pki,
    ids: Mutex<Ids>,
}

impl AppStore {
    pub fn new() -> Result<Self, String> {
        Ok(Self { apple: Pki::new(Shape::Apple)?, plain: Pki::new(Shape::Plain)?, ids: Mutex::new(Ids::random()) })
    }

    fn pki(&self, shape: Shape) -> &Pki {
        match shape {
            Shape::Apple => &self.apple,
            Shape::Plain => &self.plain,
        }
    }
}
