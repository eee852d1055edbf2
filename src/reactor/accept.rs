//! New connections: among the last steps of a turn, so that those who are being served go first.

use super::connection::{Connection, Phase};
use super::slots::Tenant;
use super::{Reactor, Reload};
use crate::time::Now;
use log::{info, warn};
use mio::Token;
use mio::net::TcpStream;
use nix::errno::Errno;
use std::io;
use std::net::SocketAddr;

/// Connections accepted in one turn, so that a rush of new ones does not keep the others waiting.
const ACCEPTED_PER_TURN: usize = 16;
/// How long accepting pauses when the process has no more file descriptors, in milliseconds.
const ACCEPT_PAUSE: u64 = 200;
/// How long nothing must have failed before that is over, in milliseconds: a connection that ends
/// leaves room for one more, and the log need not know.
const ACCEPT_OUTAGE: u64 = 10_000;

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
                        self.warn_of_accept(place, &error);
                        if !self.make_room(&error) {
                            self.accept_paused_until = Some(self.now.plus(ACCEPT_PAUSE));
                            return;
                        }
                    }
                }
            }
        }
        let is_over = |failed: Now| self.now >= failed.plus(ACCEPT_OUTAGE);
        if accepted > 0 && self.accept_failed.is_some_and(is_over) {
            info!("accepting connections again");
            self.accept_failed = None;
        }
    }

    /// If the system has fewer file descriptors than were promised, the longest idle connection
    /// gives one back; says whether there was any.
    fn make_room(&mut self, error: &io::Error) -> bool {
        let is_short = [Errno::EMFILE, Errno::ENFILE].map(|errno| errno as i32);
        let is_short = error
            .raw_os_error()
            .is_some_and(|errno| is_short.contains(&errno));
        let longest_idle = self.longest_idle().filter(|_| is_short);
        longest_idle.map(|token| self.close(token)).is_some()
    }

    fn warn_of_accept(&mut self, place: usize, error: &io::Error) {
        if self.accept_failed.replace(self.now).is_none() {
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
