//! `/explain`, `btrt explain` and `/torrents/HEX`: what operators are told of single clients and
//! torrents.

use crate::harness::{
    Daemon, Run, Settings, leecher, let_clock_go_on, network_of, seeder, subscriber, wait_until,
};
use serde_json::Value;
use std::fs;
use std::time::Duration;

/// The swarm of announces that name none.
const SWARM: &str = "6120737761726d206f662032302062797465732e";

fn get(daemon: &Daemon, target: &str) -> Value {
    let answer = daemon.admin().get(target);
    assert_eq!(answer.status, 200, "{target}: {answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    serde_json::from_slice(&answer.body).expect("what is said to be JSON is JSON")
}

fn explain(daemon: &Daemon, rest: &str) -> Value {
    get(daemon, &format!("/explain?info_hash={SWARM}&{rest}"))
}

/// So many peers of each network, every third a seeder.
fn fill(daemon: &Daemon, counts: [u32; 3]) {
    for (network, count) in (1..).zip(counts) {
        for number in 0..count {
            let name = u32::from(network) * 1000 + number;
            let announce = match number % 3 {
                2 => seeder(name),
                _ => leecher(name),
            };
            daemon.announce_from(subscriber(network, number), &announce);
        }
    }
}

fn field<'a>(value: &'a Value, path: &str) -> Vec<&'a Value> {
    let peers = value["peers"].as_array().expect("a list of peers");
    peers.iter().map(|peer| &peer[path]).collect()
}

#[test]
fn a_client_is_given_what_was_explained() {
    let daemon = Daemon::start(&Settings::with_two_groups().with_admin());
    fill(&daemon, [21, 100, 50]);
    let explained = explain(&daemon, "ip=127.1.0.1");
    assert_eq!(explained["group"], "local");
    assert_eq!(explained["priority"], 0);
    assert_eq!(explained["note"], Value::Null);
    let priorities = field(&explained, "priority");
    // 20 local peers beside the client, then partners, and four of the rest of the world.
    assert_eq!(priorities.len(), 50);
    assert!(priorities[..20].iter().all(|one| **one == 0));
    assert!(priorities[20..46].iter().all(|one| **one == 1));
    assert!(priorities[46..].iter().all(|one| one.is_null()));
    assert!(field(&explained, "ip").iter().all(|ip| **ip != "127.1.0.1"));
    let given = daemon.announce_from([127, 1, 0, 1], &leecher(1000)).peers();
    let given: Vec<_> = given
        .iter()
        .map(|peer| u64::from(network_of(peer)))
        .collect();
    let explained = priorities
        .iter()
        .map(|one| one.as_u64().map_or(3, |one| one + 1));
    assert_eq!(given, explained.collect::<Vec<_>>());

    let few = explain(&daemon, "ip=127.3.0.1&numwant=3&seeder=1");
    assert_eq!(few["group"], "other");
    assert_eq!(few["priority"], Value::Null);
    assert_eq!(field(&few, "seeder"), [false; 3]);
    let stranger = explain(&daemon, "ip=2001:db8::7&numwant=500");
    assert_eq!(stranger["peers"].as_array().unwrap().len(), 125);
}

#[test]
fn asking_changes_nothing() {
    let daemon = Daemon::start(&Settings::with_two_groups().with_admin());
    fill(&daemon, [5, 5, 5]);
    let torrent = || {
        let mut torrent = get(&daemon, &format!("/torrents/{SWARM}"));
        let peers = torrent["peers"].as_array_mut().unwrap();
        let ages: Vec<_> = peers.iter_mut().map(|peer| peer["age"].take()).collect();
        (torrent, ages)
    };
    let (before, ages) = torrent();
    let_clock_go_on(Duration::from_secs(1));
    for ip in ["127.1.0.1", "127.1.0.200", "2001:db8::1"] {
        explain(&daemon, &format!("ip={ip}"));
    }
    let (after, later) = torrent();
    assert_eq!(before, after);
    for (age, later) in ages.iter().zip(&later) {
        assert!(later.as_u64() > age.as_u64(), "nobody has announced");
    }
    let unknown = "00".repeat(20);
    let nobody = get(
        &daemon,
        &format!("/explain?info_hash={unknown}&ip=127.1.0.1"),
    );
    assert_eq!(nobody["peers"], Value::Array(Vec::new()));
    assert_eq!(
        daemon.admin().get(&format!("/torrents/{unknown}")).status,
        404
    );
}

#[test]
fn what_makes_no_sense_is_named() {
    let daemon = Daemon::start(&Settings::default().with_admin());
    let mut admin = daemon.admin();
    for (target, named) in [
        ("/explain".to_owned(), "info_hash"),
        (format!("/explain?info_hash={SWARM}"), "ip"),
        ("/explain?ip=127.0.0.1&info_hash=00".to_owned(), "40 hex"),
        (format!("/explain?info_hash={SWARM}&ip=host"), "ip"),
        (
            format!("/explain?info_hash={SWARM}&ip=::1&numwant=x"),
            "numwant",
        ),
        (
            format!("/explain?info_hash={SWARM}&ip=::1&seeder=2"),
            "seeder",
        ),
        (
            format!("/explain?info_hash={SWARM}&ip=::1&tracker=x"),
            "tracker",
        ),
        ("/torrents/00".to_owned(), "40 hex"),
        ("/torrents/".to_owned(), "40 hex"),
        (format!("/torrents/{SWARM}/"), "40 hex"),
    ] {
        let answer = admin.get(&target);
        assert_eq!(answer.status, 400, "{target}");
        let text = String::from_utf8(answer.body).unwrap();
        assert!(text.contains(named), "{target}: {text}");
    }
}

#[test]
fn a_torrent_is_shown_with_a_bounded_number_of_peers() {
    let daemon = Daemon::start(&Settings::with_two_groups().with_admin());
    fill(&daemon, [400, 3, 700]);
    daemon.announce_from([127, 2, 0, 1], &seeder(2000).event("completed"));
    let torrent = get(&daemon, &format!("/torrents/{}", SWARM.to_uppercase()));
    assert_eq!(torrent["info_hash"], SWARM);
    let count = |key: &str| torrent[key].as_u64().unwrap();
    assert_eq!(count("seeders") + count("leechers"), 1103);
    assert_eq!((count("seeders"), count("completed")), (133 + 2 + 233, 1));
    let groups = torrent["groups"].as_array().unwrap();
    let groups: Vec<_> = groups
        .iter()
        .map(|group| {
            (
                group["name"].as_str().unwrap(),
                group["peers"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(groups, [("local", 400), ("partner", 3), ("other", 700)]);
    let peers = torrent["peers"].as_array().unwrap();
    assert_eq!((peers.len(), count("peers_left_out")), (1000, 103));
    assert!(peers[..400].iter().all(|peer| peer["group"] == "local"));
    let partner = peers.iter().find(|peer| peer["ip"] == "127.2.0.1").unwrap();
    assert_eq!(partner["port"], 12_000);
    assert_eq!(partner["origin"], "announced");
    assert_eq!(partner["seeder"], true);
    assert!(partner.get("id").is_none() && partner.get("peer_id").is_none());
}

/// `btrt explain` with a configuration that names the daemon's admin address.
fn command(daemon: &Daemon, arguments: &[&str]) -> Run {
    let file = daemon.folder().join("client.conf");
    let address = daemon.admin_address();
    fs::write(&file, format!("server: {{admin_listen: '{address}'}}\n"))
        .expect("the folder is ours");
    let file = file.to_str().expect("an ASCII path");
    let all: Vec<_> = ["explain", "-c", file]
        .iter()
        .chain(arguments)
        .copied()
        .collect();
    Run::of(&all)
}

#[test]
fn the_command_prints_a_table() {
    let mut daemon = Daemon::start(&Settings::with_two_groups().with_admin());
    fill(&daemon, [3, 1, 1]);
    let question = ["--info-hash", SWARM, "--ip", "127.1.0.1"];
    let run = command(&daemon, &question);
    assert_eq!((run.code, &*run.errors), (Some(0), ""));
    let lines: Vec<_> = run.output.lines().collect();
    assert_eq!(lines[0], "127.1.0.1 is in the group local, priority 0");
    let columns = |line: &str| {
        line.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let rows: Vec<_> = lines[4..].iter().map(|line| columns(line)).collect();
    assert_eq!(rows.len(), 4);
    assert_eq!(
        rows[2][1..5],
        ["127.2.0.1:12000", "partner", "1", "announced"]
    );
    assert_eq!(
        rows[3][1..5],
        ["127.3.0.1:13000", "other", "last", "announced"]
    );
    let run = command(&daemon, &[&question[..], &["--json", "--seeder"]].concat());
    let json: Value = serde_json::from_str(&run.output).unwrap();
    assert_eq!(
        json["peers"].as_array().unwrap().len(),
        3,
        "one local seeder is left out"
    );
    let run = command(&daemon, &[&question[..], &["--tracker", "x"]].concat());
    assert_eq!(run.code, Some(1));
    assert!(
        run.errors.contains("tracker is no announce URL"),
        "{}",
        run.errors
    );
    let run = command(&daemon, &["--ip", "127.1.0.1"]);
    assert_eq!(run.code, Some(2));
    assert!(run.errors.contains("--info-hash"), "{}", run.errors);

    let address = daemon.admin_address().to_string();
    daemon.signal(nix::sys::signal::Signal::SIGTERM);
    daemon.wait_for_exit(crate::harness::DEADLINE);
    wait_until("nobody to listen", || {
        let run = command(&daemon, &question);
        run.code == Some(1) && run.errors.contains("does it run") && run.errors.contains(&address)
    });
}
