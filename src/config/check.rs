//! Ranges and contradictions: what is wrong although every value by itself has
//! the right type. Everything is checked, whatever was found before.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::Path;

use super::fault::{Report, quoted};
use super::parties;
use super::settings::Settings;

/// Checks everything but the networks, which `load` does while it reads them.
pub fn check(settings: &Settings, report: &mut Report<'_>) {
    ranges(settings, report);
    server(settings, report);
    paths(settings, report);
    database(settings, report);
    tracker(settings, report);
    parties::check(settings, report);
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
        && let Some(taken) = server.listen.iter().find(|&&other| collide(admin, other))
    {
        let text = format!(
            "admin_listen is {admin}, but {taken} is in listen; operators need their own port"
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

/// Whether only one of two addresses can be listened at.
fn collide(a: SocketAddr, b: SocketAddr) -> bool {
    let all = a.ip().is_unspecified() || b.ip().is_unspecified();
    let same = a.ip() == b.ip() || (all && a.is_ipv4() == b.is_ipv4());
    same && a.port() == b.port() && a.port() != 0
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
        let text = "schema is empty, but must be a name, such as btrt";
        report.fault("database.schema", text);
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

/// Warns at the first of two keys that the file has.
pub fn warn_at_either(section: &str, key: &str, other: &str, text: &str, report: &mut Report<'_>) {
    let path = format!("{section}.{key}");
    match report.is_written(&path) {
        true => report.warn(&path, text),
        false => report.warn(&format!("{section}.{other}"), text),
    }
}
