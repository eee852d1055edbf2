//! Ranges and contradictions: what is wrong although every value by itself has
//! the right type. Everything is checked, whatever was found before.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::path::Path;

use super::fault::{Report, quoted};
use super::settings::{Neighbor, PeerGroup, Settings, TrackerRule};
use super::values::{TrackerMode, host_and_port, is_host_name};

/// The group of every address that is in no other.
const OTHER: &str = "other";

/// Groups are numbered in 16 bits.
const MOST_GROUPS: usize = 65_000;

/// Names stand in log lines, tables and metrics.
const LONGEST_NAME: usize = 100;

/// Checks everything but the networks, which `load` does while it reads them.
pub fn check(settings: &Settings, report: &mut Report<'_>) {
    ranges(settings, report);
    server(settings, report);
    paths(settings, report);
    database(settings, report);
    tracker(settings, report);
    groups(&settings.peer_groups, report);
    for (number, neighbor) in settings.neighbors.iter().enumerate() {
        check_neighbor(&format!("neighbors.{number}"), neighbor, report);
    }
    let names = settings.neighbors.iter().map(|neighbor| &neighbor.name);
    unique("neighbors", "neighbor", names, report);
    for (number, rule) in settings.forwarded_announce.trackers.iter().enumerate() {
        let path = format!("forwarded_announce.trackers.{number}");
        tracker_rule(&path, rule, report);
    }
    for (number, name) in settings.forwarded_announce.local_names.iter().enumerate() {
        if !is_host_name(name) {
            let path = format!("forwarded_announce.local_names.{number}");
            let text = "an item of local_names must be a host name such as retracker.local, \
                        without scheme, port or path";
            report.fault(&path, format!("{text}, but is {}", quoted(name)));
        }
    }
}

fn ranges(settings: &Settings, report: &mut Report<'_>) {
    const POSITIVE: RangeInclusive<u32> = 1..=u32::MAX;
    let (server, tracker) = (&settings.server, &settings.tracker);
    let (forwarded, workers) = (&settings.forwarded_announce, &settings.workers);
    let mut check = |path: &str, value: u32, allowed: RangeInclusive<u32>| {
        if allowed.contains(&value) {
            return;
        }
        let key = path.rsplit('.').next().unwrap_or(path);
        let (least, most) = allowed.into_inner();
        let allowed = match most {
            u32::MAX => format!("at least {least}"),
            most => format!("from {least} to {most}"),
        };
        report.fault(path, format!("{key} is {value}, but must be {allowed}"));
    };
    check("server.max_connections", server.max_connections, POSITIVE);
    check("server.request_timeout", server.request_timeout, POSITIVE);
    check("server.idle_timeout", server.idle_timeout, POSITIVE);
    let flush_interval = settings.database.flush_interval;
    check("database.flush_interval", flush_interval, POSITIVE);
    check("tracker.interval", tracker.interval, POSITIVE);
    let expiry = tracker.peer_expiry_interval;
    check("tracker.peer_expiry_interval", expiry, POSITIVE);
    check("tracker.numwant", tracker.numwant, POSITIVE);
    // An answer is made in memory: its size needs a bound.
    check("tracker.max_numwant", tracker.max_numwant, 1..=10_000);
    check("tracker.max_peers", tracker.max_peers, POSITIVE);
    let ports = tracker.max_peers_per_address;
    check("tracker.max_peers_per_address", ports, POSITIVE);
    check("tracker.max_scrape", tracker.max_scrape, POSITIVE);
    for (number, neighbor) in settings.neighbors.iter().enumerate() {
        let mut check =
            |key: &str, value| check(&format!("neighbors.{number}.{key}"), value, POSITIVE);
        check("refresh_interval", neighbor.refresh_interval);
        check("peers_expiry_interval", neighbor.peers_expiry_interval);
        check("max_requests_per_second", neighbor.max_requests_per_second);
    }
    let refresh = forwarded.refresh_interval;
    check("forwarded_announce.refresh_interval", refresh, POSITIVE);
    let expiry = forwarded.peers_expiry_interval;
    check("forwarded_announce.peers_expiry_interval", expiry, POSITIVE);
    check("forwarded_announce.timeout", forwarded.timeout, POSITIVE);
    // Each thread has a stack, and the queue is made at its full size.
    check("workers.threads", workers.threads, 1..=1000);
    check("workers.max_pending", workers.max_pending, 1..=1_000_000);
    check("workers.per_host", workers.per_host, POSITIVE);
    check("hashlist.min_peers", settings.hashlist.min_peers, POSITIVE);
}

fn server(settings: &Settings, report: &mut Report<'_>) {
    let server = &settings.server;
    if server.listen.is_empty() && !report.knows("server.listen") {
        let text = "listen is empty, but needs at least one address, such as [\"0.0.0.0:80\"]";
        report.fault("server.listen", text);
    }
    let mut seen = HashSet::new();
    for (number, address) in server.listen.iter().enumerate() {
        if address.port() != 0 && !seen.insert(address) {
            let path = format!("server.listen.{number}");
            report.fault(&path, format!("listen names {address} twice"));
        }
    }
    if let Some(admin) = server.admin_listen
        && seen.contains(&admin)
    {
        let text = format!(
            "admin_listen is {admin}, but that is in listen; operators need their own port"
        );
        report.fault("server.admin_listen", text);
    }
    for (number, name) in server.client_address_headers.iter().enumerate() {
        let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if name.is_empty() || !name.bytes().all(is_token) {
            let path = format!("server.client_address_headers.{number}");
            let text = "an item of client_address_headers must be the name of a header, \
                        such as X-Real-IP";
            report.fault(&path, format!("{text}, but is {}", quoted(name)));
        }
    }
}

fn paths(settings: &Settings, report: &mut Report<'_>) {
    let mut check = |path: &str, value: &Path| {
        if value.as_os_str().is_empty() {
            let key = path.rsplit('.').next().unwrap_or(path);
            report.fault(path, format!("{key} is empty, but must be a path"));
        }
    };
    check("logging.path", &settings.logging.path);
    check("hashlist.path", &settings.hashlist.path);
    if let Some(pid_file) = &settings.server.pid_file {
        check("server.pid_file", pid_file);
    }
}

fn database(settings: &Settings, report: &mut Report<'_>) {
    let database = &settings.database;
    if database.password.is_some() && database.password_file.is_some() {
        let text = "password_file stands beside password; only one of them may be given";
        report.fault("database.password_file", text);
    }
    if database.schema.is_empty() {
        report.fault(
            "database.schema",
            "schema is empty, but must be a name, such as btrt",
        );
    }
}

fn tracker(settings: &Settings, report: &mut Report<'_>) {
    let tracker = &settings.tracker;
    let interval = tracker.interval;
    if tracker.min_interval > interval {
        let text = format!(
            "min_interval is {}, but must not be above interval, which is {interval}",
            tracker.min_interval
        );
        report.fault("tracker.min_interval", text);
    }
    if tracker.numwant > tracker.max_numwant {
        let text = format!(
            "numwant is {}, but must not be above max_numwant, which is {}",
            tracker.numwant, tracker.max_numwant
        );
        report.fault("tracker.numwant", text);
    }
    if tracker.peer_expiry_interval <= interval {
        let text = format!(
            "peer_expiry_interval is {}, not above interval, which is {interval}: \
             peers vanish between two announces",
            tracker.peer_expiry_interval
        );
        warn_at_either("tracker", "peer_expiry_interval", "interval", &text, report);
    }
    for (number, port) in tracker.refused_ports.iter().enumerate() {
        if *port == 0 {
            let path = format!("tracker.refused_ports.{number}");
            let text = "an item of refused_ports must be from 1 to 65535; 0 is refused anyway";
            report.fault(&path, text);
        }
    }
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

fn check_neighbor(path: &str, neighbor: &Neighbor, report: &mut Report<'_>) {
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

/// Warns at the first of two keys that the file has.
fn warn_at_either(section: &str, key: &str, other: &str, text: &str, report: &mut Report<'_>) {
    let path = format!("{section}.{key}");
    match report.is_written(&path) {
        true => report.warn(&path, text),
        false => report.warn(&format!("{section}.{other}"), text),
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

fn tracker_rule(path: &str, rule: &TrackerRule, report: &mut Report<'_>) {
    let key = format!("{path}.host");
    let host = &rule.host;
    let name = host.strip_prefix("*.").unwrap_or(host);
    let name = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .unwrap_or(name);
    let is_pattern = host == "*" || is_host_name(name) || name.parse::<std::net::IpAddr>().is_ok();
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
