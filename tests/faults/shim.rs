//! A daemon whose clocks go wrong when the test says so; see `tests/support/shim.c`.

use crate::harness::{Daemon, Settings};
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// What the daemon's clocks do.
pub struct Clocks {
    orders: PathBuf,
    shim: PathBuf,
}

impl Clocks {
    /// Right ones, for daemons that are started with them. The files go into `folder`.
    pub fn new(folder: &Path) -> Clocks {
        let (orders, shim) = (folder.join("orders"), folder.join("shim.so"));
        fs::write(&orders, [0; 24]).unwrap();
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shim.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]);
        let status = compiler.arg(&shim).arg(source).status();
        assert!(status.expect("a C compiler is there").success());
        Clocks { orders, shim }
    }

    /// A daemon that goes by them.
    pub fn start(&self, settings: &Settings) -> Daemon {
        let mut program = Command::new(env!("CARGO_BIN_EXE_btrt"));
        program.env("LD_PRELOAD", &self.shim);
        program.env("SHIM_ORDERS", &self.orders);
        let folder = TempDir::new().expect("a temporary folder");
        Daemon::launch(folder, settings, program)
    }

    /// Sets the calendar so many seconds ahead of the true one.
    pub fn set(&self, offset: i64) {
        self.write(&offset.to_ne_bytes(), 0);
    }

    /// Has the next look at a clock panic in the thread of this name.
    pub fn fail(&self, thread: &str) {
        let mut name = [0; 16];
        name[..thread.len()].copy_from_slice(thread.as_bytes());
        self.write(&name, 8);
    }

    fn write(&self, bytes: &[u8], at: u64) {
        let file = fs::OpenOptions::new().write(true).open(&self.orders);
        file.unwrap().write_all_at(bytes, at).unwrap();
    }
}
