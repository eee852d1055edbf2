//! The thread that looks after the database: it carries the loop's jobs out one after the other,
//! each until it succeeds, however long the database is away.

use super::store::{Clock, Place, Store, StoreError, Trouble, Written};
use crate::channel::Desk;
use crate::job::{StoreJob, StoreOutcome};
use crate::panics::survive;
use crate::process::stand_back;
use log::{error, info, warn};
use std::io;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// Starts the thread. It ends when the loop's side of the channel is dropped: at once, unless it
/// waits for an answer of the database, which takes a time-out at most.
pub fn start(place: Place, desk: Desk<StoreJob, StoreOutcome>) -> io::Result<JoinHandle<()>> {
    let thread = Builder::new().name("database".to_owned());
    thread.spawn(move || work(Store::new(place), &desk))
}

fn work(mut store: Store, desk: &Desk<StoreJob, StoreOutcome>) {
    stand_back();
    let mut health = Health::new(store.place());
    let mut rows = Rows::default();
    while let Some(job) = desk.next_job() {
        let mut clock = None;
        let mut delays = Delays::default();
        let mut is_first = true;
        let outcome = loop {
            let done = survive(|| {
                let clock = clock.get_or_insert_with(|| Clock::present(present(&job)));
                carry_out(&mut store, &job, clock, &mut rows)
            });
            let done = done.unwrap_or_else(|| {
                // Nothing is known of its connection any more.
                store = Store::new(store.place().clone());
                Err(StoreError::new(Trouble::Ours, "a panic"))
            });
            match done {
                Ok(outcome) => break outcome,
                // Servers hang up on who is silent, and start again: a new connection shows whether
                // there is any trouble.
                Err(error) if is_first && error.trouble == Trouble::Unreachable => {
                    is_first = false;
                }
                Err(error) => {
                    if health.fails(&error) {
                        desk.bring(StoreOutcome::DatabaseDown(error.to_string()));
                    }
                    if !desk.pause(delays.next_delay()) {
                        return;
                    }
                }
            }
        };
        health.works();
        // Behind a new connection may be a server that has lost rows, or another one, also if there
        // was no trouble. Where it has only hung up, all rows are read for nothing; but as there is
        // a job at each flush, hardly any does.
        if store.has_connected() {
            desk.bring(StoreOutcome::DatabaseUp);
        }
        desk.bring(outcome);
    }
}

fn present(job: &StoreJob) -> crate::time::Timestamp {
    match job {
        StoreJob::Write(changes) => changes.now,
        StoreJob::ReadPeers { now, .. } | StoreJob::ReadSwarms { now, .. } => *now,
    }
}

fn carry_out(
    store: &mut Store,
    job: &StoreJob,
    clock: &Clock,
    rows: &mut Rows,
) -> Result<StoreOutcome, StoreError> {
    Ok(match job {
        StoreJob::Write(changes) => {
            let written = store.write(changes, clock)?;
            rows.were_written(&written);
            StoreOutcome::Written {
                peers: written.peers,
                swarms: written.swarms,
                refused: written.refused,
            }
        }
        StoreJob::ReadPeers { after, limit, .. } => {
            let page = store.read_peers(clock, after.as_ref(), *limit)?;
            rows.were_read("peers", page.skipped, page.records.len() < *limit);
            StoreOutcome::Peers(page.records)
        }
        StoreJob::ReadSwarms { after, limit, .. } => {
            let page = store.read_swarms(clock, after.as_ref(), *limit)?;
            rows.were_read("torrents", page.skipped, page.records.len() < *limit);
            StoreOutcome::Swarms(page.records)
        }
    })
}

/// How long to wait before the next attempt: twice as long each time, and never quite the same, so
/// that many trackers do not come back to a server at the same instant.
#[derive(Default)]
struct Delays {
    failures: u32,
}

impl Delays {
    const LONGEST: Duration = Duration::from_secs(60);

    fn next_delay(&mut self) -> Duration {
        let delay = Duration::from_secs(1 << self.failures.min(6));
        self.failures = self.failures.saturating_add(1);
        delay
            .mul_f64(1.0 + fastrand::f64() / 4.0)
            .min(Self::LONGEST)
    }
}

/// Whether the database does what it is asked, with a line in the log when that changes.
struct Health {
    place: String,
    /// The first success was told.
    has_worked: bool,
    /// Since when it does not work, and why.
    fault: Option<(Instant, Trouble)>,
}

impl Health {
    fn new(place: &Place) -> Health {
        Health {
            place: place.to_string(),
            has_worked: false,
            fault: None,
        }
    }

    /// It did not work; says whether that is news. Trouble of another kind is: the operator has
    /// started the server, and now the tables are missing.
    #[expect(clippy::disallowed_methods, reason = "workers may read the clock")]
    fn fails(&mut self, error: &StoreError) -> bool {
        let since = match self.fault {
            Some((_, trouble)) if trouble == error.trouble => return false,
            Some((since, _)) => since,
            None => Instant::now(),
        };
        self.fault = Some((since, error.trouble));
        error!(
            "the database {} does not work: {error} (nothing is lost meanwhile: what changes is \
             written when it is back)",
            self.place
        );
        true
    }

    /// It worked.
    fn works(&mut self) {
        let fault = self.fault.take();
        match fault {
            Some((since, _)) => info!(
                "the database {} works again, after {} s",
                self.place,
                since.elapsed().as_secs()
            ),
            None if !self.has_worked => info!("the database is {}", self.place),
            None => {}
        }
        self.has_worked = true;
    }
}

/// Rows that the database does not take, or that cannot be read: the log has a line when that
/// begins and one when it ends, and never what is in them.
#[derive(Default)]
struct Rows {
    refused: usize,
    skipped: usize,
}

impl Rows {
    fn were_written(&mut self, written: &Written) {
        if let (0, Some(reason)) = (self.refused, &written.refusal) {
            warn!("the database refuses rows, which are left out: {reason}");
        }
        let some = written.peers + written.swarms > 0;
        if some && written.refused == 0 && self.refused > 0 {
            info!(
                "the database takes all rows again; {} were left out",
                self.refused
            );
            self.refused = 0;
        }
        self.refused += written.refused;
    }

    fn were_read(&mut self, table: &str, skipped: usize, at_end: bool) {
        self.skipped += skipped;
        if at_end && self.skipped > 0 {
            warn!(
                "{} rows of the table {table} make no sense and are left out",
                self.skipped
            );
            self.skipped = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_from_a_second_to_a_minute() {
        let mut delays = Delays::default();
        let first: Vec<_> = (0..9).map(|_| delays.next_delay().as_secs_f64()).collect();
        for (delay, least) in first.iter().zip([1.0, 2.0, 4.0, 8.0, 16.0, 32.0]) {
            assert!((least..=least * 1.25).contains(delay), "{first:?}");
        }
        assert_eq!(first[6..], [60.0; 3]);
        delays.failures = u32::MAX;
        assert_eq!(delays.next_delay(), Delays::LONGEST);
    }
}
