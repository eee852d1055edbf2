//! Faults in the program itself: a clock that fails where no clock can makes a thread panic.

use crate::harness::{Daemon, Reply, Settings, leecher, wait_until};
use crate::server::Server;
use crate::shim::Clocks;
use nix::sys::signal::Signal;
use std::fs;
use std::net::TcpListener;
use std::time::Duration;
use tempfile::TempDir;

const END: Duration = Duration::from_secs(10);

fn told(daemon: &Daemon, thread: &str) {
    let panicked = format!("a fault in this program: a panic of the thread {thread} at ");
    daemon.wait_for_log("the panic", |line| {
        line.contains("[error]") && line.contains(&panicked)
    });
}

/// With all worker threads alive.
#[test]
fn a_panic_of_the_loop_ends_the_process_with_a_clear_last_line() {
    let folder = TempDir::new().unwrap();
    let clocks = Clocks::new(folder.path());
    let mut daemon = clocks.start(&Settings::default());
    let mut client = daemon.connect();
    client.announce(&leecher(1));
    clocks.fail("btrt");
    let _ = client.try_to_get(&leecher(1).target());
    let status = daemon.wait_for_exit(END);
    assert!(status.code().is_some_and(|code| code != 0), "{status}");
    told(&daemon, "main");
    client.expect_closed();
    let log = fs::read_to_string(daemon.folder().join("log/btrt.log")).unwrap();
    let last = log.lines().last().unwrap();
    assert!(
        last.contains("[critical] btrt ends, as a fault in this program"),
        "{last}"
    );
}

#[test]
fn a_panic_of_the_only_worker_costs_one_fetch() {
    let folder = TempDir::new().unwrap();
    let clocks = Clocks::new(folder.path());
    let tracker = Server::answering(b"d5:peers6:\x08\x08\x08\x08\x1a\xe1e");
    let daemon = clocks.start(&Settings::default().section(
        "forwarded_announce: {allow_from: [127.0.0.1], allow_private_targets: [127.0.0.1]}\n\
         workers: {threads: 1}",
    ));
    let forward = |swarm: &[u8; 20]| {
        let query = leecher(1).in_swarm(swarm).query();
        let target = format!("/forwarded_announce/http/{}/a?{query}", tracker.address);
        let reply = Reply::from_answer(&daemon.connect().get(&target));
        assert_eq!(reply.failure(), None);
        reply.peers().len()
    };
    assert_eq!(forward(b"fetched by a worker."), 1);
    clocks.fail("worker 1");
    assert_eq!(forward(b"for which it panics."), 0);
    told(&daemon, "worker 1");
    assert_eq!(forward(b"fetched by it again."), 1);
}

/// It is the database's thread that a restart would miss most: it must try again.
#[test]
fn a_panic_of_the_database_thread_is_an_outage() {
    let folder = TempDir::new().unwrap();
    let clocks = Clocks::new(folder.path());
    clocks.fail("database");
    // Whoever connects is hung up on.
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    std::thread::spawn(move || server.incoming().for_each(drop));
    let url = format!("url: 'tcp://127.0.0.1:{port}'");
    let daemon = clocks.start(&Settings::default().database(&url));
    told(&daemon, "database");
    daemon.wait_for_log("an outage", |line| {
        line.contains("does not work: a panic; this is a fault in btrt itself")
    });
    daemon.wait_for_log("another attempt", |line| {
        line.contains("does not work: ") && line.contains("is it running")
    });
    daemon.announce(&leecher(1));
}

#[test]
fn a_panic_while_the_configuration_is_read_costs_that_reload() {
    let folder = TempDir::new().unwrap();
    let clocks = Clocks::new(folder.path());
    let settings = Settings::default();
    let daemon = clocks.start(&settings);
    clocks.fail("reload");
    daemon.signal(Signal::SIGHUP);
    told(&daemon, "reload");
    daemon.reload(&settings.tracker("interval: 500"));
    wait_until("the new interval", || {
        (450..=550).contains(&daemon.announce(&leecher(1)).integer("interval"))
    });
}
