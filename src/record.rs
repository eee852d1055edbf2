//! What the database remembers, as the loop and the database's worker hand it to each other.
//!
//! Times are the daemon's own ([`Timestamp`]); the worker knows the calendar.

use crate::bittorrent::{InfoHash, PeerId};
use crate::time::Timestamp;
use std::net::IpAddr;
use std::sync::Arc;

/// Which peer, in the order in which a database lists them: by info hash, then by the bytes of
/// the address, then by port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerKey {
    /// Its swarm.
    pub info_hash: InfoHash,
    /// Its address.
    pub ip: IpAddr,
    /// Its port; 0 if it has none.
    pub port: u16,
}

/// A row of `peers`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerRecord {
    /// Which peer.
    pub key: PeerKey,
    /// What it calls itself.
    pub peer_id: PeerId,
    /// Whether it has the whole content.
    pub seeder: bool,
    /// Its `completed` has been counted.
    pub completed: bool,
    /// The name of its peer group when it was written. Nothing that is read back.
    pub group: Arc<str>,
    /// How it came to be known.
    pub origin: Origin,
    /// When it last announced.
    pub last_announce: Timestamp,
}

/// How a peer that announced here did it. Peers learned from others are never stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// It asked this tracker.
    #[default]
    Announced,
    /// It asked an external tracker, and the DPI platform forwarded that.
    Forwarded,
}

/// A row of `torrents`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SwarmRecord {
    /// Which swarm.
    pub info_hash: InfoHash,
    /// Peers with the whole content.
    pub seeders: u32,
    /// Peers without.
    pub leechers: u32,
    /// Downloads finished.
    pub completions: u32,
    /// When the swarm last changed; also when it was first seen, if it is new to the database.
    pub last_seen: Timestamp,
}

/// What has changed since the last time: a batch, written again from its beginning if that fails.
/// First what is gone is removed, a swarm together with its peers, then the rest is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// The present, which the times in here are told from.
    pub now: Timestamp,
    /// Swarms without peers.
    pub gone_swarms: Vec<InfoHash>,
    /// Peers that stopped or expired.
    pub gone_peers: Vec<PeerKey>,
    /// Swarms that are new or different.
    pub swarms: Vec<SwarmRecord>,
    /// Peers that are new or different.
    pub peers: Vec<PeerRecord>,
}
