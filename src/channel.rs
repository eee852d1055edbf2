//! The two queues between the loop and the workers. Both are bounded: a full one is a fact to be
//! handled, not memory to be used.

use crate::job::{Job, Outcome};
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use mio::Waker;
use std::sync::Arc;

/// The loop's side: it never waits.
#[derive(Debug)]
pub struct Work {
    jobs: Sender<Job>,
    outcomes: Receiver<Outcome>,
}

/// A worker's side: it waits for jobs, and wakes the loop with what it has done.
#[derive(Clone, Debug)]
pub struct Desk {
    jobs: Receiver<Job>,
    outcomes: Sender<Outcome>,
    waker: Arc<Waker>,
}

/// Both sides of queues for this many jobs and outcomes.
pub fn new(capacity: usize, waker: Arc<Waker>) -> (Work, Desk) {
    let (job_sender, job_receiver) = bounded(capacity);
    let (outcome_sender, outcome_receiver) = bounded(capacity);
    let work = Work {
        jobs: job_sender,
        outcomes: outcome_receiver,
    };
    let desk = Desk {
        jobs: job_receiver,
        outcomes: outcome_sender,
        waker,
    };
    (work, desk)
}

impl Work {
    /// Hands a job out, or back if the queue is full or nobody works any more.
    pub fn hand_out(&self, job: Job) -> Result<(), Job> {
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(job) | TrySendError::Disconnected(job) => job,
        })
    }

    /// The next outcome that is there.
    pub fn next_outcome(&self) -> Option<Outcome> {
        self.outcomes.try_recv().ok()
    }
}

impl Desk {
    /// Waits for a job; `None` when there will be no more.
    pub fn next_job(&self) -> Option<Job> {
        self.jobs.recv().ok()
    }

    /// Brings an outcome to the loop.
    pub fn bring(&self, outcome: Outcome) {
        // Both fail only when the loop has ended, and then nobody wants the outcome.
        if self.outcomes.send(outcome).is_ok() {
            let _ = self.waker.wake();
        }
    }
}
