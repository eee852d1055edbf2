//! Who of the daemon's threads goes first where there are fewer processors than threads.

use crate::harness::{Daemon, Settings, leecher, wait_until};
use std::collections::BTreeMap;
use std::fs;

/// The nice values of the daemon's threads by name (proc_pid_stat(5), field 19); the loop's is
/// that of the program.
fn nice_values(daemon: &Daemon) -> BTreeMap<String, i32> {
    let folder = format!("/proc/{}/task", daemon.id());
    let tasks = fs::read_dir(folder).expect("the threads").flatten();
    let read = |task: fs::DirEntry| {
        let stat = fs::read_to_string(task.path().join("stat")).ok()?;
        let (begin, rest) = stat.rsplit_once(')')?;
        let name = begin.split_once('(')?.1.to_owned();
        Some((name, rest.split_whitespace().nth(16)?.parse().ok()?))
    };
    tasks.filter_map(read).collect()
}

#[test]
fn the_loop_goes_before_those_who_work_for_it() {
    let settings = Settings::default().database("url: 'sqlite:btrt.sqlite'");
    expect_the_loop_first(&Daemon::start(&settings));
}

#[test]
fn it_does_so_too_in_a_daemon_that_is_nice_itself() {
    let settings = Settings::default().database("url: 'sqlite:btrt.sqlite'");
    expect_the_loop_first(&Daemon::start_nicer(&settings, 12));
}

fn expect_the_loop_first(daemon: &Daemon) {
    daemon.announce(&leecher(1));
    wait_until("the workers stand back", || {
        let nice = nice_values(daemon);
        let [of_loop, of_worker, of_database] =
            ["btrt", "worker 1", "database"].map(|name| nice.get(name));
        of_worker > of_loop && of_database > of_loop
    });
}
