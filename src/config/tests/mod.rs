//! What operators write, and what they are told about it.

use std::path::Path;

use proptest::prelude::*;

use super::*;

mod faults;

fn read(text: &str) -> Result<Config, Faults> {
    parse(Path::new("c"), Path::new("/etc/btrt"), text.as_bytes())
}

fn good(text: &str) -> Settings {
    let config = read(text).unwrap_or_else(|faults| panic!("{text}\n{faults}"));
    assert_eq!(config.warnings, [], "{text}");
    config.settings
}

/// Each line that is reported must begin like its counterpart here.
fn wrong(text: &str, expected: &[&str]) {
    let found = read(text).expect_err(text).to_string();
    let found: Vec<_> = found.lines().collect();
    let same = |(found, expected): (&&str, &&str)| found.starts_with(&format!("c:{expected}"));
    let all = found.len() == expected.len() && found.iter().zip(expected).all(same);
    let text: String = text.chars().take(1000).collect();
    assert!(all, "{text}\nfound {found:#?}\nexpected {expected:#?}");
}

#[test]
fn nothing_written_is_the_default() {
    let nothing = ["", "\n", "# c\n", "---\n", "~\n", "\u{feff}", "{}"];
    let sections = "server:\nlogging: ~\ndatabase: {}\ntracker:\npeer_groups:\nneighbors: []\n\
                    forwarded_announce:\n  trackers:\n  allow_from:\nworkers:\nhashlist: null\n";
    let keys = "tracker:\n  interval:\n  refused_ports: ~\nserver:\n  listen:\n  user: ~\n";
    for text in nothing.into_iter().chain([sections, keys]) {
        assert_eq!(good(text), Settings::default(), "{text:?}");
    }
}

#[test]
fn habits_of_operators_work() {
    let settings = good(
        "\u{feff}server:\r\n  admin_listen: ~\r\n  trusted_proxies:\r\n  -\r\n\
         peer_groups:\r\n- name: a\r\n  cidr_list:\r\n    -\r\n    - 10.1.2.3\r\n    -\r\n\
         - name: b\r\n  cidr_list:\r\n  visible_to: [a, other]\r\n-\r\n\
         tracker: {interval: 1, min_interval: 1, peer_expiry_interval: 2}\r\n\
         forwarded_announce:\r\n  local_names: [Retracker.Local]\r\n\
         \x20 allow_target_ports: [80, '1024-65535']\r\n\
         \x20 trackers: [{host: '*.Example.ORG', mode: never}]\r\n",
    );
    assert_eq!(settings.server.admin_listen, None);
    assert!(settings.server.trusted_proxies.is_empty());
    let [a, b] = &settings.peer_groups[..] else {
        panic!("{:?}", settings.peer_groups)
    };
    assert_eq!(a.networks, ["10.1.2.3/32".parse().unwrap()]);
    assert!(b.networks.is_empty());
    assert_eq!(b.visible_to, Some(vec!["a".into(), "other".into()]));
    assert_eq!(settings.tracker.interval, 1);
    let forwarded = &settings.forwarded_announce;
    assert_eq!(forwarded.local_names, ["retracker.local"]);
    assert_eq!(forwarded.allow_target_ports[0].last, 80);
    assert_eq!(forwarded.trackers[0].host, "*.example.org");
    assert_eq!(forwarded.trackers[0].mode, TrackerMode::Never);
}

#[test]
fn host_bits_are_cleared_with_a_warning() {
    let config = read("peer_groups:\n- name: a\n  cidr_list:\n  - 10.0.0.1/8\n").unwrap();
    let group = &config.settings.peer_groups[0];
    assert_eq!(group.networks, ["10.0.0.0/8".parse().unwrap()]);
    assert_eq!(
        config.warnings[0].to_string(),
        "c:4:5: warning: 10.0.0.1/8 has host bits set and is taken as 10.0.0.0/8"
    );
    let text = "forwarded_announce: {allow_from: ['2001:db8::1/32']}";
    assert_eq!(read(text).unwrap().warnings.len(), 1);
}

#[test]
fn short_lives_are_only_warnings() {
    let config = read("tracker:\n  peer_expiry_interval: 1800\n").unwrap();
    let warning = config.warnings[0].to_string();
    assert!(warning.starts_with("c:2:3: warning: peer_expiry_interval is 1800, not above"));
}

#[test]
fn defaults_give_way_to_what_is_written() {
    let tracker = good("tracker: {interval: 1, max_numwant: 20}").tracker;
    assert_eq!((tracker.min_interval, tracker.numwant), (1, 20));
    wrong(
        "tracker: {min_interval: 1801, numwant: 201}",
        &[
            "1:11: min_interval is 1801, but must not be above interval, which is 1800",
            "1:31: numwant is 201, but must not be above max_numwant, which is 200",
        ],
    );
    let config = read("tracker:\n  interval: 7200\n").unwrap();
    let warning = config.warnings[0].to_string();
    assert!(warning.starts_with("c:2:3: warning: peer_expiry_interval is 4500, not above"));
}

#[test]
fn relative_paths_begin_at_the_folder_of_the_configuration() {
    let settings = good(
        "logging: {path: log}\nhashlist: {path: /var/h}\nserver: {pid_file: run/pid}\n\
         database: {url: 'sqlite:db/b.sqlite'}\n",
    );
    assert_eq!(settings.logging.path, Path::new("/etc/btrt/log"));
    assert_eq!(settings.hashlist.path, Path::new("/var/h"));
    let pid_file = settings.server.pid_file.as_deref();
    assert_eq!(pid_file, Some(Path::new("/etc/btrt/run/pid")));
    let path = "/etc/btrt/db/b.sqlite".into();
    assert_eq!(settings.database.url, DatabaseUrl::Sqlite { path });
}

#[test]
fn database_urls() {
    let url = |text: &str| good(&format!("database:\n  url: {text:?}\n")).database.url;
    let host = "::1".to_owned();
    assert_eq!(url("tcp://[::1]:33"), DatabaseUrl::Tcp { host, port: 33 });
    let path = "/run/mysqld.sock".into();
    assert_eq!(url("unix:///run/mysqld.sock"), DatabaseUrl::Unix { path });
    assert_eq!(url("none"), DatabaseUrl::None);
    for text in [
        "tcp://h",
        "tcp://h:0",
        "tcp://u:p@h:1",
        "unix://run",
        "sqlite:",
        "mysql://h:1",
    ] {
        let at_key =
            ["2:3: url must be tcp://HOST:PORT, unix:///PATH/mysqld.sock, sqlite:PATH or none"];
        wrong(&format!("database:\n  url: {text:?}\n"), &at_key);
    }
}

#[test]
fn the_password_is_never_shown() {
    let settings = good("database: {password: s3cret}");
    assert_eq!(
        settings.database.password.as_ref().unwrap().expose(),
        "s3cret"
    );
    assert!(!format!("{settings:?}").contains("s3cret"));
    let faults = read("database: {password: 987654}").unwrap_err();
    assert!(!faults.to_string().contains("987654"));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = parse(Path::new("c"), Path::new(""), &bytes);
    }

    #[test]
    fn nothing_like_yaml_panics(
        text in "([a-c:\\[\\]{},&*!|>%@`'\"#?~ \t\n-]|\\PC|server|tracker|listen|name|: |\n  |\n- ){0,60}"
    ) {
        let _ = read(&text);
    }
}
