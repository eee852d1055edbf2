//! Real clients find each other through the tracker alone, and the files are equal at the end.
//!
//! Each test has a network namespace of its own: Transmission takes no peers at 127.0.0.0/8, and
//! nothing but the tracker can tell the clients of each other where no other network is.

use crate::harness::{Daemon, Process, Settings, percent_encode, wait_until, wait_until_within};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::Uid;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

const TRACKER: &str = "10.77.0.1";
const SEEDER: &str = "10.77.0.2";
const LEECHER: &str = "10.77.0.3";

/// Clients take their time between two looks at the tracker or at each other.
const DOWNLOAD: Duration = Duration::from_secs(90);

#[test]
fn aria2_downloads_from_aria2() {
    meet(aria2, aria2);
}

#[test]
fn transmission_downloads_from_aria2() {
    meet(aria2, transmission);
}

#[test]
fn aria2_downloads_from_transmission() {
    meet(transmission, aria2);
}

#[test]
fn transmission_downloads_from_transmission() {
    meet(transmission, transmission);
}

/// How to start a client: its address, its folder, the torrent.
type Starter = fn(&str, &Path, &Path) -> Command;

fn meet(seeder: Starter, leecher: Starter) {
    enter_a_network_of_our_own();
    let listen = format!("{TRACKER}:0");
    let daemon = Daemon::start(
        &Settings::default()
            .listen(&[&listen])
            .tracker("full_scrape: true"),
    );
    let torrent = Torrent::announced_at(daemon.address());
    let _seeder = torrent.start(seeder, SEEDER);
    wait_until("the seeder to announce itself", || {
        torrent.seeders(&daemon) == 1
    });
    let _leecher = torrent.start(leecher, LEECHER);
    wait_until_within(DOWNLOAD, "the files to be equal", || {
        torrent.is_downloaded()
    });
    wait_until("the leecher to announce that it is complete", || {
        torrent.seeders(&daemon) == 2
    });
}

/// Moves this thread, and what it starts from now on, to a network with nothing but a loopback.
fn enter_a_network_of_our_own() {
    assert!(
        Uid::effective().is_root(),
        "this test must be run by root: it makes a network namespace"
    );
    unshare(CloneFlags::CLONE_NEWNET).expect("the kernel has network namespaces");
    let ip = |arguments: &str| {
        let status = installed("ip", "iproute2")
            .args(arguments.split(' '))
            .status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "ip {arguments} fails"
        );
    };
    ip("link set lo up");
    for address in [TRACKER, SEEDER, LEECHER] {
        ip(&format!("address add {address}/24 dev lo"));
    }
}

fn aria2(address: &str, folder: &Path, torrent: &Path) -> Command {
    let mut command = installed("aria2c", "aria2");
    command.args([
        "--no-conf",
        "--enable-dht=false",
        "--enable-dht6=false",
        "--bt-enable-lpd=false",
    ]);
    command.args([
        "--enable-peer-exchange=false",
        "--check-integrity=true",
        "--seed-ratio=0.0",
    ]);
    command
        .args(["--file-allocation=none", "--interface", address, "--dir"])
        .arg(folder)
        .arg(torrent);
    command
}

/// Without µTP, which aria2 does not speak: Transmission takes minutes to give it up.
fn transmission(address: &str, folder: &Path, torrent: &Path) -> Command {
    let configuration = torrent.with_file_name(format!("{address}.settings"));
    let settings = format!(
        r#"{{"dht-enabled": false, "lpd-enabled": false, "pex-enabled": false, "utp-enabled": false, "bind-address-ipv4": "{address}"}}"#
    );
    fs::create_dir(&configuration).expect("the folder is ours");
    fs::write(configuration.join("settings.json"), settings).expect("the folder is ours");
    let mut command = installed("transmission-cli", "transmission-cli");
    command.args([
        "--no-portmap",
        "--no-uplimit",
        "--no-downlimit",
        "--port",
        "22000",
        "--config-dir",
    ]);
    command
        .arg(configuration)
        .arg("--download-dir")
        .arg(folder)
        .arg(torrent);
    command
}

/// A command of a Debian package, which is named if it is missing.
fn installed(command: &str, package: &str) -> Command {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let is_there = std::env::split_paths(&folders).any(|folder| folder.join(command).exists());
    assert!(
        is_there,
        "{command} is missing: install the Debian package {package}"
    );
    Command::new(command)
}

/// What aria2 says about a torrent file; nothing else here can hash.
fn info_hash_of(torrent: &Path) -> Vec<u8> {
    let shown = installed("aria2c", "aria2")
        .arg("--no-conf")
        .arg("--show-files")
        .arg(torrent)
        .output();
    let shown = String::from_utf8(shown.expect("aria2c runs").stdout).expect("it prints text");
    let line = shown
        .lines()
        .find_map(|line| line.strip_prefix("Info Hash: "));
    let digits = line.unwrap_or_else(|| panic!("no info hash in: {shown}"));
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex digits");
    (0..40).step_by(2).map(byte).collect()
}

/// A torrent of one file, and for each client a folder named after its address.
struct Torrent {
    folder: TempDir,
    file: PathBuf,
    info_hash: Vec<u8>,
}

impl Torrent {
    fn announced_at(tracker: SocketAddr) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        for client in [SEEDER, LEECHER] {
            fs::create_dir(folder.path().join(client)).expect("the folder is ours");
        }
        let content: Vec<u8> = (0..1_000_000_u32)
            .map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()[0])
            .collect();
        let original = folder.path().join(SEEDER).join("content");
        fs::write(&original, content).expect("the folder is ours");
        let file = folder.path().join("content.torrent");
        let mut mktorrent = installed("mktorrent", "mktorrent");
        mktorrent
            .args([
                "-l",
                "16",
                "-a",
                &format!("http://{tracker}/announce"),
                "-o",
            ])
            .arg(&file)
            .arg(original);
        let status = mktorrent.stdout(Stdio::null()).status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "mktorrent fails"
        );
        let info_hash = info_hash_of(&file);
        Self {
            folder,
            file,
            info_hash,
        }
    }

    fn start(&self, starter: Starter, address: &str) -> Process {
        let mut command = starter(address, &self.folder.path().join(address), &self.file);
        let output = File::create(self.output_of(address)).expect("the folder is ours");
        let errors = output.try_clone().expect("a file");
        Process::start(
            command
                .stdout(output)
                .stderr(errors)
                .env("HOME", self.folder.path()),
        )
    }

    /// How many seeders of it the tracker knows.
    fn seeders(&self, daemon: &Daemon) -> i64 {
        let hash = &self.info_hash;
        let reply = daemon.scrape(&format!("/scrape?info_hash={}", percent_encode(hash)));
        let [complete, _, _] = reply.file(hash).expect("a hash asked for is answered");
        complete
    }

    fn output_of(&self, address: &str) -> PathBuf {
        self.folder.path().join(format!("{address}.output"))
    }

    fn is_downloaded(&self) -> bool {
        let [original, copy] = [SEEDER, LEECHER]
            .map(|client| fs::read(self.folder.path().join(client).join("content")).ok());
        original.is_some() && original == copy
    }
}

impl Drop for Torrent {
    fn drop(&mut self) {
        if thread::panicking() {
            for client in [SEEDER, LEECHER] {
                eprintln!(
                    "{client}: {}",
                    fs::read_to_string(self.output_of(client)).unwrap_or_default()
                );
            }
        }
    }
}
