//! Whatever stands in a configuration file, it is understood, or each fault has its place.
//!
//! The public way in is by file name, so that the input goes through a file, in memory where that
//! is possible. Files that it names are read as well, if they should exist.

#![no_main]

use btrt::config;
use libfuzzer_sys::fuzz_target;
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() {
        memory
    } else {
        std::env::temp_dir()
    };
    folder.join(format!("btrt-fuzz-{}.conf", std::process::id()))
});

fuzz_target!(|input: &[u8]| {
    fs::write(&*FILE, input).expect("there is room for a file");
    match config::load(&FILE) {
        Ok(config) => assert!(!config::summary(&config).is_empty()),
        Err(faults) => assert!(!faults.to_string().is_empty()),
    }
});
