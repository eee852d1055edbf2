//! What others do to the files and the folder, and who they belong to.

use crate::harness::{Daemon, Settings, wait_until};
use crate::requests::{announce, numbers};
use crate::{current, earlier, lines};
use nix::sys::signal::Signal;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use tempfile::TempDir;

fn start() -> Daemon {
    Daemon::start(&Settings::default().logging("level: debug"))
}

/// Makes a request and waits until its line is in the file.
fn wait_for_line(daemon: &Daemon, number: u32, path: &Path) {
    announce(&mut daemon.connect(), [number]);
    wait_until("the line", || numbers(lines(path)).contains_key(&number));
}

#[test]
fn a_file_that_is_taken_away_is_begun_anew() {
    let daemon = start();
    let path = current(&daemon);
    wait_for_line(&daemon, 1, &path);
    let moved = path.with_file_name("taken");
    fs::rename(&path, &moved).expect("the folder is ours");
    wait_for_line(&daemon, 2, &path);
    fs::remove_file(&path).expect("the folder is ours");
    wait_for_line(&daemon, 3, &path);
    assert_eq!(Vec::from_iter(numbers(lines(&moved))), [(1, 1)]);
    assert_eq!(Vec::from_iter(numbers(lines(&path))), [(3, 1)]);
}

#[test]
fn a_folder_that_vanishes_is_made_anew_and_nothing_is_lost_if_that_takes_a_while() {
    let daemon = start();
    let path = current(&daemon);
    let folder = daemon.folder().join("log");
    wait_for_line(&daemon, 0, &path);
    fs::remove_dir_all(&folder).expect("the folder is ours");
    wait_for_line(&daemon, 1, &path);
    fs::remove_dir_all(&folder).expect("the folder is ours");
    fs::write(&folder, "in the way").expect("the folder is ours");
    announce(&mut daemon.connect(), 2..1_000);
    daemon.wait_for_log("the fault", |line| line.contains("cannot write the log"));
    announce(&mut daemon.connect(), 1_000..2_000);
    fs::remove_file(&folder).expect("the file is ours");
    wait_for_line(&daemon, 2_000, &path);
    assert_eq!(numbers(lines(&path)).len(), 1_999);
}

#[test]
fn files_belong_to_the_user_that_the_daemon_has_become() {
    let folder = TempDir::new().expect("a temporary folder");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).expect("the folder is ours");
    let settings = Settings::default()
        .server("user: nobody")
        .server("group: nogroup")
        .logging("keep_files: 1");
    let daemon = Daemon::start_in(folder, &settings);
    let folder = daemon.folder().join("log");
    let mut before = Vec::new();
    for _ in 0..2 {
        wait_until("lines", || !lines(&current(&daemon)).is_empty());
        daemon.signal(Signal::SIGUSR1);
        wait_until("a switch", || {
            let now = earlier(&folder);
            now.len() == 1 && now != before && current(&daemon).exists()
        });
        before = earlier(&folder);
        // For a line in the new file.
        daemon.signal(Signal::SIGHUP);
    }
    let owner = fs::metadata(current(&daemon)).expect("it is there").uid();
    assert_eq!(owner, 65534);
}

#[test]
fn the_folder_can_be_changed() {
    let daemon = start();
    let old = current(&daemon);
    wait_for_line(&daemon, 1, &old);
    let change = |from: &str, to: &str| {
        let text = fs::read_to_string(daemon.configuration()).expect("the folder is ours");
        fs::write(daemon.configuration(), text.replace(from, to)).expect("the folder is ours");
        daemon.signal(Signal::SIGHUP);
    };
    change("/log\"", "/elsewhere\"");
    let new = daemon.folder().join("elsewhere/btrt.log");
    wait_until("the new file", || new.exists());
    wait_for_line(&daemon, 2, &new);
    assert!(
        lines(&old)
            .last()
            .is_some_and(|line| line.contains("the log goes on in "))
    );
    // Where nothing can be: the configuration file.
    change("/elsewhere\"", "/btrt.conf\"");
    daemon.wait_for_log("the fault", |line| {
        line.contains("the log stays where it is")
    });
    wait_for_line(&daemon, 3, &new);
    assert!(!numbers(lines(&old)).contains_key(&2));
}
