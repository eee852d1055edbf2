//! External trackers that point BTRT's clients at a victim, or at everybody.

use crate::harness::{Daemon, leecher};
use crate::server::Server;
use crate::{forward, settings};
use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};

const VICTIM: Ipv4Addr = Ipv4Addr::new(8, 8, 4, 4);

fn compact(peers: impl IntoIterator<Item = SocketAddrV4>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for peer in peers {
        bytes.extend(peer.ip().octets());
        bytes.extend(peer.port().to_be_bytes());
    }
    let length = bytes.len();
    [format!("d5:peers{length}:").as_bytes(), &bytes, b"e"].concat()
}

/// So many peers, each with an address of its own.
fn everybody(count: u32) -> Vec<u8> {
    compact((0..count).map(|number| SocketAddrV4::new((0x0800_0000 + number).into(), 6881)))
}

fn memory(daemon: &Daemon) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.unwrap()
        .split_whitespace()
        .next()
        .unwrap()
        .parse()
        .unwrap()
}

#[test]
fn a_victim_named_ten_thousand_times_is_one_peer() {
    let victim = SocketAddrV4::new(VICTIM, 6881);
    let tracker = Server::answering(compact([victim; 10_000]));
    let daemon = Daemon::start(&settings(""));
    let reply = forward(&daemon, tracker.address, &leecher(1).set("numwant", 200));
    assert_eq!(reply.peers(), [victim.into()]);
}

/// As with announces: `max_peers_per_address`, and no refused port.
#[test]
fn a_victim_with_ten_thousand_ports_is_no_more_than_a_few_peers() {
    let ports = (1..=10_000).map(|port| SocketAddrV4::new(VICTIM, port));
    let others = (0..50).map(|number| SocketAddrV4::new([8, 8, 8, number].into(), 6881));
    let tracker = Server::answering(compact(others.chain(ports)));
    let daemon = Daemon::start(&settings(""));
    let reply = forward(&daemon, tracker.address, &leecher(1).set("numwant", 200));
    let (victims, others): (Vec<_>, Vec<_>) = reply
        .peers()
        .into_iter()
        .partition(|peer| peer.ip() == VICTIM);
    assert!((1..=64).contains(&victims.len()), "{}", victims.len());
    assert_eq!(others.len(), 50);
    for refused in [22, 25, 53, 445, 3306] {
        assert!(victims.iter().all(|peer| peer.port() != refused));
    }
}

#[test]
fn a_million_peers_are_dropped_and_as_many_as_fit_are_cut() {
    let daemon = Daemon::start(&settings(""));
    let announce = |number: u8| leecher(1).in_swarm(&[number; 20]).set("numwant", 200);
    // Just under a mebibyte, time and again: what is kept of it is bounded.
    let much = Server::answering(everybody(174_000));
    forward(&daemon, much.address, &announce(0));
    let before = memory(&daemon);
    for number in 1..=20 {
        let reply = forward(&daemon, much.address, &announce(number));
        assert_eq!(reply.peers().len(), 200);
    }
    let too_much = Server::answering(everybody(1_000_000));
    let reply = forward(&daemon, too_much.address, &announce(21));
    assert_eq!((reply.failure(), reply.peers()), (None, vec![]));
    let grown = memory(&daemon).saturating_sub(before);
    // Each of 16 workers may have had an answer of a mebibyte in hand, and what was read of it.
    assert!(grown < 64 * 1024, "{grown} kB more");
}
