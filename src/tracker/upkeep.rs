//! What has to be done from time to time, a piece at a time: sweeps, writes, questions to
//! neighbors, the log's line a minute, a reload; and the jobs that come of it.

use super::hosts::Ended;
use super::persistence::Persistence;
use super::upstreams::HostName;
use super::{Purpose, Settings, Tracker, neighbors};
use crate::bittorrent::{InfoHash, UpstreamReply};
use crate::job::{FetchError, Job, StoreJob, StoreOutcome};
use crate::swarm::{Class, GroupNames, PeerGroups, Swarm};
use crate::time::Now;
use log::info;

/// Swarms and peers that one piece of the sweep looks at: well below a millisecond, even where
/// each of them has to be fetched from memory and found a group for.
const SWEEP_PIECE: usize = 2_000;
/// The same while it finds all peers their groups again after a reload, and how many milliseconds
/// lie between two such pieces: most of the loop's time stays with the clients, and those who
/// wait for the same processor get theirs.
const REGROUP_PIECE: usize = 1_000;
const REGROUP_PAUSE: u64 = 1;
/// How long a pass of the sweep may take, in milliseconds. Expired peers are not handed out
/// either way; until they are swept they are counted and hold their memory.
const SLOWEST_SWEEP: u64 = 60_000;
/// How often the log gets a line of figures, in milliseconds.
pub(super) const MINUTE: u64 = 60_000;

impl Tracker {
    /// Puts new settings and groups into force. Peers keep their groups at first, by name, and
    /// are put into the new ones bit by bit.
    pub fn handle_reload(&mut self, settings: Settings, groups: PeerGroups) {
        // What has been handed out so far is judged by the settings of its time.
        self.take_history();
        self.swarms.set_rules(settings.rules.clone());
        self.upstreams.set_limits(settings.upstream_limits);
        self.neighbors.set(&settings.neighbors);
        self.to_be_noted = self.swarms.len();
        self.settings = settings;
        self.next_groups = Some(groups);
        self.take_next_groups();
    }

    fn take_next_groups(&mut self) {
        if !self.swarms.is_regrouping()
            && let Some(groups) = self.next_groups.take()
        {
            self.take_history();
            self.figures.handed_out.regroup(&self.groups, &groups);
            self.history.regroup(&self.figures);
            self.groups = groups;
            self.groups_version = self.groups_version.wrapping_add(1);
            self.swarms.regroup();
            self.next_sweep = Now(0);
        }
    }

    /// When [`Tracker::handle_timeout`] wants to be called at the latest.
    pub fn next_timeout(&self) -> Now {
        let is_busy = self.full_scrape.is_counting()
            || self.hash_list.is_counting()
            || !self.deliveries.is_empty();
        if is_busy || self.to_be_noted > 0 {
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
        self.do_a_piece(now);
        self.check_invariants();
    }

    fn do_a_piece(&mut self, now: Now) {
        self.take_censuses();
        let liveness = self.liveness(now);
        if let Some(persistence) = &mut self.persistence {
            let was_loading = persistence.is_loading();
            persistence.proceed(&mut self.swarms, &self.groups, liveness, now);
            if was_loading && !persistence.is_loading() {
                self.to_be_noted = self.swarms.len();
            }
        }
        self.note_swarms();
        self.ask_neighbors(now);
        self.log_figures(now);
        if now < self.next_sweep {
            return;
        }
        let lifetime = self.settings.forward.peers_expiry_interval;
        self.external.expire(now.timestamp(), lifetime);
        if self.swarms.is_regrouping() {
            self.next_sweep = now.plus(REGROUP_PAUSE);
            self.swarms.sweep(REGROUP_PIECE, &self.groups, liveness);
            self.take_next_groups();
            return;
        }
        self.swarms.sweep(SWEEP_PIECE, &self.groups, liveness);
        let expiry = u64::from(self.settings.rules.peer_expiry_interval);
        let pass = (expiry * 1000 / 8).min(SLOWEST_SWEEP);
        let looked_at = self.swarms.len() + self.swarms.totals().peers();
        let pieces = looked_at / SWEEP_PIECE + 1;
        self.next_sweep = now.plus((pass / pieces as u64).max(1));
    }

    /// Goes on with what somebody wants to know of all swarms.
    fn take_censuses(&mut self) {
        let counts = |swarm: &Swarm| Some((swarm.info_hash(), swarm.counts()));
        let counted = self.full_scrape.count(&self.swarms, SWEEP_PIECE, counts);
        self.jobs.extend(counted.map(|files| Job::WriteFullScrape {
            files,
            min_request_interval: self.settings.interval,
        }));
        let (inside, least) = (self.inside_priority(), self.settings.hash_list_min_peers);
        let is_inside = |class: &Class| self.groups.priority(class.group) <= inside;
        let listed = |swarm: &Swarm| {
            let is_listed = swarm.members(is_inside) >= least as usize;
            is_listed.then_some(swarm.info_hash())
        };
        let counted = self.hash_list.count(&self.swarms, SWEEP_PIECE, listed);
        self.jobs
            .extend(counted.map(|hashes| Job::WriteHashList { hashes }));
    }

    /// Shows the neighbors swarms that did not begin with an announce they have seen: those from
    /// the database, and all of them to neighbors that are new.
    fn note_swarms(&mut self) {
        let end = self.to_be_noted.min(self.swarms.len());
        self.to_be_noted = end.saturating_sub(SWEEP_PIECE);
        for place in self.to_be_noted..end {
            let swarm = self.swarms.at(place);
            if swarm.has_members() {
                self.neighbors.note(swarm.info_hash());
            }
        }
    }

    /// Asks the neighbors what is due.
    fn ask_neighbors(&mut self, now: Now) {
        self.neighbors.forget_removed(now, self.swarms.keys());
        loop {
            let matters = |info_hash: &InfoHash| {
                let swarm = self.swarms.get(info_hash);
                swarm.is_some_and(|swarm| swarm.has_members())
            };
            let Some(due) = self.neighbors.next_question(now, matters) else {
                return;
            };
            let (name, info_hash) = (due.name, due.info_hash);
            let purpose = Purpose::Neighbor(name.clone(), info_hash);
            let times = (now, now.plus(neighbors::PATIENCE));
            let asked = self.ask(due.question, &due.policy, purpose, times);
            if let Err(declined) = asked {
                let reason = declined.to_string();
                self.neighbors
                    .handle_failure(&name, info_hash, &reason, now);
            }
        }
    }

    fn log_figures(&mut self, now: Now) {
        if now < self.next_line {
            return;
        }
        self.next_line = now.plus(MINUTE);
        self.take_history();
        self.history.end_minute(now);
        let peers = self.swarms.totals().peers();
        let news = self.figures.since(&self.logged).to_string();
        info!(
            "{peers} peers in {} swarms; last minute {news}",
            self.swarms.len()
        );
        self.logged = self.figures.clone();
    }

    /// Brings the history up to date.
    pub(super) fn take_history(&mut self) {
        let inside = self.inside_priority();
        self.history.take(&self.figures, &self.groups, inside);
    }

    pub(super) fn count_fetched(
        &mut self,
        host: &HostName,
        purpose: &Purpose,
        result: &Result<UpstreamReply, FetchError>,
        took_ms: u64,
    ) {
        let upstream = self.figures.upstream_mut(purpose);
        upstream.took_ms += took_ms;
        let ended = match result {
            Ok(reply) => {
                upstream.answered += 1;
                upstream.refused += u64::from(reply.failure.is_some());
                if reply.failure.is_some() {
                    Ended::Refused
                } else {
                    Ended::Answered
                }
            }
            Err(error) => {
                upstream.fail(error.name());
                Ended::Failed
            }
        };
        // Neighbors are counted where their schedule is.
        if !purpose.is_neighbor() {
            self.hosts.end(host, ended);
        }
    }

    /// Takes out a job for the workers.
    pub fn next_job(&mut self, now: Now) -> Option<Job> {
        if let Some(job) = self.jobs.pop() {
            return Some(job);
        }
        let mut late = Vec::new();
        let job = self.upstreams.next_job(now, &mut late);
        for (host, purpose) in late {
            self.figures.upstream_mut(&purpose).fail("no_worker");
            if !purpose.is_neighbor() {
                self.hosts.end(&host, Ended::Failed);
            }
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
}
