//! Trackers that refuse.

use crate::harness::{Daemon, Reply, Value, leecher};
use crate::server::Server;
use crate::{forward, has_peers, said_with, settings};

fn warning(reply: &Reply) -> Option<&[u8]> {
    reply.0.get(b"warning message").map(Value::bytes)
}

#[test]
fn a_refusal_is_told_and_remembered() {
    let tracker = Server::answering("d14:failure reason16:not for you, siree");
    let daemon = Daemon::start(&settings(""));
    // The first time from the tracker, then from memory.
    for _ in 0..3 {
        let reply = forward(&daemon, tracker.address, &leecher(1));
        assert_eq!(reply.failure().as_deref(), Some("not for you, sir"));
    }
    // With other peers it is no reason to fail: clients would drop them.
    let other = forward(&daemon, tracker.address, &leecher(2));
    assert_eq!(other.peers(), ["127.1.0.1:10001".parse().unwrap()]);
    assert_eq!(warning(&other), Some(&b"not for you, sir"[..]));
    let first = forward(&daemon, tracker.address, &leecher(1));
    assert_eq!(first.peers(), ["127.1.0.1:10002".parse().unwrap()]);
    assert_eq!(tracker.heads().len(), 1, "it is not asked again");
    // Another torrent there is another matter.
    let other = leecher(1).in_swarm(b"another torrent's ha");
    assert!(
        forward(&daemon, tracker.address, &other)
            .failure()
            .is_some()
    );
    assert_eq!(tracker.heads().len(), 2);
    let plain = daemon.announce(&leecher(3));
    assert_eq!(warning(&plain), None, "it is no business of others");
}

#[test]
fn stopping_is_never_refused() {
    let tracker = Server::answering("d14:failure reason4:nopee");
    let daemon = Daemon::start(&settings(""));
    assert!(
        forward(&daemon, tracker.address, &leecher(1))
            .failure()
            .is_some()
    );
    let stopped = forward(&daemon, tracker.address, &leecher(1).event("stopped"));
    assert_eq!((stopped.failure(), stopped.peers()), (None, vec![]));
}

#[test]
fn a_warning_is_passed_on() {
    let tracker = Server::answering(said_with(&crate::PEERS, "15:warning message4:beep"));
    let daemon = Daemon::start(&settings(""));
    for number in 1..=2 {
        let reply = forward(&daemon, tracker.address, &leecher(number));
        assert!(has_peers(&reply));
        assert_eq!(warning(&reply), Some(&b"beep"[..]));
    }
}
