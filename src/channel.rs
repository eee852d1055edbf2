//! The queues between the loop and those who work for it. All are bounded: a full one is a fact to
//! be handled, not memory to be used.

use crate::job::{Job, Outcome, StoreJob, StoreOutcome};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use mio::Waker;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

/// The loop's side of a pair of queues: it never waits.
#[derive(Debug)]
pub struct Office<J, O> {
    jobs: Sender<J>,
    outcomes: Receiver<O>,
    /// Carries nothing: that it is dropped is the message.
    _presence: Sender<Infallible>,
}

/// A worker's side: it waits for jobs, and wakes the loop with what it has done.
#[derive(Debug)]
pub struct Desk<J, O> {
    jobs: Receiver<J>,
    outcomes: Sender<O>,
    presence: Receiver<Infallible>,
    waker: Arc<Waker>,
}

/// Both sides of queues for this many jobs and outcomes.
pub fn new<J, O>(capacity: usize, waker: Arc<Waker>) -> (Office<J, O>, Desk<J, O>) {
    let (job_sender, job_receiver) = bounded(capacity);
    let (outcome_sender, outcome_receiver) = bounded(capacity);
    let (presence_sender, presence_receiver) = bounded(0);
    let office = Office {
        jobs: job_sender,
        outcomes: outcome_receiver,
        _presence: presence_sender,
    };
    let desk = Desk {
        jobs: job_receiver,
        outcomes: outcome_sender,
        presence: presence_receiver,
        waker,
    };
    (office, desk)
}

/// Everybody who works for the loop.
#[derive(Debug)]
pub struct Work {
    /// The pool of workers.
    pub pool: Office<Job, Outcome>,
    /// The database's worker, if there is a database.
    pub store: Option<Office<StoreJob, StoreOutcome>>,
}

impl<J, O> Office<J, O> {
    /// Hands a job out, or back if the queue is full or nobody works any more.
    pub fn hand_out(&self, job: J) -> Result<(), J> {
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(job) | TrySendError::Disconnected(job) => job,
        })
    }

    /// The next outcome that is there.
    pub fn next_outcome(&self) -> Option<O> {
        self.outcomes.try_recv().ok()
    }
}

// Derived, it would want jobs and outcomes that can be cloned.
impl<J, O> Clone for Desk<J, O> {
    fn clone(&self) -> Self {
        Desk {
            jobs: self.jobs.clone(),
            outcomes: self.outcomes.clone(),
            presence: self.presence.clone(),
            waker: self.waker.clone(),
        }
    }
}

impl<J, O> Desk<J, O> {
    /// Waits for a job; `None` when there will be no more.
    pub fn next_job(&self) -> Option<J> {
        self.jobs.recv().ok()
    }

    /// Brings an outcome to the loop.
    pub fn bring(&self, outcome: O) {
        // Both fail only when the loop has ended, and then nobody wants the outcome.
        if self.outcomes.send(outcome).is_ok() {
            let _ = self.waker.wake();
        }
    }

    /// Waits this long before something is tried again; false, at once, when the loop has ended.
    pub fn pause(&self, duration: Duration) -> bool {
        let waited = self.presence.recv_timeout(duration);
        !matches!(waited, Err(RecvTimeoutError::Disconnected))
    }
}
