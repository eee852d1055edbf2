//! What operators are told of peers that others have told of, and of clients whose announces are
//! forwarded.

use crate::harness::{Daemon, Settings, leecher, wait_until};
use crate::server::{Server, hang};
use crate::{PEERS, by_path_to, forward, forward_to, has_peers, said, said_with, with_targets};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// The swarm of announces that name none.
const SWARM: &str = "6120737761726d206f662032302062797465732e";

fn settings(keys: &str) -> Settings {
    with_targets("[127.0.0.0/8]", keys).with_admin()
}

fn explain(daemon: &Daemon, rest: &str) -> Value {
    let target = format!("/explain?info_hash={SWARM}&{rest}");
    let answer = daemon.admin().get(&target);
    assert_eq!(answer.status, 200, "{answer:?}");
    let text = String::from_utf8_lossy(&answer.body);
    assert!(!text.contains("passkey"), "{text}");
    serde_json::from_slice(&answer.body).unwrap()
}

/// The origins of the peers by their address.
fn origins(explained: &Value) -> BTreeMap<String, String> {
    let peers = explained["peers"].as_array().unwrap();
    let origin = |peer: &Value| {
        let address = format!("{}:{}", peer["ip"].as_str().unwrap(), peer["port"]);
        (address, peer["origin"].as_str().unwrap().to_owned())
    };
    peers.iter().map(origin).collect()
}

fn neighbor(name: &str, at: SocketAddr) -> String {
    format!("{{name: {name:?}, announce_request: 'http://{at}/announce?info_hash={{info_hash}}'}}")
}

#[test]
fn each_peer_says_who_has_told_of_it() {
    let tracker = Server::answering(said());
    let east = Server::answering(said_with(&["127.2.0.7:7"], ""));
    let west = Server::answering(said_with(&["127.2.0.8:8"], ""));
    let [of_east, of_west] =
        [("east", &east), ("west", &west)].map(|(name, server)| neighbor(name, server.address));
    let with_neighbors = |neighbors: &[&str]| {
        settings("").section(&format!("neighbors: [{}]", neighbors.join(", ")))
    };
    let daemon = Daemon::start(&with_neighbors(&[&of_east, &of_west]));
    daemon.announce_from([127, 1, 0, 5], &leecher(5));
    let reply = forward_to(
        &daemon,
        &by_path_to(
            &format!("{}/announce", tracker.address),
            &leecher(1).set("client_ip", "127.1.0.1").set("passkey", "x"),
        ),
    );
    assert!(has_peers(&reply));
    let plain = || origins(&explain(&daemon, "ip=127.1.0.9"));
    wait_until("the neighbors' peers", || plain().len() == 4);
    let expected = [
        ("127.1.0.1:10001", "forwarded"),
        ("127.1.0.5:10005", "announced"),
        ("127.2.0.7:7", "neighbor east"),
        ("127.2.0.8:8", "neighbor west"),
    ];
    let to_strings = |(one, other): (&str, &str)| (one.to_owned(), other.to_owned());
    let mut expected = BTreeMap::from(expected.map(to_strings));
    assert_eq!(plain(), expected);

    // A neighbor that is gone takes no other's name, whatever the order of those that stay.
    daemon.reload(&with_neighbors(&[&of_west]));
    let gone = "neighbor (not configured any more)";
    expected.insert("127.2.0.7:7".to_owned(), gone.to_owned());
    wait_until("the reload", || plain() == expected);

    // What the external tracker said is for its clients, of the same account.
    let url = format!("http%3A%2F%2F{}%2Fannounce", tracker.address);
    let other_account = explain(&daemon, &format!("ip=127.1.0.9&tracker={url}"));
    assert_eq!(origins(&other_account), expected);
    let note = other_account["note"].as_str().unwrap();
    assert!(note.contains("asked first"), "{note}");
    let same = explain(&daemon, &format!("ip=127.1.0.9&tracker={url}%3Fpasskey=x"));
    assert_eq!(same["note"], Value::Null, "its list is fresh");
    expected.extend(PEERS.map(|peer| to_strings((peer, "external 127.0.0.1"))));
    assert_eq!(origins(&same), expected);
    let learned = same["peers"].as_array().unwrap();
    let learned = learned.iter().filter(|peer| peer["origin"] != "announced");
    for peer in learned {
        assert_eq!(peer["seeder"], false);
        assert!(peer["age"].as_u64().unwrap() < 60, "{peer}");
    }
    assert_eq!(tracker.heads().len(), 1, "to explain, nobody is asked");
}

#[test]
fn a_forwarded_client_is_given_what_was_explained() {
    let tracker = Server::answering(said());
    let daemon = Daemon::start(&settings(""));
    for number in 1..=5 {
        daemon.announce_from([127, number, 0, 1], &leecher(number.into()));
    }
    assert!(has_peers(&forward(&daemon, tracker.address, &leecher(1))));
    let url = format!("http%3A%2F%2F{}%2Fannounce", tracker.address);
    let explained = explain(&daemon, &format!("ip=127.1.0.1&tracker={url}"));
    let groups = explained["peers"].as_array().unwrap().iter();
    let groups: Vec<_> = groups.map(|peer| peer["group"].clone()).collect();
    let given = forward(&daemon, tracker.address, &leecher(1)).peers();
    let given = given.iter().map(|peer| match peer.ip() {
        ip if ip.to_string().starts_with("127.1.") => "local",
        ip if ip.to_string().starts_with("127.2.") => "partner",
        _ => "other",
    });
    assert_eq!(groups, given.collect::<Vec<_>>());
    assert_eq!(groups.len(), 6);
}

#[test]
fn rules_for_single_trackers_are_told() {
    let refusing = Server::answering("d14:failure reason2:noe");
    let silent = Server::start(|stream, _| hang(stream));
    let keys = ", trackers: [{host: private.example, share: false}, {host: never.example, \
                mode: never}, {host: always.example, mode: always}]";
    let daemon = Daemon::start(&settings(keys));
    daemon.announce_from([127, 1, 0, 5], &leecher(5));
    forward(&daemon, refusing.address, &leecher(1));
    let ask = |place: &str| {
        let explained = explain(
            &daemon,
            &format!("ip=127.1.0.1&tracker=http%3A%2F%2F{place}"),
        );
        let note = explained["note"].as_str().unwrap_or_default().to_owned();
        (note, explained["peers"].as_array().unwrap().len())
    };
    let (note, peers) = ask("private.example%2Fa");
    assert!(note.contains("share is false") && peers == 0, "{note}");
    assert_eq!(ask("never.example%2Fa"), (String::new(), 1));
    for place in ["always.example%2Fa", &format!("{}%2Fa", silent.address)] {
        let (note, peers) = ask(place);
        assert!(note.contains("asked first") && peers == 1, "{note}");
    }
    let (note, peers) = ask(&format!("{}%2Fannounce", refusing.address));
    assert!(note.contains("refuses") && peers == 1, "{note}");
    assert_eq!(silent.heads().len(), 0);
}
