//! Reading: page by page in the order of the primary key.

use super::clock::Clock;
use super::fault::StoreError;
use super::session::{Field, Row, Session, push_bytes, push_number};
use super::sql::push_ip;
use crate::bittorrent::{InfoHash, PeerId};
use crate::record::{Origin, PeerKey, PeerRecord, SwarmRecord};
use std::net::IpAddr;
use std::sync::Arc;

/// A piece of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// As many as were asked for, or fewer if the table ends here.
    pub records: Vec<T>,
    /// Rows that make no sense (an info hash or an address of the wrong length, an impossible
    /// date) and are not in `records`.
    pub skipped: usize,
}

/// How to read a table.
pub(super) struct Table<T> {
    name: &'static str,
    /// The primary key: its columns are the first to be read.
    key: &'static [Column],
    columns: &'static str,
    record: fn(&[Field], &Clock) -> Option<T>,
}

/// A column of a primary key. MySQL answers with text for numbers as well: one has to know.
enum Column {
    Bytes(&'static str),
    Number(&'static str),
}

impl Column {
    fn name(&self) -> &'static str {
        match self {
            Self::Bytes(name) | Self::Number(name) => name,
        }
    }

    fn literal(&self, field: &Field) -> String {
        literal(|sql| match self {
            Self::Bytes(_) => push_bytes(sql, field.bytes().unwrap_or_default()),
            Self::Number(_) => push_number(sql, field.number().unwrap_or_default()),
        })
    }
}

/// The table `torrents`.
pub(super) const SWARMS: Table<SwarmRecord> = Table {
    name: "torrents",
    key: &[Column::Bytes("info_hash")],
    columns: "info_hash, seeders, leechers, completed, last_seen",
    record: swarm_record,
};

/// The table `peers`.
pub(super) const PEERS: Table<PeerRecord> = Table {
    name: "peers",
    key: &[
        Column::Bytes("info_hash"),
        Column::Bytes("ip"),
        Column::Number("port"),
    ],
    columns: "info_hash, ip, port, peer_id, seeder, completed, origin, last_announce",
    record: peer_record,
};

/// A primary key as literals.
pub(super) type Key = Vec<String>;

pub(super) fn swarm_key(info_hash: &InfoHash) -> Key {
    vec![literal(|sql| push_bytes(sql, &info_hash.0))]
}

pub(super) fn peer_key(peer: &PeerKey) -> Key {
    vec![
        literal(|sql| push_bytes(sql, &peer.info_hash.0)),
        literal(|sql| push_ip(sql, peer.ip)),
        literal(|sql| push_number(sql, peer.port)),
    ]
}

/// Reads the page behind `after`, or the first.
pub(super) fn read<T>(
    session: &mut dyn Session,
    table: &Table<T>,
    clock: &Clock,
    mut after: Option<Key>,
    limit: usize,
) -> Result<Page<T>, StoreError> {
    let mut page = Page {
        records: Vec::with_capacity(limit),
        skipped: 0,
    };
    while page.records.len() < limit {
        let missing = limit - page.records.len();
        let rows = rows(session, table, after.as_ref(), missing)?;
        for row in &rows {
            match (table.record)(row, clock) {
                Some(record) => page.records.push(record),
                None => page.skipped += 1,
            }
        }
        if rows.len() < missing {
            break;
        }
        let key_of = |row: &Row| {
            let key = table.key.iter().zip(row);
            key.map(|(column, field)| column.literal(field)).collect()
        };
        after = rows.last().map(key_of);
    }
    Ok(page)
}

/// The rows behind a key: first those that have all but the last column of the key in common with
/// it, then those with fewer. Each query is one range of the index, which MySQL does not see in
/// `(info_hash, ip, port) > (...)`.
fn rows<T>(
    session: &mut dyn Session,
    table: &Table<T>,
    after: Option<&Key>,
    limit: usize,
) -> Result<Vec<Row>, StoreError> {
    let Table { name, columns, .. } = table;
    let key: Vec<_> = table.key.iter().map(Column::name).collect();
    let order = key.join(", ");
    let mut rows = Vec::new();
    for range in ranges(&key, after) {
        let missing = limit - rows.len();
        if missing > 0 {
            rows.extend(session.query(&format!(
                "SELECT {columns} FROM {name} {range} ORDER BY {order} LIMIT {missing}"
            ))?);
        }
    }
    Ok(rows)
}

fn ranges(columns: &[&str], after: Option<&Key>) -> Vec<String> {
    let Some(after) = after else {
        return vec![String::new()];
    };
    let range = |last: usize| {
        let compared = columns.iter().zip(after).take(last + 1).enumerate();
        let conditions = compared.map(|(position, (column, value))| {
            let operator = if position == last { '>' } else { '=' };
            format!("{column} {operator} {value}")
        });
        format!("WHERE {}", conditions.collect::<Vec<_>>().join(" AND "))
    };
    (0..columns.len()).rev().map(range).collect()
}

fn literal(push: impl FnOnce(&mut String)) -> String {
    let mut sql = String::new();
    push(&mut sql);
    sql
}

fn swarm_record(row: &[Field], clock: &Clock) -> Option<SwarmRecord> {
    let [info_hash, seeders, leechers, completed, last_seen] = row else {
        return None;
    };
    Some(SwarmRecord {
        info_hash: InfoHash(info_hash.bytes()?.try_into().ok()?),
        seeders: seeders.number()?.try_into().ok()?,
        leechers: leechers.number()?.try_into().ok()?,
        completions: completed.number()?.try_into().ok()?,
        last_seen: clock.timestamp(last_seen.bytes()?)?,
    })
}

fn peer_record(row: &[Field], clock: &Clock) -> Option<PeerRecord> {
    let [
        info_hash,
        ip,
        port,
        peer_id,
        seeder,
        completed,
        origin,
        last_announce,
    ] = row
    else {
        return None;
    };
    let ip = ip.bytes()?;
    let ip = match ip.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(ip).ok()?),
        16 => IpAddr::from(<[u8; 16]>::try_from(ip).ok()?),
        _ => return None,
    };
    let origin = match origin.bytes()? {
        b"announced" => Origin::Announced,
        b"forwarded" => Origin::Forwarded,
        _ => return None,
    };
    Some(PeerRecord {
        key: PeerKey {
            info_hash: InfoHash(info_hash.bytes()?.try_into().ok()?),
            ip,
            port: port.number()?.try_into().ok()?,
        },
        peer_id: PeerId(peer_id.bytes()?.try_into().ok()?),
        seeder: seeder.number()? != 0,
        completed: completed.number()? != 0,
        group: Arc::default(),
        origin,
        last_announce: clock.timestamp(last_announce.bytes()?)?,
    })
}
