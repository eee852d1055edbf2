//! Whatever stands in a configuration file, it is understood, or each fault has its place.
//!
//! Files that it names are read as well, if they should exist.

use super::scratch::Scratch;
use btrt::config;

pub fn run(input: &[u8]) {
    thread_local!(static FILE: Scratch = Scratch::new("config"));
    FILE.with(|file| {
        file.write(input);
        match config::load(file.path()) {
            Ok(config) => assert!(!config::summary(&config).is_empty()),
            Err(faults) => assert!(!faults.to_string().is_empty()),
        }
    });
}
