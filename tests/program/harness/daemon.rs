//! Starting, watching and signalling the daemon.

use super::{Announce, Client, Process, Reply, Settings, wait_until};
use nix::sys::signal::Signal;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_btrt");

/// A running daemon; dropping it kills it and, in a failed test, prints its log.
pub struct Daemon {
    process: Process,
    folder: TempDir,
    addresses: Vec<SocketAddr>,
    log: Arc<Mutex<Vec<String>>>,
}

impl Daemon {
    pub fn start(settings: &Settings) -> Self {
        Self::start_in(empty_folder(), settings)
    }

    /// Starts with a folder that already holds files which the settings name.
    pub fn start_in(folder: TempDir, settings: &Settings) -> Self {
        Self::launch(folder, settings, Command::new(PROGRAM))
    }

    /// A daemon that may open no more than `limit` files, connections included.
    pub fn start_with_few_files(settings: &Settings, limit: u32) -> Self {
        let mut shell = Command::new("sh");
        shell.args([
            "-c",
            "ulimit -n $0 && exec \"$@\"",
            &limit.to_string(),
            PROGRAM,
        ]);
        Self::launch(empty_folder(), settings, shell)
    }

    /// A daemon that lets others go first.
    pub fn start_nicer(settings: &Settings, by: u32) -> Self {
        let mut nice = Command::new("nice");
        nice.args(["-n", &by.to_string(), PROGRAM]);
        Self::launch(empty_folder(), settings, nice)
    }

    /// Takes files away from the running daemon: it may open no new one above `limit`.
    pub fn limit_files(&self, limit: u32) {
        let mut command = Command::new("prlimit");
        command
            .arg(format!("--nofile={limit}"))
            .arg(format!("--pid={}", self.id()));
        let status = command
            .status()
            .expect("prlimit is part of every Debian system");
        assert!(status.success(), "prlimit fails");
    }

    /// Has `program` run with these settings and waits until it has said where it listens.
    pub fn launch(folder: TempDir, settings: &Settings, mut program: Command) -> Self {
        let configuration = folder.path().join("btrt.conf");
        fs::write(&configuration, settings.to_yaml(folder.path())).expect("the folder is ours");
        program.args(["run".as_ref(), "-c".as_ref(), configuration.as_os_str()]);
        let mut process = Process::start(program.stderr(Stdio::piped()));
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = BufReader::new(process.child().stderr.take().expect("it is piped")).lines();
        let writer = Arc::clone(&log);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                writer.lock().expect("no holder panics").push(line);
            }
        });
        let mut daemon = Self {
            process,
            folder,
            addresses: Vec::new(),
            log,
        };
        wait_until("the daemon to say where it listens", || {
            assert_eq!(daemon.process.ended(), None, "the daemon ended at once");
            daemon.addresses = daemon
                .log_lines()
                .iter()
                .filter_map(|line| listening_on(line))
                .collect();
            daemon.addresses.len() == settings.listeners()
        });
        daemon
    }

    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// Where operators are served; it is logged before the other addresses.
    pub fn admin_address(&self) -> SocketAddr {
        let lines = self.log_lines();
        let address = lines.iter().find_map(|line| {
            let (_, address) = line.split_once("operators are served at http://")?;
            address.trim_end_matches('/').parse().ok()
        });
        address.expect("the settings open the admin face")
    }

    /// A connection to the admin face.
    pub fn admin(&self) -> Client {
        Client::connect(self.admin_address())
    }

    /// All listeners, in the order of the configuration.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn configuration(&self) -> PathBuf {
        self.folder().join("btrt.conf")
    }

    pub fn connect(&self) -> Client {
        Client::connect(self.address())
    }

    pub fn connect_from(&self, source: impl Into<IpAddr>) -> Client {
        Client::connect_from(source, self.address())
    }

    /// One announce over a connection of its own from an address of its own.
    pub fn announce_from(&self, source: impl Into<IpAddr>, announce: &Announce) -> Reply {
        self.connect_from(source).announce(announce)
    }

    pub fn announce(&self, announce: &Announce) -> Reply {
        self.connect().announce(announce)
    }

    pub fn scrape(&self, target: &str) -> Reply {
        self.connect().scrape(target)
    }

    pub fn log_lines(&self) -> Vec<String> {
        self.log.lock().expect("no holder panics").clone()
    }

    /// Waits for a log line that `matches`, also an earlier one.
    pub fn wait_for_log(&self, what: &str, matches: impl Fn(&str) -> bool) {
        wait_until(what, || self.log_lines().iter().any(|line| matches(line)));
    }

    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Writes the configuration anew and has it read again.
    pub fn reload(&self, settings: &Settings) {
        fs::write(self.configuration(), settings.to_yaml(self.folder()))
            .expect("the folder is ours");
        self.signal(Signal::SIGHUP);
    }

    /// Waits for the daemon to end by itself.
    pub fn wait_for_exit(&mut self, limit: Duration) -> ExitStatus {
        self.process.wait_for_exit(limit)
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The processor time that the daemon has used so far, in clock ticks of 10 ms.
    pub fn processor_ticks(&self) -> u64 {
        let stat =
            fs::read_to_string(format!("/proc/{}/stat", self.process.id())).expect("it runs");
        let (_, after_name) = stat
            .rsplit_once(')')
            .expect("the name stands in parentheses");
        let ticks = after_name.split_whitespace().skip(11).take(2);
        ticks
            .map(|field| field.parse::<u64>().expect("a number of ticks"))
            .sum()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the daemon's log:\n{}", self.log_lines().join("\n"));
        }
    }
}

fn empty_folder() -> TempDir {
    TempDir::new().expect("a temporary folder")
}

/// The address in a log line that tells one.
fn listening_on(line: &str) -> Option<SocketAddr> {
    line.rsplit_once("listening on ")?.1.parse().ok()
}
