//! What may happen to a tracker, as proptest makes it up.

use crate::networks;
use btrt::bittorrent::{Announce, Event, InfoHash, PeerId};
use btrt::swarm::{GroupDefinition, Rules};
use btrt::tracker::Settings;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use std::net::IpAddr;

#[derive(Clone, Debug)]
pub enum Step {
    Announce(Announce, IpAddr),
    Scrape(Vec<InfoHash>),
    /// Seconds go by, and the tracker is called whenever it asks to be.
    Pass(u32),
    /// Seconds go by in which nobody calls the tracker.
    Stall(u32),
    /// The tracker is called, if it asks to be.
    Timeout,
    Reload(Settings, Vec<GroupDefinition>),
    /// At most so many swarms and peers are swept.
    Sweep(usize),
}

/// Addresses in most of the networks of the tests' groups and in none, each of which a few peers
/// share.
const ADDRESSES: [&str; 17] = [
    "10.0.0.1",
    "10.1.0.1",
    "10.1.1.1",
    "10.1.1.2",
    "100.64.0.1",
    "127.1.0.1",
    "127.1.0.200",
    "127.9.0.1",
    "169.254.0.1",
    "192.168.0.1",
    "198.51.100.7",
    "203.0.113.1",
    "203.0.113.2",
    "2001:db8::1",
    "2001:db8:1::1",
    "fd00::1",
    "fe80::1",
];
const PORTS: [u16; 5] = [22, 25, 6881, 6882, 6883];

fn info_hash() -> impl Strategy<Value = InfoHash> {
    // Most of it happens in two swarms, and now and then somebody opens another one.
    prop_oneof![3 => 0..2u8, 1 => 0..12u8].prop_map(|byte| InfoHash([byte; 20]))
}

pub fn announce() -> impl Strategy<Value = Step> {
    let event = prop_oneof![
        4 => Just(Event::None),
        2 => Just(Event::Started),
        2 => Just(Event::Completed),
        1 => Just(Event::Stopped),
    ];
    let numwant = proptest::option::of(prop_oneof![0..12u32, Just(u32::MAX)]);
    let who = (
        select(&ADDRESSES[..]),
        proptest::option::weighted(0.9, select(&PORTS[..])),
        0..8u8,
    );
    (
        info_hash(),
        who,
        any::<bool>(),
        event,
        numwant,
        any::<(bool, bool)>(),
    )
        .prop_map(
            |(info_hash, (ip, port, id), seeder, event, numwant, (compact, no_peer_id))| {
                let announce = Announce {
                    info_hash,
                    peer_id: PeerId([id; 20]),
                    port,
                    seeder,
                    event,
                    numwant,
                    compact,
                    no_peer_id,
                };
                Step::Announce(announce, ip.parse().expect("an address"))
            },
        )
}

pub fn settings() -> impl Strategy<Value = Settings> {
    let answers = (0..8u32, 0..15u32, 0..10u32, 0..5u32);
    let max_peers = prop_oneof![1..20usize, Just(1000)];
    let rules = (
        max_peers,
        1..5usize,
        8..60u32,
        subsequence(&PORTS[..2], 0..=2),
    );
    (answers, rules).prop_map(
        |((numwant, max_numwant, enough_peers, outside_peers), rules)| Settings {
            interval: 1800,
            min_interval: 1700,
            numwant,
            max_numwant,
            enough_peers,
            outside_peers,
            max_scrape: 100,
            rules: Rules {
                max_peers: rules.0,
                max_peers_per_address: rules.1,
                peer_expiry_interval: rules.2,
                refused_ports: rules.3,
            },
            ..Settings::default()
        },
    )
}

/// What a tracker lives through.
pub fn life() -> impl Strategy<Value = Vec<Step>> {
    let reload = (settings(), networks::definitions());
    let step = prop_oneof![
        24 => announce(),
        1 => vec(info_hash(), 0..5).prop_map(Step::Scrape),
        2 => (0..70u32).prop_map(Step::Pass),
        1 => (0..40u32).prop_map(Step::Stall),
        1 => Just(Step::Timeout),
        1 => reload.prop_map(|(settings, definitions)| Step::Reload(settings, definitions)),
    ];
    vec(step, 1..80)
}

/// The same for swarms without a tracker, where a sweep goes as slowly as one likes.
pub fn life_in_pieces() -> impl Strategy<Value = Vec<Step>> {
    let reload = (settings(), networks::definitions());
    let step = prop_oneof![
        24 => announce(),
        8 => (0..6usize).prop_map(Step::Sweep),
        2 => (0..40u32).prop_map(Step::Stall),
        1 => reload.prop_map(|(settings, definitions)| Step::Reload(settings, definitions)),
    ];
    vec(step, 1..80)
}
