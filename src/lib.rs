//! BTRT, a BitTorrent tracker for internet providers.

pub mod bittorrent;
pub mod config;
