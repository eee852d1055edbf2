//! What an operator reads when the database cannot do what it should.

use crate::harness::wait_until;
use crate::mariadb::MariaDb;
use crate::records::{CLOCK, changes, hash, peer, swarm};
use crate::{Folder, allow, mysql, server_with_tables, sqlite};
use btrt::config::Password;
use btrt::worker::store::{Address, MySql, Place, Store, Trouble};
use mysql::prelude::Queryable;
use std::fs;
use std::net::TcpListener;
use std::time::Duration;

fn fails(store: &mut Store, trouble: Trouble, says: &[&str]) {
    let error = store.read_swarms(&CLOCK(), None, 1).unwrap_err();
    assert_eq!(error.trouble, trouble, "{error}");
    for text in says {
        assert!(
            error.to_string().contains(text),
            "{error} should say {text}"
        );
    }
}

fn with(place: &MySql, change: impl FnOnce(&mut MySql)) -> Store {
    let mut place = place.clone();
    change(&mut place);
    Store::new(Place::MySql(place))
}

#[test]
fn a_server_that_cannot_be_used_is_told_with_what_to_do() {
    let server = MariaDb::start(&[]);
    allow(&server, "SELECT, INSERT, UPDATE, DELETE, CREATE");
    let place = mysql(&server);
    let store = |change: fn(&mut MySql)| with(&place, change);

    fails(
        &mut store(|place| place.password = Some(Password::new("wrong"))),
        Trouble::Denied,
        &["Access denied", "database.password"],
    );
    fails(
        &mut store(|place| place.schema = "other".to_owned()),
        Trouble::Denied,
        &["other"],
    );
    fails(&mut store(|_| ()), Trouble::NoTables, &["btrt db create"]);
    server.sql("CREATE DATABASE btrt");
    fails(&mut store(|_| ()), Trouble::NoTables, &["btrt db create"]);
    fails(
        &mut store(|place| place.address = Address::Unix("/nowhere/s.sock".into())),
        Trouble::Unreachable,
        &["No such file", "database.url"],
    );

    store(|_| ()).create().unwrap();
    let mut works = store(|_| ());
    works.read_swarms(&CLOCK(), None, 1).unwrap();
    server.sql("SET GLOBAL read_only = 1");
    let error = works.write(&changes_of_a_swarm(), &CLOCK()).unwrap_err();
    assert_eq!(error.trouble, Trouble::ReadOnly, "{error}");
    server.sql("SET GLOBAL read_only = 0");
    works.write(&changes_of_a_swarm(), &CLOCK()).unwrap();

    server.sql("INSERT INTO btrt.schema_version VALUES (4)");
    fails(&mut store(|_| ()), Trouble::NewTables, &["version 4"]);
    assert!(store(|_| ()).create().is_err());
    assert!(store(|_| ()).upgrade().is_err());
}

fn changes_of_a_swarm() -> btrt::record::Changes {
    let mut changes = changes();
    changes.swarms = vec![swarm(1)];
    changes.peers = (0..1_500).map(|port| peer(1, "10.0.0.1", port)).collect();
    changes
}

#[test]
fn over_tcp_and_after_a_cut_connection() {
    let (server, _) = server_with_tables(&[]);
    let mut store = with(&mysql(&server), |place| {
        place.address = Address::Tcp {
            host: "127.0.0.1".to_owned(),
            port: server.port,
        };
    });
    store.write(&changes_of_a_swarm(), &CLOCK()).unwrap();

    // Killed between two batches.
    let kill = "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'btrt'";
    server.sql(&format!("KILL {}", server.number(kill)));
    let error = store.write(&changes_of_a_swarm(), &CLOCK()).unwrap_err();
    assert_eq!(error.trouble, Trouble::Unreachable, "{error}");
    store.write(&changes_of_a_swarm(), &CLOCK()).unwrap();
}

#[test]
fn a_batch_that_is_cut_in_the_middle_leaves_nothing_behind() {
    let (server, mut store) = server_with_tables(&[]);
    // The second row of peers kills its own connection's transaction.
    server.sql(
        "USE btrt;\nCREATE TRIGGER cut BEFORE INSERT ON peers FOR EACH ROW \
         IF NEW.port = 1499 THEN KILL CONNECTION_ID(); END IF",
    );
    let error = store.write(&changes_of_a_swarm(), &CLOCK()).unwrap_err();
    assert_eq!(error.trouble, Trouble::Unreachable, "{error}");
    assert_eq!(server.number("SELECT COUNT(*) FROM btrt.peers"), 0);
    assert_eq!(server.number("SELECT COUNT(*) FROM btrt.torrents"), 0);
    server.sql("DROP TRIGGER btrt.cut");
    store.write(&changes_of_a_swarm(), &CLOCK()).unwrap();
    assert_eq!(server.number("SELECT COUNT(*) FROM btrt.peers"), 1_500);
}

#[test]
fn a_refused_row_is_told_without_what_is_in_it() {
    let (server, mut store) = server_with_tables(&[]);
    server.sql("ALTER TABLE btrt.peers ADD UNIQUE (peer_id)");
    let written = store.write(&changes_of_a_swarm(), &CLOCK()).unwrap();
    // Each takes the place of the one before, as the key that the operator made says.
    assert_eq!(written.refused, 0);
    server.sql("ALTER TABLE btrt.peers ADD CHECK (port < 100), MODIFY peer_group CHAR(2) NOT NULL");
    let mut named = changes();
    named.peers = vec![peer(1, "10.0.0.1", 80), peer(1, "10.0.0.1", 100)];
    named.peers[0].group = "three".into();
    let written = store.write(&named, &CLOCK()).unwrap();
    assert_eq!((written.peers, written.refused), (0, 2));
    let reason = written.refusal.unwrap().to_string();
    assert!(
        reason.starts_with("Data too long for column (error 1406)"),
        "{reason}"
    );
}

/// MySQL has an error for this; MariaDB just denies access.
#[test]
fn a_server_that_wants_tls_is_told() {
    let (server, _) = server_with_tables(&["--require-secure-transport=ON"]);
    let mut store = with(&mysql(&server), |place| {
        place.address = Address::Tcp {
            host: "127.0.0.1".to_owned(),
            port: server.port,
        };
    });
    fails(&mut store, Trouble::Denied, &["demand TLS", "unix socket"]);
}

#[test]
fn a_server_that_accepts_and_never_answers_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut store = Store::new(Place::MySql(MySql {
        address: Address::Tcp {
            host: "127.0.0.1".to_owned(),
            port: listener.local_addr().unwrap().port(),
        },
        user: "btrt".to_owned(),
        password: None,
        schema: "btrt".to_owned(),
        timeout: Some(Duration::from_millis(200)),
    }));
    fails(
        &mut store,
        Trouble::Unreachable,
        &["did not answer in time"],
    );
}

#[test]
fn a_large_swarm_goes_in_pieces() {
    let (server, mut store) = server_with_tables(&[]);
    let mut all = changes();
    all.peers = (0..25_000).map(|port| peer(1, "10.0.0.1", port)).collect();
    store.write(&all, &CLOCK()).unwrap();
    let mut gone = changes();
    gone.gone_swarms = vec![hash(1)];
    store.write(&gone, &CLOCK()).unwrap();
    assert_eq!(server.number("SELECT COUNT(*) FROM btrt.peers"), 0);
}

#[test]
fn a_file_that_is_no_database_is_told() {
    let folder = Folder::new();
    let path = folder.0.join("btrt.sqlite");
    fs::write(
        &path,
        "This is a letter to my aunt, and by no means a database.",
    )
    .unwrap();
    fails(&mut sqlite(&path), Trouble::Other, &["not a database"]);
    fails(&mut sqlite(&folder.0), Trouble::NoFile, &["database.url"]);
    fails(
        &mut sqlite(&path.join("x")),
        Trouble::NoFile,
        &["cannot make the folder", "database.url"],
    );
}

/// An operator's own transaction holds a row until the server gives the daemon's up. That costs one
/// more attempt and no connection, behind which all rows would have to be compared.
#[test]
fn a_write_that_another_transaction_was_in_the_way_of_is_made_again() {
    let (server, _) = server_with_tables(&["--innodb-lock-wait-timeout=1"]);
    let mut store = Store::new(Place::MySql(mysql(&server)));
    store.write(&changes_of_a_swarm(), &CLOCK()).unwrap();
    assert!(store.has_connected());
    let mut operator = server.connect("root", None);
    let update = "UPDATE btrt.torrents SET completed = 7";
    operator.query_drop("BEGIN").unwrap();
    operator.query_drop(update).unwrap();
    let waits = || {
        server.number(
            "SELECT CAST(VARIABLE_VALUE AS SIGNED) FROM information_schema.GLOBAL_STATUS \
             WHERE VARIABLE_NAME = 'INNODB_ROW_LOCK_WAITS'",
        )
    };
    let before = waits();
    let writing = std::thread::spawn(move || {
        let written = store.write(&changes_of_a_swarm(), &CLOCK());
        (written, store.has_connected())
    });
    wait_until("a second attempt that waits", || {
        assert!(!writing.is_finished(), "nobody was in the way");
        waits() >= before + 2
    });
    operator.query_drop("COMMIT").unwrap();
    let (written, has_connected) = writing.join().unwrap();
    let written = written.unwrap();
    assert_eq!((written.swarms, written.peers), (1, 1_500));
    assert!(!has_connected, "a new connection was made");
    assert_eq!(server.number("SELECT COUNT(*) FROM btrt.peers"), 1_500);
}
