//! The vocabulary of the BitTorrent tracker protocol.
