//! Clients that make things up, by the hundred thousand.

use crate::harness::{Daemon, Settings, leecher, scrape_target, subscriber};
use crate::priority::populate;
use std::fs;

const REAL: &[u8; 20] = b"a swarm of 20 bytes.";
/// Requests that are sent in one piece.
const PIECE: u32 = 500;

fn memory(daemon: &Daemon) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.id())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let figure = line.and_then(|line| line.split_whitespace().next());
    figure.and_then(|figure| figure.parse().ok()).expect("kB")
}

/// Announces for swarms that nobody else has, each for another one.
fn make_up(daemon: &Daemon, numbers: std::ops::Range<u32>) {
    let mut client = daemon.connect_from([127, 9, 0, 1]);
    for first in numbers.step_by(PIECE as usize) {
        let request = |number: u32| {
            let hash = [&[0xee; 16][..], &number.to_be_bytes()].concat();
            let announce = leecher(number % 7).in_swarm(&hash).set("numwant", 0);
            format!("GET {} HTTP/1.1\r\n\r\n", announce.target())
        };
        client.send((first..first + PIECE).map(request).collect::<String>());
        (0..PIECE).for_each(|_| assert_eq!(client.answer().status, 200));
    }
}

#[test]
fn made_up_swarms_push_each_other_out_and_nobody_else() {
    let daemon = Daemon::start(&Settings::default().tracker("max_peers: 5000"));
    populate(&daemon, 1, 60, leecher);
    make_up(&daemon, 0..20_000);
    let before = memory(&daemon);
    make_up(&daemon, 20_000..100_000);
    let grown = memory(&daemon).saturating_sub(before);
    assert!(
        grown < 4 * 1024,
        "{grown} kB more for 80,000 made-up swarms"
    );
    let real = daemon.scrape(&scrape_target(&[REAL])).file(REAL);
    assert_eq!(real, Some([0, 60, 0]));
    // A newcomer makes its way, too.
    daemon.announce_from(subscriber(2, 0), &leecher(1));
    let reply = daemon.announce_from(subscriber(2, 1), &leecher(2).set("numwant", 200));
    assert_eq!(reply.peers().len(), 61);
}

#[test]
fn thousands_of_ports_of_one_address_are_no_more_than_a_few_peers() {
    let daemon = Daemon::start(&Settings::default());
    populate(&daemon, 1, 60, leecher);
    let mut liar = daemon.connect_from([127, 9, 0, 1]);
    for first in (0..5000).step_by(PIECE as usize) {
        let request = |number: u32| format!("GET {} HTTP/1.1\r\n\r\n", leecher(number).target());
        liar.send((first..first + PIECE).map(request).collect::<String>());
        (0..PIECE).for_each(|_| assert_eq!(liar.answer().status, 200));
    }
    let reply = daemon.announce_from(subscriber(2, 0), &leecher(9999).set("numwant", 200));
    assert_eq!(reply.counts(), [0, 60 + 64 + 1, 0]);
    let peers = reply.peers();
    let of_the_liar = peers
        .iter()
        .filter(|peer| peer.ip().to_string() == "127.9.0.1");
    assert_eq!((of_the_liar.count(), peers.len()), (64, 124));
}
