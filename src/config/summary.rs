//! What `btrt check` says about a configuration that is right.

use std::fmt::Write;

use super::Config;

/// A few lines for an operator: groups with their prefix counts, neighbors and
/// the database. Names were checked for control characters.
pub fn summary(config: &Config) -> String {
    let settings = &config.settings;
    let mut text = format!("peer groups: {}\n", settings.peer_groups.len());
    for group in &settings.peer_groups {
        let count = group.networks.len();
        let prefixes = if count == 1 { "prefix" } else { "prefixes" };
        let (name, priority) = (&group.name, group.priority);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {name}: priority {priority}, {count} {prefixes}");
    }
    let _ = writeln!(text, "neighbors: {}", settings.neighbors.len());
    for neighbor in &settings.neighbors {
        let _ = writeln!(text, "  {}", neighbor.name);
    }
    let _ = writeln!(text, "database: {}", settings.database.url);
    text
}
