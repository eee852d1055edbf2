//! Whose word for the client's address is believed.

use crate::harness::{Daemon, Settings, Value, leecher};
use std::net::{IpAddr, Ipv4Addr};

/// The proxies 127.0.0.0/16 and 192.0.2.0/24 are trusted; connections come from 127.0.0.1.
fn start() -> Daemon {
    Daemon::start(&Settings::default().server("trusted_proxies: ['127.0.0.0/16', 192.0.2.0/24]"))
}

/// Whom the daemon takes the sender of these headers for: `external ip` says so, and it is the
/// address that others are given.
fn seen_as(daemon: &Daemon, source: [u8; 4], headers: &[&str]) -> String {
    let reply = daemon
        .connect_from(source)
        .announce_with(&leecher(1), headers);
    let ip = match reply
        .0
        .get(b"external ip")
        .map(Value::bytes)
        .expect("external ip is always told")
    {
        ipv4 if ipv4.len() == 4 => IpAddr::from(<[u8; 4]>::try_from(ipv4).expect("4 bytes")),
        ipv6 => IpAddr::from(<[u8; 16]>::try_from(ipv6).expect("16 bytes")),
    };
    let other = daemon.announce_from([127, 9, 0, 1], &leecher(2));
    let given = other
        .peers()
        .into_iter()
        .chain(other.peers6())
        .map(|peer| peer.ip());
    assert!(
        given.into_iter().any(|given| given == ip),
        "{ip} was told his address, others not"
    );
    ip.to_string()
}

#[test]
fn a_trusted_proxy_is_believed() {
    let daemon = start();
    for (headers, expected) in [
        (&["X-Real-IP: 203.0.113.1"][..], "203.0.113.1"),
        (&["x-real-ip:   203.0.113.2  "], "203.0.113.2"),
        (&["X-Real-IP: 2001:db8::1"], "2001:db8::1"),
        (&["X-Real-IP: ::ffff:203.0.113.3"], "203.0.113.3"),
        (&["X-Forwarded-For: 203.0.113.4"], "203.0.113.4"),
        (&["X-Forwarded-For: 2001:db8::4"], "2001:db8::4"),
        (
            &["X-Forwarded-For: 203.0.113.4", "X-Real-IP: 203.0.113.5"],
            "203.0.113.5",
        ),
        (&[], "127.0.0.1"),
    ] {
        assert_eq!(
            seen_as(&daemon, [127, 0, 0, 1], headers),
            expected,
            "{headers:?}"
        );
    }
}

/// What stands to the left was written by the client, who may write what he likes.
#[test]
fn of_forwarded_for_the_right_most_untrusted_address_counts() {
    let daemon = start();
    for (headers, expected) in [
        (
            &["X-Forwarded-For: 198.51.100.1, 203.0.113.1"][..],
            "203.0.113.1",
        ),
        (
            &["X-Forwarded-For: 198.51.100.1, 203.0.113.2, 192.0.2.7, 127.0.0.9"],
            "203.0.113.2",
        ),
        (&["X-Forwarded-For: 203.0.113.3,192.0.2.7"], "203.0.113.3"),
        (
            &[
                "X-Forwarded-For: 198.51.100.1",
                "X-Forwarded-For: 203.0.113.4",
            ],
            "203.0.113.4",
        ),
        (
            &[
                "X-Forwarded-For: 203.0.113.5",
                "x-forwarded-for: 192.0.2.7",
                "X-FORWARDED-FOR: 192.0.2.8",
            ],
            "203.0.113.5",
        ),
        (
            &["X-Forwarded-For: utter nonsense, 203.0.113.6"],
            "203.0.113.6",
        ),
    ] {
        assert_eq!(
            seen_as(&daemon, [127, 0, 0, 1], headers),
            expected,
            "{headers:?}"
        );
    }
}

#[test]
fn nonsense_leaves_the_connections_address() {
    let daemon = start();
    for headers in [
        &["X-Real-IP: nonsense"][..],
        &["X-Real-IP: 203.0.113.256"],
        &["X-Real-IP:"],
        &["X-Real-IP: nonsense", "X-Forwarded-For: 203.0.113.1"],
        &["X-Forwarded-For: 203.0.113.1, nonsense"],
        &["X-Forwarded-For: ,,"],
    ] {
        assert_eq!(
            seen_as(&daemon, [127, 0, 0, 1], headers),
            "127.0.0.1",
            "{headers:?}"
        );
    }
}

#[test]
fn nobody_else_is_believed() {
    let daemon = start();
    let headers = ["X-Real-IP: 203.0.113.1", "X-Forwarded-For: 203.0.113.1"];
    assert_eq!(
        seen_as(&daemon, [127, 1, 0, 1], &headers),
        Ipv4Addr::new(127, 1, 0, 1).to_string()
    );
    let trusts_nobody = Daemon::start(&Settings::default());
    assert_eq!(
        seen_as(&trusts_nobody, [127, 0, 0, 1], &headers),
        "127.0.0.1"
    );
}

#[test]
fn only_the_headers_that_the_proxy_sets_count() {
    let settings = Settings::default().server("trusted_proxies: [127.0.0.1]");
    let daemon = Daemon::start(&settings.server("client_address_headers: [Client-Address]"));
    let headers = ["X-Real-IP: 203.0.113.1", "Client-Address: 203.0.113.2"];
    assert_eq!(seen_as(&daemon, [127, 0, 0, 1], &headers), "203.0.113.2");
    assert_eq!(seen_as(&daemon, [127, 0, 0, 1], &headers[..1]), "127.0.0.1");
}
