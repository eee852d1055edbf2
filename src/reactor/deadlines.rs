//! How long the loop may sleep, and what becomes of connections whose time is over.

use super::connection::{Connection, Phase};
use super::slots::Tenant;
use super::{Face, Reactor, Reload};
use crate::time::Now;
use std::time::Duration;

/// How long a client that was refused may go on sending before the connection is cut: closing
/// at once would take the answer away from it (RFC 9112, section 9.6). In milliseconds.
const LINGERING: u64 = 2_000;
/// Connections in each phase whose time may end in one turn: a crowd that came at once ends at
/// once.
const EXPIRED_PER_TURN: usize = 32;

impl<R: Reload> Reactor<R> {
    /// How long the loop may sleep.
    pub(super) fn timeout(&self) -> Option<Duration> {
        let accepting = self.accept_paused_until.is_none();
        if !self.busy.is_empty()
            || self.undelivered
            || (accepting && self.listeners.iter().any(|one| one.is_ready))
        {
            return Some(Duration::ZERO);
        }
        let mut next = self.tracker.next_timeout();
        for (face, phase) in with_deadline() {
            if let Some(connection) = self.connections.first(face, phase) {
                next = next.min(self.deadline(connection));
            }
        }
        for deadline in [self.accept_paused_until, self.stop_deadline()] {
            next = deadline.map_or(next, |deadline| next.min(deadline));
        }
        let left = next.0.saturating_sub(self.turn_ended.0);
        Some(Duration::from_millis(left))
    }

    fn deadline(&self, connection: &Connection) -> Now {
        let (phase, since) = connection.phase();
        let timeout = match phase {
            Phase::Fresh | Phase::Receiving => u64::from(self.settings.request_timeout) * 1000,
            Phase::Idle | Phase::Sending => u64::from(self.settings.idle_timeout) * 1000,
            Phase::Lingering => LINGERING,
            Phase::Busy | Phase::Parked => u64::MAX,
        };
        since.plus(timeout)
    }

    pub(super) fn expire_deadlines(&mut self) {
        for (face, phase) in with_deadline() {
            for _ in 0..EXPIRED_PER_TURN {
                let first = self.connections.first(face, phase);
                let Some(late) = first.filter(|one| self.deadline(one) <= self.now) else {
                    break;
                };
                let token = late.token();
                self.serve(token, Connection::time_out);
            }
        }
        self.accept_paused_until = self.accept_paused_until.filter(|&until| self.now < until);
    }
}

/// All lists of connections whose waiting ends by itself.
fn with_deadline() -> impl Iterator<Item = (Face, Phase)> {
    let both = Face::ALL.into_iter();
    both.flat_map(|face| Phase::WITH_DEADLINE.map(|phase| (face, phase)))
}
