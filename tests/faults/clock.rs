//! A calendar that is set back. Peers live by a clock of the daemon's own; the calendar is for the
//! database and the log alone.

use crate::harness::{Daemon, Settings, leecher, let_clock_go_on, scrape_target, wait_until};
use crate::shim::Clocks;
use nix::sys::signal::Signal;
use std::time::Duration;
use tempfile::TempDir;

const HOUR: i64 = 3600;
const END: Duration = Duration::from_secs(20);

fn count(daemon: &Daemon) -> i64 {
    let hash = b"a swarm of 20 bytes.";
    let file = daemon.scrape(&scrape_target(&[hash])).file(hash);
    file.unwrap()[1]
}

fn stop(mut daemon: Daemon) {
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait_for_exit(END).code(), Some(0));
}

fn loaded(daemon: Daemon) -> Daemon {
    daemon.wait_for_log("the load", |line| line.contains("the database is loaded"));
    daemon
}

#[test]
fn peers_expire_by_a_clock_that_nobody_sets() {
    let folder = TempDir::new().unwrap();
    let clocks = Clocks::new(folder.path());
    let settings = Settings::default()
        .tracker("interval: 1")
        .tracker("peer_expiry_interval: 2");
    let daemon = clocks.start(&settings);
    daemon.announce(&leecher(1));
    // Were peers' ages told by the calendar, this one would be a day old, or live for a day.
    clocks.set(24 * HOUR);
    assert_eq!(count(&daemon), 1);
    clocks.set(-24 * HOUR);
    let_clock_go_on(Duration::from_secs(2));
    wait_until("the peer to expire", || count(&daemon) == 0);
}

/// What was written before the clock was set back is of the future: nobody is lost for that, and
/// nobody lives longer than from now on.
#[test]
fn a_restart_with_the_calendar_set_back_loses_nobody_and_keeps_nobody_for_ever() {
    let folder = TempDir::new().unwrap();
    let clocks = Clocks::new(folder.path());
    let file = folder.path().join("btrt.sqlite");
    let settings = Settings::default()
        .tracker("interval: 1")
        .database(&format!(
            "url: 'sqlite:{}', flush_interval: 1",
            file.display()
        ));
    let daemon = loaded(clocks.start(&settings));
    daemon.announce(&leecher(1));
    stop(daemon);
    clocks.set(-HOUR);
    let daemon = loaded(clocks.start(&settings));
    assert_eq!(count(&daemon), 1);
    daemon.announce(&leecher(2));
    stop(daemon);
    // Back on time: what was written meanwhile is an hour old and may be gone, but clients come back.
    clocks.set(0);
    let daemon = loaded(clocks.start(&settings));
    daemon.announce(&leecher(1));
    daemon.announce(&leecher(2));
    assert_eq!(count(&daemon), 2);
    stop(daemon);
    // Of the future again: they live as long as if they had announced just now.
    clocks.set(-HOUR);
    let brief = settings.tracker("peer_expiry_interval: 3");
    let daemon = loaded(clocks.start(&brief));
    assert_eq!(count(&daemon), 2);
    let_clock_go_on(Duration::from_secs(3));
    wait_until("them to expire", || count(&daemon) == 0);
}

/// Lines say what the calendar says, and go on being written.
#[test]
fn the_log_goes_on_while_the_calendar_jumps() {
    let folder = TempDir::new().unwrap();
    let clocks = Clocks::new(folder.path());
    let daemon = clocks.start(&Settings::default());
    for (number, offset) in [-HOUR, 25 * HOUR, -400 * 24 * HOUR, 0]
        .into_iter()
        .enumerate()
    {
        clocks.set(offset);
        daemon.signal(Signal::SIGHUP);
        wait_until("a line for this reload", || {
            let log = std::fs::read_dir(daemon.folder().join("log")).unwrap();
            let lines = log.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
            let lines: String = lines.collect();
            lines.matches("the new configuration is in force").count() == number + 1
        });
    }
}
