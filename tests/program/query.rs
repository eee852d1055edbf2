//! The odd forms in which real clients write a query. Each is judged by what the tracker made of
//! it: the peer that another client is then given.

use crate::harness::{Announce, Daemon, Reply, Settings, leecher, percent_encode, seeder};
use std::net::SocketAddr;

/// A daemon and a way to ask it by a raw target.
struct Tracker(Daemon);

impl Tracker {
    fn start() -> Self {
        Self(Daemon::start(&Settings::default()))
    }

    /// Sends a target byte for byte and insists on an answer with peers.
    fn take(&self, target: impl AsRef<[u8]>) -> Reply {
        let target = target.as_ref();
        let mut client = self.0.connect();
        client.send([b"GET ", target, b" HTTP/1.1\r\nHost: t\r\n\r\n"].concat());
        let reply = Reply::from_answer(&client.answer());
        assert_eq!(reply.failure(), None, "{}", target.escape_ascii());
        reply
    }

    /// The ports that another client is given, which leaves no trace.
    fn ports(&self, announce: Announce) -> Vec<u16> {
        let reply = self.0.announce(&announce.clone());
        self.0.announce(&announce.event("stopped"));
        let mut ports: Vec<_> = reply.peers().iter().map(SocketAddr::port).collect();
        ports.sort_unstable();
        ports
    }
}

#[test]
fn info_hashes_are_understood_however_they_are_escaped() {
    let tracker = Tracker::start();
    let cases: [(&str, &[u8; 20]); 4] = [
        ("a+b+c+d+e+f+g+h+i+j+", b"a+b+c+d+e+f+g+h+i+j+"),
        ("|{}[]^`~!*'();:@$,/.", b"|{}[]^`~!*'();:@$,/."),
        ("abcdefghijklmnopqr%|", b"abcdefghijklmnopqr%|"),
        (
            "%aB%Ab%AB%ab%c3%C3%00%7e~0123456789-",
            b"\xab\xab\xab\xab\xc3\xc3\x00~~0123456789-",
        ),
    ];
    for (raw, hash) in cases {
        tracker.take(leecher(1).set("info_hash", raw).target());
        assert_eq!(tracker.ports(leecher(2).in_swarm(hash)), [10_001], "{raw}");
    }
}

#[test]
fn a_peer_id_may_be_escaped_or_not() {
    let tracker = Tracker::start();
    tracker.take(leecher(1).set("peer_id", "-qB4520-iE)gk1*Dn1+|").target());
    let same = leecher(2).set("peer_id", percent_encode(b"-qB4520-iE)gk1*Dn1+|"));
    assert!(
        tracker.ports(same).is_empty(),
        "nobody is given a peer with a peer id like the asker's"
    );
    assert_eq!(tracker.ports(leecher(3)), [10_001]);
}

/// Old torrents carry trackers with a passkey or a comment, and clients append with `?` or `&`.
#[test]
fn what_stands_around_the_known_parameters_is_ignored() {
    let tracker = Tracker::start();
    let query = leecher(1).query();
    for target in [
        format!("/announce?passkey=0123?{query}"),
        format!("/announce?{}", query.replace('&', "?")),
        format!("/announce?{query}?"),
        format!("/announce??{query}"),
        format!("/announce?&&{query}&&"),
        format!("/announce?a&b=1&=2&c&=&{query}"),
        format!("/announce?comment=100%&{query}&name=%zz&x=%4"),
        format!("/announce?name=a|b{{c}}[d]^e`f\\g&{query}"),
        format!("/announce?name=a=b=c&{query}"),
        format!("/announce?{query}&info=%00%ff%0a"),
        leecher(1).reversed().target(),
    ] {
        tracker.take(&target);
        assert_eq!(tracker.ports(leecher(2)), [10_001], "{target}");
        tracker.take(leecher(1).event("stopped").target());
    }
}

#[test]
fn raw_bytes_in_an_unknown_parameter_are_passed_over() {
    let tracker = Tracker::start();
    let query = leecher(1).query();
    tracker.take([b"/announce?comment=\xd1\x84\xff&", query.as_bytes()].concat());
    assert_eq!(tracker.ports(leecher(2)), [10_001]);
}

#[test]
fn of_repeated_parameters_the_first_counts() {
    let tracker = Tracker::start();
    let query = leecher(1).query();
    tracker.take(format!(
        "/announce?{query}&port=7777&left=0&event=stopped&event=started&info_hash=x&peer_id=x"
    ));
    assert!(
        tracker.ports(leecher(2)).is_empty(),
        "the first event is stopped"
    );
    let reply = tracker.take(format!(
        "/announce?{query}&port=7777&left=0&info_hash=x&peer_id=x"
    ));
    assert_eq!(reply.counts(), [0, 1, 0]);
    assert_eq!(tracker.ports(leecher(2)), [10_001]);
}

#[test]
fn an_event_may_be_empty_or_unknown() {
    let tracker = Tracker::start();
    for event in ["", "unheard_of", "STARTED", "started", "paused", "%00", "+"] {
        let reply = tracker.take(leecher(1).event(event).target());
        assert_eq!(reply.counts(), [0, 1, 0], "{event:?}");
        assert_eq!(tracker.ports(leecher(2)), [10_001], "{event:?}");
    }
}

const HUGE: &str = "99999999999999999999999999";

#[test]
fn absurd_numbers_are_cut_to_the_range() {
    let tracker = Tracker::start();
    for number in [
        "-1",
        "",
        "abc",
        "18446744073709551615",
        "18446744073709551616",
        HUGE,
        "-99999999999999999999999999",
    ] {
        for name in ["left", "uploaded", "downloaded", "numwant"] {
            let reply = tracker.take(leecher(1).set(name, number).target());
            assert_eq!(reply.counts(), [0, 1, 0], "{name}={number}");
            assert_eq!(tracker.ports(leecher(2)), [10_001], "{name}={number}");
        }
    }
    tracker.take(leecher(1).event("stopped").target());
    for name in ["uploaded", "downloaded", "left"] {
        let reply = tracker.take(leecher(3).without(name).target());
        assert_eq!(reply.counts(), [0, 1, 0], "without {name}");
    }
}

#[test]
fn only_a_left_of_zero_makes_a_seeder() {
    let tracker = Tracker::start();
    for (left, complete) in [
        ("0", 1),
        ("00", 1),
        ("1", 0),
        ("-1", 0),
        ("", 0),
        ("0x0", 0),
        (HUGE, 0),
    ] {
        let reply = tracker.take(seeder(1).set("left", left).target());
        assert_eq!(reply.integer("complete"), complete, "left={left}");
    }
}
