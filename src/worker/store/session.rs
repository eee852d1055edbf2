//! What a store needs of a database: somebody who takes SQL, and rows in whatever way costs it least.

use super::clock::Clock;
use super::fault::StoreError;
use crate::record::{PeerKey, PeerRecord, SwarmRecord};
use std::fmt::Write;

/// A connection. After an error other than a refused row nobody knows what state it is in: it is
/// dropped, which undoes what was not committed, and a new one made.
pub(super) trait Session: Send {
    /// Carries a statement out; says how many rows it concerned.
    fn execute(&mut self, sql: &str) -> Result<u64, StoreError>;

    /// The rows of the answer; none if the statement has no answer.
    fn query(&mut self, sql: &str) -> Result<Vec<Row>, StoreError>;

    /// Writes swarms: what is known already keeps its `first_seen`.
    fn write_swarms(&mut self, swarms: &[&SwarmRecord], clock: &Clock) -> Result<(), StoreError>;

    /// Writes peers.
    fn write_peers(&mut self, peers: &[&PeerRecord], clock: &Clock) -> Result<(), StoreError>;

    /// Removes peers; those that are not there are no error.
    fn delete_peers(&mut self, peers: &[&PeerKey]) -> Result<(), StoreError>;

    /// Between two pieces of a batch. A session whose commit takes the longer the more there is, and
    /// gives nobody way meanwhile, makes one here.
    fn end_piece(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Whether the database is no longer where it is expected, so that what it is told is lost. A
    /// server's connection ends with it.
    fn is_astray(&self) -> bool {
        false
    }
}

/// A row of an answer.
pub(super) type Row = Vec<Field>;

/// A value in a row. MySQL answers with text alone, SQLite with numbers where it stored some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// NULL, or what no table of ours holds.
    Nothing,
    /// A whole number.
    Integer(i64),
    /// Text, or raw bytes.
    Bytes(Vec<u8>),
}

impl Field {
    /// The bytes, if it is any.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Nothing | Self::Integer(_) => None,
        }
    }

    /// The number, also from a text of digits.
    pub fn number(&self) -> Option<i64> {
        match self {
            Self::Nothing => None,
            Self::Integer(number) => Some(*number),
            Self::Bytes(bytes) => str::from_utf8(bytes).ok()?.parse().ok(),
        }
    }
}

/// Appends bytes as a literal that needs no escaping and means the same to every database and in
/// every character set.
pub(super) fn push_bytes(sql: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value & 15)]);
    sql.push_str("X'");
    for byte in bytes {
        sql.push(digit(byte >> 4));
        sql.push(digit(*byte));
    }
    sql.push('\'');
}

/// Appends a number.
pub(super) fn push_number(sql: &mut String, number: impl itoa::Integer) {
    sql.push_str(itoa::Buffer::new().format(number));
}

/// Appends what can be displayed.
pub(super) fn push(sql: &mut String, value: impl std::fmt::Display) {
    // Writing to a string cannot fail.
    let _ = write!(sql, "{value}");
}
