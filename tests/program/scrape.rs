//! Scrapes: what is told about swarms without joining them.

use crate::harness::{
    Daemon, Reply, Settings, Value, leecher, percent_encode, scrape_target, seeder,
};

const KNOWN: &[u8; 20] = b"a known swarm, full.";
const OTHER: &[u8; 20] = b"another known swarm.";
const UNKNOWN: &[u8; 20] = b"nobody has heard it.";

/// Two swarms: one with 2 seeders, 1 leecher and 1 completion, one with a leecher.
fn start(settings: &Settings) -> Daemon {
    let daemon = Daemon::start(settings);
    let mut client = daemon.connect();
    client.announce(&seeder(1).in_swarm(KNOWN));
    client.announce(&seeder(2).in_swarm(KNOWN).event("completed"));
    client.announce(&leecher(3).in_swarm(KNOWN));
    client.announce(&leecher(3).in_swarm(OTHER));
    daemon
}

fn known_files(reply: &Reply) -> usize {
    match reply.files() {
        Value::Dictionary(files) => files.len(),
        other => panic!("files is no dictionary: {other:?}"),
    }
}

#[test]
fn each_hash_asked_for_is_answered() {
    let daemon = start(&Settings::default());
    let reply = daemon.scrape(&scrape_target(&[KNOWN, UNKNOWN, OTHER]));
    assert_eq!(known_files(&reply), 3);
    assert_eq!(reply.file(KNOWN), Some([2, 1, 1]));
    assert_eq!(reply.file(OTHER), Some([0, 1, 0]));
    assert_eq!(
        reply.file(UNKNOWN),
        Some([0, 0, 0]),
        "an unknown one with zeros"
    );
}

#[test]
fn a_hash_asked_for_twice_is_answered_once() {
    let daemon = start(&Settings::default());
    let reply = daemon.scrape(&scrape_target(&[KNOWN, OTHER, KNOWN]));
    assert_eq!(known_files(&reply), 2);
    assert_eq!(reply.file(KNOWN), Some([2, 1, 1]));
}

#[test]
fn a_scrape_makes_no_swarm() {
    let daemon = start(&Settings::default().tracker("full_scrape: true"));
    daemon.scrape(&scrape_target(&[UNKNOWN]));
    assert_eq!(daemon.scrape("/scrape").file(UNKNOWN), None);
}

#[test]
fn clients_are_told_when_to_scrape_again() {
    let daemon = start(&Settings::default().tracker("interval: 900"));
    let reply = daemon.scrape(&scrape_target(&[KNOWN]));
    let flags = reply.0.get(b"flags").expect("BEP 48");
    assert_eq!(
        flags.get(b"min_request_interval").map(Value::integer),
        Some(900)
    );
}

#[test]
fn a_malformed_hash_is_passed_over() {
    let daemon = start(&Settings::default());
    let known = percent_encode(KNOWN);
    for target in [
        format!("/scrape?info_hash=short&info_hash={known}"),
        format!("/scrape?info_hash={known}&info_hash=a_hash_that_is_too_long"),
        format!("/scrape?info_hash=&info_hash={known}&info_hash"),
    ] {
        let reply = daemon.scrape(&target);
        assert_eq!(
            (known_files(&reply), reply.file(KNOWN)),
            (1, Some([2, 1, 1])),
            "{target}"
        );
    }
}

#[test]
fn without_a_hash_that_is_one_a_scrape_is_refused() {
    let daemon = start(&Settings::default());
    for target in [
        "/scrape?info_hash=short&info_hash=&info_hash=x",
        "/scrape?info_hash",
        "/scrape",
        "/scrape?",
        "/scrape?a=b",
    ] {
        assert!(daemon.scrape(target).failure().is_some(), "{target}");
    }
}

#[test]
fn only_the_first_hashes_are_answered() {
    let daemon = start(&Settings::default().tracker("max_scrape: 2"));
    let reply = daemon.scrape(&scrape_target(&[OTHER, UNKNOWN, KNOWN]));
    assert_eq!(known_files(&reply), 2);
    assert_eq!(
        (reply.file(OTHER), reply.file(UNKNOWN)),
        (Some([0, 1, 0]), Some([0, 0, 0]))
    );
}

#[test]
fn a_full_scrape_is_the_operators_choice() {
    let daemon = start(&Settings::default().tracker("full_scrape: true"));
    let reply = daemon.scrape("/scrape");
    assert_eq!(known_files(&reply), 2);
    assert_eq!(
        (reply.file(KNOWN), reply.file(OTHER)),
        (Some([2, 1, 1]), Some([0, 1, 0]))
    );
}
