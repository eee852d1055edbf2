//! External trackers that do what no tracker should: the client is answered in time with something
//! that it can use, and nobody else is kept waiting.

use crate::harness::{Daemon, Reply, leecher, subscriber};
use crate::server::{Server, hang, ok, send, trickle};
use crate::{forward, forward_to, has_peers, is_soon, said, said_with, settings};
use std::net::{Shutdown, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// What the settings here allow, and half a second.
const LONGEST: Duration = Duration::from_millis(1500);

/// How long others may have to wait. A loop that was blocked would stand still for a second.
const UNDISTURBED: Duration = Duration::from_millis(250);

/// What a client gets in the end.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Gets {
    /// The peers of the own network, and to come again soon.
    Own,
    /// The tracker's as well.
    All,
    /// Those of the tracker's that make sense.
    Some,
    /// The tracker's reason.
    Reason,
}

fn redirecting(to: impl Fn(&Server) -> String, server: &Server) -> Server {
    let head = format!(
        "HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n",
        to(server)
    );
    Server::saying(head)
}

fn bad_trackers() -> Vec<(&'static str, Server, Gets)> {
    let half = ok(&said());
    let half = half[..half.len() - 10].to_vec();
    let large = [b"d1:a2000000:", &vec![b'x'; 2_000_000][..], b"e"].concat();
    let good = Server::answering(said());
    let nonsense = [
        "0.0.0.0:1",
        "8.8.8.8:0",
        "224.0.0.1:2",
        "255.255.255.255:3",
        "127.9.9.9:4",
        "10.0.0.1:5",
        "169.254.1.1:6",
        "100.64.0.1:7",
        "8.8.4.4:6882",
    ];
    vec![
        ("hangs", Server::start(|stream, _| hang(stream)), Gets::Own),
        (
            "trickles",
            Server::start(|stream, _| trickle(stream, &ok(&said()), Duration::from_secs(1))),
            Gets::Own,
        ),
        ("is too long", Server::answering(large), Gets::Own),
        (
            "redirects",
            redirecting(|to| to.url("/other"), &good),
            Gets::All,
        ),
        (
            "redirects to itself",
            Server::start(|stream, _| {
                send(
                    stream,
                    b"HTTP/1.1 302 Found\r\nLocation: ?again\r\nContent-Length: 0\r\n\r\n",
                );
            }),
            Gets::Own,
        ),
        ("ends half-way", Server::saying(half), Gets::Own),
        (
            "closes at once",
            Server::start(|stream, _| stream.shutdown(Shutdown::Both).unwrap()),
            Gets::Own,
        ),
        (
            "promises more",
            Server::saying(
                [
                    b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n",
                    &said()[..],
                ]
                .concat(),
            ),
            Gets::Own,
        ),
        (
            "has less than it sends",
            Server::saying([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", &said()[..]].concat()),
            Gets::Own,
        ),
        (
            "nests",
            Server::answering(format!("d1:a{}", "l".repeat(50_000))),
            Gets::Own,
        ),
        (
            "is a page",
            Server::answering("<html>Welcome</html>"),
            Gets::Own,
        ),
        (
            "lists nonsense",
            Server::answering(said_with(&nonsense, "")),
            Gets::Some,
        ),
        (
            "refuses",
            Server::answering("d14:failure reason4:nopee"),
            Gets::Reason,
        ),
    ]
}

/// Whether a client got that, beside the one peer of the own network that there may be.
fn check(name: &str, reply: &Reply, gets: Gets, own: usize) {
    if gets == Gets::Reason && own == 0 {
        assert_eq!(reply.failure().as_deref(), Some("nope"), "{name}");
        return;
    }
    assert_eq!(reply.failure(), None, "{name}");
    let peers = reply.peers();
    let theirs: Vec<_> = peers.iter().filter(|peer| peer.port() < 10_000).collect();
    assert_eq!(peers.len() - theirs.len(), own, "{name}: {peers:?}");
    match gets {
        Gets::All => assert!(has_peers(reply), "{name}: {peers:?}"),
        Gets::Some => assert_eq!(theirs, [&"8.8.4.4:6882".parse().unwrap()], "{name}"),
        Gets::Own | Gets::Reason => {
            assert!(theirs.is_empty(), "{name}: {peers:?}");
            assert!(is_soon(reply), "{name}: {reply:?}");
        }
    }
}

#[test]
fn bad_trackers_cost_their_clients_a_second_and_others_nothing() {
    let trackers = bad_trackers();
    let daemon = Daemon::start(&settings(""));
    for own in [0, 1] {
        let swarm = |number: usize| format!("torrent {own:5} {number:6}");
        if own == 1 {
            for number in 0..trackers.len() {
                let announce = leecher(50).in_swarm(swarm(number).as_bytes());
                daemon.announce_from(subscriber(1, 50), &announce);
            }
        }
        thread::scope(|scope| {
            let waiting: Vec<_> = (0..)
                .zip(&trackers)
                .map(|(number, (name, tracker, gets))| {
                    let announce = leecher(1).in_swarm(swarm(number).as_bytes());
                    let daemon = &daemon;
                    scope.spawn(move || {
                        let started = Instant::now();
                        let reply = forward(daemon, tracker.address, &announce);
                        let took = started.elapsed();
                        assert!(took < LONGEST, "{name} took {took:?}");
                        check(name, &reply, *gets, own);
                    })
                })
                .collect();
            let mut client = daemon.connect_from([127, 3, 0, 1]);
            let mut slowest = Duration::ZERO;
            while waiting.iter().any(|one| !one.is_finished()) {
                let started = Instant::now();
                client.announce(&leecher(99));
                slowest = slowest.max(started.elapsed());
            }
            assert!(slowest < UNDISTURBED, "others waited for {slowest:?}");
        });
    }
}

#[test]
fn a_redirect_to_where_nobody_may_go_is_not_followed() {
    let secret = TcpListener::bind("127.0.0.2:0").unwrap();
    secret.set_nonblocking(true).unwrap();
    let location = format!("http://{}/", secret.local_addr().unwrap());
    let tracker = Server::saying(format!(
        "HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
    ));
    let daemon = Daemon::start(&settings(""));
    assert!(is_soon(&forward(&daemon, tracker.address, &leecher(1))));
    assert_eq!(tracker.heads().len(), 1);
    assert!(secret.accept().is_err(), "somebody connected");
}

/// The host is not asked while it is left alone, and the next clients are answered at once.
#[test]
fn a_host_that_fails_five_times_is_left_alone() {
    let works = Arc::new(AtomicBool::new(false));
    let does_work = works.clone();
    let tracker = Server::start(move |stream, _| {
        if does_work.load(Ordering::Relaxed) {
            send(stream, &ok(&said()));
        }
    });
    let daemon = Daemon::start(&settings(""));
    let announce = |number: u32| {
        let swarm = format!("the torrent {number:8}");
        forward(
            &daemon,
            tracker.address,
            &leecher(1).in_swarm(swarm.as_bytes()),
        )
    };
    for number in 1..=4 {
        assert!(is_soon(&announce(number)));
    }
    // An answer makes up for all failures before it.
    works.store(true, Ordering::Relaxed);
    assert!(has_peers(&announce(5)));
    works.store(false, Ordering::Relaxed);
    for number in 11..=15 {
        assert!(is_soon(&announce(number)));
    }
    assert_eq!(tracker.heads().len(), 10);
    works.store(true, Ordering::Relaxed);
    for number in 21..=25 {
        let started = Instant::now();
        assert!(is_soon(&announce(number)));
        assert!(started.elapsed() < UNDISTURBED);
    }
    assert_eq!(tracker.heads().len(), 10, "it is left alone");
}

/// Or any subscriber could have a tracker left alone for everybody.
#[test]
fn nonsense_that_a_host_is_asked_is_not_its_fault() {
    let tracker = Server::start(|stream, head| {
        if head.starts_with("GET /announce?") {
            send(stream, &ok(&said()));
        } else {
            send(
                stream,
                b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
            );
        }
    });
    let daemon = Daemon::start(&settings(""));
    for number in 1..=7 {
        let query = leecher(1).set("client_ip", "127.1.0.1").query();
        let target = format!("http/{}/nonsense/{number}?{query}", tracker.address);
        let reply = forward_to(&daemon, &format!("/forwarded_announce/{target}"));
        assert!(is_soon(&reply));
    }
    assert!(has_peers(&forward(&daemon, tracker.address, &leecher(1))));
}
