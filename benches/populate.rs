//! Fills a tracker with the peers that `scripts/bench` measures it with: `populate SERVER SWARMS`,
//! where each line of SWARMS is an info hash as it stands in a URL and the size of its swarm.
//!
//! Peers must differ by address, and all come over a few kept-alive connections; so the tracker is
//! told each one's address in `X-Forwarded-For`. The connections come from 127.0.0.2, which is all
//! that the tracker believes this header from: the load that is measured comes from 127.0.0.1 and
//! takes the way of an ordinary subscriber.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use memchr::memmem;
use socket2::{Domain, Socket, Type};

/// Requests under way at once, one on each connection; not every tracker can be pipelined.
const CONNECTIONS: usize = 64;

const SOURCE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

fn main() -> Result<(), Box<dyn Error>> {
    let [server, swarms] = std::env::args()
        .skip(1)
        .collect::<Vec<_>>()
        .try_into()
        .map_err(|_| "usage: populate SERVER SWARMS")?;
    let server: SocketAddr = server.parse()?;
    let swarms = std::fs::read_to_string(swarms)?;

    let mut info_hashes = Vec::new();
    let mut arrivals = Vec::new();
    for line in swarms.lines() {
        let (info_hash, size) = line.split_once(' ').ok_or("a line without a size")?;
        arrivals.resize(arrivals.len() + size.parse::<usize>()?, info_hashes.len());
        info_hashes.push(info_hash);
    }
    // Peers arrive in any order, which scatters a swarm over the memory of the tracker.
    fastrand::Rng::with_seed(1).shuffle(&mut arrivals);

    let mut connections = (0..CONNECTIONS)
        .map(|_| connect(server))
        .collect::<Result<Vec<_>, _>>()?;
    let mut sizes = vec![0; info_hashes.len()];
    for round in arrivals.chunks(CONNECTIONS) {
        for (connection, &swarm) in connections.iter_mut().zip(round) {
            connection.write_all(announce(info_hashes[swarm], swarm, sizes[swarm]).as_bytes())?;
            sizes[swarm] += 1;
        }
        for connection in &mut connections[..round.len()] {
            read_answer(connection)?;
        }
    }
    Ok(())
}

fn connect(server: SocketAddr) -> Result<TcpStream, Box<dyn Error>> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((SOURCE, 0)).into())?;
    socket.connect(&server.into())?;
    Ok(socket.into())
}

/// The announce of the `member`th peer of the `swarm`th swarm: half of the peers are local
/// (127.1.0.0/16), a quarter partners' (127.2.0.0/16), a quarter in no group (127.3.0.0/16), and
/// half of each are seeders.
fn announce(info_hash: &str, swarm: usize, member: usize) -> String {
    let network = [1, 1, 2, 3][member % 4];
    let host = (swarm * 31 + member) % 65536;
    // The largest swarms have more members than a network has hosts: these differ by port.
    let port = 20000 + member % 40000;
    let peer_id = format!("-qB4520-{network:04x}{host:04x}{port:04x}");
    let left = [0, 600_000][member / 4 % 2];
    format!(
        "GET /announce?info_hash={info_hash}&peer_id={peer_id}&port={port}&uploaded=0&downloaded=0\
         &left={left}&numwant=0&compact=1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\
         X-Forwarded-For: 127.{network}.{}.{}\r\nConnection: keep-alive\r\n\r\n",
        host / 256,
        host % 256,
    )
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
