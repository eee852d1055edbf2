//! Limits on connections, and clients that are slow, silent or greedy.

use crate::harness::{
    Client, Daemon, Reply, Settings, leecher, let_clock_go_on, seeder, wait_until,
};
use crate::priority::populate;
use std::time::{Duration, Instant};

/// Connects `count` clients, each served once and idle since, the first for longest.
fn idle_clients(daemon: &Daemon, count: u32) -> Vec<Client> {
    let connect = |number| {
        let mut client = daemon.connect();
        client.announce(&leecher(number));
        client
    };
    (1..=count).map(connect).collect()
}

#[test]
fn beyond_the_limit_the_longest_idle_connection_is_closed() {
    let daemon = Daemon::start(&Settings::default().server("max_connections: 4"));
    let mut clients = idle_clients(&daemon, 4);
    let_clock_go_on(TOLD_APART);
    let mut fifth = daemon.connect();
    fifth.announce(&leecher(5));
    clients.remove(0).expect_closed();
    let_clock_go_on(TOLD_APART);
    for client in &mut clients {
        client.announce(&leecher(6));
    }
    // All but the fifth have been served since: now it has been idle for longest.
    let mut sixth = daemon.connect();
    sixth.announce(&leecher(6));
    fifth.expect_closed();
    for client in &mut clients {
        client.announce(&leecher(6));
    }
}

/// Connections that have been idle for about as long are not told apart.
const TOLD_APART: Duration = Duration::from_millis(150);

const BEGIN: &str =
    "GET /announce?info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=bbbbbbbbbbbbbbbbbbbb&port=1025";
const END: &str = " HTTP/1.1\r\nHost: t\r\n\r\n";

/// Sends a request and the beginning of another in one piece: its answer tells that the daemon
/// has received that beginning as well.
fn begin(client: &mut Client) {
    client.send(format!("{BEGIN}{END}{BEGIN}"));
    assert_eq!(client.answer().status, 200);
}

fn finish(client: &mut Client) {
    client.send(END);
    assert_eq!(
        Reply::from_answer(&client.answer()).integer("incomplete"),
        1
    );
}

#[test]
fn a_working_connection_is_never_closed_for_a_new_one() {
    let daemon = Daemon::start(&Settings::default().server("max_connections: 3"));
    let [mut working, mut idle, mut also_working] =
        idle_clients(&daemon, 3).try_into().ok().expect("three");
    begin(&mut working);
    begin(&mut also_working);
    let mut newcomer = daemon.connect();
    begin(&mut newcomer);
    idle.expect_closed();
    // Now all of them work, and who comes next finds no room.
    daemon.connect().expect_closed();
    for client in [&mut working, &mut also_working, &mut newcomer] {
        finish(client);
    }
}

/// An announce, which must not wait for anybody else.
fn announce_quickly(client: &mut Client) {
    let begin = Instant::now();
    client.announce(&seeder(50_000));
    assert!(
        begin.elapsed() < Duration::from_secs(2),
        "an answer took {:?}",
        begin.elapsed()
    );
}

#[test]
fn slow_and_silent_clients_cost_the_others_nothing() {
    let daemon = Daemon::start(&Settings::default());
    let mut slow: Vec<_> = (0..100).map(|_| daemon.connect()).collect();
    let silent: Vec<_> = (0..100).map(|_| daemon.connect()).collect();
    let mut others = daemon.connect();
    for byte in BEGIN.bytes() {
        slow.iter_mut().for_each(|client| client.send([byte]));
        announce_quickly(&mut others);
    }
    slow.iter_mut().for_each(finish);
    drop(silent);
    announce_quickly(&mut others);
}

/// It fills its own buffers and then waits: the daemon neither hoards its answers nor forgets it.
#[test]
fn a_client_that_reads_late_costs_the_others_nothing_and_gets_all_its_answers() {
    let daemon = Daemon::start(&Settings::default());
    populate(&daemon, 1, 200, leecher);
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: t\r\n\r\n",
        leecher(9).set("numwant", 200).target()
    );
    let mut late = daemon.connect();
    let sent = late.flood(request.as_bytes(), Duration::from_millis(500));
    assert!(
        sent < 100_000,
        "the daemon takes requests without end from a client that reads no answer"
    );
    let mut others = daemon.connect();
    for _ in 0..10 {
        announce_quickly(&mut others);
    }
    for _ in 0..sent {
        assert!(Reply::from_answer(&late.answer()).peers().len() >= 200);
    }
}

/// Nor does the kernel, which would take megabytes for each of them.
#[test]
fn what_is_answered_to_a_client_that_does_not_read_is_bounded() {
    let daemon = Daemon::start(&Settings::default().with_admin());
    populate(&daemon, 1, 200, leecher);
    let before = daemon.stats()["announces"].as_u64().unwrap();
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: t\r\n\r\n",
        leecher(9).set("numwant", 200).target()
    );
    let mut deaf = Client::connect_with_small_buffer(daemon.address());
    deaf.flood(request.as_bytes(), Duration::from_millis(500));
    let answered = daemon.stats()["announces"].as_u64().unwrap() - before;
    let bytes = answered * 200 * 6;
    assert!(bytes < 512 * 1024, "{bytes} bytes of answers wait for it");
}

/// Each turn of the loop has one piece of work for all of them together.
#[test]
fn a_crowd_of_greedy_clients_costs_the_others_little() {
    let daemon = Daemon::start(&Settings::default());
    populate(&daemon, 1, 200, leecher);
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: t\r\n\r\n",
        leecher(9).set("numwant", 200).target()
    );
    let flood = request.repeat(200);
    let mut greedy: Vec<_> = (0..50).map(|_| daemon.connect()).collect();
    for client in &mut greedy {
        client.send(&flood);
    }
    let mut others = daemon.connect();
    for _ in 0..50 {
        announce_quickly(&mut others);
        announce_quickly(&mut daemon.connect());
    }
    for client in &mut greedy {
        (0..200).for_each(|_| assert_eq!(client.answer().status, 200));
    }
}

/// Vanishing at any point of a request frees the place at once. Until the daemon has heard of it,
/// the vanished count as working, so a newcomer may have to try again.
#[test]
fn clients_that_vanish_are_forgotten() {
    let settings = Settings::default().server("max_connections: 16");
    let patient = settings
        .server("request_timeout: 600")
        .server("idle_timeout: 600");
    let daemon = Daemon::start(&patient);
    let request = format!("{BEGIN}{END}");
    for length in 0..=request.len() {
        daemon.connect().send(&request[..length]);
        let newcomer = || daemon.connect().try_to_get(&leecher(1).target());
        wait_until("a newcomer to be served", || newcomer().is_some());
    }
}
