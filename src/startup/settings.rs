//! The small settings structs of the parts, made from the whole configuration.

use crate::config::{Config, DatabaseUrl, TrackerMode};
use crate::job::FetchPolicy;
use crate::pace::Pace;
use crate::reactor;
use crate::swarm::{GroupDefinition, GroupNames, PeerGroups, Rules};
use crate::tracker::{self, ForwardSettings, Mode, NeighborSettings, TrackerRule, UpstreamLimits};
use ipnet::IpNet;
use std::net::SocketAddr;
use std::sync::Arc;

/// Networks that are laid flat in one go, which takes some 25 microseconds.
const NETWORKS_AT_ONCE: usize = 1024;

/// What no configuration says and no reload changes.
#[derive(Clone, Debug)]
pub(super) struct Instance {
    /// What this daemon's own requests carry in `Via`.
    pub via: String,
    /// Where it listens.
    pub own_addresses: Vec<SocketAddr>,
    /// Which kind of database it has.
    pub database: &'static str,
}

pub(super) fn reactor(config: &Config, instance: &Instance) -> reactor::Settings {
    let server = &config.settings.server;
    let forwarded = &config.settings.forwarded_announce;
    reactor::Settings {
        max_connections: server.max_connections as usize,
        request_timeout: server.request_timeout,
        idle_timeout: server.idle_timeout,
        trusted_proxies: server.trusted_proxies.clone(),
        client_address_headers: server.client_address_headers.clone(),
        allow_from: forwarded.allow_from.clone(),
        local_names: forwarded.transparent.then(|| forwarded.local_names.clone()),
        via: instance.via.clone(),
        // As it was at the start: another one takes a restart.
        database: instance.database,
    }
}

/// Which kind of database there is.
pub(super) fn database_kind(config: &Config) -> &'static str {
    match config.settings.database.url {
        DatabaseUrl::None => "none",
        DatabaseUrl::Sqlite { .. } => "sqlite",
        DatabaseUrl::Unix { .. } | DatabaseUrl::Tcp { .. } => "mysql",
    }
}

pub(super) fn tracker(config: &Config, instance: &Instance) -> tracker::Settings {
    let tracker = &config.settings.tracker;
    let workers = &config.settings.workers;
    tracker::Settings {
        interval: tracker.interval,
        min_interval: tracker.min_interval,
        numwant: tracker.numwant,
        max_numwant: tracker.max_numwant,
        enough_peers: tracker.enough_peers,
        outside_peers: tracker.outside_peers,
        max_scrape: tracker.max_scrape as usize,
        full_scrape: tracker.full_scrape,
        inside_priority: config.settings.hashlist.max_priority,
        hash_list_min_peers: config.settings.hashlist.min_peers,
        flush_interval: match config.settings.database.url {
            DatabaseUrl::None => None,
            _ => Some(config.settings.database.flush_interval),
        },
        rules: Rules {
            max_peers: tracker.max_peers as usize,
            max_peers_per_address: tracker.max_peers_per_address as usize,
            peer_expiry_interval: tracker.peer_expiry_interval,
            refused_ports: tracker.refused_ports.clone(),
        },
        neighbors: neighbors(config, instance),
        forward: forward(config, instance),
        upstream_limits: UpstreamLimits {
            threads: workers.threads as usize,
            max_pending: workers.max_pending as usize,
            per_host: workers.per_host as usize,
        },
    }
}

fn policy(config: &Config, instance: &Instance, trusted: bool) -> Arc<FetchPolicy> {
    let forwarded = &config.settings.forwarded_announce;
    let ports = forwarded.allow_target_ports.iter();
    Arc::new(FetchPolicy {
        allow_networks: forwarded.allow_private_targets.clone(),
        ports: ports.map(|range| range.first..=range.last).collect(),
        own_addresses: instance.own_addresses.clone(),
        trusted,
        via: instance.via.clone(),
    })
}

fn neighbors(config: &Config, instance: &Instance) -> Vec<NeighborSettings> {
    let policy = policy(config, instance, true);
    let neighbors = config.settings.neighbors.iter();
    neighbors
        .map(|neighbor| NeighborSettings {
            name: neighbor.name.as_str().into(),
            refresh_interval: neighbor.refresh_interval,
            peers_expiry_interval: neighbor.peers_expiry_interval,
            announce_request: neighbor.announce_request.clone(),
            accept_from: neighbor.accept_from.clone(),
            max_requests_per_second: neighbor.max_requests_per_second,
            policy: policy.clone(),
        })
        .collect()
}

fn forward(config: &Config, instance: &Instance) -> ForwardSettings {
    let forwarded = &config.settings.forwarded_announce;
    let rules = forwarded.trackers.iter().map(|rule| TrackerRule {
        host: rule.host.clone(),
        mode: match rule.mode {
            TrackerMode::Always => Mode::Always,
            TrackerMode::IfNeeded => Mode::IfNeeded,
            TrackerMode::Never => Mode::Never,
        },
        share: rule.share,
    });
    ForwardSettings {
        refresh_interval: forwarded.refresh_interval,
        peers_expiry_interval: forwarded.peers_expiry_interval,
        timeout: forwarded.timeout,
        rules: rules.collect(),
        policy: policy(config, instance, false),
    }
}

/// Makes the groups, and takes the networks out of the configuration: nobody else needs them, and
/// there may be a million.
pub(super) fn groups(config: &mut Config, names: &GroupNames) -> PeerGroups {
    let groups = config.settings.peer_groups.iter_mut();
    let definitions = groups.map(|group| GroupDefinition {
        name: group.name.clone(),
        priority: group.priority,
        networks: paced(std::mem::take(&mut group.networks)),
        visible_to: group.visible_to.clone(),
    });
    PeerGroups::new(definitions.collect(), names)
}

/// The same networks, between which the loop has its turn.
fn paced(networks: Vec<IpNet>) -> impl Iterator<Item = IpNet> {
    let mut pace = Pace::every(NETWORKS_AT_ONCE);
    networks.into_iter().inspect(move |_| pace.step())
}
