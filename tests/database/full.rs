//! A disk without room: SQLite's file lies on a small one of its own.

use crate::Folder;
use crate::daemons::{BEGIN, END, count, start, stop_and_start_again, with_sqlite};
use crate::harness::wait_until;
use crate::load::Load;
use crate::tables::{Tables, figures};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;

/// A file system in memory, which needs root; unmounted at the end.
struct SmallDisk(Folder);

impl SmallDisk {
    fn new() -> SmallDisk {
        let disk = SmallDisk(Folder::new());
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=16m", "none"]);
        let status = mount.arg(disk.path()).status().unwrap();
        assert!(
            status.success(),
            "a tmpfs cannot be mounted: run this as root"
        );
        disk
    }

    fn path(&self) -> &Path {
        &self.0.0
    }

    /// Takes all the room that is left.
    fn fill(&self) {
        let mut file = File::create(self.path().join("filler")).unwrap();
        while file.write(&[0; 4096]).is_ok() {}
    }

    fn make_room(&self) {
        fs::remove_file(self.path().join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, as a failing test may still have a daemon with a file on it.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

#[test]
fn a_disk_without_room() {
    let disk = SmallDisk::new();
    let path = disk.path().join("btrt.sqlite");
    let settings = with_sqlite(&path, 1);
    let daemon = start(&settings);
    let tables = Tables::Sqlite(path);
    let load = Load::start(daemon.address());
    wait_until("rows of peers", || tables.peers().len() > 500);
    disk.fill();
    wait_until("the fault", || count(&daemon, BEGIN) > 0);
    disk.make_room();
    wait_until("the end of it", || count(&daemon, END) > 0);
    let announced = load.stop();
    tables.become_equal(&announced, &figures(&daemon));
    let told = daemon
        .log_lines()
        .into_iter()
        .find(|line| line.contains(BEGIN));
    assert!(
        told.as_deref().unwrap().contains("make room on its disk"),
        "{told:?}"
    );
    assert_eq!((count(&daemon, BEGIN), count(&daemon, END)), (1, 1));
    stop_and_start_again(daemon, &settings, &announced);
}
