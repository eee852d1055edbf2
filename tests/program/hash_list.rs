//! `/hashlist.bin`: which torrents are in it, and how whoever has it already is answered.

use crate::harness::{Client, Daemon, Settings, leecher, seeder, subscriber, wait_until};

fn settings(keys: &str) -> Settings {
    Settings::with_two_groups()
        .with_admin()
        .section(&format!("hashlist: {{path: h.bin{keys}}}"))
}

/// The swarms in the list, each by the byte that its info hash repeats.
fn listed(daemon: &Daemon) -> Vec<u8> {
    let answer = daemon.admin().get("/hashlist.bin");
    assert_eq!(answer.status, 200);
    let (hashes, rest) = answer.body.as_chunks::<20>();
    assert!(rest.is_empty(), "{} bytes", answer.body.len());
    for hash in hashes {
        assert_eq!(*hash, [hash[0]; 20]);
    }
    hashes.iter().map(|hash| hash[0]).collect()
}

/// Swarm 9 has three members, swarm 5 one, swarm 7 a partner, swarm 3 one of the rest.
fn fill(daemon: &Daemon) {
    for number in 1..=3 {
        let announce = leecher(number).in_swarm(&[9; 20]);
        daemon.announce_from(subscriber(1, number), &announce);
    }
    for (network, swarm) in [(1, 5), (2, 7), (3, 3)] {
        let announce = seeder(4).in_swarm(&[swarm; 20]);
        daemon.announce_from(subscriber(network, 4), &announce);
    }
}

#[test]
fn torrents_with_enough_peers_inside_are_listed_in_order() {
    let daemon = Daemon::start(&settings(""));
    assert!(listed(&daemon).is_empty(), "nobody has announced");
    fill(&daemon);
    wait_until("all to be listed", || listed(&daemon) == [5, 9]);
    let stopped = leecher(4).in_swarm(&[5; 20]).event("stopped");
    daemon.announce_from(subscriber(1, 4), &stopped);
    wait_until("it to be gone", || listed(&daemon) == [9]);
}

#[test]
fn a_reload_changes_what_counts() {
    let daemon = Daemon::start(&settings(""));
    fill(&daemon);
    let partners = settings(", max_priority: 1");
    daemon.reload(&partners);
    wait_until("partners to count", || listed(&daemon) == [5, 7, 9]);
    daemon.reload(&settings(", max_priority: 4000000000, min_peers: 3"));
    wait_until("few peers not to count", || listed(&daemon) == [9]);
    daemon.reload(&settings("").group("name: rest, priority: 0, cidr_list: ['127.3.0.0/16']"));
    wait_until("others to become members", || listed(&daemon) == [3, 5, 9]);
}

#[test]
fn who_has_expired_does_not_count() {
    let daemon = Daemon::start(&settings("").tracker("peer_expiry_interval: 1"));
    fill(&daemon);
    wait_until("all to be gone", || listed(&daemon).is_empty());
}

#[test]
fn whoever_has_it_already_is_told_so() {
    let daemon = Daemon::start(&settings(""));
    fill(&daemon);
    let mut admin = daemon.admin();
    let first = admin.get("/hashlist.bin");
    assert_eq!(
        first.header("content-type"),
        Some("application/octet-stream")
    );
    let tag = first.header("etag").expect("a tag").to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag}");
    let known = format!("If-None-Match: \"other\", {tag}");
    admin.send(format!(
        "GET /hashlist.bin HTTP/1.1\r\n{known}\r\n\r\nHEAD /hashlist.bin HTTP/1.1\r\n\r\n\
         GET /healthz HTTP/1.1\r\n\r\n"
    ));
    let unchanged = admin.answer_to_head();
    assert_eq!(unchanged.status, 304);
    assert_eq!(unchanged.header("etag"), Some(&*tag));
    let head = admin.answer_to_head();
    assert_eq!(head.status, 200);
    assert_eq!(head.header("content-length"), Some("40"));
    assert_eq!(head.header("etag"), Some(&*tag));
    assert_eq!(admin.answer().body, b"ok\n");

    daemon.announce_from(subscriber(1, 8), &leecher(8).in_swarm(&[8; 20]));
    wait_until("a new list", || {
        admin.send(format!("GET /hashlist.bin HTTP/1.1\r\n{known}\r\n\r\n"));
        let answer = admin.answer_to_head();
        let is_new = answer.status == 200;
        assert_eq!(is_new, answer.header("etag") != Some(&*tag));
        is_new
    });
}

#[test]
fn many_who_ask_at_once_all_get_it() {
    let daemon = Daemon::start(&settings(""));
    fill(&daemon);
    let mut clients: Vec<_> = (0..20).map(|_| daemon.admin()).collect();
    for client in &mut clients {
        client.send("GET /hashlist.bin HTTP/1.1\r\n\r\n");
    }
    // Some do not wait for it.
    clients.truncate(15);
    for client in &mut clients {
        assert_eq!(client.answer().body.len(), 40);
    }
}

/// More than is sent in one go, to somebody who reads slowly, while others are served.
#[test]
fn a_long_list_arrives_whole() {
    const SWARMS: u32 = 20_000;
    let daemon = Daemon::start(&settings(""));
    let mut client = daemon.connect_from(subscriber(1, 1));
    let hash = |number: u32| {
        let mut hash = [7; 20];
        hash[..4].copy_from_slice(&number.to_be_bytes());
        hash
    };
    for first in (0..SWARMS).step_by(100) {
        let requests = (first..first + 100).map(|number| {
            let target = leecher(1).in_swarm(&hash(number)).target();
            format!("GET {target} HTTP/1.1\r\n\r\n")
        });
        client.send(requests.collect::<String>());
        (0..100).for_each(|_| drop(client.answer()));
    }
    let mut slow = Client::connect_with_small_buffer(daemon.admin_address());
    slow.send("GET /hashlist.bin HTTP/1.1\r\n\r\n");
    let fast = daemon.admin().get("/hashlist.bin").body;
    let expected: Vec<u8> = (0..SWARMS).flat_map(hash).collect();
    assert!(fast == expected);
    assert_eq!(daemon.admin().get("/healthz").status, 200);
    assert!(slow.answer().body == expected);
}
