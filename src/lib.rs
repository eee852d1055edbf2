//! BTRT, a BitTorrent tracker for internet providers.

pub mod bittorrent;
pub mod chain;
pub mod config;
pub mod protocol;
pub mod swarm;
pub mod time;
