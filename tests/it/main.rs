//! Tests of the whole: real PostgreSQL with two party databases, the real simulator, real sockets.

#[cfg(test)]
mod cluster;
#[cfg(test)]
mod network;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod person;
#[cfg(test)]
mod redis;
#[cfg(test)]
mod scratch;
#[cfg(test)]
mod server;
#[cfg(test)]
#[path = "../shape/mod.rs"]
mod shape;
#[cfg(test)]
mod stream;
#[cfg(test)]
mod table;
#[cfg(test)]
mod wire;
#[cfg(test)]
mod world;

#[cfg(test)]
mod admin;
#[cfg(test)]
mod agreement;
#[cfg(test)]
mod app_store;
#[cfg(test)]
mod auth;
#[cfg(test)]
mod books;
#[cfg(test)]
mod boosts;
#[cfg(test)]
mod cache;
#[cfg(test)]
mod cache_history;
#[cfg(test)]
mod cache_outages;
#[cfg(test)]
mod cached;
#[cfg(test)]
mod canaries;
#[cfg(test)]
mod catalogue;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod crashes;
#[cfg(test)]
mod crowd;
#[cfg(test)]
mod databases;
#[cfg(test)]
mod devices;
#[cfg(test)]
mod ending;
#[cfg(test)]
mod erasure;
#[cfg(test)]
mod events;
#[cfg(test)]
mod events_history;
#[cfg(test)]
mod fault_matrix;
#[cfg(test)]
mod headers;
#[cfg(test)]
mod hints;
#[cfg(test)]
mod history;
#[cfg(test)]
mod hosting;
#[cfg(test)]
mod idempotency;
#[cfg(test)]
mod ids;
#[cfg(test)]
mod invitations;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod location_uses;
#[cfg(test)]
mod main_job;
#[cfg(test)]
mod malformed;
#[cfg(test)]
mod malformed_storm;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod migrate;
#[cfg(test)]
mod moves;
#[cfg(test)]
mod nearby;
#[cfg(test)]
mod orders;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod parties;
#[cfg(test)]
mod payment_faults;
#[cfg(test)]
mod payments;
#[cfg(test)]
mod places;
#[cfg(test)]
mod plus;
#[cfg(test)]
mod preferences;
#[cfg(test)]
mod privacy;
#[cfg(test)]
mod purchases;
#[cfg(test)]
mod push;
#[cfg(test)]
mod races;
#[cfg(test)]
mod refund_faults;
#[cfg(test)]
mod refunds;
#[cfg(test)]
mod reports;
#[cfg(test)]
mod response_only;
#[cfg(test)]
mod retention;
#[cfg(test)]
mod roles;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod search;
#[cfg(test)]
mod shards;
#[cfg(test)]
mod sign_in;
#[cfg(test)]
mod sockets;
#[cfg(test)]
mod store;
#[cfg(test)]
mod storms;
#[cfg(test)]
mod survival;
#[cfg(test)]
mod traces;
#[cfg(test)]
mod trust;
#[cfg(test)]
mod waits;
#[cfg(test)]
mod words;
