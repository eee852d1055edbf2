//! BTRT, a BitTorrent tracker for internet providers.

pub mod bittorrent;
pub mod chain;
pub mod channel;
pub mod cli;
pub mod config;
pub mod job;
pub mod logging;
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
