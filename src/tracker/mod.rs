//! What the tracker decides: who is entered where, who is told what, and when old things go.
//!
//! No sockets and no clock: requests and the present come in, replies and jobs come out. A test
//! is a list of such calls.

mod census;
mod persistence;
mod settings;

pub use census::FullScrape;
pub use settings::Settings;

use crate::bittorrent::{Announce, AnnounceReply, Counts, Event, InfoHash, PeerList};
use crate::job::{Job, Outcome, StoreJob, StoreOutcome, Ticket};
use crate::swarm::{
    Arrival, Asker, Family, GroupId, GroupNames, HashKeys, Liveness, PeerGroups, Selection, Swarm,
    Swarms, Wanted,
};
use crate::time::Now;
use census::Census;
use persistence::Persistence;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// Swarms and peers that one piece of the sweep looks at: well below a millisecond, even where
/// each of them has to be fetched from memory and found a group for.
const SWEEP_PIECE: usize = 2_000;
/// How long a pass of the sweep may take, in milliseconds. Expired peers are not handed out
/// either way; until they are swept they are counted and hold their memory.
const SLOWEST_SWEEP: u64 = 60_000;

/// The tracker.
#[derive(Debug)]
pub struct Tracker {
    settings: Settings,
    groups: PeerGroups,
    /// Groups that wait until all peers have been put into the present ones.
    next_groups: Option<PeerGroups>,
    swarms: Swarms,
    census: Census,
    random: fastrand::Rng,
    next_sweep: Now,
    /// `None` without a database.
    persistence: Option<Persistence>,
    jobs: Vec<Job>,
    // Memory that is used again with each announce.
    selection: Selection,
    reply: AnnounceReply,
}

/// Answers to those who were told to wait.
#[derive(Debug)]
pub struct Delivery {
    /// Who has waited.
    pub tickets: Vec<Ticket>,
    /// What each of them gets.
    pub body: Arc<[u8]>,
}

impl Tracker {
    /// A tracker without swarms. `seed` decides all that is random.
    pub fn new(settings: Settings, groups: PeerGroups, seed: u64, now: Now) -> Tracker {
        let mut random = fastrand::Rng::with_seed(seed);
        let keys = HashKeys(random.u64(..), random.u64(..));
        let mut swarms = Swarms::new(keys, settings.rules.clone());
        let flush_interval = settings.flush_interval;
        let persistence = flush_interval.map(|seconds| Persistence::new(seconds, &mut swarms, now));
        Tracker {
            swarms,
            persistence,
            settings,
            groups,
            next_groups: None,
            census: Census::default(),
            random,
            next_sweep: now,
            jobs: Vec::new(),
            selection: Selection::default(),
            reply: AnnounceReply::default(),
        }
    }

    /// Takes an announce from a client at `ip` and says what to answer.
    pub fn handle_announce(&mut self, announce: &Announce, ip: IpAddr, now: Now) -> &AnnounceReply {
        let liveness = self.liveness(now);
        match ip {
            IpAddr::V4(ip) => self.announce_from(announce, ip, liveness),
            IpAddr::V6(ip) => self.announce_from(announce, ip, liveness),
        }
        let interval = self.settings.interval;
        let spread = interval / 10;
        let reply = &mut self.reply;
        reply.interval = interval - spread + self.random.u32(0..=spread * 2);
        reply.min_interval = self.settings.min_interval.min(reply.interval);
        reply.external_ip = ip;
        reply
    }

    fn announce_from<A: Family>(&mut self, announce: &Announce, ip: A, liveness: Liveness) {
        let info_hash = &announce.info_hash;
        let port = announce.port.unwrap_or(0);
        self.reply.peers.clear();
        self.reply.peers6.clear();
        if announce.event == Event::Stopped {
            self.swarms.leave(info_hash, ip, port);
            self.reply.counts = self.counts(info_hash);
            return;
        }
        let arrival = Arrival {
            ip,
            port,
            id: announce.peer_id,
            seeder: announce.seeder,
            completed: announce.event == Event::Completed,
        };
        let group = self
            .swarms
            .announce(info_hash, &arrival, &self.groups, liveness);
        self.reply.counts = self.counts(info_hash);
        self.choose_peers(announce, (ip.into(), port), group, liveness);
    }

    /// Fills the reply with peers of both families.
    fn choose_peers(
        &mut self,
        announce: &Announce,
        own: (IpAddr, u16),
        group: GroupId,
        liveness: Liveness,
    ) {
        let Some(swarm) = self.swarms.get(&announce.info_hash) else {
            return;
        };
        let settings = &self.settings;
        let numwant = announce.numwant.unwrap_or(settings.numwant);
        let mut chooser = Chooser {
            groups: &self.groups,
            selection: &mut self.selection,
            random: &mut self.random,
            wanted: Wanted {
                places: numwant.min(settings.max_numwant) as usize,
                enough: settings.enough_peers as usize,
                outside: settings.outside_peers as usize,
            },
            liveness,
            with_ids: !announce.compact && !announce.no_peer_id,
        };
        let asker = (announce, own, group);
        chooser.choose::<Ipv4Addr>(swarm, asker, &mut self.reply.peers);
        chooser.choose::<Ipv6Addr>(swarm, asker, &mut self.reply.peers6);
    }

    fn counts(&self, info_hash: &InfoHash) -> Counts {
        let swarm = self.swarms.get(info_hash);
        swarm.map_or_else(Counts::default, |swarm| swarm.counts())
    }

    /// The counts of some swarms, sorted by info hash, each once.
    pub fn handle_scrape(&mut self, mut hashes: Vec<InfoHash>) -> Vec<(InfoHash, Counts)> {
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
    pub fn handle_outcome(&mut self, outcome: Outcome, now: Now) -> Delivery {
        match outcome {
            Outcome::FullScrape(body) => Delivery {
                tickets: self.census.finish(body.clone(), now),
                body,
            },
            Outcome::Fetched { .. } => Delivery {
                tickets: Vec::new(),
                body: Arc::new([]),
            },
        }
    }

    /// Puts new settings and groups into force. Peers keep their groups at first, by name, and
    /// are put into the new ones bit by bit.
    pub fn handle_reload(&mut self, settings: Settings, groups: PeerGroups) {
        self.swarms.set_rules(settings.rules.clone());
        self.settings = settings;
        self.next_groups = Some(groups);
        self.take_next_groups();
    }

    fn take_next_groups(&mut self) {
        if !self.swarms.is_regrouping()
            && let Some(groups) = self.next_groups.take()
        {
            self.groups = groups;
            self.swarms.regroup();
        }
    }

    /// When [`Tracker::handle_timeout`] wants to be called at the latest.
    pub fn next_timeout(&self) -> Now {
        if self.swarms.is_regrouping() || self.census.is_counting() {
            return Now(0);
        }
        let persistence = self.persistence.as_ref();
        let flush = persistence.and_then(Persistence::next_timeout);
        flush.map_or(self.next_sweep, |flush| flush.min(self.next_sweep))
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
        if now < self.next_sweep && !self.swarms.is_regrouping() {
            return;
        }
        self.swarms.sweep(SWEEP_PIECE, &self.groups, liveness);
        self.take_next_groups();
        let expiry = u64::from(self.settings.rules.peer_expiry_interval);
        let pass = (expiry * 1000 / 8).min(SLOWEST_SWEEP);
        let looked_at = self.swarms.len() + self.swarms.totals().peers();
        let pieces = looked_at / SWEEP_PIECE + 1;
        self.next_sweep = now.plus((pass / pieces as u64).max(1));
    }

    /// Takes out a job for the workers.
    pub fn next_job(&mut self) -> Option<Job> {
        self.jobs.pop()
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

    /// The settings in force.
    pub fn settings(&self) -> &Settings {
        &self.settings
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

/// Everything that choosing peers needs beside the swarm and the asker.
struct Chooser<'a> {
    groups: &'a PeerGroups,
    selection: &'a mut Selection,
    random: &'a mut fastrand::Rng,
    wanted: Wanted,
    liveness: Liveness,
    with_ids: bool,
}

impl Chooser<'_> {
    fn choose<A: Family>(
        &mut self,
        swarm: &Swarm,
        (announce, (ip, port), group): (&Announce, (IpAddr, u16), GroupId),
        list: &mut PeerList,
    ) {
        let Some(peers) = A::peers(swarm) else {
            return;
        };
        let asker = Asker {
            group,
            seeder: announce.seeder,
            id: announce.peer_id,
            own: A::of(ip).map(|ip| (ip, port)),
        };
        let chosen = self.selection.choose(
            peers,
            &asker,
            self.groups,
            &self.wanted,
            self.liveness,
            self.random,
        );
        for &position in chosen {
            let peer = peers.get(position as usize);
            peer.ip.write(&mut list.compact);
            list.compact.extend_from_slice(&peer.port.to_be_bytes());
            if self.with_ids {
                list.ids.push(peer.id);
            }
        }
    }
}
