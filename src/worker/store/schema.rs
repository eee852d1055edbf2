//! The tables themselves: whether they are there, making them, bringing older ones up to date.
//!
//! The statements are those of the files in `db/`, so that an operator with the `mysql` client and
//! the program do the same.

use super::fault::{StoreError, Trouble};
use super::session::Session;
use super::sql::Dialect;

/// The version of the tables that this program works with.
pub const VERSION: i64 = 3;

const MYSQL_CREATION: &str = include_str!("../../../db/btrt.db_creation.sql");
const MYSQL_UPGRADE: &str = include_str!("../../../db/btrt.db_upgrade_2.1.0.sql");
const SQLITE_CREATION: &str = include_str!("../../../db/btrt.sqlite_creation.sql");

/// Which tables there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// None, or no schema or file to have them.
    Missing,
    /// Those of an older version; 2.1 and below told none.
    Older(Option<i64>),
    /// Those that this program works with.
    Current,
    /// Those of a newer program.
    Newer(i64),
}

impl Schema {
    /// An error, unless the tables are those that this program works with.
    pub fn check(self) -> Result<(), StoreError> {
        match self {
            Self::Current => Ok(()),
            Self::Missing => Err(StoreError::new(Trouble::NoTables, "the tables are missing")),
            Self::Older(_) => Err(StoreError::new(
                Trouble::OldTables,
                "the tables are those of an older version",
            )),
            Self::Newer(version) => Err(StoreError::new(
                Trouble::NewTables,
                format_args!("the tables are of version {version}, and this btrt knows {VERSION}"),
            )),
        }
    }
}

/// A table of version 2.1 with rows that make no sense, which are still in there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotKept {
    /// Its name.
    pub table: String,
    /// How many rows.
    pub rows: i64,
}

/// Looks which tables there are.
pub(super) fn look(session: &mut dyn Session) -> Result<Schema, StoreError> {
    match number(session, "SELECT MAX(version) FROM schema_version") {
        Ok(Some(VERSION)) => return Ok(Schema::Current),
        Ok(Some(version)) if version > VERSION => return Ok(Schema::Newer(version)),
        Ok(Some(version)) => return Ok(Schema::Older(Some(version))),
        Ok(None) => {}
        Err(error) if error.trouble == Trouble::NoTables => {}
        Err(error) => return Err(error),
    }
    for table in ["torrents", "peers", "torrents_2_1", "peers_2_1"] {
        match session.query(&format!("SELECT 1 FROM {table} LIMIT 1")) {
            Ok(_) => return Ok(Schema::Older(None)),
            Err(error) if error.trouble == Trouble::NoTables => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Schema::Missing)
}

/// Makes the tables. On older ones nothing is done: they want an upgrade.
pub(super) fn create(session: &mut dyn Session, dialect: Dialect) -> Result<(), StoreError> {
    match look(session)? {
        Schema::Missing | Schema::Current => {}
        other => return other.check(),
    }
    let file = match dialect {
        Dialect::MySql => MYSQL_CREATION,
        Dialect::Sqlite => SQLITE_CREATION,
    };
    statements(file).try_for_each(|statement| session.query(statement).map(drop))
}

/// Brings older tables up to date, and makes missing ones. There were none in SQLite before.
pub(super) fn upgrade(
    session: &mut dyn Session,
    dialect: Dialect,
) -> Result<Vec<NotKept>, StoreError> {
    match look(session)? {
        Schema::Older(_) => {}
        Schema::Missing => return create(session, dialect).map(|()| Vec::new()),
        Schema::Current => return Ok(Vec::new()),
        newer => return newer.check().map(|()| Vec::new()),
    }
    let file = match dialect {
        Dialect::MySql => MYSQL_UPGRADE,
        Dialect::Sqlite => SQLITE_CREATION,
    };
    let mut not_kept = Vec::new();
    for statement in statements(file) {
        // One statement has an answer: what could not be kept.
        for row in session.query(statement)? {
            let [table, rows] = &row[..] else { continue };
            let table = String::from_utf8_lossy(table.bytes().unwrap_or_default());
            not_kept.push(NotKept {
                table: table.into_owned(),
                rows: rows.number().unwrap_or_default(),
            });
        }
    }
    not_kept.retain(|table| table.rows > 0);
    Ok(not_kept)
}

/// The number that a query answers with.
pub(super) fn number(session: &mut dyn Session, sql: &str) -> Result<Option<i64>, StoreError> {
    let rows = session.query(sql)?;
    Ok(rows.first().and_then(|row| row.first()?.number()))
}

/// The statements of a file. Those up to its `USE` select the schema `btrt`, which the
/// configuration may call otherwise: the session has selected it.
fn statements(file: &str) -> impl Iterator<Item = &str> {
    let (_, tables) = file.split_once("\nUSE btrt;\n").unwrap_or(("", file));
    let is_sql = |line: &str| !line.trim().is_empty() && !line.starts_with("--");
    tables
        .split_inclusive(";\n")
        .filter(move |statement| statement.lines().any(is_sql))
        .map(|statement| statement.trim_end().trim_end_matches(';'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_files_make_the_same_tables() {
        let tables = |file| {
            let new = |sql: &&str| sql.contains("CREATE TABLE") && !sql.contains("_2_1");
            statements(file).filter(new).map(|sql| {
                let start = sql.find("CREATE TABLE").unwrap();
                sql[start..].to_owned()
            })
        };
        let created: Vec<_> = tables(MYSQL_CREATION).collect();
        assert_eq!(created.len(), 3);
        assert_eq!(created, tables(MYSQL_UPGRADE).collect::<Vec<_>>());
    }

    #[test]
    fn files_fall_into_statements() {
        let file =
            "-- a; b\nSET x;\nUSE btrt;\n\n-- One;\nCREATE a (\n  b);\n-- Two.\nDO 0;\n-- End\n";
        let pieces: Vec<_> = statements(file).collect();
        assert_eq!(pieces.len(), 2, "{pieces:?}");
    }
}
