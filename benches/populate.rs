//! Fills a tracker with the peers that `scripts/bench` measures it with:
//! `populate SERVER SWARMS [--own-addresses]`, where each line of SWARMS is an info hash as it
//! stands in a URL and the size of its swarm.
//!
//! Peers must differ by address. They come over a few kept-alive connections, and the tracker is
//! told each one's address in `X-Forwarded-For`; these connections come from 127.0.0.2, which is
//! all that the tracker believes this header from, so that the load that is measured (from
//! 127.0.0.1) takes the way of an ordinary subscriber. A tracker that believes nobody gets, with
//! `--own-addresses`, a connection from each peer's own address, which takes several times as long.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use memchr::memmem;
use socket2::{Domain, Socket, Type};

/// Requests under way at once, one on each connection; not every tracker can be pipelined.
const CONNECTIONS: usize = 64;

/// Requests over one connection: opentracker ends each after 30 s, busy or not.
const ROUNDS: usize = 1000;

const TRUSTED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (server, swarms, own_addresses) = match &arguments[..] {
        [server, swarms] => (server, swarms, false),
        [server, swarms, option] if option == "--own-addresses" => (server, swarms, true),
        _ => return Err("usage: populate SERVER SWARMS [--own-addresses]".into()),
    };
    let server: SocketAddr = server.parse()?;
    let swarms = std::fs::read_to_string(swarms)?;

    let mut info_hashes = Vec::new();
    let mut arrivals = Vec::new();
    for line in swarms.lines() {
        let (info_hash, size) = line.split_once(' ').ok_or("a line without a size")?;
        arrivals.extend((0..size.parse()?).map(|member| Peer::new(info_hashes.len(), member)));
        info_hashes.push(info_hash);
    }
    // Peers arrive in any order, which scatters a swarm over the memory of the tracker.
    fastrand::Rng::with_seed(1).shuffle(&mut arrivals);

    let rounds = if own_addresses { 1 } else { ROUNDS };
    for batch in arrivals.chunks(CONNECTIONS * rounds) {
        let source = |peer: &Peer| {
            if own_addresses {
                peer.address()
            } else {
                TRUSTED
            }
        };
        let sources: Vec<_> = batch.iter().take(CONNECTIONS).map(source).collect();
        let mut connections = connect(server, &sources)?;
        for round in batch.chunks(CONNECTIONS) {
            for (connection, peer) in connections.iter_mut().zip(round) {
                connection.write_all(peer.announce(info_hashes[peer.swarm]).as_bytes())?;
            }
            for connection in &mut connections[..round.len()] {
                read_answer(connection)?;
            }
        }
    }
    Ok(())
}

fn connect(server: SocketAddr, sources: &[Ipv4Addr]) -> std::io::Result<Vec<TcpStream>> {
    let connect_from = |&source| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((source, 0)).into())?;
        socket.connect(&server.into())?;
        Ok(socket.into())
    };
    sources.iter().map(connect_from).collect()
}

/// The `member`th peer of the `swarm`th swarm.
struct Peer {
    swarm: usize,
    member: usize,
}

impl Peer {
    fn new(swarm: usize, member: usize) -> Self {
        Self { swarm, member }
    }

    /// Half of the peers are local (127.1.0.0/16), a quarter partners' (127.2.0.0/16), a quarter
    /// in no group (127.3.0.0/16).
    fn address(&self) -> Ipv4Addr {
        let network = [1, 1, 2, 3][self.member % 4];
        let [.., high, low] = (self.swarm * 31 + self.member).to_be_bytes();
        Ipv4Addr::new(127, network, high, low)
    }

    fn announce(&self, info_hash: &str) -> String {
        let address = self.address();
        // The largest swarms have more members than a network has hosts: these differ by port.
        let port = 20000 + self.member % 40000;
        let peer_id = format!("-qB4520-{:08x}{port:04x}", address.to_bits());
        let left = [0, 600_000][self.member / 4 % 2];
        format!(
            "GET /announce?info_hash={info_hash}&peer_id={peer_id}&port={port}&uploaded=0\
             &downloaded=0&left={left}&numwant=0&compact=1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\
             X-Forwarded-For: {address}\r\nConnection: keep-alive\r\n\r\n",
        )
    }
}

fn read_answer(connection: &mut TcpStream) -> Result<(), Box<dyn Error>> {
    let mut buffer = [0; 4096];
    let mut filled = 0;
    loop {
        let length = connection.read(&mut buffer[filled..])?;
        filled += length;
        let answer = &buffer[..filled];
        if length == 0 || memmem::find(answer, b"failure reason").is_some() {
            return Err(format!("bad answer: {:?}", String::from_utf8_lossy(answer)).into());
        }
        if is_complete(answer)? {
            return Ok(());
        }
    }
}

fn is_complete(answer: &[u8]) -> Result<bool, Box<dyn Error>> {
    let Some(head_length) = memmem::find(answer, b"\r\n\r\n").map(|end| end + 4) else {
        return Ok(false);
    };
    let head = std::str::from_utf8(&answer[..head_length])?;
    let body_length: usize = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "))
        .ok_or("an answer without a length")?
        .parse()?;
    Ok(answer.len() >= head_length + body_length)
}
