//! The statements, in the SQL that MySQL since 5.1, MariaDB and SQLite have in common; those that
//! write rows are MySQL's and MariaDB's alone (`sqlite` has its own).
//!
//! All values are literals of numbers, dates and hexadecimal digits: nothing that came from a
//! client or a configuration can be anything else than a value.

use super::clock::Clock;
use super::session::{push, push_bytes, push_number};
use crate::bittorrent::InfoHash;
use crate::record::{Origin, PeerKey, PeerRecord, SwarmRecord};
use std::net::IpAddr;

/// Where the SQL of the databases differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    MySql,
    Sqlite,
}

/// Rows that one DELETE takes from a swarm: the time-out for a statement is for this many, however
/// many peers the swarm has.
pub(super) const DELETED_AT_ONCE: u64 = 10_000;

/// Characters of a group's name that are kept: with these, 1,000 rows are less than the megabyte
/// that a MySQL takes at once unless told otherwise.
const NAME_LENGTH: usize = 100;

/// Writes swarms to MySQL: what is known already keeps its `first_seen`.
pub(super) fn upsert_swarms(swarms: &[&SwarmRecord], clock: &Clock) -> String {
    let mut sql = String::from(
        "INSERT INTO torrents (info_hash, seeders, leechers, completed, first_seen, last_seen) \
         VALUES ",
    );
    push_list(&mut sql, swarms, ",", |sql, swarm| {
        sql.push('(');
        push_bytes(sql, &swarm.info_hash.0);
        for number in [swarm.seeders, swarm.leechers, swarm.completions] {
            sql.push(',');
            push_number(sql, number);
        }
        let seen = clock.date(swarm.last_seen);
        push(sql, format_args!(",'{seen}','{seen}')"));
    });
    let changing = ["seeders", "leechers", "completed", "last_seen"];
    push_update(&mut sql, &changing);
    sql
}

/// Writes peers to MySQL.
pub(super) fn upsert_peers(peers: &[&PeerRecord], clock: &Clock) -> String {
    let mut sql = String::from(
        "INSERT INTO peers (info_hash, ip, port, peer_id, seeder, completed, peer_group, origin, \
         last_announce) VALUES ",
    );
    push_list(&mut sql, peers, ",", |sql, peer| {
        sql.push('(');
        push_bytes(sql, &peer.key.info_hash.0);
        sql.push(',');
        push_ip(sql, peer.key.ip);
        sql.push(',');
        push_number(sql, peer.key.port);
        sql.push(',');
        push_bytes(sql, &peer.peer_id.0);
        sql.push_str(if peer.seeder { ",1" } else { ",0" });
        sql.push_str(if peer.completed { ",1," } else { ",0," });
        sql.push_str("_utf8 ");
        push_bytes(sql, name(&peer.group).as_bytes());
        let origin = origin(peer.origin);
        let announced = clock.date(peer.last_announce);
        push(sql, format_args!(",'{origin}','{announced}')"));
    });
    let changing = [
        "peer_id",
        "seeder",
        "completed",
        "peer_group",
        "origin",
        "last_announce",
    ];
    push_update(&mut sql, &changing);
    sql
}

/// Removes swarms, but not their peers.
pub(super) fn delete_swarms(swarms: &[InfoHash]) -> String {
    let mut sql = String::from("DELETE FROM torrents WHERE ");
    push_among(&mut sql, swarms);
    sql
}

/// Removes peers of swarms, [`DELETED_AT_ONCE`] at most; of a file, which answers when it is done
/// and not in time, all.
pub(super) fn delete_peers_of(dialect: Dialect, swarms: &[InfoHash]) -> String {
    let mut sql = String::from("DELETE FROM peers WHERE ");
    push_among(&mut sql, swarms);
    if dialect == Dialect::MySql {
        push(&mut sql, format_args!(" LIMIT {DELETED_AT_ONCE}"));
    }
    sql
}

/// Removes peers. Spelt out with AND and OR, as MySQL before 5.7 reads the whole table for
/// `(info_hash, ip, port) IN (...)`.
pub(super) fn delete_peers(peers: &[&PeerKey]) -> String {
    let mut sql = String::from("DELETE FROM peers WHERE ");
    push_list(&mut sql, peers, " OR ", |sql, peer| {
        sql.push_str("(info_hash = ");
        push_bytes(sql, &peer.info_hash.0);
        sql.push_str(" AND ip = ");
        push_ip(sql, peer.ip);
        sql.push_str(" AND port = ");
        push_number(sql, peer.port);
        sql.push(')');
    });
    sql
}

pub(super) fn push_ip(sql: &mut String, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => push_bytes(sql, &ip.octets()),
        IpAddr::V6(ip) => push_bytes(sql, &ip.octets()),
    }
}

fn push_among(sql: &mut String, swarms: &[InfoHash]) {
    sql.push_str("info_hash IN (");
    push_list(sql, swarms, ",", |sql, swarm| push_bytes(sql, &swarm.0));
    sql.push(')');
}

/// A group's name as it is written. MySQL's old `utf8` has no place for characters beyond the basic
/// plane: a replacement character stands for each.
pub(super) fn name(group: &str) -> String {
    let in_plane = |character| {
        if character > '\u{ffff}' {
            '\u{fffd}'
        } else {
            character
        }
    };
    group.chars().take(NAME_LENGTH).map(in_plane).collect()
}

/// How a peer came to be known, as it is written.
pub(super) fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Announced => "announced",
        Origin::Forwarded => "forwarded",
    }
}

/// Says what a row that is there already takes over from the new one.
fn push_update(sql: &mut String, columns: &[&str]) {
    sql.push_str(" ON DUPLICATE KEY UPDATE ");
    push_list(sql, columns, ", ", |sql, column| {
        push(sql, format_args!("{column} = VALUES({column})"));
    });
}

fn push_list<T>(
    sql: &mut String,
    items: &[T],
    separator: &str,
    mut push_one: impl FnMut(&mut String, &T),
) {
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            sql.push_str(separator);
        }
        push_one(sql, item);
    }
}
