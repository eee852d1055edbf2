//! Swarms that are swept and put into new groups in the smallest pieces, with everything else
//! going on in between. The tracker's own pieces are too large for that.

use crate::answer::{self, Question};
use crate::model::Model;
use crate::networks::{self, Networks};
use crate::real::Endpoint;
use crate::steps::{self, Step};
use btrt::bittorrent::{Announce, Event, InfoHash, PeerId};
use btrt::swarm::{
    Arrival, Asker, Family, GroupDefinition, HashKeys, Liveness, PeerGroups, Rules, Selection,
    Swarms, Table, Wanted,
};
use btrt::time::{START, Timestamp};
use btrt::tracker::Settings;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

struct World {
    swarms: Swarms,
    groups: PeerGroups,
    model: Model,
    settings: Settings,
    selection: Selection,
    random: fastrand::Rng,
    /// Peers that had expired when the present pass of the sweep began, in swarms where nobody
    /// has announced since.
    due: BTreeSet<(InfoHash, Endpoint)>,
}

impl World {
    fn new(settings: Settings, definitions: &[GroupDefinition], seed: u64) -> World {
        let (networks, groups) = Networks::build(definitions, &Default::default());
        World {
            swarms: Swarms::new(HashKeys(seed, !seed), settings.rules.clone()),
            groups,
            model: Model::new(settings.rules.clone(), networks, START),
            settings,
            selection: Selection::default(),
            random: fastrand::Rng::with_seed(seed),
            due: BTreeSet::new(),
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Announce(announce, ip) => match ip {
                IpAddr::V4(ip) => self.announce(&announce, ip),
                IpAddr::V6(ip) => self.announce(&announce, ip),
            },
            Step::Sweep(budget) => self.sweep(budget),
            Step::Reload(settings, definitions) if !self.swarms.is_regrouping() => {
                self.reload(settings, &definitions);
            }
            Step::Stall(seconds) => self.model.now += seconds,
            _ => {}
        }
        self.model.check(&self.swarms);
    }

    fn liveness(&self) -> Liveness {
        Liveness {
            now: Timestamp(self.model.now),
            expiry: self.settings.rules.peer_expiry_interval,
        }
    }

    fn announce<A: Family>(&mut self, announce: &Announce, ip: A) {
        self.swarms.foresee(&[(announce.info_hash, ip.into())]);
        let port = announce.port.unwrap_or(0);
        let liveness = self.liveness();
        if announce.event == Event::Stopped {
            self.swarms.leave(&announce.info_hash, ip, port);
        } else {
            let arrival = Arrival {
                ip,
                port,
                id: announce.peer_id,
                seeder: announce.seeder,
                completed: announce.event == Event::Completed,
                forwarded: false,
            };
            self.swarms
                .announce(&announce.info_hash, &arrival, &self.groups, liveness);
        }
        self.model.announce(announce, ip.into(), &self.swarms);
        self.due
            .retain(|(info_hash, _)| *info_hash != announce.info_hash);
        self.ask::<Ipv4Addr>(announce, (ip.into(), port));
        self.ask::<Ipv6Addr>(announce, (ip.into(), port));
    }

    fn ask<A: Family>(&mut self, announce: &Announce, own: Endpoint) {
        let liveness = self.liveness();
        let swarm = self.swarms.get(&announce.info_hash);
        let Some(peers) = swarm.and_then(A::peers) else {
            return;
        };
        let asker = Asker {
            group: self.groups.find(own.0),
            seeder: announce.seeder,
            id: announce.peer_id,
            own: A::of(own.0).map(|ip| (ip, own.1)),
        };
        let numwant = announce.numwant.unwrap_or(self.settings.numwant);
        let wanted = Wanted {
            places: numwant.min(self.settings.max_numwant) as usize,
            enough: self.settings.enough_peers as usize,
            outside: self.settings.outside_peers as usize,
        };
        let (groups, random) = (&self.groups, &mut self.random);
        let keys = self.swarms.keys();
        let tables = [Table { peers, liveness }];
        let chosen = self
            .selection
            .choose(&tables, keys, &asker, groups, &wanted, random);
        let runs = chosen.runs().iter();
        let chosen = runs.flat_map(|run| run.positions.clone());
        let chosen = chosen.map(|at| peers.get(at as usize));
        let given: Vec<Endpoint> = chosen.map(|peer| (peer.ip.into(), peer.port)).collect();
        let question = Question {
            info_hash: announce.info_hash,
            own,
            id: announce.peer_id,
            seeder: announce.seeder,
            places: wanted.places,
            enough: wanted.enough,
            outside: wanted.outside,
        };
        let ipv4 = A::of(Ipv4Addr::UNSPECIFIED.into()).is_some();
        answer::check(&self.model, &question, ipv4, &given);
    }

    fn sweep(&mut self, budget: usize) {
        let ended = self.swarms.sweep(budget, &self.groups, self.liveness());
        self.model.sweep(&self.swarms);
        if ended {
            assert!(!self.swarms.is_regrouping());
            let expired = self.model.expired();
            let left: Vec<_> = expired.intersection(&self.due).collect();
            assert!(left.is_empty(), "passed over: {left:?}");
            self.due = expired;
        }
    }

    fn reload(&mut self, settings: Settings, definitions: &[GroupDefinition]) {
        let (networks, groups) = Networks::build(definitions, &self.groups.names());
        self.model.rules = settings.rules.clone();
        self.model.enforce(networks);
        self.swarms.set_rules(settings.rules.clone());
        self.groups = groups;
        self.settings = settings;
        self.swarms.regroup();
        self.due = self.model.expired();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn swarms_swept_in_pieces_and_their_model_live_alike(
        settings in steps::settings(),
        definitions in networks::definitions(),
        seed: u64,
        life in steps::life_in_pieces(),
    ) {
        let mut world = World::new(settings, &definitions, seed);
        life.into_iter().for_each(|step| world.take(step));
    }
}

#[test]
fn a_swarm_is_swept_whole_after_another_was_forgotten_halfway() {
    let settings = Settings {
        interval: 1800,
        min_interval: 300,
        numwant: 50,
        max_numwant: 200,
        enough_peers: 30,
        outside_peers: 4,
        max_scrape: 100,
        rules: Rules {
            max_peers: 100,
            max_peers_per_address: 64,
            peer_expiry_interval: 60,
            refused_ports: Vec::new(),
        },
        ..Settings::default()
    };
    let mut world = World::new(settings, &[], 1);
    let announce = |swarm, port, event| {
        let announce = Announce {
            info_hash: InfoHash([swarm; 20]),
            peer_id: PeerId([0; 20]),
            port: Some(port),
            seeder: false,
            event,
            numwant: None,
            compact: true,
            no_peer_id: false,
        };
        Step::Announce(announce, Ipv4Addr::LOCALHOST.into())
    };
    let mut steps: Vec<_> = (1..5).map(|port| announce(0, port, Event::None)).collect();
    steps.push(announce(1, 1, Event::None));
    // The second pass looks at the second swarm, but not at its peer yet.
    steps.extend([Step::Sweep(100), Step::Stall(60), Step::Sweep(1)]);
    steps.extend([announce(1, 1, Event::Stopped), Step::Sweep(100)]);
    steps.into_iter().for_each(|step| world.take(step));
    assert!(world.swarms.is_empty());
}
