//! BTRT, a BitTorrent tracker for internet providers.

pub mod bittorrent;
pub mod chain;
pub mod channel;
pub mod config;
pub mod job;
pub mod protocol;
pub mod reactor;
pub mod swarm;
pub mod time;
pub mod tracker;
pub mod worker;
