//! From a target to the addresses that may be contacted.

use super::deadline::Deadline;
use super::socket_error;
use crate::bittorrent::{Reach, Target};
use crate::job::{FetchError, FetchPolicy, Forbidden};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

/// Addresses of one host that are tried.
const MAX_ADDRESSES: usize = 4;

/// Lookups of one worker that may go on after nobody waits for them any more. The system's
/// resolver cannot be stopped, and may take half a minute for a name whose server is silent.
const MAX_LOOKUPS: usize = 8;

/// Looks names up with a deadline.
#[derive(Debug, Default)]
pub struct Resolver {
    /// Each lookup that goes on holds one more reference.
    lookups: Arc<()>,
}

impl Resolver {
    /// The addresses of a target that may be contacted, at least one.
    pub fn resolve(
        &mut self,
        target: &Target,
        policy: &FetchPolicy,
        is_trusted: bool,
        deadline: Deadline,
    ) -> Result<Vec<SocketAddr>, FetchError> {
        let found = match target.host.parse::<IpAddr>() {
            Ok(ip) => vec![SocketAddr::new(ip, target.port)],
            Err(_) => self.look_up(target, deadline)?,
        };
        let mut allowed = Vec::new();
        let mut error = FetchError::Unresolvable;
        for address in found {
            match check(address, policy, is_trusted) {
                Ok(()) => allowed.push(address),
                Err(rule) => error = FetchError::Refused(rule),
            }
        }
        allowed.truncate(MAX_ADDRESSES);
        if allowed.is_empty() {
            Err(error)
        } else {
            Ok(allowed)
        }
    }

    fn look_up(
        &mut self,
        target: &Target,
        deadline: Deadline,
    ) -> Result<Vec<SocketAddr>, FetchError> {
        // No fault of this name: all of them may be others, whose servers are silent.
        if Arc::strong_count(&self.lookups) > MAX_LOOKUPS {
            return Err(FetchError::Short);
        }
        let running = self.lookups.clone();
        let name = (target.host.clone(), target.port);
        let (sender, receiver) = mpsc::sync_channel(1);
        let lookup = move || {
            let found = name.to_socket_addrs().map(Iterator::collect::<Vec<_>>);
            drop(running);
            // It fails if nobody waits any more.
            let _ = sender.send(found);
        };
        let thread = thread::Builder::new().name("lookup".into()).spawn(lookup);
        thread.map_err(|_| FetchError::Short)?;
        match receiver.recv_timeout(deadline.left()?) {
            Ok(found) => found.map_err(|error| match socket_error(&error) {
                FetchError::Short => FetchError::Short,
                _ => FetchError::Unresolvable,
            }),
            Err(mpsc::RecvTimeoutError::Timeout) => Err(FetchError::Timeout),
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(FetchError::Unresolvable),
        }
    }
}

/// Whether an address may be contacted.
fn check(address: SocketAddr, policy: &FetchPolicy, is_trusted: bool) -> Result<(), Forbidden> {
    let ip = address.ip().to_canonical();
    let may_contact = match Reach::of(ip) {
        Reach::Public => true,
        Reach::Confined => is_trusted || policy.allows(ip),
        Reach::Nowhere => false,
    };
    if !may_contact {
        return Err(Forbidden::Address(ip));
    }
    let is_own = |own: &SocketAddr| {
        let own_ip = own.ip().to_canonical();
        own.port() == address.port() && (own_ip == ip || own_ip.is_unspecified() && is_local(ip))
    };
    if policy.own_addresses.iter().any(is_own) {
        return Err(Forbidden::Own(SocketAddr::new(ip, address.port())));
    }
    Ok(())
}

/// Whether this machine has the address: only its own can be bound.
fn is_local(ip: IpAddr) -> bool {
    UdpSocket::bind((ip, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_not_to_blame_for_the_lookups_of_others() {
        let mut resolver = Resolver::default();
        let _others: Vec<_> = (0..MAX_LOOKUPS).map(|_| resolver.lookups.clone()).collect();
        let target = Target::parse(b"http://tracker.example/").unwrap();
        let found = resolver.look_up(&target, Deadline::after(1_000));
        assert_eq!(found, Err(FetchError::Short));
    }
}
