//! N-bbang: people near one another order delivery food together and split the fee to the won.

pub mod app;
pub mod config;
pub mod domain;
pub mod http;
pub mod jobs;
pub mod ops;
pub mod serve;
pub mod stop;
pub mod storage;
pub mod telemetry;
pub mod upstream;
