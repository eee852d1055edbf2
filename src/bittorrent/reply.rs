//! What a client is told.

use super::{BadTarget, PeerId};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// How many peers a swarm has, and how many downloads were completed in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Peers that have the whole content; `complete` on the wire.
    pub seeders: u32,
    /// Peers that do not; `incomplete` on the wire.
    pub leechers: u32,
    /// Downloads finished; `downloaded` on the wire.
    pub completions: u32,
}

/// Peers of one address family, in the order in which the client is to see them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerList {
    /// Address and port of each in network byte order: 6 bytes for IPv4 (BEP 23), 18 for IPv6
    /// (BEP 7).
    pub compact: Vec<u8>,
    /// The id of each that is known, if ids were asked for; else empty.
    pub ids: Vec<Option<PeerId>>,
}

impl PeerList {
    /// Forgets the peers and keeps the memory.
    pub fn clear(&mut self) {
        self.compact.clear();
        self.ids.clear();
    }
}

/// The answer to an announce. Times are in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnounceReply {
    /// The swarm as a whole.
    pub counts: Counts,
    /// When the client shall come again.
    pub interval: u32,
    /// When it may come again at the earliest; never above `interval`.
    pub min_interval: u32,
    /// The address the client was seen with (BEP 24).
    pub external_ip: IpAddr,
    /// IPv4 peers.
    pub peers: PeerList,
    /// IPv6 peers.
    pub peers6: PeerList,
    /// A `warning message` for the client's user.
    pub warning: Option<Arc<str>>,
}

impl Default for AnnounceReply {
    fn default() -> Self {
        AnnounceReply {
            counts: Counts::default(),
            interval: 0,
            min_interval: 0,
            external_ip: Ipv4Addr::UNSPECIFIED.into(),
            peers: PeerList::default(),
            peers6: PeerList::default(),
            warning: None,
        }
    }
}

/// Why a client gets no answer: the `failure reason` of BEP 3, in plain English for its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A parameter of 20 bytes is absent.
    Missing(&'static str),
    /// A parameter of 20 bytes has another length once it is percent-decoded.
    WrongLength(&'static str, usize),
    /// A scrape without `info_hash` where full scrapes are off.
    FullScrapeOff,
    /// A scrape none of whose `info_hash` has 20 bytes.
    NothingToScrape,
    /// A forwarded announce from an address that may not forward.
    MayNotForward(IpAddr),
    /// A forwarded announce that does not say where it was meant for.
    NoTracker,
    /// One that was meant for something that is no tracker's URL.
    BadTracker(BadTarget),
    /// One whose `client_ip` is no address.
    BadClientAddress,
    /// It is our own request, come back to us.
    Loop,
    /// What an external tracker said.
    Upstream(Arc<str>),
    /// There is no answer, for a fault of our own.
    Internal,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Missing(name) => write!(f, "{name} is missing"),
            Failure::WrongLength(name, length) => {
                write!(f, "{name} must have 20 bytes, but has {length}")
            }
            Failure::FullScrapeOff => {
                f.write_str("a scrape of all torrents is not offered here, name an info_hash")
            }
            Failure::NothingToScrape => {
                f.write_str("none of the info_hash parameters has 20 bytes")
            }
            Failure::NoTracker => f.write_str("a forwarded announce must name its tracker"),
            Failure::BadTracker(why) => write!(f, "the tracker cannot be asked: {why}"),
            Failure::BadClientAddress => f.write_str("client_ip must be an IP address"),
            Failure::Loop => f.write_str("this request has come back to where it was sent from"),
            Failure::Upstream(reason) => f.write_str(reason),
            Failure::Internal => f.write_str("the tracker cannot answer this at the moment"),
            Failure::MayNotForward(address) => {
                write!(f, "announces may not be forwarded from {address}")
            }
        }
    }
}
