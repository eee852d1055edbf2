//! Asks other trackers: external ones in a client's name, and neighbors.
//!
//! Everything here comes from outside: clients name the tracker, trackers name where to go on, and
//! name servers say at which address. So each address is checked against the policy after it is
//! known, and that very address is connected to; whatever happens, the fetch ends in time.

mod deadline;
mod http;
mod resolve;
mod udp;

use crate::bittorrent::{Scheme, Target, UpstreamReply};
use crate::job::{Fetch, FetchError, FetchPolicy, Forbidden};
use deadline::Deadline;
use nix::errno::Errno;
use resolve::Resolver;
use std::io;

/// One worker's means to ask other trackers.
#[derive(Debug, Default)]
pub struct Upstream {
    resolver: Resolver,
}

impl Upstream {
    /// Asks, and waits for the answer until the fetch's time is over.
    pub fn fetch(&mut self, fetch: &Fetch) -> Result<UpstreamReply, FetchError> {
        let deadline = Deadline::after(fetch.timeout_ms);
        match fetch.target.scheme {
            Scheme::Http | Scheme::Https => http::fetch(fetch, &mut self.resolver, deadline),
            Scheme::Udp => udp::fetch(fetch, &mut self.resolver, deadline),
        }
    }
}

/// Whether the operator vouches for this target: it is the one of the fetch, or another one on the
/// same host.
fn is_trusted(fetch: &Fetch, target: &Target) -> bool {
    fetch.policy.trusted && target.host == fetch.target.host
}

/// What an error of a socket shows: that the host is in trouble, or this machine.
fn socket_error(error: &io::Error) -> FetchError {
    let is_short = [Errno::EMFILE, Errno::ENFILE, Errno::ENOBUFS, Errno::ENOMEM]
        .map(|errno| Some(errno as i32))
        .contains(&error.raw_os_error());
    match is_short {
        true => FetchError::Short,
        false => FetchError::Connect(error.kind()),
    }
}

fn check_port(policy: &FetchPolicy, port: u16) -> Result<(), FetchError> {
    if policy.ports.iter().any(|range| range.contains(&port)) {
        Ok(())
    } else {
        Err(FetchError::Refused(Forbidden::Port(port)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_machine_lacks_is_no_fault_of_the_host() {
        let shown = |errno: Errno| {
            let error = socket_error(&io::Error::from(errno));
            error.host_is_well()
        };
        assert_eq!(shown(Errno::EMFILE), None);
        assert_eq!(shown(Errno::ENFILE), None);
        assert_eq!(shown(Errno::ECONNREFUSED), Some(false));
        assert_eq!(shown(Errno::EHOSTUNREACH), Some(false));
    }
}
