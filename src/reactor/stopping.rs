//! The end: what is in hand is answered, then the database gets what it has not got yet.

use super::connection::{Connection, Phase};
use super::listener::Face;
use super::slots::Tenant;
use super::{Reactor, Reload};
use crate::time::Now;
use log::{info, warn};

/// How long requests in hand may take when the daemon stops, in milliseconds.
const DRAINING: u64 = 5_000;
/// How long the database may take after that for what it has not got yet, in milliseconds.
const FLUSHING: u64 = 10_000;

impl<R: Reload> Reactor<R> {
    /// Stops accepting, and closes the connections on which nothing is in hand. What has come in
    /// already is answered.
    pub(super) fn stop(&mut self) {
        if self.stopping_since.is_some() {
            return;
        }
        info!("stopping");
        self.stopping_since = Some(self.now);
        self.listeners.clear();
        for token in self.connections.tokens() {
            self.serve(token, Connection::try_reading);
        }
        for face in Face::ALL {
            for phase in [Phase::Fresh, Phase::Idle] {
                while let Some(token) = self.connections.first(face, phase).map(Connection::token) {
                    self.close(token);
                }
            }
        }
    }

    /// When the daemon ends, whether all is done or not.
    pub(super) fn stop_deadline(&self) -> Option<Now> {
        let since = self.stopping_since?;
        Some(match self.drained_since {
            None => since.plus(DRAINING),
            Some(since) => since.plus(FLUSHING),
        })
    }

    /// Once all that was in hand is answered, the database gets the rest.
    pub(super) fn drain(&mut self) {
        let stopping = self.stopping_since.is_some() && self.drained_since.is_none();
        if stopping && self.is_late() {
            // Who waits for an external tracker gets what there is.
            self.tracker.end_waiting();
            self.deliver_answers(usize::MAX);
        }
        if stopping && (self.is_late() || self.connections.is_empty()) {
            for token in self.connections.tokens() {
                self.close(token);
            }
            self.drained_since = Some(self.now);
            self.tracker.stop();
        }
    }

    fn is_late(&self) -> bool {
        let deadline = self.stop_deadline();
        deadline.is_some_and(|deadline| deadline <= self.now)
    }

    pub(super) fn is_done(&self) -> bool {
        if self.drained_since.is_none() || self.tracker.is_stopped() {
            return self.drained_since.is_some();
        }
        if self.is_late() {
            warn!("the database did not get all changes in time; they are lost");
        }
        self.is_late()
    }
}
