//! Connections that are ready: some at a time receive what there is, the tracker sees what is
//! coming, and then each is served.

use super::{Buffers, Reactor, Reload};
use crate::protocol::http::announced_in;
use mio::Token;
use mio::event::Event;

/// Connections that receive before the first of them is served.
const TOGETHER: usize = 16;
/// Bytes that a connection receives in one go: somewhat more than the longest head has. That it
/// is no power of two keeps the rooms from competing for the same places in the processor's cache.
const ROOM: usize = 9 * 1024;
/// Requests that are looked for in what a connection has received.
const FORESEEN: usize = 16;

/// Memory to receive into, for each of the connections that do so together.
#[derive(Debug)]
pub(super) struct Rooms(Box<[u8]>);

impl Default for Rooms {
    fn default() -> Self {
        Rooms(vec![0; TOGETHER * ROOM].into_boxed_slice())
    }
}

impl Rooms {
    /// The memory of one of them.
    pub fn room(&mut self, number: usize) -> &mut [u8] {
        &mut self.0[number * ROOM..][..ROOM]
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
            let Buffers {
                received, coming, ..
            } = &mut self.buffers;
            for (number, &token) in together.iter().enumerate() {
                if let Some(connection) = self.connections.get_mut(token) {
                    let remote = connection.remote();
                    let seen = announced_in(connection.receive_ahead(received.room(number)));
                    coming.extend(seen.take(FORESEEN).map(|info_hash| (info_hash, remote)));
                }
            }
            // One alone has nobody to wait together with.
            if coming.len() > 1 {
                self.tracker.foresee(coming);
            }
            coming.clear();
            for (number, &token) in together.iter().enumerate() {
                self.serve_in(number, token, |_| {});
            }
        }
        ready.clear();
        self.ready = ready;
    }
}
