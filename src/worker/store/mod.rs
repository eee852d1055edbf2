//! What outlives a restart: the tables `torrents` and `peers`, in MySQL or in a SQLite file.
//!
//! There is one [`Store`]. What it says to a database is the same SQL for all of them but for a few
//! words (`sql`), so that a database is just somebody who takes SQL (`session`): `mysql` and
//! `sqlite` connect, pass it on and tell what the errors mean. Only rows of changes are written by
//! each in its own way: many in a statement to a server, one by one to a file.

mod clock;
mod fault;
mod mysql;
mod page;
mod schema;
mod session;
mod sql;
mod sqlite;
mod writer;

pub use clock::Clock;
pub use fault::{StoreError, Trouble};
pub use mysql::{Address, MySql};
pub use page::Page;
pub use schema::{NotKept, Schema, VERSION};
pub use sqlite::Sqlite;
pub use writer::Written;

use crate::bittorrent::InfoHash;
use crate::record::{Changes, PeerKey, PeerRecord, SwarmRecord};
use session::Session;
use sql::Dialect;
use std::fmt;
use writer::Writer;

/// Rows in a statement: as many as one can send at once without a packet that is too large. To a
/// file nothing is sent, and after so many there is a commit and the loop has its turn: a commit
/// writes the pages of all of them in one go, which takes some 5 µs for each.
const MOST_ROWS: usize = 1_000;
const MOST_ROWS_OF_A_FILE: usize = 32;

/// Rows in a statement for a database that is too slow for more.
const FEWEST_ROWS: usize = 16;

/// Which database.
#[derive(Clone, Debug)]
pub enum Place {
    /// MySQL or MariaDB.
    MySql(MySql),
    /// A SQLite file.
    Sqlite(Sqlite),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(sqlite) => write!(f, "sqlite:{}", sqlite.path.display()),
            Self::MySql(mysql) => {
                match &mysql.address {
                    Address::Tcp { host, port } if host.contains(':') => {
                        write!(f, "tcp://[{host}]:{port}")?;
                    }
                    Address::Tcp { host, port } => write!(f, "tcp://{host}:{port}")?,
                    Address::Unix(path) => write!(f, "unix://{}", path.display())?,
                }
                write!(f, ", schema {}", mysql.schema)
            }
        }
    }
}

impl Place {
    fn dialect(&self) -> Dialect {
        match self {
            Self::MySql(_) => Dialect::MySql,
            Self::Sqlite(_) => Dialect::Sqlite,
        }
    }

    fn most_rows(&self) -> usize {
        match self {
            Self::MySql(_) => MOST_ROWS,
            Self::Sqlite(_) => MOST_ROWS_OF_A_FILE,
        }
    }
}

/// A database, connected or not: each call connects when it has to.
///
/// After an error some of a [`write`](Store::write) may have happened, or all of it if the answer to
/// its commit was lost. To write the same again is right in any case.
pub struct Store {
    place: Place,
    session: Option<Box<dyn Session>>,
    /// A session was begun, and nobody has asked yet.
    has_connected: bool,
    /// The tables of this session are known to be the right ones.
    checked: bool,
    rows: usize,
}

/// Rows in the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Rows of `torrents`.
    pub swarms: i64,
    /// Rows of `peers`.
    pub peers: i64,
}

impl Store {
    /// A store that is not connected yet.
    pub fn new(place: Place) -> Store {
        Store {
            rows: place.most_rows(),
            place,
            session: None,
            has_connected: false,
            checked: false,
        }
    }

    /// Where it is, for the operator.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Whether a connection was made since this was asked before: what is behind it need not be what
    /// was there.
    pub fn has_connected(&mut self) -> bool {
        std::mem::take(&mut self.has_connected)
    }

    /// Writes changes. Rows that the database refuses for what is in them are left out, so that they
    /// do not keep all others waiting for good. Where another program was in the way, one more
    /// attempt is made on the same connection.
    pub fn write(&mut self, changes: &Changes, clock: &Clock) -> Result<Written, StoreError> {
        let (dialect, rows) = (self.place.dialect(), self.rows);
        let write_by = |rows| Writer {
            dialect,
            clock,
            rows,
            written: Written::default(),
        };
        let result = self.with_tables(|session| {
            let result = write_by(Some(rows)).write(session, changes);
            let rows = match &result {
                Err(error) if error.trouble == Trouble::Refused => None,
                Err(error) if error.trouble == Trouble::Clash => Some(rows),
                _ => return result,
            };
            session.execute("ROLLBACK")?;
            write_by(rows).write(session, changes)
        });
        // A disk may be too slow for many rows within the time-out, or a packet too large.
        self.rows = match result {
            Ok(_) => self.place.most_rows().min(rows * 2),
            Err(_) => FEWEST_ROWS.max(rows / 2),
        };
        result
    }

    /// Reads the peers behind `after`, in the order of their keys.
    pub fn read_peers(
        &mut self,
        clock: &Clock,
        after: Option<&PeerKey>,
        limit: usize,
    ) -> Result<Page<PeerRecord>, StoreError> {
        let after = after.map(page::peer_key);
        self.with_tables(|session| page::read(session, &page::PEERS, clock, after, limit))
    }

    /// Reads the swarms behind `after`, in the order of their info hashes.
    pub fn read_swarms(
        &mut self,
        clock: &Clock,
        after: Option<&InfoHash>,
        limit: usize,
    ) -> Result<Page<SwarmRecord>, StoreError> {
        let after = after.map(page::swarm_key);
        self.with_tables(|session| page::read(session, &page::SWARMS, clock, after, limit))
    }

    /// Looks which tables there are.
    pub fn schema(&mut self) -> Result<Schema, StoreError> {
        match self.with_session(schema::look) {
            Err(error) if error.trouble == Trouble::NoTables => Ok(Schema::Missing),
            result => result,
        }
    }

    /// Makes the tables, and the schema or the file if need be. Where they are, nothing happens.
    pub fn create(&mut self) -> Result<(), StoreError> {
        let dialect = self.place.dialect();
        self.make_home()?;
        self.with_session(|session| schema::create(session, dialect))
    }

    /// Brings older tables up to date, and makes missing ones. Says what could not be kept.
    pub fn upgrade(&mut self) -> Result<Vec<NotKept>, StoreError> {
        let dialect = self.place.dialect();
        self.make_home()?;
        self.with_session(|session| schema::upgrade(session, dialect))
    }

    /// Counts the rows, which takes its time.
    pub fn counts(&mut self) -> Result<Counts, StoreError> {
        self.with_tables(|session| {
            let mut count = |table| {
                let count = schema::number(session, &format!("SELECT COUNT(*) FROM {table}"))?;
                Ok(count.unwrap_or_default())
            };
            Ok(Counts {
                swarms: count("torrents")?,
                peers: count("peers")?,
            })
        })
    }

    /// Connects, and makes the schema or the file first if they are missing.
    fn make_home(&mut self) -> Result<(), StoreError> {
        self.session = Some(match &self.place {
            Place::MySql(mysql) => Box::new(mysql.create()?),
            Place::Sqlite(sqlite) => Box::new(sqlite.create()?),
        });
        self.has_connected = true;
        Ok(())
    }

    /// Does something in tables that are known to be the right ones. A file that is missing or
    /// empty gets its tables on the way: whoever wants SQLite wants no commands for it.
    fn with_tables<T>(
        &mut self,
        act: impl FnOnce(&mut dyn Session) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.session.as_ref().is_some_and(|one| one.is_astray()) {
            self.session = None;
            self.checked = false;
        }
        if !self.checked {
            let is_file = matches!(self.place, Place::Sqlite(_));
            match self.schema()? {
                Schema::Missing if is_file => self.create()?,
                schema => schema.check()?,
            }
            self.checked = true;
        }
        self.with_session(act)
    }

    /// Does something in a session, and ends the session if it goes wrong.
    fn with_session<T>(
        &mut self,
        act: impl FnOnce(&mut dyn Session) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.session.is_none() {
            self.checked = false;
        }
        let session = match &mut self.session {
            Some(session) => session,
            none => {
                let session = none.insert(match &self.place {
                    Place::MySql(mysql) => Box::new(mysql.connect()?),
                    Place::Sqlite(sqlite) => Box::new(sqlite.connect()?),
                });
                self.has_connected = true;
                session
            }
        };
        let result = act(session.as_mut());
        if result.is_err() {
            self.session = None;
            self.checked = false;
        }
        result
    }
}
