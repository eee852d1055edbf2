//! Memory that runs out although `tracker.max_peers` would allow more.

use crate::harness::{Daemon, Settings, leecher};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::time::Duration;

const END: Duration = Duration::from_secs(20);

/// It cannot go on, and does not pretend to: the process ends at once, standard error says why, and
/// whoever looks after it sees a failure.
#[test]
fn without_memory_it_ends_and_says_so() {
    let mut daemon = Daemon::start(&Settings::default());
    let mut client = daemon.connect();
    client.announce(&leecher(1));
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.id())).unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:"));
    let size = size.unwrap().trim().trim_end_matches(" kB");
    let limit = (size.parse::<u64>().unwrap() + 1024) * 1024;
    let mut prlimit = Command::new("prlimit");
    prlimit.arg(format!("--as={limit}:"));
    prlimit.arg(format!("--pid={}", daemon.id()));
    assert!(prlimit.status().unwrap().success());

    let announce = |number: u32| {
        let swarm = format!("a made-up one {number:06}");
        leecher(number).in_swarm(swarm.as_bytes()).target()
    };
    let ended = (0..500_000).find(|&number| client.try_to_get(&announce(number)).is_none());
    assert!(ended.is_some(), "a megabyte is enough for everything");
    let status = daemon.wait_for_exit(END);
    assert_eq!(status.signal(), Some(6), "{status}");
    daemon.wait_for_log("the reason", |line| {
        line.starts_with("memory allocation of") && line.ends_with("failed")
    });
}
