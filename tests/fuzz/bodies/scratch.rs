//! Files for what can be read by file name only: in memory where that is possible, and one for each
//! thread.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;

/// A file that goes when this does.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Scratch {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() {
            memory.to_owned()
        } else {
            std::env::temp_dir()
        };
        let thread = format!("{:?}", std::thread::current().id());
        let number: String = thread.chars().filter(char::is_ascii_digit).collect();
        Scratch(folder.join(format!("btrt-{name}-{}-{number}", process::id())))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn write(&self, bytes: &[u8]) {
        fs::write(&self.0, bytes).expect("there is room for a file");
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // There may be none.
        let _ = fs::remove_file(&self.0);
    }
}
