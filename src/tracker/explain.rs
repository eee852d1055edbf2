//! For operators who want to know why: whom a client would be given, and what a swarm holds.
//! Neither question changes anything.

use super::answer::{Chosen, Client, Source};
use super::external::{ListKey, Mode};
use super::learned::Hearsay;
use super::{Tracker, learned::Learnable};
use crate::bittorrent::{Announce, Counts, Event, InfoHash, PeerId};
use crate::swarm::{Class, Family, GroupId, Mark, Peer, Swarm};
use crate::time::{Now, Timestamp};
use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// Peers that are listed of one swarm.
const MAX_LISTED: usize = 1_000;

/// The name of a client that is not known, which no client gives itself.
const NOBODY: PeerId = PeerId([0xff; 20]);

/// What an operator asks: whom would this client be given?
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inquiry {
    /// For which torrent.
    pub info_hash: InfoHash,
    /// From where it announces. It is taken for the peer of that address that announced last.
    pub ip: IpAddr,
    /// How many it wants; `None` is what clients get that do not say.
    pub numwant: Option<u32>,
    /// It has the whole content.
    pub seeder: bool,
    /// It announces to an external tracker, and that is forwarded.
    pub external: Option<ExternalTracker>,
}

/// An external tracker that is asked by a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalTracker {
    /// Its host, in lower case.
    pub host: String,
    /// See [`Forwarded::tracker`](crate::bittorrent::Forwarded::tracker).
    pub key: Box<[u8]>,
}

/// Whom a client would be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Its own group.
    pub group: GroupLabel,
    /// The peers, in the order of the answer: IPv4 first, as they stand in it.
    pub peers: Vec<PeerReport>,
    /// What a reader must know beside that.
    pub note: Option<&'static str>,
}

/// A swarm as it is at present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwarmReport {
    /// All its peers, and its finished downloads.
    pub counts: Counts,
    /// Peers by group, the first to be handed out first.
    pub groups: Vec<(GroupLabel, usize)>,
    /// The peers that announced here, of some groups perhaps not all.
    pub peers: Vec<PeerReport>,
    /// How many of them are not in `peers`.
    pub left_out: usize,
}

/// A group as people know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupLabel {
    /// Its name.
    pub name: Arc<str>,
    /// `None` is after all others.
    pub priority: Option<u32>,
}

/// A peer, and how it comes to be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerReport {
    /// Where it is.
    pub address: SocketAddr,
    /// Its group.
    pub group: GroupLabel,
    /// Who has told of it.
    pub origin: Origin,
    /// It is known to have the whole content. Of peers that others have told of that is not known.
    pub seeder: bool,
    /// Seconds since its last announce, or since somebody has told of it.
    pub age: u32,
}

/// How a peer comes to be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It announced here.
    Announced,
    /// It announced to an external tracker, and that was forwarded.
    Forwarded,
    /// This neighbor has told of it; `None` is one that is no neighbor any more.
    Neighbor(Option<Arc<str>>),
    /// The external tracker at this host has.
    External(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Announced => f.write_str("announced"),
            Origin::Forwarded => f.write_str("forwarded"),
            Origin::Neighbor(Some(name)) => write!(f, "neighbor {name}"),
            Origin::Neighbor(None) => f.write_str("neighbor (not configured any more)"),
            Origin::External(host) => write!(f, "external {host}"),
        }
    }
}

/// What is to be told of a peer, before its names are looked up.
struct Found {
    source: Source,
    address: SocketAddr,
    class: Class,
    id: PeerId,
    forwarded: bool,
    last_announce: Timestamp,
}

impl Found {
    fn new<A: Family>(source: Source, peer: Peer<A>, class: Class) -> Found {
        Found {
            source,
            address: SocketAddr::new(peer.ip.into(), peer.port),
            class,
            id: peer.id,
            forwarded: peer.marks.has(Mark::Forwarded),
            last_announce: peer.last_announce,
        }
    }
}

impl Tracker {
    /// Says whom a client would be given if it announced now.
    pub fn explain(&mut self, inquiry: &Inquiry, now: Now) -> Explanation {
        let ip = inquiry.ip.to_canonical();
        let (port, peer_id) = self.client_at(inquiry.info_hash, ip);
        let announce = Announce {
            info_hash: inquiry.info_hash,
            peer_id,
            port,
            seeder: inquiry.seeder,
            event: Event::None,
            numwant: inquiry.numwant,
            compact: true,
            no_peer_id: true,
        };
        let client = Client {
            announce: &announce,
            ip,
            group: self.groups.find(ip),
            is_neighbor: inquiry.external.is_none() && self.neighbors.is_neighbor(ip),
        };
        let external = inquiry.external.as_ref();
        let share = external.is_none_or(|tracker| self.settings.forward.rule(&tracker.host).1);
        let key = external.map(|tracker| (Arc::from(&*tracker.key), inquiry.info_hash));
        let note = self.note(client, external, key.as_ref(), now);
        let mut found = Vec::new();
        if share {
            let swarm = self.swarms.place(&inquiry.info_hash);
            let (mut chooser, sources, _) = self.choice(client, swarm, key.as_ref(), now);
            chooser.handed_out = None;
            chooser.choose::<Ipv4Addr>(client, sources, |chosen| look(&chosen, &mut found));
            chooser.choose::<Ipv6Addr>(client, sources, |chosen| look(&chosen, &mut found));
        }
        let host = external.map_or("", |tracker| &tracker.host);
        let report = |found| self.report(found, host, now);
        Explanation {
            group: self.label(client.group),
            peers: found.into_iter().map(report).collect(),
            note,
        }
    }

    /// The port and the id of the client at an address, as far as its swarm knows them.
    fn client_at(&self, info_hash: InfoHash, ip: IpAddr) -> (Option<u16>, PeerId) {
        fn latest<A: Family>(tracker: &Tracker, swarm: &Swarm, ip: A) -> Option<(u16, PeerId)> {
            let peers = A::peers(swarm)?;
            let latest = peers.get(peers.latest(ip, tracker.swarms.keys())?);
            Some((latest.port, latest.id))
        }
        let swarm = self.swarms.get(&info_hash);
        let known = swarm.and_then(|swarm| match ip {
            IpAddr::V4(ip) => latest(self, swarm, ip),
            IpAddr::V6(ip) => latest(self, swarm, ip),
        });
        let (port, id) = known.unwrap_or((0, NOBODY));
        (Some(port).filter(|&port| port != 0), id)
    }

    /// What is different about this client, or will be different when it announces.
    fn note(
        &self,
        client: Client<'_>,
        external: Option<&ExternalTracker>,
        key: Option<&ListKey>,
        now: Now,
    ) -> Option<&'static str> {
        if client.is_neighbor {
            return Some("this is a neighbor: it gets what announced here, of all groups alike");
        }
        let (mode, share) = self.settings.forward.rule(&external?.host);
        if !share {
            return Some("share is false: clients of this tracker get what it says itself");
        }
        let timestamp = now.timestamp();
        let list = self.external.look_at_list(key?);
        if list.is_some_and(|list| list.refusal(timestamp).is_some()) {
            return Some("this tracker refuses such announces, and is not asked at present");
        }
        let asked = self.asked(client.announce);
        let refresh_interval = self.settings.forward.refresh_interval;
        let is_fresh = list.is_some_and(|list| list.is_fresh(timestamp, refresh_interval, asked));
        let must_ask = match mode {
            Mode::Never => false,
            Mode::IfNeeded => !is_fresh && !self.has_enough(client.announce, client.group),
            Mode::Always => true,
        };
        must_ask.then_some("this tracker would be asked first, and its peers come on top")
    }

    /// Says what a swarm holds; `None` if there is no such swarm.
    pub fn look_at_swarm(&self, info_hash: &InfoHash, now: Now) -> Option<SwarmReport> {
        let swarm = self.swarms.get(info_hash)?;
        let mut groups: BTreeMap<_, usize> = BTreeMap::new();
        let mut count = |group: GroupId, peers: usize| {
            let label = self.label(group);
            *groups
                .entry((self.groups.priority(group), label.name))
                .or_default() += peers;
        };
        let mut found = Vec::new();
        self.list::<Ipv4Addr>(swarm, &mut found, &mut count);
        self.list::<Ipv6Addr>(swarm, &mut found, &mut count);
        let groups = groups.into_iter().map(|((priority, name), peers)| {
            let priority = priority.configured();
            (GroupLabel { name, priority }, peers)
        });
        Some(SwarmReport {
            counts: swarm.counts(),
            groups: groups.collect(),
            left_out: swarm.len() - found.len(),
            peers: found
                .into_iter()
                .map(|found| self.report(found, "", now))
                .collect(),
        })
    }

    /// Lists peers of one family until there are enough, and counts all.
    fn list<A: Family>(
        &self,
        swarm: &Swarm,
        found: &mut Vec<Found>,
        count: &mut impl FnMut(GroupId, usize),
    ) {
        let Some(peers) = A::peers(swarm) else {
            return;
        };
        let mut segments: Vec<_> = peers.segments().collect();
        segments.sort_by_key(|(class, _)| self.groups.priority(class.group));
        for (class, range) in segments {
            count(class.group, range.len());
            let room = MAX_LISTED.saturating_sub(found.len());
            let listed = range.take(room);
            found.extend(listed.map(|at| Found::new(Source::Swarm, peers.get(at), class)));
        }
    }

    fn report(&self, found: Found, host: &str, now: Now) -> PeerReport {
        let hearsay = Hearsay::of(found.id);
        let (origin, since) = match found.source {
            Source::Swarm if found.forwarded => (Origin::Forwarded, found.last_announce),
            Source::Swarm => (Origin::Announced, found.last_announce),
            Source::Neighbors => {
                let name = self.neighbors.name_of(hearsay.source);
                (Origin::Neighbor(name.cloned()), hearsay.heard)
            }
            Source::External => (Origin::External(host.to_owned()), hearsay.heard),
        };
        PeerReport {
            address: found.address,
            group: self.label(found.class.group),
            origin,
            seeder: found.class.seeder,
            age: now.timestamp().since(since),
        }
    }

    fn label(&self, group: GroupId) -> GroupLabel {
        GroupLabel {
            name: self.groups.name(group).clone(),
            priority: self.groups.priority(group).configured(),
        }
    }
}

fn look<A: Learnable + Family>(chosen: &Chosen<'_, A>, found: &mut Vec<Found>) {
    let peers = chosen.peers();
    found.extend(
        peers.map(|(source, peers, at)| Found::new(source, peers.get(at), peers.class(at))),
    );
}
