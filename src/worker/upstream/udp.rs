//! UDP trackers (BEP 15).

use super::deadline::Deadline;
use super::resolve::Resolver;
use super::{check_port, is_trusted, socket_error};
use crate::bittorrent::{UpstreamReply, UpstreamRequest};
use crate::job::{Fetch, FetchError};
use crate::protocol::udp;
use std::hash::BuildHasher;
use std::hash::RandomState;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

/// After so long without an answer BEP 15 sends again, then after twice as long, and so on.
const FIRST_PATIENCE: Duration = Duration::from_secs(15);

/// No datagram is larger.
const MAX_DATAGRAM: usize = 65536;

/// Asks the tracker at one of its addresses after the other until there is an answer.
pub fn fetch(
    fetch: &Fetch,
    resolver: &mut Resolver,
    deadline: Deadline,
) -> Result<UpstreamReply, FetchError> {
    let is_trusted = is_trusted(fetch, &fetch.target);
    if !is_trusted {
        check_port(&fetch.policy, fetch.target.port)?;
    }
    let mut addresses = resolver.resolve(&fetch.target, &fetch.policy, is_trusted, deadline)?;
    // The answer lists peers of the address family of the question.
    if let UpstreamRequest::Announce { ip: Some(_), .. } = fetch.request {
        addresses.sort_by_key(SocketAddr::is_ipv6);
    }
    ask_in_turn(&addresses, fetch, deadline)
}

fn ask_in_turn(
    addresses: &[SocketAddr],
    fetch: &Fetch,
    deadline: Deadline,
) -> Result<UpstreamReply, FetchError> {
    let mut result = Err(FetchError::Unresolvable);
    let mut rest = addresses;
    while let Some((&address, others)) = rest.split_first() {
        rest = others;
        // One address of several may be dead, and must leave time for the next.
        let share = if others.is_empty() { 1 } else { 2 };
        let end = deadline.or_after(deadline.left()? / share);
        result = ask(address, fetch, end);
        if !matches!(result, Err(FetchError::Connect(_) | FetchError::Timeout)) {
            break;
        }
    }
    result
}

fn ask(
    address: SocketAddr,
    fetch: &Fetch,
    deadline: Deadline,
) -> Result<UpstreamReply, FetchError> {
    // Connected, so that the kernel passes on nobody else's datagrams.
    let socket = connected(address).map_err(|error| socket_error(&error))?;
    let transaction = transaction();
    let packet = udp::connect(transaction);
    let read = |packet: &[u8]| udp::read_connect(packet, transaction);
    let connection = match exchange(&socket, &packet, read, deadline)? {
        Ok(connection) => connection,
        Err(refusal) => {
            return Ok(UpstreamReply {
                failure: Some(refusal),
                ..UpstreamReply::default()
            });
        }
    };
    let transaction = self::transaction();
    let packet = udp::request(connection, transaction, &fetch.request);
    let is_allowed = |ip| fetch.policy.allows(ip);
    let is_v6 = address.ip().to_canonical().is_ipv6();
    let read =
        |packet: &[u8]| udp::read_reply(packet, transaction, &fetch.request, is_v6, is_allowed);
    exchange(&socket, &packet, read, deadline)
}

fn connected(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)),
    }?;
    socket.connect(address)?;
    Ok(socket)
}

/// Sends a packet, again and again with growing patience, until an answer to it can be read.
fn exchange<T>(
    socket: &UdpSocket,
    packet: &[u8],
    read: impl Fn(&[u8]) -> Option<T>,
    deadline: Deadline,
) -> Result<T, FetchError> {
    // A waiting client has a few seconds: the first packet to be lost must not take all of them.
    let mut patience = FIRST_PATIENCE.min(deadline.left()? / 4);
    let mut buffer = vec![0; MAX_DATAGRAM];
    loop {
        socket.send(packet).map_err(|error| socket_error(&error))?;
        let next_sending = deadline.or_after(patience);
        while let Ok(left) = next_sending.left() {
            socket
                .set_read_timeout(Some(left))
                .map_err(|error| socket_error(&error))?;
            match socket.recv(&mut buffer) {
                Ok(length) => {
                    // Whatever else comes may be a forgery, and the answer still on its way.
                    if let Some(answer) = buffer.get(..length).and_then(&read) {
                        return Ok(answer);
                    }
                }
                Err(error) if is_timeout(error.kind()) => {}
                Err(error) => return Err(socket_error(&error)),
            }
        }
        deadline.left()?;
        patience *= 2;
    }
}

fn is_timeout(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(kind, WouldBlock | TimedOut | Interrupted)
}

/// A number that nobody can guess from earlier ones: the keys of this hash come from the kernel.
fn transaction() -> u32 {
    RandomState::new().hash_one(()) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bittorrent::Target;
    use crate::job::{FetchId, FetchPolicy};
    use std::sync::Arc;

    #[test]
    fn a_dead_address_leaves_time_for_the_next() {
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
        let refusing = UdpSocket::bind("127.0.0.1:0").unwrap();
        let closed = UdpSocket::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let addresses = [
            closed,
            silent.local_addr().unwrap(),
            refusing.local_addr().unwrap(),
        ];
        let tracker = std::thread::spawn(move || {
            let mut packet = [0; 16];
            let (_, from) = refusing.recv_from(&mut packet).unwrap();
            let answer = [b"\0\0\0\x03", &packet[12..], b"no"].concat();
            refusing.send_to(&answer, from).unwrap();
        });
        let fetch = Fetch {
            id: FetchId(1),
            target: Target::parse(b"udp://tracker.example:6969").unwrap(),
            request: UpstreamRequest::Scrape { hashes: Vec::new() },
            timeout_ms: 1000,
            user_agent: None,
            policy: Arc::new(FetchPolicy {
                allow_networks: Vec::new(),
                ports: Vec::new(),
                own_addresses: Vec::new(),
                trusted: true,
                via: String::new(),
            }),
        };
        let deadline = Deadline::after(fetch.timeout_ms);
        let reply = ask_in_turn(&addresses, &fetch, deadline).unwrap();
        assert_eq!(reply.failure.unwrap().reason, "no");
        tracker.join().unwrap();
    }
}
