//! Fills a tracker with the peers that `scripts/bench` measures it with:
//! `populate SERVER SWARMS [--own-addresses] [--pipeline N] [--slow-tenth SECONDS]`, where each
//! line of SWARMS is an info hash as it stands in a URL and the size of its swarm.
//!
//! Peers must differ by address. They come over a few kept-alive connections, and the tracker is
//! told each one's address in `X-Forwarded-For`; these connections come from 127.0.0.2, which is
//! all that the tracker believes this header from, so that the load that is measured (from
//! 127.0.0.1) takes the way of an ordinary subscriber. A tracker that believes nobody gets, with
//! `--own-addresses`, a connection from each peer's own address, which takes several times as long;
//! one that can be pipelined gets, with `--pipeline`, so many announces at once over each.
//!
//! With `--slow-tenth` the first tenth of the peers take so long to arrive, so that they leave as
//! slowly when they expire.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use memchr::memmem;
use socket2::{Domain, Socket, Type};

const CONNECTIONS: usize = 64;

/// Requests over one connection: opentracker ends each after 30 s, busy or not.
const ROUNDS: usize = 1000;

const TRUSTED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (own_addresses, pipeline, slow_tenth) = options(arguments.get(2..).unwrap_or_default())?;
    let [server, swarms, ..] = &arguments[..] else {
        return Err("SERVER and SWARMS are needed".into());
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
    let at_once = CONNECTIONS * pipeline;
    let mut pace = Pace::new(arrivals.len() / 10, slow_tenth);
    for batch in arrivals.chunks(at_once * rounds) {
        let source = |peers: &[Peer]| {
            if own_addresses {
                peers[0].address()
            } else {
                TRUSTED
            }
        };
        let sources: Vec<_> = batch
            .chunks(pipeline)
            .take(CONNECTIONS)
            .map(source)
            .collect();
        let mut connections = connect(server, &sources)?;
        for round in batch.chunks(at_once) {
            pace.wait(round.len());
            for (connection, peers) in connections.iter_mut().zip(round.chunks(pipeline)) {
                let announces = peers
                    .iter()
                    .map(|peer| peer.announce(info_hashes[peer.swarm]));
                connection.write_all(announces.collect::<String>().as_bytes())?;
            }
            for (connection, peers) in connections.iter_mut().zip(round.chunks(pipeline)) {
                read_answers(connection, peers.len())?;
            }
        }
    }
    Ok(())
}

/// Whether each peer has a connection of its own, how many announces one gets at once, and how
/// many seconds the first tenth of them shall take.
fn options(words: &[String]) -> Result<(bool, usize, f64), Box<dyn Error>> {
    let (mut own_addresses, mut pipeline, mut slow_tenth) = (false, 1, 0.0);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "--own-addresses" => own_addresses = true,
            "--pipeline" => pipeline = value()?.parse()?,
            "--slow-tenth" => slow_tenth = value()?.parse()?,
            _ => return Err(format!("unknown option {word}").into()),
        }
    }
    if pipeline == 0 || (own_addresses && pipeline > 1) {
        return Err("--pipeline is above 0, and 1 with --own-addresses".into());
    }
    Ok((own_addresses, pipeline, slow_tenth))
}

/// Spreads the first peers evenly over some time.
struct Pace {
    start: Instant,
    slow: usize,
    each: f64,
    done: usize,
}

#[expect(clippy::disallowed_methods, reason = "a pace is a matter of time")]
impl Pace {
    fn new(slow: usize, seconds: f64) -> Self {
        Self {
            start: Instant::now(),
            slow,
            each: seconds / slow.max(1) as f64,
            done: 0,
        }
    }

    fn wait(&mut self, count: usize) {
        if self.done < self.slow {
            let due = Duration::from_secs_f64(self.done as f64 * self.each);
            std::thread::sleep(due.saturating_sub(self.start.elapsed()));
        }
        self.done += count;
    }
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

fn read_answers(connection: &mut TcpStream, count: usize) -> Result<(), Box<dyn Error>> {
    let mut answers = Vec::new();
    let mut buffer = [0; 64 * 1024];
    let (mut complete, mut read) = (0, 0);
    while complete < count {
        let length = connection.read(&mut buffer)?;
        answers.extend_from_slice(&buffer[..length]);
        if length == 0 || memmem::find(&answers[read..], b"failure reason").is_some() {
            let answers = String::from_utf8_lossy(&answers);
            return Err(format!("bad answer: {answers:?}").into());
        }
        while let Some(length) = first_answer(&answers[read..])? {
            read += length;
            complete += 1;
        }
    }
    Ok(())
}

/// How long the first answer is, if all of it is there.
fn first_answer(answers: &[u8]) -> Result<Option<usize>, Box<dyn Error>> {
    let Some(head_length) = memmem::find(answers, b"\r\n\r\n").map(|end| end + 4) else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&answers[..head_length])?;
    let body_length: usize = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "))
        .ok_or("an answer without a length")?
        .parse()?;
    let length = head_length + body_length;
    Ok((answers.len() >= length).then_some(length))
}
