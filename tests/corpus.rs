//! Replays the inputs that fuzzing has kept (`scripts/fuzz`), and those that once did harm.

#![expect(clippy::panic, reason = "a helper fails its test by panicking")]

#[path = "fuzz/bodies/mod.rs"]
mod bodies;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn fuzz(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fuzz")
        .join(folder)
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
    let names = entries
        .map(name)
        .map(|name| name.into_string().expect("a name"));
    names.collect()
}

/// Replays what is kept for one target; a failure names the file.
fn replay(target: &str) {
    let folder = fuzz("corpus").join(target);
    for name in names(&folder) {
        println!("{target}/{name}");
        bodies::run(target, &fs::read(folder.join(name)).expect("an input"));
    }
}

macro_rules! replayed {
    ($($target:ident)*) => {
        $(#[test]
        fn $target() {
            replay(stringify!($target));
        })*

        const REPLAYED: &[&str] = &[$(stringify!($target)),*];
    };
}

replayed!(answer cidr_file client_address config forwarded head_and_session query target udp upstream);

#[test]
fn every_target_has_a_corpus_that_is_replayed() {
    let expected: BTreeSet<_> = REPLAYED.iter().map(|name| name.to_string()).collect();
    let with_body = bodies::TARGETS.iter().map(|(name, _)| name.to_string());
    assert_eq!(with_body.collect::<BTreeSet<_>>(), expected);
    assert_eq!(names(&fuzz("corpus")), expected);
    let shims = names(&fuzz("targets"));
    let shims = shims
        .iter()
        .map(|name| name.trim_end_matches(".rs").to_owned());
    assert_eq!(shims.collect::<BTreeSet<_>>(), expected);
}
