//! Having the processor fetch from memory what announces are about to look at, for several of
//! them together.
//!
//! To find a peer takes a handful of reads, each of which says where the next one is, and in a
//! large tracker none of them is in a cache. One announce waits for them one after the other. Of
//! several that are known to come, all first reads are waited for together, then all second ones.
//! Nothing is decided here: whoever guesses wrong has something fetched in vain.
//!
//! A processor looks no more than a few hundred instructions ahead: only reads that stand close to
//! each other are waited for together. So a loop here either calculates or reads.

use super::address::HashKeys;
use super::one_swarm::{Family, Swarm};
use super::peers::Peers;
use super::swarms::Swarms;
use crate::bittorrent::InfoHash;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// So many at a time: the processor cannot wait for many more reads than that.
const TOGETHER: usize = 16;

/// How far it is known where an announce will look.
#[derive(Clone, Copy, Default)]
struct Way<'a> {
    swarm_hash: u64,
    peer_hash: u64,
    swarm: Option<&'a Swarm>,
    peers: Option<&'a dyn Foreseen>,
    position: Option<usize>,
}

/// Peers of either family.
trait Foreseen {
    /// Reads what every search begins with.
    fn touch(&self) -> u32;
    /// Reads where the search for an address of this hash goes on.
    fn touch_slot(&self, hash: u64) -> u32;
    /// Where it will most likely end.
    fn likely(&self, hash: u64) -> Option<usize>;
    /// Reads the peer there.
    fn touch_peer(&self, position: usize) -> u32;
}

impl<A: Family> Foreseen for Peers<A> {
    fn touch(&self) -> u32 {
        self.touch()
    }

    fn touch_slot(&self, hash: u64) -> u32 {
        self.touch_slot(hash)
    }

    fn likely(&self, hash: u64) -> Option<usize> {
        self.likely(hash)
    }

    fn touch_peer(&self, position: usize) -> u32 {
        self.touch_peer(position)
    }
}

impl Swarms {
    /// Fetches what announces of these torrents from these addresses will read.
    pub fn foresee(&self, coming: &[(InfoHash, IpAddr)]) {
        for coming in coming.chunks(TOGETHER) {
            self.foresee_together(coming);
        }
    }

    fn foresee_together(&self, coming: &[(InfoHash, IpAddr)]) {
        let mut ways = [Way::default(); TOGETHER];
        let ways = &mut ways[..coming.len()];
        for (way, (info_hash, ip)) in ways.iter_mut().zip(coming) {
            way.swarm_hash = self.keys.hash_bytes(&info_hash.0);
            way.peer_hash = hash_of(*ip, &self.keys);
        }
        let mut read = 0;
        for way in &*ways {
            read ^= self.index.touch(way.swarm_hash);
        }
        for way in &mut *ways {
            let likely = self.index.likely(way.swarm_hash);
            way.swarm = likely.map(|slot| &self.swarms[slot]);
        }
        for swarm in ways.iter().filter_map(|way| way.swarm) {
            read ^= swarm.touch();
        }
        for (way, (_, ip)) in ways.iter_mut().zip(coming) {
            way.peers = way.swarm.and_then(|swarm| peers_of(swarm, *ip));
        }
        for peers in ways.iter().filter_map(|way| way.peers) {
            read ^= peers.touch();
        }
        for way in &*ways {
            read ^= way.peers.map_or(0, |peers| peers.touch_slot(way.peer_hash));
        }
        for way in &mut *ways {
            way.position = way.peers.and_then(|peers| peers.likely(way.peer_hash));
        }
        for (peers, position) in ways.iter().filter_map(|way| way.peers.zip(way.position)) {
            read ^= peers.touch_peer(position);
        }
        black_box(read);
    }
}

fn hash_of(ip: IpAddr, keys: &HashKeys) -> u64 {
    match ip {
        IpAddr::V4(ip) => keys.hash_address(ip),
        IpAddr::V6(ip) => keys.hash_address(ip),
    }
}

fn peers_of(swarm: &Swarm, ip: IpAddr) -> Option<&dyn Foreseen> {
    match ip {
        IpAddr::V4(_) => Ipv4Addr::peers(swarm).map(|peers| peers as _),
        IpAddr::V6(_) => Ipv6Addr::peers(swarm).map(|peers| peers as _),
    }
}
