//! Manners of a Unix daemon: its pid file, the user it becomes, its log.

use crate::harness::{Daemon, Settings, is_log_line, leecher};
use nix::sys::signal::Signal;
use nix::unistd::Uid;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use tempfile::TempDir;

/// A stale file, left behind by a power cut, must not keep the tracker from starting.
#[test]
fn the_pid_file_holds_the_process_id() {
    let folder = TempDir::new().expect("a temporary folder");
    let file = folder.path().join("btrt.pid");
    fs::write(&file, "1\n").expect("the folder is ours");
    let settings = Settings::default().server(&format!("pid_file: {file:?}"));
    let mut daemon = Daemon::start_in(folder, &settings);
    let content = fs::read_to_string(&file).expect("the pid file is there once it listens");
    assert_eq!(content.trim_end(), daemon.id().to_string());
    daemon.signal(Signal::SIGTERM);
    daemon.wait_for_exit(Duration::from_secs(10));
    assert!(!file.exists(), "it is removed at the end");
}

#[test]
fn root_becomes_somebody_else() {
    assert!(
        Uid::effective().is_root(),
        "this test must be run by root: it starts a daemon that gives root up"
    );
    let folder = TempDir::new().expect("a temporary folder");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).expect("the folder is ours");
    let daemon = Daemon::start_in(
        folder,
        &Settings::default()
            .server("user: nobody")
            .server("group: nogroup"),
    );
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.id())).expect("it runs");
    let ids = |name: &str| {
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .expect("a line of every status");
        line.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (ids("Uid:"), ids("Gid:")),
        (vec!["65534".to_owned(); 4], vec!["65534".to_owned(); 4])
    );
    assert!(
        ids("Groups:").iter().all(|group| group == "65534"),
        "root's other groups are given up, too"
    );
    assert_eq!(daemon.announce(&leecher(1)).counts(), [0, 1, 0]);
}

#[test]
fn the_log_has_its_form_and_no_query() {
    let daemon = Daemon::start(&Settings::default().logging("level: debug"));
    let mut client = daemon.connect();
    client.announce(&leecher(1).set("passkey", "SECRET"));
    client.get("/SECRETLESS?passkey=SECRET");
    daemon.wait_for_log("a line for a request", |line| line.contains("[debug]"));
    let log = fs::read_to_string(daemon.folder().join("log/btrt.log"))
        .expect("the folder is made by the daemon");
    assert!(log.contains("listening on"), "{log}");
    for line in log.lines() {
        assert!(is_log_line(line), "{line}");
        assert!(
            !line.contains("=SECRET") && !line.contains("-TS0001-"),
            "{line}"
        );
    }
}
