//! What the tracker decides: who is entered where, who is told what, and when old things go.
//!
//! No sockets and no clock: requests and the present come in, replies and jobs come out. A test
//! is a list of such calls.

mod answer;
mod answer_times;
mod census;
mod explain;
mod external;
mod figures;
mod forwarded;
mod handed_out;
mod history;
mod hosts;
mod invariants;
mod learned;
mod neighbors;
mod overview;
mod persistence;
mod relayed;
mod settings;
mod upkeep;
mod upstreams;

pub use answer_times::{AnswerTimes, Histogram};
pub use explain::{
    Explanation, ExternalTracker, GroupLabel, Inquiry, Origin, PeerReport, SwarmReport,
};
pub use external::{ForwardSettings, Mode, TrackerRule};
pub use figures::{DatabaseFigures, Figures, NeighborFigures, UpstreamFigures};
pub use handed_out::HandedOut;
pub use history::{History, Sample};
pub use hosts::HostFigures;
pub use neighbors::NeighborSettings;
pub use overview::ExternalHost;
pub use settings::Settings;
pub use upstreams::UpstreamLimits;

use crate::bittorrent::{Announce, AnnounceReply, Counts, Event, Failure, InfoHash};
use crate::job::{HashList, Job, Outcome, Ticket};
use crate::swarm::{
    Arrival, Family, GroupId, HashKeys, Liveness, OTHER, PeerGroups, Selection, Swarm, Swarms,
};
use crate::time::Now;
use answer::{Chooser, Client, Sources};
use answer_times::Turn;
use census::Census;
use external::{External, ListKey, WaitId};
use hosts::Hosts;
use learned::Places;
use neighbors::Neighbors;
use persistence::Persistence;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use upstreams::Upstreams;

/// How long a scrape of everything is given out at least, in milliseconds.
const FRESH_SCRAPE: u64 = 60_000;

/// The tracker.
#[derive(Debug)]
pub struct Tracker {
    settings: Settings,
    groups: PeerGroups,
    /// Counts the versions of `groups`.
    groups_version: u32,
    /// Groups that wait until all peers have been put into the present ones.
    next_groups: Option<PeerGroups>,
    swarms: Swarms,
    full_scrape: Census<(InfoHash, Counts), Arc<[u8]>>,
    hash_list: Census<InfoHash, HashList>,
    neighbors: Neighbors,
    external: External,
    upstreams: Upstreams<Purpose>,
    random: fastrand::Rng,
    /// Swarms below this place have still to be shown to the neighbors.
    to_be_noted: usize,
    figures: Figures,
    /// What has been answered in this turn of the loop.
    turn: Turn,
    history: History,
    /// External trackers by name.
    hosts: Hosts,
    /// As they were in the last line of the log.
    logged: Figures,
    next_line: Now,
    next_sweep: Now,
    /// `None` without a database.
    persistence: Option<Persistence>,
    jobs: Vec<Job>,
    /// Answers that are written already, for those who wait.
    deliveries: VecDeque<(Ticket, Answer<'static>)>,
    // Memory that is used again with each announce.
    selection: Selection,
    reply: AnnounceReply,
}

/// Where a client has been entered.
#[derive(Clone, Copy, Debug)]
struct Entered {
    /// Its peer group.
    group: GroupId,
    /// The place of its swarm, until the next change.
    swarm: Option<usize>,
}

/// What a fetch is for.
#[derive(Clone, Debug)]
enum Purpose {
    /// A list for all who wait for it.
    List(ListKey),
    /// The announce of one client, which brings a list as well.
    Announce(ListKey, WaitId),
    /// Something that only one client gets.
    Client(WaitId),
    /// An announce that nobody waits for.
    PassedOn,
    /// A neighbor's peers.
    Neighbor(Arc<str>, InfoHash),
}

impl Purpose {
    fn is_neighbor(&self) -> bool {
        matches!(self, Purpose::Neighbor(..))
    }
}

/// What somebody is told.
#[derive(Debug)]
pub enum Answer<'a> {
    /// To an announce. The second is whether the client wants its peers compact.
    Announce(&'a AnnounceReply, bool),
    /// To a scrape.
    Scrape(Vec<(InfoHash, Counts)>),
    /// That it is refused.
    Failure(Failure),
    /// Something that is written already.
    Written(Arc<[u8]>),
    /// The hash list.
    HashList(HashList),
}

impl Tracker {
    /// A tracker without swarms. `seed` decides all that is random.
    pub fn new(settings: Settings, groups: PeerGroups, seed: u64, now: Now) -> Tracker {
        let mut random = fastrand::Rng::with_seed(seed);
        let keys = HashKeys(random.u64(..), random.u64(..));
        let mut swarms = Swarms::new(keys, settings.rules.clone());
        let flush_interval = settings.flush_interval;
        let persistence = flush_interval.map(|seconds| Persistence::new(seconds, &mut swarms, now));
        let mut neighbors = Neighbors::default();
        neighbors.set(&settings.neighbors);
        Tracker {
            swarms,
            persistence,
            upstreams: Upstreams::new(settings.upstream_limits),
            settings,
            groups,
            groups_version: 0,
            next_groups: None,
            full_scrape: Census::default(),
            hash_list: Census::default(),
            neighbors,
            external: External::default(),
            random,
            to_be_noted: 0,
            figures: Figures::default(),
            turn: Turn::default(),
            history: History::new(now),
            hosts: Hosts::default(),
            logged: Figures::default(),
            next_line: now.plus(upkeep::MINUTE),
            next_sweep: now,
            jobs: Vec::new(),
            deliveries: VecDeque::new(),
            selection: Selection::default(),
            reply: AnnounceReply::default(),
        }
    }

    /// Gets ready for announces of these torrents from these addresses, which saves each of them
    /// some waiting for memory. It does no harm if they do not come.
    pub fn foresee(&self, coming: &[(InfoHash, IpAddr)]) {
        self.swarms.foresee(coming);
    }

    /// Takes an announce from a client at `ip` and says what to answer.
    pub fn handle_announce(&mut self, announce: &Announce, ip: IpAddr, now: Now) -> &AnnounceReply {
        self.figures.announces += 1;
        self.turn.announces += 1;
        answer::clear(&mut self.reply);
        let is_neighbor = self.neighbors.is_neighbor(ip);
        let entered = if is_neighbor {
            (announce.event != Event::Stopped).then(|| Entered {
                group: self.groups.find(ip),
                swarm: self.swarms.place(&announce.info_hash),
            })
        } else {
            self.register(announce, ip, false, now)
        };
        match entered {
            Some(Entered { group, swarm }) => {
                let client = Client {
                    announce,
                    ip,
                    group,
                    is_neighbor,
                };
                self.choose_peers(client, swarm, None, now);
            }
            None => self.reply.counts = self.counts(&announce.info_hash),
        }
        self.set_times(ip, false);
        self.check_invariants();
        &self.reply
    }

    /// Enters a client into its swarm; one that stops is removed.
    fn register(
        &mut self,
        announce: &Announce,
        ip: IpAddr,
        forwarded: bool,
        now: Now,
    ) -> Option<Entered> {
        let entered = match ip {
            IpAddr::V4(ip) => self.register_in(announce, ip, forwarded, now),
            IpAddr::V6(ip) => self.register_in(announce, ip, forwarded, now),
        };
        if entered.is_some_and(|entered| entered.group != OTHER) {
            self.neighbors.note(announce.info_hash);
        }
        entered
    }

    fn register_in<A: Family>(
        &mut self,
        announce: &Announce,
        ip: A,
        forwarded: bool,
        now: Now,
    ) -> Option<Entered> {
        let port = announce.port.unwrap_or(0);
        if announce.event == Event::Stopped {
            self.swarms.leave(&announce.info_hash, ip, port);
            return None;
        }
        let arrival = Arrival {
            ip,
            port,
            id: announce.peer_id,
            seeder: announce.seeder,
            completed: announce.event == Event::Completed,
            forwarded,
        };
        let liveness = self.liveness(now);
        let (info_hash, groups) = (&announce.info_hash, &self.groups);
        let (group, swarm) = self.swarms.announce(info_hash, &arrival, groups, liveness);
        Some(Entered { group, swarm })
    }

    /// Fills the reply with counts and peers.
    fn choose_peers(
        &mut self,
        client: Client<'_>,
        swarm: Option<usize>,
        list: Option<&ListKey>,
        now: Now,
    ) {
        let (mut chooser, sources, reply) = self.choice(client, swarm, list, now);
        chooser.choose_all(client, sources, reply);
    }

    /// What to choose from and by what, and the reply to fill. Peers are those of the `swarm` at this
    /// place, those that neighbors have told of, and for a client of an external tracker those of
    /// its `list`. A neighbor gets the first only.
    fn choice(
        &mut self,
        client: Client<'_>,
        swarm: Option<usize>,
        list: Option<&ListKey>,
        now: Now,
    ) -> (Chooser<'_>, Sources<'_>, &mut AnnounceReply) {
        let info_hash = &client.announce.info_hash;
        let places = Places::new(&self.groups, self.groups_version, &self.swarms);
        let neighbors = (!client.is_neighbor)
            .then(|| self.neighbors.learned(info_hash, places))
            .flatten();
        let list = list.and_then(|key| self.external.known_list(key));
        let sources = Sources {
            swarm: swarm.map(|place| self.swarms.at(place)),
            neighbors,
            external: list.map(|list| list.learned.in_places(places)),
        };
        let chooser = Chooser {
            settings: &self.settings,
            groups: &self.groups,
            keys: self.swarms.keys(),
            selection: &mut self.selection,
            random: &mut self.random,
            handed_out: Some(&mut self.figures.handed_out),
            now: now.timestamp(),
        };
        (chooser, sources, &mut self.reply)
    }

    /// Says when the client shall come again: soon if it was not told all.
    fn set_times(&mut self, ip: IpAddr, soon: bool) {
        let interval = if soon {
            self.settings.interval.min(answer::SOON)
        } else {
            self.settings.interval
        };
        let spread = interval / 10;
        let earliest = interval - spread;
        let reply = &mut self.reply;
        reply.interval = if soon {
            self.random.u32(earliest..=interval)
        } else {
            self.random.u32(earliest..=interval.saturating_add(spread))
        };
        reply.min_interval = self.settings.min_interval.min(reply.interval);
        reply.external_ip = ip;
    }

    fn counts(&self, info_hash: &InfoHash) -> Counts {
        let swarm = self.swarms.get(info_hash);
        swarm.map_or_else(Counts::default, Swarm::counts)
    }

    /// The counts of some swarms, sorted by info hash, each once.
    pub fn handle_scrape(&mut self, hashes: Vec<InfoHash>) -> Vec<(InfoHash, Counts)> {
        self.turn.scrapes += 1;
        self.scrape(hashes)
    }

    fn scrape(&mut self, mut hashes: Vec<InfoHash>) -> Vec<(InfoHash, Counts)> {
        self.figures.scrapes += 1;
        hashes.sort_unstable();
        hashes.dedup();
        let counts = |hash: InfoHash| (hash, self.counts(&hash));
        hashes.into_iter().map(counts).collect()
    }

    /// Promises the counts of all swarms to the ticket; false if they are not offered.
    pub fn handle_full_scrape(&mut self, ticket: Ticket, now: Now) -> bool {
        if self.settings.full_scrape {
            self.figures.full_scrapes += 1;
            let ready = self.full_scrape.ask(ticket, self.swarms.len(), now);
            let answer = ready.map(|body| (ticket, Answer::Written(body)));
            self.deliveries.extend(answer);
        }
        self.settings.full_scrape
    }

    /// Promises the info hashes for which the network itself has peers to the ticket. Peers that
    /// have expired count until they are swept, which is a minute at most.
    pub fn handle_hash_list(&mut self, ticket: Ticket, now: Now) {
        let ready = self.hash_list.ask(ticket, self.swarms.len(), now);
        let answer = ready.map(|list| (ticket, Answer::HashList(list)));
        self.deliveries.extend(answer);
    }

    /// Takes note of a request that was answered with a failure reason.
    pub fn note_refusal(&mut self) {
        self.figures.refused += 1;
    }

    /// Takes note that a turn of the loop took so long: in it, what was asked since the last was
    /// answered.
    pub fn handle_end_of_turn(&mut self, took: Duration) {
        let turn = std::mem::take(&mut self.turn);
        self.figures.answer_times.add(turn, took);
    }

    /// Takes what a worker has done.
    pub fn handle_outcome(&mut self, outcome: Outcome, now: Now) {
        match outcome {
            Outcome::FullScrape(body) => {
                let waiting = self.full_scrape.finish(body.clone(), now, FRESH_SCRAPE);
                let answers = waiting.map(|ticket| (ticket, made(body.clone(), Answer::Written)));
                self.deliveries.extend(answers);
            }
            Outcome::HashList(list) => {
                let waiting = self.hash_list.finish(list.clone(), now, 0);
                let answers = waiting.map(|ticket| (ticket, made(list.clone(), Answer::HashList)));
                self.deliveries.extend(answers);
            }
            Outcome::Fetched {
                id,
                result,
                took_ms,
            } => {
                let is_well = match &result {
                    Ok(_) => Some(true),
                    Err(error) => error.host_is_well(),
                };
                if let Some((host, purpose)) = self.upstreams.finish(id, is_well, now) {
                    self.count_fetched(&host, &purpose, &result, took_ms);
                    self.take_fetched(purpose, result, now);
                }
            }
        }
        self.check_invariants();
    }

    /// The next answer for somebody who was told to wait.
    pub fn next_answer(&mut self, now: Now) -> Option<(Ticket, Answer<'_>)> {
        if let Some(delivery) = self.deliveries.pop_front() {
            return Some(delivery);
        }
        self.external.end_waiting(now);
        self.check_invariants();
        let ready = self.external.next_ready()?;
        let waited = Duration::from_millis(now.0.saturating_sub(ready.waiting.since.0));
        self.figures.answer_times.forwarded.add(1, waited);
        Some((ready.waiting.ticket, self.answer_waiting(ready, now)))
    }

    /// Whether an address is in one of the configured groups.
    pub fn is_member(&self, ip: IpAddr) -> bool {
        self.groups.find(ip) != OTHER
    }

    /// The settings in force.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    fn liveness(&self, now: Now) -> Liveness {
        Liveness {
            now: now.timestamp(),
            expiry: self.settings.rules.peer_expiry_interval,
        }
    }
}

/// What those are told who have waited for something that a worker was to make.
fn made<T>(made: Option<T>, answer: fn(T) -> Answer<'static>) -> Answer<'static> {
    made.map_or(Answer::Failure(Failure::Internal), answer)
}
