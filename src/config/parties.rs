//! Whom BTRT deals with: peer groups, neighbors, external trackers. Their names
//! are told apart, point at each other and can be asked.

use std::collections::HashSet;
use std::net::IpAddr;

use super::check::warn_at_either;
use super::fault::{Report, quoted};
use super::settings::{ForwardedAnnounce, Neighbor, PeerGroup, Settings, TrackerRule};
use super::values::{TrackerMode, host_and_port, is_host_name};

/// The group of every address that is in no other.
const OTHER: &str = "other";

/// Groups are numbered in 16 bits.
const MOST_GROUPS: usize = 65_000;

/// Names stand in log lines, tables and metrics.
const LONGEST_NAME: usize = 100;

/// Checks all of them.
pub fn check(settings: &Settings, report: &mut Report<'_>) {
    groups(&settings.peer_groups, report);
    for (number, item) in settings.neighbors.iter().enumerate() {
        neighbor(&format!("neighbors.{number}"), item, report);
    }
    let names = settings.neighbors.iter().map(|neighbor| &neighbor.name);
    unique("neighbors", "neighbor", names, report);
    forwarded_announce(&settings.forwarded_announce, report);
}

fn groups(groups: &[PeerGroup], report: &mut Report<'_>) {
    if groups.len() > MOST_GROUPS {
        let text = format!(
            "there are {} peer groups, but must not be more than {MOST_GROUPS}",
            groups.len()
        );
        report.fault("peer_groups", text);
        return;
    }
    for (number, group) in groups.iter().enumerate() {
        let path = format!("peer_groups.{number}");
        name(&path, "peer group", &group.name, report);
        if group.name == OTHER {
            let text = "a peer group cannot be called other: that is the group of all addresses \
                        that are in no group";
            report.fault(&format!("{path}.name"), text);
        }
    }
    unique(
        "peer_groups",
        "peer group",
        groups.iter().map(|group| &group.name),
        report,
    );
    let names: HashSet<&str> = groups.iter().map(|group| group.name.as_str()).collect();
    for (number, group) in groups.iter().enumerate() {
        let visible_to = group.visible_to.iter().flatten().enumerate();
        for (item, name) in visible_to {
            if name != OTHER && !names.contains(name.as_str()) {
                let path = format!("peer_groups.{number}.visible_to.{item}");
                let text = format!(
                    "visible_to names {}, but there is no such peer group; \
                     it takes the names of peer groups, and other",
                    quoted(name)
                );
                report.fault(&path, text);
            }
        }
    }
}

fn neighbor(path: &str, neighbor: &Neighbor, report: &mut Report<'_>) {
    name(path, "neighbor", &neighbor.name, report);
    let key = format!("{path}.announce_request");
    let url = &neighbor.announce_request;
    if report.knows(&key) {
        // Its type was wrong, which is reported.
    } else if url.is_empty() {
        report.fault(&key, "a neighbor needs an announce_request");
    } else if !is_tracker_url(url) {
        let text = "announce_request must be an http://, https:// or udp:// URL without spaces, \
                    such as http://retracker.example/announce?info_hash={info_hash}";
        report.fault(&key, text);
    } else if !url.contains("{info_hash}") {
        let text = "announce_request must have {info_hash} where the torrent's hash goes, \
                    as in announce?info_hash={info_hash}";
        report.fault(&key, text);
    }
    if neighbor.peers_expiry_interval < neighbor.refresh_interval {
        let text = format!(
            "peers_expiry_interval is {}, below refresh_interval, which is {}: \
             peers vanish before they are asked for again",
            neighbor.peers_expiry_interval, neighbor.refresh_interval
        );
        let (expiry, refresh) = ("peers_expiry_interval", "refresh_interval");
        warn_at_either(path, expiry, refresh, &text, report);
    }
}

/// Whether a fetch can be made of it: the scheme, a host and perhaps a port,
/// and no byte that would end a request line.
fn is_tracker_url(url: &str) -> bool {
    let schemes = ["http://", "https://", "udp://"];
    let rest = schemes.iter().find_map(|scheme| url.strip_prefix(scheme));
    let authority = rest.and_then(|rest| rest.split(['/', '?']).next());
    let has_host = authority.is_some_and(|authority| host_and_port(authority).is_some());
    has_host && url.bytes().all(|b| b.is_ascii_graphic() && b != b'#')
}

fn forwarded_announce(forwarded: &ForwardedAnnounce, report: &mut Report<'_>) {
    for (number, rule) in forwarded.trackers.iter().enumerate() {
        let path = format!("forwarded_announce.trackers.{number}");
        tracker_rule(&path, rule, report);
    }
    for (number, name) in forwarded.local_names.iter().enumerate() {
        if !is_host_name(name) {
            let path = format!("forwarded_announce.local_names.{number}");
            let text = "an item of local_names must be a host name such as retracker.local, \
                        without scheme, port or path";
            report.fault(&path, format!("{text}, but is {}", quoted(name)));
        }
    }
}

fn tracker_rule(path: &str, rule: &TrackerRule, report: &mut Report<'_>) {
    let key = format!("{path}.host");
    let host = &rule.host;
    let name = host.strip_prefix("*.").unwrap_or(host);
    let name = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .unwrap_or(name);
    let is_pattern = host == "*" || is_host_name(name) || name.parse::<IpAddr>().is_ok();
    if report.knows(&key) {
        // Its type was wrong, which is reported.
    } else if host.is_empty() {
        report.fault(&key, "an item of trackers needs a host");
    } else if !is_pattern {
        let text = "host must be a host name such as tracker.example.org, or *.example.org for \
                    all names below it, without scheme, port or path";
        report.fault(&key, format!("{text}, but is {}", quoted(host)));
    }
    if rule.mode == TrackerMode::Never && !rule.share {
        let text = "mode is never beside share: false, but without sharing only the external \
                    tracker can answer; take always";
        report.fault(&format!("{path}.mode"), text);
    }
}

fn name(path: &str, thing: &str, name: &str, report: &mut Report<'_>) {
    let key = format!("{path}.name");
    let length = name.chars().count();
    if report.knows(&key) {
        // Its type was wrong, which is reported.
    } else if length == 0 {
        report.fault(&key, format!("a {thing} needs a name"));
    } else if length > LONGEST_NAME || name.chars().any(char::is_control) {
        let text = format!(
            "the name of a {thing} must have at most {LONGEST_NAME} characters and no control \
             characters, but is {}",
            quoted(name)
        );
        report.fault(&key, text);
    }
}

fn unique<'n>(
    list: &str,
    thing: &str,
    names: impl Iterator<Item = &'n String>,
    report: &mut Report<'_>,
) {
    let mut seen = HashSet::new();
    for (number, name) in names.enumerate() {
        if !name.is_empty() && !seen.insert(name) {
            let text = format!("there is already a {thing} called {}", quoted(name));
            report.fault(&format!("{list}.{number}.name"), text);
        }
    }
}
