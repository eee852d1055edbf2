//! What has changed since the database was last told.
//!
//! A peer that has changed costs one bit; a peer that is gone is kept in a list until the next
//! write. The list is bounded: where it overflows (a database that is away for long), the rows of
//! the database are compared with the memory afterwards (see `comparison`), and what nobody knows
//! any more is removed. The same comparison, with peers put back instead of removed, loads a daemon
//! that has just started.

use super::groups::PeerGroups;
use super::marks::Mark;
use super::one_swarm::{Family, Swarm};
use super::peer::{Class, Peer};
use super::peers::Peers;
use super::swarms::Swarms;
use crate::bittorrent::InfoHash;
use crate::record::{Changes, Origin, PeerKey, PeerRecord, SwarmRecord};
use crate::time::Timestamp;
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Peers and swarms that are gone and of which the database has not been told. 26 bytes each: more
/// than a write takes at once, and little beside the peers.
const MAX_GONE: usize = 200_000;

/// Who is gone since the last write.
#[derive(Debug, Default)]
pub(super) struct Gone {
    /// There is a database to tell.
    pub wanted: bool,
    /// It may know peers that are not known here yet.
    pub loading: bool,
    peers: Vec<PeerKey>,
    swarms: Vec<InfoHash>,
    /// The same as `swarms`. Rows of the database are looked up here a thousand at a time, and the
    /// list may be long.
    set_of_swarms: HashSet<InfoHash>,
    /// Peers that have left while the database was being loaded: its rows must not bring them back.
    left: HashSet<PeerKey>,
    /// Some more are gone, nobody knows which.
    pub overflowed: bool,
}

impl Gone {
    /// A peer has left.
    pub fn peer<A: Into<IpAddr>>(&mut self, info_hash: InfoHash, ip: A, port: u16) {
        let ip = ip.into();
        let key = PeerKey {
            info_hash,
            ip,
            port,
        };
        if self.row_of_peer(key) && self.loading {
            self.left.insert(key);
        }
    }

    /// The database has a row of a peer that is not there. Says whether there was room to note it.
    pub fn row_of_peer(&mut self, key: PeerKey) -> bool {
        let has_room = self.has_room();
        if has_room {
            self.peers.push(key);
        }
        has_room
    }

    /// A swarm has no peers any more.
    pub fn swarm(&mut self, info_hash: InfoHash) {
        if self.has_room() {
            self.swarms.push(info_hash);
            self.set_of_swarms.insert(info_hash);
        }
    }

    /// Whether a peer has left while the database was being loaded.
    pub fn has_left(&self, key: &PeerKey) -> bool {
        self.left.contains(key)
    }

    /// Whether a swarm is among those that the database is to be told of.
    pub fn has_swarm(&self, info_hash: &InfoHash) -> bool {
        self.set_of_swarms.contains(info_hash)
    }

    /// These are back, and nothing is to be told of them.
    pub fn return_swarms(&mut self, returned: &HashSet<InfoHash>) {
        if !returned.is_empty() {
            self.swarms.retain(|hash| !returned.contains(hash));
            self.set_of_swarms.retain(|hash| !returned.contains(hash));
        }
    }

    /// All that the database knew has been read.
    fn end_loading(&mut self) {
        self.loading = false;
        self.left = HashSet::new();
    }

    /// The database is about to be told.
    fn hand_over(&mut self, changes: &mut Changes) {
        changes.gone_peers.append(&mut self.peers);
        changes.gone_swarms.append(&mut self.swarms);
        self.set_of_swarms = HashSet::new();
    }

    fn has_room(&mut self) -> bool {
        let full = self.peers.len() + self.swarms.len() >= MAX_GONE;
        self.overflowed |= full && self.wanted;
        self.wanted && !full
    }
}

/// Where [`Swarms::collect_changes`] has got to.
#[derive(Debug)]
pub struct Collection {
    swarms_left: usize,
    /// The last of these, if it has been begun.
    current: Option<Current>,
    /// Peers and swarms that the last comparison has not found in the database count as changed.
    missing_too: bool,
}

#[derive(Debug)]
struct Current {
    info_hash: InfoHash,
    /// It had changed when it was begun. What changes from then on is for the next collection.
    changed: bool,
    /// Peers that are still to be looked at.
    ipv4_left: usize,
    ipv6_left: usize,
}

impl Swarms {
    /// Begins to remember what changes, for a database that will first be loaded.
    pub fn track_changes(&mut self) {
        self.gone.wanted = true;
        self.gone.loading = true;
    }

    /// All that the database knew has been handed to [`Swarms::compare_peers`].
    pub fn end_loading(&mut self) {
        self.gone.end_loading();
    }

    /// Whether more peers have gone than could be remembered, since the last comparison began.
    pub fn forgot_changes(&self) -> bool {
        self.gone.overflowed
    }

    /// Begins to look for what has changed. With `missing_too`, all that the last comparison has
    /// not found in the database has.
    pub fn begin_collection(&self, missing_too: bool) -> Collection {
        Collection {
            swarms_left: self.swarms.len(),
            current: None,
            missing_too,
        }
    }

    /// Moves what has changed into `changes`, after looking at about `budget` swarms and peers or
    /// finding `limit` of them. Returns true when all have been looked at.
    pub fn collect_changes(
        &mut self,
        collection: &mut Collection,
        (budget, limit): (usize, usize),
        groups: &PeerGroups,
        changes: &mut Changes,
    ) -> bool {
        // Whoever goes after something was collected belongs to the next transaction: this one
        // removes first and writes then, and would bring what it has collected back to life.
        if changes.peers.is_empty() && changes.swarms.is_empty() {
            self.gone.hand_over(changes);
        }
        let mut budget = budget;
        collection.swarms_left = collection.swarms_left.min(self.swarms.len());
        while let Some(slot) = collection.swarms_left.checked_sub(1) {
            if budget == 0 || changes.peers.len() + changes.swarms.len() >= limit {
                return false;
            }
            budget -= 1;
            if !self.collect_from(slot, collection, &mut budget, groups, changes) {
                return false;
            }
            collection.current = None;
            collection.swarms_left = slot;
        }
        true
    }

    /// Returns true when the swarm is done with.
    fn collect_from(
        &mut self,
        slot: usize,
        collection: &mut Collection,
        budget: &mut usize,
        groups: &PeerGroups,
        changes: &mut Changes,
    ) -> bool {
        let swarm = &mut self.swarms[slot];
        let info_hash = swarm.info_hash();
        let begun = collection.current.take();
        let begun = begun.filter(|current| current.info_hash == info_hash);
        let is_split = begun.is_some();
        let mut current = begun.unwrap_or_else(|| Current {
            info_hash,
            changed: std::mem::take(&mut swarm.changed),
            ipv4_left: usize::MAX,
            ipv6_left: usize::MAX,
        });
        let missing = collection.missing_too && swarm.compared != self.compared;
        if !current.changed && !collection.missing_too {
            return true;
        }
        let mut search = Search {
            info_hash,
            missing_unless: collection.missing_too.then_some(self.compared),
            groups,
            found: &mut changes.peers,
        };
        let mut done = search.run(Ipv4Addr::peers_mut(swarm), &mut current.ipv4_left, budget);
        if done && Ipv6Addr::peers(swarm).is_some() {
            done = search.run(Ipv6Addr::peers_mut(swarm), &mut current.ipv6_left, budget);
        }
        if !done {
            collection.current = Some(current);
            return false;
        }
        if current.changed || missing {
            changes.swarms.push(record(swarm, changes.now));
        }
        swarm.compared = self.compared;
        // Between two pieces, peers that are put into new groups may have moved past us.
        swarm.changed |= is_split && self.sweep.is_regrouping();
        true
    }
}

fn record(swarm: &Swarm, last_seen: Timestamp) -> SwarmRecord {
    let counts = swarm.counts();
    SwarmRecord {
        info_hash: swarm.info_hash(),
        seeders: counts.seeders,
        leechers: counts.leechers,
        completions: counts.completions,
        last_seen,
    }
}

/// Seconds that the database's `last_announce` of an otherwise unchanged peer may lag behind.
/// A peer that is put back after a restart then lives at least three quarters of its time.
pub(super) fn laziness(expiry: u32) -> u32 {
    expiry / 4
}

/// Looks for changed peers in one swarm.
struct Search<'a> {
    info_hash: InfoHash,
    /// Peers whose mark of comparison is another one are missing in the database.
    missing_unless: Option<bool>,
    groups: &'a PeerGroups,
    found: &'a mut Vec<PeerRecord>,
}

impl Search<'_> {
    /// Returns true when no peers are left.
    fn run<A: Family>(
        &mut self,
        peers: &mut Peers<A>,
        left: &mut usize,
        budget: &mut usize,
    ) -> bool {
        *left = peers.len().min(*left);
        while let Some(position) = left.checked_sub(1) {
            if *budget == 0 {
                return false;
            }
            *budget -= 1;
            *left = position;
            // Most are passed over, so that this is all that is read of them.
            let marks = peers.marks(position);
            let missing = self
                .missing_unless
                .is_some_and(|compared| marks.has(Mark::Compared) != compared);
            if missing || marks.has(Mark::Changed) {
                let mut peer = peers.get(position);
                peer.marks.set(Mark::Changed, false);
                let compared = self
                    .missing_unless
                    .unwrap_or(peer.marks.has(Mark::Compared));
                peer.marks.set(Mark::Compared, compared);
                peers.set(position, peer);
                let class = peers.class(position);
                self.found.push(self.record(&peer, class));
            }
        }
        true
    }

    fn record<A: Family>(&self, peer: &Peer<A>, class: Class) -> PeerRecord {
        PeerRecord {
            key: PeerKey {
                info_hash: self.info_hash,
                ip: peer.ip.into(),
                port: peer.port,
            },
            peer_id: peer.id,
            seeder: class.seeder,
            completed: peer.marks.has(Mark::Completed),
            group: self.groups.name(class.group).clone(),
            origin: if peer.marks.has(Mark::Forwarded) {
                Origin::Forwarded
            } else {
                Origin::Announced
            },
            last_announce: peer.last_announce,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::address::HashKeys;
    use super::super::selection::Liveness;
    use super::super::swarms::{Arrival, Rules};
    use super::*;
    use crate::bittorrent::PeerId;

    const LIVENESS: Liveness = Liveness {
        now: Timestamp(1_000),
        expiry: 100,
    };

    fn swarms() -> Swarms {
        let rules = Rules {
            max_peers: 1_000,
            max_peers_per_address: 64,
            peer_expiry_interval: 100,
            refused_ports: Vec::new(),
        };
        let mut swarms = Swarms::new(HashKeys(1, 2), rules);
        swarms.track_changes();
        swarms
    }

    fn announce(swarms: &mut Swarms, swarm: u8, port: u16, groups: &PeerGroups) {
        let arrival = Arrival {
            ip: Ipv4Addr::new(127, 0, 0, 1),
            port,
            id: PeerId([0; 20]),
            seeder: false,
            completed: false,
            forwarded: false,
        };
        swarms.announce(&InfoHash([swarm; 20]), &arrival, groups, LIVENESS);
    }

    fn no_changes() -> Changes {
        Changes {
            now: LIVENESS.now,
            gone_swarms: Vec::new(),
            gone_peers: Vec::new(),
            swarms: Vec::new(),
            peers: Vec::new(),
        }
    }

    #[test]
    fn who_goes_after_being_collected_is_removed_by_the_next_transaction() {
        let groups = PeerGroups::default();
        let mut swarms = swarms();
        (1..=3).for_each(|swarm| announce(&mut swarms, swarm, 7, &groups));

        let mut changes = no_changes();
        let mut collection = swarms.begin_collection(false);
        assert!(!swarms.collect_changes(&mut collection, (3, 100), &groups, &mut changes));
        let collected = changes.peers[0].key.info_hash;
        swarms.leave(&collected, Ipv4Addr::new(127, 0, 0, 1), 7);
        assert!(swarms.collect_changes(&mut collection, (100, 100), &groups, &mut changes));
        assert_eq!((changes.peers.len(), changes.swarms.len()), (3, 3));
        assert!(changes.gone_peers.is_empty() && changes.gone_swarms.is_empty());

        let mut next = no_changes();
        let mut collection = swarms.begin_collection(false);
        assert!(swarms.collect_changes(&mut collection, (100, 100), &groups, &mut next));
        assert_eq!(next.gone_swarms, [collected]);
        assert!(next.peers.is_empty() && next.swarms.is_empty());
    }

    #[test]
    fn what_changes_in_a_swarm_that_is_half_collected_is_collected_the_next_time() {
        let groups = PeerGroups::default();
        let mut swarms = swarms();
        (1..=20).for_each(|port| announce(&mut swarms, 1, port, &groups));
        let mut changes = no_changes();
        let mut collection = swarms.begin_collection(false);
        assert!(!swarms.collect_changes(&mut collection, (11, 100), &groups, &mut changes));
        assert_eq!(changes.peers.len(), 10);
        announce(&mut swarms, 1, 21, &groups);
        assert!(swarms.collect_changes(&mut collection, (100, 100), &groups, &mut changes));
        assert_eq!(changes.peers.len(), 20);
        let mut next = no_changes();
        let mut collection = swarms.begin_collection(false);
        assert!(swarms.collect_changes(&mut collection, (100, 100), &groups, &mut next));
        assert_eq!(
            next.peers
                .iter()
                .map(|row| row.key.port)
                .collect::<Vec<_>>(),
            [21]
        );
    }
}
