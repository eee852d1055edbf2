//! What another tracker is asked, and what it says.

use super::{Counts, Event, InfoHash, PeerId};
use std::net::{Ipv4Addr, SocketAddr};

/// A question to another tracker. Over HTTP it is all in the URL; these fields are what BEP 15
/// says with numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpstreamRequest {
    /// An announce in a client's name.
    Announce {
        /// Which swarm.
        info_hash: InfoHash,
        /// Who.
        peer_id: PeerId,
        /// Bytes received so far.
        downloaded: u64,
        /// Bytes still missing.
        left: u64,
        /// Bytes sent so far.
        uploaded: u64,
        /// What has just happened.
        event: Event,
        /// The client's address; `None` leaves it to the tracker.
        ip: Option<Ipv4Addr>,
        /// What the client is known by if its address changes.
        key: u32,
        /// How many peers are wanted; `None` leaves it to the tracker.
        numwant: Option<u32>,
        /// Where the client accepts connections; 0 if nowhere.
        port: u16,
    },
    /// A scrape.
    Scrape {
        /// Of these swarms.
        hashes: Vec<InfoHash>,
    },
}

/// What another tracker said to an announce or a scrape; what it left out or what made no sense is
/// absent. Numbers are cut to 31 bits, the most that clients read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpstreamReply {
    /// Peers of both address families, none of them twice.
    pub peers: Vec<SocketAddr>,
    /// Peers that have the whole content; `complete` on the wire.
    pub seeders: Option<u32>,
    /// Peers that do not; `incomplete` on the wire.
    pub leechers: Option<u32>,
    /// Downloads finished; `downloaded` on the wire.
    pub completions: Option<u32>,
    /// When to come again, in seconds.
    pub interval: Option<u32>,
    /// When to come again at the earliest, in seconds.
    pub min_interval: Option<u32>,
    /// It refuses.
    pub failure: Option<Refusal>,
    /// A `warning message` for the client's user.
    pub warning: Option<String>,
    /// What a scrape found.
    pub files: Vec<(InfoHash, Counts)>,
}

/// A `failure reason` (BEP 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// For the client's user.
    pub reason: String,
    /// When to try again (BEP 31), in seconds; [`u32::MAX`] means never.
    pub retry_in: Option<u32>,
}
