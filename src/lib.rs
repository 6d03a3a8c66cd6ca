//! N-bbang: people near one another order delivery food together and split the fee to the won.

pub mod domain;
pub mod upstream;
