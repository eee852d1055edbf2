//! A real client whose announces are redirected to the daemon: its tracker's name stands for us.
//!
//! The name means one address to the client and another to the daemon, as where a provider's name
//! servers redirect a tracker. So each has a file of host names of its own, and the test a network
//! of its own, in which port 80 is free at two addresses that count as public.

use crate::harness::{Daemon, Process, Settings, wait_until, wait_until_within};
use crate::opentracker::Opentracker;
use nix::sched::{CloneFlags, unshare};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

const NAME: &str = "tracker.example";
const DAEMON: &str = "203.0.113.1";
const TRACKER: &str = "203.0.113.4";
const SEEDER: &str = "203.0.113.2";
const LEECHER: &str = "203.0.113.3";

#[test]
fn a_redirected_client_downloads_from_whom_only_its_tracker_knows() {
    enter_a_network_of_our_own();
    let folder = TempDir::new().unwrap();
    let torrent = make_torrent(folder.path());
    let tracker = Opentracker::start_at(format!("{TRACKER}:80").parse().unwrap(), &torrent);
    let settings = Settings::default()
        .listen(&[&format!("{DAEMON}:80")])
        .group("name: subscribers, priority: 0, cidr_list: [203.0.113.3]")
        .section("forwarded_announce: {transparent: true}")
        .logging("level: debug");
    let program = under_names(folder.path(), TRACKER, env!("CARGO_BIN_EXE_btrt"));
    let daemon = Daemon::launch(TempDir::new().unwrap(), &settings, program);

    let _seeder = start_aria2(folder.path(), SEEDER, TRACKER);
    wait_until("the tracker to know the seeder", || {
        let mut client = crate::harness::Client::connect(tracker.address);
        let digits = torrent.as_bytes().chunks(2);
        let escaped: String = digits
            .map(|pair| format!("%{}", str::from_utf8(pair).unwrap()))
            .collect();
        let scrape = client.get(&format!("/scrape?info_hash={escaped}"));
        scrape
            .body
            .windows(12)
            .any(|bytes| bytes == b"completei1e1")
    });
    let _leecher = start_aria2(folder.path(), LEECHER, DAEMON);
    wait_until_within(Duration::from_secs(60), "the files to be equal", || {
        let copy = fs::read(folder.path().join(LEECHER).join("content")).ok();
        copy == fs::read(folder.path().join(SEEDER).join("content")).ok()
    });
    daemon.wait_for_log("the redirected announce", |line| {
        line.contains(&format!("forwarded to http://{NAME} from {LEECHER}"))
    });
}

/// Moves this thread, and what it starts from now on, to a network with nothing but a loopback.
fn enter_a_network_of_our_own() {
    unshare(CloneFlags::CLONE_NEWNET).expect("this test must be run by root");
    let ip = |arguments: &str| {
        let status = Command::new("ip").args(arguments.split(' ')).status();
        assert!(status.expect("ip is missing: install iproute2").success());
    };
    ip("link set lo up");
    for address in [DAEMON, TRACKER, SEEDER, LEECHER] {
        ip(&format!("address add {address}/24 dev lo"));
    }
}

/// A program for which the tracker's name stands for an address.
fn under_names(folder: &Path, address: &str, program: &str) -> Command {
    let hosts = folder.join(format!("hosts of {address}"));
    fs::write(&hosts, format!("{address} {NAME}\n")).unwrap();
    let script = "mount --bind \"$0\" /etc/hosts && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script]);
    command.arg(hosts).arg(program);
    command
}

/// Makes a file for the seeder and a torrent of it, and returns the info hash in hex.
fn make_torrent(folder: &Path) -> String {
    for client in [SEEDER, LEECHER] {
        fs::create_dir(folder.join(client)).unwrap();
    }
    let content: Vec<u8> = (0..300_000_u32)
        .map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()[0])
        .collect();
    fs::write(folder.join(SEEDER).join("content"), content).unwrap();
    let torrent = folder.join("content.torrent");
    let status = Command::new("mktorrent")
        .args(["-l", "16", "-a", &format!("http://{NAME}/announce"), "-o"])
        .arg(&torrent)
        .arg(folder.join(SEEDER).join("content"))
        .stdout(Stdio::null())
        .status();
    assert!(status.expect("mktorrent is missing").success());
    let shown = Command::new("aria2c")
        .args(["--no-conf", "--show-files"])
        .arg(torrent)
        .output();
    let shown = String::from_utf8(shown.expect("aria2c is missing").stdout).unwrap();
    let hash = shown
        .lines()
        .find_map(|line| line.strip_prefix("Info Hash: "));
    hash.unwrap().to_owned()
}

fn start_aria2(folder: &Path, address: &str, tracker: &str) -> Process {
    let mut command = under_names(folder, tracker, "aria2c");
    command
        .args(["--no-conf", "--enable-dht=false", "--enable-dht6=false"])
        .args(["--bt-enable-lpd=false", "--enable-peer-exchange=false"])
        .args(["--check-integrity=true", "--seed-ratio=0.0"])
        .args(["--file-allocation=none", "--interface", address, "--dir"])
        .arg(folder.join(address))
        .arg(folder.join("content.torrent"))
        .env("HOME", folder)
        .stdout(Stdio::null());
    Process::start(&mut command)
}
