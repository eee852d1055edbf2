//! The sockets that connections come from.

use mio::net::{TcpListener, TcpStream};
use nix::libc;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::SetStruct;
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

/// Connections that the kernel keeps until they are accepted. It cuts this to its own limit
/// (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;

/// Bytes of answers that the kernel takes from us for a connection, and twice as many of memory.
/// Left alone it would take megabytes for each client that asks and never reads.
const SEND_BUFFER: usize = 64 * 1024;

/// How long the kernel keeps a connection to itself that has said nothing yet, in seconds. Clients
/// speak first, and at once: accepted with their request, they cost one read, no place in the poll
/// and one wake-up less, which is a third of what a connection for a single request costs.
const DEFERRED: libc::c_int = 1;

/// TCP_DEFER_ACCEPT of tcp(7): nix does not know it, but has the macro (and the unsafe call in it)
/// for such options.
#[derive(Clone, Copy)]
struct DeferAccept;
nix::setsockopt_impl!(
    DeferAccept,
    libc::IPPROTO_TCP,
    libc::TCP_DEFER_ACCEPT,
    libc::c_int,
    SetStruct<libc::c_int>
);

/// Who connects at a listener, and what is served there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// Subscribers, neighbors and the DPI platform: announces and scrapes.
    Public,
    /// Operators: what the [`admin`](crate::admin) module shows.
    Admin,
}

impl Face {
    /// Both, the one with few connections first.
    pub(super) const ALL: [Face; 2] = [Face::Admin, Face::Public];
}

/// A listening socket.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    face: Face,
    /// There may be connections to accept: readiness is told only once.
    pub(super) is_ready: bool,
}

impl Listener {
    /// Binds an address. IPv6 ones do without IPv4, so that `0.0.0.0` and `[::]` can share a port.
    pub fn bind(address: SocketAddr, face: Face) -> io::Result<Listener> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        // Accepted sockets inherit it, which saves a system call for each of them.
        socket.set_tcp_nodelay(true)?;
        socket.bind(&address.into())?;
        socket.set_send_buffer_size(SEND_BUFFER)?;
        // Where the kernel cannot do it, connections come as soon as they are there.
        let _ = setsockopt(&socket, DeferAccept, &DEFERRED);
        socket.listen(BACKLOG)?;
        let socket = TcpListener::from_std(socket.into());
        let address = socket.local_addr()?;
        Ok(Listener {
            socket,
            address,
            face,
            is_ready: false,
        })
    }

    /// Where it listens, with the port that the kernel chose if it was told 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Who connects here.
    pub fn face(&self) -> Face {
        self.face
    }

    pub(super) fn source(&mut self) -> &mut TcpListener {
        &mut self.socket
    }

    /// The next connection, if there is one that still lives. An error means that the process or
    /// the machine is short of something.
    pub(super) fn accept(&mut self) -> io::Result<Option<(TcpStream, SocketAddr)>> {
        match self.socket.accept() {
            Ok(accepted) => Ok(Some(accepted)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.is_ready = false;
                Ok(None)
            }
            Err(error) if is_about_the_connection(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Errors of a connection that ended before it was accepted, which accept(2) hands on.
fn is_about_the_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::Interrupted
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::TimedOut
            | ErrorKind::PermissionDenied
    )
}
