//! Signals: ending without losing an answer, and reading the configuration again without losing
//! a connection or a peer.

use crate::harness::{
    Client, Daemon, Reply, Settings, Value, count_by_network, leecher, subscriber, wait_until,
};
use crate::priority::populate;
use nix::sys::signal::Signal;
use std::fs;
use std::time::Duration;
use tempfile::TempDir;

/// What is in hand is given 5 seconds; the rest is for a busy machine.
const END: Duration = Duration::from_secs(10);

#[test]
fn sigterm_and_sigint_end_with_exit_code_0() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut daemon = Daemon::start(&Settings::default().with_admin());
        let mut idle = daemon.connect();
        idle.announce(&leecher(1));
        let mut silent = daemon.connect();
        // The kernel keeps it to itself for a second.
        wait_until("the silent one to be seen", || {
            daemon.stats()["connections"] == 2
        });
        daemon.signal(signal);
        assert_eq!(daemon.wait_for_exit(END).code(), Some(0), "{signal}");
        idle.expect_closed();
        silent.expect_closed();
    }
}

/// A reader so slow that most of a long answer still lies with the daemon when it is told to end.
#[test]
fn an_answer_in_hand_is_sent_to_its_end() {
    let mut daemon = Daemon::start(&Settings::default().tracker("full_scrape: true"));
    let mut announcer = daemon.connect();
    for chunk in 0..40_u32 {
        let announce = |number: u32| {
            let hash = [&[b'x'; 16][..], &(chunk * 500 + number).to_be_bytes()].concat();
            format!(
                "GET {} HTTP/1.1\r\nHost: t\r\n\r\n",
                leecher(1).in_swarm(&hash).target()
            )
        };
        announcer.send((0..500).map(announce).collect::<String>());
        (0..500).for_each(|_| assert_eq!(announcer.answer().status, 200));
    }
    let mut slow = Client::connect_with_small_buffer(daemon.address());
    slow.send("GET /scrape HTTP/1.1\r\nHost: t\r\n\r\n");
    assert!(slow.hears_within(END), "the answer begins");
    daemon.signal(Signal::SIGTERM);
    announcer.expect_closed();
    let reply = Reply::from_answer(&slow.answer());
    assert!(matches!(reply.files(), Value::Dictionary(files) if files.len() == 20_000));
    slow.expect_closed();
    assert_eq!(daemon.wait_for_exit(END).code(), Some(0));
}

#[test]
fn clients_that_hang_do_not_keep_it_from_ending() {
    let mut daemon = Daemon::start(&Settings::default());
    populate(&daemon, 1, 200, leecher);
    let mut half = daemon.connect();
    half.send("GET /announce?");
    let mut never_reads = daemon.connect();
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: t\r\n\r\n",
        leecher(9).set("numwant", 200).target()
    );
    never_reads.flood(request.as_bytes(), Duration::from_millis(300));
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait_for_exit(END).code(), Some(0));
}

/// A daemon with 40 peers in each of the networks 1 and 2, of which only those in the file
/// `local.conf` are local, and a client that stays connected.
fn start() -> (Daemon, Settings, Client) {
    let folder = TempDir::new().expect("a temporary folder");
    fs::write(folder.path().join("local.conf"), "127.1.0.0/16\n").expect("the folder is ours");
    let settings = Settings::default()
        .group("name: local, priority: 0, cidr_file: local.conf")
        .tracker("enough_peers: 30")
        .tracker("outside_peers: 0");
    let daemon = Daemon::start_in(folder, &settings);
    populate(&daemon, 1, 40, leecher);
    populate(&daemon, 2, 40, leecher);
    let mut client = daemon.connect_from(subscriber(3, 0));
    assert_eq!(networks_given(&mut client), [40, 0, 0]);
    (daemon, settings, client)
}

/// How many peers of each network the client is given; insists that no peer is lost.
fn networks_given(client: &mut Client) -> [usize; 3] {
    let reply = client.announce(&leecher(9));
    assert_eq!(reply.counts(), [0, 81, 0]);
    count_by_network(&reply.peers())
}

#[test]
fn sighup_reads_the_groups_again() {
    let (daemon, settings, mut client) = start();
    fs::write(daemon.folder().join("local.conf"), "127.2.0.0/16\n").expect("the folder is ours");
    daemon.signal(Signal::SIGHUP);
    wait_until("the other network to become local", || {
        networks_given(&mut client) == [0, 40, 0]
    });
    daemon.reload(&settings.group("name: rest, priority: 0, cidr_list: ['127.1.0.0/16']"));
    // With 80 of one priority and room for 50, both networks are in every list but by a miracle.
    wait_until("both networks to become local", || {
        networks_given(&mut client)[0] > 0
    });
    assert_eq!(networks_given(&mut client).iter().sum::<usize>(), 50);
}

#[test]
fn sighup_changes_tracker_numbers_and_the_log_level() {
    let (daemon, settings, mut client) = start();
    let settings = settings
        .tracker("interval: 500")
        .tracker("max_numwant: 7")
        .logging("level: debug");
    daemon.reload(&settings);
    wait_until("the new interval", || {
        (450..=550).contains(&client.announce(&leecher(9)).integer("interval"))
    });
    assert_eq!(client.announce(&leecher(9)).peers().len(), 7);
    daemon.wait_for_log("a line for a request", |line| line.contains("[debug]"));
}

#[test]
fn a_broken_file_leaves_the_old_configuration_in_force() {
    let (daemon, settings, mut client) = start();
    fs::write(
        daemon.folder().join("local.conf"),
        "127.2.0.0/16\nnonsense\n",
    )
    .expect("the folder is ours");
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for_log("the fault in the CIDR file", |line| {
        line.contains("local.conf:2:")
    });
    assert_eq!(networks_given(&mut client), [40, 0, 0]);
    daemon.reload(&settings.tracker("interval: soon"));
    daemon.wait_for_log("the fault in the configuration", |line| {
        line.contains("btrt.conf:") && line.contains("interval")
    });
    assert_eq!(networks_given(&mut client), [40, 0, 0]);
}

#[test]
fn a_key_that_needs_a_restart_is_named() {
    let (daemon, settings, mut client) = start();
    daemon.reload(
        &settings
            .listen(&["127.0.0.2:0"])
            .section("workers:\n  threads: 3"),
    );
    for key in ["listen", "threads"] {
        daemon.wait_for_log(key, |line| line.contains("[warning]") && line.contains(key));
    }
    assert_eq!(networks_given(&mut client), [40, 0, 0]);
    assert_eq!(
        networks_given(&mut daemon.connect_from(subscriber(3, 0))),
        [40, 0, 0]
    );
}
