//! What a client is told: counts, times, and the peers chosen for it.

use super::Settings;
use super::handed_out::HandedOut;
use super::learned::{Learnable, Learned};
use crate::bittorrent::{Announce, AnnounceReply, Counts, PeerList};
use crate::swarm::{
    Asker, Family, GroupId, HashKeys, Liveness, PeerGroups, Selection, Swarm, Table, Wanted,
};
use crate::time::Timestamp;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Clients come back so soon when something is missing that the next time may have, in seconds.
pub(super) const SOON: u32 = 120;
/// Peers that a neighbor gets at most.
const MAX_FOR_NEIGHBOR: u32 = 1_000;

/// Who asks for peers.
#[derive(Clone, Copy)]
pub(super) struct Client<'a> {
    pub announce: &'a Announce,
    pub ip: IpAddr,
    pub group: GroupId,
    /// A partner's tracker: it gets what announced here, and as much of it as it likes.
    pub is_neighbor: bool,
}

/// Where peers come from, the most trusted first.
#[derive(Clone, Copy, Default)]
pub(super) struct Sources<'a> {
    pub swarm: Option<&'a Swarm>,
    pub neighbors: Option<&'a Learned>,
    pub external: Option<&'a Learned>,
}

/// What choosing takes beside that.
pub(super) struct Chooser<'a> {
    pub settings: &'a Settings,
    pub groups: &'a PeerGroups,
    pub keys: &'a HashKeys,
    pub selection: &'a mut Selection,
    pub random: &'a mut fastrand::Rng,
    pub handed_out: &'a mut HandedOut,
    pub now: Timestamp,
}

impl Chooser<'_> {
    /// Fills the reply with counts and peers of both families.
    pub fn choose_all(
        &mut self,
        client: Client<'_>,
        sources: Sources<'_>,
        reply: &mut AnnounceReply,
    ) {
        reply.counts = sources.swarm.map_or_else(Counts::default, Swarm::counts);
        self.choose::<Ipv4Addr>(client, sources, &mut reply.peers);
        self.choose::<Ipv6Addr>(client, sources, &mut reply.peers6);
    }

    fn choose<A: Family + Learnable>(
        &mut self,
        client: Client<'_>,
        sources: Sources<'_>,
        list: &mut PeerList,
    ) {
        let announce = client.announce;
        let asker = Asker {
            group: client.group,
            seeder: announce.seeder,
            id: announce.peer_id,
            own: A::of(client.ip).map(|ip| (ip, announce.port.unwrap_or(0))),
        };
        let liveness = Liveness {
            now: self.now,
            expiry: self.settings.rules.peer_expiry_interval,
        };
        let own = sources.swarm.and_then(|swarm| <A as Family>::peers(swarm));
        let own = own.map(|peers| Table { peers, liveness });
        let learned = [sources.neighbors, sources.external];
        let [neighbors, external] = learned.map(|from| from.map(|one| one.table::<A>(self.now)));
        let empty = crate::swarm::Peers::default();
        let nothing = Table {
            peers: &empty,
            liveness,
        };
        // Mostly nobody else has told of any peers, which saves looking for them.
        let told = neighbors.is_some() || external.is_some();
        let tables = [own, neighbors, external].map(|table| table.unwrap_or(nothing));
        let tables = if told { &tables[..] } else { &tables[..1] };
        let wanted = self.wanted(client);
        let chosen =
            self.selection
                .choose(tables, self.keys, &asker, self.groups, &wanted, self.random);
        if client.is_neighbor {
            self.handed_out.count_for_neighbor(chosen.len());
        } else {
            // Peers of a group mostly stand side by side.
            for run in chosen.chunk_by(|one, next| one.group == next.group) {
                self.handed_out.count(run[0].group, run.len());
            }
        }
        let with_ids = !announce.compact && !announce.no_peer_id;
        for pick in chosen {
            let peers = tables[pick.table as usize].peers;
            let (ip, port) = peers.endpoint(pick.position as usize);
            ip.write(&mut list.compact);
            list.compact.extend_from_slice(&port.to_be_bytes());
            if with_ids {
                let known = (pick.table == 0).then(|| peers.id(pick.position as usize));
                list.ids.push(known);
            }
        }
    }

    fn wanted(&self, client: Client<'_>) -> Wanted {
        let settings = self.settings;
        let numwant = client.announce.numwant.unwrap_or(settings.numwant);
        if client.is_neighbor {
            let places = numwant.min(MAX_FOR_NEIGHBOR) as usize;
            return Wanted {
                places,
                enough: places,
                outside: 0,
            };
        }
        Wanted {
            places: numwant.min(settings.max_numwant) as usize,
            enough: settings.enough_peers as usize,
            outside: settings.outside_peers as usize,
        }
    }
}

/// Forgets what a reply said, and keeps its memory.
pub(super) fn clear(reply: &mut AnnounceReply) {
    reply.counts = Counts::default();
    reply.peers.clear();
    reply.peers6.clear();
    reply.warning = None;
}
