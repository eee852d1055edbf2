//! The figures that operators see, compared with what was sent and answered.

use crate::harness::{
    Daemon, Settings, count_by_network, leecher, scrape_target, seeder, subscriber, wait_until,
};
use serde_json::{Value, json};
use std::net::SocketAddr;

/// The group of this name.
fn group<'a>(stats: &'a Value, name: &str) -> &'a Value {
    let groups = stats["groups"].as_array().expect("groups are a list");
    let found = groups.iter().find(|group| group["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {groups:?}"))
}

#[test]
fn every_figure_is_what_was_sent_and_answered() {
    let daemon = Daemon::start(&Settings::with_two_groups().with_admin());
    let empty = daemon.stats();
    assert_eq!(empty["inside_share"], Value::Null);
    assert_eq!(empty["answer_seconds"], json!({"p50": null, "p99": null}));

    let mut given: Vec<SocketAddr> = Vec::new();
    let mut announces = 0;
    for network in 1..=3 {
        for number in 0..u32::from(network) * 5 {
            let source = subscriber(network, number);
            let number = u32::from(network) * 100 + number;
            for announce in [leecher(number), seeder(number).event("completed")] {
                given.extend(daemon.announce_from(source, &announce).peers());
                announces += 1;
            }
        }
    }
    // Peers that are told of in dictionaries count as well, those of others do not.
    let other = leecher(900).in_swarm(b"another swarm, empty");
    daemon.announce_from(subscriber(1, 200), &other);
    daemon.announce_from(subscriber(1, 200), &other.clone().event("stopped"));
    announces += 2;
    daemon.scrape(&leecher(1).scrape_target());
    daemon.scrape(&scrape_target(&[b"another swarm, empty"]));
    let mut client = daemon.connect();
    assert!(client.scrape("/announce?peer_id=x").failure().is_some());
    assert!(client.scrape("/scrape").failure().is_some());

    let stats = daemon.stats();
    let [local, partner, rest] = count_by_network(&given);
    assert!(local > 0 && partner > 0 && rest > 0);
    for (name, priority, peers, handed_out) in [
        ("local", json!(0), 5, local),
        ("partner", json!(1), 10, partner),
        ("other", Value::Null, 15, rest),
    ] {
        let expected = json!({
            "name": name, "priority": priority, "inside": name == "local", "peers": peers,
            "handed_out": handed_out, "handed_out_last_hour": handed_out,
        });
        assert_eq!(group(&stats, name), &expected);
    }
    let names: Vec<_> = stats["groups"].as_array().expect("a list").iter().collect();
    let names: Vec<_> = names.iter().map(|group| &group["name"]).collect();
    assert_eq!(names, ["local", "partner", "other"]);
    let share = local as f64 / given.len() as f64;
    assert_eq!(stats["inside_share"], json!(share));
    for (key, expected) in [
        ("version", json!(env!("CARGO_PKG_VERSION"))),
        ("torrents", json!(1)),
        ("peers", json!(30)),
        ("seeders", json!(30)),
        ("leechers", json!(0)),
        ("connections", json!(1)),
        ("announces", json!(announces)),
        ("scrapes", json!(2)),
        ("full_scrapes", json!(0)),
        ("forwarded", json!(0)),
        ("refused", json!(2)),
        ("handed_out_to_neighbors", json!(0)),
        ("former_groups", json!([])),
        ("neighbors", json!([])),
        (
            "database",
            json!({"kind": "none", "state": "off", "rows_written": 0, "rows_refused": 0}),
        ),
        (
            "history",
            json!({
                "hour": {"step": 60, "announces": [], "inside_share": [], "answer_p99": []},
                "day": {"step": 900, "announces": [], "inside_share": [], "answer_p99": []},
            }),
        ),
    ] {
        assert_eq!(stats[key], expected, "{key}");
    }
    assert_eq!(stats["external"]["trackers"], json!([]));
    let [p50, p99] = ["p50", "p99"].map(|key| {
        let seconds = &stats["answer_seconds"][key];
        seconds.as_f64().expect("announces were answered")
    });
    assert!(p50 >= 0.00001 && p50 <= p99, "{p50}, {p99}");

    let metrics = daemon.metrics();
    for (name, expected) in [
        ("btrt_build_info{version=\"3.0.0\"}", 1),
        ("btrt_torrents", 1),
        ("btrt_seeders", 30),
        ("btrt_peers{group=\"partner\"}", 10),
        ("btrt_group_inside{group=\"local\"}", 1),
        ("btrt_group_inside{group=\"partner\"}", 0),
        ("btrt_peers_handed_out_total{group=\"local\"}", local),
        ("btrt_peers_handed_out_total{group=\"partner\"}", partner),
        ("btrt_peers_handed_out_total{group=\"other\"}", rest),
        ("btrt_announces_total", announces),
        ("btrt_scrapes_total", 2),
        ("btrt_refused_total", 2),
        ("btrt_connections", 1),
        ("btrt_answer_seconds_count{kind=\"announce\"}", announces),
        (
            "btrt_answer_seconds_bucket{kind=\"announce\",le=\"+Inf\"}",
            announces,
        ),
        ("btrt_answer_seconds_count{kind=\"scrape\"}", 2),
        ("btrt_answer_seconds_count{kind=\"forwarded\"}", 0),
    ] {
        assert_eq!(metrics.get(name), expected as f64, "{name}");
    }
    assert!(metrics.get("btrt_answer_seconds_sum{kind=\"announce\"}") > 0.0);
    assert!(metrics.get("process_resident_memory_bytes") > 1e6);
    let started = metrics.get("process_start_time_seconds");
    let now = stats["time"].as_f64().expect("a number");
    assert!((0.0..60.0).contains(&(now - started)), "{started}, {now}");
    metrics.check();
    drop(client);
}

/// Dictionaries and IPv6 go other ways than the usual answer.
#[test]
fn peers_count_in_whatever_form_they_are_given() {
    let settings = Settings::default()
        .listen(&["127.0.0.1:0", "[::1]:0"])
        .with_admin()
        .group("name: six, priority: 0, cidr_list: ['::1']");
    let daemon = Daemon::start(&settings);
    let mut six = crate::harness::Client::connect(daemon.addresses()[1]);
    assert_eq!(six.announce(&leecher(1)).peers6().len(), 0);
    assert_eq!(six.announce(&leecher(2)).peers6().len(), 1);
    daemon.announce(&leecher(3).set("compact", 0).set("numwant", 5));
    let stats = daemon.stats();
    assert_eq!(group(&stats, "six")["handed_out"], 3);
    assert_eq!(stats["inside_share"], 1.0);
}

#[test]
fn the_operator_says_where_the_own_network_ends() {
    let settings = Settings::with_two_groups().with_admin();
    let daemon = Daemon::start(&settings.clone().section("hashlist: {max_priority: 1}"));
    daemon.announce_from(subscriber(2, 1), &leecher(1));
    daemon.announce_from(subscriber(1, 1), &leecher(2));
    let stats = daemon.stats();
    assert_eq!(group(&stats, "partner")["inside"], true);
    assert_eq!(stats["inside_share"], 1.0);
    daemon.reload(&settings);
    wait_until("the partner to be outside", || {
        group(&daemon.stats(), "partner")["inside"] == false
    });
    assert_eq!(daemon.stats()["inside_share"], 1.0, "it was inside then");
    // One peer of each group, that of the own network inside.
    daemon.announce_from(subscriber(3, 1), &leecher(3));
    assert_eq!(daemon.stats()["inside_share"], json!(2.0 / 3.0));
}

#[test]
fn a_group_that_is_renamed_keeps_its_count_under_its_old_name() {
    let local = "priority: 0, cidr_list: ['127.1.0.0/16']";
    let with = |name: &str| {
        let settings = Settings::default().with_admin();
        settings.group(&format!("name: {name}, {local}"))
    };
    let daemon = Daemon::start(&with("before"));
    let ask = |number| daemon.announce_from(subscriber(1, number), &leecher(number));
    (0..3).for_each(|number| assert_eq!(ask(number).peers().len(), number as usize));
    daemon.reload(&with("after"));
    let has = |stats: &Value, name: &str| {
        let groups = stats["groups"].as_array().expect("a list");
        groups.iter().any(|group| group["name"] == name)
    };
    wait_until("the new name", || has(&daemon.stats(), "after"));
    wait_until("all peers to have it", || {
        group(&daemon.stats(), "after")["peers"] == 3
    });
    ask(0);
    let stats = daemon.stats();
    assert!(!has(&stats, "before"));
    assert_eq!(
        stats["former_groups"],
        json!([{"name": "before", "handed_out": 3}])
    );
    assert_eq!(group(&stats, "after")["handed_out"], 2);
    let metrics = daemon.metrics();
    let of = |name: &str| metrics.get(&format!("btrt_peers_handed_out_total{{group=\"{name}\"}}"));
    assert_eq!((of("before"), of("after"), of("other")), (3.0, 2.0, 0.0));
    metrics.check();
    daemon.reload(&with("before"));
    wait_until("the old name", || has(&daemon.stats(), "before"));
    wait_until("all peers to have it again", || {
        group(&daemon.stats(), "before")["peers"] == 3
    });
    ask(0);
    assert_eq!(group(&daemon.stats(), "before")["handed_out"], 5);
}

#[test]
fn names_may_hold_anything() {
    let name = r#""a \"quoted\" \\ {name}, é""#;
    let long = "l".repeat(100);
    let mut settings = Settings::default().with_admin();
    for (name, priority) in [(name, 0), (&long, 1)] {
        settings = settings.group(&format!("name: {name}, priority: {priority}"));
    }
    for number in 2..20 {
        settings = settings.group(&format!("name: g{number}, priority: {number}"));
    }
    let daemon = Daemon::start(&settings);
    let stats = daemon.stats();
    assert_eq!(stats["groups"].as_array().map(Vec::len), Some(21));
    assert_eq!(stats["groups"][0]["name"], "a \"quoted\" \\ {name}, é");
    let metrics = daemon.metrics();
    assert!(metrics.has(r#"btrt_peers{group="a \"quoted\" \\ {name}, é"}"#));
    metrics.check();
}

#[test]
fn the_busiest_torrents_are_found_by_the_sweep() {
    // A pass of the sweep takes an eighth of that.
    let settings = Settings::default().tracker("peer_expiry_interval: 16");
    let daemon = Daemon::start(
        &settings
            .tracker("interval: 8\n  min_interval: 1")
            .with_admin(),
    );
    let hash = |torrent: u8| [torrent; 20];
    for torrent in 1..=25 {
        for peer in 0..u32::from(torrent) {
            let announce = if peer == 0 {
                seeder(500).event("completed")
            } else {
                leecher(peer)
            };
            daemon.announce(&announce.in_swarm(&hash(torrent)));
        }
    }
    wait_until("a pass of the sweep", || {
        daemon.stats()["busiest"][0]["leechers"] == 24
    });
    let stats = daemon.stats();
    let busiest = stats["busiest"].as_array().expect("a list");
    let expected: Vec<_> = (6..=25)
        .rev()
        .map(|torrent| {
            json!({
                "info_hash": format!("{torrent:02x}").repeat(20),
                "seeders": 1, "leechers": torrent - 1, "completed": 1,
            })
        })
        .collect();
    assert_eq!(busiest, &expected);
}

#[test]
fn the_database_is_shown_as_it_is() {
    let settings = Settings::default().with_admin();
    let settings = settings.database("url: 'sqlite:btrt.sqlite', flush_interval: 1");
    let daemon = Daemon::start(&settings);
    daemon.announce(&leecher(1));
    wait_until("the rows to be written", || {
        daemon.stats()["database"]
            == json!({"kind": "sqlite", "state": "up", "rows_written": 2, "rows_refused": 0})
    });
    let metrics = daemon.metrics();
    assert_eq!(metrics.get("btrt_database_up"), 1.0);
    assert_eq!(metrics.get("btrt_database_rows_written_total"), 2.0);
    metrics.check();
}
