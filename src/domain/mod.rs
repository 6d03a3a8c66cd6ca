//! The rules: pure Rust without async, input, output, a clock or randomness of its own.

pub mod error;
pub mod id;
pub mod order;
pub mod text;
pub mod user;

/// A moment of the rules' clock, UTC, to the millisecond.
pub type Time = time::OffsetDateTime;
