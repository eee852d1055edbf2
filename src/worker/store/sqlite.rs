//! SQLite: a file, and no server to look after.

use super::clock::Clock;
use super::fault::{StoreError, Trouble};
use super::session::{Field, Row, Session};
use super::sql::{name, origin};
use crate::pace::give_way;
use crate::record::{PeerKey, PeerRecord, SwarmRecord};
use rusqlite::types::ValueRef;
use rusqlite::{CachedStatement, Connection, Error, ErrorCode, OpenFlags, params};
use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long to wait for whoever else has the file locked: `btrt hashlist`, or an operator's query.
const PATIENCE: Duration = Duration::from_secs(5);

/// Write-ahead log: readers and the writer do not wait for each other. `NORMAL` does not wait for
/// the disk with each commit: what is committed is with the system and survives `kill -9`; only a
/// power failure can take the last commits, and it leaves the file whole. 32 MB of cache, as info
/// hashes lie all over the file. The log is copied into the file when it has 64 pages, which takes
/// half a millisecond: like a commit, that goes on to its end whoever else wants the processor.
const INIT: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; \
    PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = 64;";

/// Steps of SQLite's machine after which others may have the processor: some tens of microseconds,
/// or a few rows.
const STEPS: i32 = 500;

// Nothing is sent to a file, so that a statement for each row costs no more than one for many, if it
// is not read anew each time: which took a fifth of the time that writing took.

const WRITE_SWARM: &str = "\
    INSERT INTO torrents (info_hash, seeders, leechers, completed, first_seen, last_seen) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?5) \
    ON CONFLICT (info_hash) DO UPDATE SET seeders = excluded.seeders, \
    leechers = excluded.leechers, completed = excluded.completed, last_seen = excluded.last_seen";

const WRITE_PEER: &str = "\
    INSERT INTO peers (info_hash, ip, port, peer_id, seeder, completed, peer_group, origin, \
    last_announce) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
    ON CONFLICT (info_hash, ip, port) DO UPDATE SET peer_id = excluded.peer_id, \
    seeder = excluded.seeder, completed = excluded.completed, peer_group = excluded.peer_group, \
    origin = excluded.origin, last_announce = excluded.last_announce";

const DELETE_PEER: &str = "DELETE FROM peers WHERE info_hash = ?1 AND ip = ?2 AND port = ?3";

/// Where the file is.
#[derive(Clone, Debug)]
pub struct Sqlite {
    /// The file.
    pub path: PathBuf,
}

impl Sqlite {
    /// Opens the file, if it is there.
    pub(super) fn connect(&self) -> Result<SqliteSession, StoreError> {
        if !self.path.exists() {
            let text = format_args!("there is no {}", self.path.display());
            return Err(StoreError::new(Trouble::NoTables, text));
        }
        self.open()
    }

    /// Opens the file, and makes it and its folder first if they are missing.
    pub(super) fn create(&self) -> Result<SqliteSession, StoreError> {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        fs::create_dir_all(folder).map_err(|error| {
            let text = format_args!("cannot make the folder {}: {error}", folder.display());
            StoreError::new(Trouble::NoFile, text)
        })?;
        self.open()
    }

    fn open(&self) -> Result<SqliteSession, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let mut connection = Connection::open_with_flags(&self.path, flags).map_err(fault)?;
        connection.busy_timeout(PATIENCE).map_err(fault)?;
        connection.execute_batch(INIT).map_err(fault)?;
        let go_on = || {
            give_way();
            false
        };
        connection
            .progress_handler(STEPS, Some(go_on))
            .map_err(fault)?;
        Ok(SqliteSession {
            connection,
            path: self.path.clone(),
            file: file_at(&self.path),
        })
    }
}

/// Which file bears this name; `None` if there is none.
fn file_at(path: &Path) -> Option<(u64, u64)> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// An open file.
pub(super) struct SqliteSession {
    connection: Connection,
    path: PathBuf,
    file: Option<(u64, u64)>,
}

impl Session for SqliteSession {
    fn execute(&mut self, sql: &str) -> Result<u64, StoreError> {
        let rows = self.connection.execute(sql, []).map_err(fault)?;
        Ok(rows as u64)
    }

    fn query(&mut self, sql: &str) -> Result<Vec<Row>, StoreError> {
        let mut statement = self.connection.prepare(sql).map_err(fault)?;
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| {
            (0..columns).map(|at| Ok(field(row.get_ref(at)?))).collect()
        });
        rows.and_then(Iterator::collect).map_err(fault)
    }

    fn write_swarms(&mut self, swarms: &[&SwarmRecord], clock: &Clock) -> Result<(), StoreError> {
        self.each(WRITE_SWARM, swarms, |statement, swarm| {
            let last_seen = clock.date(swarm.last_seen).to_string();
            statement.execute(params![
                swarm.info_hash.0,
                swarm.seeders,
                swarm.leechers,
                swarm.completions,
                last_seen,
            ])
        })
    }

    fn write_peers(&mut self, peers: &[&PeerRecord], clock: &Clock) -> Result<(), StoreError> {
        self.each(WRITE_PEER, peers, |statement, peer| {
            statement.execute(params![
                peer.key.info_hash.0,
                octets(peer.key.ip),
                peer.key.port,
                peer.peer_id.0,
                peer.seeder,
                peer.completed,
                name(&peer.group),
                origin(peer.origin),
                clock.date(peer.last_announce).to_string(),
            ])
        })
    }

    fn delete_peers(&mut self, peers: &[&PeerKey]) -> Result<(), StoreError> {
        self.each(DELETE_PEER, peers, |statement, peer| {
            statement.execute(params![peer.info_hash.0, octets(peer.ip), peer.port])
        })
    }

    fn end_piece(&mut self) -> Result<(), StoreError> {
        self.connection
            .execute_batch("COMMIT; BEGIN")
            .map_err(fault)
    }

    /// The operator has removed the file, or put another one in its place: an older copy, perhaps.
    fn is_astray(&self) -> bool {
        file_at(&self.path) != self.file
    }
}

impl SqliteSession {
    /// Carries a statement out for each of some rows.
    fn each<T>(
        &mut self,
        sql: &str,
        rows: &[&T],
        execute: impl Fn(&mut CachedStatement<'_>, &T) -> rusqlite::Result<usize>,
    ) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare_cached(sql).map_err(fault)?;
        rows.iter()
            .try_for_each(|row| execute(&mut statement, row).map(drop))
            .map_err(fault)
    }
}

/// An address as it is stored.
fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

fn field(value: ValueRef<'_>) -> Field {
    match value {
        ValueRef::Integer(number) => Field::Integer(number),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Field::Bytes(bytes.to_vec()),
        ValueRef::Null | ValueRef::Real(_) => Field::Nothing,
    }
}

fn fault(error: Error) -> StoreError {
    let text = error.to_string();
    let trouble = match error.sqlite_error_code() {
        // SQLite has no number of its own for this.
        _ if text.starts_with("no such table") => Trouble::NoTables,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Trouble::Locked,
        Some(ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => Trouble::NoFile,
        Some(ErrorCode::ReadOnly) => Trouble::ReadOnly,
        Some(ErrorCode::DiskFull) => Trouble::Full,
        Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig) => {
            Trouble::Refused
        }
        _ => Trouble::Other,
    };
    StoreError::new(trouble, text)
}
