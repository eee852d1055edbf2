//! The sweep: every swarm and peer is looked at once in a while, a bounded number at a time, to
//! drop peers that have expired and, after a reload, to put peers into their new groups.

use super::HashKeys;
use super::busiest::Busiest;
use super::changes::Gone;
use super::groups::PeerGroups;
use super::marks::Mark;
use super::one_swarm::Family;
use super::peers::Peers;
use super::selection::Liveness;
use super::swarms::{Placed, Rules, Swarms, Totals};
use crate::bittorrent::{Counts, InfoHash};
use std::net::{Ipv4Addr, Ipv6Addr};

/// How far the present pass has got. It goes from the last swarm to the first and in each from
/// the last peer to the first, because what leaves is replaced from behind: no swarm that was
/// there when the pass began is passed over. In a large swarm whose sweep takes several pieces,
/// a peer that enters in between may move others to where the sweep has been; those that have
/// expired are found by the next pass.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    /// Swarms that the pass has still before it; `None` when it has not been begun.
    swarms_left: Option<usize>,
    /// The same for the peers of the last of these; `None` when it has not been begun.
    peers_left: Option<PeersLeft>,
    /// The pass puts peers into their new groups.
    regrouping: bool,
    /// What it has found so far.
    busiest: Busiest,
}

#[derive(Clone, Copy, Debug)]
struct PeersLeft {
    ipv4: usize,
    ipv6: usize,
}

impl Sweep {
    pub fn is_regrouping(&self) -> bool {
        self.regrouping
    }
}

impl Swarms {
    /// Begins to move every peer from the group in which it is to the one in which `groups`,
    /// from now on handed to all calls, sees it. Must not be called while [`Swarms::is_regrouping`].
    pub fn regroup(&mut self) {
        debug_assert!(!self.sweep.regrouping);
        self.edition = !self.edition;
        self.sweep = Sweep {
            regrouping: true,
            ..Sweep::default()
        };
    }

    /// The swarms with the most peers when the last pass of the sweep came by, the largest first.
    pub fn busiest(&self) -> &[(InfoHash, Counts)] {
        self.busiest.as_slice()
    }

    /// Whether some peers are still in the groups of the time before [`Swarms::regroup`].
    pub fn is_regrouping(&self) -> bool {
        self.sweep.regrouping
    }

    /// Looks at about `budget` swarms and peers and returns true at the end of a pass, with the
    /// next call beginning another one.
    pub fn sweep(&mut self, budget: usize, groups: &PeerGroups, liveness: Liveness) -> bool {
        let mut budget = budget;
        let swarms = self.swarms.len();
        let mut left = self.sweep.swarms_left.unwrap_or(swarms);
        if swarms < left {
            // The swarm that was last is forgotten, and how far it had been swept with it.
            left = swarms;
            self.sweep.peers_left = None;
        }
        while let Some(slot) = left.checked_sub(1) {
            if budget == 0 {
                self.sweep.swarms_left = Some(left);
                return false;
            }
            budget -= 1;
            if self.sweep_swarm(slot, &mut budget, groups, liveness) {
                left = slot;
            }
        }
        self.busiest = std::mem::take(&mut self.sweep).busiest;
        true
    }

    /// Returns true when the swarm is done with.
    fn sweep_swarm(
        &mut self,
        slot: usize,
        budget: &mut usize,
        groups: &PeerGroups,
        liveness: Liveness,
    ) -> bool {
        let swarm = &mut self.swarms[slot];
        let (before, info_hash) = (swarm.len(), swarm.info_hash());
        let left = self.sweep.peers_left.get_or_insert(PeersLeft {
            ipv4: Ipv4Addr::peers(swarm).map_or(0, Peers::len),
            ipv6: Ipv6Addr::peers(swarm).map_or(0, Peers::len),
        });
        let mut sweeper = Sweeper {
            info_hash,
            gone: &mut self.gone,
            changed: false,
            keys: &self.keys,
            rules: &self.rules,
            totals: &mut self.totals,
            edition: self.edition,
            groups,
            liveness,
        };
        let mut done = sweeper.sweep(Ipv4Addr::peers_mut(swarm), &mut left.ipv4, budget);
        if Ipv6Addr::peers(swarm).is_some() {
            done &= sweeper.sweep(Ipv6Addr::peers_mut(swarm), &mut left.ipv6, budget);
        }
        swarm.changed |= sweeper.changed;
        if done {
            self.sweep.peers_left = None;
            self.sweep.busiest.offer(swarm);
        }
        if swarm.len() != before {
            self.note_size(slot);
        }
        done
    }
}

struct Sweeper<'a> {
    info_hash: InfoHash,
    gone: &'a mut Gone,
    /// Something that the database is to be told.
    changed: bool,
    keys: &'a HashKeys,
    rules: &'a Rules,
    totals: &'a mut Totals,
    edition: bool,
    groups: &'a PeerGroups,
    liveness: Liveness,
}

impl Sweeper<'_> {
    /// Returns true when all peers have been looked at.
    fn sweep<A: Family>(
        &mut self,
        peers: &mut Peers<A>,
        left: &mut usize,
        budget: &mut usize,
    ) -> bool {
        while let Some(position) = self.stale(peers) {
            if *budget == 0 {
                return false;
            }
            *budget -= 1;
            self.regroup(peers, position);
        }
        *left = peers.len().min(*left);
        while let Some(position) = left.checked_sub(1) {
            if *budget == 0 {
                return false;
            }
            *budget -= 1;
            *left = position;
            if !self.liveness.is_alive(peers.hot(position).last_announce) {
                let (class, peer) = peers.remove(position, self.keys);
                self.totals.subtract(class);
                self.gone.peer(self.info_hash, peer.ip, peer.port);
                self.changed = true;
            }
        }
        true
    }

    /// A peer of the other edition: none is left when all have been moved, whatever clients
    /// announce in between. It is the one beside those of the same class in this edition, as most
    /// keep their group.
    fn stale<A: Family>(&self, peers: &Peers<A>) -> Option<usize> {
        let mut segments = peers.segments();
        let stale = segments.find(|(class, _)| class.edition != self.edition);
        stale.map(|(_, range)| match self.edition {
            true => range.end - 1,
            false => range.start,
        })
    }

    fn regroup<A: Family>(&mut self, peers: &mut Peers<A>, position: usize) {
        let class = peers.class(position);
        let mut peer = peers.get(position);
        let placed = Placed {
            group: self.groups.find(peer.ip.into()),
            edition: self.edition,
        };
        let new = self.rules.class((peer.ip, peer.port), placed, class.seeder);
        if class.group != new.group {
            peer.marks.set(Mark::Changed, true);
            peers.set(position, peer);
            self.changed = true;
        }
        peers.reclassify(position, new, self.keys);
        self.totals.subtract(class);
        self.totals.add(new);
    }
}
