//! When the database is read and written. Nobody waits for it: one job at a time is out, and
//! until its outcome is there, what changes is only marked.
//!
//! ```text
//! start → compare (restoring) → collect → rest → collect → rest → …
//!                                   ↖ compare ↙   behind a new connection, or when marks were lost
//! ```
//!
//! Nothing is written before the first comparison is through: what the database knows of a swarm,
//! its finished downloads above all, is not to be overwritten by a daemon that has not read it.

use crate::bittorrent::InfoHash;
use crate::job::{StoreJob, StoreOutcome};
use crate::record::{Changes, PeerKey, PeerRecord, SwarmRecord};
use crate::swarm::{Collection, Liveness, PeerGroups, Swarms};
use crate::time::Now;
use log::info;
use std::vec::IntoIter;

/// Rows that are read at once.
const PAGE: usize = 10_000;
/// Rows that are taken in at once; each may have to be fetched from memory and found a group for.
const TAKEN_AT_ONCE: usize = 1_000;
/// Swarms and peers that are looked at in one go for changes; most are passed over.
const LOOKED_AT: usize = 8_000;
/// Rows of one write, a few more at times.
const WRITTEN_AT_ONCE: usize = 5_000;
/// Rows after which the log tells how far a long load has got.
const PROGRESS: usize = 500_000;

#[derive(Debug)]
pub(super) struct Persistence {
    /// Milliseconds between the beginnings of two writes.
    flush_interval: u64,
    state: State,
    /// What the worker is to do; taken out by [`Persistence::next_job`].
    job: Option<StoreJob>,
    /// The worker is at it.
    waiting: bool,
    /// The rows that are being read are put back into memory.
    restoring: bool,
    /// Rows of peers read so far.
    rows: usize,
    comparison_wanted: bool,
    next_flush: Now,
    batch: Changes,
    stopping: Stopping,
}

#[derive(Debug)]
enum State {
    /// Rows of peers behind this one are to be read.
    ReadPeers(Option<PeerKey>),
    /// Rows to be taken in, and the last of them if there are more behind it.
    TakePeers(IntoIter<PeerRecord>, Option<PeerKey>),
    ReadSwarms(Option<InfoHash>),
    TakeSwarms(IntoIter<SwarmRecord>, Option<InfoHash>),
    Collect(Collection),
    Rest,
}

/// How far the daemon's end has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopping {
    No,
    /// One more collection must begin and end.
    Wanted,
    /// It has begun.
    Last,
    Done,
}

impl Persistence {
    /// Begins with a comparison that restores.
    pub fn new(flush_interval: u32, swarms: &mut Swarms, now: Now) -> Persistence {
        swarms.track_changes();
        swarms.begin_comparison();
        Persistence {
            flush_interval: u64::from(flush_interval) * 1000,
            state: State::ReadPeers(None),
            job: None,
            waiting: false,
            restoring: true,
            rows: 0,
            comparison_wanted: false,
            next_flush: now,
            batch: no_changes(now),
            stopping: Stopping::No,
        }
    }

    /// Takes out the next job for the worker.
    pub fn next_job(&mut self) -> Option<StoreJob> {
        self.job.take()
    }

    /// Takes a job back that could not be handed out.
    pub fn return_job(&mut self, job: StoreJob) {
        self.job = Some(job);
    }

    /// When [`Persistence::proceed`] wants to be called.
    pub fn next_timeout(&self) -> Option<Now> {
        match &self.state {
            _ if self.waiting => None,
            State::Rest if self.stopping == Stopping::Done => None,
            State::Rest if !self.is_urgent() => Some(self.next_flush),
            _ => Some(Now(0)),
        }
    }

    /// The end waits for it.
    fn is_urgent(&self) -> bool {
        matches!(self.stopping, Stopping::Wanted | Stopping::Last)
    }

    /// Takes what the worker has done.
    pub fn handle_outcome(&mut self, outcome: StoreOutcome) {
        match outcome {
            StoreOutcome::Peers(rows) => {
                self.waiting = false;
                self.report_progress(rows.len());
                let last = rows
                    .last()
                    .filter(|_| rows.len() >= PAGE)
                    .map(|row| row.key);
                self.state = State::TakePeers(rows.into_iter(), last);
            }
            StoreOutcome::Swarms(rows) => {
                self.waiting = false;
                let last = rows.last().filter(|_| rows.len() >= PAGE);
                let last = last.map(|row| row.info_hash);
                self.state = State::TakeSwarms(rows.into_iter(), last);
            }
            StoreOutcome::Written { .. } => self.waiting = false,
            StoreOutcome::DatabaseDown(_) => {}
            // What it had before may be lost: an older backup, another server, empty tables. Only
            // of the first connection nothing was read before.
            StoreOutcome::DatabaseUp => {
                let is_first = self.restoring && matches!(self.state, State::ReadPeers(None));
                self.comparison_wanted |= !is_first;
            }
        }
    }

    /// Does a piece of what is to be done.
    pub fn proceed(
        &mut self,
        swarms: &mut Swarms,
        groups: &PeerGroups,
        liveness: Liveness,
        now: Now,
    ) {
        if self.waiting {
            return;
        }
        let state = std::mem::replace(&mut self.state, State::Rest);
        self.state = match state {
            State::ReadPeers(after) => {
                let now = now.timestamp();
                self.order(StoreJob::ReadPeers {
                    now,
                    after,
                    limit: PAGE,
                });
                State::ReadPeers(after)
            }
            State::TakePeers(mut rows, last) => {
                let piece = rows.by_ref().take(TAKEN_AT_ONCE);
                swarms.compare_peers(piece, self.restoring, groups, liveness);
                match last {
                    _ if rows.len() > 0 => State::TakePeers(rows, last),
                    Some(_) => State::ReadPeers(last),
                    None => State::ReadSwarms(None),
                }
            }
            State::ReadSwarms(after) => {
                let now = now.timestamp();
                self.order(StoreJob::ReadSwarms {
                    now,
                    after,
                    limit: PAGE,
                });
                State::ReadSwarms(after)
            }
            State::TakeSwarms(mut rows, last) => {
                let piece = rows.by_ref().take(TAKEN_AT_ONCE);
                swarms.compare_swarms(piece, self.restoring);
                match last {
                    _ if rows.len() > 0 => State::TakeSwarms(rows, last),
                    Some(_) => State::ReadSwarms(last),
                    None => self.end_comparison(swarms, now),
                }
            }
            State::Collect(collection) => self.collect(collection, swarms, groups, now),
            State::Rest if now < self.next_flush && !self.is_urgent() => State::Rest,
            State::Rest => self.end_rest(swarms, now),
        };
    }

    fn report_progress(&mut self, rows: usize) {
        let before = self.rows;
        self.rows += rows;
        if self.restoring && before / PROGRESS < self.rows / PROGRESS {
            info!("loading from the database: {} peers so far", self.rows);
        }
    }

    fn order(&mut self, job: StoreJob) {
        self.job = Some(job);
        self.waiting = true;
    }

    fn collect(
        &mut self,
        mut collection: Collection,
        swarms: &mut Swarms,
        groups: &PeerGroups,
        now: Now,
    ) -> State {
        let limits = (LOOKED_AT, WRITTEN_AT_ONCE);
        self.batch.now = now.timestamp();
        let done = swarms.collect_changes(&mut collection, limits, groups, &mut self.batch);
        let rows = self.batch.peers.len() + self.batch.swarms.len();
        // Also if there is nothing to write: this is how it shows that the database is gone, or has
        // been another one since the last time.
        if done || rows >= WRITTEN_AT_ONCE {
            let batch = std::mem::replace(&mut self.batch, no_changes(now));
            self.order(StoreJob::Write(batch));
        }
        match done {
            true => State::Rest,
            false => State::Collect(collection),
        }
    }

    /// Everything has been read: what the database lacks is written at once.
    fn end_comparison(&mut self, swarms: &mut Swarms, now: Now) -> State {
        if std::mem::take(&mut self.restoring) {
            swarms.end_loading();
            let (peers, count) = (swarms.totals().peers(), swarms.len());
            info!("the database is loaded: {peers} peers in {count} swarms");
        }
        self.begin_collection(swarms, true, now)
    }

    /// Begins what is due: a comparison, or a collection. All that was ordered has been done.
    fn end_rest(&mut self, swarms: &mut Swarms, now: Now) -> State {
        let must_compare = self.comparison_wanted || swarms.forgot_changes();
        match self.stopping {
            Stopping::No | Stopping::Last if must_compare => self.begin_comparison(swarms),
            Stopping::Last => {
                self.stopping = Stopping::Done;
                State::Rest
            }
            // At the end what has changed goes first: there may not be the time for a comparison.
            Stopping::No | Stopping::Wanted | Stopping::Done => {
                self.begin_collection(swarms, false, now)
            }
        }
    }

    fn begin_comparison(&mut self, swarms: &mut Swarms) -> State {
        self.comparison_wanted = false;
        swarms.begin_comparison();
        State::ReadPeers(None)
    }

    fn begin_collection(&mut self, swarms: &Swarms, missing_too: bool, now: Now) -> State {
        self.next_flush = now.plus(self.flush_interval);
        if self.stopping == Stopping::Wanted {
            self.stopping = Stopping::Last;
        }
        State::Collect(swarms.begin_collection(missing_too))
    }

    /// Whether what the database knows is still being put back.
    pub fn is_loading(&self) -> bool {
        self.restoring
    }

    /// Has all that has changed written as soon as possible.
    pub fn stop(&mut self) {
        self.stopping = Stopping::Wanted;
    }

    /// Whether the database has all that had changed before [`Persistence::stop`].
    pub fn is_stopped(&self) -> bool {
        self.stopping == Stopping::Done && !self.waiting
    }
}

fn no_changes(now: Now) -> Changes {
    Changes {
        now: now.timestamp(),
        gone_swarms: Vec::new(),
        gone_peers: Vec::new(),
        swarms: Vec::new(),
        peers: Vec::new(),
    }
}
