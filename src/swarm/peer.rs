//! One peer: what is remembered of it, what its choice depends on, and how both lie in memory.

use super::groups::{GroupId, PeerGroups};
use super::marks::{Marks, Stamp};
use crate::bittorrent::PeerId;
use crate::time::Timestamp;

/// One peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer<A> {
    /// Where it is.
    pub ip: A,
    /// Where it listens; 0 if it does not say.
    pub port: u16,
    /// Who it is.
    pub id: PeerId,
    /// What is remembered of it beside its class.
    pub marks: Marks,
    /// When it was last marked as changed; see [`Stamp`].
    pub stamp: Stamp,
    /// When it last announced.
    pub last_announce: Timestamp,
}

/// What decides whether and when a peer is handed out to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Class {
    /// Its peer group.
    pub group: GroupId,
    /// It has the whole content.
    pub seeder: bool,
    /// It is given to askers of its own group only, because nobody else could reach it.
    pub confined: bool,
    /// It is never given to anybody: it has no port, or a refused one.
    pub unlisted: bool,
    /// Which of the last two versions of the peer groups put it into `group`.
    pub edition: bool,
}

impl Class {
    /// Whether members of a group, seeders or not, may be given such peers.
    pub fn is_for(&self, asker: GroupId, seeder: bool, groups: &PeerGroups) -> bool {
        let useless = self.unlisted || (self.seeder && seeder);
        let reachable = !self.confined || self.group == asker;
        !useless && reachable && groups.visible(self.group, asker)
    }
}

/// What the choice of peers reads of a peer; 12 bytes in the IPv4 case.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hot<A> {
    pub ip: A,
    pub port: u16,
    /// The end of its id; see [`id_tag`].
    pub tag: u16,
    pub last_announce: Timestamp,
}

/// What only its own announces and the database need.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cold {
    /// The beginning of its id.
    pub id: [u8; 18],
    pub marks: Marks,
    pub stamp: Stamp,
}

/// The part of an id that tells nearly all peers apart: its end, as clients begin it with their
/// names.
pub(super) fn id_tag(id: &PeerId) -> u16 {
    let [.., high, low] = id.0;
    u16::from_be_bytes([high, low])
}

/// Takes a peer apart.
pub(super) fn split<A>(peer: Peer<A>) -> (Hot<A>, Cold) {
    let mut id = [0; 18];
    id.copy_from_slice(&peer.id.0[..18]);
    let hot = Hot {
        ip: peer.ip,
        port: peer.port,
        tag: id_tag(&peer.id),
        last_announce: peer.last_announce,
    };
    let cold = Cold {
        id,
        marks: peer.marks,
        stamp: peer.stamp,
    };
    (hot, cold)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn a_peer_takes_32_bytes_of_which_an_answer_reads_12() {
        assert_eq!(size_of::<Hot<Ipv4Addr>>(), 12);
        assert_eq!(size_of::<Cold>(), 20);
    }
}
