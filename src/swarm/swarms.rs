//! The map from info hash to swarm, its limits and its sums.

use super::address::{Address, HashKeys};
use super::busiest::Busiest;
use super::changes::{Gone, laziness};
use super::groups::{GroupId, PeerGroups};
use super::index::Index;
use super::marks::{Mark, Marks, Stamp};
use super::one_swarm::{Family, Swarm};
use super::peer::{Class, Peer};
use super::peers::{headroom, reserve_for_one_more};
use super::selection::Liveness;
use super::sweep::Sweep;
use crate::bittorrent::{InfoHash, PeerId};
use crate::chain::Chain;
use std::net::{Ipv4Addr, Ipv6Addr};

/// A peer that announces.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<A> {
    /// Where it is.
    pub ip: A,
    /// Where it listens; 0 if it does not say.
    pub port: u16,
    /// Who it is.
    pub id: PeerId,
    /// Whether it has the whole content.
    pub seeder: bool,
    /// Whether it says that it has just finished.
    pub completed: bool,
    /// Whether it announced to an external tracker, and the DPI platform forwarded that.
    pub forwarded: bool,
}

/// What the operator allows. A reload may change any of it.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Peers in all swarms together.
    pub max_peers: usize,
    /// Peers of one address in one swarm.
    pub max_peers_per_address: usize,
    /// Seconds after the last announce until a peer is gone.
    pub peer_expiry_interval: u32,
    /// Ports at which a peer is never handed out.
    pub refused_ports: Vec<u16>,
}

impl Rules {
    fn is_unlisted(&self, port: u16) -> bool {
        port == 0 || self.refused_ports.contains(&port)
    }

    /// The class of a peer that somebody else has told of.
    pub fn class_of_learned(&self, ip: impl Address, port: u16, groups: &PeerGroups) -> Class {
        let placed = Placed {
            group: groups.find(ip.into()),
            edition: false,
        };
        self.class((ip, port), placed, false)
    }

    pub(super) fn class(&self, peer: (impl Address, u16), placed: Placed, seeder: bool) -> Class {
        Class {
            group: placed.group,
            seeder,
            confined: peer.0.is_confined(),
            unlisted: self.is_unlisted(peer.1),
            edition: placed.edition,
        }
    }
}

/// The group an address belongs to, and the edition of the groups that says so.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    pub group: GroupId,
    pub edition: bool,
}

/// Sums over all swarms, kept with each change and never counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Peers that have the whole content.
    pub seeders: usize,
    /// Peers that do not.
    pub leechers: usize,
    /// Peers by group number.
    pub by_group: Vec<usize>,
}

impl Totals {
    /// All peers.
    pub fn peers(&self) -> usize {
        self.seeders + self.leechers
    }

    fn of_kind(&mut self, class: Class) -> [&mut usize; 2] {
        let group = usize::from(class.group.0);
        if self.by_group.len() <= group {
            self.by_group.resize(group + 1, 0);
        }
        let kind = if class.seeder {
            &mut self.seeders
        } else {
            &mut self.leechers
        };
        [kind, &mut self.by_group[group]]
    }

    pub(super) fn add(&mut self, class: Class) {
        for count in self.of_kind(class) {
            *count += 1;
        }
    }

    pub(super) fn subtract(&mut self, class: Class) {
        for count in self.of_kind(class) {
            *count -= 1;
        }
    }
}

/// All swarms.
#[derive(Debug)]
pub struct Swarms {
    pub(super) keys: HashKeys,
    pub(super) rules: Rules,
    pub(super) swarms: Vec<Swarm>,
    pub(super) index: Index,
    /// Swarms of one peer, the one that announced the longest time ago first.
    pub(super) singles: Chain,
    pub(super) totals: Totals,
    /// Which edition of the peer groups is in force; see [`Class::edition`].
    pub(super) edition: bool,
    pub(super) sweep: Sweep,
    pub(super) busiest: Busiest,
    pub(super) gone: Gone,
    /// The side on which the last comparison with the database puts what it finds.
    pub(super) compared: bool,
}

impl Swarms {
    /// No swarms yet.
    pub fn new(keys: HashKeys, rules: Rules) -> Swarms {
        Swarms {
            keys,
            rules,
            swarms: Vec::new(),
            index: Index::with_capacity(0),
            singles: Chain::default(),
            totals: Totals::default(),
            edition: false,
            sweep: Sweep::default(),
            busiest: Busiest::default(),
            gone: Gone::default(),
            compared: false,
        }
    }

    /// How many swarms there are.
    pub fn len(&self) -> usize {
        self.swarms.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.swarms.is_empty()
    }

    /// Sums over all of them.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The keys of all hash tables.
    pub fn keys(&self) -> &HashKeys {
        &self.keys
    }

    /// The rules in force.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Puts other rules into force. They count for peers that announce from now on.
    pub fn set_rules(&mut self, rules: Rules) {
        self.rules = rules;
    }

    /// The swarm of an info hash, if it has peers.
    pub fn get(&self, info_hash: &InfoHash) -> Option<&Swarm> {
        self.place(info_hash).map(|slot| &self.swarms[slot])
    }

    /// The swarm at a place below [`Swarms::len`]. Places are valid until the next change.
    pub fn at(&self, place: usize) -> &Swarm {
        &self.swarms[place]
    }

    /// Enters a peer or brings it up to date, and returns its group and the place of its swarm.
    /// Where [`Rules::max_peers`] are there already and no swarm of a single peer can make room, a
    /// new peer is not entered; then there may be no swarm either.
    pub fn announce<A: Family>(
        &mut self,
        info_hash: &InfoHash,
        arrival: &Arrival<A>,
        groups: &PeerGroups,
        liveness: Liveness,
    ) -> (GroupId, Option<usize>) {
        let mut slot = self.place(info_hash);
        let peers = slot.and_then(|slot| A::peers(&self.swarms[slot]));
        let position = peers.and_then(|peers| peers.find(arrival.ip, arrival.port, &self.keys));
        let known = peers.zip(position).map(|(peers, at)| peers.class(at));
        let group = match known {
            Some(class) if class.edition == self.edition => class.group,
            _ => groups.find(arrival.ip.into()),
        };
        let placed = Placed {
            group,
            edition: self.edition,
        };
        let class = self
            .rules
            .class((arrival.ip, arrival.port), placed, arrival.seeder);

        match (slot, position, known) {
            (Some(slot), Some(position), Some(known)) => {
                let peers = A::peers_mut(&mut self.swarms[slot]);
                let mut peer = peers.get(position);
                let completed_before = peer.marks.has(Mark::Completed);
                let newly_completed = arrival.completed && arrival.seeder && !completed_before;
                let same_way = peer.marks.has(Mark::Forwarded) == arrival.forwarded;
                let same_id = peers.has_id(position, &arrival.id);
                let same = known == class && same_id && !newly_completed && same_way;
                let lazy = laziness(liveness.expiry);
                let changed = !same || peer.stamp.is_older_than(lazy, liveness.now);
                peer.id = arrival.id;
                peer.last_announce = liveness.now;
                peer.marks.set(Mark::Forwarded, arrival.forwarded);
                if changed {
                    peer.stamp = Stamp::at(liveness.now);
                    peer.marks.set(Mark::Changed, true);
                    peer.marks
                        .set(Mark::Completed, completed_before || newly_completed);
                }
                peers.set(position, peer);
                if known != class {
                    peers.reclassify(position, class, &self.keys);
                    self.totals.subtract(known);
                    self.totals.add(class);
                }
                let swarm = &mut self.swarms[slot];
                swarm.changed |= changed;
                swarm.completions += u32::from(newly_completed);
                if swarm.len() == 1 {
                    self.note_size(slot);
                }
                (group, Some(slot))
            }
            _ => {
                let most = self.rules.max_peers_per_address;
                let oldest =
                    peers.and_then(|peers| peers.crowded_out(arrival.ip, most, &self.keys));
                if let (Some(slot), Some(oldest)) = (slot, oldest) {
                    self.remove::<A>(slot, oldest);
                } else if self.totals.peers() >= self.rules.max_peers {
                    if !self.make_room(slot) {
                        return (group, self.place(info_hash));
                    }
                    slot = self.place(info_hash);
                }
                let slot = slot.unwrap_or_else(|| self.add_swarm(info_hash));
                let completed = arrival.completed && arrival.seeder;
                let mut marks = Marks::default();
                marks.set(Mark::Completed, completed);
                marks.set(Mark::Forwarded, arrival.forwarded);
                marks.set(Mark::Changed, true);
                marks.set(Mark::Compared, self.compared);
                let peer = Peer {
                    ip: arrival.ip,
                    port: arrival.port,
                    id: arrival.id,
                    marks,
                    stamp: Stamp::at(liveness.now),
                    last_announce: liveness.now,
                };
                let swarm = &mut self.swarms[slot];
                A::peers_mut(swarm).insert(class, peer, &self.keys);
                self.totals.add(class);
                swarm.changed = true;
                swarm.completions += u32::from(completed);
                self.note_size(slot);
                (group, Some(slot))
            }
        }
    }

    /// Removes a peer; one that is not known is no error.
    pub fn leave<A: Family>(&mut self, info_hash: &InfoHash, ip: A, port: u16) {
        let find = |slot: usize| {
            let peers = A::peers(&self.swarms[slot])?;
            Some((slot, peers.find(ip, port, &self.keys)?))
        };
        if let Some((slot, position)) = self.place(info_hash).and_then(find) {
            self.remove::<A>(slot, position);
            self.note_size(slot);
        } else if self.gone.loading {
            // The database may know it still, and would put it back.
            self.gone.peer(*info_hash, ip, port);
        }
    }

    fn remove<A: Family>(&mut self, slot: usize, position: usize) {
        let swarm = &mut self.swarms[slot];
        swarm.changed = true;
        let (class, peer) = A::peers_mut(swarm).remove(position, &self.keys);
        self.totals.subtract(class);
        self.gone.peer(swarm.info_hash, peer.ip, peer.port);
    }

    /// The place of the swarm of an info hash; see [`Swarms::at`].
    pub fn place(&self, info_hash: &InfoHash) -> Option<usize> {
        let hash = self.keys.hash_bytes(&info_hash.0);
        self.index
            .find(hash, |slot| self.swarms[slot].info_hash == *info_hash)
    }

    pub(super) fn add_swarm(&mut self, info_hash: &InfoHash) -> usize {
        let slot = self.swarms.len();
        reserve_for_one_more(&mut self.swarms);
        self.swarms.push(Swarm::new(*info_hash));
        let (keys, swarms) = (&self.keys, &self.swarms);
        let hash_of = |slot: usize| keys.hash_bytes(&swarms[slot].info_hash.0);
        self.index.insert(hash_of(slot), slot, hash_of);
        slot
    }

    /// Keeps the chain of single peers up to date, and forgets a swarm without peers, after which
    /// another swarm has its slot.
    pub(super) fn note_size(&mut self, slot: usize) {
        let size = self.swarms[slot].len();
        if self.swarms[slot].single {
            self.singles.remove(&mut self.swarms, slot);
        }
        self.swarms[slot].single = size == 1;
        if size == 1 {
            self.singles.push(&mut self.swarms, slot);
        } else if size == 0 {
            self.forget(slot);
        }
    }

    fn forget(&mut self, slot: usize) {
        let (keys, swarms) = (&self.keys, &self.swarms);
        let hash_of = |slot: usize| keys.hash_bytes(&swarms[slot].info_hash.0);
        self.index.remove(hash_of(slot), slot, hash_of);
        self.gone.swarm(self.swarms[slot].info_hash);
        self.swarms.swap_remove(slot);
        let last = self.swarms.len();
        if let Some(moved) = self.swarms.get(slot) {
            let hash = self.keys.hash_bytes(&moved.info_hash.0);
            self.index.relocate(hash, last, slot);
            if moved.single {
                self.singles.moved(&mut self.swarms, slot);
            }
        }
        if self.swarms.capacity() > last * 2 + 64 {
            self.swarms.shrink_to(last + headroom(last));
        }
    }

    /// Forgets the swarm of a single peer that announced the longest time ago, but not the one
    /// at `spared`: a flood of made-up info hashes pushes out itself, and never a swarm in which
    /// somebody has found somebody.
    fn make_room(&mut self, spared: Option<usize>) -> bool {
        if let Some(spared) = spared.filter(|&slot| self.swarms[slot].single) {
            self.singles.remove(&mut self.swarms, spared);
            self.swarms[spared].single = false;
        }
        let Some(oldest) = self.singles.first() else {
            if let Some(spared) = spared {
                self.note_size(spared);
            }
            return false;
        };
        if self.swarms[oldest].ipv4.is_empty() {
            self.remove::<Ipv6Addr>(oldest, 0);
        } else {
            self.remove::<Ipv4Addr>(oldest, 0);
        }
        self.note_size(oldest);
        true
    }
}
