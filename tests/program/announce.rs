//! Announces: what is remembered of a client and what it is told.

use crate::harness::{Daemon, Reply, Settings, leecher, seeder};
use std::net::SocketAddr;

/// The loopback peers with these ports, to compare a reply with.
fn local(ports: &[u16]) -> Vec<SocketAddr> {
    ports
        .iter()
        .map(|&port| SocketAddr::from(([127, 0, 0, 1], port)))
        .collect()
}

fn sorted(mut peers: Vec<SocketAddr>) -> Vec<SocketAddr> {
    peers.sort_unstable();
    peers
}

#[test]
fn clients_are_given_each_other() {
    let daemon = Daemon::start(&Settings::default());
    let first = daemon.announce(&seeder(1).event("started"));
    assert_eq!((first.counts(), first.peers()), ([1, 0, 0], vec![]));
    let second = daemon.announce(&leecher(2).event("started"));
    assert_eq!(
        (second.counts(), second.peers()),
        ([1, 1, 0], local(&[10_001]))
    );
    let again = daemon.announce(&seeder(1));
    assert_eq!(
        (again.counts(), again.peers()),
        ([1, 1, 0], local(&[10_002]))
    );
    let elsewhere = daemon.announce(&leecher(3).in_swarm(b"another torrent's 20"));
    assert_eq!((elsewhere.counts(), elsewhere.peers()), ([0, 1, 0], vec![]));
}

#[test]
fn a_client_without_a_usable_port_is_counted_but_never_handed_out() {
    let daemon = Daemon::start(&Settings::default());
    let mut expected = 0;
    for (number, port) in (1..).zip([
        "0",
        "",
        "abc",
        "-1",
        "65536",
        "99999999999999999999",
        "22",
        "3306",
    ]) {
        let reply = daemon.announce_from(
            [127, 3, 0, number],
            &leecher(number.into()).set("port", port),
        );
        expected += 1;
        assert_eq!(
            (reply.counts(), reply.peers()),
            ([0, expected, 0], vec![]),
            "port={port}"
        );
    }
    let portless = daemon.announce_from([127, 3, 0, 100], &leecher(100).without("port"));
    assert_eq!(
        (portless.integer("incomplete"), portless.peers()),
        (expected + 1, vec![])
    );
    daemon.announce(&leecher(101));
    let reply = daemon.announce_from([127, 3, 0, 1], &leecher(1).set("port", 0));
    assert_eq!(
        reply.peers(),
        local(&[10_101]),
        "and it is itself given peers"
    );
}

#[test]
fn refused_ports_are_the_operators_choice() {
    let daemon = Daemon::start(&Settings::default().tracker("refused_ports: [10001]"));
    daemon.announce(&leecher(1));
    daemon.announce(&leecher(2).set("port", 22));
    let reply = daemon.announce(&leecher(3));
    assert_eq!(
        (reply.integer("incomplete"), reply.peers()),
        (3, local(&[22]))
    );
}

/// Else anybody could point a swarm at a victim.
#[test]
fn addresses_in_the_query_make_no_peer() {
    let daemon = Daemon::start(&Settings::default());
    let announce = leecher(1)
        .set("ip", "198.51.100.1")
        .set("ipv4", "198.51.100.2")
        .set("ipv6", "2001:db8::3");
    daemon.announce(&announce.set("client_ip", "198.51.100.4"));
    let reply = daemon.announce(&leecher(2));
    assert_eq!(
        (reply.integer("incomplete"), reply.peers(), reply.peers6()),
        (2, local(&[10_001]), vec![])
    );
}

#[test]
fn nobody_is_given_himself() {
    let daemon = Daemon::start(&Settings::default());
    daemon.announce(&leecher(1));
    let same_address = leecher(1).set("peer_id", "-TS0001-another-one.");
    assert_eq!(daemon.announce(&same_address).peers(), []);
    let same_peer_id = same_address.set("port", 7001);
    assert_eq!(
        daemon.announce_from([127, 3, 0, 1], &same_peer_id).peers(),
        []
    );
}

/// libtorrent announces one peer id from every address it has, within milliseconds.
#[test]
fn one_peer_id_at_two_addresses_is_two_peers() {
    let daemon = Daemon::start(&Settings::default());
    let ports = [7001, 7002];
    for port in ports {
        daemon.announce(&leecher(1).set("port", port));
    }
    let reply = daemon.announce(&leecher(2));
    assert_eq!(
        (reply.integer("incomplete"), sorted(reply.peers())),
        (3, local(&ports))
    );
}

#[test]
fn a_restarted_client_is_the_same_peer() {
    let daemon = Daemon::start(&Settings::default());
    daemon.announce(&seeder(1));
    let restarted = daemon.announce(
        &leecher(1)
            .set("peer_id", "-TS0002-abcdefghijkl")
            .event("started"),
    );
    assert_eq!(restarted.counts(), [0, 1, 0]);
    let reply = daemon.announce(&leecher(2));
    assert_eq!(
        (reply.counts(), reply.peers()),
        ([0, 2, 0], local(&[10_001]))
    );
}

#[test]
fn seeders_are_not_given_seeders() {
    let daemon = Daemon::start(&Settings::default());
    daemon.announce(&seeder(1));
    daemon.announce(&leecher(2));
    assert_eq!(daemon.announce(&seeder(3)).peers(), local(&[10_002]));
    assert_eq!(
        sorted(daemon.announce(&leecher(4)).peers()),
        local(&[10_001, 10_002, 10_003])
    );
}

#[test]
fn a_stopped_client_is_gone_at_once() {
    let daemon = Daemon::start(&Settings::default());
    daemon.announce(&leecher(1));
    daemon.announce(&leecher(2));
    let stopped = daemon.announce(&leecher(1).event("stopped"));
    assert_eq!((stopped.counts(), stopped.peers()), ([0, 1, 0], vec![]));
    assert_eq!(daemon.announce(&leecher(3)).peers(), local(&[10_002]));
}

/// Transmission says goodbye before its first hello, and gives up if that is refused.
#[test]
fn an_unknown_client_may_stop() {
    let daemon = Daemon::start(&Settings::default());
    for _ in 0..2 {
        let reply = daemon.announce(&leecher(1).event("stopped"));
        assert_eq!((reply.counts(), reply.peers()), ([0, 0, 0], vec![]));
    }
    assert_eq!(
        daemon.announce(&leecher(1).event("started")).counts(),
        [0, 1, 0]
    );
}

#[test]
fn completed_counts_once_per_peer() {
    let daemon = Daemon::start(&Settings::default());
    let downloaded = |announce| daemon.announce(&announce).integer("downloaded");
    assert_eq!(
        downloaded(leecher(1).event("completed")),
        0,
        "with something left nothing is complete"
    );
    assert_eq!(downloaded(seeder(1)), 0, "nor without the word");
    assert_eq!(downloaded(seeder(1).event("completed")), 1);
    assert_eq!(downloaded(seeder(1).event("completed")), 1, "only once");
    assert_eq!(
        downloaded(seeder(2).event("completed")),
        2,
        "also as the first word of a peer"
    );
    assert_eq!(downloaded(seeder(2).event("stopped")), 2, "and for good");
}

#[test]
fn a_leecher_becomes_a_seeder_and_back() {
    let daemon = Daemon::start(&Settings::default());
    daemon.announce(&leecher(9));
    assert_eq!(daemon.announce(&leecher(1)).counts(), [0, 2, 0]);
    assert_eq!(daemon.announce(&seeder(1)).counts(), [1, 1, 0]);
    assert_eq!(daemon.announce(&leecher(1)).counts(), [0, 2, 0]);
    assert_eq!(
        daemon.announce(&seeder(1).event("paused")).counts(),
        [1, 1, 0]
    );
    assert_eq!(
        daemon.announce(&leecher(2).event("paused")).counts(),
        [1, 2, 0]
    );
}

/// Clients that started together, after a power cut, say, must not come back together.
#[test]
fn only_a_wrong_info_hash_or_peer_id_is_refused() {
    let daemon = Daemon::start(&Settings::default());
    let mut client = daemon.connect();
    for name in ["info_hash", "peer_id"] {
        let wrong = [
            "",
            "nineteen bytes long",
            "twenty-one bytes long",
            "0123456789abcdef0123456789abcdef01234567",
        ];
        let mut refused: Vec<_> = wrong
            .map(|value| leecher(1).set(name, value.replace(' ', "_")))
            .into();
        refused.push(leecher(1).without(name));
        for announce in refused {
            let reply = Reply::from_answer(&client.get(&announce.target()));
            let reason = reply
                .failure()
                .unwrap_or_else(|| panic!("{} was taken: {reply:?}", announce.query()));
            assert!(!reason.is_empty() && reason.is_ascii(), "{reason}");
        }
    }
    let bare = leecher(1)
        .without("port")
        .without("left")
        .without("uploaded")
        .without("downloaded");
    assert_eq!(client.announce(&bare).counts(), [0, 1, 0]);
}
