//! What always holds between two calls. Looked at after every change in debug builds, as long as
//! there is so little that this costs nothing.

use super::address::Address;
use super::peers::Peers;
use super::swarms::{Swarms, Totals};

/// Beyond so many swarms and peers nothing is counted.
const FEW: usize = 200;

impl Swarms {
    /// Panics if sums, index or chain say anything else than the swarms themselves.
    pub fn check_invariants(&self) {
        if self.swarms.len() + self.totals.peers() > FEW {
            return;
        }
        let mut counted = Totals::default();
        let mut singles = 0;
        for (slot, swarm) in self.swarms.iter().enumerate() {
            assert!(!swarm.is_empty(), "a swarm without peers is remembered");
            assert_eq!(
                self.place(&swarm.info_hash),
                Some(slot),
                "the index is wrong"
            );
            assert_eq!(
                swarm.single,
                swarm.len() == 1,
                "a swarm is in the wrong chain"
            );
            singles += usize::from(swarm.single);
            count(&swarm.ipv4, &mut counted);
            if let Some(peers) = super::Family::peers(swarm) {
                count::<std::net::Ipv6Addr>(peers, &mut counted);
            }
        }
        assert_eq!(self.singles.len(), singles, "the chain has lost a swarm");
        counted.by_group.resize(self.totals.by_group.len(), 0);
        assert_eq!(self.totals, counted, "the sums are wrong");
    }
}

fn count<A: Address>(peers: &Peers<A>, counted: &mut Totals) {
    for (class, range) in peers.segments() {
        range.for_each(|_| counted.add(class));
    }
}
