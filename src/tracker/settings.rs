//! The numbers that the operator may set.

use super::{ForwardSettings, NeighborSettings, UpstreamLimits};
use crate::swarm::Rules;

/// What the tracker goes by. Times are in seconds.
#[derive(Clone, Debug)]
pub struct Settings {
    /// When clients are told to come again, give or take a tenth.
    pub interval: u32,
    /// When they are told that they may come again; at most `interval`.
    pub min_interval: u32,
    /// Peers for a client that does not say how many it wants.
    pub numwant: u32,
    /// Peers for one that wants many.
    pub max_numwant: u32,
    /// A priority with which an answer gets this many peers is the last that fills it.
    pub enough_peers: u32,
    /// Places that are kept for the priorities after that.
    pub outside_peers: u32,
    /// Info hashes in one scrape.
    pub max_scrape: usize,
    /// Whether a scrape without info hash is answered with everything.
    pub full_scrape: bool,
    /// Groups up to this priority are the own network: for the figures that tell what stays inside,
    /// and for the hash list.
    pub inside_priority: u32,
    /// With so many peers inside, a swarm is in the hash list.
    pub hash_list_min_peers: u32,
    /// How often changes are written to the database; `None` without one. A reload does not
    /// change it.
    pub flush_interval: Option<u32>,
    /// Limits of the swarms.
    pub rules: Rules,
    /// Partners' trackers.
    pub neighbors: Vec<NeighborSettings>,
    /// External trackers.
    pub forward: ForwardSettings,
    /// How much is fetched at the same time.
    pub upstream_limits: UpstreamLimits,
}

impl Default for Settings {
    /// The defaults of the configuration file, without a database.
    fn default() -> Self {
        Settings {
            interval: 1800,
            min_interval: 300,
            numwant: 50,
            max_numwant: 200,
            enough_peers: 30,
            outside_peers: 4,
            max_scrape: 100,
            full_scrape: false,
            inside_priority: 0,
            hash_list_min_peers: 1,
            flush_interval: None,
            rules: Rules {
                max_peers: 20_000_000,
                max_peers_per_address: 64,
                peer_expiry_interval: 4500,
                refused_ports: vec![22, 23, 25, 53, 110, 135, 139, 143, 445, 3306, 3389],
            },
            neighbors: Vec::new(),
            forward: ForwardSettings::default(),
            upstream_limits: UpstreamLimits {
                threads: 16,
                max_pending: 4096,
                per_host: 4,
            },
        }
    }
}
