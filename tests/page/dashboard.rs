//! The Grafana dashboard in `conf` and the metrics that it is drawn from.

use crate::harness::{DEADLINE, Daemon, Process, leecher, wait_until};
use crate::send_traffic;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use tempfile::TempDir;

fn dashboard() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/conf/grafana-dashboard.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).expect("the dashboard is JSON")
}

/// All PromQL in the dashboard.
fn expressions(dashboard: &Value) -> Vec<&str> {
    let panels = dashboard["panels"].as_array().expect("panels");
    panels
        .iter()
        .filter_map(|panel| panel["targets"].as_array())
        .flatten()
        .map(|target| target["expr"].as_str().expect("an expression"))
        .collect()
}

/// Names that could be metrics: the daemon's own and those that every process may have.
fn metrics_in(expression: &str) -> impl Iterator<Item = &str> {
    expression
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("btrt_") || word.starts_with("process_"))
}

/// A daemon that has something to tell of everything: a database, a neighbor and an external
/// tracker that are away, and traffic.
fn busy_daemon() -> Daemon {
    let settings = crate::settings().database("url: 'sqlite:peers'").section(
        "neighbors: [{name: away, announce_request: 'http://127.0.0.1:1/{info_hash}'}]\n\
             forwarded_announce: {allow_from: [127.0.0.1], allow_private_targets: [127.0.0.1], \
             allow_target_ports: ['1']}",
    );
    let daemon = Daemon::start(&settings);
    send_traffic(&daemon);
    let forwarded = leecher(77).in_swarm(b"another of 20 bytes.").query();
    let target = format!("/forwarded_announce/http/127.0.0.1:1/announce?{forwarded}");
    daemon.connect().get(&target);
    daemon
}

#[test]
fn the_dashboard_is_drawn_from_metrics_that_exist() {
    let dashboard = dashboard();
    let variables = dashboard["templating"]["list"]
        .as_array()
        .expect("variables");
    let queries = variables
        .iter()
        .filter_map(|one| one["definition"].as_str());
    let named: BTreeSet<&str> = expressions(&dashboard)
        .into_iter()
        .chain(queries)
        .flat_map(metrics_in)
        .collect();
    assert!(named.len() > 20, "{named:?}");
    let daemon = busy_daemon();
    let metrics = || String::from_utf8(daemon.admin().get("/metrics").body).unwrap();
    wait_until("the external tracker to have failed", || {
        metrics().contains("btrt_external_failed_total")
    });
    let metrics = metrics();
    let told = metrics.lines().map(|line| line.split(['{', ' ']).next());
    let told: BTreeSet<&str> = told.flatten().collect();
    assert_eq!(named.difference(&told).next(), None, "{metrics}");
}

/// Prometheus itself reads the expressions, as if they were rules.
#[test]
fn the_dashboard_speaks_promql() {
    let dashboard = dashboard();
    let rules: Vec<Value> = expressions(&dashboard)
        .into_iter()
        .enumerate()
        .map(|(number, expression)| {
            let expression = expression
                .replace("$__rate_interval", "1m")
                .replace("$__range", "1h");
            json!({"record": format!("panel:{number}"), "expr": expression})
        })
        .collect();
    let rules = json!({"groups": [{"name": "dashboard", "rules": rules}]});
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("rules.yml"); // JSON is YAML, too
    fs::write(&file, rules.to_string()).unwrap();
    let mut command = Command::new("promtool");
    let mut promtool = Process::start(command.args(["check", "rules"]).arg(&file));
    assert!(promtool.wait_for_exit(DEADLINE).success());
}

/// Without a unit an axis is only numbers, and a panel with a data source of its own would be empty
/// for everybody else.
#[test]
fn every_panel_has_a_unit_and_the_chosen_data_source() {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().expect("panels");
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        let unit = &panel["fieldConfig"]["defaults"]["unit"];
        assert!(unit.is_string(), "{}", panel["title"]);
        for target in panel["targets"].as_array().expect("targets") {
            assert_eq!(
                target["datasource"]["uid"], "${datasource}",
                "{}",
                panel["title"]
            );
            let expression = target["expr"].as_str().expect("an expression");
            assert!(
                expression.contains("instance=~\"$instance\""),
                "{expression}"
            );
        }
    }
}
