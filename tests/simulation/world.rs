//! The daemon and everything around it, a step at a time.

use crate::database::Database;
use crate::hearsay::{Hearsay, Source};
use crate::networks::Networks;
use crate::operator;
use crate::real::Endpoint;
use crate::workers::Workers;
use btrt::bittorrent::{Announce, AnnounceReply, Counts, InfoHash};
use btrt::job::{Job, Outcome, Ticket};
use btrt::swarm::GroupNames;
use btrt::time::{Now, START};
use btrt::tracker::{Answer, Tracker};
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

/// What somebody asked.
#[derive(Clone, Debug)]
pub enum Asked {
    /// An announce; of a client of an external tracker if it names one.
    Announce(Announce, Option<Source>),
    /// One of a client whose tracker shares nothing.
    Private(Announce, Source),
    /// A neighbor's question.
    Neighbor(Announce),
    Scrape(Vec<InfoHash>),
    Everything,
}

/// What somebody was told.
#[derive(Clone, Debug)]
pub enum Told {
    Announce(AnnounceReply),
    Scrape(Vec<(InfoHash, Counts)>),
    Failure(String),
    Written,
}

impl From<Answer<'_>> for Told {
    fn from(answer: Answer<'_>) -> Told {
        match answer {
            Answer::Announce(reply, _) => Told::Announce(reply.clone()),
            Answer::Scrape(counts) => Told::Scrape(counts),
            Answer::Failure(failure) => Told::Failure(failure.to_string()),
            Answer::Written(_) | Answer::HashList(_) => Told::Written,
        }
    }
}

/// Somebody who was promised an answer.
#[derive(Debug)]
pub struct Waiting {
    pub until: Now,
    pub from: IpAddr,
    pub asked: Asked,
}

pub struct World {
    pub random: fastrand::Rng,
    pub now: Now,
    pub tracker: Tracker,
    pub networks: Networks,
    pub hearsay: Hearsay,
    pub workers: Workers,
    pub database: Database,
    pub waiting: HashMap<Ticket, Waiting>,
    /// Everybody who ever announced here, and may be remembered.
    pub announced: BTreeSet<(InfoHash, Endpoint)>,
    /// Since when nothing has kept the database from being told.
    pub calm_since: Now,
    /// Neither clock nor database has jumped since the daemon began.
    pub steady: bool,
    tickets: u64,
    telling: bool,
}

impl World {
    pub fn new(seed: u64, telling: bool) -> World {
        let mut random = fastrand::Rng::with_seed(seed);
        let now = Now::after_start(0);
        let mut settings = operator::settings(&mut random);
        let flush_interval = random.u32(1..20);
        settings.flush_interval = (random.u8(0..5) > 0).then_some(flush_interval);
        let definitions = operator::definitions(&mut random);
        let (networks, groups) = Networks::build(&definitions, &GroupNames::new());
        let mut database = Database::default();
        database.is_up = random.bool();
        let mut world = World {
            tracker: Tracker::new(settings, groups, random.u64(..), now),
            random,
            now,
            networks,
            hearsay: Hearsay::default(),
            workers: Workers::default(),
            database,
            waiting: HashMap::new(),
            announced: BTreeSet::new(),
            calm_since: now,
            steady: true,
            tickets: 0,
            telling,
        };
        world.tell_all();
        world
    }

    fn tell_all(&mut self) {
        let settings = self.tracker.settings().clone();
        let definitions = self.networks.definitions.clone();
        self.tell(|| format!("begins with {settings:?} {definitions:?}"));
    }

    /// Tells a step, if a single life is looked at.
    pub fn tell(&self, text: impl FnOnce() -> String) {
        if self.telling {
            eprintln!("{:>9}: {}", self.now.0 - u64::from(START) * 1000, text());
        }
    }

    pub fn next_ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    /// Anything that may happen.
    pub fn step(&mut self) {
        match self.random.u8(0..100) {
            0..38 => self.announce(),
            38..62 => self.forward(),
            62..66 => self.neighbor_asks(),
            66..70 => self.scrape(),
            70..78 => {
                let milliseconds = self.random.u64(0..3_000);
                self.pass(milliseconds);
            }
            78..84 => {
                let milliseconds = self.random.u64(0..120_000);
                self.pass(milliseconds);
            }
            84..87 => {
                let seconds = self.random.u64(0..40_000);
                self.stall(seconds);
            }
            87..90 => self.reload(),
            90..97 => self.disturb_database(),
            97..99 => self.crash(),
            _ => self.stop(),
        }
        self.turn();
        self.check();
    }

    /// The machine sleeps: nobody does anything, and the clock is late afterwards.
    fn stall(&mut self, seconds: u64) {
        self.tell(|| format!("{seconds} s are lost"));
        self.now = self.now.plus(seconds * 1000);
        // What has no deadline, but only takes its time, takes it now.
        for waiting in self.waiting.values_mut() {
            if let Asked::Everything = waiting.asked {
                waiting.until = waiting.until.plus(seconds * 1000);
            }
        }
        self.calm_since = self.now;
        self.turn();
    }

    fn disturb_database(&mut self) {
        let what = self.random.u8(0..8);
        match what {
            0..3 => self.database.is_up = true,
            3..5 => self.database.go_down(),
            // Another server, or an older backup.
            5 if !self.database.is_up => {
                let kept = self.random.u8(0..5);
                let random = &mut self.random;
                self.database.peers.retain(|_, _| random.u8(0..5) < kept);
                let peers = &self.database.peers;
                let has_peers = |hash: &InfoHash| peers.keys().any(|key| key.0 == *hash);
                self.database.swarms.retain(|hash, _| has_peers(hash));
            }
            6 => self.database.delay = self.random.u64(0..8_000),
            _ => {
                self.database.calendar += self.random.i64(-4_000..4_000);
                self.steady = false;
            }
        }
        self.calm_since = self.now;
        self.tell(|| format!("the database is disturbed: {what}"));
    }

    /// The daemon is killed, and another one begins where it was.
    fn crash(&mut self) {
        self.tell(|| "killed".to_owned());
        self.check_kill();
        self.restart();
    }

    /// The daemon is told to stop, and another one begins where it was.
    fn stop(&mut self) {
        self.tell(|| "stopped".to_owned());
        self.tracker.end_waiting();
        self.turn();
        assert!(
            self.waiting
                .values()
                .all(|waiting| matches!(waiting.asked, Asked::Everything))
        );
        if self.database.is_up {
            self.database.delay = 0;
            self.tracker.stop();
            let end = self.now.plus(30_000);
            while !self.tracker.is_stopped() && self.now < end {
                self.now = self.next_due().clamp(self.now, end);
                self.turn();
            }
            assert!(
                self.tracker.is_stopped(),
                "there was time to write everything"
            );
            self.check_stored();
        }
        self.restart();
    }

    fn restart(&mut self) {
        let done = self.random.bool();
        self.database.lose_daemon(done);
        self.workers.lose_daemon();
        self.waiting.clear();
        self.hearsay = Hearsay::default();
        let away = self.random.i64(0..60);
        self.database.calendar += i64::from(self.now.timestamp().0 - START) + away;
        self.now = Now::after_start(self.random.u64(0..1000));
        self.calm_since = self.now;
        // A clock that was set back has left dates that are still to come.
        let today = self.database.calendar + i64::from(self.now.timestamp().0);
        self.steady = self.database.peers.values().all(|(_, date)| *date <= today);
        let settings = self.tracker.settings().clone();
        let definitions = self.networks.definitions.clone();
        let (networks, groups) = Networks::build(&definitions, &GroupNames::new());
        self.networks = networks;
        self.tracker = Tracker::new(settings, groups, self.random.u64(..), self.now);
        self.tell_all();
    }

    /// Time goes by, and everybody does what is due.
    pub fn pass(&mut self, milliseconds: u64) {
        let end = self.now.plus(milliseconds);
        while self.next_due() <= end {
            self.now = self.next_due().max(self.now);
            self.turn();
        }
        self.now = end;
        self.turn();
    }

    /// When somebody has something to do next.
    fn next_due(&self) -> Now {
        let due = [self.workers.next_timeout(), self.database.next_timeout()];
        let tracker = self.tracker.next_timeout();
        due.into_iter().flatten().fold(tracker, Now::min)
    }

    /// What the loop does between two waits, again until there is nothing more to do.
    pub fn turn(&mut self) {
        for _ in 0..1_000 {
            let brought = self.take_outcomes();
            let is_due = self.tracker.next_timeout() <= self.now;
            if is_due {
                self.tracker.handle_timeout(self.now);
            }
            while let Some((ticket, answer)) = self.tracker.next_answer(self.now) {
                let told = Told::from(answer);
                self.tell(|| format!("{ticket:?} is told {told:?}"));
                let waiting = self.waiting.remove(&ticket);
                let Waiting { from, asked, .. } = waiting.expect("one answer for each promise");
                self.check_told(from, &asked, told, true);
            }
            self.hand_out_jobs();
            if !is_due && !brought {
                let late = self
                    .waiting
                    .iter()
                    .find(|(_, waiting)| waiting.until <= self.now);
                assert!(late.is_none(), "still waits: {late:?}");
                return;
            }
        }
        panic!("the loop never rests");
    }

    fn take_outcomes(&mut self) -> bool {
        let outcomes = self.workers.work(self.now);
        let news = self.database.work(self.now);
        let brought = !outcomes.is_empty() || !news.is_empty();
        for outcome in outcomes {
            if let Outcome::Fetched { id, result, .. } = &outcome {
                self.tell(|| format!("fetch {} brings {result:?}", id.0));
                let now = self.now.timestamp().0;
                let (source, info_hash) = self.workers.asked(*id).clone();
                let settings = self.tracker.settings();
                let lifetime = match source {
                    Source::External(..) => settings.forward.peers_expiry_interval,
                    Source::Neighbor(_) => {
                        let neighbor = settings.neighbors.first();
                        neighbor.map_or(0, |neighbor| neighbor.peers_expiry_interval)
                    }
                };
                if let (Ok(reply), Some(info_hash)) = (result, info_hash) {
                    self.hearsay
                        .hear(&source, info_hash, &reply.peers, now + lifetime);
                }
            }
            self.tracker.handle_outcome(outcome, self.now);
        }
        for outcome in news {
            self.tell(|| format!("the database says: {outcome:?}"));
            self.tracker.handle_store_outcome(outcome);
        }
        brought
    }

    fn hand_out_jobs(&mut self) {
        while let Some(job) = self.tracker.next_job(self.now) {
            // There is always room for fetches: no more are handed out than there are workers.
            if !matches!(job, Job::Fetch(_)) && self.random.bool() {
                self.tracker.return_job(job);
                continue;
            }
            self.tell(|| format!("job {job:?}"));
            self.workers.take(job, &mut self.random, self.now);
            self.check_workers();
        }
        if self.database.is_free()
            && let Some(job) = self.tracker.next_store_job()
        {
            self.tell(|| format!("the database is asked: {job:?}"));
            self.database.take(job, self.now);
        }
    }
}
