//! Where all parts meet: the order of start and stop, and who gets which settings.

mod daemon;
mod database;
mod hashlist;
mod reload;
mod settings;

pub use daemon::{explain, status};
pub use database::{DatabaseCommand, database};
pub use hashlist::hash_list;

use crate::channel::{self, Office, Work};
use crate::config::{self, Config, Settings};
use crate::job::{StoreJob, StoreOutcome};
use crate::logging::{self, CRITICAL, Log};
use crate::panics::{self, survive};
use crate::process::{Identity, PidFile, make_room_for_files, raise_file_limit, tell_ready};
use crate::reactor::{self, Face, Listener, MAX_ADMIN_CONNECTIONS, Parts, Reactor};
use crate::swarm::GroupNames;
use crate::worker;
use log::{error, info, warn};
use mio::{Poll, Waker};
use reload::Reloader;
use settings::Instance;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// File descriptors that are not for connections, nor for fetches: listeners, log, database.
const RESERVED_FILES: u64 = 32;

/// Files that the kernel is to have room for at the start, at most: 8 MiB of its memory.
const MOST_FILES_AHEAD: u64 = 1 << 20;

/// How long the database may take for one answer.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(10);
/// One job for the database is out at a time, and brings its outcome and the news.
const STORE_QUEUE: usize = 4;

/// Why the daemon did not start, or ended by itself; for the operator.
#[derive(Debug)]
pub struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Runs the daemon with the configuration in this file until a signal says stop.
pub fn run(path: &Path) -> Result<(), Error> {
    let config = config::load(path).map_err(|faults| Error(faults.to_string()))?;
    let log = logging::start(&config.settings.logging).map_err(|error| {
        Error(format!(
            "logging.path: cannot log into {}: {error}",
            config.settings.logging.path.display()
        ))
    })?;
    panics::report();
    let result = survive(|| serve(path, config, log.clone())).unwrap_or_else(|| {
        let text = "btrt ends, as a fault in this program leaves nothing to go on with";
        Err(Error(text.to_owned()))
    });
    if let Err(error) = &result {
        error!(target: CRITICAL, "{error}");
    }
    log.flush();
    result
}

fn serve(path: &Path, mut config: Config, log: Log) -> Result<(), Error> {
    let failed = |what: &'static str| move |error| Error(format!("cannot {what}: {error}"));
    let signals = reactor::catch_signals().map_err(failed("catch signals"))?;
    info!("btrt {} starts with {}", crate::VERSION, path.display());
    config
        .warnings
        .iter()
        .for_each(|warning| warn!("{warning}"));
    let server = &config.settings.server;
    let identity = Identity::find(server.user.as_deref(), server.group.as_deref());
    let identity = identity.map_err(Error)?;
    let listeners = bind(&config)?;
    let instance = Instance {
        via: format!("btrt-{:016x}", fastrand::u64(..)),
        own_addresses: listeners.iter().map(Listener::address).collect(),
        database: settings::database_kind(&config),
    };
    let mut reactor_settings = settings::reactor(&config, &instance);
    fit_connections(&mut reactor_settings, &config.settings);
    let pid_file = server.pid_file.as_deref().map(PidFile::write);
    let _pid_file = pid_file.transpose().map_err(Error)?;
    if let Some(identity) = identity {
        let folder = &config.settings.logging.path;
        for path in [folder.clone(), folder.join(logging::CURRENT)] {
            if let Err(error) = identity.own(&path) {
                warn!("{} may not be writable later on: {error}", path.display());
            }
        }
        identity.take_on().map_err(Error)?;
    }

    let poll = Poll::new().map_err(failed("poll for events"))?;
    let waker = reactor::waker(&poll).map_err(failed("make a waker"))?;
    let waker = Arc::new(waker);
    let workers = &config.settings.workers;
    let (pool, desk) = channel::new(workers.max_pending as usize, waker.clone());
    worker::start(workers.threads as usize, &desk).map_err(failed("start a worker thread"))?;
    drop(desk);
    let store = start_store(&config, &waker).map_err(failed("start the database's thread"))?;
    for listener in &listeners {
        match listener.face() {
            Face::Public => info!("listening on {}", listener.address()),
            Face::Admin => info!("operators are served at http://{}/", listener.address()),
        }
    }
    let mut reactor = Reactor::new(Parts {
        poll,
        signals,
        listeners,
        work: Work { pool, store },
        settings: reactor_settings,
        tracker: settings::tracker(&config, &instance),
        groups: settings::groups(&mut config, &GroupNames::new()),
        reload: Reloader::new(path, config.settings, instance, log, waker),
        seed: fastrand::u64(..),
    })
    .map_err(failed("wait for sockets and signals"))?;
    tell_ready();
    // The workers end with the process: whatever they are at, nobody waits for it any more.
    reactor.run().map_err(failed("poll for events"))?;

    info!("stopped");
    Ok(())
}

/// Starts the thread that looks after the database, if there is to be one.
fn start_store(
    config: &Config,
    waker: &Arc<Waker>,
) -> io::Result<Option<Office<StoreJob, StoreOutcome>>> {
    let Some(place) = database::place(config, Some(DATABASE_TIMEOUT)) else {
        return Ok(None);
    };
    let (office, desk) = channel::new(STORE_QUEUE, waker.clone());
    worker::database::start(place, desk)?;
    Ok(Some(office))
}

fn bind(config: &Config) -> Result<Vec<Listener>, Error> {
    let server = &config.settings.server;
    let public = server.listen.iter().map(|&address| (address, Face::Public));
    // The operators' first: it is served first as well.
    let admin = server.admin_listen.map(|address| (address, Face::Admin));
    let bound = admin.into_iter().chain(public).map(|(address, face)| {
        let key = match face {
            Face::Public => "listen",
            Face::Admin => "admin_listen",
        };
        Listener::bind(address, face).map_err(|error| {
            Error(format!(
                "server.{key}: cannot listen on {address}: {error} (is another program using it? \
                 ports below 1024 need root)"
            ))
        })
    });
    bound.collect()
}

/// Connections that there will be no file descriptors for are not promised.
fn fit_connections(settings: &mut reactor::Settings, config: &Settings) {
    let files = match raise_file_limit() {
        Ok(files) => files,
        Err(error) => {
            warn!("the limit on open files cannot be raised: {error}");
            return;
        }
    };
    let for_operators = config
        .server
        .admin_listen
        .map_or(0, |_| MAX_ADMIN_CONNECTIONS);
    // Each fetch has a connection, and may look up a name besides.
    let for_fetches = 2 * u64::from(config.workers.threads);
    let reserved = RESERVED_FILES + for_operators as u64 + for_fetches;
    let room = usize::try_from(files.saturating_sub(reserved)).unwrap_or(usize::MAX);
    if settings.max_connections > room {
        let room = room.max(1);
        warn!(
            "server.max_connections is {}, but the system allows {files} open files: at most \
             {room} connections (raise it with `ulimit -n` or LimitNOFILE)",
            settings.max_connections,
        );
        settings.max_connections = room;
    }
    let wanted = reserved.saturating_add(settings.max_connections as u64);
    let wanted = wanted.min(files).min(MOST_FILES_AHEAD);
    if let Err(error) = make_room_for_files(wanted) {
        warn!("no room can be made for {wanted} open files ahead of time: {error}");
    }
}
