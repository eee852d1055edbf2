//! The log: what its lines look like, and where they go.
//!
//! ```text
//! info!(…) → flexi_logger → line → queue → writer → file
//!                                ↘ queue → copy → standard error
//! ```
//!
//! The thread that logs, mostly the loop, only makes the line. Two threads write: one the file,
//! with what a full disk and the switch of files want, one the copy on a terminal, which may
//! stand still. Flexi_logger decides by level what is logged at all; its own file writer blocks
//! the thread that logs, and panics where a folder cannot be read.
//!
//! The levels of [`log`] carry the six of ours: `info!`, `warn!` and `error!` mean what they say,
//! `debug!` is `diagnostic` (a line a fetch), `trace!` is `debug` (a line a request), and what
//! ends the daemon is an error for [`CRITICAL`].

mod file;
mod line;
mod queue;
mod schedule;
mod writer;

use crate::config::{LogLevel, Logging};
use flexi_logger::writers::LogWriter;
use flexi_logger::{DeferredNow, ErrorChannel, LogSpecification, Logger, LoggerHandle};
use log::{LevelFilter, Record};
use queue::Queue;
use std::cell::Cell;
use std::io::{self, Write};
use std::sync::Arc;
use std::thread::Builder;
use std::time::Duration;
use writer::{Orders, Writer};

pub use file::CURRENT;

/// The target of errors that end the daemon: `error!(target: CRITICAL, …)`.
pub const CRITICAL: &str = "critical";

/// How long the end of the daemon may wait for the file, and for the terminal.
const FLUSH_FILE: Duration = Duration::from_secs(5);
const FLUSH_TERMINAL: Duration = Duration::from_secs(1);

/// The running log, for those who may change it.
#[derive(Clone)]
pub struct Log {
    levels: LoggerHandle,
    queues: Queues,
}

/// Where lines go.
#[derive(Clone)]
struct Queues {
    file: Arc<Queue<Orders>>,
    terminal: Option<Arc<Queue<()>>>,
}

/// Begins to log into `btrt.log` in the folder that the settings name, and makes the folder if
/// need be. To be called once.
pub fn start(settings: &Logging) -> io::Result<Log> {
    let queues = Queues {
        file: Arc::default(),
        terminal: settings.terminal.then(Arc::default),
    };
    let levels = Logger::with(specification(settings.level))
        .log_to_writer(Box::new(queues.clone()))
        // Nothing is left for it to complain of: a queue never fails.
        .error_channel(ErrorChannel::DevNull)
        .panic_if_error_channel_is_broken(false)
        .start()
        .map_err(io::Error::other)?;
    let writer = Writer::new(settings, queues.file.clone())?;
    let thread = Builder::new().name("log".to_owned());
    thread.spawn(|| writer.run())?;
    if let Some(queue) = queues.terminal.clone() {
        let thread = Builder::new().name("log copy".to_owned());
        thread.spawn(move || copy(&queue))?;
    }
    Ok(Log { levels, queues })
}

impl Log {
    /// Takes over what can change while the daemon runs: all but the copy on the terminal.
    pub fn change(&self, settings: &Logging) {
        self.levels.set_new_spec(specification(settings.level));
        let settings = settings.clone();
        let file = &self.queues.file;
        file.order(|orders| orders.settings = Some(settings));
    }

    /// Has a new file begun.
    pub fn switch(&self) {
        self.queues.file.order(|orders| orders.switch = true);
    }

    /// Waits until all is written that has been logged; not for long.
    pub fn flush(&self) {
        self.queues.file.flush(FLUSH_FILE);
        if let Some(terminal) = &self.queues.terminal {
            terminal.flush(FLUSH_TERMINAL);
        }
    }
}

impl LogWriter for Queues {
    fn write(&self, now: &mut DeferredNow, record: &Record<'_>) -> io::Result<()> {
        thread_local! {
            static LINE: Cell<String> = const { Cell::new(String::new()) };
        }
        let mut line = LINE.take();
        line.clear();
        line::add(&mut line, now.now(), line::level(record), *record.args());
        self.file.push(&line, now.now());
        if let Some(terminal) = &self.terminal {
            terminal.push(&line, now.now());
        }
        LINE.set(line);
        Ok(())
    }

    /// Nothing stays with the thread that logs.
    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Copies lines to standard error, for as long as the process lives.
fn copy(queue: &Queue<()>) {
    let mut lines = String::new();
    loop {
        if let Some(lost) = queue.next(&mut lines, schedule::LOOK).lost {
            let now = chrono::Local::now();
            lost.tell(&mut lines, &now, "the terminal stood still");
        }
        // A terminal that is gone needs no lines.
        let _ = io::stderr().write_all(lines.as_bytes());
        lines.clear();
    }
}

/// Which records are logged at a level of ours.
fn specification(level: LogLevel) -> LogSpecification {
    let filter = match level {
        LogLevel::Critical => LevelFilter::Off,
        LogLevel::Error => LevelFilter::Error,
        LogLevel::Warning => LevelFilter::Warn,
        LogLevel::Info => LevelFilter::Info,
        LogLevel::Diagnostic => LevelFilter::Debug,
        LogLevel::Debug => LevelFilter::Trace,
    };
    // Other crates have nothing to say that an operator could use below a warning.
    LogSpecification::builder()
        .default(filter.min(LevelFilter::Warn))
        .module("btrt", filter)
        .module(CRITICAL, LevelFilter::Error)
        .build()
}
