//! What every store must do.

use crate::mariadb::MariaDb;
use crate::records::{CLOCK, NOW, changes, hash, peer, sort, swarm};
use crate::{Folder, server_with_tables, sqlite};
use btrt::record::{Changes, PeerRecord, SwarmRecord};
use btrt::time::Timestamp;
use btrt::worker::store::{Clock, Schema, Store};
use std::fs;
use std::sync::Arc;

/// A database that holds a store's tables, with a way past the store.
trait Database {
    fn sql(&self, statement: &str);
    fn text(&self, query: &str) -> String;
    /// A trigger that refuses peers at port 666.
    const TRIGGER: &str;
}

impl Database for MariaDb {
    fn sql(&self, statement: &str) {
        self.sql(&format!("USE btrt;\n{statement}"));
    }

    fn text(&self, query: &str) -> String {
        self.text(&format!("USE btrt;\n{query}"))
    }

    const TRIGGER: &str = "CREATE TRIGGER no_devils BEFORE INSERT ON peers FOR EACH ROW \
        IF NEW.port = 666 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END IF";
}

impl Database for rusqlite::Connection {
    fn sql(&self, statement: &str) {
        self.execute_batch(statement).unwrap();
    }

    fn text(&self, query: &str) -> String {
        self.query_row(query, [], |row| row.get(0)).unwrap()
    }

    const TRIGGER: &str = "CREATE TRIGGER no_devils BEFORE INSERT ON peers \
        WHEN NEW.port = 666 BEGIN SELECT RAISE(ABORT, 'no'); END";
}

#[test]
fn sqlite_keeps_the_contract() {
    let folder = Folder::new();
    let path = folder.0.join("missing/btrt.sqlite");
    let mut store = sqlite(&path);
    assert_eq!(store.schema().unwrap(), Schema::Missing);
    assert!(!path.exists());
    // The first use makes file and folder.
    assert_eq!(peers(&mut store), []);
    contract(&mut store, &rusqlite::Connection::open(&path).unwrap());
}

/// A commit gives nobody way, and one of a large batch would take tens of milliseconds. How much is
/// committed at once is seen in the file that it is written to first.
#[test]
fn a_file_is_written_in_short_pieces() {
    let folder = Folder::new();
    let path = folder.0.join("btrt.sqlite");
    let mut store = sqlite(&path);
    let mut batch = changes();
    for number in 0..200 {
        batch.swarms.push(swarm(number));
        let peers = (1..=250).map(|port| peer(number, "10.0.0.1", port));
        batch.peers.extend(peers);
    }
    let mut removal = changes();
    removal.gone_peers = batch.peers.iter().map(|peer| peer.key).collect();
    for changes in [batch, removal] {
        write(&mut store, &changes);
        let log = fs::metadata(folder.0.join("btrt.sqlite-wal"))
            .unwrap()
            .len();
        assert!(log < 2 << 20, "{log} bytes");
    }
    assert_eq!(peers(&mut store), []);
}

#[test]
fn mariadb_keeps_the_contract() {
    let (server, mut store) = server_with_tables(&["--default-time-zone=+05:00"]);
    contract(&mut store, &server);
}

fn contract<D: Database>(store: &mut Store, database: &D) {
    assert_eq!(store.schema().unwrap(), Schema::Current);
    what_is_written_is_read(store, database);
    gone_is_gone(store);
    pages_of_any_size_show_everything_once(store);
    batches_of_any_size(store);
    any_name_is_a_name(store, database);
    rows_without_sense_are_skipped(store, database);
    a_refused_row_keeps_no_other_from_being_written(store, database);
}

fn write(store: &mut Store, changes: &Changes) {
    let written = store.write(changes, &CLOCK()).unwrap();
    assert_eq!(written.refused, 0, "{written:?}");
    assert_eq!(written.peers, changes.peers.len());
    assert_eq!(written.swarms, changes.swarms.len());
}

fn peers(store: &mut Store) -> Vec<PeerRecord> {
    store.read_peers(&CLOCK(), None, 100_000).unwrap().records
}

fn swarms(store: &mut Store) -> Vec<SwarmRecord> {
    store.read_swarms(&CLOCK(), None, 100_000).unwrap().records
}

/// Takes everything out.
fn clear(store: &mut Store) {
    let mut gone = changes();
    gone.gone_swarms = (0..=255).map(hash).collect();
    write(store, &gone);
    assert_eq!((peers(store), swarms(store)), (vec![], vec![]));
}

fn what_is_written_is_read(store: &mut Store, database: &impl Database) {
    let mut first = changes();
    first.swarms = vec![swarm(1), swarm(2)];
    first.peers = vec![peer(1, "10.0.0.1", 0), peer(1, "2001:db8::1", 65_535)];
    // The fate of a commit may be unknown: the same again changes nothing.
    for _ in 0..2 {
        write(store, &first);
        assert_eq!(swarms(store), first.swarms);
        assert_eq!(peers(store), first.peers);
    }
    let seen = "SELECT CAST(first_seen AS CHAR) FROM torrents ORDER BY info_hash LIMIT 1";
    assert_eq!(database.text(seen), "2026-11-22 14:02:07");

    let mut second = changes();
    second.swarms = vec![SwarmRecord {
        seeders: 7,
        last_seen: NOW,
        ..swarm(1)
    }];
    let mut again = peer(1, "10.0.0.1", 0);
    again.seeder = false;
    again.last_announce = Timestamp(NOW.0 - 1);
    second.peers = vec![again];
    write(store, &second);
    assert_eq!(swarms(store), [second.swarms[0], swarm(2)]);
    assert_eq!(peers(store)[0], second.peers[0]);
    assert_eq!(database.text(seen), "2026-11-22 14:02:07");

    // An hour later, by a daemon that has started anew, and by one whose clock was set back.
    let later = Clock::new(Timestamp(5_000), 1_795_356_187 + 3_600);
    let read = store.read_swarms(&later, None, 1).unwrap().records;
    assert_eq!(read[0].last_seen, Timestamp(1_400));
    let earlier = Clock::new(Timestamp(5_000), 1_000_000_000);
    let read = store.read_swarms(&earlier, None, 1).unwrap().records;
    assert_eq!(read[0].last_seen, Timestamp(5_000));
    clear(store);
}

fn gone_is_gone(store: &mut Store) {
    let mut first = changes();
    first.swarms = vec![swarm(1), swarm(2), swarm(3)];
    first.peers = vec![
        peer(1, "10.0.0.1", 1),
        peer(2, "10.0.0.1", 1),
        peer(2, "10.0.0.1", 2),
        peer(2, "10.0.0.2", 1),
        peer(3, "10.0.0.1", 1),
    ];
    write(store, &first);
    let mut second = changes();
    second.gone_swarms = vec![hash(1), hash(3), hash(9)];
    second.gone_peers = vec![first.peers[2].key, peer(9, "::1", 9).key];
    // What is gone goes first: this swarm has come back.
    second.swarms = vec![swarm(3)];
    second.peers = vec![peer(3, "10.0.0.7", 7)];
    write(store, &second);
    assert_eq!(swarms(store), [swarm(2), swarm(3)]);
    let left = [&first.peers[1], &first.peers[3], &second.peers[0]];
    assert_eq!(peers(store).iter().collect::<Vec<_>>(), left);
    clear(store);
}

fn pages_of_any_size_show_everything_once(store: &mut Store) {
    let mut all = changes();
    for number in [0, 1, 255] {
        all.swarms.push(swarm(number));
        for ip in ["10.0.0.1", "10.0.0.2", "a00::", "a00:1::", "255.0.0.1"] {
            for port in [0, 9, 80, 65_535] {
                all.peers.push(peer(number, ip, port));
            }
        }
    }
    sort(&mut all.peers);
    write(store, &all);
    for limit in 1..=all.peers.len() + 1 {
        let (mut read, mut after) = (Vec::new(), None);
        loop {
            let page = store.read_peers(&CLOCK(), after.as_ref(), limit).unwrap();
            assert_eq!(page.skipped, 0);
            let at_end = page.records.len() < limit;
            after = page.records.last().map(|peer| peer.key).or(after);
            read.extend(page.records);
            if at_end {
                break;
            }
        }
        assert_eq!(read, all.peers, "pages of {limit}");
    }
    let behind = store.read_swarms(&CLOCK(), Some(&hash(0)), 2).unwrap();
    assert_eq!(behind.records, all.swarms[1..]);
    clear(store);
}

fn batches_of_any_size(store: &mut Store) {
    let mut all = changes();
    all.peers = (0..2_500).map(|port| peer(1, "10.0.0.1", port)).collect();
    write(store, &all);
    assert_eq!(peers(store), all.peers);
    let mut gone = changes();
    gone.gone_peers = all.peers[..1_001].iter().map(|peer| peer.key).collect();
    write(store, &gone);
    assert_eq!(peers(store), all.peers[1_001..]);
    clear(store);
}

fn any_name_is_a_name(store: &mut Store, database: &impl Database) {
    for (name, kept) in [
        ("o'ne \\ \"two\" %; --", "o'ne \\ \"two\" %; --".to_owned()),
        ("Сеть ☃ 🦀!", "Сеть ☃ \u{fffd}!".to_owned()),
        (&"я".repeat(300), "я".repeat(100)),
    ] {
        let mut named = changes();
        named.peers = vec![peer(1, "10.0.0.1", 1); 1];
        named.peers[0].group = Arc::from(name);
        write(store, &named);
        assert_eq!(database.text("SELECT peer_group FROM peers"), kept);
    }
    clear(store);
}

fn rows_without_sense_are_skipped(store: &mut Store, database: &impl Database) {
    let mut all = changes();
    all.peers = vec![peer(1, "10.0.0.1", 1), peer(2, "10.0.0.1", 1)];
    write(store, &all);
    for ip in ["", "00", "0a00000100", "ffffffffff"] {
        database.sql(&format!(
            "INSERT INTO peers VALUES (X'{}', X'{ip}', 80, X'{}', 1, 0, '', 'announced', \
             '2026-11-22 14:03:07')",
            "01".repeat(20),
            "61".repeat(20)
        ));
    }
    for limit in 1..4 {
        let page = store.read_peers(&CLOCK(), None, limit).unwrap();
        assert_eq!(page.records, all.peers[..limit.min(2)]);
        let page = store
            .read_peers(&CLOCK(), Some(&all.peers[0].key), limit)
            .unwrap();
        assert_eq!(page.records, all.peers[1..]);
    }
    assert_eq!(store.read_peers(&CLOCK(), None, 9).unwrap().skipped, 4);
    clear(store);
}

fn a_refused_row_keeps_no_other_from_being_written<D: Database>(store: &mut Store, database: &D) {
    database.sql(D::TRIGGER);
    let mut all = changes();
    all.swarms = vec![swarm(1)];
    all.peers = [665, 666, 667]
        .map(|port| peer(1, "10.0.0.1", port))
        .to_vec();
    let written = store.write(&all, &CLOCK()).unwrap();
    assert_eq!((written.swarms, written.peers, written.refused), (1, 2, 1));
    let reason = written.refusal.unwrap().to_string();
    assert!(
        reason.starts_with("no") && reason.contains("triggers"),
        "{reason}"
    );
    all.peers.remove(1);
    assert_eq!(peers(store), all.peers);
    clear(store);
}
