//! The copy on standard error.

use crate::harness::{Client, Daemon, Process, Settings, wait_until};
use crate::requests::{announce, numbers};
use crate::{current, lines};
use nix::sys::signal::Signal;
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

const END: Duration = Duration::from_secs(20);

fn at_debug() -> Settings {
    Settings::default().logging("level: debug")
}

#[test]
fn it_has_the_lines_of_the_file() {
    let mut daemon = Daemon::start(&at_debug());
    announce(&mut daemon.connect(), 0..500);
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait_for_exit(END).code(), Some(0));
    let file = lines(&current(&daemon));
    assert_eq!(numbers(file.clone()).len(), 500);
    wait_until("the same lines", || daemon.log_lines() == file);
}

/// As with Ctrl-S: a pipe that is soon full, as nobody reads it.
#[test]
fn a_terminal_that_stands_still_stops_neither_the_answers_nor_the_file() {
    let folder = TempDir::new().expect("a temporary folder");
    let configuration = folder.path().join("btrt.conf");
    fs::write(&configuration, at_debug().to_yaml(folder.path())).expect("the folder is ours");
    let mut command = Command::new(env!("CARGO_BIN_EXE_btrt"));
    command.args(["run".as_ref(), "-c".as_ref(), configuration.as_os_str()]);
    let mut daemon = Process::start(command.stderr(Stdio::piped()));
    let file = folder.path().join("log/btrt.log");
    let mut address = None;
    wait_until("the daemon to say where it listens", || {
        let lines = lines(&file);
        let mut listening = lines
            .iter()
            .filter_map(|line| line.split_once("listening on "));
        address = listening
            .next()
            .and_then(|(_, address)| address.parse().ok());
        address.is_some()
    });
    let mut client = Client::connect(address.expect("it has said so"));
    announce(&mut client, 0..5_000);
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait_for_exit(END).code(), Some(0));
    assert_eq!(numbers(lines(&file)).len(), 5_000);
}
