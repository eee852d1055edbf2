//! Which answers are right: the rules of choosing peers, one after the other, by plain scans.

use crate::model::{Model, Peer};
use crate::real::Endpoint;
use btrt::bittorrent::{InfoHash, PeerId};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

/// Who asks, and for how much.
#[derive(Clone, Debug)]
pub struct Question {
    pub info_hash: InfoHash,
    pub own: Endpoint,
    pub id: PeerId,
    pub seeder: bool,
    pub places: usize,
    pub enough: usize,
    pub outside: usize,
}

/// Checks the peers of one family, `answer`, in their order.
pub fn check(model: &Model, question: &Question, ipv4: bool, answer: &[Endpoint]) {
    let unique: BTreeSet<_> = answer.iter().collect();
    assert_eq!(unique.len(), answer.len(), "a peer is in the answer twice");
    let candidates = candidates(model, question, ipv4);
    let (inside, outside) = expected(&candidates, question);
    let strangers = answer.iter().filter(|peer| !candidates.contains_key(peer));
    let strangers: Vec<_> = strangers.copied().map(SocketAddr::from).collect();
    assert!(strangers.is_empty(), "given to {question:?}: {strangers:?}");
    let given: Vec<Kind> = answer.iter().map(|peer| candidates[peer]).collect();
    assert_eq!(given.len(), inside.len() + outside.len(), "length");
    let (first, last) = given.split_at(inside.len());
    let priorities: Vec<_> = first.iter().map(|kind| kind.priority).collect();
    assert_eq!(priorities, inside, "priorities inside");
    assert_eq!(last, outside, "what comes from outside");
}

/// What matters of a peer for its place in the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    leecher: bool,
    priority: u32,
}

/// All peers of the family that the asker may be given.
fn candidates(model: &Model, question: &Question, ipv4: bool) -> BTreeMap<Endpoint, Kind> {
    let Some(swarm) = model.swarms.get(&question.info_hash) else {
        return BTreeMap::new();
    };
    let group = model.networks.find(question.own.0);
    let may_be_given = |(endpoint, peer): &(&Endpoint, &Peer)| {
        endpoint.0.is_ipv4() == ipv4
            && **endpoint != question.own
            && peer.id != question.id
            && model.is_alive(peer)
            && !peer.unlisted
            && !(peer.seeder && question.seeder)
            && (peer.group == group || !is_confined(endpoint.0))
            && model.networks.visible(&peer.group, group)
    };
    let peers = swarm.peers.iter().filter(may_be_given);
    peers
        .map(|(endpoint, peer)| {
            let kind = Kind {
                leecher: !peer.seeder,
                priority: model.networks.priority(&peer.group),
            };
            (*endpoint, kind)
        })
        .collect()
}

/// The priorities that fill the list, in order, and what comes from outside.
fn expected(candidates: &BTreeMap<Endpoint, Kind>, question: &Question) -> (Vec<u32>, Vec<Kind>) {
    let reserved = question.outside.min(question.places / 4);
    // Even where none are enough, the first priority that has somebody is used.
    let enough = question.enough.min(question.places - reserved).max(1);
    let mut priorities: Vec<_> = candidates.values().map(|kind| kind.priority).collect();
    priorities.sort_unstable();
    let mut inside = Vec::new();
    for &priority in &priorities {
        if inside.len() >= enough && inside.last() != Some(&priority) {
            break;
        }
        inside.push(priority);
    }
    let last = inside.last().copied();
    let mut outside: Vec<_> = candidates.values().copied().collect();
    outside.retain(|kind| Some(kind.priority) > last);
    outside.sort_unstable();
    outside.truncate(reserved);
    inside.truncate(question.places - outside.len());
    (inside, outside)
}

fn is_confined(ip: IpAddr) -> bool {
    let networks = [
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "fe80::/10",
        "fc00::/7",
    ];
    let mut networks = networks.iter().map(|text| text.parse::<ipnet::IpNet>());
    networks.any(|network| network.expect("a network").contains(&ip))
}
