//! Connections that are ready: some at a time receive what there is, the tracker sees what is
//! coming, each is served, and then all are answered. The kernel is called in a row, and the
//! tracker too, so that each finds in the processor's caches what it has just used.

use super::connection::Step;
use super::{Buffers, Reactor, Reload};
use crate::protocol::http::announced_in;
use mio::Token;
use mio::event::Event;

/// Connections that receive before the first of them is served.
const TOGETHER: usize = 32;
/// Bytes that a connection receives in one go: somewhat more than the longest head has. That it
/// is no power of two keeps the rooms from competing for the same places in the processor's cache.
const ROOM: usize = 9 * 1024;
/// Bytes of answers that may wait for those of others: more than ordinary clients cause, so that
/// nobody waits for those who ask for much at once.
const UNSENT: usize = 64 * 1024;
/// Requests that are looked for in what a connection has received.
const FORESEEN: usize = 16;

/// What a connection is served with.
#[derive(Debug)]
pub(super) struct Room {
    /// Memory to receive into.
    pub received: Box<[u8]>,
    /// Its answers, until they are sent.
    pub answers: Vec<u8>,
}

/// A room for each of the connections that are served together.
#[derive(Debug)]
pub(super) struct Rooms([Room; TOGETHER]);

impl Default for Rooms {
    fn default() -> Self {
        Rooms(std::array::from_fn(|_| Room {
            received: vec![0; ROOM].into_boxed_slice(),
            answers: Vec::new(),
        }))
    }
}

impl Rooms {
    /// One of them.
    pub fn get(&mut self, number: usize) -> &mut Room {
        &mut self.0[number]
    }
}

impl<R: Reload> Reactor<R> {
    /// Takes note of what the kernel says of a connection. Those that have been greedy before wait
    /// until it is their turn.
    pub(super) fn note_ready(&mut self, token: Token, event: &Event) {
        let Some(connection) = self.connections.get_mut(token) else {
            return;
        };
        connection.take_readiness(event);
        if !connection.greedy && !connection.queued {
            self.ready.push(token);
        } else if !std::mem::replace(&mut connection.queued, true) {
            self.busy.push_back(token);
        }
    }

    /// Serves those who are ready.
    pub(super) fn serve_ready(&mut self) {
        let mut ready = std::mem::take(&mut self.ready);
        for together in ready.chunks(TOGETHER) {
            let Buffers { rooms, coming, .. } = &mut self.buffers;
            for (number, &token) in together.iter().enumerate() {
                if let Some(connection) = self.connections.get_mut(token) {
                    let remote = connection.remote();
                    let received = &mut rooms.get(number).received;
                    let seen = announced_in(connection.receive_ahead(received));
                    coming.extend(seen.take(FORESEEN).map(|info_hash| (info_hash, remote)));
                }
            }
            // One alone has nobody to wait together with.
            if coming.len() > 1 {
                self.tracker.foresee(coming);
            }
            coming.clear();
            let mut steps = [None; TOGETHER];
            let mut unsent = 0;
            for (number, &token) in together.iter().enumerate() {
                steps[number] = self.work(number, token, |_| {});
                unsent += self.buffers.rooms.get(number).answers.len();
                if unsent >= UNSENT {
                    self.finish_all(together, &mut steps);
                    unsent = 0;
                }
            }
            self.finish_all(together, &mut steps);
        }
        ready.clear();
        self.ready = ready;
    }

    /// Answers those who have been served and not answered yet.
    fn finish_all(&mut self, together: &[Token], steps: &mut [Option<Step>]) {
        for (number, (&token, step)) in together.iter().zip(steps).enumerate() {
            if let Some(step) = step.take() {
                self.finish(number, token, step);
            }
        }
    }
}
