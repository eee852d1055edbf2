//! Clients that wait, and what becomes of their connections meanwhile.

use crate::harness::{Client, Daemon, Reply, leecher, wait_until};
use crate::server::{Server, hang, ok, send, trickle};
use crate::sharing::Gate;
use crate::{by_path, has_peers, is_soon, platform, said, settings};
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};

fn request(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: retracker.local\r\n\r\n")
}

/// Sends a request that waits and makes sure that it does.
fn wait_for(client: &mut Client, tracker: &Server, number: u32) {
    let before = tracker.heads().len();
    client.send(request(&by_path(tracker.address, &leecher(number))));
    wait_until("the tracker to be asked", || tracker.heads().len() > before);
}

#[test]
fn a_client_that_hangs_up_leaves_the_others_served() {
    let gate = Gate::default();
    let tracker = gate.before(said());
    let daemon = Daemon::start(&settings(""));
    let (mut first, mut second) = (platform(&daemon), platform(&daemon));
    wait_for(&mut first, &tracker, 1);
    second.send(request(&by_path(tracker.address, &leecher(2))));
    drop(first);
    // Its place may be taken by another, who must not get its answer.
    let mut third = platform(&daemon);
    third.announce(&leecher(3).in_swarm(b"nothing to do withit"));
    gate.open();
    assert!(has_peers(&Reply::from_answer(&second.answer())));
    assert!(!third.hears_within(Duration::from_millis(100)));
    assert_eq!(tracker.heads().len(), 1);
}

#[test]
fn a_client_that_has_said_all_still_gets_its_answer() {
    let gate = Gate::default();
    let tracker = gate.before(said());
    let daemon = Daemon::start(&settings(""));
    let mut client = platform(&daemon);
    wait_for(&mut client, &tracker, 1);
    client.finish_sending();
    gate.open();
    assert!(has_peers(&Reply::from_answer(&client.answer())));
    client.expect_closed();
}

#[test]
fn pipelined_requests_are_answered_in_order_after_one_that_waits() {
    let gate = Gate::default();
    let tracker = gate.before(said());
    let daemon = Daemon::start(&settings(""));
    let mut client = platform(&daemon);
    let other = leecher(2).in_swarm(b"another one of twent");
    let requests = [
        by_path(tracker.address, &leecher(1)),
        other.target(),
        "/nothing".to_owned(),
        by_path(tracker.address, &other),
        leecher(1).scrape_target(),
    ];
    let requests: String = requests.iter().map(|target| request(target)).collect();
    client.send(requests);
    wait_until("the tracker to be asked", || tracker.heads().len() == 1);
    assert!(!client.hears_within(Duration::from_millis(50)));
    gate.open();
    assert!(has_peers(&Reply::from_answer(&client.answer())));
    assert_eq!(Reply::from_answer(&client.answer()).peers(), []);
    assert_eq!(client.answer().status, 404);
    assert!(has_peers(&Reply::from_answer(&client.answer())));
    let scrape = Reply::from_answer(&client.answer());
    assert_eq!(scrape.file(b"a swarm of 20 bytes."), Some([0, 1, 0]));
}

/// The first is answered before its time is over; that time must not end the second.
#[test]
fn two_waits_on_one_connection_have_a_time_each() {
    let slow = Server::start(|stream, _| {
        let answer = ok(&said());
        trickle(stream, &answer[..1], Duration::from_millis(600));
        send(stream, &answer[1..]);
    });
    let silent = Server::start(|stream, _| hang(stream));
    let daemon = Daemon::start(&settings(""));
    let mut client = platform(&daemon);
    let first = client.get(&by_path(slow.address, &leecher(1)));
    assert!(has_peers(&Reply::from_answer(&first)));
    let started = Instant::now();
    let second = client.get(&by_path(silent.address, &leecher(2)));
    let took = started.elapsed().as_millis();
    assert!(is_soon(&Reply::from_answer(&second)));
    assert!((950..1500).contains(&took), "it took {took} ms");
    client.announce(&leecher(3));
}

/// Who waits for a tracker while the daemon is told to stop gets what there is.
#[test]
fn stopping_does_not_forget_who_waits() {
    let silent = Server::start(|stream, _| hang(stream));
    let mut daemon = Daemon::start(&settings(""));
    let mut client = platform(&daemon);
    wait_for(&mut client, &silent, 1);
    daemon.signal(Signal::SIGTERM);
    assert!(is_soon(&Reply::from_answer(&client.answer())));
    client.expect_closed();
    let status = daemon.wait_for_exit(Duration::from_secs(5));
    assert_eq!(status.code(), Some(0));
}
