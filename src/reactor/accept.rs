//! New connections: among the last steps of a turn, so that those who are being served go first.

use super::connection::{Connection, Phase};
use super::slots::Tenant;
use super::{Reactor, Reload};
use log::{info, warn};
use mio::Token;
use mio::net::TcpStream;
use std::io;
use std::net::SocketAddr;

/// Connections accepted in one turn, so that a rush of new ones does not keep the others waiting.
const ACCEPTED_PER_TURN: usize = 128;
/// How long accepting pauses when the process has no more file descriptors, in milliseconds.
const ACCEPT_PAUSE: u64 = 200;

impl<R: Reload> Reactor<R> {
    pub(super) fn accept(&mut self) {
        if self.accept_paused_until.is_some() {
            return;
        }
        let mut accepted = 0;
        for place in 0..self.listeners.len() {
            while self.listeners[place].is_ready && accepted < ACCEPTED_PER_TURN {
                if accepted > 0 && self.is_full() && self.longest_idle().is_none() {
                    // Some may have gone since the poll: the next one tells, before anybody is
                    // turned away.
                    return;
                }
                accepted += 1;
                match self.listeners[place].accept() {
                    Ok(Some((stream, remote))) => self.welcome(stream, remote),
                    Ok(None) => {}
                    Err(error) => {
                        self.pause_accepting(place, &error);
                        return;
                    }
                }
            }
        }
        if accepted > 0 && std::mem::take(&mut self.accept_failing) {
            info!("accepting connections again");
        }
    }

    fn pause_accepting(&mut self, place: usize, error: &io::Error) {
        self.accept_paused_until = Some(self.now.plus(ACCEPT_PAUSE));
        if !std::mem::replace(&mut self.accept_failing, true) {
            warn!(
                "cannot accept connections at {}: {error}; trying on (are there enough file \
                 descriptors? see `ulimit -n`, LimitNOFILE and server.max_connections)",
                self.listeners[place].address(),
            );
        }
    }

    /// Serves a new connection at once, as its request has mostly come along with it. Only one
    /// that then stays open gets to know the poll.
    fn welcome(&mut self, stream: TcpStream, remote: SocketAddr) {
        if self.is_full() {
            match self.longest_idle() {
                Some(longest_idle) => self.close(longest_idle),
                None => return,
            }
        }
        let ip = remote.ip().to_canonical();
        let token = self
            .connections
            .insert(|token| Connection::new(stream, ip, token, self.now));
        self.serve(token, |_| {});
    }

    fn is_full(&self) -> bool {
        self.connections.len() >= self.settings.max_connections
    }

    /// The connection that makes room for a new one; never one that is working.
    fn longest_idle(&self) -> Option<Token> {
        let idle = [Phase::Idle, Phase::Fresh].map(|phase| self.connections.first(phase));
        let longest = idle.into_iter().flatten().min_by_key(|one| one.since());
        longest.map(Connection::token)
    }
}
