//! UDP trackers (BEP 15).

use super::deadline::Deadline;
use super::resolve::Resolver;
use super::{check_port, is_trusted};
use crate::bittorrent::UpstreamReply;
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

/// Asks the tracker at its first address that has not refused yet.
pub fn fetch(
    fetch: &Fetch,
    resolver: &mut Resolver,
    deadline: Deadline,
) -> Result<UpstreamReply, FetchError> {
    let is_trusted = is_trusted(fetch, &fetch.target);
    if !is_trusted {
        check_port(&fetch.policy, fetch.target.port)?;
    }
    let addresses = resolver.resolve(&fetch.target, &fetch.policy, is_trusted, deadline)?;
    let mut result = Err(FetchError::Unresolvable);
    for address in addresses {
        result = ask(address, fetch, deadline);
        if !matches!(result, Err(FetchError::Connect(_))) {
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
    let socket = connected(address).map_err(connect_error)?;
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
        socket.send(packet).map_err(connect_error)?;
        let next_sending = deadline.or_after(patience);
        while let Ok(left) = next_sending.left() {
            socket.set_read_timeout(Some(left)).map_err(connect_error)?;
            match socket.recv(&mut buffer) {
                Ok(length) => {
                    // Whatever else comes may be a forgery, and the answer still on its way.
                    if let Some(answer) = buffer.get(..length).and_then(&read) {
                        return Ok(answer);
                    }
                }
                Err(error) if is_timeout(error.kind()) => {}
                Err(error) => return Err(connect_error(error)),
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

fn connect_error(error: io::Error) -> FetchError {
    FetchError::Connect(error.kind())
}

/// A number that nobody can guess from earlier ones: the keys of this hash come from the kernel.
fn transaction() -> u32 {
    RandomState::new().hash_one(()) as u32
}
