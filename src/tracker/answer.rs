//! What a client is told: counts, times, and the peers chosen for it.

use super::Settings;
use super::handed_out::HandedOut;
use super::learned::{Learnable, Learned};
use crate::bittorrent::{Announce, AnnounceReply, Counts, PeerList};
use crate::swarm::{
    Asker, Choice, Family, GroupId, HashKeys, Liveness, PeerGroups, Peers, Selection, Swarm, Table,
    Wanted,
};
use crate::time::Timestamp;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

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

/// One of these sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Swarm,
    Neighbors,
    External,
}

/// The peers chosen for a client, in the order in which it sees them.
pub(super) struct Chosen<'a, A> {
    /// In the order of [`Source`].
    tables: &'a [Table<'a, A>],
    choice: &'a Choice,
}

impl<'a, A: Family> Chosen<'a, A> {
    /// Where each comes from, and its position among the peers of that source.
    pub fn peers(&self) -> impl Iterator<Item = (Source, &'a Peers<A>, usize)> {
        let runs = self.runs();
        runs.flat_map(|(source, peers, run)| run.map(move |at| (source, peers, at)))
    }

    /// The same of those that stand side by side.
    fn runs(&self) -> impl Iterator<Item = (Source, &'a Peers<A>, Range<usize>)> {
        const SOURCES: [Source; 3] = [Source::Swarm, Source::Neighbors, Source::External];
        self.choice.runs().iter().map(|run| {
            let table = run.table as usize;
            let positions = run.positions.start as usize..run.positions.end as usize;
            (SOURCES[table], self.tables[table].peers, positions)
        })
    }

    fn write(&self, list: &mut PeerList, with_ids: bool) {
        list.compact.resize(self.choice.len() * A::COMPACT, 0);
        let mut rest = &mut list.compact[..];
        for (_, peers, run) in self.runs() {
            let places;
            (places, rest) = rest.split_at_mut(run.len() * A::COMPACT);
            let places = places.chunks_exact_mut(A::COMPACT);
            for ((ip, port), place) in peers.endpoints(run).zip(places) {
                ip.write(port, place);
            }
        }
        if with_ids {
            let known = |source| source == Source::Swarm;
            let ids = self.peers();
            let ids = ids.map(|(source, peers, at)| known(source).then(|| peers.id(at)));
            list.ids.extend(ids);
        }
    }
}

/// What choosing takes beside that.
pub(super) struct Chooser<'a> {
    pub settings: &'a Settings,
    pub groups: &'a PeerGroups,
    pub keys: &'a HashKeys,
    pub selection: &'a mut Selection,
    pub random: &'a mut fastrand::Rng,
    /// `None` if nobody is given anything.
    pub handed_out: Option<&'a mut HandedOut>,
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
        let with_ids = !client.announce.compact && !client.announce.no_peer_id;
        self.choose::<Ipv4Addr>(client, sources, |chosen| {
            chosen.write(&mut reply.peers, with_ids);
        });
        self.choose::<Ipv6Addr>(client, sources, |chosen| {
            chosen.write(&mut reply.peers6, with_ids);
        });
    }

    /// Chooses peers of one family, and hands them on, unless nobody ever told of any.
    pub fn choose<A: Family + Learnable>(
        &mut self,
        client: Client<'_>,
        sources: Sources<'_>,
        take: impl FnOnce(Chosen<'_, A>),
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
        if own.is_none() && neighbors.is_none() && external.is_none() {
            return;
        }
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
        if let Some(handed_out) = &mut self.handed_out {
            if client.is_neighbor {
                handed_out.count_for_neighbor(chosen.len());
            } else {
                for run in chosen.runs() {
                    handed_out.count(run.group, run.len());
                }
            }
        }
        take(Chosen {
            tables,
            choice: chosen,
        });
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
