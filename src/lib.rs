//! N-bbang: people near one another order delivery food together and split the fee to the won.

pub mod config;
pub mod domain;
pub mod storage;
pub mod telemetry;
pub mod upstream;
