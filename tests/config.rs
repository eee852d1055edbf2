//! The configuration files that are shipped, and files a configuration names.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};

use btrt::config::{
    self, Config, Database, DatabaseUrl, ForwardedAnnounce, Hashlist, Logging, Neighbor, PeerGroup,
    Server, Settings, Tracker, TrackerRule, Workers,
};
use serde::de::DeserializeOwned;
use serde_yaml::Value;

/// A folder of its own for a test, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let name = format!("btrt-config-{test}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn shipped(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("conf").join(name)
}

fn text_of(name: &str) -> String {
    fs::read_to_string(shipped(name)).unwrap()
}

fn load(path: &Path) -> Config {
    let config = config::load(path).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(config.warnings, []);
    config
}

#[test]
fn the_default_file_changes_nothing() {
    let config = load(&shipped("btrt.conf.default"));
    assert_eq!(config.settings, Settings::default());
}

/// The keys of the default file with the `#` in front of them removed; the
/// three list items ("#- name: ...", up to the next empty line) by themselves.
fn documented() -> (String, Vec<String>) {
    let (mut keys, mut items) = (String::new(), Vec::<String>::new());
    let mut in_item = false;
    for line in text_of("btrt.conf.default").lines() {
        let text = line.trim_start();
        in_item &= !text.is_empty();
        let Some((indentation, text)) = line.split_once('#') else {
            continue;
        };
        if text.starts_with("- ") {
            in_item = true;
            items.push(String::new());
        } else if !text.starts_with(|first: char| first.is_ascii_lowercase()) {
            continue;
        }
        let target = match in_item {
            true => items.last_mut().unwrap(),
            false => &mut keys,
        };
        target.push_str(&format!("{indentation}{text}\n"));
    }
    (keys, items)
}

#[test]
fn every_documented_default_is_the_default_in_code() {
    fn is_default<T: DeserializeOwned + Default + PartialEq + Debug>(item: &str) {
        let items: Vec<T> = serde_yaml::from_str(item).unwrap();
        assert_eq!(items, [T::default()]);
    }

    let (keys, items) = documented();
    let folder = Folder::new("documented");
    let config = load(&folder.write("btrt.conf", &keys));
    assert_eq!(config.settings, Settings::default());
    assert_eq!(items.len(), 3);
    is_default::<PeerGroup>(&items[0]);
    is_default::<Neighbor>(&items[1]);
    is_default::<TrackerRule>(&items[2]);
}

#[test]
fn every_key_is_documented() {
    fn same(section: &Value, known: &[&str]) {
        let keys = section.as_mapping().unwrap().keys();
        let keys: BTreeSet<&str> = keys.map(|key| key.as_str().unwrap()).collect();
        assert_eq!(keys, known.iter().copied().collect());
    }

    let (keys, items) = documented();
    let file: Value = serde_yaml::from_str(&keys).unwrap();
    same(&file, Settings::KEYS);
    same(&file["server"], Server::KEYS);
    same(&file["logging"], Logging::KEYS);
    same(&file["database"], Database::KEYS);
    same(&file["tracker"], Tracker::KEYS);
    same(&file["forwarded_announce"], ForwardedAnnounce::KEYS);
    same(&file["workers"], Workers::KEYS);
    same(&file["hashlist"], Hashlist::KEYS);
    let known = [PeerGroup::KEYS, Neighbor::KEYS, TrackerRule::KEYS];
    for (item, known) in items.iter().zip(known) {
        let item: Value = serde_yaml::from_str(item).unwrap();
        same(&item[0], known);
    }
}

/// The examples in the default file stand behind "# ", each up to a bare "#".
#[test]
fn the_examples_work() {
    let text = text_of("btrt.conf.default");
    let example = |first: &str| {
        let lines = text.lines().map(str::trim_start);
        let lines = lines.skip_while(|line| *line != first);
        let lines = lines.take_while(|line| *line != "#");
        lines.fold(String::new(), |text, line| text + &line[2..] + "\n")
    };
    let folder = Folder::new("examples");
    for name in ["local_cidrs.conf", "neighboring_cidrs.conf"] {
        folder.write(name, text_of(name));
    }
    let all = [
        &example("# peer_groups:"),
        &example("# neighbors:"),
        "forwarded_announce:\n",
        &example("#   trackers:"),
    ];
    let settings = load(&folder.write("btrt.conf", all.concat())).settings;
    assert_eq!(settings.peer_groups.len(), 2);
    assert_eq!(settings.neighbors.len(), 1);
    assert_eq!(settings.forwarded_announce.trackers.len(), 2);
}

#[test]
fn quickstart_needs_nothing_but_the_binary() {
    let settings = load(&shipped("quickstart.conf")).settings;
    let addresses = settings.server.listen.iter();
    let addresses = addresses.chain(&settings.server.admin_listen);
    assert!(addresses.clone().all(|address| address.ip().is_loopback()));
    let ports: Vec<u16> = addresses.map(|address| address.port()).collect();
    assert_eq!(ports, [6969, 6970]);
    let folder = shipped("quickstart");
    let path = folder.join("btrt.sqlite");
    assert_eq!(settings.database.url, DatabaseUrl::Sqlite { path });
    assert_eq!(settings.logging.path, folder.join("log"));
    assert!(settings.logging.terminal);
    assert!(settings.hashlist.path.starts_with(&folder));
}

#[test]
fn the_cidr_files_hold_examples_in_comments() {
    for name in ["local_cidrs.conf", "neighboring_cidrs.conf"] {
        let folder = Folder::new(name);
        let conf = folder.write("btrt.conf", "peer_groups: [{name: a, cidr_file: cidrs}]");
        folder.write("cidrs", text_of(name));
        assert!(load(&conf).settings.peer_groups[0].networks.is_empty());
        let uncommented = |line: &str| match line.strip_prefix('#') {
            Some(cidr) if cidr.starts_with(|first: char| first.is_ascii_digit()) => cidr.to_owned(),
            _ => line.to_owned(),
        };
        let lines: Vec<String> = text_of(name).lines().map(uncommented).collect();
        folder.write("cidrs", lines.join("\n"));
        assert!(load(&conf).settings.peer_groups[0].networks.len() >= 2);
    }
}

#[test]
fn list_and_file_together_make_a_group() {
    let folder = Folder::new("group");
    let cidrs = folder.write(
        "local.conf",
        "10.0.0.1/8\n2001:db8::/32 # six\n192.0.2.0/24\n",
    );
    let path = folder.write(
        "btrt.conf",
        "peer_groups:\n- name: local peers\n  cidr_file: local.conf\n\
         \x20 cidr_list: [192.0.2.0/24, 198.51.100.7]\n",
    );
    let config = config::load(&path).unwrap();
    let networks = &config.settings.peer_groups[0].networks;
    let networks: Vec<_> = networks.iter().map(ToString::to_string).collect();
    let expected = "10.0.0.0/8 192.0.2.0/24 198.51.100.7/32 2001:db8::/32";
    assert_eq!(networks.join(" "), expected);
    let warning = config.warnings[0].to_string();
    let text = "warning: 10.0.0.1/8 has host bits set and is taken as 10.0.0.0/8";
    assert_eq!(warning, format!("{}:1:1: {text}", cidrs.display()));
    assert_eq!(
        config::summary(&config),
        "peer groups: 1\n  local peers: priority 0, 4 prefixes\nneighbors: 0\n\
         database: tcp://127.0.0.1:3306\n"
    );
}

#[test]
fn faults_of_all_files_come_together() {
    let folder = Folder::new("faults");
    folder.write("local.conf", "10.0.0.0/8\n 10.0.0/8\n");
    let path = folder.write(
        "btrt.conf",
        "peer_groups:\n- name: a\n  cidr_file: local.conf\n- name: b\n  cidr_file: missing.conf\n\
         tracker: {interval: 0}\n",
    );
    let faults = config::load(&path).unwrap_err();
    let places = faults.iter().map(|fault| {
        let file = fault.file.file_name().unwrap().to_string_lossy();
        format!("{file}:{}:{}", fault.line, fault.column)
    });
    let places: Vec<_> = places.collect();
    assert_eq!(
        places,
        ["btrt.conf:5:3", "btrt.conf:6:11", "local.conf:2:2"]
    );
}

#[test]
fn the_password_may_come_from_a_file() {
    let folder = Folder::new("password");
    folder.write("secret", "pass word\r\n");
    let path = folder.write("btrt.conf", "database: {password_file: secret}");
    let password = load(&path).settings.database.password.unwrap();
    assert_eq!(password.expose(), "pass word");
}

#[test]
fn a_file_that_is_missing_or_too_large_is_a_fault() {
    let folder = Folder::new("large");
    let fault_of = |path: &Path| config::load(path).unwrap_err().to_string();
    let fault = fault_of(&folder.0.join("btrt.conf"));
    let text = "btrt.conf:1:1: the configuration cannot be read: ";
    assert!(fault.contains(text), "{fault}");
    let fault = fault_of(&folder.write("large.conf", "#".repeat((1 << 20) + 1)));
    assert!(fault.ends_with("it is larger than 1024 KiB"), "{fault}");
    assert!(fault_of(&folder.0).contains("cannot be read"));
}
