//! Who may forward, whose word for the client's address counts, and which requests are ours.

use crate::harness::{Client, Daemon, Reply, Value, leecher, percent_encode};
use crate::server::Server;
use crate::{by_path, forward_to, named, platform, said, settings};
use std::net::Ipv4Addr;

/// Whom a client was taken for.
fn external_ip(reply: &Reply) -> Ipv4Addr {
    let bytes = reply.0.get(b"external ip").map(Value::bytes).unwrap();
    <[u8; 4]>::try_from(bytes).unwrap().into()
}

fn send(mut client: Client, head: &str) -> Reply {
    client.send(format!("GET {head}\r\n\r\n"));
    Reply::from_answer(&client.answer())
}

fn may_not(reply: &Reply) -> bool {
    let reason = reply.failure().unwrap_or_default();
    reason.contains("may not be forwarded")
}

#[test]
fn forms_a_and_b_are_for_the_platform_alone() {
    let tracker = Server::answering(said());
    let daemon = Daemon::start(&settings(", transparent: true"));
    let by_path = by_path(tracker.address, &leecher(1));
    let url = percent_encode(format!("http://{}/announce", tracker.address).as_bytes());
    let by_parameter = format!("/forwarded_announce?tracker={url}&{}", leecher(1).query());
    for source in [[127, 1, 0, 1], [127, 3, 0, 1]] {
        for target in [&by_path, &by_parameter] {
            let mut client = daemon.connect_from(source);
            let answer = client.get_with(target, &["X-Real-IP: 127.0.0.1"]);
            assert!(may_not(&Reply::from_answer(&answer)), "{answer:?}");
        }
    }
    assert_eq!(tracker.heads().len(), 0);
    let scrape = daemon.scrape(&leecher(1).scrape_target());
    assert_eq!(scrape.file(b"a swarm of 20 bytes."), Some([0, 0, 0]));
}

#[test]
fn the_client_is_whom_the_platform_says() {
    let tracker = Server::answering(said());
    let daemon = Daemon::start(&settings(""));
    let target = by_path(tracker.address, &leecher(1));
    let named = format!("{target}&client_ip=127.1.0.4");
    for (target, headers, expected) in [
        (&target, &[][..], [127, 0, 0, 1]),
        (&target, &["X-Real-IP: 127.1.0.2"], [127, 1, 0, 2]),
        (&target, &["X-Forwarded-For: 127.1.0.3"], [127, 1, 0, 3]),
        (&named, &["X-Real-IP: 127.1.0.2"], [127, 1, 0, 4]),
    ] {
        let reply = Reply::from_answer(&platform(&daemon).get_with(target, headers));
        assert_eq!(external_ip(&reply).octets(), expected, "{headers:?}");
        // It is what others are given, too.
        let peer = (expected, 10_001).into();
        let other = daemon.announce_from([127, 9, 0, 9], &leecher(9).set("numwant", 200));
        assert!(other.peers().contains(&peer), "{peer} in {other:?}");
    }
}

#[test]
fn a_client_address_that_is_none_is_refused() {
    let tracker = Server::answering(said());
    let daemon = Daemon::start(&settings(""));
    let target = by_path(tracker.address, &leecher(1).set("client_ip", "1.2.3"));
    let reply = forward_to(&daemon, &target);
    assert!(reply.failure().unwrap().contains("client_ip"));
    assert_eq!(tracker.heads().len(), 0);
}

#[test]
fn form_c_is_for_members_and_for_the_platform() {
    let tracker = Server::answering(said());
    let daemon = Daemon::start(&settings(", transparent: true"));
    let host = named(&tracker);
    let request = |client: u32, path: &str| {
        format!(
            "{path}?{} HTTP/1.1\r\nHost: {host}",
            leecher(client).query()
        )
    };
    let stranger = daemon.connect_from([127, 3, 0, 1]);
    let reply = send(stranger, &request(1, "/ann"));
    assert!(may_not(&reply), "{reply:?}");
    let lying = format!("{}\r\nX-Real-IP: 127.1.0.1", request(1, "/ann"));
    assert!(may_not(&send(daemon.connect_from([127, 3, 0, 1]), &lying)));
    assert_eq!(tracker.heads().len(), 0);

    for (asked, path) in (1..).zip(["/ann", "/announce.php", "/0123456789abcdef/announce"]) {
        let member = daemon.connect_from([127, 1, 0, 1]);
        let reply = send(member, &request(2, path));
        assert!(crate::has_peers(&reply), "{path}: {reply:?}");
        // A subscriber's own word for its address counts for nothing.
        assert_eq!(external_ip(&reply).octets(), [127, 1, 0, 1]);
        assert_eq!(tracker.heads().len(), asked);
    }
    let by_platform = format!("{}\r\nX-Real-IP: 203.0.113.1", request(3, "/ann"));
    let reply = send(platform(&daemon), &by_platform);
    assert_eq!(external_ip(&reply).octets(), [203, 0, 113, 1]);
}

#[test]
fn what_names_no_other_host_stays_here() {
    let daemon = Daemon::start(&settings(
        ", transparent: true, local_names: [retracker.local, tracker.isp.example]",
    ));
    for host in [
        "retracker.local",
        "RETRACKER.local:8080",
        "tracker.isp.example",
        "127.0.0.1",
        "127.0.0.1:6969",
        "[::1]:6969",
        "::1:6969",
    ] {
        let query = leecher(1).query();
        let client = daemon.connect_from([127, 3, 0, 1]);
        let reply = send(
            client,
            &format!("/announce?{query} HTTP/1.1\r\nHost: {host}"),
        );
        assert_eq!(reply.failure(), None, "{host}");
        let client = daemon.connect_from([127, 3, 0, 1]);
        let absolute = format!("http://{host}/announce?{query} HTTP/1.1\r\nHost: localhost");
        if !host.starts_with("::") {
            assert_eq!(send(client, &absolute).failure(), None, "{host}");
        }
    }
    let no_host = format!("/announce?{} HTTP/1.0", leecher(1).query());
    let reply = send(daemon.connect_from([127, 3, 0, 1]), &no_host);
    assert_eq!(reply.failure(), None);
}

#[test]
fn hosts_are_not_looked_at_unless_form_c_is_on() {
    let tracker = Server::answering(said());
    let daemon = Daemon::start(&settings(""));
    let (host, query) = (named(&tracker), leecher(1).query());
    for head in [
        format!("/announce?{query} HTTP/1.1\r\nHost: {host}"),
        format!("http://{host}/announce?{query} HTTP/1.1\r\nHost: {host}"),
    ] {
        let reply = send(daemon.connect_from([127, 1, 0, 1]), &head);
        assert_eq!((reply.failure(), reply.peers()), (None, vec![]));
    }
    assert_eq!(tracker.heads().len(), 0);
}
