//! The daemon ends, in order or not, and goes on where it was.

use crate::daemons::{STOP, count, start, stop, with_mariadb, with_sqlite};
use crate::harness::{Daemon, Settings, leecher, wait_until};
use crate::load::{Announced, Load};
use crate::records::{NOW, changes, hash, peer};
use crate::tables::{Tables, everybody_is_there, figures, key_text, row};
use crate::{Folder, server_with_tables, sqlite};
use btrt::worker::store::{Clock, Store};
use nix::sys::signal::Signal;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// What `kill -9` may cost: the configured `flush_interval` of a second, and another.
const LOST: Duration = Duration::from_secs(2);

const MANY: u32 = 100_000;

/// Announces until a write is so long ago that another must have come.
fn announce_for_a_while(daemon: &Daemon, tables: &Tables) -> Announced {
    let load = Load::start(daemon.address());
    daemon.wait_for_log("the load", |line| line.contains("the database is loaded"));
    wait_until("rows of peers", || tables.peers().len() > 500);
    let before = tables.peers();
    wait_until("a write", || tables.peers() != before);
    let written = Instant::now();
    let long_ago = LOST + Duration::from_millis(500);
    wait_until("another", || written.elapsed() > long_ago);
    load.stop()
}

fn kill_loses_little(settings: &Settings, tables: &Tables) {
    let mut daemon = Daemon::start(settings);
    let announced = announce_for_a_while(&daemon, tables);
    daemon.signal(Signal::SIGKILL);
    let killed = Instant::now();
    daemon.wait_for_exit(LOST);

    let rows = tables.peers();
    assert!(compare(&announced, killed, &rows) > 100);
    all_are_loaded(settings, rows.len());
}

/// Whatever was said so long before the end that it must have been written is in the tables;
/// returns how much that was.
fn compare(announced: &Announced, killed: Instant, rows: &BTreeSet<String>) -> usize {
    let words = announced.last_words.iter();
    let safe = words.filter(|(_, word)| killed - word.at > LOST);
    let mut count = 0;
    for (key, word) in safe {
        count += 1;
        let start = key_text(*key);
        let found = rows.range(start.clone()..).next();
        let found = found.filter(|row| row.starts_with(&start)).cloned();
        let expected = word.peer.map(|peer| row(*key, peer));
        assert_eq!(
            found,
            expected,
            "{:?} before it was killed",
            killed - word.at
        );
    }
    count
}

/// A daemon that is started now has all peers of the tables.
fn all_are_loaded(settings: &Settings, rows: usize) {
    let daemon = start(settings);
    let [mut peers, mut swarms] = [0, 0];
    for figures in figures(&daemon) {
        let numbers: Vec<_> = figures.split(' ').skip(1).collect();
        peers += numbers[0].parse::<usize>().unwrap() + numbers[1].parse::<usize>().unwrap();
        swarms += 1;
    }
    assert!(swarms > 0);
    assert_eq!(peers, rows);
    stop(daemon);
}

/// Mostly while the database is being written, and sometimes while it is being read.
fn kill_at_random_moments(settings: &Settings, tables: &Tables) {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..6 {
        let mut daemon = Daemon::start(settings);
        let load = Load::start(daemon.address());
        let (begin, moment) = (Instant::now(), Duration::from_millis(random.u64(50..4000)));
        wait_until("the moment", || begin.elapsed() > moment);
        let announced = load.stop();
        daemon.signal(Signal::SIGKILL);
        let killed = Instant::now();
        daemon.wait_for_exit(LOST);
        if moment > LOST {
            compare(&announced, killed, &tables.peers());
        }
    }
    let rows = tables.peers().len();
    assert!(rows > 100, "{rows} rows");
    all_are_loaded(settings, rows);
}

#[test]
fn kill_at_random_moments_loses_little_of_sqlite() {
    let folder = Folder::new();
    let path = folder.0.join("btrt.sqlite");
    kill_at_random_moments(&with_sqlite(&path, 1), &Tables::Sqlite(path));
}

#[test]
fn kill_at_random_moments_loses_little_of_mariadb() {
    let (server, _) = server_with_tables(&[]);
    kill_at_random_moments(&with_mariadb(&server, 1), &Tables::MariaDb(&server));
}

#[test]
fn kill_loses_little_of_sqlite() {
    let folder = Folder::new();
    let path = folder.0.join("btrt.sqlite");
    kill_loses_little(&with_sqlite(&path, 1), &Tables::Sqlite(path));
}

#[test]
fn kill_loses_little_of_mariadb() {
    let (server, _) = server_with_tables(&[]);
    kill_loses_little(&with_mariadb(&server, 1), &Tables::MariaDb(&server));
}

/// A flush interval that never comes: what is in the tables was written at the end.
fn end_writes_everything(settings: &Settings, tables: &Tables) {
    let daemon = Daemon::start(settings);
    daemon.wait_for_log("the load", |line| line.contains("the database is loaded"));
    let load = Load::start(daemon.address());
    let begin = Instant::now();
    wait_until("some announces", || begin.elapsed() > LOST);
    let announced = load.stop();
    assert_eq!(tables.peers().len(), 0);
    let before = figures(&daemon);
    stop(daemon);
    tables.become_equal(&announced, &before);
    assert!((0..60).contains(&tables.oldest()), "{} s", tables.oldest());
    let daemon = start(settings);
    assert_eq!(figures(&daemon), before);
    everybody_is_there(&announced, &daemon);
}

#[test]
fn the_end_writes_everything_to_sqlite() {
    let folder = Folder::new();
    let path = folder.0.join("btrt.sqlite");
    end_writes_everything(&with_sqlite(&path, 3600), &Tables::Sqlite(path));
}

#[test]
fn the_end_writes_everything_to_mariadb() {
    let (server, _) = server_with_tables(&[]);
    end_writes_everything(&with_mariadb(&server, 3600), &Tables::MariaDb(&server));
}

/// Ten seconds are what an operator who stops it must be prepared for; then it says what is lost.
#[test]
fn the_end_waits_for_a_database_that_is_away_but_not_for_ever() {
    let (mut server, _) = server_with_tables(&[]);
    let mut daemon = start(&with_mariadb(&server, 1));
    server.stop();
    daemon.announce(&leecher(1));
    daemon.signal(Signal::SIGTERM);
    let told = Instant::now();
    assert_eq!(daemon.wait_for_exit(STOP).code(), Some(0));
    assert!(
        told.elapsed() > Duration::from_secs(9),
        "{:?}",
        told.elapsed()
    );
    assert_eq!(count(&daemon, "they are lost"), 1);
}

/// Clients come in the same moment as the daemon, long before it has read all.
fn a_long_load_keeps_nobody_waiting(settings: &Settings, mut store: Store) {
    let mut many = changes();
    many.peers = (0..MANY).map(peer_of_many).collect();
    store.write(&many, &Clock::present(NOW)).unwrap();
    drop(store);

    let daemon = Daemon::start(settings);
    let load = Load::start(daemon.address());
    let count = || daemon.announce(&leecher(1).in_swarm(&hash(200).0)).counts();
    assert!(count()[1] < i64::from(MANY), "it was not there yet");
    daemon.wait_for_log("the load", |line| line.contains("the database is loaded"));
    // The client itself is one more.
    assert_eq!(count()[..2].iter().sum::<i64>(), i64::from(MANY) + 1);
    load.stop();
}

fn peer_of_many(number: u32) -> btrt::record::PeerRecord {
    let mut peer = peer(200, "10.0.0.1", 7_000);
    peer.key.ip = std::net::Ipv4Addr::from_bits(0x0a00_0000 + number).into();
    peer.last_announce = NOW;
    peer
}

#[test]
fn a_long_load_from_sqlite_keeps_nobody_waiting() {
    let folder = Folder::new();
    let path = folder.0.join("btrt.sqlite");
    a_long_load_keeps_nobody_waiting(&with_sqlite(&path, 1), {
        let mut store = sqlite(&path);
        store.create().unwrap();
        store
    });
}

#[test]
fn a_long_load_from_mariadb_keeps_nobody_waiting() {
    let (server, store) = server_with_tables(&[]);
    a_long_load_keeps_nobody_waiting(&with_mariadb(&server, 1), store);
}
