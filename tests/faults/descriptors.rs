//! No file descriptor is left for anything but the connections there are.

use crate::harness::{Client, Daemon, Reply, Settings, leecher, wait_until};
use crate::server::Server;
use nix::sys::signal::Signal;
use std::fs;
use std::process::Command;

/// Leaves the daemon without a descriptor, or with as many as before. Nothing here may raise a hard
/// limit, so it is the soft one.
fn limit(daemon: &Daemon, files: &str) {
    let mut prlimit = Command::new("prlimit");
    prlimit.arg(format!("--nofile={files}:"));
    prlimit.arg(format!("--pid={}", daemon.id()));
    assert!(prlimit.status().unwrap().success());
}

fn forward(client: &mut Client, tracker: &Server, swarm: &[u8; 20]) -> usize {
    let query = leecher(1).in_swarm(swarm).query();
    let target = format!("/forwarded_announce/http/{}/a?{query}", tracker.address);
    let reply = Reply::from_answer(&client.get(&target));
    assert_eq!(reply.failure(), None);
    reply.peers().len()
}

#[test]
fn fetches_the_database_and_the_log_wait_for_descriptors_and_clients_do_not() {
    let tracker = Server::answering(b"d5:peers6:\x08\x08\x08\x08\x1a\xe1e");
    let settings = Settings::default()
        .database("url: 'sqlite:btrt.sqlite', flush_interval: 1")
        .section(
            "forwarded_announce: {allow_from: [127.0.0.1], allow_private_targets: [127.0.0.1]}",
        );
    let daemon = Daemon::start(&settings);
    daemon.wait_for_log("the load", |line| line.contains("the database is loaded"));
    let mut client = daemon.connect();
    assert_eq!(forward(&mut client, &tracker, b"with descriptors, 20"), 1);
    limit(&daemon, "3");
    // More often than a host may fail before it is left alone: it is none of its fault.
    for number in b'0'..=b'9' {
        let mut swarm = *b"without descriptors0";
        swarm[19] = number;
        assert_eq!(forward(&mut client, &tracker, &swarm), 0);
    }
    daemon.signal(Signal::SIGUSR1);
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for_log("that the configuration was not read", |line| {
        line.contains("the old one stays in force")
    });
    for number in 1..=50 {
        client.announce(&leecher(number));
    }
    limit(&daemon, "256");
    assert_eq!(forward(&mut client, &tracker, b"with descriptors too"), 1);
    daemon.signal(Signal::SIGHUP);
    let log = || {
        let files = fs::read_dir(daemon.folder().join("log")).unwrap();
        let texts = files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
        texts.collect::<String>()
    };
    wait_until("the log to go on", || {
        log().contains("the new configuration is in force")
    });
    assert!(
        log().contains("the old one stays in force"),
        "a line is lost"
    );
    let path = daemon.folder().join("btrt.sqlite");
    wait_until("all peers in the database", || {
        let tables = rusqlite::Connection::open(&path).unwrap();
        let count = "SELECT COUNT(*) FROM peers";
        tables.query_row(count, [], |row| row.get(0)) == Ok(62)
    });
}
