//! What BTRT is made of besides its own code goes by `.cargo/deny.toml`, and each direct dependency
//! says what it is for. `scripts/audit` has cargo-deny look more closely; this needs only cargo.

#![expect(clippy::panic, reason = "a helper fails its test by panicking")]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Cargo fetches nothing for others.
const PLATFORM: &str = "--filter-platform=x86_64-unknown-linux-gnu";

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(path).expect("a file of ours")
}

/// The words of a list in the policy, which stand one a line.
fn policy(section: &str, list: &str) -> BTreeSet<String> {
    let text = read(".cargo/deny.toml");
    let (_, section) = text
        .split_once(&format!("[{section}]\n"))
        .expect("a section");
    let (_, list) = section
        .split_once(&format!("\n{list} = [\n"))
        .expect("a list");
    let (list, _) = list.split_once("\n]").expect("its end");
    list.lines()
        .map(|line| line.trim().trim_matches(['"', ',']).to_owned())
        .collect()
}

/// All packages that any build of ours may hold.
fn packages() -> Vec<Value> {
    let cargo = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", PLATFORM])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let stderr = String::from_utf8_lossy(&cargo.stderr);
    assert!(cargo.status.success(), "{stderr}");
    let metadata: Value = serde_json::from_slice(&cargo.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    assert!(packages.len() > 50, "the dependencies were not found");
    packages.clone()
}

fn text<'a>(package: &'a Value, key: &str) -> &'a str {
    package[key]
        .as_str()
        .unwrap_or_else(|| panic!("{package} has no {key}"))
}

/// Whether a licence expression (SPDX) can be met with allowed ones.
fn is_met(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let expression = expression.replace('/', " OR ").replace(['(', ')'], "");
    // OR binds weaker than AND; the one expression that has both is an AND of an OR, whose every
    // part is allowed, so that the order does not matter.
    let mut choices = expression.split(" OR ");
    choices.any(|choice| {
        choice
            .split(" AND ")
            .all(|one| allowed.contains(one.trim()))
    })
}

#[test]
fn licences_and_sources_are_those_that_are_allowed() {
    let allowed = policy("licenses", "allow");
    for package in packages() {
        let name = text(&package, "name");
        if name == "btrt" {
            continue;
        }
        let license = text(&package, "license");
        assert!(is_met(license, &allowed), "{name}: {license}");
        let source = text(&package, "source");
        let index = "registry+https://github.com/rust-lang/crates.io-index";
        assert_eq!(source, index, "{name}");
    }
}

#[test]
fn nothing_is_in_it_that_is_banned_or_in_it_twice() {
    let (banned, skipped) = (policy("bans", "deny"), policy("bans", "skip"));
    let mut versions = BTreeMap::<String, BTreeSet<String>>::new();
    for package in packages() {
        let name = text(&package, "name").to_owned();
        assert!(!banned.contains(&name), "{name} is banned");
        let version = text(&package, "version").to_owned();
        versions.entry(name).or_default().insert(version);
    }
    let twice = versions
        .into_iter()
        .filter(|(_, versions)| versions.len() > 1);
    let twice: BTreeSet<_> = twice.map(|(name, _)| name).collect();
    assert_eq!(
        twice, skipped,
        "the list of exceptions is neither too short nor too long"
    );
}

#[test]
fn each_dependency_says_what_it_is_for() {
    let manifest = read("Cargo.toml");
    let mut section = "";
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        } else if section.ends_with("dependencies]") && line.contains(" = ") {
            let reason = line.split_once(" # ").map_or("", |(_, reason)| reason);
            assert!(
                !reason.trim().is_empty(),
                "{section} {line}: what is it for?"
            );
        }
    }
}
