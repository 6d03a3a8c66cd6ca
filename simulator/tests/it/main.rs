//! The simulator as its users see it: real sockets, one simulator per test.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails, also in its harness")]

mod app_store;
mod app_store_delivery;
mod faults;
mod fixtures;
mod harness;
mod kakao;
mod pages;
mod process;
mod push;
mod rules;
mod webhooks;
