//! Peers that others have told of: neighbors, external trackers. They live beside the swarms, not
//! in them: they are handed out, but never counted, stored or passed on to a neighbor.

use crate::bittorrent::PeerId;
use crate::swarm::{
    Address, HashKeys, Liveness, Marks, Peer, PeerGroups, Peers, Rules, Stamp, Swarms, Table,
};
use crate::time::Timestamp;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Peers of one list and address family. A list that is full forgets whom it would lose next.
const MAX_LEARNED: usize = 2_000;

/// Peers of one torrent that somebody has told of.
#[derive(Debug, Default)]
pub(super) struct Learned {
    ipv4: Peers<Ipv4Addr>,
    ipv6: Peers<Ipv6Addr>,
    /// Which version of the peer groups the peers were put into.
    version: u32,
}

/// What putting a learned peer into its place takes.
#[derive(Clone, Copy)]
pub(super) struct Places<'a> {
    pub groups: &'a PeerGroups,
    /// Changes whenever `groups` do.
    pub version: u32,
    pub rules: &'a Rules,
    pub keys: &'a HashKeys,
}

impl<'a> Places<'a> {
    /// The places that these groups, of this version, and the rules of the swarms make.
    pub fn new(groups: &'a PeerGroups, version: u32, swarms: &'a Swarms) -> Places<'a> {
        Places {
            groups,
            version,
            rules: swarms.rules(),
            keys: swarms.keys(),
        }
    }
}

/// The address families, as far as learned peers go.
pub(super) trait Learnable: Address {
    fn peers(learned: &Learned) -> &Peers<Self>;
}

impl Learnable for Ipv4Addr {
    fn peers(learned: &Learned) -> &Peers<Self> {
        &learned.ipv4
    }
}

impl Learnable for Ipv6Addr {
    fn peers(learned: &Learned) -> &Peers<Self> {
        &learned.ipv6
    }
}

impl Learned {
    /// How many peers there are, those whose time is over included.
    pub fn len(&self) -> usize {
        self.ipv4.len() + self.ipv6.len()
    }

    /// Enters peers that are good until this time. `source` tells where they come from.
    pub fn add(
        &mut self,
        peers: &[SocketAddr],
        source: u16,
        until: Timestamp,
        now: Timestamp,
        places: Places<'_>,
    ) {
        self.in_places(places);
        self.expire(now, places.keys);
        let source = Hearsay { source, heard: now };
        for peer in peers {
            match peer.ip().to_canonical() {
                IpAddr::V4(ip) => add(&mut self.ipv4, ip, peer.port(), source, until, places),
                IpAddr::V6(ip) => add(&mut self.ipv6, ip, peer.port(), source, until, places),
            }
        }
    }

    /// The same, with all peers in the groups that are in force.
    pub fn in_places(&mut self, places: Places<'_>) -> &Learned {
        if self.version != places.version {
            self.version = places.version;
            regroup(&mut self.ipv4, places);
            regroup(&mut self.ipv6, places);
        }
        self
    }

    /// Forgets peers whose time is over.
    pub fn expire(&mut self, now: Timestamp, keys: &HashKeys) {
        expire(&mut self.ipv4, now, keys);
        expire(&mut self.ipv6, now, keys);
    }

    /// The peers to choose from.
    pub fn table<A: Learnable>(&self, now: Timestamp) -> Table<'_, A> {
        Table {
            peers: A::peers(self),
            liveness: lives(now),
        }
    }
}

/// In `last_announce`, learned peers keep the last second of their life.
fn lives(now: Timestamp) -> Liveness {
    Liveness { now, expiry: 1 }
}

fn add<A: Address>(
    peers: &mut Peers<A>,
    ip: A,
    port: u16,
    source: Hearsay,
    until: Timestamp,
    places: Places<'_>,
) {
    if let Some(position) = peers.find(ip, port, places.keys) {
        let mut known = peers.get(position);
        known.last_announce = known.last_announce.max(until);
        known.id = source.id();
        peers.set(position, known);
        return;
    }
    // Or whoever tells of many ports of one address points a whole list at it.
    let most = places.rules.max_peers_per_address;
    if let Some(oldest) = peers.crowded_out(ip, most, places.keys) {
        peers.remove(oldest, places.keys);
    } else if peers.len() >= MAX_LEARNED {
        let first = (0..peers.len()).min_by_key(|&at| peers.get(at).last_announce);
        if let Some(first) = first {
            peers.remove(first, places.keys);
        }
    }
    let peer = Peer {
        ip,
        port,
        id: source.id(),
        marks: Marks::default(),
        stamp: Stamp::at(until),
        last_announce: until,
    };
    let class = places.rules.class_of_learned(ip, port, places.groups);
    peers.insert(class, peer, places.keys);
}

/// Who has told of a peer last, and when. It is kept in the place of the id that nobody has told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hearsay {
    /// Tells the sources of one list from each other.
    pub source: u16,
    pub heard: Timestamp,
}

impl Hearsay {
    fn id(self) -> PeerId {
        let mut id = [0; 20];
        id[..2].copy_from_slice(&self.source.to_be_bytes());
        id[2..6].copy_from_slice(&self.heard.0.to_be_bytes());
        PeerId(id)
    }

    /// What the id of a learned peer says.
    pub fn of(id: PeerId) -> Hearsay {
        let [high, low, a, b, c, d, ..] = id.0;
        Hearsay {
            source: u16::from_be_bytes([high, low]),
            heard: Timestamp(u32::from_be_bytes([a, b, c, d])),
        }
    }
}

fn regroup<A: Address>(peers: &mut Peers<A>, places: Places<'_>) {
    for peer in take_all(peers) {
        let class = places
            .rules
            .class_of_learned(peer.ip, peer.port, places.groups);
        peers.insert(class, peer, places.keys);
    }
}

fn take_all<A: Address>(peers: &mut Peers<A>) -> Vec<Peer<A>> {
    let all = (0..peers.len()).map(|at| peers.get(at)).collect();
    *peers = Peers::default();
    all
}

fn expire<A: Address>(peers: &mut Peers<A>, now: Timestamp, keys: &HashKeys) {
    let mut left = peers.len();
    while let Some(position) = left.checked_sub(1) {
        left = position;
        if !lives(now).is_alive(peers.get(position).last_announce) {
            peers.remove(position, keys);
        }
    }
}
