//! Whom fetches never contact.

use crate::server::Server;
use crate::{Fetched, carry_out, fetch, policy, prepared};
use btrt::job::{FetchError, FetchPolicy, Forbidden};
use std::net::{IpAddr, TcpListener, UdpSocket};

/// A policy that allows public addresses only.
fn public_only() -> FetchPolicy {
    FetchPolicy {
        allow_networks: Vec::new(),
        ..policy()
    }
}

fn refused_as(result: Fetched) -> IpAddr {
    match result {
        Err(FetchError::Refused(Forbidden::Address(ip))) => ip,
        other => panic!("not refused for its address: {other:?}"),
    }
}

#[test]
fn addresses_that_are_not_public_are_refused_however_they_are_written() {
    let hosts = [
        ("127.0.0.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("0X7F.1", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("127.0.1", "127.0.0.1"),
        ("0x7f.0.0.1", "127.0.0.1"),
        ("0x7F.0x0.0x0.0x1", "127.0.0.1"),
        ("017700000001", "127.0.0.1"),
        ("00000177.0.0.01", "127.0.0.1"),
        ("127.255.255.254", "127.255.255.254"),
        ("0", "0.0.0.0"),
        ("0x0", "0.0.0.0"),
        ("0.0.0.0", "0.0.0.0"),
        ("255.255.255.255", "255.255.255.255"),
        ("224.0.0.1", "224.0.0.1"),
        ("169.254.169.254", "169.254.169.254"),
        ("2852039166", "169.254.169.254"),
        ("0xa9fea9fe", "169.254.169.254"),
        ("0xa9.0xfe.0xa9.0xfe", "169.254.169.254"),
        ("0251.0376.0251.0376", "169.254.169.254"),
        ("025177524776", "169.254.169.254"),
        ("169.254.43518", "169.254.169.254"),
        ("[::ffff:169.254.169.254]", "169.254.169.254"),
        ("[::ffff:a9fe:a9fe]", "169.254.169.254"),
        ("[::a9fe:a9fe]", "::a9fe:a9fe"),
        ("[64:ff9b::a9fe:a9fe]", "64:ff9b::a9fe:a9fe"),
        ("[2002:a9fe:a9fe::1]", "2002:a9fe:a9fe::1"),
        ("[fd00:ec2::254]", "fd00:ec2::254"),
        ("[0:0:0:0:0:0:0:1]", "::1"),
        ("[0000:0000:0000:0000:0000:0000:0000:0001]", "::1"),
        ("[0:0:0:0:0:ffff:7f00:1]", "127.0.0.1"),
        ("[::ffff:10.0.0.1]", "10.0.0.1"),
        ("[64:ff9b::10.0.0.1]", "64:ff9b::a00:1"),
        ("[64:ff9b:1::808:808]", "64:ff9b:1::808:808"),
        ("[2002:c0a8:101::1]", "2002:c0a8:101::1"),
        ("[2002:a00:1::1]", "2002:a00:1::1"),
        ("[fec0::1]", "fec0::1"),
        ("[febf::1]", "febf::1"),
        ("[fcff::1]", "fcff::1"),
        ("[ff02::1]", "ff02::1"),
        ("172.31.255.255", "172.31.255.255"),
        ("192.168.257", "192.168.1.1"),
        ("10.1", "10.0.0.1"),
        ("012.0.0.1", "10.0.0.1"),
        ("167772161", "10.0.0.1"),
        ("100.127.255.255", "100.127.255.255"),
        ("198.18.0.1", "198.18.0.1"),
        ("192.0.0.8", "192.0.0.8"),
        ("240.0.0.1", "240.0.0.1"),
        ("10.0.0.1", "10.0.0.1"),
        ("100.64.0.1", "100.64.0.1"),
        ("192.168.1.1", "192.168.1.1"),
        ("[::1]", "::1"),
        ("[::]", "::"),
        ("[::ffff:127.0.0.1]", "127.0.0.1"),
        ("[::127.0.0.1]", "::127.0.0.1"),
        ("[64:ff9b::7f00:1]", "64:ff9b::7f00:1"),
        ("[2002:7f00:1::]", "2002:7f00:1::"),
        ("[fe80::1]", "fe80::1"),
        ("[fd00::1]", "fd00::1"),
    ];
    for (host, address) in hosts {
        let address: IpAddr = address.parse().unwrap();
        for url in [format!("http://{host}/"), format!("udp://{host}:6969/")] {
            let result = carry_out(&prepared(&url, public_only()));
            assert_eq!(refused_as(result), address, "{url}");
        }
    }
    let localhost = refused_as(carry_out(&prepared("http://localhost/", public_only())));
    assert!(localhost.is_loopback());
}

#[test]
fn nothing_is_sent_to_a_refused_target() {
    let server = Server::answering("de");
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    datagrams.set_nonblocking(true).unwrap();
    let udp = format!("udp://{}/", datagrams.local_addr().unwrap());
    for url in [server.url("/"), udp] {
        refused_as(carry_out(&prepared(url, public_only())));
    }
    assert!(server.heads().is_empty());
    assert!(datagrams.recv(&mut [0; 64]).is_err());
}

#[test]
fn a_name_that_is_allowed_to_lead_here_is_contacted() {
    let server = Server::answering("de");
    let url = format!("http://localhost:{}/", server.address.port());
    assert!(fetch(url).is_ok());
    // The head says the name, as the tracker may go by it.
    let head = server.heads().remove(0).to_ascii_lowercase();
    assert!(
        head.contains(&format!("host: localhost:{}\r\n", server.address.port())),
        "{head}"
    );
}

#[test]
fn names_without_address_are_told_apart() {
    for host in ["a..b", "-", "nobody.invalid"] {
        let error = fetch(format!("http://{host}/")).unwrap_err();
        // A resolver that asks far away may take its time.
        assert!(
            matches!(error, FetchError::Unresolvable | FetchError::Timeout),
            "{host}: {error}"
        );
    }
}

#[test]
fn ports_that_are_not_listed_are_refused() {
    for url in [
        "http://8.8.8.8:22/",
        "udp://8.8.8.8:53/",
        "https://8.8.8.8:25/",
    ] {
        let error = fetch(url).unwrap_err();
        assert!(
            matches!(error, FetchError::Refused(Forbidden::Port(_))),
            "{url}: {error}"
        );
    }
}

#[test]
fn we_never_ask_ourselves() {
    let server = Server::answering("de");
    let port = server.address.port();
    for own in ["127.0.0.1", "0.0.0.0", "[::]", "[::ffff:127.0.0.1]"] {
        for trusted in [false, true] {
            let mut own_policy = policy();
            own_policy.trusted = trusted;
            own_policy.own_addresses = vec![format!("{own}:{port}").parse().unwrap()];
            let result = carry_out(&prepared(server.url("/"), own_policy));
            let expected = FetchError::Refused(Forbidden::Own(server.address));
            assert_eq!(result, Err(expected), "{own}");
        }
    }
    assert!(server.heads().is_empty());

    let mut another = policy();
    let other_port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    another.own_addresses = vec![format!("0.0.0.0:{other_port}").parse().unwrap()];
    assert!(carry_out(&prepared(server.url("/"), another)).is_ok());
}

#[test]
fn a_neighbor_may_be_anywhere() {
    let server = Server::answering("de");
    let neighbor = FetchPolicy {
        ports: Vec::new(),
        trusted: true,
        ..public_only()
    };
    assert!(carry_out(&prepared(server.url("/"), neighbor)).is_ok());
}

#[test]
fn what_a_log_line_says_holds_no_query() {
    let server = Server::saying("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n");
    for url in [
        server.url("/secret?secret"),
        "http://10.0.0.1/secret?secret".into(),
        "http://nobody.invalid/secret?secret".into(),
    ] {
        let fetch = prepared(url, policy());
        let error = carry_out(&fetch).unwrap_err();
        let said = format!("{error} {error:?} {} {fetch:?}", error.name());
        assert!(!said.contains("secret"), "{said}");
    }
}
