//! Daemons that are each other's neighbors.

use crate::harness::{Daemon, Settings, leecher, seeder, wait_until};
use crate::server::Server;
use crate::{forward, has_peers, said};
use std::net::SocketAddr;

/// A daemon that may learn peers on the loopback, for others to ask.
fn settings(neighbors: &[String]) -> Settings {
    let neighbors = neighbors.join(", ");
    crate::with_targets("[127.0.0.0/8]", "")
        .logging("level: diagnostic")
        .section(&format!("neighbors: [{neighbors}]"))
}

/// A neighbor at an address. All here ask from 127.0.0.1.
fn neighbor(name: &str, at: SocketAddr) -> String {
    format!(
        "{{name: {name}, refresh_interval: 1, accept_from: [127.0.0.1], announce_request: \
         'http://{at}/announce?info_hash={{info_hash}}&peer_id=0123456789012345678A&port=6882\
         &downloaded=0&uploaded=0&left=4194304&event=started&compact=1&numwant=1000'}}"
    )
}

/// Daemons each of which asks the next, and the last one the first.
fn ring(size: usize) -> Vec<Daemon> {
    let mut daemons = vec![Daemon::start(&settings(&[]))];
    for _ in 1..size {
        let next = daemons.last().unwrap().address();
        daemons.push(Daemon::start(&settings(&[neighbor("next", next)])));
    }
    let last = daemons.last().unwrap().address();
    daemons[0].reload(&settings(&[neighbor("next", last)]));
    daemons[0].wait_for_log("the reload", |line| line.contains("is in force"));
    daemons
}

/// The peers that a daemon gives to one who does not count, sorted.
fn given(daemon: &Daemon) -> Vec<String> {
    let reply = daemon.announce_from(
        [127, 9, 0, 9],
        &leecher(99).set("port", 0).set("numwant", 200),
    );
    let mut peers: Vec<_> = reply.peers().iter().map(ToString::to_string).collect();
    peers.sort_unstable();
    peers
}

/// How often a daemon's questions have been answered.
fn rounds(daemon: &Daemon) -> usize {
    let answered = |line: &&String| line.contains(" answered with ");
    daemon.log_lines().iter().filter(answered).count()
}

/// Waits until each daemon has asked so many times more.
fn let_ask(daemons: &[Daemon], times: usize) {
    let before: Vec<_> = daemons.iter().map(rounds).collect();
    wait_until("the neighbors to ask", || {
        let mut pairs = daemons.iter().zip(&before);
        pairs.all(|(daemon, before)| rounds(daemon) >= before + times)
    });
}

#[test]
fn two_daemons_exchange_what_announced_to_them() {
    let daemons = ring(2);
    daemons[0].announce_from([127, 1, 0, 1], &seeder(1));
    daemons[1].announce_from([127, 1, 0, 2], &leecher(2));
    let both = ["127.1.0.1:10001", "127.1.0.2:10002"];
    wait_until("both to know both", || {
        daemons.iter().all(|daemon| given(daemon) == both)
    });
    let_ask(&daemons, 2);
    for daemon in &daemons {
        assert_eq!(given(daemon), both, "neighbors are no peers");
        let file = daemon.scrape(&leecher(1).scrape_target());
        let [complete, incomplete, _] = file.file(b"a swarm of 20 bytes.").unwrap();
        assert_eq!(complete + incomplete, 2, "one peer and the one who asked");
    }
}

/// Otherwise a peer that is gone would go round for ever.
#[test]
fn nobody_passes_on_what_it_was_told() {
    let daemons = ring(3);
    for (number, daemon) in (1..).zip(&daemons) {
        daemon.announce_from([127, 1, 0, number], &leecher(number.into()));
    }
    // Each asks the one before it, the first the last.
    let own = ["127.1.0.1:10001", "127.1.0.2:10002", "127.1.0.3:10003"];
    let expected = [[own[0], own[2]], [own[0], own[1]], [own[1], own[2]]];
    wait_until("each to know what its neighbor knows", || {
        let mut pairs = daemons.iter().zip(expected);
        pairs.all(|(daemon, expected)| given(daemon) == expected)
    });
    let_ask(&daemons, 2);
    for (daemon, expected) in daemons.iter().zip(expected) {
        assert_eq!(given(daemon), expected);
    }
}

#[test]
fn a_neighbor_gets_all_that_announced_here_and_nothing_else() {
    let tracker = Server::answering(said());
    let other = Server::answering(crate::said_with(&["127.2.0.9:9"], ""));
    let mut daemon_settings = vec![neighbor("other", other.address)];
    daemon_settings[0] = daemon_settings[0].replace("[127.0.0.1]", "[127.5.0.1]");
    let daemon = Daemon::start(&settings(&daemon_settings).tracker("enough_peers: 100"));
    for number in 1..=60 {
        daemon.announce_from([127, 3, 0, 1], &leecher(number));
    }
    let forwarded = leecher(70).set("numwant", 200);
    assert!(has_peers(&forward(&daemon, tracker.address, &forwarded)));
    wait_until("the neighbor's peer", || {
        given(&daemon).contains(&"127.2.0.9:9".to_owned())
    });
    let poll = leecher(99).set("numwant", 1000).event("started");
    let reply = daemon.announce_from([127, 5, 0, 1], &poll);
    let peers = reply.peers();
    assert_eq!(peers.len(), 61, "also those that were forwarded: {peers:?}");
    assert!(peers.iter().all(|peer| peer.port() > 10_000));
    let few = daemon.announce_from([127, 5, 0, 1], &poll.set("numwant", 7));
    assert_eq!(few.peers().len(), 7);
    assert!(!given(&daemon).iter().any(|peer| peer.starts_with("127.5.")));
}

#[test]
fn learned_peers_belong_to_the_group_of_their_address() {
    let peers = [
        "127.3.0.1:3",
        "127.2.0.1:2",
        "127.1.0.1:1",
        "0.0.0.0:4",
        "8.8.8.8:0",
    ];
    let other = Server::answering(crate::said_with(&peers, ""));
    let settings = settings(&[neighbor("other", other.address)]);
    let daemon = Daemon::start(&settings);
    daemon.announce_from([127, 1, 0, 9], &leecher(1));
    wait_until("the neighbor's peers", || given(&daemon).len() == 4);
    let reply = daemon.announce_from([127, 1, 0, 9], &leecher(1));
    let ports: Vec<_> = reply.peers().iter().map(SocketAddr::port).collect();
    assert_eq!(ports[..2], [1, 2], "own network, then the partner's");
    let counts = daemon.scrape(&leecher(1).scrape_target());
    let counts = counts.file(b"a swarm of 20 bytes.").unwrap();
    assert_eq!(counts, [0, 2, 0], "learned peers are not counted");
}
