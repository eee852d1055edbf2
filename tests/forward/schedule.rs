//! When a neighbor is asked, and when not.

use crate::harness::{Daemon, Settings, leecher, let_clock_go_on, subscriber, wait_until};
use crate::said;
use crate::server::{Server, ok, send};
use nix::sys::signal::Signal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A neighbor that notes who asks about what, and when; it may be down.
struct Neighbor {
    server: Server,
    asked: Arc<Mutex<Vec<(Instant, String)>>>,
    is_down: Arc<AtomicBool>,
}

impl Neighbor {
    fn start() -> Self {
        let asked: Arc<Mutex<Vec<_>>> = Arc::default();
        let is_down: Arc<AtomicBool> = Arc::default();
        let (notes, down) = (asked.clone(), is_down.clone());
        let server = Server::start(move |stream, head| {
            let target = head.split(' ').nth(1).unwrap().to_owned();
            notes.lock().unwrap().push((Instant::now(), target));
            if !down.load(Ordering::Relaxed) {
                send(stream, &ok(&said()));
            }
        });
        Self {
            server,
            asked,
            is_down,
        }
    }

    /// A daemon whose neighbor it is, with more keys, each with a comma before it.
    fn daemon(&self, keys: &str) -> Daemon {
        Daemon::start(&self.settings(keys))
    }

    fn settings(&self, keys: &str) -> Settings {
        let url = self.server.url("/x/announce?h={info_hash}&numwant=1000");
        let section = format!("neighbors: [{{name: partner, announce_request: '{url}'{keys}}}]");
        Settings::with_two_groups().section(&section)
    }

    fn times(&self) -> Vec<Instant> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|(time, _)| *time).collect()
    }

    fn count(&self) -> usize {
        self.times().len()
    }
}

/// Announces a torrent of this number.
fn announce(daemon: &Daemon, network: u8, number: u32) {
    let announce = leecher(number).in_swarm(&swarm(number));
    daemon.announce_from(subscriber(network, number), &announce);
}

fn swarm(number: u32) -> Vec<u8> {
    format!("the torrent {number:8}").into_bytes()
}

#[test]
fn a_new_neighbor_is_asked_about_what_was_there_before_it() {
    let neighbor = Neighbor::start();
    let daemon = Daemon::start(&Settings::with_two_groups());
    announce(&daemon, 1, 5);
    announce(&daemon, 3, 6);
    daemon.reload(&neighbor.settings(""));
    wait_until("it to be asked", || neighbor.count() > 0);
    assert_eq!(neighbor.count(), 1, "only what matters");
}

#[test]
fn a_restart_asks_about_what_the_database_knows() {
    let neighbor = Neighbor::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("peers.sqlite");
    let database = format!("url: 'sqlite:{}'", file.display());
    let mut daemon = Daemon::start(&Settings::with_two_groups().database(&database));
    announce(&daemon, 1, 5);
    daemon.signal(Signal::SIGTERM);
    assert!(daemon.wait_for_exit(Duration::from_secs(20)).success());
    let _daemon = Daemon::start(&neighbor.settings("").database(&database));
    wait_until("it to be asked", || neighbor.count() == 1);
}

#[test]
fn a_torrent_is_asked_about_at_once_and_then_once_in_a_while() {
    let neighbor = Neighbor::start();
    let daemon = neighbor.daemon(", refresh_interval: 1");
    // What only the rest of the world wants is not asked about.
    announce(&daemon, 3, 7);
    announce(&daemon, 1, 8);
    let started = Instant::now();
    wait_until("four questions", || neighbor.count() >= 4);
    let times = neighbor.times();
    let delay = times[0].saturating_duration_since(started);
    assert!(delay < Duration::from_secs(2), "asked after {delay:?}");
    for pair in times.windows(2) {
        let apart = pair[1] - pair[0];
        assert!(apart > Duration::from_millis(900), "{apart:?} apart");
    }
    let hash: String = swarm(8).iter().map(|byte| format!("%{byte:02X}")).collect();
    let expected = format!("/x/announce?h={hash}&numwant=1000");
    for (_, target) in neighbor.asked.lock().unwrap().iter() {
        assert_eq!(*target, expected);
    }
}

#[test]
fn a_crowd_of_torrents_is_asked_about_one_by_one() {
    let neighbor = Neighbor::start();
    let daemon = neighbor.daemon(", max_requests_per_second: 10");
    for number in 1..=20 {
        announce(&daemon, 1, number);
        announce(&daemon, 2, number);
    }
    wait_until("all questions", || neighbor.count() == 20);
    let times = neighbor.times();
    let took = times[19] - times[0];
    assert!(took > Duration::from_millis(1800), "20 in {took:?}");
    assert!(took < Duration::from_secs(4), "20 in {took:?}");
    let mut asked: Vec<_> = neighbor.asked.lock().unwrap().clone();
    asked.sort_by(|a, b| a.1.cmp(&b.1));
    asked.dedup_by(|a, b| a.1 == b.1);
    assert_eq!(asked.len(), 20, "each torrent once");
}

#[test]
fn asking_ends_with_the_last_member() {
    let neighbor = Neighbor::start();
    let daemon = neighbor.daemon(", refresh_interval: 1");
    announce(&daemon, 1, 1);
    // This one stays, but it is no member of a group.
    daemon.announce_from([127, 3, 0, 1], &leecher(2).in_swarm(&swarm(1)));
    wait_until("two questions", || neighbor.count() >= 2);
    let stopped = leecher(1).in_swarm(&swarm(1)).event("stopped");
    daemon.announce_from(subscriber(1, 1), &stopped);
    let before = neighbor.count();
    let_clock_go_on(Duration::from_millis(2200));
    assert!(
        neighbor.count() <= before + 1,
        "a question was under way at most"
    );
    let silent = neighbor.count();
    announce(&daemon, 1, 1);
    wait_until("asking to begin again", || neighbor.count() > silent);
}

#[test]
fn an_outage_costs_two_lines() {
    let neighbor = Neighbor::start();
    neighbor.is_down.store(true, Ordering::Relaxed);
    let daemon = neighbor.daemon(", refresh_interval: 1");
    for number in 1..=3 {
        announce(&daemon, 1, number);
    }
    wait_until("some questions in vain", || neighbor.count() >= 4);
    neighbor.is_down.store(false, Ordering::Relaxed);
    daemon.wait_for_log("the end of the outage", |line| {
        line.contains("answers again")
    });
    let asked = neighbor.count();
    wait_until("questions to go on", || neighbor.count() >= asked + 5);
    let lines = daemon.log_lines();
    let about: Vec<_> = lines
        .iter()
        .filter(|line| line.contains("neighbor \"partner\""))
        .collect();
    assert_eq!(about.len(), 2, "{about:?}");
    assert!(about[0].contains("does not answer"), "{about:?}");
    assert!(
        daemon
            .announce_from([127, 1, 0, 9], &leecher(9).in_swarm(&swarm(1)))
            .peers()
            .len()
            >= 3
    );
}
