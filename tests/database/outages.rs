//! MariaDB fails in every way it knows while clients announce: nobody waits for an answer, the log
//! says once what is wrong and once that it is over, and then the tables hold what was announced.

use crate::daemons::{BEGIN, END, count, stop_and_start_again, with_mariadb};
use crate::harness::{Daemon, Run, leecher, wait_until, wait_until_within};
use crate::load::Load;
use crate::mariadb::MariaDb;
use crate::tables::{Tables, figures};
use crate::{allow, server_with_tables};
use nix::sys::signal::Signal;
use std::time::Duration;

/// Two time-outs of 10 s pass before a server that is silent counts as a fault.
const SILENCE: Duration = Duration::from_secs(40);

/// Has something done to a server and undone again while clients announce.
fn outage(advice: &str, begin: impl FnOnce(&mut MariaDb), end: impl FnOnce(&mut MariaDb, &Daemon)) {
    let (mut server, _) = server_with_tables(&[]);
    let settings = with_mariadb(&server, 1);
    let daemon = Daemon::start(&settings);
    daemon.wait_for_log("the database", |line| {
        line.contains("the database is loaded")
    });
    let load = Load::start(daemon.address());
    let some = "SELECT COUNT(*) FROM btrt.peers";
    wait_until("rows of peers", || server.number(some) > 500);
    assert_eq!(count(&daemon, BEGIN), 0);

    begin(&mut server);
    wait_until_within(SILENCE, advice, || count(&daemon, BEGIN) > 0);
    end(&mut server, &daemon);
    wait_until_within(SILENCE, "the end of it", || count(&daemon, END) > 0);

    let announced = load.stop();
    Tables::MariaDb(&server).become_equal(&announced, &figures(&daemon));
    let lines = daemon.log_lines();
    let told: Vec<_> = lines.iter().filter(|line| line.contains(BEGIN)).collect();
    assert_eq!((told.len(), count(&daemon, END)), (1, 1), "{lines:#?}");
    assert!(told[0].contains(advice), "{} should say {advice}", told[0]);
    stop_and_start_again(daemon, &settings, &announced);
}

#[test]
fn a_server_that_is_stopped() {
    outage(
        "is it running",
        |server| server.shut_down(),
        |server, _| server.launch(),
    );
}

#[test]
fn a_server_that_is_killed() {
    outage(
        "is it running",
        |server| server.stop(),
        |server, _| server.launch(),
    );
}

#[test]
fn a_server_that_hangs() {
    outage(
        "did not answer in time; is it running",
        |server| server.signal(Signal::SIGSTOP),
        |server, _| server.signal(Signal::SIGCONT),
    );
}

#[test]
fn a_server_that_becomes_read_only() {
    outage(
        "make it writable",
        |server| drop(server.sql("SET GLOBAL read_only = 1")),
        |server, _| drop(server.sql("SET GLOBAL read_only = 0")),
    );
}

/// The trigger cuts each connection after the first rows of a batch.
#[test]
fn connections_that_are_cut_in_the_middle_of_a_batch() {
    outage(
        "is it running",
        |server| {
            server.sql(
                "USE btrt;\nCREATE TRIGGER cut BEFORE INSERT ON peers FOR EACH ROW \
                 IF NEW.port = 10005 THEN KILL CONNECTION_ID(); END IF",
            );
        },
        |server, _| drop(server.sql("DROP TRIGGER btrt.cut")),
    );
}

#[test]
fn a_password_that_is_no_longer_right() {
    let change = |server: &MariaDb, password: &str| {
        server.sql(&format!("SET PASSWORD FOR btrt = PASSWORD('{password}')"));
    };
    outage(
        "database.password",
        |server| {
            change(server, "other");
            hang_up(server);
        },
        |server, _| change(server, "secret"),
    );
}

#[test]
fn tables_that_are_missing() {
    outage(
        "run `btrt db create`",
        |server| drop(server.sql("DROP DATABASE btrt")),
        |_, daemon| {
            let configuration = daemon.configuration();
            let run = Run::of(&["db", "create", "-c", configuration.to_str().unwrap()]);
            assert_eq!(run.code, Some(0), "{}", run.errors);
        },
    );
}

#[test]
fn a_server_that_is_started_after_the_daemon() {
    let (mut server, _) = server_with_tables(&[]);
    let settings = with_mariadb(&server, 1);
    server.stop();
    let daemon = Daemon::start(&settings);
    let load = Load::start(daemon.address());
    wait_until("the fault", || count(&daemon, BEGIN) > 0);
    server.launch();
    wait_until("the end of it", || count(&daemon, END) > 0);
    let announced = load.stop();
    Tables::MariaDb(&server).become_equal(&announced, &figures(&daemon));
    assert_eq!((count(&daemon, BEGIN), count(&daemon, END)), (1, 1));
    stop_and_start_again(daemon, &settings, &announced);
}

/// Nothing of this is a fault: a new connection is made, and the batch written again.
#[test]
fn connections_that_are_killed_while_the_server_runs() {
    let (server, _) = server_with_tables(&[]);
    let settings = with_mariadb(&server, 1);
    let daemon = Daemon::start(&settings);
    let load = Load::start(daemon.address());
    let tables = Tables::MariaDb(&server);
    for _ in 0..3 {
        let before = tables.peers();
        wait_until("a write", || tables.peers() != before);
        hang_up(&server);
    }
    let announced = load.stop();
    tables.become_equal(&announced, &figures(&daemon));
    assert_eq!(count(&daemon, BEGIN), 0);
    stop_and_start_again(daemon, &settings, &announced);
}

/// It is back before the next write, so that nobody has missed it. Nor does anything change that would
/// have to be written.
#[test]
fn a_server_that_loses_rows_between_two_writes() {
    let (mut server, _) = server_with_tables(&[]);
    let daemon = Daemon::start(&with_mariadb(&server, 8));
    for number in 1..=3 {
        daemon.announce(&leecher(number));
    }
    let count_rows = "SELECT COUNT(*) FROM btrt.peers";
    wait_until("the peers' rows", || server.number(count_rows) == 3);
    server.shut_down();
    server.launch();
    server.sql("DELETE FROM btrt.peers;\nDELETE FROM btrt.torrents");
    wait_until("all rows", || server.number(count_rows) == 3);
}

/// Waits for the daemon's connection and kills it.
fn hang_up(server: &MariaDb) {
    let id = "SELECT COALESCE(MAX(ID), 0) FROM information_schema.PROCESSLIST \
              WHERE USER = 'btrt' AND COMMAND <> 'Killed'";
    let mut connection = 0;
    wait_until("a connection", || {
        connection = server.number(id);
        connection > 0
    });
    server.sql(&format!("KILL {connection}"));
    wait_until("its end", || server.number(id) != connection);
}

#[test]
fn a_server_that_hangs_up_on_who_is_silent() {
    let (server, _) = server_with_tables(&[]);
    server.sql("SET GLOBAL wait_timeout = 1");
    let daemon = Daemon::start(&with_mariadb(&server, 3));
    let connections = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'btrt'";
    for number in 1..=2 {
        daemon.announce(&leecher(number));
        let rows = || server.number("SELECT COUNT(*) FROM btrt.peers");
        wait_until("the peer's row", || rows() == i64::from(number));
        wait_until("the server to hang up", || server.number(connections) == 0);
    }
    assert_eq!(count(&daemon, BEGIN), 0);
}

/// Times are UTC whatever the server thinks of it: nobody expires early or late.
#[test]
fn a_server_in_another_time_zone() {
    let (server, _) = server_with_tables(&["--default-time-zone=+05:00"]);
    let settings = with_mariadb(&server, 1);
    let daemon = Daemon::start(&settings);
    let load = Load::start(daemon.address());
    let tables = Tables::MariaDb(&server);
    wait_until("rows of peers", || tables.peers().len() > 500);
    let announced = load.stop();
    tables.become_equal(&announced, &figures(&daemon));
    assert!((0..120).contains(&tables.oldest()), "{} s", tables.oldest());
    let daemon = stop_and_start_again(daemon, &settings, &announced);
    assert_eq!(count(&daemon, BEGIN), 0);
    assert!((0..120).contains(&tables.oldest()), "{} s", tables.oldest());
}

/// The password of the configuration is wrong from the beginning, and put right by the operator.
#[test]
fn a_user_who_is_not_let_in() {
    let server = MariaDb::start(&[]);
    let settings = with_mariadb(&server, 1);
    let daemon = Daemon::start(&settings);
    let load = Load::start(daemon.address());
    daemon.wait_for_log("the fault", |line| line.contains("database.password"));
    allow(&server, "ALL");
    daemon.wait_for_log("the next fault", |line| {
        line.contains("run `btrt db create`")
    });
    let configuration = daemon.configuration();
    assert_eq!(
        Run::of(&["db", "create", "-c", configuration.to_str().unwrap()]).code,
        Some(0)
    );
    wait_until("the end of it", || count(&daemon, END) > 0);
    let announced = load.stop();
    Tables::MariaDb(&server).become_equal(&announced, &figures(&daemon));
    assert_eq!((count(&daemon, BEGIN), count(&daemon, END)), (2, 1));
}
