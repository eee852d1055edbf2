//! The loop: one thread that owns all sockets and the tracker, and waits for nothing but
//! readiness. Each turn takes the same steps in the same order; see [`Reactor::turn`].
//!
//! Nothing here touches a disk or asks another server: that is the workers' part, whose outcomes
//! arrive through a [`channel`](crate::channel).

mod accept;
mod admin_front;
mod connection;
mod deadlines;
mod delivery;
mod front;
mod listener;
mod ready;
mod slots;
mod stopping;

pub use accept::MAX_ADMIN_CONNECTIONS;
pub use front::{Front, write_answer};
pub use listener::{Face, Listener};

use crate::admin::{self, Surroundings};
use crate::bittorrent::InfoHash;
use crate::channel::{Office, Work};
use crate::job::Ticket;
use crate::swarm::{GroupNames, PeerGroups};
use crate::time::Now;
use crate::tracker::{self, Tracker};
use admin_front::AdminFront;
use connection::{Connection, Progress, Step};
use ipnet::IpNet;
use log::info;
use mio::{Events, Interest, Poll, Token};
use ready::{Room, Rooms};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook_mio::v1_0::Signals;
use slots::{Slots, Tenant};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

// Tokens of connections have their slot in the low half; these are beyond all slots.
const WAKER: Token = Token(u32::MAX as usize);
const SIGNALS: Token = Token(u32::MAX as usize - 1);
/// Listeners count down from here.
const LISTENERS: usize = u32::MAX as usize - 16;

/// What the operator may set and a reload may change. Times are in seconds.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Connections at the same time; beyond it the longest idle is closed.
    pub max_connections: usize,
    /// How long a request head may take.
    pub request_timeout: u32,
    /// How long a connection may be silent between two requests, or take no answers.
    pub idle_timeout: u32,
    /// Networks that are believed when they say whom they speak for.
    pub trusted_proxies: Vec<IpNet>,
    /// In which header fields they say it.
    pub client_address_headers: Vec<String>,
    /// Networks that may forward announces, and are believed as well.
    pub allow_from: Vec<IpNet>,
    /// The host names that are ours, if requests for others are taken too.
    pub local_names: Option<Vec<String>>,
    /// What our own requests carry in `Via`.
    pub via: String,
    /// Which kind of database there is, for operators.
    pub database: &'static str,
}

/// A configuration that was read again and is good.
#[derive(Debug)]
pub struct Reloaded {
    /// For the loop.
    pub reactor: Settings,
    /// For the tracker.
    pub tracker: tracker::Settings,
    /// Built with the numbers that were given to [`Reload::begin`].
    pub groups: PeerGroups,
}

/// What signals ask for and the loop does not do itself. Nothing of it waits.
pub trait Reload {
    /// Begins a new log file (SIGUSR1).
    fn switch_log(&mut self);

    /// Starts to read the configuration again, in another thread that wakes the loop when that is
    /// done (SIGHUP). Group names keep these numbers.
    fn begin(&mut self, names: GroupNames);

    /// What was read, once; nothing while it is being read.
    fn finish(&mut self) -> Option<Result<Reloaded, Faulty>>;
}

/// The configuration is faulty, which has been reported already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faulty;

/// The loop and all that belongs to it.
pub struct Reactor<R> {
    poll: Poll,
    signals: Signals,
    listeners: Vec<Listener>,
    connections: Slots<Connection>,
    /// What operators wait for, whose connections are parked.
    promised: HashMap<Ticket, admin::Request>,
    tracker: Tracker,
    work: Work,
    reload: R,
    /// A SIGHUP has come since the last reload began.
    reload_wanted: bool,
    reloading: bool,
    settings: Settings,
    clock: Instant,
    now: Now,
    /// When the last turn ended.
    turn_ended: Now,
    /// Connections that the kernel has told of in this turn, or that are new.
    ready: Vec<Token>,
    /// Connections that have more to do than one turn allows, those that have waited longest first.
    busy: VecDeque<Token>,
    /// There may be answers for more of those who were told to wait.
    undelivered: bool,
    /// No file descriptors were left; accepting goes on at this time.
    accept_paused_until: Option<Now>,
    /// When accepting failed last, until it is reported that it works again.
    accept_failed: Option<Now>,
    stopping_since: Option<Now>,
    /// The last connection is closed.
    drained_since: Option<Now>,
    buffers: Buffers,
}

/// Memory that all connections use in turn.
#[derive(Debug)]
struct Buffers {
    rooms: Rooms,
    /// What is about to be announced, and from where.
    coming: Vec<(InfoHash, IpAddr)>,
    body: Vec<u8>,
}

/// What [`Reactor::new`] puts together.
pub struct Parts<R> {
    /// With nothing registered but the waker, as [`waker`] does.
    pub poll: Poll,
    /// From [`catch_signals`].
    pub signals: Signals,
    /// Already bound.
    pub listeners: Vec<Listener>,
    /// The other side of the workers' channel.
    pub work: Work,
    /// How to read the configuration again.
    pub reload: R,
    /// For the loop.
    pub settings: Settings,
    /// For the tracker.
    pub tracker: tracker::Settings,
    /// The peer groups.
    pub groups: PeerGroups,
    /// Decides all that is random.
    pub seed: u64,
}

/// Catches the daemon's signals from now on; the loop takes them when it runs. To be called before
/// anybody is told that there is a daemon: until then a SIGHUP would end the process.
pub fn catch_signals() -> io::Result<Signals> {
    Signals::new([SIGTERM, SIGINT, SIGHUP, SIGUSR1])
}

/// A waker for the loop of this poll.
pub fn waker(poll: &Poll) -> io::Result<mio::Waker> {
    mio::Waker::new(poll.registry(), WAKER)
}

impl<R: Reload> Reactor<R> {
    /// Registers what is to be waited for.
    #[expect(
        clippy::disallowed_methods,
        reason = "the loop keeps the daemon's time"
    )]
    pub fn new(parts: Parts<R>) -> io::Result<Self> {
        let mut signals = parts.signals;
        let registry = parts.poll.registry();
        registry.register(&mut signals, SIGNALS, Interest::READABLE)?;
        let mut listeners = parts.listeners;
        for (place, listener) in listeners.iter_mut().enumerate() {
            let token = Token(LISTENERS - place);
            registry.register(listener.source(), token, Interest::READABLE)?;
        }
        let now = Now::after_start(0);
        let mut connections = Slots::default();
        connections.reserve(most_connections(&parts.settings));
        Ok(Reactor {
            poll: parts.poll,
            signals,
            listeners,
            connections,
            promised: HashMap::new(),
            tracker: Tracker::new(parts.tracker, parts.groups, parts.seed, now),
            work: parts.work,
            reload: parts.reload,
            reload_wanted: false,
            reloading: false,
            settings: parts.settings,
            clock: Instant::now(),
            now,
            turn_ended: now,
            ready: Vec::new(),
            busy: VecDeque::new(),
            undelivered: false,
            accept_paused_until: None,
            accept_failed: None,
            stopping_since: None,
            drained_since: None,
            buffers: Buffers {
                rooms: Rooms::default(),
                coming: Vec::new(),
                body: Vec::new(),
            },
        })
    }

    /// Runs until a signal says stop, all that is in hand is answered, and the database has all.
    pub fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        while !self.is_done() {
            self.turn(&mut events)?;
        }
        Ok(())
    }

    fn turn(&mut self, events: &mut Events) -> io::Result<()> {
        match self.poll.poll(events, self.timeout()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                self.turn_ended = at(self.clock.elapsed());
                return Ok(());
            }
            polled => polled?,
        }
        let began = self.clock.elapsed();
        self.now = at(began);
        for event in &*events {
            match event.token() {
                SIGNALS => self.take_signals(),
                WAKER => {}
                Token(token) if token <= LISTENERS && token > LISTENERS - self.listeners.len() => {
                    self.listeners[LISTENERS - token].is_ready = true;
                }
                token => self.note_ready(token, event),
            }
        }
        self.serve_ready();
        // One piece of one, however many are busy: those who have just asked wait for no more than
        // that, and a poll is cheap beside it.
        if let Some(token) = self.busy.pop_front() {
            self.serve(token, |connection| connection.queued = false);
        }
        self.take_outcomes();
        self.expire_deadlines();
        self.tracker_timeout();
        self.deliver_answers(delivery::PER_TURN);
        self.begin_reload();
        self.drain();
        self.accept();
        self.serve_ready();
        // Last, as all steps make jobs: also new connections are served at once.
        self.hand_out_jobs();
        let ended = self.clock.elapsed();
        self.turn_ended = at(ended);
        self.tracker.handle_end_of_turn(ended.saturating_sub(began));
        Ok(())
    }

    /// Lets a connection do what it can, and puts it where it belongs afterwards.
    fn serve(&mut self, token: Token, prepare: impl FnOnce(&mut Connection)) {
        if let Some(step) = self.work(0, token, prepare) {
            self.finish(0, token, step);
        }
    }

    /// The first half of that, with the memory of one of the rooms.
    fn work(
        &mut self,
        room: usize,
        token: Token,
        prepare: impl FnOnce(&mut Connection),
    ) -> Option<Step> {
        let connections = self.connections.count(Face::Public);
        let connection = self.connections.get_mut(token)?;
        prepare(connection);
        let ticket = Ticket(token.0 as u64);
        let closing = self.stopping_since.is_some();
        let Room { received, answers } = self.buffers.rooms.get(room);
        Some(match connection.face() {
            Face::Public => {
                let mut front = Front {
                    tracker: &mut self.tracker,
                    settings: &self.settings,
                    remote: connection.remote(),
                    ticket,
                    now: self.now,
                    closing,
                    body: &mut self.buffers.body,
                };
                connection.work(&mut front, received, answers, self.now)
            }
            Face::Admin => {
                let mut front = AdminFront {
                    tracker: &mut self.tracker,
                    promised: &mut self.promised,
                    ticket,
                    now: self.now,
                    surroundings: Surroundings {
                        time: utc(),
                        connections,
                        database: self.settings.database,
                    },
                    closing,
                };
                connection.work(&mut front, received, answers, self.now)
            }
        })
    }

    /// The second half.
    fn finish(&mut self, room: usize, token: Token, step: Step) {
        let Some(connection) = self.connections.get_mut(token) else {
            return;
        };
        let answers = &self.buffers.rooms.get(room).answers;
        let progress = connection.finish(step, answers, self.now);
        if progress == Progress::Ended || connection.register(self.poll.registry()).is_err() {
            self.close(token);
            return;
        }
        if progress == Progress::Busy && !std::mem::replace(&mut connection.queued, true) {
            self.busy.push_back(token);
        }
        self.connections.sort(token);
    }

    fn close(&mut self, token: Token) {
        // Closing the socket takes it out of the poll as well.
        let closed = self.connections.remove(token);
        if closed.is_some_and(|connection| connection.face() == Face::Admin) {
            self.promised.remove(&Ticket(token.0 as u64));
        }
        self.accept_paused_until = self.accept_paused_until.map(|_| self.now);
    }

    fn take_outcomes(&mut self) {
        while let Some(outcome) = self.work.store.as_ref().and_then(Office::next_outcome) {
            self.tracker.handle_store_outcome(outcome);
        }
        while let Some(outcome) = self.work.pool.next_outcome() {
            self.tracker.handle_outcome(outcome, self.now);
        }
        if let Some(result) = self.reload.finish() {
            self.reloading = false;
            if let Ok(reloaded) = result {
                self.settings = reloaded.reactor;
                self.connections.reserve(most_connections(&self.settings));
                self.tracker
                    .handle_reload(reloaded.tracker, reloaded.groups);
            }
        }
    }

    /// One at a time: the next has to know which groups the last has brought.
    fn begin_reload(&mut self) {
        if self.reload_wanted && !self.reloading {
            info!("reading the configuration again");
            self.reload_wanted = false;
            self.reloading = true;
            self.reload.begin(self.tracker.group_names());
        }
    }

    fn tracker_timeout(&mut self) {
        if self.tracker.next_timeout() <= self.now {
            self.tracker.handle_timeout(self.now);
        }
    }

    fn hand_out_jobs(&mut self) {
        while let Some(job) = self.tracker.next_job(self.now) {
            if let Err(job) = self.work.pool.hand_out(job) {
                self.tracker.return_job(job);
                break;
            }
        }
        if let Some(job) = self.tracker.next_store_job() {
            let store = self.work.store.as_ref();
            if let Some(Err(job)) = store.map(|store| store.hand_out(job)) {
                self.tracker.return_store_job(job);
            }
        }
    }

    fn take_signals(&mut self) {
        let signals: Vec<_> = self.signals.pending().collect();
        for signal in signals {
            match signal {
                SIGTERM | SIGINT => self.stop(),
                SIGHUP => self.reload_wanted = true,
                SIGUSR1 => self.reload.switch_log(),
                _ => {}
            }
        }
    }
}

/// Connections of both faces.
fn most_connections(settings: &Settings) -> usize {
    settings
        .max_connections
        .saturating_add(MAX_ADMIN_CONNECTIONS)
}

/// The calendar's present, in seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "operators are told the time")]
fn utc() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    since_1970.map_or(0, |time| time.as_secs())
}

/// The point in time so long after the start.
fn at(elapsed: Duration) -> Now {
    Now::after_start(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
}

/// Whether a list of networks contains an address.
fn contains(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}
