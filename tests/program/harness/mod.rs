//! What every test needs: a daemon, clients that speak to it, and waiting with a deadline.

mod bencode;
mod client;
mod daemon;
mod figures;
mod process;
mod reply;
mod request;
mod settings;

pub use bencode::Value;
pub use client::{Answer, Client};
pub use daemon::Daemon;
pub use process::{Process, Run};
pub use reply::Reply;
pub use request::{Announce, leecher, percent_encode, scrape_target, seeder};
pub use settings::Settings;

use std::net::{IpAddr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

/// No test waits longer than this for anything; generous, because the machine may be busy.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Asks again and again whether `condition` holds, and fails the test after [`DEADLINE`].
pub fn wait_until(what: &str, condition: impl FnMut() -> bool) {
    wait_until_within(DEADLINE, what, condition);
}

/// The same with a limit of its own.
pub fn wait_until_within(limit: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !condition() {
        assert!(
            Instant::now() < deadline,
            "{limit:?} were not enough for: {what}"
        );
        thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until the daemon's clock has gone on by a unit in which it tells ages, so that what comes
/// now is younger than what came before.
pub fn let_clock_go_on(unit: Duration) {
    let begin = Instant::now();
    wait_until("the clock to go on", || begin.elapsed() > unit);
}

/// The `number`-th subscriber of 127.`network`.0.0/16: a real source address on the loopback.
pub fn subscriber(network: u8, number: u32) -> IpAddr {
    let third = u8::try_from(number / 250).expect("at most 64,000 subscribers a network");
    let fourth = u8::try_from(number % 250 + 1).expect("below 251");
    IpAddr::from([127, network, third, fourth])
}

/// The second octet of a loopback peer: the network that [`subscriber`] put it in.
pub fn network_of(peer: &SocketAddr) -> u8 {
    match peer.ip() {
        IpAddr::V4(ip) => ip.octets()[1],
        IpAddr::V6(ip) => panic!("{ip} is no IPv4 subscriber"),
    }
}

/// How many of `peers` belong to each of the networks 1, 2 and 3.
pub fn count_by_network(peers: &[SocketAddr]) -> [usize; 3] {
    [1, 2, 3].map(|network| {
        peers
            .iter()
            .filter(|peer| network_of(peer) == network)
            .count()
    })
}

/// Whether a line has the form `2026-11-22 14:03:07.512 [info] text`.
pub fn is_log_line(line: &str) -> bool {
    let shape: String = line
        .chars()
        .take(25)
        .map(|char| if char.is_ascii_digit() { '0' } else { char })
        .collect();
    let levels = [
        "critical",
        "error",
        "warning",
        "info",
        "diagnostic",
        "debug",
    ];
    let level = line.get(25..).and_then(|rest| rest.split_once("] "));
    shape == "0000-00-00 00:00:00.000 [" && level.is_some_and(|(level, _)| levels.contains(&level))
}
