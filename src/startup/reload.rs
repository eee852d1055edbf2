//! SIGHUP: the configuration is read again in a thread of its own, as a routing table takes its
//! time, and the loop gets what can change while it runs. SIGUSR1 is for the log alone.

use super::fit_connections;
use super::settings::{self, Instance};
use crate::config::{self, Settings};
use crate::logging::Log;
use crate::panics::survive;
use crate::process::stand_back;
use crate::reactor::{Faulty, Reload, Reloaded};
use crate::swarm::GroupNames;
use crossbeam_channel::{Receiver, Sender, bounded};
use log::{error, info, warn};
use mio::Waker;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::Builder;

/// Reads the configuration again.
pub(super) struct Reloader {
    reading: Reading,
    results: Receiver<Result<Reloaded, Faulty>>,
}

/// What the thread takes along.
#[derive(Clone)]
struct Reading {
    path: PathBuf,
    /// The configuration that the daemon was started with.
    started_with: Arc<Settings>,
    instance: Instance,
    log: Log,
    waker: Arc<Waker>,
    results: Sender<Result<Reloaded, Faulty>>,
}

impl Reloader {
    pub fn new(
        path: &Path,
        settings: Settings,
        instance: Instance,
        log: Log,
        waker: Arc<Waker>,
    ) -> Reloader {
        let (sender, receiver) = bounded(1);
        Reloader {
            reading: Reading {
                path: path.to_owned(),
                started_with: Arc::new(settings),
                instance,
                log,
                waker,
                results: sender,
            },
            results: receiver,
        }
    }
}

impl Reload for Reloader {
    fn begin(&mut self, names: GroupNames) {
        let reading = self.reading.clone();
        let results = reading.results.clone();
        let thread = Builder::new().name("reload".to_owned());
        let started = thread.spawn(move || {
            stand_back();
            let result = survive(|| reading.read(&names)).unwrap_or(Err(Faulty));
            if reading.results.send(result).is_ok() {
                let _ = reading.waker.wake();
            }
        });
        if let Err(error) = started {
            error!("the configuration was not read again: cannot start a thread: {error}");
            let _ = results.try_send(Err(Faulty));
        }
    }

    fn switch_log(&mut self) {
        self.reading.log.switch();
    }

    fn finish(&mut self) -> Option<Result<Reloaded, Faulty>> {
        self.results.try_recv().ok()
    }
}

impl Reading {
    fn read(&self, names: &GroupNames) -> Result<Reloaded, Faulty> {
        let mut config = config::load(&self.path).map_err(|faults| {
            faults.iter().for_each(|fault| error!("{fault}"));
            error!("the configuration is faulty; the old one stays in force");
            Faulty
        })?;
        config
            .warnings
            .iter()
            .for_each(|warning| warn!("{warning}"));
        for key in self.started_with.keys_that_need_a_restart(&config.settings) {
            warn!("{key} has changed, which takes effect with the next restart");
        }
        let mut reactor = settings::reactor(&config, &self.instance);
        fit_connections(&mut reactor, &config.settings);
        let reloaded = Reloaded {
            reactor,
            tracker: settings::tracker(&config, &self.instance),
            groups: settings::groups(&mut config, names),
        };
        self.log.change(&config.settings.logging);
        info!("the new configuration is in force");
        Ok(reloaded)
    }
}
