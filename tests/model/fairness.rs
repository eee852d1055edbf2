//! Peers that are alike are handed out equally often. All seeds are fixed, so that these tests
//! say the same each time.

use crate::answer::{self, Question};
use crate::model::Model;
use crate::networks::Networks;
use crate::real::{Endpoint, endpoints};
use btrt::bittorrent::{Announce, Event, InfoHash, PeerId};
use btrt::swarm::{GroupDefinition, GroupNames, Rules};
use btrt::time::Now;
use btrt::tracker::{Settings, Tracker};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

const INFO_HASH: InfoHash = InfoHash([7; 20]);
/// In no group.
const ASKER: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1));

fn settings() -> Settings {
    Settings {
        interval: 1800,
        min_interval: 300,
        numwant: 50,
        max_numwant: 10_000,
        enough_peers: 30,
        outside_peers: 4,
        max_scrape: 100,
        rules: Rules {
            max_peers: 1_000_000,
            max_peers_per_address: 64,
            peer_expiry_interval: 4500,
            refused_ports: Vec::new(),
        },
        ..Settings::default()
    }
}

/// 127.1.0.0/16 comes first; 127.2.0.0/16 and 127.3.0.0/16 share the second priority.
fn definitions() -> Vec<GroupDefinition> {
    let group = |name: &str, priority, network: &str| GroupDefinition {
        name: name.to_owned(),
        priority,
        networks: vec![network.parse().expect("a network")],
        visible_to: None,
    };
    vec![
        group("first", 0, "127.1.0.0/16"),
        group("second", 1, "127.2.0.0/16"),
        group("rival", 1, "127.3.0.0/16"),
    ]
}

fn announce(numwant: u32, id: u32, seeder: bool) -> Announce {
    let mut peer_id = [0; 20];
    peer_id[..4].copy_from_slice(&id.to_be_bytes());
    Announce {
        info_hash: INFO_HASH,
        peer_id: PeerId(peer_id),
        port: Some(6881),
        seeder,
        event: Event::None,
        numwant: Some(numwant),
        compact: true,
        no_peer_id: false,
    }
}

/// A tracker with one swarm, whose peers are listed as second byte of the address, number and
/// whether they are seeders.
fn tracker(peers: &[(u8, u16, bool)]) -> Tracker {
    let (_, groups) = Networks::build(&definitions(), &GroupNames::new());
    let mut tracker = Tracker::new(settings(), groups, 1, Now::after_start(0));
    let mut id = 0;
    for &(network, count, seeder) in peers {
        for _ in 0..count {
            id += 1;
            let [high, low] = (id as u16).to_be_bytes();
            let ip = Ipv4Addr::new(127, network, high, low);
            tracker.handle_announce(&announce(0, id, seeder), ip.into(), Now::after_start(0));
        }
    }
    tracker
}

fn ask(tracker: &mut Tracker, numwant: u32) -> Vec<Endpoint> {
    let announce = announce(numwant, u32::MAX, false);
    let reply = tracker.handle_announce(&announce, ASKER, Now::after_start(0));
    endpoints(&reply.peers.compact, 4)
}

/// Asks `rounds` times, looks at the places of the answers from `first` up to `end`, and expects
/// that `peers` peers are in these, equally often: that the sum of the squared differences has
/// its expectation, give or take five standard deviations (chi-square, here nearly normal).
fn expect_fair(tracker: &mut Tracker, numwant: u32, places: (usize, usize), peers: usize) {
    let rounds = 50 * peers / (places.1 - places.0);
    let mut given = BTreeMap::<Endpoint, usize>::new();
    for _ in 0..rounds {
        let answer = ask(tracker, numwant);
        for &endpoint in &answer[places.0..places.1] {
            *given.entry(endpoint).or_default() += 1;
        }
    }
    assert_eq!(given.len(), peers);
    let (drawn, peers) = ((places.1 - places.0) as f64, peers as f64);
    let mean = rounds as f64 * drawn / peers;
    let squares = given.values().map(|&count| (count as f64 - mean).powi(2));
    let freedom = peers - 1.0;
    // Nobody is in an answer twice, which makes the differences smaller than those of free draws.
    let variance = mean * (1.0 - drawn / peers) * peers / freedom;
    let deviations = (squares.sum::<f64>() / variance - freedom) / (2.0 * freedom).sqrt();
    assert!(
        deviations.abs() < 5.0,
        "{deviations:.1} standard deviations"
    );
}

#[test]
fn peers_of_one_class_are_given_equally_often_in_every_place() {
    for peers in [100, 500, 600] {
        let mut tracker = tracker(&[(1, peers, false)]);
        expect_fair(&mut tracker, 20, (0, 20), peers.into());
        expect_fair(&mut tracker, 20, (0, 1), peers.into());
        expect_fair(&mut tracker, 20, (19, 20), peers.into());
    }
}

#[test]
fn groups_and_seeders_of_one_priority_are_alike() {
    for scale in [1, 10] {
        let mut tracker = tracker(&[
            (2, 60 * scale, true),
            (2, 5 * scale, false),
            (3, 10 * scale, true),
            (3, 25 * scale, false),
        ]);
        expect_fair(&mut tracker, 20, (0, 20), 100 * usize::from(scale));
    }
}

#[test]
fn what_comes_from_outside_is_chosen_among_all_groups_of_its_priority() {
    let mut seeders = tracker(&[(1, 40, false), (2, 30, true), (3, 70, true), (3, 9, false)]);
    expect_fair(&mut seeders, 50, (40, 44), 100);
    let mut leechers = tracker(&[(1, 40, false), (2, 400, false), (3, 200, false)]);
    expect_fair(&mut leechers, 50, (40, 44), 600);
}

#[test]
fn answers_are_full_however_many_are_wanted_of_however_many() {
    for peers in [513, 600, 1_100, 3_000] {
        let mut tracker = tracker(&[(1, peers, false)]);
        for numwant in [50, 200, 500, 1_000, 2_900] {
            let given = ask(&mut tracker, numwant).len();
            assert_eq!(given, usize::from(peers).min(numwant as usize));
        }
    }
}

#[test]
fn large_swarms_follow_the_same_rules() {
    let mut tracker = tracker(&[
        (1, 700, false),
        (1, 90, true),
        (2, 20, true),
        (3, 900, false),
        (9, 30, true),
    ]);
    let (networks, _) = Networks::build(&definitions(), &GroupNames::new());
    let now = Now::after_start(0).timestamp().0;
    let mut model = Model::new(settings().rules, networks, now);
    model.adopt(tracker.swarms());
    for numwant in [1, 30, 50, 500, 800, 900, 2_000] {
        for enough in [30, 790, 1_700] {
            let mut settings = settings();
            settings.enough_peers = enough;
            let (_, groups) = Networks::build(&definitions(), &tracker.group_names());
            tracker.handle_reload(settings.clone(), groups);
            tracker.handle_timeout(Now::after_start(0));
            let question = Question {
                info_hash: INFO_HASH,
                own: (ASKER, 6881),
                id: announce(0, u32::MAX, false).peer_id,
                seeder: false,
                places: numwant as usize,
                enough: enough as usize,
                outside: settings.outside_peers as usize,
            };
            let answer = ask(&mut tracker, numwant);
            answer::check(&model, &question, true, &answer);
        }
    }
}
