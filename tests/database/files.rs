//! The files in `db/`, run as an operator runs them, and the same from the program.

use crate::mariadb::MariaDb;
use crate::records::CLOCK;
use crate::{allow, mysql};
use btrt::worker::store::{NotKept, Place, Schema, Store};
use std::fs;
use std::path::{Path, PathBuf};

const RIGHTS: &str = "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP";

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Runs a file and returns what it prints.
fn run(server: &MariaDb, name: &str) -> String {
    let output = server.run_file("btrt", &file(name));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && complaint.is_empty(),
        "{complaint}"
    );
    String::from_utf8(output.stdout).unwrap()
}

fn store(server: &MariaDb) -> Store {
    Store::new(Place::MySql(mysql(server)))
}

fn old_tables(server: &MariaDb) {
    server.sql("CREATE DATABASE IF NOT EXISTS btrt");
    let fixture = fs::read_to_string(file("tests/fixtures/btrt.db_2.1.0.sql")).unwrap();
    server.sql(&format!("USE btrt;\n{fixture}"));
}

#[test]
fn creation_runs_twice() {
    let server = MariaDb::start(&[]);
    allow(&server, RIGHTS);
    for _ in 0..2 {
        let says = run(&server, "db/btrt.db_creation.sql");
        assert!(says.contains("the tables are ready"), "{says}");
        assert_eq!(store(&server).schema().unwrap(), Schema::Current);
    }
    run(&server, "db/btrt.db_upgrade_2.1.0.sql");
    assert_eq!(store(&server).schema().unwrap(), Schema::Current);
    let tables = "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'btrt'";
    assert_eq!(server.number(tables), 3);
}

#[test]
fn creation_needs_no_right_to_create_a_schema_that_is_there() {
    let server = MariaDb::start(&[]);
    server.sql("CREATE DATABASE btrt;\nCREATE USER btrt IDENTIFIED BY 'secret'");
    for table in ["torrents", "peers", "schema_version"] {
        server.sql(&format!(
            "GRANT CREATE, SELECT, INSERT ON btrt.{table} TO btrt"
        ));
    }
    run(&server, "db/btrt.db_creation.sql");
    store(&server).create().unwrap();
    assert_eq!(store(&server).schema().unwrap(), Schema::Current);
}

#[test]
fn the_program_makes_the_tables_in_the_schema_that_it_is_told() {
    let server = MariaDb::start(&[]);
    server.sql("GRANT ALL ON `a ``b`.* TO btrt IDENTIFIED BY 'secret'");
    let mut place = mysql(&server);
    place.schema = "a `b".to_owned();
    let mut store = Store::new(Place::MySql(place));
    for _ in 0..2 {
        store.create().unwrap();
    }
    assert_eq!(store.schema().unwrap(), Schema::Current);
    assert_eq!(server.number("SELECT COUNT(*) FROM `a ``b`.peers"), 0);
}

#[test]
fn creation_leaves_old_tables_alone() {
    let server = MariaDb::start(&[]);
    allow(&server, RIGHTS);
    old_tables(&server);
    let says = run(&server, "db/btrt.db_creation.sql");
    assert!(says.contains("run btrt.db_upgrade_2.1.0.sql"), "{says}");
    let mut store = store(&server);
    assert_eq!(store.schema().unwrap(), Schema::Older(None));
    let error = store.create().unwrap_err().to_string();
    assert!(error.contains("btrt db upgrade"), "{error}");
    assert_eq!(server.number("SELECT COUNT(*) FROM btrt.peers"), 8);
}

#[test]
fn the_upgrade_keeps_what_makes_sense_and_counts_the_rest() {
    let server = MariaDb::start(&["--default-time-zone=-08:00"]);
    allow(&server, RIGHTS);
    old_tables(&server);
    let not_kept = |table: &str, rows| NotKept {
        table: table.to_owned(),
        rows,
    };
    let expected = [not_kept("torrents_2_1", 2), not_kept("peers_2_1", 5)];
    assert_eq!(store(&server).upgrade().unwrap(), expected);
    assert_eq!(store(&server).upgrade().unwrap(), []);
    assert_upgraded(&server);
    let says = run(&server, "db/btrt.db_upgrade_2.1.0.sql");
    assert!(
        says.contains("torrents_2_1\t2") && says.contains("peers_2_1\t5"),
        "{says}"
    );
    assert_upgraded(&server);
}

#[test]
fn an_interrupted_upgrade_is_run_again() {
    let server = MariaDb::start(&[]);
    allow(&server, RIGHTS);
    old_tables(&server);
    // The file up to each of its statements, then the whole file.
    let whole = fs::read_to_string(file("db/btrt.db_upgrade_2.1.0.sql")).unwrap();
    let cuts: Vec<_> = whole.match_indices(";\n").map(|(at, _)| at + 2).collect();
    let cut_file = std::env::temp_dir().join(format!("btrt-cut-{}.sql", std::process::id()));
    for cut in cuts {
        server.sql("DROP DATABASE btrt");
        old_tables(&server);
        fs::write(&cut_file, &whole[..cut]).unwrap();
        assert!(server.run_file("btrt", &cut_file).status.success());
        if cut < whole.len() {
            assert_eq!(
                store(&server).schema().unwrap(),
                Schema::Older(None),
                "{cut}"
            );
        }
        store(&server).upgrade().unwrap();
        assert_upgraded(&server);
    }
    fs::remove_file(&cut_file).unwrap();
}

fn assert_upgraded(server: &MariaDb) {
    let mut store = store(server);
    assert_eq!(store.schema().unwrap(), Schema::Current);
    let swarms = store.read_swarms(&CLOCK(), None, 9).unwrap();
    let counts = |at: usize| {
        let swarm = swarms.records[at];
        (
            swarm.info_hash.0[19],
            swarm.seeders,
            swarm.leechers,
            swarm.completions,
        )
    };
    assert_eq!(swarms.records.len(), 2);
    assert_eq!((counts(0), counts(1)), ((0xaa, 1, 2, 3), (0xbb, 0, 0, 0)));

    let peers = store.read_peers(&CLOCK(), None, 9).unwrap();
    assert_eq!((peers.records.len(), peers.skipped), (2, 0));
    let [last, broadcast] = &peers.records[..] else {
        unreachable!()
    };
    assert_eq!(last.key.ip.to_string(), "10.0.0.1");
    assert_eq!(
        (last.key.port, last.seeder, last.completed),
        (6_881, false, true)
    );
    assert_eq!(&last.peer_id.0, b"-BT00000000000000001");
    assert_eq!(broadcast.key.ip.to_string(), "255.255.255.255");
    let times = "SELECT CONCAT(MIN(last_announce), ' ', MAX(last_announce)) FROM btrt.peers";
    assert_eq!(
        server.text(times),
        "1970-01-01 00:00:01 2026-11-22 14:03:08"
    );
}
