//! Running out of file descriptors: who is connected is served on, nothing spins, and accepting
//! goes on as soon as there is room.

use crate::harness::{Client, Daemon, Settings, leecher, let_clock_go_on};
use std::fs;
use std::time::{Duration, Instant};

const FILES: u32 = 128;

/// Has more clients connect than the daemon has files for, each of which asks once. One is served
/// again and again, so that it is never the one that is idle for longest.
fn crowd(daemon: &Daemon, served: &mut Client) -> Vec<Client> {
    let connect = |number| {
        if number % 32 == 0 {
            let_clock_go_on(Duration::from_millis(150));
            served.announce(&leecher(1));
        }
        let mut one = daemon.connect();
        one.announce(&leecher(1));
        one
    };
    (0..2 * FILES).map(connect).collect()
}

fn newcomer_is_served(daemon: &Daemon) {
    assert_eq!(daemon.announce(&leecher(2)).counts(), [0, 2, 0]);
}

/// The daemon knows its limit from the start and keeps below it.
#[test]
fn a_small_limit_is_lived_with() {
    let daemon = Daemon::start_with_few_files(&Settings::default(), FILES);
    let mut served = daemon.connect();
    let crowd = crowd(&daemon, &mut served);
    newcomer_is_served(&daemon);
    served.announce(&leecher(1));
    drop(crowd);
    newcomer_is_served(&daemon);
}

/// Files run out although the daemon thought it had enough, as when the whole system has none.
#[test]
fn serving_goes_on_without_file_descriptors() {
    let daemon = Daemon::start(&Settings::default());
    let mut served = daemon.connect();
    served.announce(&leecher(1));
    daemon.limit_files(FILES);
    let crowd = crowd(&daemon, &mut served);

    let (begin, ticks) = (Instant::now(), daemon.processor_ticks());
    while begin.elapsed() < Duration::from_secs(2) {
        assert!(
            !served.hears_within(Duration::from_millis(500)),
            "nobody asked anything"
        );
        served.announce(&leecher(1));
    }
    let used = daemon.processor_ticks() - ticks;
    assert!(
        used < 100,
        "{used} of 200 ticks of processor time went into waiting for room"
    );

    // Who has been idle for longest makes room, as with `max_connections`.
    newcomer_is_served(&daemon);
    drop(crowd);
    newcomer_is_served(&daemon);
    served.announce(&leecher(1));
}

/// The kernel's table is as large as it may have to be from the start: when it grows, the loop
/// stands still (proc_pid_status(5), FDSize).
#[test]
fn no_connection_waits_for_room_in_the_table_of_files() {
    let settings = Settings::default().server("max_connections: 3000");
    let daemon = Daemon::start(&settings);
    let status = format!("/proc/{}/status", daemon.id());
    let status = fs::read_to_string(status).expect("the daemon's status");
    let places = status
        .lines()
        .find_map(|line| line.strip_prefix("FDSize:"))
        .and_then(|size| size.trim().parse::<u32>().ok());
    assert!(places > Some(3000), "{places:?}");
}
