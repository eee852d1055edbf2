//! A disk that is quickly full: a file system in memory, which needs root.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Mounted on a folder; unmounted at the end.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// 16 MiB.
    pub fn mount(folder: &Path) -> SmallDisk {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=16m", "none"]);
        let status = mount.arg(folder).status().expect("mount runs");
        assert!(
            status.success(),
            "a tmpfs cannot be mounted: run this as root"
        );
        SmallDisk(folder.to_owned())
    }

    /// Takes all the room that is left.
    pub fn fill(&self) {
        let mut file = File::create(self.0.join("filler")).expect("room for an empty file");
        while file.write(&[0; 4096]).is_ok() {}
    }

    pub fn make_room(&self) {
        fs::remove_file(self.0.join("filler")).expect("it has been filled");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, as a failing test may still have a daemon with a file on it.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
