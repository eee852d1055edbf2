//! The log files of the real program: lines that are all there and whole while files are switched,
//! removed or cannot be written, and a tracker that answers meanwhile.

#![expect(
    clippy::disallowed_methods,
    clippy::panic,
    reason = "waiting with a deadline needs the real clock, and a helper fails its test by panicking"
)]

mod disk;
mod files;
#[path = "../program/harness/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    reason = "the tests of the program use all of it"
)]
mod harness;
mod requests;
#[path = "../support/small_disk.rs"]
mod small_disk;
mod switching;
mod terminal;

use harness::{Daemon, is_log_line};
use std::fs;
use std::path::{Path, PathBuf};

/// The current log of a daemon.
fn current(daemon: &Daemon) -> PathBuf {
    daemon.folder().join("log/btrt.log")
}

/// The renamed logs in a folder, oldest first.
fn earlier(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("the folder is ours").path());
    let mut paths: Vec<_> = paths
        .filter(|path| {
            let name = path.file_name().expect("an entry has a name");
            name.to_string_lossy().starts_with("btrt_")
        })
        .collect();
    // `-` sorts before `.`, but -2 comes after the name without a number.
    paths.sort_by_key(|path| path.to_string_lossy().replace(".log", "!.log"));
    paths
}

/// The lines of a log, which must all be whole; none where there is no file.
fn lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    // What is being written now ends somewhere.
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    let lines: Vec<_> = text[..whole].lines().map(str::to_owned).collect();
    let torn = lines.iter().find(|line| !is_log_line(line));
    assert_eq!(torn, None, "a line of {}", path.display());
    lines
}
