//! Partners' trackers: each is asked about every torrent that matters here, soon after its first
//! announce and then once in a while, evenly spread, and never on the way of an answer.

mod neighbor;

use super::figures::NeighborFigures;
use super::invariants::FEW;
use super::learned::{Learned, Places};
use super::upstreams::Question;
use crate::bittorrent::InfoHash;
use crate::job::FetchPolicy;
use crate::swarm::HashKeys;
use crate::time::Now;
use ipnet::IpNet;
use log::{info, warn};
use neighbor::Neighbor;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// How long a neighbor may take to answer, in milliseconds.
pub(super) const PATIENCE: u64 = 10_000;
/// One that does not answer is asked again after a second, then after twice as long each time, but
/// at least once a minute.
const FIRST_PAUSE: u64 = 1_000;
const LONGEST_PAUSE: u64 = 60_000;

/// Torrents that a neighbor is to be asked about at the same time. While it is away or slow, those
/// that matter no longer stay on its list: a flood of made-up hashes must not fill the memory. Who
/// finds no place comes in with a later announce.
const MAX_TORRENTS: usize = 500_000;

/// Peers that neighbors have told of, of all torrents together, at some 40 bytes each. Beyond that
/// no more are taken until some have expired.
const MAX_PEERS: usize = 5_000_000;

/// Torrents that are looked at in one go; those that matter no longer are forgotten.
const LOOKED_AT: usize = 1_000;

/// What the operator says of a neighbor. Times are in seconds.
#[derive(Clone, Debug)]
pub struct NeighborSettings {
    /// Unique.
    pub name: Arc<str>,
    /// A torrent is asked about at most this often.
    pub refresh_interval: u32,
    /// How long a peer learned here lives.
    pub peers_expiry_interval: u32,
    /// The announce URL with `{info_hash}` where the hash goes.
    pub announce_request: String,
    /// From where it asks us.
    pub accept_from: Vec<IpNet>,
    /// How often it is asked at most, all torrents together.
    pub max_requests_per_second: u32,
    /// What may be contacted.
    pub policy: Arc<FetchPolicy>,
}

/// A question that is due.
#[derive(Debug)]
pub(super) struct Due {
    pub name: Arc<str>,
    pub info_hash: InfoHash,
    pub question: Question,
    pub policy: Arc<FetchPolicy>,
}

#[derive(Debug, Default)]
pub(super) struct Neighbors {
    neighbors: Vec<Neighbor>,
    /// Those that reloads have removed, until the last of what they told of has expired.
    removed: Vec<Neighbor>,
    last_number: u16,
    learned: HashMap<InfoHash, Learned>,
    /// In all of `learned`.
    peers: usize,
}

impl Neighbors {
    /// Takes the settings over. Neighbors that keep their name keep their place in the schedule.
    pub fn set(&mut self, settings: &[NeighborSettings]) {
        let mut old = std::mem::take(&mut self.neighbors);
        for settings in settings {
            let same = old
                .iter()
                .position(|one| one.settings.name == settings.name);
            let mut neighbor = match same {
                Some(place) => old.swap_remove(place),
                None => {
                    self.last_number = self.last_number.wrapping_add(1);
                    Neighbor::new(settings.clone(), self.last_number, self.learned_about())
                }
            };
            neighbor.settings = settings.clone();
            self.neighbors.push(neighbor);
        }
        self.removed.append(&mut old);
    }

    /// Torrents that a new neighbor is to be asked about: those that the others are.
    fn learned_about(&self) -> VecDeque<InfoHash> {
        let other = self.neighbors.first();
        let of = |other: &Neighbor| {
            let asked = other.due.iter().map(|(_, info_hash)| info_hash);
            other.fresh.iter().chain(asked).copied().collect()
        };
        other.map_or_else(VecDeque::new, of)
    }

    /// Whether an address is a neighbor's, from which it asks us.
    pub fn is_neighbor(&self, ip: IpAddr) -> bool {
        let mut networks = self
            .neighbors
            .iter()
            .flat_map(|one| &one.settings.accept_from);
        networks.any(|network| network.contains(&ip))
    }

    /// Has a torrent asked about, from now on as long as it matters.
    pub fn note(&mut self, info_hash: InfoHash) {
        for neighbor in &mut self.neighbors {
            if neighbor.known.len() < MAX_TORRENTS && neighbor.known.insert(info_hash) {
                neighbor.fresh.push_back(info_hash);
            }
        }
    }

    /// The next question that is due. `matters` says whether a torrent still does.
    pub fn next_question(&mut self, now: Now, matters: impl Fn(&InfoHash) -> bool) -> Option<Due> {
        let mut looked_at = 0;
        for neighbor in &mut self.neighbors {
            while looked_at < LOOKED_AT
                && let Some(info_hash) = neighbor.next(now)
            {
                looked_at += 1;
                if matters(&info_hash) {
                    let question = neighbor.ask(info_hash, now);
                    if question.is_some() {
                        return question;
                    }
                } else {
                    neighbor.known.remove(&info_hash);
                    let gone = self.learned.remove(&info_hash);
                    self.peers -= gone.map_or(0, |learned| learned.len());
                }
            }
        }
        None
    }

    /// Forgets what neighbors told of that are none any more, once its time is over. Whoever else
    /// was to be asked about a torrent sees to it that the others' peers go in time.
    pub fn forget_removed(&mut self, now: Now, keys: &HashKeys) {
        let over = |one: &Neighbor| one.told_until <= now;
        let Some(place) = self.removed.iter().position(over) else {
            return;
        };
        for _ in 0..LOOKED_AT {
            let Some(info_hash) = self.removed[place].take_turn() else {
                self.removed.swap_remove(place);
                return;
            };
            self.removed[place].known.remove(&info_hash);
            if let Entry::Occupied(mut learned) = self.learned.entry(info_hash) {
                let before = learned.get().len();
                learned.get_mut().expire(now.timestamp(), keys);
                let left = learned.get().len();
                self.peers = self.peers - before + left;
                if left == 0 {
                    learned.remove();
                }
            }
        }
    }

    /// When the next question is due, or something to be forgotten.
    pub fn next_timeout(&self) -> Option<Now> {
        let due = self.neighbors.iter().filter_map(Neighbor::next_timeout);
        let over = self.removed.iter().map(|one| one.told_until);
        due.chain(over).min()
    }

    /// Takes what a neighbor has answered.
    pub fn handle_answer(
        &mut self,
        name: &str,
        info_hash: InfoHash,
        peers: &[SocketAddr],
        now: Now,
        places: Places<'_>,
    ) {
        let Some(neighbor) = self.named(name) else {
            return;
        };
        let figures = &mut neighbor.figures;
        figures.answered += 1;
        figures.peers += peers.len() as u64;
        figures.is_down = Some(false);
        if neighbor.failures > 0 {
            info!("neighbor {name:?} answers again");
            neighbor.failures = 0;
        }
        let lifetime = neighbor.settings.peers_expiry_interval;
        let last_second = now.plus(u64::from(lifetime) * 1000);
        neighbor.told_until = neighbor.told_until.max(last_second.plus(1000));
        let (now, until) = (now.timestamp(), last_second.timestamp());
        let number = neighbor.number;
        // What matters no longer has no next turn, at which it would be forgotten.
        if !peers.is_empty() && neighbor.known.contains(&info_hash) {
            let learned = self.learned.entry(info_hash).or_default();
            let before = learned.len();
            if self.peers < MAX_PEERS {
                learned.add(peers, number, until, now, places);
            } else {
                learned.expire(now, places.keys);
            }
            self.peers = self.peers - before + learned.len();
        }
    }

    /// Takes note that a neighbor has not answered.
    pub fn handle_failure(&mut self, name: &str, info_hash: InfoHash, reason: &str, now: Now) {
        let Some(neighbor) = self.named(name) else {
            return;
        };
        if neighbor.failures == 0 {
            warn!("neighbor {name:?} does not answer: {reason}; trying on at least once a minute");
        }
        neighbor.figures.failed += 1;
        neighbor.figures.is_down = Some(true);
        let pause = (FIRST_PAUSE << neighbor.failures.min(6)).min(LONGEST_PAUSE);
        neighbor.failures = neighbor.failures.saturating_add(1);
        neighbor.not_before = now.plus(pause);
        // It was asked a moment ago, so that its next turn is one of the last. It has none if it is
        // to be asked about again already, or matters no longer.
        let next_turn = neighbor
            .due
            .iter()
            .rposition(|(_, asked)| *asked == info_hash);
        if let Some(place) = next_turn {
            neighbor.due.remove(place);
            neighbor.fresh.push_back(info_hash);
        }
    }

    /// Panics if a torrent that a neighbor is to be asked about has no turn, or two, or if the
    /// peers are not as many as a count gives.
    pub fn check_invariants(&self) {
        if self.learned.len() <= FEW {
            let peers: usize = self.learned.values().map(Learned::len).sum();
            assert_eq!(self.peers, peers, "the sum is wrong");
        }
        let all = self.neighbors.iter().chain(&self.removed);
        for neighbor in all.clone() {
            let turns = neighbor.fresh.len() + neighbor.due.len();
            assert_eq!(turns, neighbor.known.len(), "{}", neighbor.settings.name);
        }
        if self.learned.len() <= FEW {
            let has_turn = |info_hash| all.clone().any(|one| one.known.contains(info_hash));
            let all_have = self.learned.keys().all(has_turn);
            assert!(all_have, "a list that nobody will forget");
        }
    }

    /// All by name, in the operator's order.
    pub fn figures(&self) -> impl Iterator<Item = (&Arc<str>, NeighborFigures)> {
        let neighbors = self.neighbors.iter();
        neighbors.map(|one| (&one.settings.name, one.figures))
    }

    fn named(&mut self, name: &str) -> Option<&mut Neighbor> {
        let mut neighbors = self.neighbors.iter_mut();
        neighbors.find(|one| &*one.settings.name == name)
    }

    /// The name of the neighbor whose peers are known by this number, unless it is none any more.
    pub fn name_of(&self, number: u16) -> Option<&Arc<str>> {
        let neighbor = self.neighbors.iter().find(|one| one.number == number);
        neighbor.map(|neighbor| &neighbor.settings.name)
    }

    /// What was learned of a torrent.
    pub fn learned(&mut self, info_hash: &InfoHash, places: Places<'_>) -> Option<&Learned> {
        let learned = self.learned.get_mut(info_hash)?;
        Some(learned.in_places(places))
    }
}

#[cfg(test)]
mod tests;
