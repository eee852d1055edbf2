//! What the tracker decides: who is entered where, who is told what, and when old things go.
//!
//! No sockets and no clock: requests and the present come in, replies and jobs come out. A test
//! is a list of such calls.

mod answer;
mod census;
mod external;
mod figures;
mod forwarded;
mod learned;
mod neighbors;
mod persistence;
mod settings;
mod upstreams;

pub use census::FullScrape;
pub use external::{ForwardSettings, Mode, TrackerRule};
pub use figures::{DatabaseFigures, Figures, UpstreamFigures};
pub use neighbors::NeighborSettings;
pub use settings::Settings;
pub use upstreams::UpstreamLimits;

use crate::bittorrent::{Announce, AnnounceReply, Counts, Event, Failure, InfoHash, UpstreamReply};
use crate::job::{FetchError, Job, Outcome, StoreJob, StoreOutcome, Ticket};
use crate::swarm::{
    Arrival, Family, GroupId, GroupNames, HashKeys, Liveness, OTHER, PeerGroups, Selection, Swarm,
    Swarms,
};
use crate::time::Now;
use answer::{Chooser, Client, Sources};
use census::Census;
use external::{External, ListKey, WaitId};
use learned::Places;
use log::info;
use neighbors::Neighbors;
use persistence::Persistence;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use upstreams::Upstreams;

/// Swarms and peers that one piece of the sweep looks at: well below a millisecond, even where
/// each of them has to be fetched from memory and found a group for.
const SWEEP_PIECE: usize = 2_000;
/// How long a pass of the sweep may take, in milliseconds. Expired peers are not handed out
/// either way; until they are swept they are counted and hold their memory.
const SLOWEST_SWEEP: u64 = 60_000;

/// How often the log gets a line of figures, in milliseconds.
const MINUTE: u64 = 60_000;

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
    census: Census,
    neighbors: Neighbors,
    external: External,
    upstreams: Upstreams<Purpose>,
    random: fastrand::Rng,
    figures: Figures,
    /// As they were in the last line of the log.
    logged: Figures,
    next_line: Now,
    next_sweep: Now,
    /// `None` without a database.
    persistence: Option<Persistence>,
    jobs: Vec<Job>,
    /// Answers that are written already, for those who wait.
    deliveries: VecDeque<(Ticket, Arc<[u8]>)>,
    // Memory that is used again with each announce.
    selection: Selection,
    reply: AnnounceReply,
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
            census: Census::default(),
            neighbors,
            external: External::default(),
            random,
            figures: Figures::default(),
            logged: Figures::default(),
            next_line: now.plus(MINUTE),
            next_sweep: now,
            jobs: Vec::new(),
            deliveries: VecDeque::new(),
            selection: Selection::default(),
            reply: AnnounceReply::default(),
        }
    }

    /// Takes an announce from a client at `ip` and says what to answer.
    pub fn handle_announce(&mut self, announce: &Announce, ip: IpAddr, now: Now) -> &AnnounceReply {
        self.figures.announces += 1;
        answer::clear(&mut self.reply);
        let is_neighbor = self.neighbors.is_neighbor(ip);
        let group = if is_neighbor {
            Some(self.groups.find(ip))
        } else {
            self.register(announce, ip, false, now)
        };
        match group {
            Some(group) => {
                let client = Client {
                    announce,
                    ip,
                    group,
                    is_neighbor,
                };
                self.choose_peers(client, None, now);
            }
            None => self.reply.counts = self.counts(&announce.info_hash),
        }
        self.set_times(ip, false);
        &self.reply
    }

    /// Enters a client into its swarm and returns its group; one that stops is removed.
    fn register(
        &mut self,
        announce: &Announce,
        ip: IpAddr,
        forwarded: bool,
        now: Now,
    ) -> Option<GroupId> {
        let group = match ip {
            IpAddr::V4(ip) => self.register_in(announce, ip, forwarded, now),
            IpAddr::V6(ip) => self.register_in(announce, ip, forwarded, now),
        };
        if group.is_some_and(|group| group != OTHER) {
            self.neighbors.note(announce.info_hash);
        }
        group
    }

    fn register_in<A: Family>(
        &mut self,
        announce: &Announce,
        ip: A,
        forwarded: bool,
        now: Now,
    ) -> Option<GroupId> {
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
        Some(self.swarms.announce(info_hash, &arrival, groups, liveness))
    }

    /// Fills the reply with counts and peers: the swarm's own, those that neighbors have told of,
    /// and for a client of an external tracker those of its `list`. A neighbor gets the first only.
    fn choose_peers(&mut self, client: Client<'_>, list: Option<&ListKey>, now: Now) {
        let info_hash = &client.announce.info_hash;
        let places = Places {
            groups: &self.groups,
            version: self.groups_version,
            rules: self.swarms.rules(),
            keys: self.swarms.keys(),
        };
        let neighbors = (!client.is_neighbor)
            .then(|| self.neighbors.learned(info_hash, places))
            .flatten();
        let list = list.and_then(|key| self.external.known_list(key));
        let sources = Sources {
            swarm: self.swarms.get(info_hash),
            neighbors,
            external: list.map(|list| list.learned.in_places(places)),
        };
        let mut chooser = Chooser {
            settings: &self.settings,
            groups: &self.groups,
            keys: self.swarms.keys(),
            selection: &mut self.selection,
            random: &mut self.random,
            now: now.timestamp(),
        };
        chooser.choose_all(client, sources, &mut self.reply);
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
    pub fn handle_scrape(&mut self, mut hashes: Vec<InfoHash>) -> Vec<(InfoHash, Counts)> {
        self.figures.scrapes += 1;
        hashes.sort_unstable();
        hashes.dedup();
        let counts = |hash: InfoHash| (hash, self.counts(&hash));
        hashes.into_iter().map(counts).collect()
    }

    /// Promises the counts of all swarms, unless they are not offered (`None`) or there already.
    pub fn handle_full_scrape(&mut self, ticket: Ticket, now: Now) -> Option<FullScrape> {
        self.settings
            .full_scrape
            .then(|| self.census.ask(ticket, self.swarms.len(), now))
    }

    /// Takes what a worker has done.
    pub fn handle_outcome(&mut self, outcome: Outcome, now: Now) {
        match outcome {
            Outcome::FullScrape(body) => {
                let waiting = self.census.finish(body.clone(), now);
                let deliveries = waiting.into_iter().map(|ticket| (ticket, body.clone()));
                self.deliveries.extend(deliveries);
            }
            Outcome::Fetched {
                id,
                result,
                took_ms,
            } => {
                self.count_fetched(&result, took_ms);
                if let Some(purpose) = self.upstreams.finish(id, result.is_ok(), now) {
                    self.take_fetched(purpose, result, now);
                }
            }
        }
    }

    /// The next answer for somebody who was told to wait.
    pub fn next_answer(&mut self, now: Now) -> Option<(Ticket, Answer<'_>)> {
        if let Some((ticket, body)) = self.deliveries.pop_front() {
            return Some((ticket, Answer::Written(body)));
        }
        self.external.end_waiting(now);
        let ready = self.external.next_ready()?;
        Some((ready.waiting.ticket, self.answer_waiting(ready, now)))
    }

    /// Puts new settings and groups into force. Peers keep their groups at first, by name, and
    /// are put into the new ones bit by bit.
    pub fn handle_reload(&mut self, settings: Settings, groups: PeerGroups) {
        self.swarms.set_rules(settings.rules.clone());
        self.upstreams.set_limits(settings.upstream_limits);
        self.neighbors.set(&settings.neighbors);
        self.settings = settings;
        self.next_groups = Some(groups);
        self.take_next_groups();
    }

    fn take_next_groups(&mut self) {
        if !self.swarms.is_regrouping()
            && let Some(groups) = self.next_groups.take()
        {
            self.groups = groups;
            self.groups_version = self.groups_version.wrapping_add(1);
            self.swarms.regroup();
        }
    }

    /// When [`Tracker::handle_timeout`] wants to be called at the latest.
    pub fn next_timeout(&self) -> Now {
        if self.swarms.is_regrouping() || self.census.is_counting() {
            return Now(0);
        }
        let persistence = self.persistence.as_ref();
        let due = [
            persistence.and_then(Persistence::next_timeout),
            self.external.next_timeout(),
            self.neighbors.next_timeout(),
        ];
        let at_the_latest = self.next_sweep.min(self.next_line);
        due.into_iter().flatten().fold(at_the_latest, Now::min)
    }

    /// Does a piece of what has to be done from time to time.
    pub fn handle_timeout(&mut self, now: Now) {
        if let Some(files) = self.census.count(&self.swarms, SWEEP_PIECE) {
            self.jobs.push(Job::WriteFullScrape {
                files,
                min_request_interval: self.settings.interval,
            });
        }
        let liveness = self.liveness(now);
        if let Some(persistence) = &mut self.persistence {
            persistence.proceed(&mut self.swarms, &self.groups, liveness, now);
        }
        self.ask_neighbors(now);
        self.log_figures(now);
        if now < self.next_sweep && !self.swarms.is_regrouping() {
            return;
        }
        let lifetime = self.settings.forward.peers_expiry_interval;
        self.external.expire(now.timestamp(), lifetime);
        self.swarms.sweep(SWEEP_PIECE, &self.groups, liveness);
        self.take_next_groups();
        let expiry = u64::from(self.settings.rules.peer_expiry_interval);
        let pass = (expiry * 1000 / 8).min(SLOWEST_SWEEP);
        let looked_at = self.swarms.len() + self.swarms.totals().peers();
        let pieces = looked_at / SWEEP_PIECE + 1;
        self.next_sweep = now.plus((pass / pieces as u64).max(1));
    }

    fn log_figures(&mut self, now: Now) {
        if now < self.next_line {
            return;
        }
        self.next_line = now.plus(MINUTE);
        let peers = self.swarms.totals().peers();
        let news = self.figures.since(&self.logged).to_string();
        info!(
            "{peers} peers in {} swarms; last minute {news}",
            self.swarms.len()
        );
        self.logged = self.figures.clone();
    }

    fn count_fetched(&mut self, result: &Result<UpstreamReply, FetchError>, took_ms: u64) {
        let upstream = &mut self.figures.upstream;
        upstream.took_ms += took_ms;
        match result {
            Ok(reply) => {
                upstream.answered += 1;
                upstream.refused += u64::from(reply.failure.is_some());
            }
            Err(error) => *upstream.failed.entry(error.name()).or_default() += 1,
        }
    }

    /// Takes out a job for the workers.
    pub fn next_job(&mut self, now: Now) -> Option<Job> {
        if let Some(job) = self.jobs.pop() {
            return Some(job);
        }
        let mut late = Vec::new();
        let job = self.upstreams.next_job(now, &mut late);
        for purpose in late {
            self.give_up(purpose, "no worker was free in time", now);
        }
        job
    }

    /// Ends all waiting: everybody gets what there is.
    pub fn end_waiting(&mut self) {
        self.external.end_all_waiting();
    }

    /// Takes a job back that could not be handed out.
    pub fn return_job(&mut self, job: Job) {
        self.jobs.push(job);
    }

    /// Takes out a job for the database's worker.
    pub fn next_store_job(&mut self) -> Option<StoreJob> {
        self.persistence.as_mut()?.next_job()
    }

    /// Takes a job back that could not be handed out.
    pub fn return_store_job(&mut self, job: StoreJob) {
        if let Some(persistence) = &mut self.persistence {
            persistence.return_job(job);
        }
    }

    /// Takes what the database's worker has done.
    pub fn handle_store_outcome(&mut self, outcome: StoreOutcome) {
        let figures = &mut self.figures.database;
        match &outcome {
            StoreOutcome::Written {
                peers,
                swarms,
                refused,
            } => {
                figures.written += (peers + swarms) as u64;
                figures.refused += *refused as u64;
            }
            StoreOutcome::DatabaseDown(_) => figures.is_down = true,
            StoreOutcome::DatabaseUp => figures.is_down = false,
            StoreOutcome::Peers(_) | StoreOutcome::Swarms(_) => {}
        }
        if let Some(persistence) = &mut self.persistence {
            persistence.handle_outcome(outcome);
        }
    }

    /// Has the database get all that it has not got yet.
    pub fn stop(&mut self) {
        if let Some(persistence) = &mut self.persistence {
            persistence.stop();
        }
    }

    /// Whether the database has everything, after [`Tracker::stop`].
    pub fn is_stopped(&self) -> bool {
        let persistence = self.persistence.as_ref();
        persistence.is_none_or(Persistence::is_stopped)
    }

    /// The numbers of the group names, which the next [`PeerGroups`] must keep: also those of the
    /// groups in force while others wait, as the next ones may take the place of these.
    pub fn group_names(&self) -> GroupNames {
        let mut names = self.groups.names();
        names.extend(self.next_groups.iter().flat_map(PeerGroups::names));
        names
    }

    /// Whether an address is in one of the configured groups.
    pub fn is_member(&self, ip: IpAddr) -> bool {
        self.groups.find(ip) != OTHER
    }

    /// The settings in force.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What has been done since the start.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// The swarms, for whoever wants figures.
    pub fn swarms(&self) -> &Swarms {
        &self.swarms
    }

    fn liveness(&self, now: Now) -> Liveness {
        Liveness {
            now: now.timestamp(),
            expiry: self.settings.rules.peer_expiry_interval,
        }
    }
}
