//! The answer to an announce: its length, its forms, and the numbers in it.

use crate::harness::{Client, Daemon, Reply, Settings, Value, leecher};
use std::net::{Ipv6Addr, SocketAddr};

#[test]
fn numwant_bounds_the_list() {
    let daemon = Daemon::start(
        &Settings::default()
            .tracker("numwant: 5")
            .tracker("max_numwant: 12"),
    );
    let mut client = daemon.connect();
    for number in 1..=20 {
        client.announce(&leecher(number));
    }
    for (numwant, count) in [
        ("0", 0),
        ("1", 1),
        ("12", 12),
        ("13", 12),
        ("4294967296", 12),
        ("-1", 5),
        ("x", 5),
    ] {
        let reply = client.announce(&leecher(21).set("numwant", numwant));
        assert_eq!(reply.peers().len(), count, "numwant={numwant}");
    }
    assert_eq!(
        client.announce(&leecher(21)).peers().len(),
        5,
        "without numwant"
    );
}

#[test]
fn compact_0_gives_dictionaries() {
    let daemon = Daemon::start(&Settings::default());
    daemon.announce_from([127, 1, 2, 3], &leecher(1));
    let entries = |reply: &Reply| match reply
        .0
        .get(b"peers")
        .expect("peers are always there")
        .list()
    {
        [Value::Dictionary(entries)] => entries.clone(),
        other => panic!("not one dictionary: {other:?}"),
    };
    let verbose = entries(&daemon.announce(&leecher(2).set("compact", 0)));
    assert_eq!(verbose[&b"ip"[..]].bytes(), b"127.1.2.3");
    assert_eq!(verbose[&b"port"[..]].integer(), 10_001);
    assert_eq!(verbose[&b"peer id"[..]].bytes(), b"-TS0001-000000000001");
    let terse = entries(&daemon.announce(&leecher(2).set("compact", 0).set("no_peer_id", 1)));
    assert_eq!(terse.keys().collect::<Vec<_>>(), [&b"ip"[..], b"port"]);
    for compact in ["1", "", "yes"] {
        assert_eq!(
            daemon
                .announce(&leecher(2).set("compact", compact))
                .peers()
                .len(),
            1,
            "compact={compact}"
        );
    }
}

#[test]
fn a_client_is_told_its_address() {
    let daemon = Daemon::start(&Settings::default().listen(&["127.0.0.1:0", "[::1]:0"]));
    let reply = daemon.announce_from([127, 3, 2, 1], &leecher(1));
    assert_eq!(
        reply.0.get(b"external ip").map(Value::bytes),
        Some(&[127, 3, 2, 1][..])
    );
    let reply = Client::connect(daemon.addresses()[1]).announce(&leecher(1));
    let loopback = Ipv6Addr::LOCALHOST.octets();
    assert_eq!(
        reply.0.get(b"external ip").map(Value::bytes),
        Some(&loopback[..])
    );
}

#[test]
fn intervals_are_spread_out() {
    let daemon = Daemon::start(
        &Settings::default()
            .tracker("interval: 1000")
            .tracker("min_interval: 300"),
    );
    let mut client = daemon.connect();
    let replies: Vec<_> = (0..200).map(|_| client.announce(&leecher(1))).collect();
    let intervals: Vec<_> = replies
        .iter()
        .map(|reply| reply.integer("interval"))
        .collect();
    assert!(
        intervals
            .iter()
            .all(|interval| (900..=1100).contains(interval)),
        "{intervals:?}"
    );
    // By chance the 200 miss either outer fifth about once in 10^19 runs.
    assert!(
        intervals.iter().any(|&interval| interval < 940),
        "{intervals:?}"
    );
    assert!(
        intervals.iter().any(|&interval| interval > 1060),
        "{intervals:?}"
    );
    assert!(
        replies
            .iter()
            .all(|reply| reply.integer("min interval") == 300)
    );
}

#[test]
fn min_interval_is_never_above_interval() {
    for interval in [1, 10] {
        let lines = ["interval", "min_interval"].map(|key| format!("{key}: {interval}"));
        let daemon = Daemon::start(&Settings::default().tracker(&lines[0]).tracker(&lines[1]));
        let mut client = daemon.connect();
        for _ in 0..50 {
            let reply = client.announce(&leecher(1));
            let (interval, min_interval) =
                (reply.integer("interval"), reply.integer("min interval"));
            assert!(
                0 < min_interval && min_interval <= interval,
                "{min_interval} over {interval}"
            );
        }
    }
}

#[test]
fn ipv6_peers_have_a_list_of_their_own() {
    let daemon = Daemon::start(&Settings::default().listen(&["127.0.0.1:0", "[::1]:0"]));
    let mut over_ipv6 = Client::connect(daemon.addresses()[1]);
    let first = over_ipv6.announce(&leecher(1));
    assert_eq!(
        (first.peers(), first.0.get(b"peers6")),
        (vec![], None),
        "peers always, peers6 if there are any"
    );
    // A client that announces over both is two peers, and is not given its other self.
    let second = daemon.announce(&leecher(1));
    assert_eq!(
        (second.counts(), second.peers(), second.peers6()),
        ([0, 2, 0], vec![], vec![])
    );
    let expected = SocketAddr::from((Ipv6Addr::LOCALHOST, 10_001));
    for reply in [
        daemon.announce(&leecher(2)),
        over_ipv6.announce(&leecher(3)),
    ] {
        assert!(
            reply
                .peers()
                .contains(&SocketAddr::from(([127, 0, 0, 1], 10_001))),
            "{reply:?}"
        );
        assert_eq!(reply.peers6(), [expected]);
    }
}
