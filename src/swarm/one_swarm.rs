//! One swarm: its peers of both address families, and its counts.

use super::address::Address;
use super::groups::OTHER;
use super::peer::Class;
use super::peers::Peers;
use crate::bittorrent::{Counts, InfoHash};
use crate::chain::{Linked, Links};
use std::net::{Ipv4Addr, Ipv6Addr};

/// All peers of one info hash.
#[derive(Debug)]
pub struct Swarm {
    pub(super) info_hash: InfoHash,
    pub(super) ipv4: Peers<Ipv4Addr>,
    /// Most swarms have none.
    ipv6: Option<Box<Peers<Ipv6Addr>>>,
    pub(super) completions: u32,
    /// The database has not been told the latest of the swarm or of some of its peers.
    pub(super) changed: bool,
    /// See [`Swarms::begin_comparison`].
    pub(super) compared: bool,
    /// Whether the swarm is in the chain of those with a single peer, and where.
    pub(super) single: bool,
    links: Links,
}

impl Linked for Swarm {
    fn links(&mut self) -> &mut Links {
        &mut self.links
    }
}

/// The address families: which of a swarm's peers are of this one.
pub trait Family: Address {
    /// The swarm's peers of this family; `None` if there never was one.
    fn peers(swarm: &Swarm) -> Option<&Peers<Self>>;

    /// The same, to be changed.
    fn peers_mut(swarm: &mut Swarm) -> &mut Peers<Self>;
}

impl Family for Ipv4Addr {
    fn peers(swarm: &Swarm) -> Option<&Peers<Self>> {
        Some(&swarm.ipv4)
    }

    fn peers_mut(swarm: &mut Swarm) -> &mut Peers<Self> {
        &mut swarm.ipv4
    }
}

impl Family for Ipv6Addr {
    fn peers(swarm: &Swarm) -> Option<&Peers<Self>> {
        swarm.ipv6.as_deref()
    }

    fn peers_mut(swarm: &mut Swarm) -> &mut Peers<Self> {
        swarm.ipv6.get_or_insert_default()
    }
}

impl Swarm {
    pub(super) fn new(info_hash: InfoHash) -> Swarm {
        Swarm {
            info_hash,
            ipv4: Peers::default(),
            ipv6: None,
            completions: 0,
            changed: false,
            compared: false,
            single: false,
            links: Links::default(),
        }
    }

    /// Reads from all over the swarm's own memory, so that it is at hand when it is needed.
    pub(super) fn touch(&self) -> u32 {
        let [first, .., last] = self.info_hash.0;
        let ipv6 = self.ipv6.is_some();
        let bytes = u32::from(first) ^ u32::from(last) ^ u32::from(ipv6);
        bytes ^ self.ipv4.len() as u32 ^ self.completions
    }

    /// Which torrent it is about.
    pub fn info_hash(&self) -> InfoHash {
        self.info_hash
    }

    /// How many peers it has.
    pub fn len(&self) -> usize {
        self.ipv4.len() + self.ipv6.as_ref().map_or(0, |peers| peers.len())
    }

    /// Whether it has none, for the moment before it is forgotten.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a peer of a configured group has announced here. Such swarms are worth asking
    /// others about.
    pub fn has_members(&self) -> bool {
        fn any<A: Address>(peers: &Peers<A>) -> bool {
            let mut segments = peers.segments();
            segments.any(|(class, _)| class.group != OTHER)
        }
        any(&self.ipv4) || self.ipv6.as_ref().is_some_and(|peers| any(peers))
    }

    /// How many peers of configured groups it has of the classes that may count.
    pub fn members(&self, may_count: impl Fn(&Class) -> bool) -> usize {
        fn count<A: Address>(peers: &Peers<A>, may_count: impl Fn(&Class) -> bool) -> usize {
            let segments = peers.segments();
            let members = segments.filter(|(class, _)| class.group != OTHER && may_count(class));
            members.map(|(_, range)| range.len()).sum()
        }
        let ipv6 = self.ipv6.as_ref();
        count(&self.ipv4, &may_count) + ipv6.map_or(0, |peers| count(peers, &may_count))
    }

    /// Its peers by kind, and its finished downloads.
    pub fn counts(&self) -> Counts {
        fn add<A: Address>(counts: &mut Counts, peers: &Peers<A>) {
            for (class, range) in peers.segments() {
                let kind = match class.seeder {
                    true => &mut counts.seeders,
                    false => &mut counts.leechers,
                };
                *kind += range.len() as u32;
            }
        }
        let mut counts = Counts {
            completions: self.completions,
            ..Counts::default()
        };
        add(&mut counts, &self.ipv4);
        if let Some(peers) = &self.ipv6 {
            add(&mut counts, peers);
        }
        counts
    }
}
