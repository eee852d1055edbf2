//! New files: at SIGUSR1, at the time of day, and after a time when nobody ran.

use crate::harness::{Daemon, Process, Settings, wait_until, wait_until_within};
use crate::requests::{announce, numbers};
use crate::{current, earlier, lines};
use chrono::{TimeDelta, Utc};
use nix::sys::signal::Signal;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;

const END: Duration = Duration::from_secs(20);

fn at_debug() -> Settings {
    Settings::default().logging("level: debug")
}

#[test]
fn no_line_is_lost_or_split_by_switches_under_load() {
    const CLIENTS: u32 = 4;
    const EACH: u32 = 5_000;
    let mut daemon = Daemon::start(&at_debug().logging("keep_files: 100000"));
    let folder = daemon.folder().join("log");
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let mut connection = daemon.connect();
            let numbers = client * EACH..(client + 1) * EACH;
            thread::spawn(move || announce(&mut connection, numbers))
        })
        .collect();
    wait_until_within(Duration::from_secs(60), "all answers", || {
        daemon.signal(Signal::SIGUSR1);
        clients.iter().all(|client| client.is_finished())
    });
    for client in clients {
        client.join().expect("every request is answered");
    }
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait_for_exit(END).code(), Some(0));
    let files = earlier(&folder);
    assert!(files.len() > 2, "{files:?}");
    let mut all: Vec<String> = files.iter().flat_map(|path| lines(path)).collect();
    all.extend(lines(&current(&daemon)));
    let stopped = all.iter().filter(|line| line.ends_with("[info] stopped"));
    assert_eq!(stopped.count(), 1);
    let numbers = numbers(all);
    assert_eq!(numbers.len(), (CLIENTS * EACH) as usize);
    assert!(numbers.values().all(|&count| count == 1));
}

#[test]
fn the_newest_are_kept() {
    let daemon = Daemon::start(&at_debug().logging("keep_files: 2"));
    let folder = daemon.folder().join("log");
    let foreign = folder.join("btrt_of_mine.log");
    fs::write(&foreign, "mine").expect("the folder is ours");
    let mut client = daemon.connect();
    for number in 0..5 {
        announce(&mut client, [number]);
        let has_it = |path: &Path| numbers(lines(path)).contains_key(&number);
        wait_until("the line", || has_it(&current(&daemon)));
        daemon.signal(Signal::SIGUSR1);
        wait_until("the switch", || {
            !has_it(&current(&daemon)) && current(&daemon).exists()
        });
    }
    wait_until("the oldest to go", || earlier(&folder).len() == 3);
    fs::remove_file(foreign).expect("a file with another name stays");
    let kept = earlier(&folder);
    let kept: Vec<_> = kept.iter().flat_map(|path| numbers(lines(path))).collect();
    assert_eq!(kept, [(3, 1), (4, 1)]);
}

#[test]
fn whoever_follows_the_name_sees_every_line() {
    let daemon = Daemon::start(&at_debug());
    let seen = daemon.folder().join("seen");
    let mut tail = Command::new("tail");
    tail.args(["-n", "+1", "-F"]).arg(current(&daemon));
    let output = File::create(&seen).expect("the folder is ours");
    let _tail = Process::start(tail.stdout(output).stderr(Stdio::null()));
    let inode = || fs::metadata(current(&daemon)).map(|metadata| metadata.ino());
    let mut client = daemon.connect();
    for number in 0..4 {
        announce(&mut client, [number]);
        wait_until("the line to be seen", || {
            numbers(lines(&seen)).len() == number as usize + 1
        });
        let before = inode().expect("there is a log");
        daemon.signal(Signal::SIGUSR1);
        wait_until("a new file", || inode().is_ok_and(|inode| inode != before));
    }
    assert!(numbers(lines(&seen)).values().all(|&count| count == 1));
}

#[test]
fn a_switch_that_nobody_was_there_for_comes_at_the_start() {
    let folder = TempDir::new().expect("a temporary folder");
    let log = folder.path().join("log");
    fs::create_dir(&log).expect("the folder is ours");
    let old = "2026-01-01 12:00:00.000 [info] old\n";
    fs::write(log.join("btrt.log"), old).expect("the folder is ours");
    let file = File::options().append(true).open(log.join("btrt.log"));
    let two_days_ago = SystemTime::now() - Duration::from_secs(2 * 24 * 60 * 60);
    let touched = file.and_then(|file| file.set_modified(two_days_ago));
    touched.expect("the file is ours");
    let daemon = Daemon::start_in(folder, &Settings::default());
    let files = earlier(&log);
    assert_eq!(files.len(), 1, "{files:?}");
    assert_eq!(fs::read_to_string(&files[0]).ok().as_deref(), Some(old));
    let is_whole = || {
        lines(&current(&daemon))
            .iter()
            .any(|line| line.contains("listening on"))
    };
    wait_until("the lines of the start", is_whole);
    assert!(lines(&current(&daemon))[0].contains("starts with"));
}

/// The daemon lives in UTC here. Its switch time is set, by SIGHUP, to a time that is near; if the
/// machine is so slow that it is over before that is read, another is set.
#[test]
fn the_time_of_day_begins_a_new_file_and_can_be_changed() {
    let folder = TempDir::new().expect("a temporary folder");
    let noon = (Utc::now() + TimeDelta::hours(12)).format("%H:%M:%S");
    let settings = |time: &str| Settings::default().logging(&format!("switch_time: '{time}'"));
    let mut program = Command::new(env!("CARGO_BIN_EXE_btrt"));
    program.env("TZ", "UTC");
    let daemon = Daemon::launch(folder, &settings(&noon.to_string()), program);
    let folder = daemon.folder().join("log");
    for _ in 0..5 {
        assert!(earlier(&folder).is_empty());
        let soon = Utc::now() + TimeDelta::seconds(3);
        daemon.reload(&settings(&soon.format("%H:%M:%S").to_string()));
        let over = Instant::now() + Duration::from_secs(5);
        wait_until("the switch or its time to be over", || {
            !earlier(&folder).is_empty() || Instant::now() > over
        });
        if let [file] = &*earlier(&folder) {
            let name = soon.format("btrt_%Y-%m-%d_%H-%M-%S.log").to_string();
            assert!(file >= &folder.join(name), "{file:?} is not before {soon}");
            return;
        }
    }
    panic!("no switch came");
}
