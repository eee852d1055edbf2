//! Forgetting: peers that fall silent, and those that must make room.

use crate::harness::{
    Daemon, Reply, Settings, leecher, let_clock_go_on, scrape_target, seeder, wait_until,
};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

fn ports(reply: &Reply) -> Vec<u16> {
    let mut ports: Vec<_> = reply.peers().iter().map(SocketAddr::port).collect();
    ports.sort_unstable();
    ports
}

fn short_lived() -> Settings {
    let settings = Settings::default()
        .tracker("interval: 1")
        .tracker("min_interval: 1");
    settings.tracker("peer_expiry_interval: 2")
}

/// Not even before they are swept: from the second after the interval on, no answer names them.
#[test]
fn silent_peers_are_not_handed_out() {
    let daemon = Daemon::start(&short_lived());
    let mut client = daemon.connect();
    let announced = Instant::now();
    client.announce(&leecher(1));
    assert_eq!(ports(&client.announce(&leecher(2))), [10_001]);
    wait_until("the silent peer to expire", || {
        let asked = announced.elapsed();
        let given = ports(&client.announce(&leecher(2)));
        assert!(
            given.is_empty() || asked < Duration::from_secs(3),
            "handed out {asked:?} after its last word"
        );
        given.is_empty()
    });
    let asked = announced.elapsed();
    assert!(asked > Duration::from_secs(1), "forgotten after {asked:?}");
}

#[test]
fn silent_peers_leave_the_counts_and_empty_swarms_leave_nothing() {
    let daemon = Daemon::start(&short_lived());
    let mut client = daemon.connect();
    let lonely = seeder(1)
        .in_swarm(b"a swarm left to die.")
        .event("completed");
    assert_eq!(client.announce(&lonely).counts(), [1, 0, 1]);
    client.announce(&leecher(2));
    client.announce(&leecher(3));
    wait_until("the silent peer to be counted no more", || {
        client.announce(&leecher(3)).counts() == [0, 1, 0]
    });
    wait_until(
        "the empty swarm to be forgotten with its completions",
        || scraped(&daemon, b"a swarm left to die.") == [0, 0, 0],
    );
}

#[test]
fn of_too_many_ports_of_an_address_the_oldest_makes_room() {
    let daemon = Daemon::start(&Settings::default().tracker("max_peers_per_address: 2"));
    let mut client = daemon.connect();
    client.announce(&leecher(1));
    client.announce(&leecher(2));
    let_clock_go_on(Duration::from_secs(1));
    client.announce(&leecher(1));
    client.announce(&leecher(3));
    let mut other = daemon.connect_from([127, 3, 0, 1]);
    let reply = other.announce(&leecher(50));
    assert_eq!(
        (reply.integer("incomplete"), ports(&reply)),
        (3, vec![10_001, 10_003]),
        "2 was silent longest"
    );
    client.announce(&leecher(4).in_swarm(b"another torrent's 20"));
    assert_eq!(
        ports(&other.announce(&leecher(50))),
        [10_001, 10_003],
        "every swarm by itself"
    );
}

/// A flood of made-up hashes pushes itself out, not the swarms in which people meet.
#[test]
fn of_too_many_peers_the_oldest_lonely_ones_make_room() {
    let daemon = Daemon::start(&Settings::default().tracker("max_peers: 4"));
    let mut client = daemon.connect();
    client.announce(&leecher(1));
    client.announce(&leecher(2));
    let made_up: Vec<[u8; 20]> = (0..10).map(|number| [number; 20]).collect();
    for hash in &made_up {
        assert_eq!(
            client.announce(&leecher(3).in_swarm(hash)).counts(),
            [0, 1, 0]
        );
    }
    let alive = |hash: &[u8; 20]| scraped(&daemon, hash) == [0, 1, 0];
    let remembered: Vec<_> = made_up.iter().map(alive).collect();
    assert_eq!(remembered[..8], [false; 8]);
    assert_eq!(remembered[8..], [true; 2]);
    assert_eq!(scraped(&daemon, b"a swarm of 20 bytes."), [0, 2, 0]);
}

fn scraped(daemon: &Daemon, hash: &[u8; 20]) -> [i64; 3] {
    daemon
        .scrape(&scrape_target(&[hash]))
        .file(hash)
        .expect("each hash asked for is answered")
}

#[test]
fn where_nobody_can_make_room_a_new_peer_is_answered_but_not_remembered() {
    let daemon = Daemon::start(&Settings::default().tracker("max_peers: 2"));
    let mut client = daemon.connect();
    client.announce(&leecher(1));
    client.announce(&leecher(2));
    for number in [3, 4] {
        assert_eq!(ports(&client.announce(&leecher(number))), [10_001, 10_002]);
    }
    assert_eq!(ports(&client.announce(&leecher(1))), [10_002]);
}
