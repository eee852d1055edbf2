//! The rows of the database beside the memory: what differs is marked, what nobody knows is gone,
//! or, when a daemon that has just started loads, put back.

use super::changes::laziness;
use super::groups::PeerGroups;
use super::marks::{Mark, Marks, Stamp};
use super::one_swarm::Family;
use super::peer::{Class, Peer};
use super::selection::Liveness;
use super::swarms::{Placed, Swarms};
use crate::record::{Origin, PeerKey, PeerRecord, SwarmRecord};
use std::collections::HashSet;
use std::net::IpAddr;

impl Swarms {
    /// Begins a comparison of all rows of the database with the memory.
    pub fn begin_comparison(&mut self) {
        self.compared = !self.compared;
        self.gone.overflowed = false;
    }

    /// Compares rows of peers. What is different is marked as changed, and what is not known is
    /// gone; or with `restore`, while a daemon that has just started loads, put back if it is
    /// alive and has not said good-bye meanwhile.
    pub fn compare_peers(
        &mut self,
        records: impl Iterator<Item = PeerRecord>,
        restore: bool,
        groups: &PeerGroups,
        liveness: Liveness,
    ) {
        let mut returned = HashSet::new();
        for record in records {
            let may_return = restore && !self.gone.has_left(&record.key);
            let known = match record.key.ip {
                IpAddr::V4(ip) => self.compare_peer(&record, ip, may_return, groups, liveness),
                IpAddr::V6(ip) => self.compare_peer(&record, ip, may_return, groups, liveness),
            };
            if known && self.gone.has_swarm(&record.key.info_hash) {
                returned.insert(record.key.info_hash);
            }
            if !known {
                self.gone.row_of_peer(record.key);
            }
        }
        // Told that it is gone, the database would remove those as well who have just been found
        // in it, and whom nobody will write again.
        self.gone.return_swarms(&returned);
    }

    /// Returns whether the peer is known, by now.
    fn compare_peer<A: Family>(
        &mut self,
        record: &PeerRecord,
        ip: A,
        may_return: bool,
        groups: &PeerGroups,
        liveness: Liveness,
    ) -> bool {
        let PeerKey {
            info_hash, port, ..
        } = record.key;
        let slot = self.place(&info_hash);
        let peers = slot.map(|slot| A::peers_mut(&mut self.swarms[slot]));
        let found = peers.and_then(|peers| Some((peers.find(ip, port, &self.keys)?, peers)));
        if let (Some((position, peers)), Some(slot)) = (found, slot) {
            let class = peers.class(position);
            let mut peer = peers.get(position);
            peer.marks.set(Mark::Compared, self.compared);
            let different = is_different(record, &peer, class, groups, liveness.expiry);
            if different {
                peer.marks.set(Mark::Changed, true);
            }
            peers.set(position, peer);
            self.swarms[slot].changed |= different;
            return true;
        }
        let has_room = self.totals.peers() < self.rules.max_peers;
        if !(may_return && has_room && liveness.is_alive(record.last_announce)) {
            return false;
        }
        let slot = slot.unwrap_or_else(|| self.add_swarm(&info_hash));
        let placed = Placed {
            group: groups.find(ip.into()),
            edition: self.edition,
        };
        let class = self.rules.class((ip, port), placed, record.seeder);
        let last_announce = record.last_announce.min(liveness.now);
        let moved = *groups.name(placed.group) != record.group;
        let mut marks = Marks::default();
        marks.set(Mark::Completed, record.completed);
        marks.set(Mark::Forwarded, record.origin == Origin::Forwarded);
        marks.set(Mark::Compared, self.compared);
        marks.set(Mark::Changed, moved);
        let peer = Peer {
            ip,
            port,
            id: record.peer_id,
            marks,
            stamp: Stamp::at(last_announce),
            last_announce,
        };
        A::peers_mut(&mut self.swarms[slot]).insert(class, peer, &self.keys);
        self.totals.add(class);
        self.swarms[slot].changed |= moved;
        self.note_size(slot);
        true
    }

    /// Compares rows of swarms, after those of all peers. With `restore`, the downloads finished
    /// before the daemon was started are added to those since.
    pub fn compare_swarms(&mut self, records: impl Iterator<Item = SwarmRecord>, restore: bool) {
        for record in records {
            let Some(slot) = self.place(&record.info_hash) else {
                self.gone.swarm(record.info_hash);
                continue;
            };
            let swarm = &mut self.swarms[slot];
            if restore {
                swarm.completions = swarm.completions.saturating_add(record.completions);
            }
            let counts = swarm.counts();
            let same = counts.seeders == record.seeders
                && counts.leechers == record.leechers
                && counts.completions == record.completions;
            swarm.changed |= !same;
            swarm.compared = self.compared;
        }
    }
}

fn is_different<A>(
    record: &PeerRecord,
    peer: &Peer<A>,
    class: Class,
    groups: &PeerGroups,
    expiry: u32,
) -> bool {
    record.peer_id != peer.id
        || record.seeder != class.seeder
        || record.completed != peer.marks.has(Mark::Completed)
        || record.group != *groups.name(class.group)
        || peer.last_announce.since(record.last_announce) > laziness(expiry)
}
