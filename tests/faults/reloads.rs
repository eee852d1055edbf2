//! One reload after the other, while clients announce.

use crate::harness::{Daemon, Settings, leecher, wait_until};
use nix::sys::signal::Signal;
use std::fs;

fn figure(daemon: &Daemon, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_thousand_reloads_with_good_and_broken_files_cost_nobody_anything() {
    let settings = Settings::with_two_groups().tracker("min_interval: 0");
    let daemon = Daemon::start(&settings);
    let mut client = daemon.connect();
    for number in 1..=50 {
        client.announce(&leecher(number));
    }
    let lines_with = |text: &str| {
        let lines = daemon.log_lines();
        lines.iter().filter(|line| line.contains(text)).count()
    };
    let mut memory = 0;
    for round in 1..=1000_u32 {
        let text = match round % 4 {
            0 => "tracker: {interval: soon}".to_owned(),
            1 => "a: [".repeat(1000),
            _ => settings
                .clone()
                .tracker(&format!("interval: {}", 1000 + round))
                .to_yaml(daemon.folder()),
        };
        // Signals that come while the file is read lead to one reading more: now and then it is
        // waited for, and in between they come as fast as they can.
        let outcome = match round % 40 {
            0 => Some("the old one stays in force"),
            2 => Some("the new configuration is in force"),
            _ => None,
        };
        let before = outcome.map(lines_with);
        fs::write(daemon.configuration(), text).unwrap();
        daemon.signal(Signal::SIGHUP);
        let reply = client.announce(&leecher(round % 50 + 1));
        assert_eq!(reply.counts(), [0, 50, 0]);
        assert_eq!(reply.peers().len(), 49);
        if let Some(outcome) = outcome {
            wait_until(outcome, || Some(lines_with(outcome)) > before);
        }
        if round == 200 {
            memory = figure(&daemon, "VmRSS:");
        }
    }
    daemon.reload(&settings.tracker("interval: 500"));
    wait_until("the last file to be in force", || {
        (450..=550).contains(&client.announce(&leecher(1)).integer("interval"))
    });
    // Whoever reads the file ends; what it read is let go.
    wait_until("the threads to end", || figure(&daemon, "Threads:") < 25);
    let grown = figure(&daemon, "VmRSS:").saturating_sub(memory);
    assert!(grown < 8 * 1024, "{grown} kB more after 800 reloads");
}
