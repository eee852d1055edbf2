//! `/metrics`: the figures as Prometheus reads them (text format 0.0.4). Names and units follow its
//! conventions. Hosts of external trackers are no labels: whoever makes up names would fill the
//! server that collects them.

use super::stats::Stats;
use crate::process::Usage;
use crate::tracker::{AnswerTimes, Histogram};
use std::fmt::{Display, Write};

/// Writes all of it.
pub fn metrics(stats: &Stats, times: &AnswerTimes, usage: &Usage) -> String {
    let mut to = Exposition(String::new());
    to.family("btrt_build_info", "gauge", "Which version runs.");
    to.sample("btrt_build_info", &[("version", &stats.version)], 1);
    swarms(&mut to, stats);
    answers(&mut to, stats, times);
    upstream(&mut to, stats);
    database(&mut to, stats);
    process(&mut to, stats, usage);
    to.0
}

fn swarms(to: &mut Exposition, stats: &Stats) {
    to.gauge("btrt_torrents", "Torrents with peers.", stats.torrents);
    let help = "Peers with the whole content.";
    to.gauge("btrt_seeders", help, stats.seeders);
    let help = "Peers without the whole content.";
    to.gauge("btrt_leechers", help, stats.leechers);
    let name = "btrt_peers";
    to.family(name, "gauge", "Peers that have announced, by group.");
    for group in &stats.groups {
        to.sample(name, &[("group", &group.name)], group.peers);
    }
    let name = "btrt_group_inside";
    let help = "1 for groups that are the own network (hashlist.max_priority).";
    to.family(name, "gauge", help);
    for group in &stats.groups {
        to.sample(name, &[("group", &group.name)], u8::from(group.inside));
    }
    let name = "btrt_peers_handed_out_total";
    let help = "Peers that clients were given, by their group.";
    to.family(name, "counter", help);
    for group in &stats.groups {
        to.sample(name, &[("group", &group.name)], group.handed_out);
    }
    for group in &stats.former_groups {
        to.sample(name, &[("group", &group.name)], group.handed_out);
    }
    let name = "btrt_peers_handed_to_neighbors_total";
    let help = "Peers that neighbors were given.";
    to.counter(name, help, stats.handed_out_to_neighbors);
}

fn answers(to: &mut Exposition, stats: &Stats, times: &AnswerTimes) {
    let help = "Connections at the public listeners.";
    to.gauge("btrt_connections", help, stats.connections);
    let help = "Announces answered, forwarded ones included.";
    to.counter("btrt_announces_total", help, stats.announces);
    let help = "Scrapes answered, forwarded ones included, full ones not.";
    to.counter("btrt_scrapes_total", help, stats.scrapes);
    let help = "Scrapes of everything.";
    to.counter("btrt_full_scrapes_total", help, stats.full_scrapes);
    let help = "Announces and scrapes that were forwarded here.";
    to.counter("btrt_forwarded_total", help, stats.forwarded);
    let help = "Requests answered with a failure reason of our own.";
    to.counter("btrt_refused_total", help, stats.refused);
    let name = "btrt_answer_seconds";
    let help = "From reading requests to having answered them: the time of the loop's turn, or of \
                the wait for an external tracker.";
    to.family(name, "histogram", help);
    to.histogram(name, ("kind", "announce"), &times.announces);
    to.histogram(name, ("kind", "scrape"), &times.scrapes);
    to.histogram(name, ("kind", "forwarded"), &times.forwarded);
}

fn upstream(to: &mut Exposition, stats: &Stats) {
    let external = &stats.external;
    let help = "Requests to external trackers that were queued.";
    to.counter("btrt_external_asked_total", help, external.asked);
    let help = "Requests that external trackers answered, refusals included.";
    to.counter("btrt_external_answered_total", help, external.answered);
    let help = "Answers of external trackers that were a failure reason.";
    to.counter("btrt_external_refused_total", help, external.refused);
    let name = "btrt_external_failed_total";
    if !external.failed.is_empty() {
        let help = "Requests to external trackers without an answer, by reason.";
        to.family(name, "counter", help);
    }
    for (reason, count) in &external.failed {
        to.sample(name, &[("reason", reason)], count);
    }
    let help = "Clients that shared the request of another.";
    to.counter("btrt_external_shared_total", help, external.shared);
    let help = "Requests to external trackers that were not even queued.";
    to.counter("btrt_external_declined_total", help, external.declined);
    let help = "Time that workers have spent on external trackers.";
    to.counter(
        "btrt_external_fetch_seconds_total",
        help,
        external.took_seconds,
    );
    let help = "External trackers that there are figures for.";
    to.gauge("btrt_external_trackers", help, external.trackers_known);
    neighbors(to, stats);
}

fn neighbors(to: &mut Exposition, stats: &Stats) {
    if stats.neighbors.is_empty() {
        return;
    }
    let name = "btrt_neighbor_up";
    let help = "1 for neighbors that have answered the last question.";
    to.family(name, "gauge", help);
    for neighbor in &stats.neighbors {
        let is_up = u8::from(neighbor.state == "up");
        to.sample(name, &[("neighbor", &neighbor.name)], is_up);
    }
    type Figure = fn(&super::stats::Neighbor) -> u64;
    let figures: [(&str, &str, Figure); 4] = [
        ("asked", "Questions to neighbors.", |one| one.asked),
        ("answered", "Questions that neighbors answered.", |one| {
            one.answered
        }),
        (
            "failed",
            "Questions that neighbors did not answer.",
            |one| one.failed,
        ),
        ("peers", "Peers in all answers of neighbors.", |one| {
            one.peers
        }),
    ];
    for (what, help, figure) in figures {
        let name = format!("btrt_neighbor_{what}_total");
        to.family(&name, "counter", help);
        for neighbor in &stats.neighbors {
            to.sample(&name, &[("neighbor", &neighbor.name)], figure(neighbor));
        }
    }
}

fn database(to: &mut Exposition, stats: &Stats) {
    let database = &stats.database;
    if database.state == "off" {
        return;
    }
    let help = "1 as long as the database does what it is asked.";
    let is_up = u8::from(database.state == "up");
    to.gauge("btrt_database_up", help, is_up);
    let help = "Rows written to the database.";
    to.counter(
        "btrt_database_rows_written_total",
        help,
        database.rows_written,
    );
    let help = "Rows that the database refused for what is in them.";
    to.counter(
        "btrt_database_rows_refused_total",
        help,
        database.rows_refused,
    );
}

fn process(to: &mut Exposition, stats: &Stats, usage: &Usage) {
    let help = "When the process started, in seconds since 1970.";
    let start = stats.time.saturating_sub(stats.uptime);
    to.gauge("process_start_time_seconds", help, start);
    if let Some(seconds) = usage.processor_seconds {
        let help = "Processor time used, by user and system together.";
        to.counter("process_cpu_seconds_total", help, seconds);
    }
    if let Some(bytes) = usage.resident_bytes {
        let help = "Memory in use.";
        to.gauge("process_resident_memory_bytes", help, bytes);
    }
    if let Some(files) = usage.open_files {
        to.gauge(
            "process_open_fds",
            "Files and sockets that are open.",
            files,
        );
    }
}

/// The text in the making.
struct Exposition(String);

impl Exposition {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.write(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, "gauge", help);
        self.sample(name, &[], value);
    }

    fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, "counter", help);
        self.sample(name, &[], value);
    }

    fn histogram(&mut self, name: &str, label: (&str, &str), histogram: &Histogram) {
        let bucket = format!("{name}_bucket");
        for (bound, count) in histogram.up_to_bounds() {
            let bound = bound.as_secs_f64().to_string();
            self.sample(&bucket, &[label, ("le", &bound)], count);
        }
        let count = histogram.count();
        self.sample(&bucket, &[label, ("le", "+Inf")], count);
        self.sample(&format!("{name}_sum"), &[label], histogram.sum_seconds());
        self.sample(&format!("{name}_count"), &[label], count);
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (place, (label, text)) in labels.iter().enumerate() {
            let before = if place == 0 { '{' } else { ',' };
            self.write(format_args!("{before}{label}=\"{}\"", escaped(text)));
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        self.write(format_args!(" {value}\n"));
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.0.write_fmt(text);
    }
}

/// A label's value as it stands between quotation marks.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::stats::{Database, FormerGroup, Group, Neighbor};
    use std::time::Duration;

    fn lines(stats: &Stats, times: &AnswerTimes) -> Vec<String> {
        let text = metrics(stats, times, &Usage::default());
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn names_are_labels_whatever_is_in_them() {
        let name = "a \\ \"b\"\nc{}".to_owned();
        let stats = Stats {
            groups: vec![Group {
                name: name.clone(),
                handed_out: 7,
                ..Group::default()
            }],
            former_groups: vec![FormerGroup {
                name: "gone".to_owned(),
                handed_out: 3,
            }],
            neighbors: vec![Neighbor {
                name,
                peers: 5,
                ..Neighbor::default()
            }],
            ..Stats::default()
        };
        let lines = lines(&stats, &AnswerTimes::default());
        for expected in [
            r#"btrt_peers_handed_out_total{group="a \\ \"b\"\nc{}"} 7"#,
            r#"btrt_peers_handed_out_total{group="gone"} 3"#,
            r#"btrt_neighbor_peers_total{neighbor="a \\ \"b\"\nc{}"} 5"#,
        ] {
            assert!(lines.iter().any(|line| line == expected), "{lines:#?}");
        }
    }

    #[test]
    fn a_histogram_has_sums_up_to_each_bound() {
        let mut times = AnswerTimes::default();
        times.scrapes.add(2, Duration::from_micros(10));
        times.scrapes.add(1, Duration::from_millis(3));
        times.scrapes.add(1, Duration::from_secs(60));
        let lines = lines(&Stats::default(), &times);
        let of_scrapes = lines.iter().filter(|line| line.contains("kind=\"scrape\""));
        let values = of_scrapes.filter_map(|line| line.strip_prefix("btrt_answer_seconds_"));
        let values: Vec<_> = values.collect();
        assert_eq!(values.len(), 22);
        for (place, expected) in [
            (0, r#"bucket{kind="scrape",le="0.00001"} 2"#),
            (7, r#"bucket{kind="scrape",le="0.002"} 2"#),
            (8, r#"bucket{kind="scrape",le="0.005"} 3"#),
            (18, r#"bucket{kind="scrape",le="10"} 3"#),
            (19, r#"bucket{kind="scrape",le="+Inf"} 4"#),
            (20, r#"sum{kind="scrape"} 60.00302"#),
            (21, r#"count{kind="scrape"} 4"#),
        ] {
            assert_eq!(values[place], expected);
        }
    }

    #[test]
    fn what_is_not_there_has_no_figures() {
        let stats = Stats {
            database: Database {
                state: "off".to_owned(),
                ..Database::default()
            },
            ..Stats::default()
        };
        for line in lines(&stats, &AnswerTimes::default()) {
            for absent in ["database", "neighbor_", "failed", "fds"] {
                assert!(!line.contains(absent), "{line}");
            }
        }
    }
}
