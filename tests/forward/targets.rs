//! Where nobody may be sent: the daemon's own network, and the daemon itself.

use crate::harness::{Daemon, leecher};
use crate::server::Server;
use crate::{by_path_to, forward_to, is_soon, with_targets};
use std::net::TcpListener;

/// A listener that must not see a connection, and its port.
fn trap() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[test]
fn private_targets_in_any_spelling_are_left_alone() {
    let (listener, port) = trap();
    let daemon = Daemon::start(&with_targets("[]", "").logging("level: diagnostic"));
    daemon.announce_from([127, 1, 0, 2], &leecher(2));
    let hosts = [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "localhost",
        "LocalHost.",
        "0.0.0.0",
        "0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b:1::a00:1]",
        "[2002:7f00:1::1]",
        "[2001::80ff:fffe]",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "[fe80::1]",
        "[fd00::1]",
        "224.0.0.1",
        "255.255.255.255",
    ];
    for scheme in ["http", "https", "udp"] {
        for host in hosts {
            let target = by_path_to(&format!("{host}:{port}/announce"), &leecher(1));
            let target = target.replacen("/http/", &format!("/{scheme}/"), 1);
            let reply = forward_to(&daemon, &target);
            assert_eq!(reply.peers().len(), 1, "{scheme}://{host}: {reply:?}");
            assert!(is_soon(&reply), "{scheme}://{host}: {reply:?}");
        }
    }
    assert!(listener.accept().is_err(), "somebody connected");
}

#[test]
fn what_is_no_url_of_a_tracker_is_refused() {
    let daemon = Daemon::start(&with_targets("[127.0.0.0/8]", ""));
    for place in [
        "http",
        "http/",
        "ftp/tracker.example/announce",
        "http/user@tracker.example/announce",
        "http/tracker.example:0/announce",
        "udp/tracker.example/announce",
        "http/[::1/announce",
        "file/etc/passwd",
        "gopher/127.0.0.1:6379/_x",
        "dict/127.0.0.1:11211/stats",
        "http/127.0.0.1:65536/announce",
        "http/127.0.0.1:-80/announce",
        "http/127.0.0.1:80a/announce",
        "http/127.0.0.1%00.example/announce",
        "http/127.0.0.1%20x/announce",
        "http//announce",
    ] {
        let target = format!("/forwarded_announce/{place}?{}", leecher(1).query());
        let reply = forward_to(&daemon, &target);
        assert!(reply.failure().is_some(), "{place}: {reply:?}");
    }
}

/// What is a line's end only after decoding may not become one on the wire.
#[test]
fn no_line_ends_are_smuggled_to_a_tracker() {
    let tracker = Server::answering("d5:peers0:e");
    let daemon = Daemon::start(&with_targets("[127.0.0.0/8]", ""));
    let host = tracker.address;
    let query = leecher(1).query();
    let smuggled = "x%0d%0aX-Smuggled:%20yes%0d%0a%0d%0aGET%20/";
    forward_to(
        &daemon,
        &by_path_to(&format!("{host}/{smuggled}/announce"), &leecher(1)),
    );
    let doubly = smuggled.replace('%', "%25");
    for tracker in [
        format!("http%3a%2f%2f{host}/{smuggled}"),
        format!("http%3a%2f%2f{host}/a?{smuggled}"),
        format!("http%3a%2f%2f{host}%0d%0aX-Smuggled:%20yes/a"),
        format!("http%3a%2f%2f{host}/{doubly}"),
    ] {
        let target = format!("/forwarded_announce?tracker={tracker}&{query}");
        forward_to(&daemon, &target);
    }
    assert!(!tracker.heads().is_empty());
    for head in tracker.heads() {
        let target = head.lines().next().unwrap();
        assert!(
            target.ends_with(" HTTP/1.1") && target.matches(' ').count() == 2,
            "{head}"
        );
        let is_smuggled = |line: &str| line.starts_with("X-Smuggled");
        assert!(!head.lines().any(is_smuggled), "{head}");
    }
}

#[test]
fn ports_of_other_services_are_left_alone() {
    let (listener, port) = trap();
    let range = format!(", allow_target_ports: ['80', '{}']", port + 1);
    let daemon = Daemon::start(&with_targets("[127.0.0.0/8]", &range));
    let target = by_path_to(&format!("127.0.0.1:{port}/announce"), &leecher(1));
    assert!(is_soon(&forward_to(&daemon, &target)));
    assert!(listener.accept().is_err(), "somebody connected");
}

/// Also where its network may be contacted: a tracker that asks itself has a job for ever.
#[test]
fn the_daemon_does_not_ask_itself() {
    let settings = with_targets("[127.0.0.0/8]", "").logging("level: diagnostic");
    let daemon = Daemon::start(&settings);
    let port = daemon.address().port();
    for host in ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"] {
        let target = by_path_to(&format!("{host}:{port}/announce"), &leecher(1));
        let reply = forward_to(&daemon, &target);
        assert_eq!((reply.failure(), reply.peers()), (None, vec![]));
        assert!(is_soon(&reply));
        daemon.wait_for_log(host, |line| {
            let host = host.to_ascii_lowercase();
            line.contains(&format!("{host}:{port} failed"))
                && line.contains("is this tracker itself")
        });
    }
}
