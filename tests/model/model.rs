//! A tracker that is slow and obvious: maps and scans where the real one has segments and chains.
//!
//! Where the real tracker is free to choose (which of two equally old peers makes room, when an
//! expired peer is swept), the model looks at what it did, and checks that it was allowed to.

use crate::networks::Networks;
use crate::real::{Endpoint, Member, is_known, members};
use btrt::bittorrent::{Announce, Counts, Event, InfoHash, PeerId};
use btrt::swarm::{GroupId, Mark, Rules, Swarms};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    pub id: PeerId,
    pub seeder: bool,
    pub completed: bool,
    pub last_announce: u32,
    /// The name of its group.
    pub group: String,
    /// Whether it is never handed out.
    pub unlisted: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swarm {
    pub peers: BTreeMap<Endpoint, Peer>,
    pub completions: u32,
    /// The number of the step that last changed or confirmed it.
    touched: u64,
}

impl Swarm {
    pub fn counts(&self) -> Counts {
        let seeders = self.peers.values().filter(|peer| peer.seeder).count() as u32;
        Counts {
            seeders,
            leechers: self.peers.len() as u32 - seeders,
            completions: self.completions,
        }
    }
}

pub struct Model {
    pub swarms: BTreeMap<InfoHash, Swarm>,
    pub rules: Rules,
    /// The groups in force.
    pub networks: Networks,
    /// The names of all group numbers that a peer may have.
    names: BTreeMap<GroupId, String>,
    steps: u64,
    pub now: u32,
}

impl Model {
    pub fn new(rules: Rules, networks: Networks, now: u32) -> Model {
        let mut model = Model {
            swarms: BTreeMap::new(),
            rules,
            networks: Networks::default(),
            names: BTreeMap::new(),
            steps: 0,
            now,
        };
        model.enforce(networks);
        model
    }

    /// Puts groups into force. By then, peers have the numbers of the groups before these.
    pub fn enforce(&mut self, networks: Networks) {
        let before = std::mem::replace(&mut self.networks, networks);
        let numbered = before.names.into_iter().chain(self.networks.names.clone());
        self.names = numbered.map(|(name, id)| (id, name)).collect();
    }

    pub fn is_alive(&self, peer: &Peer) -> bool {
        self.now - peer.last_announce < self.rules.peer_expiry_interval
    }

    /// Everybody who has expired and is still remembered.
    pub fn expired(&self) -> BTreeSet<(InfoHash, Endpoint)> {
        let mut expired = BTreeSet::new();
        for (info_hash, swarm) in &self.swarms {
            let gone = swarm.peers.iter().filter(|(_, peer)| !self.is_alive(peer));
            expired.extend(gone.map(|(endpoint, _)| (*info_hash, *endpoint)));
        }
        expired
    }

    fn is_unlisted(&self, port: u16) -> bool {
        port == 0 || self.rules.refused_ports.contains(&port)
    }

    pub fn peers(&self) -> usize {
        self.swarms.values().map(|swarm| swarm.peers.len()).sum()
    }

    pub fn counts(&self, info_hash: InfoHash) -> Counts {
        let swarm = self.swarms.get(&info_hash);
        swarm.map_or_else(Counts::default, Swarm::counts)
    }

    /// Takes over what the real swarms remember, except for their completions.
    pub fn adopt(&mut self, real: &Swarms) {
        for ((info_hash, endpoint), member) in members(real) {
            let peer = self.as_peer(&member);
            let swarm = self.swarms.entry(info_hash).or_default();
            swarm.peers.insert(endpoint, peer);
        }
    }

    fn as_peer(&self, (class, real): &Member) -> Peer {
        Peer {
            id: real.id,
            seeder: class.seeder,
            completed: real.marks.has(Mark::Completed),
            last_announce: real.last_announce.0,
            group: self.names[&class.group].clone(),
            unlisted: class.unlisted,
        }
    }

    /// Does what an announce does; `real` has done it already.
    pub fn announce(&mut self, announce: &Announce, ip: IpAddr, real: &Swarms) {
        self.steps += 1;
        let info_hash = announce.info_hash;
        let endpoint = (ip, announce.port.unwrap_or(0));
        if announce.event == Event::Stopped {
            self.remove(info_hash, endpoint);
            return;
        }
        let known = self
            .swarms
            .get(&info_hash)
            .and_then(|swarm| swarm.peers.get(&endpoint));
        let completes = announce.event == Event::Completed && announce.seeder;
        let completed_before = known.is_some_and(|peer| peer.completed);
        if known.is_none() && !self.make_room(info_hash, ip, real) {
            return;
        }
        let peer = Peer {
            id: announce.peer_id,
            seeder: announce.seeder,
            completed: completed_before || completes,
            last_announce: self.now,
            group: self.networks.find(ip).to_owned(),
            unlisted: self.is_unlisted(endpoint.1),
        };
        let swarm = self.swarms.entry(info_hash).or_default();
        swarm.touched = self.steps;
        swarm.completions += u32::from(completes && !completed_before);
        swarm.peers.insert(endpoint, peer);
    }

    /// Makes room for a new peer, and returns whether there is any.
    fn make_room(&mut self, info_hash: InfoHash, ip: IpAddr, real: &Swarms) -> bool {
        let empty = Swarm::default();
        let peers = &self.swarms.get(&info_hash).unwrap_or(&empty).peers;
        let same_address: Vec<_> = peers.iter().filter(|(at, _)| at.0 == ip).collect();
        if same_address.len() >= self.rules.max_peers_per_address.max(1) {
            let oldest = same_address
                .iter()
                .map(|(_, peer)| peer.last_announce)
                .min();
            let gone = same_address.iter().find(|(at, peer)| {
                Some(peer.last_announce) == oldest && !is_known(real, info_hash, **at)
            });
            let gone = *gone.expect("an oldest peer of the address makes room").0;
            // The swarm remains, even if for a moment it has no peer: it keeps its completions.
            let swarm = self.swarms.get_mut(&info_hash).expect("it has peers");
            swarm.peers.remove(&gone);
            return true;
        }
        if self.peers() < self.rules.max_peers {
            return true;
        }
        let singles = || {
            let all = self.swarms.iter();
            all.filter(|(hash, swarm)| **hash != info_hash && swarm.peers.len() == 1)
        };
        let Some(oldest) = singles().map(|(_, swarm)| swarm.touched).min() else {
            return false;
        };
        let gone =
            singles().find(|(hash, swarm)| swarm.touched == oldest && real.get(hash).is_none());
        let gone = *gone.expect("an oldest swarm of one peer makes room").0;
        self.swarms.remove(&gone);
        true
    }

    fn remove(&mut self, info_hash: InfoHash, endpoint: Endpoint) {
        let Some(swarm) = self.swarms.get_mut(&info_hash) else {
            return;
        };
        if swarm.peers.remove(&endpoint).is_some() {
            swarm.touched = self.steps;
        }
        if swarm.peers.is_empty() {
            self.swarms.remove(&info_hash);
        }
    }

    /// Follows a sweep: expired peers may be gone, and while regrouping peers may have changed
    /// over to what the groups and rules in force say of them. Nothing else may have happened,
    /// which is for [`Model::check`] to see.
    pub fn sweep(&mut self, real: &Swarms) {
        self.steps += 1;
        let swarms = self.swarms.clone();
        for (info_hash, swarm) in swarms {
            for (endpoint, peer) in swarm.peers {
                if !self.is_alive(&peer) && !is_known(real, info_hash, endpoint) {
                    self.remove(info_hash, endpoint);
                }
            }
        }
        let members = members(real);
        let (networks, refused) = (&self.networks, &self.rules.refused_ports);
        for (info_hash, swarm) in &mut self.swarms {
            for (endpoint, peer) in &mut swarm.peers {
                let group = networks.find(endpoint.0);
                let unlisted = endpoint.1 == 0 || refused.contains(&endpoint.1);
                if let Some((class, _)) = members.get(&(*info_hash, *endpoint))
                    && self.names[&class.group] == group
                    && class.unlisted == unlisted
                {
                    peer.group = group.to_owned();
                    peer.unlisted = unlisted;
                }
            }
        }
    }

    /// Compares everything that both remember.
    pub fn check(&self, real: &Swarms) {
        let members = members(real);
        let mut by_group = BTreeMap::<&str, usize>::new();
        for (info_hash, swarm) in &self.swarms {
            let counts = real.get(info_hash).map(|swarm| swarm.counts());
            assert_eq!(counts, Some(swarm.counts()), "counts of {info_hash}");
            for (endpoint, peer) in &swarm.peers {
                let member = members.get(&(*info_hash, *endpoint));
                let as_peer = self.as_peer(member.expect("a peer is missing"));
                assert_eq!(as_peer, *peer, "{endpoint:?}");
                *by_group.entry(&peer.group).or_default() += 1;
            }
        }
        assert_eq!(real.len(), self.swarms.len(), "swarms");
        assert_eq!(members.len(), self.peers(), "peers");
        let totals = real.totals();
        let seeders: u32 = self
            .swarms
            .values()
            .map(|swarm| swarm.counts().seeders)
            .sum();
        assert_eq!(totals.seeders, seeders as usize);
        assert_eq!(totals.peers(), self.peers());
        for (number, count) in totals.by_group.iter().enumerate() {
            let name = self.names.get(&GroupId(number as u16));
            let expected = name.and_then(|name| by_group.get(name.as_str()));
            assert_eq!(*count, expected.copied().unwrap_or(0), "peers of {name:?}");
        }
        if !real.is_regrouping() {
            for (endpoint, peer) in self.swarms.values().flat_map(|swarm| &swarm.peers) {
                assert_eq!(peer.group, self.networks.find(endpoint.0));
                assert_eq!(peer.unlisted, self.is_unlisted(endpoint.1));
            }
        }
    }
}
