//! MySQL and MariaDB.
//!
//! One connection and no pool: after a read time-out the crate hands the late answer to the next
//! query, so that a connection that failed is never used again.

use super::clock::Clock;
use super::fault::{StoreError, Trouble};
use super::session::{Field, Row, Session};
use super::sql;
use crate::record::{PeerKey, PeerRecord, SwarmRecord};
use mysql::prelude::Queryable;
use mysql::{Conn, DriverError, Error, MySqlError, OptsBuilder, Value};
use std::path::PathBuf;
use std::time::Duration;

/// Where a server is and who we are there.
#[derive(Clone, Debug)]
pub struct MySql {
    /// How to reach it.
    pub address: Address,
    /// The user.
    pub user: String,
    /// The user's password.
    pub password: Option<crate::config::Password>,
    /// The schema with the tables.
    pub schema: String,
    /// How long a connection attempt or an answer may take; `None` is as long as it takes.
    pub timeout: Option<Duration>,
}

/// How to reach a server.
#[derive(Clone, Debug)]
pub enum Address {
    /// Over the network.
    Tcp {
        /// A name or an address.
        host: String,
        /// The port.
        port: u16,
    },
    /// On this machine.
    Unix(PathBuf),
}

/// What every session begins with. No statement depends on the server's clock or time zone, but
/// triggers of the operator may; strict, so that a value that does not fit is refused and not
/// bent; every statement by itself, so that no reader holds old versions of rows for long.
const INIT: &str = "SET time_zone = '+00:00', autocommit = 1, \
                    sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'";

/// Peers in one DELETE: servers differ in how deeply they nest conditions.
const MOST_CONDITIONS: usize = 50;

impl MySql {
    /// Connects to the schema.
    pub(super) fn connect(&self) -> Result<MySqlSession, StoreError> {
        self.connect_to(Some(&self.schema))
    }

    /// Connects to the schema, and makes it first if it is missing.
    pub(super) fn create(&self) -> Result<MySqlSession, StoreError> {
        match self.connect() {
            Err(error) if error.trouble == Trouble::NoTables => {}
            connected => return connected,
        }
        let name = self.schema.replace('`', "``");
        let create = format!("CREATE DATABASE IF NOT EXISTS `{name}` DEFAULT CHARACTER SET utf8");
        self.connect_to(None)?.execute(&create)?;
        self.connect()
    }

    fn connect_to(&self, schema: Option<&str>) -> Result<MySqlSession, StoreError> {
        let options = OptsBuilder::new()
            .user(Some(&self.user))
            .pass(self.password.as_ref().map(|password| password.expose()))
            .db_name(schema)
            .tcp_connect_timeout(self.timeout)
            .read_timeout(self.timeout)
            .write_timeout(self.timeout)
            // Or it moves from the address that it was given to a socket that the server names.
            .prefer_socket(false)
            .stmt_cache_size(0)
            .init(vec![INIT]);
        let options = match &self.address {
            Address::Tcp { host, port } => options.ip_or_hostname(Some(host)).tcp_port(*port),
            Address::Unix(path) => options.socket(Some(path.to_string_lossy())),
        };
        let connected = Conn::new(options.clone());
        connected
            .or_else(|error| with_tls(options, error))
            .map(MySqlSession)
            .map_err(fault)
    }
}

/// Tries once more with TLS if that may be what the server misses: one that asks this user alone
/// for TLS says no more than that the user is denied.
#[cfg(feature = "mysql-tls")]
fn with_tls(options: OptsBuilder, error: Error) -> mysql::Result<Conn> {
    let trouble = match &error {
        Error::MySqlError(error) => trouble(error),
        _ => Trouble::Other,
    };
    if !matches!(trouble, Trouble::WantsTls | Trouble::Denied) {
        return Err(error);
    }
    // Servers sign their certificates themselves, as a rule. That keeps listeners out, and is what
    // the `mysql` client does unless told otherwise.
    let tls = mysql::SslOpts::default().with_danger_accept_invalid_certs(true);
    Conn::new(options.ssl_opts(tls)).map_err(|with_tls| match with_tls {
        Error::DriverError(DriverError::TlsNotSupported) => error,
        with_tls => with_tls,
    })
}

#[cfg(not(feature = "mysql-tls"))]
fn with_tls(_: OptsBuilder, error: Error) -> mysql::Result<Conn> {
    Err(error)
}

/// A connection.
pub(super) struct MySqlSession(Conn);

impl Session for MySqlSession {
    fn execute(&mut self, sql: &str) -> Result<u64, StoreError> {
        self.0.query_drop(sql).map_err(fault)?;
        Ok(self.0.affected_rows())
    }

    fn query(&mut self, sql: &str) -> Result<Vec<Row>, StoreError> {
        let rows = self.0.query_map(sql, |row: mysql::Row| {
            row.unwrap().into_iter().map(field).collect()
        });
        rows.map_err(fault)
    }

    fn write_swarms(&mut self, swarms: &[&SwarmRecord], clock: &Clock) -> Result<(), StoreError> {
        self.execute(&sql::upsert_swarms(swarms, clock)).map(drop)
    }

    fn write_peers(&mut self, peers: &[&PeerRecord], clock: &Clock) -> Result<(), StoreError> {
        self.execute(&sql::upsert_peers(peers, clock)).map(drop)
    }

    fn delete_peers(&mut self, peers: &[&PeerKey]) -> Result<(), StoreError> {
        let mut statements = peers.chunks(MOST_CONDITIONS).map(sql::delete_peers);
        statements.try_for_each(|sql| self.execute(&sql).map(drop))
    }
}

/// Queries in text are answered in text.
fn field(value: Value) -> Field {
    match value {
        Value::Bytes(bytes) => Field::Bytes(bytes),
        Value::Int(number) => Field::Integer(number),
        _ => Field::Nothing,
    }
}

fn fault(error: Error) -> StoreError {
    let trouble = match &error {
        Error::MySqlError(error) => trouble(error),
        Error::IoError(_)
        | Error::CodecError(_)
        | Error::DriverError(
            DriverError::ConnectTimeout | DriverError::CouldNotConnect(_) | DriverError::Timeout,
        ) => Trouble::Unreachable,
        _ => Trouble::Other,
    };
    match error {
        Error::MySqlError(MySqlError { code, message, .. }) => {
            // What the server quotes may be a peer's address, which is nothing for a log. The text
            // of a trigger's SIGNAL is the operator's own.
            let hides = trouble == Trouble::Refused && code != 1644;
            let quote = message.find('\'').filter(|_| hides);
            let message = message[..quote.unwrap_or(message.len())].trim_end();
            StoreError::new(trouble, format_args!("{message} (error {code})"))
        }
        error => StoreError::new(trouble, in_words(&error)),
    }
}

/// Linux calls a time-out "Resource temporarily unavailable", and the crate packs it up in several
/// ways.
fn in_words(error: &Error) -> String {
    let text = match error {
        Error::IoError(error) => error.to_string(),
        Error::DriverError(error) => error.to_string(),
        error => error.to_string(),
    };
    match text.contains("(os error 11)") {
        true => "it did not answer in time".to_owned(),
        false => text,
    }
}

/// The numbers are those of MySQL's and MariaDB's reference manuals.
fn trouble(error: &MySqlError) -> Trouble {
    match error.code {
        1040 | 1053 | 1203 | 1226 | 1927 => Trouble::Unreachable, // full of clients, or going down
        1044 | 1045 | 1130 | 1142 | 1143 | 1227 | 1698 => Trouble::Denied,
        1205 | 1213 => Trouble::Clash, // waited too long for a lock, or chosen to end a deadlock
        1049 | 1146 => Trouble::NoTables,
        1290 | 1792 | 1836 => Trouble::ReadOnly,
        1021 | 1114 => Trouble::Full,
        3159 => Trouble::WantsTls,
        // Data that does not fit, which has another class on each server; and constraints.
        1264 | 1265 | 1366 | 1406 | 3819 => Trouble::Refused,
        _ => match error.state.get(..2) {
            // Data exception, integrity constraint, a trigger's SIGNAL.
            Some("22" | "23" | "45") => Trouble::Refused,
            _ => Trouble::Other,
        },
    }
}
