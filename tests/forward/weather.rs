//! Many dead external trackers: those who have nothing to do with them notice nothing.

use crate::harness::{Client, Daemon, leecher, subscriber};
use crate::{by_path_to, with_targets};
use socket2::{Domain, Socket, Type};
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long each of the two runs takes.
const RUN: Duration = Duration::from_secs(4);

/// A listener that takes no more connections, so that whoever connects hears nothing.
struct BlackHole {
    address: SocketAddr,
    _listener: Socket,
    _pending: Vec<Socket>,
}

impl BlackHole {
    fn new() -> Self {
        let new_socket = || Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let listener = new_socket();
        listener
            .bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
            .unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let pending = (0..4)
            .map(|_| {
                let socket = new_socket();
                socket.set_nonblocking(true).unwrap();
                // It is under way, or waits for ever; both fill the queue.
                let _ = socket.connect(&address);
                socket
            })
            .collect();
        Self {
            address: address.as_socket().unwrap(),
            _listener: listener,
            _pending: pending,
        }
    }
}

/// So many addresses at which nobody listens.
fn refusing(count: u16) -> Vec<String> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let address = |number: u16| {
        let [high, low] = number.to_be_bytes();
        format!("127.4.{high}.{low}:{port}")
    };
    (0..count).map(address).collect()
}

/// Announces to the daemon alone, one after the other, and says how long each took, sorted.
fn local_announces(daemon: &Daemon) -> Vec<Duration> {
    let mut client = daemon.connect_from([127, 1, 0, 1]);
    let started = Instant::now();
    let mut times = Vec::new();
    while started.elapsed() < RUN {
        let asked = Instant::now();
        client.announce(&leecher(times.len() as u32 % 1000));
        times.push(asked.elapsed());
        thread::sleep(Duration::from_millis(1));
    }
    times.sort_unstable();
    times
}

/// A line of /proc/PID/status that has a number.
fn figure(daemon: &Daemon, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Sends announces for dead hosts, without waiting for their answers, until it is told to stop.
fn name_dead_hosts(daemon: &Daemon, hosts: &[String], stop: &AtomicBool, sent: &AtomicU32) {
    let mut waiting: Vec<Client> = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let number = sent.fetch_add(1, Ordering::Relaxed);
        let swarm = format!("a dead one's {number:7}");
        let announce = leecher(number).in_swarm(swarm.as_bytes());
        let host = &hosts[number as usize % hosts.len()];
        let ip = subscriber(2, number % 10_000);
        let announce = announce.set("client_ip", ip);
        let target = by_path_to(&format!("{host}/announce"), &announce);
        let mut client = daemon.connect();
        client.send(format!(
            "GET {target} HTTP/1.1\r\nHost: retracker.local\r\n\r\n"
        ));
        waiting.push(client);
        if waiting.len() > 500 {
            // Whoever waited longest has its answer by now, or some find out that it has not.
            assert_eq!(waiting.remove(0).answer().status, 200);
        }
        thread::sleep(Duration::from_millis(1));
    }
    for mut client in waiting {
        assert_eq!(client.answer().status, 200);
    }
}

#[test]
fn local_announces_keep_their_speed() {
    let holes: Vec<_> = (0..30).map(|_| BlackHole::new()).collect();
    let mut hosts: Vec<_> = holes.iter().map(|hole| hole.address.to_string()).collect();
    hosts.extend((0..30).map(|number| format!("tracker{number}.invalid")));
    hosts.extend(refusing(940));
    // Or the black holes would not be black.
    let knock = TcpStream::connect_timeout(&holes[0].address, Duration::from_millis(50));
    assert!(knock.is_err());
    let daemon = Daemon::start(&with_targets("[127.0.0.0/8]", ""));
    let alone = local_announces(&daemon);
    let (threads_before, memory_before) = (figure(&daemon, "Threads:"), figure(&daemon, "VmRSS:"));
    let (stop, sent) = (AtomicBool::new(false), AtomicU32::new(0));
    let (mixed, threads, memory) = thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| name_dead_hosts(&daemon, &hosts, &stop, &sent));
        }
        let mixed = local_announces(&daemon);
        let figures = ["Threads:", "VmRSS:"].map(|name| figure(&daemon, name));
        stop.store(true, Ordering::Relaxed);
        (mixed, figures[0], figures[1])
    });
    let sent = sent.into_inner();
    assert!(sent > 1000, "only {sent} announces named dead hosts");
    // Generous, as the machine may have other things to do: a loop that waited for one of the
    // hosts would show as a second.
    let percentile = |times: &[Duration]| times[times.len() * 99 / 100];
    let (before, after) = (percentile(&alone), percentile(&mixed));
    let limit = before * 10 + Duration::from_millis(50);
    assert!(
        after < limit,
        "{after:?} with dead hosts, {before:?} without"
    );
    let slowest = mixed[mixed.len() - 1];
    assert!(slowest < Duration::from_millis(500), "one took {slowest:?}");
    // 16 workers with 8 lookups each that may go on after their time.
    assert!(threads <= threads_before + 16 * 8, "{threads} threads");
    // Some 100 bytes a peer and a torrent, and the connections that wait.
    let grown = memory.saturating_sub(memory_before);
    assert!(grown < 32 * 1024, "{grown} kB more for {sent} announces");
}
