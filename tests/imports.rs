//! Imports run one way: each part of the crate may know only what stands here beside it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Parts by name, and whom they may know. `startup` sees everything.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("bittorrent", &[]),
    ("time", &[]),
    ("chain", &[]),
    ("pace", &[]),
    ("panics", &[]),
    ("record", &["bittorrent", "time"]),
    ("job", &["bittorrent", "record", "time"]),
    ("protocol", &["bittorrent"]),
    ("swarm", &["bittorrent", "chain", "record", "time"]),
    (
        "tracker",
        &["bittorrent", "chain", "job", "record", "swarm", "time"],
    ),
    ("channel", &["job"]),
    (
        "admin",
        &[
            "bittorrent",
            "job",
            "process",
            "protocol",
            "swarm",
            "time",
            "tracker",
            "VERSION",
        ],
    ),
    (
        "worker",
        &[
            "bittorrent",
            "channel",
            "config",
            "job",
            "pace",
            "panics",
            "process",
            "protocol",
            "record",
            "time",
        ],
    ),
    (
        "reactor",
        &[
            "admin",
            "bittorrent",
            "chain",
            "channel",
            "job",
            "protocol",
            "swarm",
            "time",
            "tracker",
        ],
    ),
    ("config", &["pace"]),
    ("logging", &["config", "panics"]),
    ("process", &["VERSION"]),
    ("client", &["admin"]),
    (
        "cli",
        &[
            "bittorrent",
            "client",
            "config",
            "startup",
            "worker",
            "VERSION",
        ],
    ),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a source folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The parts of the crate that a source names: what follows each `crate::`.
fn named(source: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    let code = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    for line in code {
        for rest in line.split("crate::").skip(1) {
            let list = rest
                .strip_prefix('{')
                .map_or(rest, |list| list.split('}').next().unwrap_or(list));
            let first_only = !rest.starts_with('{');
            for name in list
                .split(',')
                .take(if first_only { 1 } else { usize::MAX })
            {
                let is_name = |c: char| c.is_alphanumeric() || c == '_';
                let name: String = name.trim().chars().take_while(|&c| is_name(c)).collect();
                named.insert(name);
            }
        }
    }
    named.remove("");
    named
}

#[test]
fn every_part_knows_only_what_it_may() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 20, "the sources were not found");
    for file in files {
        let inside = file.strip_prefix(&root).expect("below src");
        let first = inside.iter().next().expect("a name").to_string_lossy();
        let part = first.trim_end_matches(".rs");
        let Some((_, may_know)) = MAY_KNOW.iter().find(|(name, _)| *name == part) else {
            assert!(
                ["startup", "main", "lib"].contains(&part),
                "{}: say in tests/imports.rs whom this part may know",
                inside.display()
            );
            continue;
        };
        let source = fs::read_to_string(&file).expect("a source");
        for name in named(&source) {
            assert!(
                name == part || may_know.contains(&name.as_str()),
                "{} knows {name}, which is the wrong way round",
                inside.display()
            );
        }
    }
}
