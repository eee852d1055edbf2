//! One fetch for all who want the same, and none where there is no need.

use crate::harness::{Daemon, Reply, leecher, seeder, subscriber};
use crate::server::{Server, ok, send};
use crate::{
    PEERS, by_path_to, forward, forward_to, has_peers, platform, said, said_with, settings,
};
use std::sync::{Arc, Condvar, Mutex};

/// Answers held back until they may go.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let closed = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(closed, |open| !*open).unwrap());
    }

    /// A tracker that answers only when the gate is open.
    pub fn before(&self, body: Vec<u8>) -> Server {
        let gate = self.clone();
        Server::start(move |stream, _| {
            gate.pass();
            send(stream, &ok(&body));
        })
    }
}

#[test]
fn a_hundred_clients_cause_one_fetch() {
    let gate = Gate::default();
    let tracker = gate.before(said());
    let daemon = Daemon::start(&settings(", transparent: true").tracker("enough_peers: 200"));
    let host = crate::named(&tracker);
    let clients: Vec<_> = (0..100)
        .map(|number| {
            // What programs of different kinds send beside the rest does not part them.
            let announce = leecher(number)
                .set("numwant", 200)
                .set("corrupt", number)
                .set("key", format!("{number:x}"))
                .set("supportcrypto", number % 2);
            let mut client = daemon.connect_from(subscriber(1, number));
            let query = announce.query();
            client.send(format!("GET /a?{query} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
            client
        })
        .collect();
    // An answer to one who came after all of them: their requests are taken.
    daemon.announce(&leecher(200));
    gate.open();
    for mut client in clients {
        assert!(has_peers(&Reply::from_answer(&client.answer())));
    }
    assert_eq!(tracker.heads().len(), 1);
}

#[test]
fn a_list_is_asked_for_again_when_it_is_old() {
    let tracker = Server::answering(said());
    let daemon = Daemon::start(&settings(", refresh_interval: 1"));
    let asked = || {
        assert!(has_peers(&forward(&daemon, tracker.address, &leecher(1))));
        tracker.heads().len()
    };
    assert_eq!(asked(), 1);
    crate::harness::wait_until("the list to be old", || asked() == 2);
    let daemon = Daemon::start(&settings(""));
    let fresh = |number| forward(&daemon, tracker.address, &leecher(number));
    assert!(has_peers(&fresh(1)) && has_peers(&fresh(2)) && has_peers(&fresh(3)));
    assert_eq!(
        tracker.heads().len(),
        3,
        "its list is good for half an hour"
    );
}

/// Else whoever wants nothing would decide what all others get for half an hour.
#[test]
fn an_answer_to_a_poorer_question_does_not_serve_a_richer_one() {
    let tracker = Server::answering(said());
    let daemon = Daemon::start(&settings(""));
    let ask = |announce| drop(forward(&daemon, tracker.address, &announce));
    ask(leecher(1).set("numwant", 0));
    ask(seeder(2).set("numwant", 200));
    assert_eq!(tracker.heads().len(), 2);
    ask(seeder(3));
    ask(leecher(4).set("numwant", 1));
    assert_eq!(
        tracker.heads().len(),
        3,
        "a seeder may hear of leechers only"
    );
    ask(leecher(5));
    ask(leecher(6));
    ask(seeder(7).set("numwant", 1));
    assert_eq!(tracker.heads().len(), 4);
}

/// Whoever has another account, or wants another torrent, has nothing to do with the first.
#[test]
fn accounts_torrents_and_paths_are_kept_apart() {
    let tracker = Server::start(|stream, head| {
        let user = head.chars().find(char::is_ascii_digit).unwrap();
        send(
            stream,
            &ok(&said_with(&[&format!("8.8.8.{user}:6881")], "")),
        );
    });
    let daemon = Daemon::start(&settings(""));
    let place = tracker.address;
    let other_torrent = leecher(1).in_swarm(b"another torrent's ha");
    let targets = [
        by_path_to(&format!("{place}/1/announce"), &leecher(1)),
        by_path_to(&format!("{place}/2/announce"), &leecher(2)),
        by_path_to(&format!("{place}/announce"), &leecher(3).set("passkey", 3)),
        by_path_to(&format!("{place}/announce"), &leecher(4).set("passkey", 4)),
        by_path_to(&format!("{place}/5/announce"), &other_torrent),
    ];
    // In the second round all are answered from what is known.
    for _ in 0..2 {
        for (user, target) in (1..).zip(&targets) {
            let peers = forward_to(&daemon, target).peers();
            let theirs = peers.iter().filter(|peer| peer.port() == 6881);
            let theirs: Vec<_> = theirs.map(ToString::to_string).collect();
            let digit = if user > 2 {
                theirs[0].clone()
            } else {
                format!("8.8.8.{user}:6881")
            };
            assert_eq!(theirs, [digit], "of {target}");
        }
    }
    assert_eq!(tracker.heads().len(), targets.len());
}

#[test]
fn nobody_is_asked_where_the_network_has_enough() {
    let tracker = Server::answering(said());
    let daemon = Daemon::start(&settings("").tracker("enough_peers: 3"));
    for number in 1..=2 {
        daemon.announce_from(subscriber(1, number), &leecher(number));
        daemon.announce_from(subscriber(3, number), &leecher(number));
    }
    assert!(has_peers(&forward(&daemon, tracker.address, &leecher(7))));
    assert_eq!(tracker.heads().len(), 1, "two members are not enough");

    let swarm = *b"a swarm with members";
    for number in 1..=3 {
        daemon.announce_from(subscriber(2, number), &leecher(number).in_swarm(&swarm));
    }
    let reply = forward(&daemon, tracker.address, &leecher(7).in_swarm(&swarm));
    assert_eq!(reply.peers().len(), 3);
    assert!(reply.integer("interval") > 120, "nothing is missing");
    assert_eq!(tracker.heads().len(), 1);
}

#[test]
fn what_a_tracker_said_is_for_its_clients_only() {
    let tracker = Server::answering(said());
    let daemon = Daemon::start(&settings(""));
    assert!(has_peers(&forward(&daemon, tracker.address, &leecher(1))));
    let plain = daemon.announce_from([127, 1, 0, 2], &leecher(2));
    assert_eq!(plain.peers(), ["127.1.0.1:10001".parse().unwrap()]);
    let mut scrape = platform(&daemon);
    let scrape = scrape.scrape(&leecher(1).scrape_target());
    let counts = scrape.file(b"a swarm of 20 bytes.");
    assert_eq!(counts, Some([0, 2, 0]), "learned peers are not counted");
}

/// A tracker's list holds whoever announced to it: the one who asks, and those we know better.
#[test]
fn nobody_is_told_of_itself_nor_twice_of_another() {
    let peers = [
        "127.1.0.1:10001",
        "127.1.0.2:10002",
        PEERS[0],
        PEERS[0],
        PEERS[1],
    ];
    let tracker = Server::answering(said_with(&peers, ""));
    let daemon = Daemon::start(&crate::with_targets("[127.0.0.0/8]", ""));
    daemon.announce_from([127, 1, 0, 2], &leecher(2));
    for _ in 0..2 {
        let reply = forward(&daemon, tracker.address, &leecher(1));
        assert!(has_peers(&reply));
        assert_eq!(reply.peers().len(), 3, "{reply:?}");
    }
}
