//! Whole-program tests: each starts the real binary and speaks real TCP to it.
//!
//! `harness` is the machinery; every other module is named after the part of the product it
//! tests. A test starts a daemon of its own on a port that the kernel chooses and kills it by
//! its process id when it ends, also when it fails. Nothing sleeps and hopes: what takes time is
//! waited for with a deadline. It is one test crate, so that there is one binary to link.

#![expect(
    clippy::disallowed_methods,
    clippy::panic,
    reason = "waiting with a deadline needs the real clock, and a helper fails its test by panicking"
)]

mod admin;
mod announce;
mod announce_answer;
mod captures;
mod clients;
mod command_line;
mod descriptors;
mod expiry;
mod explain;
mod fairness;
mod harness;
mod hash_list;
mod http;
mod http_errors;
mod limits;
mod poisoning;
mod priority;
mod proxies;
mod query;
mod scrape;
mod signals;
mod stats;
mod status;
mod threads;
mod unix;
mod visibility;
