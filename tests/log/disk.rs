//! A disk without room.

use crate::harness::{Daemon, Settings, wait_until};
use crate::requests::{announce, numbers};
use crate::small_disk::SmallDisk;
use crate::{current, lines};
use nix::sys::signal::Signal;
use std::fs;
use std::time::Duration;
use tempfile::TempDir;

const LOST: &str = " log lines were lost since ";

/// Enough for more lines than may wait in memory.
const REQUESTS: u32 = 120_000;

fn start(folder: TempDir) -> (Daemon, SmallDisk) {
    let log = folder.path().join("log");
    fs::create_dir(&log).expect("the folder is ours");
    let disk = SmallDisk::mount(&log);
    let settings = Settings::default().logging("level: debug");
    (Daemon::start_in(folder, &settings), disk)
}

#[test]
fn answers_go_on_and_the_lines_lost_are_counted() {
    let (mut daemon, disk) = start(TempDir::new().expect("a temporary folder"));
    let mut client = daemon.connect();
    announce(&mut client, 0..10);
    disk.fill();
    announce(&mut client, 10..REQUESTS);
    daemon.wait_for_log("the fault", |line| {
        line.contains("[error] cannot write the log")
    });
    disk.make_room();
    let told = || {
        lines(&current(&daemon))
            .into_iter()
            .find(|line| line.contains(LOST))
    };
    wait_until("the lines lost to be told of", || told().is_some());
    announce(&mut client, REQUESTS..REQUESTS + 10);
    let told = told().expect("it is there");
    daemon.signal(Signal::SIGTERM);
    assert_eq!(
        daemon.wait_for_exit(Duration::from_secs(20)).code(),
        Some(0)
    );

    assert!(
        told.contains("[warning]") && told.contains("No space left"),
        "{told}"
    );
    let (front, _) = told.split_once(LOST).expect("it is in the line");
    let (_, lost) = front.rsplit_once(' ').expect("the level stands before it");
    let lost: usize = lost.parse().expect("a number of lines");
    let lines = lines(&current(&daemon));
    assert_eq!(lines.iter().filter(|line| line.contains(LOST)).count(), 1);
    assert!(
        lines
            .last()
            .is_some_and(|line| line.ends_with("[info] stopped"))
    );
    let found = numbers(lines);
    assert!(found.values().all(|&count| count == 1));
    assert!((REQUESTS..REQUESTS + 10).all(|number| found.contains_key(&number)));
    // Among those lost may be a few that are not about a request.
    let sent = REQUESTS as usize + 10;
    let accounted = found.len() + lost;
    assert!(
        lost > 0 && (sent..sent + 10).contains(&accounted),
        "{sent} {accounted}"
    );
}

#[test]
fn a_full_disk_does_not_hold_up_the_end() {
    let (mut daemon, disk) = start(TempDir::new().expect("a temporary folder"));
    disk.fill();
    announce(&mut daemon.connect(), 0..1_000);
    daemon.signal(Signal::SIGTERM);
    assert_eq!(
        daemon.wait_for_exit(Duration::from_secs(20)).code(),
        Some(0)
    );
    lines(&current(&daemon));
}
