//! What the operator sets, and sets otherwise.

use crate::clients::NEIGHBOR;
use crate::networks::Networks;
use crate::workers::NEIGHBORS;
use crate::world::World;
use btrt::job::FetchPolicy;
use btrt::swarm::{GroupDefinition, OTHER_NAME, Rules};
use btrt::tracker::{
    ForwardSettings, Mode, NeighborSettings, Settings, TrackerRule, UpstreamLimits,
};
use fastrand::Rng;
use std::sync::Arc;

pub const LIMITS: UpstreamLimits = UpstreamLimits {
    threads: 4,
    max_pending: 20,
    per_host: 2,
};

const NETWORKS: [&str; 12] = [
    "10.0.0.0/8",
    "10.1.0.0/16",
    "10.1.1.0/24",
    "100.64.0.0/10",
    "127.1.0.0/16",
    "127.1.0.128/25",
    "198.51.100.0/24",
    "2001:db8::/32",
    "2001:db8:8::/48",
    "fd00::/8",
    "8.0.0.0/15",
    "9.0.0.0/16",
];
const NAMES: [&str; 4] = ["home", "city", "partner", "transit"];

/// Groups that have no network in common, so that it is plain who is in which.
pub fn definitions(random: &mut Rng) -> Vec<GroupDefinition> {
    let mut networks = NETWORKS.to_vec();
    random.shuffle(&mut networks);
    let mut definitions = Vec::new();
    for name in NAMES {
        if random.u8(0..5) == 0 {
            continue;
        }
        let count = random.usize(0..=3);
        let parse = |network: &str| network.parse().expect("a network");
        let networks = networks.split_off(networks.len() - count);
        let mut networks: Vec<_> = networks.into_iter().map(parse).collect();
        networks.sort_unstable();
        let visible_to = (random.u8(0..3) == 0).then(|| {
            let names = NAMES.into_iter().chain([OTHER_NAME]);
            let names = names.filter(|_| random.u8(0..3) == 0);
            names.map(str::to_owned).collect()
        });
        definitions.push(GroupDefinition {
            name: name.to_owned(),
            priority: random.u32(0..3),
            networks,
            visible_to,
        });
    }
    definitions
}

pub fn settings(random: &mut Rng) -> Settings {
    let rule = |host: &str, mode, share| TrackerRule {
        host: host.to_owned(),
        mode,
        share,
    };
    let policy = Arc::new(FetchPolicy {
        allow_networks: Vec::new(),
        ports: Vec::new(),
        own_addresses: Vec::new(),
        trusted: true,
        via: "btrt".to_owned(),
    });
    let (expiry, refresh) = (random.u32(5..300), random.u32(1..100));
    let neighbor = |number| NeighborSettings {
        name: format!("neighbor {number}").into(),
        refresh_interval: refresh,
        peers_expiry_interval: expiry,
        announce_request: format!("http://neighbor{number}/announce?info_hash={{info_hash}}"),
        accept_from: vec![
            NEIGHBOR
                .parse::<std::net::IpAddr>()
                .expect("an address")
                .into(),
        ],
        max_requests_per_second: 50,
        policy: policy.clone(),
    };
    let neighbors = (0..NEIGHBORS).filter(|_| random.bool()).map(neighbor);
    let neighbors = neighbors.collect();
    Settings {
        interval: random.u32(1..4000),
        min_interval: 1,
        numwant: random.u32(0..20),
        max_numwant: random.u32(0..30),
        enough_peers: random.u32(0..10),
        outside_peers: random.u32(0..5),
        max_scrape: 100,
        full_scrape: random.bool(),
        flush_interval: None,
        neighbors,
        rules: Rules {
            max_peers: if random.bool() {
                random.usize(1..30)
            } else {
                1000
            },
            max_peers_per_address: random.usize(1..4),
            peer_expiry_interval: random.u32(8..400),
            refused_ports: if random.bool() { vec![25] } else { vec![22] },
        },
        forward: ForwardSettings {
            refresh_interval: random.u32(1..200),
            peers_expiry_interval: random.u32(1..400),
            timeout: random.u32(1..20),
            rules: vec![
                rule("always.example", Mode::Always, true),
                rule("never.example", Mode::Never, true),
                rule("private.example", Mode::IfNeeded, false),
            ],
            ..ForwardSettings::default()
        },
        upstream_limits: LIMITS,
        ..Settings::default()
    }
}

impl World {
    /// The configuration is read again.
    pub fn reload(&mut self) {
        let mut settings = settings(&mut self.random);
        settings.flush_interval = self.tracker.settings().flush_interval;
        let definitions = definitions(&mut self.random);
        self.tell(|| format!("reload: {settings:?} {definitions:?}"));
        let (networks, groups) = Networks::build(&definitions, &self.tracker.group_names());
        self.networks = networks;
        self.tracker.handle_reload(settings, groups);
        self.turn();
    }
}
