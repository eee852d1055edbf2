//! Each kind of fault with its place.

use super::*;

#[test]
fn broken_yaml_is_one_fault() {
    let yaml = "this is not valid YAML";
    wrong(
        "a: b: c\n",
        &[&format!("1:5: {yaml}: mapping values are not allowed")],
    );
    wrong("server:\n\tlisten: []\n", &[&format!("2:2: {yaml}: tabs")]);
    wrong("server: [\n", &[&format!("2:1: {yaml}")]);
    wrong(
        "- a\n",
        &["1:1: the file must be a section of keys, but is a list"],
    );
    wrong("a: 1\n---\nb: 2\n", &["2:1: a second YAML document"]);
    wrong("a: &x 1\n", &["1:4: anchors"]);
    wrong("a: !x 1\n", &["1:4: tags"]);
    wrong("? [a]\n: 1\n", &["1:3: a key must be a plain word"]);
    let deep = "lists and sections are nested more than 32 deep";
    wrong(&"[".repeat(33), &[&format!("1:33: {deep}")]);
    wrong(&"- ".repeat(33), &[&format!("1:65: {deep}")]);
    // The parser's own limit, which it meets first when it looks ahead.
    wrong(
        &"[".repeat(500_000),
        &[&format!("1:256: {yaml}: recursion limit")],
    );
    wrong(&"- ".repeat(500_000), &["1:65: lists and sections"]);
    let faults = parse(Path::new("c"), Path::new(""), b"a: 1\n# \xc3\xa4\xff").unwrap_err();
    assert_eq!(
        faults.to_string(),
        "c:2:4: the file must be UTF-8 text; this byte is not"
    );
}

#[test]
fn unknown_keys_name_what_was_meant() {
    wrong(
        "servr:\n  a: 1\nmin_interval: 3\ntracker:\n  intervall: 1\n  listen:\n  server: 1\nneighbors:\n- {zzz: }\n",
        &[
            "1:1: \"servr\" is not a key at the top of the file; did you mean server?",
            "3:1: \"min_interval\" is not a key at the top of the file; it belongs to tracker",
            "5:3: \"intervall\" is not a key in tracker; did you mean interval?",
            "6:3: \"listen\" is not a key in tracker; it belongs to server",
            "7:3: \"server\" is not a key in tracker; it belongs to the top, without indentation",
            "9:3: a neighbor needs a name",
            "9:3: a neighbor needs an announce_request",
            "9:4: \"zzz\" is not a key in neighbors; the keys are name, refresh_interval, ",
        ],
    );
}

#[test]
fn wrong_types_are_all_reported() {
    wrong(
        "tracker:\n  interval: abc\n  numwant: -1\n  max_peers: 1e3\n  full_scrape: yes\n\
         \x20 refused_ports: [1, 70000, x, 0]\n\
         server: [a]\n\
         logging: {level: loud, switch_time: 24:00:00, path: 7}\n\
         peer_groups:\n- foo\n- name: 7\n  cidr_list: 10.0.0.0/8\n",
        &[
            "2:3: interval must be a whole number from 0 to 4294967295, but is \"abc\"",
            "3:3: numwant must be a whole number from 0 to 4294967295, but is -1",
            "4:3: max_peers must be a whole number",
            "5:3: full_scrape must be true or false, but is \"yes\"",
            "6:22: an item of refused_ports must be a whole number from 0 to 65535, but is 70000",
            "6:29: an item of refused_ports must be a whole number from 0 to 65535, but is \"x\"",
            "6:32: an item of refused_ports must be from 1 to 65535",
            "7:1: server must be a section of keys, but is a list",
            "8:11: level must be critical, error, warning, info, diagnostic or debug, but is \"loud\"",
            "8:24: switch_time must be a time of day as HH:MM:SS",
            "8:47: path must be text, but is 7; put it in quotes",
            "10:3: an item of peer_groups must be a section of keys, but is \"foo\"",
            "11:3: name must be text, but is 7; put it in quotes",
            "12:3: cidr_list must be a list, such as [one, two]",
        ],
    );
    wrong(
        "server:\n  listen:\n  -\n  - 80\n  admin_listen: here\n",
        &[
            "4:5: an item of listen must be an address with a port, such as 0.0.0.0:80 or [::]:80, but is 80",
            "5:3: admin_listen must be an address with a port, such as",
        ],
    );
}

#[test]
fn ranges() {
    let zero = |section: &str, key: &str| {
        wrong(
            &format!("{section}:\n  {key}: 0\n"),
            &[&format!("2:3: {key} is 0, but must be ")],
        );
    };
    for key in ["max_connections", "request_timeout", "idle_timeout"] {
        zero("server", key);
    }
    for key in [
        "max_peers",
        "max_peers_per_address",
        "numwant",
        "max_scrape",
    ] {
        zero("tracker", key);
    }
    for key in ["refresh_interval", "peers_expiry_interval", "timeout"] {
        zero("forwarded_announce", key);
    }
    for key in ["threads", "max_pending", "per_host"] {
        zero("workers", key);
    }
    zero("database", "flush_interval");
    zero("hashlist", "min_peers");
    good("tracker: {min_interval: 0, enough_peers: 0, outside_peers: 0}\nlogging: {keep_files: 0}");
    wrong(
        "workers: {threads: 1001}",
        &["1:11: threads is 1001, but must be from 1 to 1000"],
    );
    wrong(
        "logging: {path: ''}",
        &["1:11: path is empty, but must be a path"],
    );
}

#[test]
fn contradictions() {
    wrong(
        "tracker:\n  interval: 1800\n  min_interval: 4000\n  numwant: 300\n  interval: 0\n\
         server:\n  listen: ['[::]:80', '[::]:80']\n  admin_listen: '[::1]:80'\n\
         \x20 client_address_headers: ['X Y']\n\
         database:\n  password: a\n  password_file: /nowhere/b\n  schema: ''\n",
        &[
            "3:3: min_interval is 4000, but must not be above interval, which is 1800",
            "4:3: numwant is 300, but must not be above max_numwant, which is 200",
            "5:3: \"interval\" stands here a second time; it is already in line 2",
            "7:23: listen names [::]:80 twice",
            "8:3: admin_listen is [::1]:80, but [::]:80 is in listen",
            "9:28: an item of client_address_headers must be the name of a header",
            "12:3: password_file stands beside password",
            "12:3: password_file \"/nowhere/b\" cannot be read: ",
            "13:3: schema is empty",
        ],
    );
    wrong("server:\n  listen:\n  -\n", &["2:3: listen is empty"]);
}

#[test]
fn groups_neighbors_and_trackers_fit_together() {
    wrong(
        "peer_groups:\n- name: a\n  visible_to: [b, other, c]\n- name: b\n- name: a\n- name: other\n\
         - name: \"x\\ey\"\n  cidr_file: nowhere.conf\n- priority: 1\n",
        &[
            "3:26: visible_to names \"c\", but there is no such peer group",
            "5:3: there is already a peer group called \"a\"",
            "6:3: a peer group cannot be called other",
            "7:3: the name of a peer group must have at most 100 characters",
            "8:3: cidr_file \"/etc/btrt/nowhere.conf\" cannot be read: ",
            "9:3: a peer group needs a name",
        ],
    );
    wrong(
        "neighbors:\n- {name: n, announce_request: 'http://h/a'}\n\
         - {name: n, announce_request: 'ftp://h/{info_hash}'}\n\
         - {name: o, announce_request: 'http:///{info_hash}', refresh_interval: 0}\n\
         - {name: p, announce_request: \"http://h/{info_hash} HTTP/1.1\\r\\n\"}\n",
        &[
            "2:13: announce_request must have {info_hash} where the torrent's hash goes",
            "3:4: there is already a neighbor called \"n\"",
            "3:13: announce_request must be an http://, https:// or udp:// URL",
            "4:13: announce_request must be an http://",
            "4:54: refresh_interval is 0, but must be at least 1",
            "5:13: announce_request must be an http://",
        ],
    );
    wrong(
        "forwarded_announce:\n  trackers:\n  - {host: 'http://x', mode: often}\n  - {mode: never, share: false}\n\
         \x20 allow_target_ports: [90-80, '+1']\n  local_names: [a b]\n",
        &[
            "3:6: host must be a host name such as tracker.example.org",
            "3:24: mode must be always, if_needed or never, but is \"often\"",
            "4:5: an item of trackers needs a host",
            "4:6: mode is never beside share: false",
            "5:24: an item of allow_target_ports must be a port such as 80",
            "5:31: an item of allow_target_ports must be a port such as 80",
            "6:17: an item of local_names must be a host name",
        ],
    );
}

#[test]
fn a_flood_of_faults_is_counted() {
    for line in ["- {}\n", "- x\n", "- {a: 1}\n", "- {cidr_list: 1}\n"] {
        let text = format!("peer_groups:\n{}", line.repeat(20_000));
        let faults = read(&text).unwrap_err();
        assert!(faults.iter().count() <= fault::MOST_REPORTED + 1);
    }
    let groups = "- {name: a}\n".repeat(65_001);
    wrong(
        &format!("peer_groups:\n{groups}"),
        &["1:1: there are 65001 peer groups, but must not be more than 65000"],
    );
    let nulls = format!("peer_groups: [{}]", "~,".repeat(300_000));
    assert!(good(&nulls).peer_groups.is_empty());
}
