//! What the database costs and takes: rows a second written to it and read from it, the time that
//! the daemon needs to load a million peers, and the memory of changes that wait for it.
//!
//! `cargo bench --bench database`; MariaDB (Debian's mariadb-server) runs privately, and both it
//! and SQLite write below the folder for temporary files.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a measurement that cannot go on ends, and measures time"
)]

#[path = "../tests/program/harness/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    reason = "the tests of the program use all of it"
)]
mod harness;
#[path = "../tests/support/mariadb.rs"]
#[expect(dead_code, reason = "the tests of the database use all of it")]
mod mariadb;

use btrt::bittorrent::{InfoHash, PeerId};
use btrt::config::Password;
use btrt::record::{Changes, Origin, PeerKey, PeerRecord, SwarmRecord};
use btrt::time::Timestamp;
use btrt::worker::store::{Address, Clock, MySql, Place, Sqlite, Store};
use harness::{Daemon, Settings, wait_until_within};
use mariadb::MariaDb;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PEERS: u32 = 1_000_000;
const SWARMS: u32 = 50_000;
/// Rows of one transaction: what the daemon writes at once.
const BATCH: usize = 5_000;
/// Rows that the daemon reads at once.
const PAGE: usize = 10_000;
/// Peers that wait for a database.
const PENDING: u32 = 500_000;
const NOW: Timestamp = Timestamp(100_000);

/// As an operator with so many peers would set it; the default is 128 MB.
const MEMORY: [&str; 2] = [
    "--innodb-buffer-pool-size=512M",
    "--innodb-log-file-size=256M",
];

fn main() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("btrt.sqlite");
    let url = format!("url: 'sqlite:{}'", path.display());
    let mut store = Store::new(Place::Sqlite(Sqlite { path }));
    measure("SQLite", &mut store, &url);

    let (server, mut store) = server_with_tables();
    measure("MariaDB", &mut store, &url_of(&server));
    measure_memory();
}

fn server_with_tables() -> (MariaDb, Store) {
    let server = MariaDb::start(&MEMORY);
    server.sql("GRANT ALL ON btrt.* TO btrt IDENTIFIED BY 'secret'");
    let mut store = Store::new(Place::MySql(MySql {
        address: Address::Unix(server.socket()),
        user: "btrt".to_owned(),
        password: Some(Password::new("secret")),
        schema: "btrt".to_owned(),
        timeout: None,
    }));
    store.create().unwrap();
    (server, store)
}

fn url_of(server: &MariaDb) -> String {
    let socket = server.socket();
    format!(
        "url: 'unix://{}', user: btrt, password: secret",
        socket.display()
    )
}

/// Rows a second, and the seconds of a daemon that starts with them.
fn measure(name: &str, store: &mut Store, url: &str) {
    let swarms = swarms();
    let mut peers = peers(&swarms);
    let per_second = |what: &str, rows: usize, act: &mut dyn FnMut()| {
        let start = Instant::now();
        act();
        let seconds = start.elapsed().as_secs_f64();
        let rate = rows as f64 / seconds;
        println!("{name}, {what}: {rows} rows in {seconds:.2} s, {rate:.0} rows/s");
    };
    per_second("new torrents written", swarms.len(), &mut || {
        for batch in swarms.chunks(BATCH) {
            write(store, |changes| changes.swarms = batch.to_vec());
        }
    });
    per_second("new peers written", peers.len(), &mut || {
        write_peers(store, &peers);
    });
    fastrand::Rng::with_seed(8).shuffle(&mut peers);
    let some = &peers[..200_000];
    per_second("known peers written", some.len(), &mut || {
        write_peers(store, some);
    });
    per_second("peers read", peers.len(), &mut || {
        assert_eq!(read_peers(store), peers.len());
    });

    let start = Instant::now();
    let daemon = Daemon::start(&Settings::default().database(url));
    wait_for_load(&daemon, PEERS);
    let seconds = start.elapsed().as_secs_f64();
    println!("{name}, a daemon that starts: {PEERS} peers in {seconds:.2} s");
    drop(daemon);

    let gone = &peers[..50_000];
    per_second("gone peers removed", gone.len(), &mut || {
        for batch in gone.chunks(BATCH) {
            write(store, |changes| {
                changes.gone_peers = batch.iter().map(|peer| peer.key).collect();
            });
        }
    });
}

fn wait_for_load(daemon: &Daemon, peers: u32) {
    let loaded = format!("the database is loaded: {peers} peers");
    let is_loaded = || daemon.log_lines().iter().any(|line| line.contains(&loaded));
    wait_until_within(Duration::from_secs(120), &loaded, is_loaded);
}

fn write(store: &mut Store, fill: impl FnOnce(&mut Changes)) {
    let mut changes = Changes {
        now: NOW,
        gone_swarms: Vec::new(),
        gone_peers: Vec::new(),
        swarms: Vec::new(),
        peers: Vec::new(),
    };
    fill(&mut changes);
    let written = store.write(&changes, &Clock::present(NOW)).unwrap();
    assert_eq!(written.refused, 0);
}

fn write_peers(store: &mut Store, peers: &[PeerRecord]) {
    for batch in peers.chunks(BATCH) {
        write(store, |changes| changes.peers = batch.to_vec());
    }
}

/// Reads all, as a daemon that starts does; says how many there are.
fn read_peers(store: &mut Store) -> usize {
    let (mut after, mut read) = (None, 0);
    loop {
        let page = store.read_peers(&Clock::present(NOW), after.as_ref(), PAGE);
        let records = page.unwrap().records;
        read += records.len();
        match records.last() {
            Some(peer) => after = Some(peer.key),
            None => return read,
        }
    }
}

fn swarms() -> Vec<SwarmRecord> {
    let mut random = fastrand::Rng::with_seed(7);
    let one = |_| SwarmRecord {
        info_hash: InfoHash(std::array::from_fn(|_| random.u8(..))),
        seeders: 1,
        leechers: 19,
        completions: 1,
        last_seen: NOW,
    };
    (0..SWARMS).map(one).collect()
}

/// Most in small swarms all over the key space, and a quarter in one of them.
fn peers(swarms: &[SwarmRecord]) -> Vec<PeerRecord> {
    let mut random = fastrand::Rng::with_seed(9);
    let one = |number: u32| PeerRecord {
        key: PeerKey {
            info_hash: swarms[match number % 4 {
                0 => 0,
                _ => random.usize(..swarms.len()),
            }]
            .info_hash,
            // A multiplication by an odd number gives each number another one.
            ip: Ipv4Addr::from_bits(number.wrapping_mul(2_654_435_761)).into(),
            port: random.u16(1024..),
        },
        peer_id: PeerId(*b"-qB4520-abcdefghijkl"),
        seeder: number.is_multiple_of(3),
        completed: false,
        group: Arc::from("local peers"),
        origin: Origin::Announced,
        last_announce: NOW,
    };
    (0..PEERS).map(one).collect()
}

/// Resident memory of a daemon whose database is away and has all to get, beside that of one
/// whose database got it.
fn measure_memory() {
    let (mut server, _) = server_with_tables();
    let settings = Settings::default()
        .server("trusted_proxies: ['127.0.0.1']")
        .database(&url_of(&server));
    let [idle, written] = {
        let daemon = Daemon::start(&settings);
        wait_for_load(&daemon, 0);
        let idle = resident(&daemon);
        announce(&daemon);
        let rows = || server.number("SELECT COUNT(*) FROM btrt.peers");
        wait_until_within(Duration::from_secs(120), "all rows", || {
            rows() == i64::from(PENDING)
        });
        [idle, resident(&daemon)]
    };
    server.sql("DELETE FROM btrt.peers;\nDELETE FROM btrt.torrents");
    let daemon = Daemon::start(&settings);
    wait_for_load(&daemon, 0);
    server.stop();
    announce(&daemon);
    daemon.wait_for_log("the fault", |line| line.contains("does not work"));
    let waiting = resident(&daemon);
    let each = |bytes: f64| bytes / f64::from(PENDING);
    println!(
        "memory of {PENDING} peers: {:.1} bytes each when all are written, {:.1} when all wait for \
         the database, {:+.1} for a pending change",
        each(written - idle),
        each(waiting - idle),
        each(waiting - written)
    );
}

/// Bytes.
fn resident(daemon: &Daemon) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
    kilobytes.unwrap().parse::<f64>().unwrap() * 1024.0
}

/// Announces peers in swarms of 20, some at once.
fn announce(daemon: &Daemon) {
    const AT_ONCE: u32 = 100;
    let mut stream = TcpStream::connect(daemon.address()).unwrap();
    let mut answers = Vec::new();
    for first in (0..PENDING).step_by(AT_ONCE as usize) {
        let requests: String = (first..first + AT_ONCE).map(request).collect();
        stream.write_all(requests.as_bytes()).unwrap();
        answers.clear();
        let mut buffer = [0; 1 << 16];
        while memchr::memmem::find_iter(&answers, b"min interval").count() < AT_ONCE as usize {
            let length = stream.read(&mut buffer).unwrap();
            assert!(length > 0, "the daemon hangs up");
            answers.extend_from_slice(&buffer[..length]);
        }
    }
}

fn request(number: u32) -> String {
    let swarm = number % (PENDING / 20);
    let ip = Ipv4Addr::from_bits(0x0b00_0000 + number);
    format!(
        "GET /announce?info_hash={swarm:020}&peer_id=-qB4520-{number:012}&port=6881&left=1\
         &numwant=0 HTTP/1.1\r\nX-Real-IP: {ip}\r\n\r\n"
    )
}
