//! Clients of external trackers: whom to answer at once, whom to let wait, and what external
//! trackers have said.
//!
//! What one tracker said is given to clients of the same tracker and account only: a [`ListKey`]
//! holds its announce URL with everything that clients do not send by themselves.

use super::invariants::FEW;
use super::learned::{Learned, Places};
use crate::bittorrent::{Announce, Counts, InfoHash, PeerId, Refusal, UpstreamReply};
use crate::job::{FetchPolicy, Ticket};
use crate::time::{Now, Timestamp};
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

/// Lists of external trackers that are remembered.
const MAX_LISTS: usize = 100_000;
/// Peers on all of these together, at some 40 bytes each: whoever brings trackers of his own along
/// must not fill the memory with what they say.
const MAX_PEERS: usize = 1_000_000;
/// Clients of one torrent and tracker whose announces were passed on and whose `stopped` will be.
const MAX_PASSED_ON: usize = 64;
/// What a tracker refused is not asked again for so long, in seconds, unless it says otherwise.
const REFUSAL: u32 = 60;
/// A tracker may say otherwise up to here.
const LONGEST_REFUSAL: u32 = 3_600;
/// Whoever wants to be left alone is passed over where a list has to be forgotten: so many at most,
/// as looking takes time.
const PASSED_OVER: usize = 16;

/// What the operator says of external trackers. Times are in seconds.
#[derive(Clone, Debug)]
pub struct ForwardSettings {
    /// A list is asked for again after this time.
    pub refresh_interval: u32,
    /// How long a peer of a list lives.
    pub peers_expiry_interval: u32,
    /// How long a client waits.
    pub timeout: u32,
    /// What is different for single trackers; the first that matches counts.
    pub rules: Vec<TrackerRule>,
    /// What may be contacted.
    pub policy: Arc<FetchPolicy>,
}

/// How a tracker is treated.
#[derive(Clone, Debug)]
pub struct TrackerRule {
    /// A host name in small letters; `*.example.org` is every name below that, `*` every host.
    pub host: String,
    /// When it is asked.
    pub mode: Mode,
    /// Whether its clients join the common swarms.
    pub share: bool,
}

/// When an external tracker is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// With every announce.
    Always,
    /// When the own peers are not enough.
    IfNeeded,
    /// Never.
    Never,
}

impl Default for ForwardSettings {
    /// The defaults of the configuration file.
    fn default() -> Self {
        ForwardSettings {
            refresh_interval: 1800,
            peers_expiry_interval: 3600,
            timeout: 4,
            rules: Vec::new(),
            policy: Arc::new(FetchPolicy {
                allow_networks: Vec::new(),
                ports: vec![80..=80, 443..=443, 1024..=u16::MAX],
                own_addresses: Vec::new(),
                trusted: false,
                via: "btrt".to_owned(),
            }),
        }
    }
}

impl ForwardSettings {
    /// How a host is treated.
    pub fn rule(&self, host: &str) -> (Mode, bool) {
        // A name with the root's dot behind it is the same name.
        let host = host.strip_suffix('.').unwrap_or(host);
        let matches = |rule: &&TrackerRule| match rule.host.strip_prefix('*') {
            Some(suffix) => host.ends_with(suffix),
            None => host == rule.host,
        };
        let rule = self.rules.iter().find(matches);
        rule.map_or((Mode::IfNeeded, true), |rule| (rule.mode, rule.share))
    }
}

/// Which list: of a tracker (see [`Forwarded`](crate::bittorrent::Forwarded)) and a torrent.
pub(super) type ListKey = (Arc<[u8]>, InfoHash);

/// What an external tracker said of a torrent.
#[derive(Debug, Default)]
pub(super) struct List {
    pub learned: Learned,
    /// When it said so, and to what kind of client.
    fetched: Option<(Timestamp, Asked)>,
    pub counts: Counts,
    pub warning: Option<Arc<str>>,
    refused: Option<(Arc<str>, Timestamp)>,
    /// It is being asked, for a client of this kind.
    pub fetching: Option<Asked>,
    /// Who waits for it.
    pub waiting: Vec<WaitId>,
    passed_on: VecDeque<PeerId>,
}

/// What makes a tracker's answer to one client useful for another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// Seeders may have been told of leechers only.
    pub seeder: bool,
    /// It wanted few peers, or none.
    pub few: bool,
}

impl Asked {
    /// Whether an answer to a client of this kind has all that another needs.
    fn serves(self, other: Asked) -> bool {
        (!self.seeder || other.seeder) && (!self.few || other.few)
    }
}

impl List {
    /// Whether the tracker need not be asked again for such a client.
    pub fn is_fresh(&self, now: Timestamp, refresh_interval: u32, asked: Asked) -> bool {
        let serves = self.fetched.is_some_and(|(_, before)| before.serves(asked));
        serves && self.is_recent(now, refresh_interval)
    }

    /// Whether the tracker has answered anybody lately.
    pub fn is_recent(&self, now: Timestamp, refresh_interval: u32) -> bool {
        self.fetched
            .is_some_and(|(fetched, _)| now.since(fetched) < refresh_interval)
    }

    /// Why the tracker refuses, as long as it is not asked again.
    pub fn refusal(&self, now: Timestamp) -> Option<&Arc<str>> {
        let refused = self.refused.as_ref().filter(|(_, until)| now < *until);
        refused.map(|(reason, _)| reason)
    }

    /// Remembers that the tracker has seen this client.
    pub fn pass_on(&mut self, client: PeerId) {
        if !self.passed_on.contains(&client) {
            self.passed_on.truncate(MAX_PASSED_ON - 1);
            self.passed_on.push_front(client);
        }
    }

    pub fn was_passed_on(&self, client: &PeerId) -> bool {
        self.passed_on.contains(client)
    }

    fn take(
        &mut self,
        reply: &UpstreamReply,
        peers_expiry_interval: u32,
        now: Timestamp,
        places: Places<'_>,
    ) {
        self.warning = reply.warning.as_deref().map(Arc::from);
        if let Some(Refusal { reason, retry_in }) = &reply.failure {
            let pause = retry_in.unwrap_or(0).clamp(REFUSAL, LONGEST_REFUSAL);
            let until = Timestamp(now.0.saturating_add(pause));
            self.refused = Some((reason.as_str().into(), until));
            return;
        }
        self.refused = None;
        self.fetched = Some((now, self.fetching.unwrap_or_default()));
        self.counts = Counts {
            seeders: reply.seeders.unwrap_or(0),
            leechers: reply.leechers.unwrap_or(0),
            completions: reply.completions.unwrap_or(0),
        };
        let until = Timestamp(now.0.saturating_add(peers_expiry_interval));
        self.learned.add(&reply.peers, 0, until, now, places);
    }
}

/// Which waiting: a connection has the same ticket each time that it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct WaitId(u64);

/// A client that waits for an external tracker.
#[derive(Debug)]
pub(super) struct Waiting {
    pub ticket: Ticket,
    pub ip: IpAddr,
    pub since: Now,
    pub wants: Waits,
}

#[derive(Debug)]
pub(super) enum Waits {
    /// For a list, with its own peers beside it.
    List {
        key: ListKey,
        announce: Announce,
        /// The tracker's own times are told, as it sees every announce.
        own_times: bool,
    },
    /// For what the tracker says, and nothing else.
    Tracker(Announce),
    /// For figures, with our own beside them if they may be shared.
    Counts(Vec<InfoHash>, bool),
}

/// An answer that is ready to be made.
#[derive(Debug)]
pub(super) struct Ready {
    pub waiting: Waiting,
    /// What the tracker said; `None` if it did not answer in time.
    pub reply: Option<UpstreamReply>,
}

/// What is known of external trackers, and who waits for them.
#[derive(Debug, Default)]
pub(super) struct External {
    lists: HashMap<ListKey, List>,
    /// On all lists.
    peers: usize,
    /// Lists by age; a list that is in use gets another turn.
    by_age: VecDeque<(Timestamp, ListKey)>,
    waiting: HashMap<WaitId, Waiting>,
    last_id: u64,
    /// Those of finished waitings stay until their time.
    deadlines: BTreeSet<(Now, WaitId)>,
    ready: VecDeque<Ready>,
}

impl External {
    /// The list of a tracker, new if it is not known.
    pub fn list(&mut self, key: &ListKey, now: Timestamp) -> &mut List {
        if !self.lists.contains_key(key) {
            if self.lists.len() >= MAX_LISTS {
                self.forget_oldest(now);
            }
            self.by_age.push_back((now, key.clone()));
        }
        self.lists.entry(key.clone()).or_default()
    }

    /// The list of a tracker, as it is.
    pub fn look_at_list(&self, key: &ListKey) -> Option<&List> {
        self.lists.get(key)
    }

    pub fn known_list(&mut self, key: &ListKey) -> Option<&mut List> {
        self.lists.get_mut(key)
    }

    /// Takes over what a tracker has said; the oldest lists make room for it.
    pub fn take(
        &mut self,
        key: &ListKey,
        reply: &UpstreamReply,
        peers_expiry_interval: u32,
        now: Timestamp,
        places: Places<'_>,
    ) {
        let list = self.list(key, now);
        let before = list.learned.len();
        list.take(reply, peers_expiry_interval, now, places);
        let after = list.learned.len();
        self.peers = self.peers - before + after;
        while self.peers > MAX_PEERS && self.forget_oldest(now) {}
    }

    fn forget(&mut self, key: &ListKey) {
        if let Some(list) = self.lists.remove(key) {
            self.peers -= list.learned.len();
        }
    }

    /// Forgets the oldest list for which nobody waits, if there is one. Refusals have another turn.
    fn forget_oldest(&mut self, now: Timestamp) -> bool {
        let mut passed_over = 0;
        for _ in 0..self.by_age.len() {
            let Some((made, key)) = self.by_age.pop_front() else {
                break;
            };
            match self.lists.get(&key) {
                Some(list) if list.fetching.is_some() => self.by_age.push_back((made, key)),
                Some(list) if passed_over < PASSED_OVER && list.refusal(now).is_some() => {
                    passed_over += 1;
                    self.by_age.push_back((made, key));
                }
                Some(_) => {
                    self.forget(&key);
                    return true;
                }
                None => {}
            }
        }
        false
    }

    /// Forgets lists whose peers are all gone and whose refusals are over, a few at a time.
    pub fn expire(&mut self, now: Timestamp, peers_expiry_interval: u32) {
        for _ in 0..100 {
            let is_old = |made: Timestamp| now.since(made) > peers_expiry_interval.max(REFUSAL);
            let Some((_, key)) = self.by_age.pop_front_if(|(made, _)| is_old(*made)) else {
                return;
            };
            let is_in_use = self.lists.get(&key).map(|list| {
                list.fetching.is_some()
                    || list.refusal(now).is_some()
                    || list.fetched.is_some_and(|(fetched, _)| !is_old(fetched))
            });
            match is_in_use {
                Some(true) => self.by_age.push_back((now, key)),
                Some(false) => self.forget(&key),
                None => {}
            }
        }
    }

    /// A name for the next waiting.
    pub fn next_id(&mut self) -> WaitId {
        self.last_id += 1;
        WaitId(self.last_id)
    }

    /// Lets a client wait.
    pub fn wait(&mut self, id: WaitId, waiting: Waiting, deadline: Now) {
        self.waiting.insert(id, waiting);
        self.deadlines.insert((deadline, id));
    }

    /// Ends a waiting, if it has not ended.
    pub fn finish(&mut self, id: WaitId, reply: Option<UpstreamReply>) {
        if let Some(waiting) = self.waiting.remove(&id) {
            self.ready.push_back(Ready { waiting, reply });
        }
    }

    /// Ends the waiting of those who have waited long enough.
    pub fn end_waiting(&mut self, now: Now) {
        while self.deadlines.first().is_some_and(|(due, _)| *due <= now)
            && let Some((_, id)) = self.deadlines.pop_first()
        {
            self.finish(id, None);
        }
    }

    /// Ends all waiting.
    pub fn end_all_waiting(&mut self) {
        for (_, id) in std::mem::take(&mut self.deadlines) {
            self.finish(id, None);
        }
    }

    pub fn next_ready(&mut self) -> Option<Ready> {
        self.ready.pop_front()
    }

    /// Panics if somebody waits without a deadline, or for a list that nobody is asked for.
    pub fn check_invariants(&self) {
        if self.lists.len() + self.deadlines.len() > FEW {
            return;
        }
        assert_eq!(self.lists.len(), self.by_age.len(), "each list has one age");
        let peers: usize = self.lists.values().map(|list| list.learned.len()).sum();
        assert_eq!(peers, self.peers, "the sum is wrong");
        assert!(self.waiting.len() <= self.deadlines.len());
        let deadlines: HashSet<_> = self.deadlines.iter().map(|(_, id)| id).collect();
        assert!(self.waiting.keys().all(|id| deadlines.contains(id)));
        let is_asked_for = |list: &List| list.waiting.is_empty() || list.fetching.is_some();
        assert!(self.lists.values().all(is_asked_for));
    }

    pub fn next_timeout(&self) -> Option<Now> {
        if !self.ready.is_empty() {
            return Some(Now(0));
        }
        self.deadlines.first().map(|(due, _)| *due)
    }
}

#[cfg(test)]
mod tests;
