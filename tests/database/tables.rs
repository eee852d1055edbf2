//! The tables of a running daemon's database, row by row beside what was announced.

use crate::harness::{Daemon, Reply, leecher, scrape_target};
use crate::load::{Announced, Key, Peer, SWARMS};
use crate::mariadb::MariaDb;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

/// From the end of an outage on: several attempts of a daemon that waits longer each time.
const PATIENCE: Duration = Duration::from_secs(30);

const PEERS: &str = "SELECT CONCAT_WS(' ', HEX(info_hash), HEX(ip), port, HEX(peer_id), seeder, \
                     peer_group, origin) FROM peers";
const TORRENTS: &str =
    "SELECT CONCAT_WS(' ', HEX(info_hash), seeders, leechers, completed) FROM torrents";

/// Where the tables are, for a test that reads them by itself.
pub enum Tables<'a> {
    MariaDb(&'a MariaDb),
    Sqlite(PathBuf),
}

impl Tables<'_> {
    /// The answer to a query for one column of text.
    pub fn column(&self, sql: &str) -> BTreeSet<String> {
        match self {
            Self::MariaDb(server) => {
                let rows = server.sql(&format!("USE btrt;\n{sql}"));
                rows.into_iter().map(mysql::from_row).collect()
            }
            Self::Sqlite(path) => {
                let file = rusqlite::Connection::open(path).unwrap();
                let mut query = file.prepare(sql).unwrap();
                let rows = query.query_map([], |row| row.get(0)).unwrap();
                rows.map(Result::unwrap).collect()
            }
        }
    }

    /// Rows of peers as [`row`] writes them.
    pub fn peers(&self) -> BTreeSet<String> {
        self.column(PEERS)
    }

    /// Seconds since the announce of the peer that has been silent for longest.
    pub fn oldest(&self) -> i64 {
        let age = match self {
            Self::MariaDb(_) => {
                "TIMESTAMPDIFF(SECOND, MIN(last_announce), UTC_TIMESTAMP()) AS CHAR"
            }
            Self::Sqlite(_) => "strftime('%s', 'now') - strftime('%s', MIN(last_announce)) AS TEXT",
        };
        let ages = self.column(&format!("SELECT CAST({age}) FROM peers"));
        ages.first().unwrap().parse().unwrap()
    }

    /// Waits until the tables hold what was announced, and says what they still lack if they never
    /// do. The swarms' figures are what a scrape answers with.
    pub fn become_equal(&self, announced: &Announced, torrents: &BTreeSet<String>) {
        let peers: BTreeSet<_> = announced
            .peers()
            .map(|(key, peer)| row(key, peer))
            .collect();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let difference: Vec<_> = peers
                .symmetric_difference(&self.peers())
                .chain(torrents.symmetric_difference(&self.column(TORRENTS)))
                .cloned()
                .collect();
            if difference.is_empty() {
                break;
            }
            let some = &difference[..difference.len().min(10)];
            assert!(
                Instant::now() < deadline,
                "{} of {} rows differ: {some:#?}",
                difference.len(),
                peers.len() + torrents.len()
            );
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// A peer's row as text.
pub fn row(key: Key, peer: Peer) -> String {
    let group = match key.1 {
        IpAddr::V4(ip) if ip.octets()[1] == 1 => "local",
        IpAddr::V4(ip) if ip.octets()[1] == 2 => "partner",
        _ => "other",
    };
    let (id, seeder) = (hex(peer.id().as_bytes()), u8::from(peer.seeder));
    format!("{}{id} {seeder} {group} announced", key_text(key))
}

/// What it begins with, and no other.
pub fn key_text((swarm, ip, port): Key) -> String {
    let ip = match ip {
        IpAddr::V4(ip) => hex(&ip.octets()),
        IpAddr::V6(ip) => hex(&ip.octets()),
    };
    format!("{} {ip} {port} ", hex(&[swarm; 20]))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// What the daemon answers to a scrape of all swarms that have peers, as rows of `torrents`.
pub fn figures(daemon: &Daemon) -> BTreeSet<String> {
    let hashes: Vec<_> = (0..SWARMS).map(|swarm| [swarm; 20]).collect();
    let names: Vec<&[u8]> = hashes.iter().map(|hash| &hash[..]).collect();
    let scrape = daemon.scrape(&scrape_target(&names));
    let row = |swarm: u8| {
        let [seeders, leechers, completed] = scrape.file(&[swarm; 20]).unwrap();
        let info_hash = format!("{swarm:02X}").repeat(20);
        (seeders + leechers > 0).then(|| format!("{info_hash} {seeders} {leechers} {completed}"))
    };
    (0..SWARMS).filter_map(row).collect()
}

/// Insists that everybody who was announced, and nobody else, is handed out.
pub fn everybody_is_there(announced: &Announced, daemon: &Daemon) {
    let mut asker = daemon.connect_from([127, 9, 9, 9]);
    for swarm in 0..SWARMS {
        let here = announced.peers().filter(|((of, ..), _)| *of == swarm);
        let expected: BTreeSet<_> = here
            .map(|((_, ip, port), _)| SocketAddr::new(ip, port))
            .collect();
        let announce = leecher(1).in_swarm(&[swarm; 20]).set("numwant", 200);
        let reply: Reply = asker.announce(&announce);
        let handed_out: BTreeSet<_> = [reply.peers(), reply.peers6()]
            .concat()
            .into_iter()
            .collect();
        assert_eq!(handed_out, expected, "swarm {swarm}");
    }
}
