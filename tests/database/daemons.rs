//! The daemon of a whole-program test: its database, its log lines about it, its restart.

use crate::harness::{Daemon, Settings};
use crate::load::Announced;
use crate::mariadb::MariaDb;
use crate::tables::{everybody_is_there, figures};
use nix::sys::signal::Signal;
use std::path::Path;
use std::time::Duration;

/// In the log line at the beginning of an outage, and in that at its end.
pub const BEGIN: &str = "does not work";
pub const END: &str = "works again";

/// Five seconds for the clients, ten for the database, and some for a busy machine.
pub const STOP: Duration = Duration::from_secs(20);

/// A daemon with a MariaDB that is written every `flush_interval` seconds.
pub fn with_mariadb(server: &MariaDb, flush_interval: u32) -> Settings {
    let url = format!("tcp://127.0.0.1:{}", server.port);
    with(&url, "user: btrt, password: secret", flush_interval)
}

/// A daemon with a SQLite file that is written every `flush_interval` seconds.
pub fn with_sqlite(path: &Path, flush_interval: u32) -> Settings {
    with(&format!("sqlite:{}", path.display()), "", flush_interval)
}

/// It hands out all peers that it may, and lets a proxy speak for others.
fn with(url: &str, keys: &str, flush_interval: u32) -> Settings {
    Settings::with_two_groups()
        .server("trusted_proxies: ['127.0.0.1']")
        .tracker("enough_peers: 200")
        .database(&format!(
            "url: '{url}', flush_interval: {flush_interval}, {keys}"
        ))
}

/// How many lines of the log hold `text`.
pub fn count(daemon: &Daemon, text: &str) -> usize {
    let lines = daemon.log_lines();
    lines.iter().filter(|line| line.contains(text)).count()
}

/// Ends it, and insists that it took the time it needs to write all.
pub fn stop(mut daemon: Daemon) {
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait_for_exit(STOP).code(), Some(0));
    assert_eq!(count(&daemon, "they are lost"), 0);
}

/// Waits until a daemon has read its database.
pub fn start(settings: &Settings) -> Daemon {
    let daemon = Daemon::start(settings);
    daemon.wait_for_log("the load", |line| line.contains("the database is loaded"));
    daemon
}

/// Stops a daemon and starts another, which must know all that the first knew.
pub fn stop_and_start_again(daemon: Daemon, settings: &Settings, announced: &Announced) -> Daemon {
    let before = figures(&daemon);
    stop(daemon);
    let daemon = start(settings);
    assert_eq!(figures(&daemon), before);
    everybody_is_there(announced, &daemon);
    daemon
}
