//! Having the processor fetch from memory what announces are about to look at, for several of
//! them together.
//!
//! To find a peer takes a handful of reads, each of which says where the next one is, and in a
//! large tracker none of them is in a cache. One announce waits for them one after the other. Of
//! several that are known to come, all first reads are waited for together, then all second ones.
//! Nothing is decided here: whoever guesses wrong has something fetched in vain.

use super::address::HashKeys;
use super::one_swarm::{Family, Swarm};
use super::swarms::Swarms;
use crate::bittorrent::InfoHash;
use std::hint::black_box;
use std::net::IpAddr;

/// So many at a time: the processor cannot wait for many more reads than that.
const TOGETHER: usize = 16;

impl Swarms {
    /// Fetches what announces of these torrents from these addresses will read.
    pub fn foresee(&self, coming: &[(InfoHash, IpAddr)]) {
        for coming in coming.chunks(TOGETHER) {
            self.foresee_together(coming);
        }
    }

    fn foresee_together(&self, coming: &[(InfoHash, IpAddr)]) {
        let mut hashes = [0; TOGETHER];
        let mut read = 0;
        for (hash, (info_hash, _)) in hashes.iter_mut().zip(coming) {
            *hash = self.keys.hash_bytes(&info_hash.0);
            read ^= self.index.touch(*hash);
        }
        let mut swarms = [None; TOGETHER];
        for ((swarm, hash), (_, ip)) in swarms.iter_mut().zip(hashes).zip(coming) {
            let likely = self.index.likely(hash).map(|slot| &self.swarms[slot]);
            *swarm = likely.map(|swarm| (swarm, *ip));
            read ^= likely.map_or(0, Swarm::touch);
        }
        for step in [Step::Beginnings, Step::Slot, Step::Peer] {
            for (swarm, ip) in swarms.iter().flatten() {
                read ^= match ip {
                    IpAddr::V4(ip) => touch(swarm, *ip, step, &self.keys),
                    IpAddr::V6(ip) => touch(swarm, *ip, step, &self.keys),
                };
            }
        }
        black_box(read);
    }
}

/// What is read of a swarm's peers, each step knowing where by the one before.
#[derive(Clone, Copy)]
enum Step {
    /// Where the classes, the index and the peers begin.
    Beginnings,
    /// The slot of the index.
    Slot,
    /// The peer.
    Peer,
}

fn touch<A: Family>(swarm: &Swarm, ip: A, step: Step, keys: &HashKeys) -> u32 {
    let Some(peers) = A::peers(swarm) else {
        return 0;
    };
    match step {
        Step::Beginnings => peers.touch(),
        Step::Slot => peers.touch_slot(ip, keys),
        Step::Peer => peers.touch_likely(ip, keys),
    }
}
