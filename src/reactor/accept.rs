//! New connections: among the last steps of a turn, so that those who are being served go first.

use super::connection::{Connection, Phase};
use super::listener::Face;
use super::slots::Tenant;
use super::{Reactor, Reload};
use crate::time::Now;
use log::{info, warn};
use mio::Token;
use mio::net::TcpStream;
use nix::errno::Errno;
use std::io;
use std::net::SocketAddr;

/// Connections that one listener takes in one turn, so that a rush of new ones does not keep the
/// others waiting.
const ACCEPTED_PER_TURN: usize = 16;
/// Connections of operators: a bound of their own, so that a flood of the public cannot keep them
/// out, nor they the public.
pub const MAX_ADMIN_CONNECTIONS: usize = 64;
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
        let mut any = false;
        for place in 0..self.listeners.len() {
            match self.accept_at(place) {
                Ok(accepted) => any |= accepted > 0,
                Err(error) => {
                    self.warn_of_accept(place, &error);
                    self.accept_paused_until = Some(self.now.plus(ACCEPT_PAUSE));
                    return;
                }
            }
        }
        let is_over = |failed: Now| self.now >= failed.plus(ACCEPT_OUTAGE);
        if any && self.accept_failed.is_some_and(is_over) {
            info!("accepting connections again");
            self.accept_failed = None;
        }
    }

    /// Accepts at one listener, and returns how many it has tried to.
    fn accept_at(&mut self, place: usize) -> io::Result<usize> {
        let face = self.listeners[place].face();
        let mut accepted = 0;
        while self.listeners[place].is_ready && accepted < ACCEPTED_PER_TURN {
            if accepted > 0 && self.is_full(face) && self.longest_idle(face).is_none() {
                // Some may have gone since the poll: the next one tells, before anybody is turned
                // away.
                break;
            }
            accepted += 1;
            match self.listeners[place].accept() {
                Ok(Some((stream, remote))) => self.welcome(stream, remote, face),
                Ok(None) => {}
                Err(error) if self.make_room(&error) => self.warn_of_accept(place, &error),
                Err(error) => return Err(error),
            }
        }
        Ok(accepted)
    }

    /// If the system has fewer file descriptors than were promised, the longest idle connection
    /// gives one back; says whether there was any.
    fn make_room(&mut self, error: &io::Error) -> bool {
        let is_short = [Errno::EMFILE, Errno::ENFILE].map(|errno| errno as i32);
        let errno = error.raw_os_error();
        let longest_idle = self.longest_idle(Face::Public);
        let longest_idle =
            longest_idle.filter(|_| errno.is_some_and(|one| is_short.contains(&one)));
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

    /// Takes a new connection in, to be served in this turn, as its request has mostly come along
    /// with it. Only one that then stays open gets to know the poll.
    fn welcome(&mut self, stream: TcpStream, remote: SocketAddr, face: Face) {
        if self.is_full(face) {
            match self.longest_idle(face) {
                Some(longest_idle) => self.close(longest_idle),
                None => return,
            }
        }
        let from = (remote.ip().to_canonical(), face);
        let token = self
            .connections
            .insert(|token| Connection::new(stream, from, token, self.now));
        self.ready.push(token);
    }

    fn is_full(&self, face: Face) -> bool {
        let limit = match face {
            Face::Public => self.settings.max_connections,
            Face::Admin => MAX_ADMIN_CONNECTIONS,
        };
        self.connections.count(face) >= limit
    }

    /// The connection that makes room for a new one; never one that is working.
    fn longest_idle(&self, face: Face) -> Option<Token> {
        let idle = [Phase::Idle, Phase::Fresh].map(|phase| self.connections.first(face, phase));
        let longest = idle.into_iter().flatten().min_by_key(|one| one.since());
        longest.map(Connection::token)
    }
}
