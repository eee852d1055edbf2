//! Trackers that want to see every announce, none, or only what is needed.

use crate::harness::{Announce, Daemon, Reply, leecher, percent_encode, seeder, wait_until};
use crate::server::{Server, ok, send};
use crate::{
    by_path_to, forward, forward_to, has_peers, is_soon, named, said, settings, targets_seen,
};

const SWARM: &[u8; 20] = b"a swarm of 20 bytes.";

/// The values of a parameter in the requests that a server has got, in order.
fn seen(server: &Server, name: &str) -> Vec<String> {
    let value = |target: String| {
        let query = target.split_once('?').unwrap().1;
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let found = pairs.find(|(found, _)| *found == name);
        found.map_or("", |(_, value)| value).to_owned()
    };
    targets_seen(server).into_iter().map(value).collect()
}

/// Announces for a client of the own network.
fn announce(daemon: &Daemon, tracker: &Server, announce: &Announce) -> Reply {
    forward(daemon, tracker.address, announce)
}

#[test]
fn always_passes_everything_on() {
    let tracker = Server::answering(said());
    let daemon = Daemon::start(&settings(", trackers: [{host: 127.0.0.1, mode: always}]"));
    daemon.announce_from([127, 2, 0, 1], &leecher(2));
    for (event, client) in [
        ("started", leecher(1)),
        ("", leecher(1)),
        ("completed", seeder(1)),
    ] {
        let reply = announce(&daemon, &tracker, &client.event(event));
        assert!(has_peers(&reply), "{event}");
        // Who keeps account of its clients says how often it wants to see them.
        assert_eq!(reply.integer("interval"), 1234);
        assert_eq!(reply.integer("min interval"), 600);
        assert_eq!(reply.peers().len(), 3, "our own are there as well");
    }
    let reply = announce(&daemon, &tracker, &seeder(1).event("stopped"));
    assert_eq!(reply.peers(), []);
    wait_until("the last word to be passed on", || {
        tracker.heads().len() == 4
    });
    let events = ["started", "", "completed", "stopped"];
    assert_eq!(seen(&tracker, "event"), events);
}

#[test]
fn never_asks_nobody() {
    let tracker = Server::answering(said());
    let daemon = Daemon::start(&settings(", trackers: [{host: 127.0.0.1, mode: never}]"));
    daemon.announce_from([127, 1, 0, 2], &leecher(2));
    let reply = announce(&daemon, &tracker, &leecher(1));
    assert_eq!(reply.peers().len(), 1);
    assert!(reply.integer("interval") > 120, "nothing is missing");
    let hash = percent_encode(SWARM);
    let place = tracker.address;
    let scrape = format!("/forwarded_announce/http/{place}/scrape?info_hash={hash}");
    assert_eq!(forward_to(&daemon, &scrape).file(SWARM), Some([0, 2, 0]));
    assert_eq!(tracker.heads().len(), 0);
}

#[test]
fn if_needed_passes_on_the_last_words_of_those_it_passed_on() {
    let tracker = Server::answering(said());
    let daemon = Daemon::start(&settings(""));
    for client in [
        leecher(1).event("started"),
        leecher(2).event("started"),
        seeder(2).event("completed"),
        seeder(1).event("completed"),
        seeder(2).event("stopped"),
        seeder(1).event("stopped"),
    ] {
        assert_eq!(announce(&daemon, &tracker, &client).failure(), None);
    }
    // Nobody waited for the last two, so that they may come in any order.
    wait_until("the last words", || tracker.heads().len() == 3);
    let mut events = seen(&tracker, "event");
    events.sort_unstable();
    assert_eq!(events, ["completed", "started", "stopped"]);
    let clients = seen(&tracker, "peer_id");
    assert!(
        clients.iter().all(|id| id == "-TS0001-000000000001"),
        "{clients:?}"
    );
}

/// A private tracker's swarm is its own affair.
#[test]
fn what_is_not_shared_stays_apart() {
    let tracker = Server::answering(said());
    let daemon = Daemon::start(&settings(", trackers: [{host: 127.0.0.1, share: false}]"));
    daemon.announce_from([127, 1, 0, 2], &leecher(2));
    for times in 1..=2 {
        let reply = announce(&daemon, &tracker, &leecher(1));
        assert!(has_peers(&reply) && reply.peers().len() == 2, "{reply:?}");
        assert_eq!(reply.counts(), [7, 9, 0], "the tracker's, and not ours");
        assert_eq!(reply.integer("interval"), 1234);
        assert_eq!(tracker.heads().len(), times);
    }
    let dictionaries = announce(&daemon, &tracker, &leecher(1).set("compact", 0));
    let listed = dictionaries.0.get(b"peers").unwrap().list().len();
    assert_eq!(listed, 2, "{dictionaries:?}");
    let one = announce(&daemon, &tracker, &leecher(1).set("numwant", 1));
    assert_eq!(one.peers().len(), 1);
    let other = daemon.announce_from([127, 1, 0, 3], &leecher(3));
    assert_eq!(other.peers(), ["127.1.0.2:10002".parse().unwrap()]);
    assert_eq!(
        daemon.scrape(&leecher(1).scrape_target()).file(SWARM),
        Some([0, 2, 0])
    );
    let stopped = announce(&daemon, &tracker, &leecher(1).event("stopped"));
    assert_eq!(stopped.failure(), None);
    assert_eq!(tracker.heads().len(), 5);
}

#[test]
fn what_is_not_shared_gets_the_tracker_s_word_or_none() {
    let refusing = Server::answering("d14:failure reason4:nopee");
    let dead = Server::saying("");
    let daemon = Daemon::start(&settings(", trackers: [{host: 127.0.0.1, share: false}]"));
    daemon.announce_from([127, 1, 0, 2], &leecher(2));
    for times in 1..=2 {
        let reply = announce(&daemon, &refusing, &leecher(1));
        assert_eq!(reply.failure().as_deref(), Some("nope"));
        assert_eq!(refusing.heads().len(), times, "each is passed on");
    }
    let reply = announce(&daemon, &dead, &leecher(1));
    assert_eq!(reply.peers(), []);
    assert!(is_soon(&reply));
}

#[test]
fn of_several_patterns_the_first_counts() {
    let tracker = Server::answering(said());
    let daemon = Daemon::start(&settings(
        ", trackers: [{host: localhost, mode: never}, {host: '*', mode: always}]",
    ));
    let never = by_path_to(&format!("{}/announce", named(&tracker)), &leecher(1));
    let shouted = never.replace("localhost", "LOCALHOST");
    for target in [never, shouted] {
        assert_eq!(forward_to(&daemon, &target).peers(), []);
    }
    assert_eq!(tracker.heads().len(), 0);
    for times in 1..=2 {
        assert!(has_peers(&announce(&daemon, &tracker, &leecher(1))));
        assert_eq!(tracker.heads().len(), times);
    }
}

#[test]
fn a_scrape_is_answered_with_the_larger_figures() {
    let tracker = Server::start(|stream, _| {
        let file = b"d8:completei5e10:downloadedi6e10:incompletei1ee";
        let body = [b"d5:filesd20:", &SWARM[..], file, b"ee"].concat();
        send(stream, &ok(&body));
    });
    let silent = Server::saying("");
    let daemon = Daemon::start(&settings(""));
    for number in 1..=3 {
        daemon.announce_from([127, 1, 0, 2], &leecher(number));
    }
    let unknown = b"nobody knows this on";
    for (tracker, expected) in [(&tracker, [5, 3, 6]), (&silent, [0, 3, 0])] {
        let hashes = [&SWARM[..], unknown].map(percent_encode);
        let place = tracker.address;
        let reply = forward_to(
            &daemon,
            &format!(
                "/forwarded_announce/http/{place}/scrape?info_hash={}&info_hash={}",
                hashes[0], hashes[1]
            ),
        );
        assert_eq!(reply.file(SWARM), Some(expected));
        assert_eq!(reply.file(unknown), Some([0, 0, 0]));
    }
}
