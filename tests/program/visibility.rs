//! Who may be given whom: private addresses stay in their group, `visible_to` restricts further.

use crate::harness::{Daemon, Settings, leecher};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

/// A daemon that believes our word for the client's address.
struct Network(Daemon);

impl Network {
    fn start(settings: &Settings) -> Self {
        Self(Daemon::start(
            &settings.clone().server("trusted_proxies: [127.0.0.1]"),
        ))
    }

    /// The addresses that a client at `ip` is given, without leaving a trace.
    fn given(&self, ip: &str) -> BTreeSet<String> {
        let header = format!("X-Real-IP: {ip}");
        let mut client = self.0.connect();
        let asker = leecher(60_000 - 1);
        let reply = client.announce_with(&asker, &[&header]);
        client.announce_with(&asker.event("stopped"), &[&header]);
        let addresses = reply.peers().into_iter().chain(reply.peers6());
        addresses
            .map(|peer: SocketAddr| peer.ip().to_string())
            .collect()
    }

    fn announce(&self, peers: &[&str]) {
        for (number, ip) in (1..).zip(peers) {
            assert!(ip.parse::<IpAddr>().is_ok(), "{ip} is an address");
            self.0
                .connect()
                .announce_with(&leecher(number), &[&format!("X-Real-IP: {ip}")]);
        }
    }
}

fn set(addresses: &[&str]) -> BTreeSet<String> {
    addresses
        .iter()
        .map(|&address| address.to_owned())
        .collect()
}

const PRIVATE: [&str; 7] = [
    "10.1.2.3",
    "172.16.5.6",
    "192.168.7.8",
    "100.64.9.10",
    "169.254.11.12",
    "fd00::d",
    "fe80::e",
];

#[test]
fn private_addresses_stay_in_their_group() {
    let networks = "'10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '169.254.0.0/16', \
                    'fd00::/8', 'fe80::/10', '203.0.113.0/24'";
    let group = format!("name: home, priority: 0, cidr_list: [{networks}]");
    let network = Network::start(&Settings::default().group(&group));
    network.announce(&PRIVATE);
    network.announce(&["203.0.113.1", "127.0.0.7"]);
    let public = ["203.0.113.1", "127.0.0.7"];
    assert_eq!(
        network.given("198.51.100.1"),
        set(&public),
        "the world is given only what it can reach"
    );
    assert_eq!(
        network.given("203.0.113.2"),
        set(&[&PRIVATE[..], &public].concat())
    );
}

/// Subscribers of no group may share a private network as well.
#[test]
fn those_of_no_group_are_one_group() {
    let group = "name: home, priority: 0, cidr_list: ['203.0.113.0/24']";
    let network = Network::start(&Settings::default().group(group));
    network.announce(&PRIVATE);
    assert_eq!(network.given("203.0.113.2"), set(&[]));
    assert_eq!(network.given("198.51.100.1"), set(&PRIVATE));
}

/// Just outside the private ranges everything is public.
#[test]
fn the_edges_of_the_private_ranges_are_right() {
    let group = "name: home, priority: 0, cidr_list: ['203.0.113.0/24']";
    let network = Network::start(&Settings::default().group(group));
    let public = [
        "9.255.255.255",
        "11.0.0.1",
        "172.15.255.255",
        "172.32.0.1",
        "192.167.255.255",
        "192.169.0.1",
    ];
    let more = [
        "100.63.255.255",
        "100.128.0.1",
        "169.253.255.255",
        "169.255.0.1",
        "fbff::1",
        "fe00::1",
    ];
    network.announce(&[&public[..], &more].concat());
    network.announce(&[
        "10.0.0.1",
        "10.255.255.254",
        "172.31.255.254",
        "100.127.255.254",
        "fdff::1",
        "febf::1",
    ]);
    assert_eq!(
        network.given("203.0.113.2"),
        set(&[&public[..], &more].concat())
    );
}

#[test]
fn visible_to_names_who_may_be_given_a_groups_peers() {
    let settings = Settings::default()
        .group("name: open, priority: 0, cidr_list: ['198.51.100.0/26']")
        .group("name: partners, priority: 1, cidr_list: ['198.51.100.64/26'], visible_to: [open]")
        .group("name: hidden, priority: 2, cidr_list: ['198.51.100.128/26'], visible_to: []")
        .group("name: outward, priority: 3, cidr_list: ['198.51.100.192/26'], visible_to: [other]");
    let network = Network::start(&settings);
    let [open, partner, hidden, outward, other] = [
        "198.51.100.1",
        "198.51.100.65",
        "198.51.100.129",
        "198.51.100.193",
        "203.0.113.1",
    ];
    network.announce(&[open, partner, hidden, outward, other]);
    assert_eq!(network.given("198.51.100.2"), set(&[open, partner, other]));
    assert_eq!(network.given("198.51.100.66"), set(&[open, partner, other]));
    assert_eq!(network.given("198.51.100.130"), set(&[open, hidden, other]));
    assert_eq!(
        network.given("198.51.100.194"),
        set(&[open, outward, other])
    );
    assert_eq!(network.given("203.0.113.2"), set(&[open, outward, other]));
}
