//! A client finds peers that only an external tracker knows, whichever way its announce comes.

use crate::harness::{Client, Daemon, Reply, leecher, network_of, percent_encode, seeder};
use crate::opentracker::Opentracker;
use crate::with_targets;
use std::net::SocketAddr;

const HASH: [u8; 20] = *b"known to opentracker";

/// Known to the external tracker only: two of the world, one of the own network.
const MEMBERS: [[u8; 4]; 3] = [[127, 3, 0, 1], [127, 3, 0, 2], [127, 1, 0, 9]];

/// Starts a tracker and has the members announce there.
fn start() -> Opentracker {
    let hash: String = HASH.iter().map(|byte| format!("{byte:02x}")).collect();
    let tracker = Opentracker::start([127, 0, 0, 1], &hash);
    for (number, member) in (1..).zip(MEMBERS) {
        let announce = seeder(number).in_swarm(&HASH).event("started");
        let answer = Client::connect_from(member, tracker.address).get(&announce.target());
        assert_eq!(answer.status, 200);
    }
    tracker
}

/// Has a client forward in some way, at a daemon that knows one peer of the own network and
/// nothing of the tracker.
fn finds_all_by(keys: &str, forward: impl Fn(&Daemon, &str, SocketAddr) -> Reply) {
    let tracker = start();
    let daemon = Daemon::start(&with_targets("[127.0.0.0/8]", keys));
    daemon.announce_from([127, 1, 0, 2], &leecher(20).in_swarm(&HASH));
    let query = leecher(30).in_swarm(&HASH).query();
    let reply = forward(&daemon, &query, tracker.address);
    assert_eq!(reply.failure(), None);
    let peers = reply.peers();
    for (port, member) in (10_001..).zip(MEMBERS) {
        let member = SocketAddr::from((member, port));
        assert!(peers.contains(&member), "{member} is not in {peers:?}");
    }
    let networks: Vec<_> = peers.iter().map(network_of).collect();
    assert_eq!(networks[..2], [1, 1], "own network first: {peers:?}");
    assert!(networks[2..].iter().all(|&network| network != 1));
    let [complete, incomplete, _] = reply.counts();
    assert_eq!(complete, 3, "the tracker knows more than we");
    assert_eq!(incomplete, 2, "we know more than the tracker");
    assert!(reply.integer("interval") > 120, "nothing is missing");
}

#[test]
fn form_a_over_http() {
    finds_all_by("", |daemon, query, tracker| {
        let target = format!("/forwarded_announce/http/{tracker}/announce?{query}");
        Reply::from_answer(
            &daemon
                .connect()
                .get_with(&target, &["X-Real-IP: 127.1.0.3"]),
        )
    });
}

#[test]
fn form_a_over_udp() {
    finds_all_by("", |daemon, query, tracker| {
        let target = format!("/forwarded_announce/udp/{tracker}/announce?{query}");
        let headers = ["X-Forwarded-For: 203.0.113.7, 127.1.0.3"];
        Reply::from_answer(&daemon.connect().get_with(&target, &headers))
    });
}

#[test]
fn form_b() {
    finds_all_by("", |daemon, query, tracker| {
        let url = percent_encode(format!("http://{tracker}/announce").as_bytes());
        let target = format!("/forwarded_announce?tracker={url}&client_ip=127.1.0.3&{query}");
        Reply::from_answer(&daemon.connect().get(&target))
    });
}

#[test]
fn form_c_by_host() {
    finds_all_by(", transparent: true", |daemon, query, tracker| {
        let mut client = daemon.connect_from([127, 1, 0, 3]);
        let port = tracker.port();
        client.send(format!(
            "GET /announce?{query} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n"
        ));
        Reply::from_answer(&client.answer())
    });
}

#[test]
fn form_c_by_absolute_target() {
    finds_all_by(", transparent: true", |daemon, query, tracker| {
        let mut client = daemon.connect_from([127, 1, 0, 3]);
        let port = tracker.port();
        client.send(format!(
            "GET http://localhost:{port}/announce?{query} HTTP/1.1\r\nHost: retracker.local\r\n\r\n"
        ));
        Reply::from_answer(&client.answer())
    });
}
