//! BTRT, a BitTorrent tracker for internet providers: it hands out peers of the provider's own
//! network first.
//!
//! One thread, the [`reactor`], owns all sockets and the [`tracker`] with all its peers, so that
//! nothing needs a lock, and it never waits for anything but readiness. What blocks (the database,
//! asking other trackers, a scrape of everything, reading the configuration again) is done by other
//! threads, which hand the loop plain data through bounded queues and wake it.
//!
//! # The way of a request
//!
//! ```text
//! socket → reactor/connection → protocol/http/session → head → request, query
//!        → reactor/front → tracker → swarm/swarms, selection
//!        → protocol/http/response → reactor/connection → socket
//! ```
//!
//! Operators have a listener of their own, and behind it `reactor/admin_front` and [`admin`] take
//! the places of `reactor/front` and `protocol/http/response`.
//!
//! # The side way
//!
//! ```text
//! tracker → job, record → channel → worker (database) → channel → tracker → swarm
//! tracker → job → channel → worker/upstream → protocol/{upstream, udp} → channel → tracker → swarm
//! ```
//!
//! # Who knows whom
//!
//! Imports run one way; `tests/imports.rs` keeps it so. From the inside:
//!
//! - [`bittorrent`], [`time`], [`chain`], [`pace`], [`panics`] know nothing of ours;
//! - [`record`] and [`job`] are plain data between the two worlds of threads;
//! - [`protocol`] turns bytes into words and back, [`swarm`] remembers: neither knows the other,
//!   nor a socket or a clock;
//! - [`tracker`] decides, with time and randomness as arguments;
//! - [`channel`] is the queues, [`worker`] what blocks;
//! - [`admin`] is what operators see: it reads the tracker and writes documents;
//! - [`reactor`] is the loop and the sockets;
//! - [`config`], [`logging`], [`process`] are what [`startup`], the one place that sees
//!   everything, puts the rest together with; [`cli`] calls it;
//! - [`client`] asks a running daemon, over HTTP like everybody else.
//!
//! # What is deliberately absent
//!
//! No async runtime: the loop is a few hundred lines that say in which order things happen. No
//! locks, no shared memory between threads but for the lines of the log. No request bodies, no TLS
//! towards clients, no compression: no client's announce uses them.

pub mod admin;
pub mod bittorrent;
pub mod chain;
pub mod channel;
pub mod cli;
pub mod client;
pub mod config;
pub mod job;
pub mod logging;
pub mod pace;
pub mod panics;
pub mod process;
pub mod protocol;
pub mod reactor;
pub mod record;
pub mod startup;
pub mod swarm;
pub mod time;
pub mod tracker;
pub mod worker;

/// The program's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
