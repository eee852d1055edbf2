//! Clients that go on announcing whatever happens to the database, and remember what they said.

use crate::harness::{Announce, Client, leecher, subscriber};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A fraction of the shortest time for which a daemon that waits for its database would be silent;
/// more than a busy machine makes of an answer's microseconds.
const SLOWEST: Duration = Duration::from_secs(2);

const THREADS: u8 = 3;
const CONNECTIONS: u8 = 6;
pub const SWARMS: u8 = 30;
/// Peers of one address in one swarm.
const PORTS: u32 = 6;
/// `leecher` gives the same port to numbers that differ by a multiple of this, but another id.
const SAME_PORT: u32 = 50_000;
/// Between two rounds of announces: some thousand a second altogether, beside all else that runs.
const PAUSE: Duration = Duration::from_millis(5);

/// Announces under way, by several threads over connections that are kept alive.
pub struct Load {
    enough: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Announced>>,
}

/// A peer's swarm, address and port.
pub type Key = (u8, IpAddr, u16);

/// What was announced: the last word of each peer. Each announce was answered, and soon.
#[derive(Default)]
pub struct Announced {
    pub last_words: BTreeMap<Key, LastWord>,
    pub slowest: Duration,
}

/// What a peer has said last.
pub struct LastWord {
    /// `None`: it has stopped.
    pub peer: Option<Peer>,
    /// When this was answered.
    pub at: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    number: u32,
    pub seeder: bool,
}

impl Peer {
    pub fn id(self) -> String {
        format!("-TS0001-{:012}", self.number)
    }

    fn announce(self, swarm: u8) -> Announce {
        let announce = leecher(self.number).in_swarm(&[swarm; 20]);
        match self.seeder {
            true => announce.set("left", 0),
            false => announce,
        }
    }
}

impl Load {
    /// Begins to announce to a daemon that believes 127.0.0.1 whom it speaks for.
    pub fn start(address: SocketAddr) -> Load {
        let enough = Arc::new(AtomicBool::new(false));
        let begin = |thread| {
            let enough = Arc::clone(&enough);
            thread::spawn(move || announce_until(&enough, thread, address))
        };
        let threads = (0..THREADS).map(begin).collect();
        Load { enough, threads }
    }

    /// Ends it. An announce that was not answered has failed its thread, and fails the test here.
    pub fn stop(mut self) -> Announced {
        self.enough.store(true, Ordering::Relaxed);
        let mut all = Announced::default();
        for thread in self.threads.drain(..) {
            let mut announced = thread.join().expect("every announce is answered");
            all.last_words.append(&mut announced.last_words);
            all.slowest = all.slowest.max(announced.slowest);
        }
        assert!(all.slowest < SLOWEST, "{:?} for an answer", all.slowest);
        all
    }
}

/// A test that fails meanwhile leaves no thread behind that announces to nobody.
impl Drop for Load {
    fn drop(&mut self) {
        self.enough.store(true, Ordering::Relaxed);
    }
}

impl Announced {
    /// All who have not stopped.
    pub fn peers(&self) -> impl Iterator<Item = (Key, Peer)> {
        let peers = self.last_words.iter();
        peers.filter_map(|(key, word)| Some((*key, word.peer?)))
    }
}

/// A subscriber with a connection of its own.
struct Subscriber {
    client: Client,
    ip: IpAddr,
    header: Option<String>,
}

/// Members of three groups; the last speaks IPv6, for which a proxy stands in, as the loopback has
/// but one such address.
fn subscribe(thread: u8, number: u8, address: SocketAddr) -> Subscriber {
    if number + 1 == CONNECTIONS {
        let ip = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(thread) + 1);
        return Subscriber {
            client: Client::connect(address),
            ip: ip.into(),
            header: Some(format!("X-Real-IP: {ip}")),
        };
    }
    let ip = subscriber(number % 3 + 1, u32::from(thread * CONNECTIONS + number));
    Subscriber {
        client: Client::connect_from(ip, address),
        ip,
        header: None,
    }
}

fn announce_until(enough: &AtomicBool, thread: u8, address: SocketAddr) -> Announced {
    let mut random = fastrand::Rng::with_seed(u64::from(thread));
    let subscribers = (0..CONNECTIONS).map(|number| subscribe(thread, number, address));
    let mut subscribers: Vec<_> = subscribers.collect();
    let mut announced = Announced::default();
    while !enough.load(Ordering::Relaxed) {
        for subscriber in &mut subscribers {
            let (swarm, place) = (random.u8(..SWARMS), random.u32(..PORTS));
            let port = u16::try_from(10_000 + place).expect("a port");
            let key = (swarm, subscriber.ip, port);
            let known = announced.last_words.get(&key).and_then(|word| word.peer);
            let (peer, announce) = next_word(&mut random, known, swarm, place);
            let headers: Vec<_> = subscriber.header.as_deref().into_iter().collect();
            let asked = Instant::now();
            subscriber.client.announce_with(&announce, &headers);
            let at = Instant::now();
            announced.slowest = announced.slowest.max(at - asked);
            announced.last_words.insert(key, LastWord { peer, at });
        }
        thread::sleep(PAUSE);
    }
    announced
}

/// What a peer does next, and what it is then.
fn next_word(
    random: &mut fastrand::Rng,
    known: Option<Peer>,
    swarm: u8,
    place: u32,
) -> (Option<Peer>, Announce) {
    let newcomer = Peer {
        number: place + SAME_PORT * random.u32(..10_000),
        seeder: random.u8(..4) == 0,
    };
    let started = (Some(newcomer), newcomer.announce(swarm).event("started"));
    let Some(peer) = known else { return started };
    match random.u8(..10) {
        0..3 => (None, peer.announce(swarm).event("stopped")),
        // Stopped without a word, and started again with another id.
        3 => started,
        4..6 if !peer.seeder => {
            let seeder = Peer {
                seeder: true,
                ..peer
            };
            (Some(seeder), seeder.announce(swarm).event("completed"))
        }
        _ => (known, peer.announce(swarm)),
    }
}
