//! What operators see of neighbors and external trackers, compared with what was asked.

use crate::harness::{Daemon, Run, leecher, wait_until};
use crate::server::Server;
use crate::{by_path_to, forward, forward_to, said, said_with, settings, with_targets};
use serde_json::{Value, json};
use std::net::TcpListener;

/// A port at which nobody listens.
fn refusing() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

#[test]
fn external_trackers_are_told_apart_by_host_and_never_by_path() {
    let keys = ", trackers: [{host: 'localhost', mode: always}]";
    let daemon = Daemon::start(&with_targets("[127.0.0.0/8]", keys).with_admin());
    let answering = Server::answering(said());
    let refused = Server::answering("d14:failure reason2:noe");
    let dead = refusing();
    // The second client gets what the first has brought, and asks again where nothing came.
    for number in [1, 2] {
        let path = |tracker| by_path_to(&format!("{tracker}/secret/announce"), &leecher(number));
        forward_to(&daemon, &path(answering.address));
        forward_to(&daemon, &path(dead));
    }
    forward(&daemon, refused.address, &leecher(3));
    forward(&daemon, refused.address, &leecher(4));
    let always = format!("localhost:{}/k3y/announce", answering.address.port());
    forward_to(&daemon, &by_path_to(&always, &leecher(5)));

    let stats = daemon.stats();
    let external = &stats["external"];
    let tracker = |host: &str, asked, answered, refused, failed| {
        json!({
            "host": host, "asked": asked, "answered": answered, "refused": refused,
            "failed": failed, "paused_seconds": 0,
        })
    };
    let mut expected = vec![
        tracker(&answering.address.to_string(), 1, 1, 0, 0),
        tracker(&dead.to_string(), 2, 0, 0, 2),
        tracker(&refused.address.to_string(), 1, 1, 1, 0),
        tracker(
            &format!("localhost:{}", answering.address.port()),
            1,
            1,
            0,
            0,
        ),
    ];
    expected.sort_by_key(|one| {
        let asked = one["asked"].as_u64().unwrap();
        (std::cmp::Reverse(asked), one["host"].to_string())
    });
    assert_eq!(external["trackers"], json!(expected));
    assert_eq!(external["trackers_known"], 4);
    for (key, expected) in [
        ("asked", json!(5)),
        ("answered", json!(3)),
        ("refused", json!(1)),
        ("failed", json!({"connect": 2})),
        ("shared", json!(0)),
        ("declined", json!(0)),
    ] {
        assert_eq!(external[key], expected, "{key}");
    }
    assert_eq!(
        (&stats["forwarded"], &stats["announces"]),
        (&json!(7), &json!(7))
    );
    let metrics = daemon.metrics();
    for (name, expected) in [
        ("btrt_external_asked_total", 5.0),
        ("btrt_external_answered_total", 3.0),
        ("btrt_external_refused_total", 1.0),
        ("btrt_external_failed_total{reason=\"connect\"}", 2.0),
        ("btrt_external_trackers", 4.0),
        ("btrt_forwarded_total", 7.0),
        // Those that waited and those that did not.
        ("btrt_answer_seconds_count{kind=\"forwarded\"}", 7.0),
        ("btrt_answer_seconds_count{kind=\"announce\"}", 0.0),
    ] {
        assert_eq!(metrics.get(name), expected, "{name}");
    }
    metrics.check();
    let shown = stats.to_string() + &metrics.text;
    assert!(
        !shown.contains("secret") && !shown.contains("k3y"),
        "{shown}"
    );
    assert!(!metrics.text.contains("localhost"), "hosts are no labels");
}

#[test]
fn peers_of_external_trackers_count_in_the_group_of_their_address() {
    let peers = ["127.1.0.1:7", "127.2.0.1:7", "127.2.0.2:7", "8.8.8.8:7"];
    let keys = ", trackers: [{host: 'localhost', share: false}]";
    let daemon = Daemon::start(&with_targets("[127.0.0.0/8]", keys).with_admin());
    let tracker = Server::answering(said_with(&peers, ""));
    let handed_out = || {
        let stats = daemon.stats();
        let groups = stats["groups"].as_array().unwrap().clone();
        let counts = groups
            .iter()
            .map(|group| group["handed_out"].as_u64().unwrap());
        counts.collect::<Vec<_>>()
    };
    forward(&daemon, tracker.address, &leecher(1));
    assert_eq!(handed_out(), [1, 2, 1]);
    // What a private tracker says is passed on as it is.
    let private = format!("localhost:{}/announce", tracker.address.port());
    forward_to(
        &daemon,
        &by_path_to(&private, &leecher(2).set("numwant", 3)),
    );
    assert_eq!(handed_out(), [2, 4, 1]);
}

#[test]
fn a_crowd_of_made_up_trackers_stays_bounded() {
    let keys = ", trackers: [{host: '*', mode: always}]";
    let daemon = Daemon::start(&settings(keys).with_admin());
    let mut platform = crate::platform(&daemon);
    let label = "x".repeat(60);
    for number in 0..1_100 {
        // Nobody waits for what is told of a client that stops.
        let host = format!("n{number}.{label}.{label}.{label}.invalid");
        let stopped = leecher(number).event("stopped");
        assert_eq!(platform.get(&by_path_to(&host, &stopped)).status, 200);
    }
    let answer = daemon.admin().get("/stats.json");
    assert!(answer.body.len() < 100_000, "{} bytes", answer.body.len());
    let stats: Value = serde_json::from_slice(&answer.body).unwrap();
    let external = &stats["external"];
    assert_eq!(external["asked"], 1_100);
    assert_eq!(external["trackers"].as_array().map(Vec::len), Some(200));
    assert_eq!(external["trackers_known"], 1_024);
    assert!(daemon.metrics().text.len() < 20_000);
    // The table for people shows a few, whatever their names.
    let file = daemon.folder().join("status.conf");
    let asked = settings(keys).admin_listen(&daemon.admin_address().to_string());
    std::fs::write(&file, asked.to_yaml(daemon.folder())).unwrap();
    let run = Run::of(&["status", "-c", file.to_str().unwrap()]);
    assert_eq!(run.code, Some(0), "{}", run.errors);
    assert!(run.output.contains("and 1014 more"), "{}", run.output);
    let widest = run.output.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(120), "{}", run.output);
}

#[test]
fn neighbors_are_shown_by_name() {
    let answering = Server::answering(said());
    let dead = refusing();
    let neighbor = |name: &str, address| {
        format!(
            "{{name: {name}, accept_from: [127.5.0.1], announce_request: \
             'http://{address}/announce?info_hash={{info_hash}}'}}"
        )
    };
    let section = format!(
        "neighbors: [{}, {}]",
        neighbor("'the \"first\"'", answering.address),
        neighbor("second", dead)
    );
    let daemon = Daemon::start(
        &with_targets("[127.0.0.0/8]", "")
            .section(&section)
            .with_admin(),
    );
    let state = |place: usize| daemon.stats()["neighbors"][place]["state"].clone();
    assert_eq!(
        (state(0), state(1)),
        (json!("not asked yet"), json!("not asked yet"))
    );
    daemon.announce_from([127, 1, 0, 1], &leecher(1));
    wait_until("the neighbors to be asked", || {
        state(0) == "up" && state(1) == "down"
    });
    let stats = daemon.stats();
    assert_eq!(
        stats["neighbors"][0],
        json!({
            "name": "the \"first\"", "state": "up", "asked": 1, "answered": 1, "failed": 0,
            "peers": 2,
        })
    );
    assert_eq!(stats["neighbors"][1]["answered"], 0);
    assert_eq!(stats["external"]["asked"], 0, "neighbors are apart");
    assert_eq!(stats["external"]["trackers"], json!([]));
    // A neighbor's question is no traffic of subscribers.
    let before = stats["groups"].clone();
    let reply = daemon.announce_from([127, 5, 0, 1], &leecher(9));
    assert_eq!(reply.peers().len(), 1);
    let stats = daemon.stats();
    assert_eq!(stats["groups"], before);
    assert_eq!(stats["handed_out_to_neighbors"], 1);
    let metrics = daemon.metrics();
    let first = r#"{neighbor="the \"first\""}"#;
    for (name, expected) in [
        (format!("btrt_neighbor_up{first}"), 1.0),
        (format!("btrt_neighbor_asked_total{first}"), 1.0),
        (format!("btrt_neighbor_peers_total{first}"), 2.0),
        ("btrt_neighbor_up{neighbor=\"second\"}".to_owned(), 0.0),
        ("btrt_peers_handed_to_neighbors_total".to_owned(), 1.0),
    ] {
        assert_eq!(metrics.get(&name), expected, "{name}");
    }
    metrics.check();
}
