//! Which peers are handed out: the own network first, a few from outside, the rest left out.

use crate::harness::{
    Announce, Client, Daemon, Settings, count_by_network, leecher, network_of, seeder, subscriber,
};
use std::net::SocketAddr;

/// Group 0 in 127.1.0.0/16, group 1 in 127.2.0.0/16, 127.3.0.0/16 in none; 50 wanted, 30 enough.
fn settings(outside_peers: u32) -> Settings {
    Settings::with_two_groups()
        .tracker("numwant: 50")
        .tracker("enough_peers: 30")
        .tracker(&format!("outside_peers: {outside_peers}"))
}

/// Announces `count` peers of a network, each from an address of its own.
pub fn populate(daemon: &Daemon, network: u8, count: u32, peer: impl Fn(u32) -> Announce) {
    for number in 0..count {
        let peer = peer(u32::from(network) * 10_000 + number);
        daemon.announce_from(subscriber(network, number), &peer);
    }
}

/// What an asker of no group is given in a swarm of leechers.
fn given(settings: &Settings, leechers: [u32; 3], numwant: u32) -> Vec<SocketAddr> {
    let daemon = Daemon::start(settings);
    for (network, count) in (1..).zip(leechers) {
        populate(&daemon, network, count, leecher);
    }
    let asker = leecher(9).set("numwant", numwant);
    daemon.announce_from([127, 3, 250, 1], &asker).peers()
}

/// The three examples that the documentation works out.
#[test]
fn a_list_is_filled_by_priority_until_enough() {
    for (leechers, [local, partner, other]) in [
        ([20, 100, 50], [20, 26, 4]),
        ([35, 100, 50], [35, 4, 0]),
        ([10, 5, 50], [10, 5, 35]),
    ] {
        let peers = given(&settings(4), leechers, 50);
        assert_eq!(
            count_by_network(&peers),
            [local, partner, other],
            "of {leechers:?}"
        );
        assert!(
            peers.is_sorted_by_key(network_of),
            "smaller priorities stand first: {peers:?}"
        );
    }
}

#[test]
fn outside_peers_are_at_most_a_quarter_of_the_list() {
    for (numwant, expected) in [
        (16, [12, 4, 0]),
        (8, [6, 2, 0]),
        (7, [6, 1, 0]),
        (3, [3, 0, 0]),
    ] {
        let peers = given(&settings(4), [35, 20, 20], numwant);
        assert_eq!(count_by_network(&peers), expected, "numwant={numwant}");
    }
}

#[test]
fn places_that_outside_peers_cannot_fill_go_back() {
    assert_eq!(
        count_by_network(&given(&settings(4), [60, 1, 0], 50)),
        [49, 1, 0]
    );
    assert_eq!(
        count_by_network(&given(&settings(4), [60, 0, 0], 50)),
        [50, 0, 0]
    );
}

#[test]
fn without_outside_peers_a_full_network_keeps_to_itself() {
    assert_eq!(
        count_by_network(&given(&settings(0), [35, 100, 50], 50)),
        [35, 0, 0]
    );
    assert_eq!(
        count_by_network(&given(&settings(0), [20, 100, 50], 50)),
        [20, 30, 0]
    );
}

/// A network that holds no whole copy needs somebody who does.
#[test]
fn of_the_outside_peers_known_seeders_come_first() {
    let daemon = Daemon::start(&settings(4));
    populate(&daemon, 1, 35, leecher);
    populate(&daemon, 2, 50, leecher);
    populate(&daemon, 3, 2, seeder);
    for _ in 0..20 {
        let reply = daemon.announce_from([127, 3, 250, 1], &leecher(9));
        assert_eq!(count_by_network(&reply.peers()), [35, 2, 2]);
    }
}

/// Only peers that the asker may be given count: seeders do not fill a seeder's list.
#[test]
fn enough_is_counted_in_peers_that_may_be_given() {
    let daemon = Daemon::start(&settings(0));
    populate(&daemon, 1, 40, seeder);
    populate(&daemon, 2, 10, leecher);
    let asker = [127, 3, 250, 1];
    assert_eq!(
        count_by_network(&daemon.announce_from(asker, &seeder(9)).peers()),
        [0, 10, 0]
    );
    assert_eq!(
        count_by_network(&daemon.announce_from(asker, &leecher(9)).peers()),
        [40, 0, 0]
    );
}

#[test]
fn groups_may_share_a_priority() {
    let settings = Settings::default()
        .group("name: east, priority: 5, cidr_list: ['127.1.0.0/16']")
        .group("name: west, priority: 5, cidr_list: ['127.2.0.0/16']")
        .tracker("enough_peers: 15")
        .tracker("outside_peers: 0");
    assert_eq!(
        count_by_network(&given(&settings, [20, 20, 20], 50)),
        [20, 20, 0]
    );
}

#[test]
fn the_longest_prefix_decides_and_then_the_smaller_priority() {
    let settings = Settings::default()
        .group("name: wide, priority: 0, cidr_list: ['127.0.0.0/8']")
        .group("name: narrow, priority: 7, cidr_list: ['127.2.0.0/16', 127.1.0.3]")
        .group("name: twin, priority: 3, cidr_list: ['127.2.0.0/16']")
        .tracker("enough_peers: 1")
        .tracker("outside_peers: 0");
    let daemon = Daemon::start(&settings);
    let mut expected = Vec::new();
    for (number, ip) in [
        (1, [127, 1, 0, 3]),
        (2, [127, 2, 0, 1]),
        (3, [127, 1, 0, 4]),
    ] {
        daemon.announce_from(ip, &leecher(number));
        expected.insert(
            0,
            SocketAddr::from((ip, 10_000 + u16::try_from(number).expect("small"))),
        );
    }
    // With one peer enough, each answer ends with its first priority; the best leaves each time.
    for (number, peer) in [3, 2, 1].into_iter().zip(expected) {
        assert_eq!(
            daemon.announce_from([127, 1, 0, 9], &seeder(9)).peers(),
            [peer]
        );
        daemon.announce_from(peer.ip(), &leecher(number).event("stopped"));
    }
}

/// IPv4 and IPv6 lists are filled each by itself: plenty in one does not stop the other.
#[test]
fn each_list_has_its_own_count_of_enough() {
    let settings = Settings::default()
        .listen(&["127.0.0.1:0", "[::1]:0"])
        .group("name: local, priority: 0, cidr_list: ['127.1.0.0/16']")
        .tracker("enough_peers: 3")
        .tracker("outside_peers: 0");
    let daemon = Daemon::start(&settings);
    populate(&daemon, 1, 5, leecher);
    populate(&daemon, 3, 5, leecher);
    let mut over_ipv6 = Client::connect(daemon.addresses()[1]);
    for number in 1..=4 {
        over_ipv6.announce(&leecher(number));
    }
    let reply = daemon.announce_from([127, 3, 250, 1], &leecher(9));
    assert_eq!(count_by_network(&reply.peers()), [5, 0, 0]);
    assert_eq!(reply.peers6().len(), 4);
}
