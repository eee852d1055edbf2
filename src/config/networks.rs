//! Networks: host bits are cleared everywhere, and each peer group's list and
//! file become one.

use std::path::Path;

use ipnet::IpNet;

use super::cidr_file;
use super::fault::Report;
use super::settings::{PeerGroup, Settings};
use crate::pace::Pace;

/// Comparisons between which others have their turn: a daemon that reads a routing table again has
/// clients to serve.
const COMPARED_AT_ONCE: usize = 16_384;

/// Reads the CIDR files and tidies all lists.
pub fn load(settings: &mut Settings, report: &mut Report<'_>) {
    for (number, group) in settings.peer_groups.iter_mut().enumerate() {
        let path = format!("peer_groups.{number}");
        clear_host_bits(&format!("{path}.cidr_list"), &mut group.cidr_list, report);
        load_group(&path, group, report);
    }
    for (number, neighbor) in settings.neighbors.iter_mut().enumerate() {
        let path = format!("neighbors.{number}.accept_from");
        clear_host_bits(&path, &mut neighbor.accept_from, report);
    }
    let proxies = &mut settings.server.trusted_proxies;
    clear_host_bits("server.trusted_proxies", proxies, report);
    let forwarded = &mut settings.forwarded_announce;
    let platform = &mut forwarded.allow_from;
    clear_host_bits("forwarded_announce.allow_from", platform, report);
    let targets = &mut forwarded.allow_private_targets;
    clear_host_bits("forwarded_announce.allow_private_targets", targets, report);
}

fn load_group(path: &str, group: &mut PeerGroup, report: &mut Report<'_>) {
    if let Some(file) = &group.cidr_file {
        match cidr_file::read(file) {
            Ok(read) => {
                // Taken and not copied: there may be a million.
                group.networks = read.networks;
                report.extend(read.faults, read.warnings);
            }
            Err(error) => {
                let path = format!("{path}.cidr_file");
                report.fault(&path, cannot_read("cidr_file", file, &error));
            }
        }
    }
    group.networks.extend_from_slice(&group.cidr_list);
    let mut pace = Pace::every(COMPARED_AT_ONCE);
    group.networks.sort_unstable_by(|one, other| {
        pace.step();
        one.cmp(other)
    });
    group.networks.dedup();
}

fn clear_host_bits(path: &str, networks: &mut [IpNet], report: &mut Report<'_>) {
    for (number, net) in networks.iter_mut().enumerate() {
        if net.trunc() != *net {
            report.warn(&format!("{path}.{number}"), cidr_file::host_bits(*net));
            *net = net.trunc();
        }
    }
}

/// What an operator is told about a file named at `key` that cannot be read.
pub fn cannot_read(key: &str, file: &Path, error: &std::io::Error) -> String {
    format!("{key} {file:?} cannot be read: {error}")
}
