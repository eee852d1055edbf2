//! The thread that writes `btrt.log`.
//!
//! What cannot be written stays in hand and is tried again; meanwhile the queue fills, and what
//! does not fit there is lost and counted. So there is one place where lines are lost, and the
//! line that tells of it stands where they are missing.

use super::file::LogFile;
use super::line;
use super::queue::Queue;
use super::schedule::Schedule;
use crate::config::Logging;
use crate::panics::survive;
use chrono::{DateTime, Local, NaiveDateTime};
use log::{error, warn};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::Duration;

/// How long after a failure it is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// What the operator wants of the thread.
#[derive(Debug, Default)]
pub struct Orders {
    /// New settings.
    pub settings: Option<Logging>,
    /// A new file.
    pub switch: bool,
}

/// What the thread has.
#[derive(Debug)]
pub struct Writer {
    queue: Arc<Queue<Orders>>,
    settings: Logging,
    file: LogFile,
    schedule: Schedule,
    /// Lines that are not written yet.
    hand: String,
    is_failing: bool,
    /// Why lines were lost, until that is told.
    reason: Option<String>,
}

impl Writer {
    /// Opens the log and, if a switch was missed while nobody ran, begins a new file.
    pub fn new(settings: &Logging, queue: Arc<Queue<Orders>>) -> io::Result<Writer> {
        let file = LogFile::open(&settings.path)?;
        let now = Local::now();
        let mut writer = Writer {
            queue,
            schedule: Schedule::new(settings.switch_time, day_of(&file, now)?),
            settings: settings.clone(),
            file,
            hand: String::new(),
            is_failing: false,
            reason: None,
        };
        if writer.schedule.is_due(now.naive_local()) {
            writer.switch(now.naive_local());
        }
        Ok(writer)
    }

    /// Writes for as long as the process lives.
    pub fn run(mut self) {
        loop {
            if survive(|| self.turn()).is_none() {
                // Or the same lines may do it again.
                self.hand.clear();
            }
        }
    }

    fn turn(&mut self) {
        let now = Local::now().naive_local();
        let patience = if self.is_failing {
            RETRY
        } else {
            self.schedule.patience(now)
        };
        let news = self.queue.next(&mut self.hand, patience);
        if let Some(lost) = news.lost {
            let reason = self.reason.as_deref();
            let reason = reason.unwrap_or("they came faster than they could be written");
            lost.tell(&mut self.hand, &Local::now(), reason);
        }
        if !self.is_failing {
            self.reason = None;
        }
        self.write();
        let now = Local::now().naive_local();
        if let Some(settings) = news.orders.settings {
            self.change(settings, now);
        }
        if self.schedule.is_due(now) || news.orders.switch {
            self.switch(now);
        }
    }

    fn write(&mut self) {
        let followed = self.file.follow();
        match followed.and_then(|()| self.file.append(&mut self.hand)) {
            Ok(()) => self.is_failing = false,
            Err(error) => {
                if !std::mem::replace(&mut self.is_failing, true) {
                    let folder = self.file.folder().display();
                    error!("cannot write the log in {folder}: {error}");
                }
                self.reason = Some(format!("it could not be written: {error}"));
            }
        }
    }

    fn switch(&mut self, now: NaiveDateTime) {
        let switched = self.file.switch(now);
        if let Err(error) = switched.and_then(|()| self.remove_old()) {
            let folder = self.file.folder().display();
            warn!("the switch of the log in {folder} did not end well: {error}");
        }
    }

    fn remove_old(&self) -> io::Result<()> {
        let keep = usize::try_from(self.settings.keep_files);
        self.file.remove_old(keep.unwrap_or(usize::MAX))
    }

    fn change(&mut self, settings: Logging, now: NaiveDateTime) {
        let old = std::mem::replace(&mut self.settings, settings);
        if self.settings.path != old.path
            && let Err(error) = self.go_on_elsewhere()
        {
            let folder = self.settings.path.display();
            error!("cannot log into {folder}: {error}; the log stays where it is");
            self.settings.path = old.path;
        }
        if self.settings.switch_time != old.switch_time {
            self.schedule = Schedule::new(self.settings.switch_time, now);
        }
        if let Err(error) = self.remove_old() {
            warn!("an earlier log cannot be removed: {error}");
        }
    }

    fn go_on_elsewhere(&mut self) -> io::Result<()> {
        let file = LogFile::open(&self.settings.path)?;
        let folder = self.settings.path.display();
        let text = format_args!("the log goes on in {folder}");
        line::add(&mut self.hand, &Local::now(), "info", text);
        self.write();
        self.file = file;
        Ok(())
    }
}

/// The file belongs to the day on which it was last written to, maybe by an earlier run.
fn day_of(file: &LogFile, now: DateTime<Local>) -> io::Result<NaiveDateTime> {
    let metadata = file.metadata()?;
    let written = DateTime::from_timestamp(metadata.mtime(), 0);
    let written = written.filter(|&written| metadata.len() > 0 && written < now);
    let day = written.map_or(now, |written| written.with_timezone(&Local));
    Ok(day.naive_local())
}
