//! `btrt status`: the daemon's figures as a table for people.

use super::table::{Table, shortened};
use crate::admin::stats::{External, Group, Neighbor, Stats, Torrent};
use std::fmt::Write;

/// External trackers and torrents that are shown.
const FEW: usize = 10;

/// Writes the figures for people to read.
pub fn status(stats: &Stats) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "btrt {}, up {}\n",
        shortened(&stats.version),
        duration(stats.uptime)
    );
    text += &summary(stats).to_string();
    text += &section("Groups", &groups(&stats.groups));
    if !stats.neighbors.is_empty() {
        text += &section("Neighbors", &neighbors(&stats.neighbors));
    }
    let external = &stats.external;
    if !external.trackers.is_empty() {
        text += &section("External trackers", &trackers(external));
        let more = external.trackers_known.saturating_sub(FEW);
        if more > 0 {
            let _ = writeln!(text, "  and {more} more");
        }
    }
    if !stats.busiest.is_empty() {
        text += &section("Busiest torrents", &torrents(&stats.busiest));
    }
    text
}

fn section(title: &str, table: &Table) -> String {
    format!("\n{title}\n{table}")
}

fn summary(stats: &Stats) -> Table {
    let mut table = Table::new(&[]);
    let mut line = |name: &str, value: String| table.row(&[name.to_owned(), value]);
    line("torrents", number(stats.torrents as u64));
    line(
        "peers",
        format!(
            "{} ({} seeders, {} leechers)",
            number(stats.peers as u64),
            number(stats.seeders as u64),
            number(stats.leechers as u64)
        ),
    );
    line("connections", number(stats.connections as u64));
    line(
        "answered",
        format!(
            "{} announces, {} scrapes ({} of them forwarded)",
            number(stats.announces),
            number(stats.scrapes),
            number(stats.forwarded)
        ),
    );
    let inside = match stats.inside_share {
        Some(share) => format!(
            "{:.1} % of the peers handed out in the last hour",
            share * 100.0
        ),
        None => "no peers were handed out in the last hour".to_owned(),
    };
    line("inside", inside);
    let times = &stats.answer_seconds;
    if let (Some(p50), Some(p99)) = (times.p50, times.p99) {
        let text = format!(
            "half within {}, 99 % within {} (last hour)",
            seconds(p50),
            seconds(p99)
        );
        line("answer time", text);
    }
    let database = &stats.database;
    let text = match database.state.as_str() {
        "off" => "none".to_owned(),
        state => format!(
            "{} is {}, {} rows written, {} refused",
            shortened(&database.kind),
            shortened(state),
            number(database.rows_written),
            number(database.rows_refused)
        ),
    };
    line("database", text);
    let external = &stats.external;
    let failed: u64 = external.failed.values().sum();
    let text = format!(
        "asked {} times ({} answers, {} failures), {} shared, {} not asked",
        number(external.asked),
        number(external.answered),
        number(failed),
        number(external.shared),
        number(external.declined)
    );
    line("external trackers", text);
    table
}

fn groups(groups: &[Group]) -> Table {
    let head = ["priority", "peers", "handed out", "last hour", "", "name"];
    let mut table = Table::new(&head);
    for group in groups {
        let priority = group.priority;
        table.row(&[
            priority.map_or("-".to_owned(), |priority| priority.to_string()),
            number(group.peers as u64),
            number(group.handed_out),
            number(group.handed_out_last_hour),
            if group.inside { "inside" } else { "" }.to_owned(),
            shortened(&group.name),
        ]);
    }
    table
}

fn neighbors(neighbors: &[Neighbor]) -> Table {
    let mut table = Table::new(&["asked", "answered", "failed", "peers", "state", "name"]);
    for neighbor in neighbors {
        table.row(&[
            number(neighbor.asked),
            number(neighbor.answered),
            number(neighbor.failed),
            number(neighbor.peers),
            shortened(&neighbor.state),
            shortened(&neighbor.name),
        ]);
    }
    table
}

fn trackers(external: &External) -> Table {
    let head = ["asked", "answered", "refused", "failed", "", "host"];
    let mut table = Table::new(&head);
    for tracker in external.trackers.iter().take(FEW) {
        let paused = match tracker.paused_seconds {
            0 => String::new(),
            left => format!("left alone for {}", duration(left)),
        };
        table.row(&[
            number(tracker.asked),
            number(tracker.answered),
            number(tracker.refused),
            number(tracker.failed),
            paused,
            shortened(&tracker.host),
        ]);
    }
    table
}

fn torrents(torrents: &[Torrent]) -> Table {
    let mut table = Table::new(&["seeders", "leechers", "completed", "info hash"]);
    for torrent in torrents.iter().take(FEW) {
        table.row(&[
            number(torrent.seeders.into()),
            number(torrent.leechers.into()),
            number(torrent.completed.into()),
            shortened(&torrent.info_hash),
        ]);
    }
    table
}

/// `1,234,567`.
fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `2 d 3 h`: the two largest units.
fn duration(seconds: u64) -> String {
    let units = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];
    let first = units.iter().position(|(_, size)| seconds >= *size);
    let Some(first) = first else {
        return "0 s".to_owned();
    };
    let mut left = seconds;
    let mut parts = Vec::new();
    for (unit, size) in units.iter().skip(first).take(2) {
        let count = left / size;
        left %= size;
        if count > 0 {
            parts.push(format!("{count} {unit}"));
        }
    }
    parts.join(" ")
}

fn seconds(seconds: f64) -> String {
    match seconds {
        _ if seconds < 1e-3 => format!("{:.0} µs", seconds * 1e6),
        _ if seconds < 1.0 => format!("{:.0} ms", seconds * 1e3),
        _ => format!("{seconds:.0} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::stats::{Database, ExternalTracker, Quantiles};

    #[test]
    fn names_neither_break_the_table_nor_have_a_say_on_the_terminal() {
        let name = format!("evil\x1b]0;\u{7}\n{}", "wide ".repeat(100));
        let stats = Stats {
            version: name.clone(),
            groups: vec![
                Group {
                    name: "other".to_owned(),
                    peers: 1_234_567,
                    ..Group::default()
                },
                Group {
                    name: name.clone(),
                    priority: Some(7),
                    inside: true,
                    ..Group::default()
                },
            ],
            neighbors: vec![Neighbor {
                name: name.clone(),
                state: name.clone(),
                ..Neighbor::default()
            }],
            external: External {
                trackers: vec![ExternalTracker {
                    host: name.clone(),
                    paused_seconds: 90,
                    ..ExternalTracker::default()
                }],
                trackers_known: 1,
                ..External::default()
            },
            busiest: vec![Torrent {
                info_hash: name.clone(),
                ..Torrent::default()
            }],
            database: Database {
                kind: name.clone(),
                state: name,
                ..Database::default()
            },
            answer_seconds: Quantiles {
                p50: Some(0.00002),
                p99: Some(0.5),
            },
            ..Stats::default()
        };
        let text = status(&stats);
        assert!(
            !text.chars().any(|one| one.is_control() && one != '\n'),
            "{text}"
        );
        let lines: Vec<_> = text.lines().collect();
        let widest = lines.iter().map(|line| line.chars().count()).max();
        assert!(widest <= Some(200), "{text}");
        for expected in [
            "Groups",
            "  priority      peers  handed out  last hour          name",
            "         -  1,234,567           0          0          other",
            "  answer time        half within 20 µs, 99 % within 500 ms (last hour)",
        ] {
            assert!(lines.contains(&expected), "{expected} is not in\n{text}");
        }
        assert!(text.contains("left alone for 1 min 30 s"), "{text}");
    }

    #[test]
    fn numbers_are_for_people() {
        for (value, text) in [(0, "0"), (999, "999"), (1_000, "1,000")] {
            assert_eq!(number(value), text);
        }
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(duration(0), "0 s");
        assert_eq!(duration(59), "59 s");
        assert_eq!(duration(3_600), "1 h");
        assert_eq!(duration(3_661), "1 h 1 min");
        assert_eq!(duration(200_000), "2 d 7 h");
        assert_eq!(seconds(0.00002), "20 µs");
        assert_eq!(seconds(0.005), "5 ms");
        assert_eq!(seconds(10.0), "10 s");
    }
}
