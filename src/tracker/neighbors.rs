//! Partners' trackers: each is asked about every torrent that matters here, soon after its first
//! announce and then once in a while, evenly spread, and never on the way of an answer.

use super::learned::{Learned, Places};
use super::upstreams::Question;
use crate::bittorrent::{Event, InfoHash, PeerId, Target, UpstreamRequest};
use crate::job::FetchPolicy;
use crate::time::Now;
use ipnet::IpNet;
use log::{info, warn};
use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// How long a neighbor may take to answer, in milliseconds.
pub(super) const PATIENCE: u64 = 10_000;
/// One that does not answer is asked again after a second, then after twice as long each time, but
/// at least once a minute.
const FIRST_PAUSE: u64 = 1_000;
const LONGEST_PAUSE: u64 = 60_000;

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
    learned: HashMap<InfoHash, Learned>,
}

#[derive(Debug)]
struct Neighbor {
    settings: NeighborSettings,
    /// Torrents it has not been asked about, or in vain.
    fresh: VecDeque<InfoHash>,
    /// Torrents it was asked about, and when it shall be again; in order.
    due: VecDeque<(Now, InfoHash)>,
    /// All of these.
    known: HashSet<InfoHash>,
    /// Not to be asked before.
    not_before: Now,
    failures: u32,
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
                None => Neighbor::new(settings.clone(), self.learned_about()),
            };
            neighbor.settings = settings.clone();
            self.neighbors.push(neighbor);
        }
    }

    /// Torrents that a new neighbor is to be asked about: those that the others are.
    fn learned_about(&self) -> VecDeque<InfoHash> {
        let other = self.neighbors.first();
        other.map_or_else(VecDeque::new, |other| other.known.iter().copied().collect())
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
            if neighbor.known.insert(info_hash) {
                neighbor.fresh.push_back(info_hash);
            }
        }
    }

    /// The next question that is due. `matters` says whether a torrent still does.
    pub fn next_question(&mut self, now: Now, matters: impl Fn(&InfoHash) -> bool) -> Option<Due> {
        for neighbor in &mut self.neighbors {
            while let Some(info_hash) = neighbor.next(now) {
                if matters(&info_hash) {
                    let question = neighbor.ask(info_hash, now);
                    if question.is_some() {
                        return question;
                    }
                } else {
                    neighbor.known.remove(&info_hash);
                    self.learned.remove(&info_hash);
                }
            }
        }
        None
    }

    /// When the next question is due.
    pub fn next_timeout(&self) -> Option<Now> {
        let due = self.neighbors.iter().filter_map(Neighbor::next_timeout);
        due.min()
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
        let place = self
            .neighbors
            .iter()
            .position(|one| &*one.settings.name == name);
        let Some(place) = place else {
            return;
        };
        let neighbor = &mut self.neighbors[place];
        if neighbor.failures > 0 {
            info!("neighbor {name:?} answers again");
            neighbor.failures = 0;
        }
        let now = now.timestamp();
        let mut until = now;
        until.0 = until
            .0
            .saturating_add(neighbor.settings.peers_expiry_interval);
        if !peers.is_empty() {
            let learned = self.learned.entry(info_hash).or_default();
            learned.add(peers, place as u16, until, now, places);
        }
    }

    /// Takes note that a neighbor has not answered.
    pub fn handle_failure(&mut self, name: &str, info_hash: InfoHash, reason: &str, now: Now) {
        let found = self
            .neighbors
            .iter_mut()
            .find(|one| &*one.settings.name == name);
        let Some(neighbor) = found else {
            return;
        };
        if neighbor.failures == 0 {
            warn!("neighbor {name:?} does not answer: {reason}; trying on at least once a minute");
        }
        let pause = (FIRST_PAUSE << neighbor.failures.min(6)).min(LONGEST_PAUSE);
        neighbor.failures = neighbor.failures.saturating_add(1);
        neighbor.not_before = now.plus(pause);
        neighbor.due.retain(|(_, asked)| *asked != info_hash);
        neighbor.fresh.push_back(info_hash);
    }

    /// What was learned of a torrent.
    pub fn learned(&mut self, info_hash: &InfoHash, places: Places<'_>) -> Option<&Learned> {
        let learned = self.learned.get_mut(info_hash)?;
        Some(learned.in_places(places))
    }
}

impl Neighbor {
    fn new(settings: NeighborSettings, fresh: VecDeque<InfoHash>) -> Neighbor {
        Neighbor {
            settings,
            known: fresh.iter().copied().collect(),
            fresh,
            due: VecDeque::new(),
            not_before: Now(0),
            failures: 0,
        }
    }

    fn next_timeout(&self) -> Option<Now> {
        let fresh = self.fresh.front().map(|_| Now(0));
        let next = fresh.or(self.due.front().map(|(due, _)| *due))?;
        Some(next.max(self.not_before))
    }

    fn next(&mut self, now: Now) -> Option<InfoHash> {
        if self.next_timeout()? > now {
            return None;
        }
        let due = |neighbor: &mut Self| neighbor.due.pop_front().map(|(_, info_hash)| info_hash);
        self.fresh.pop_front().or_else(|| due(self))
    }

    fn ask(&mut self, info_hash: InfoHash, now: Now) -> Option<Due> {
        let refresh = u64::from(self.settings.refresh_interval) * 1000;
        // Torrents that came in a crowd part: their next turns are spread over the interval.
        let apart = refresh / (self.known.len() as u64 + 1);
        let last = self.due.back().map_or(Now(0), |(due, _)| due.plus(apart));
        self.due.push_back((now.plus(refresh).max(last), info_hash));
        let pause = 1000 / u64::from(self.settings.max_requests_per_second.max(1));
        self.not_before = now.plus(pause.max(1));
        let url = self
            .settings
            .announce_request
            .replace("{info_hash}", &escaped(&info_hash));
        let question = Question {
            target: Target::parse(url.as_bytes()).ok()?,
            user_agent: None,
            request: UpstreamRequest::Announce {
                info_hash,
                peer_id: PeerId(*b"-BT3000-neighborpoll"),
                downloaded: 0,
                left: 1,
                uploaded: 0,
                event: Event::None,
                ip: None,
                key: 0,
                numwant: None,
                port: 0,
            },
        };
        Some(Due {
            name: self.settings.name.clone(),
            info_hash,
            question,
            policy: self.settings.policy.clone(),
        })
    }
}

fn escaped(info_hash: &InfoHash) -> String {
    info_hash.0.iter().fold(String::new(), |mut escaped, byte| {
        // Writing to a string cannot fail.
        let _ = write!(escaped, "%{byte:02X}");
        escaped
    })
}
