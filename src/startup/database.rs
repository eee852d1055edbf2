//! `btrt db`: the tables, looked at and made from the command line.

use super::Error;
use crate::config::{self, Config, DatabaseUrl};
use crate::worker::store::{
    Address, Counts, MySql, NotKept, Place, Sqlite, Store, StoreError, VERSION,
};
use std::path::Path;
use std::time::Duration;

/// What is to be done with the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseCommand {
    /// Create the tables.
    Create,
    /// Bring older tables up to date.
    Upgrade,
    /// Say which tables there are, and how many rows they have.
    Status,
}

/// Does what is to be done with the database of this configuration, and returns what to print.
pub fn database(path: &Path, command: DatabaseCommand) -> Result<String, Error> {
    let config = config::load(path).map_err(|faults| Error(faults.to_string()))?;
    // A person waits, who can stop it; an upgrade takes what it takes.
    let place = place(&config, None).ok_or(Error(
        "database.url is none: nothing is kept, and there is nothing to do".to_owned(),
    ))?;
    let name = place.to_string();
    let mut store = Store::new(place);
    let text = match command {
        DatabaseCommand::Create => create(&mut store),
        DatabaseCommand::Upgrade => upgrade(&mut store),
        DatabaseCommand::Status => status(&mut store),
    };
    match text {
        Ok(text) => Ok(format!("database {name}\n{text}")),
        Err(error) => Err(Error(format!("database {name}: {error}"))),
    }
}

fn create(store: &mut Store) -> Result<String, StoreError> {
    store.create()?;
    Ok("the tables are ready\n".to_owned())
}

fn upgrade(store: &mut Store) -> Result<String, StoreError> {
    let mut text = String::new();
    for NotKept { table, rows } in store.upgrade()? {
        text.push_str(&format!(
            "{rows} rows make no sense and were left in the table {table}; drop it when you have \
             no use for them\n"
        ));
    }
    Ok(text + "the tables are up to date\n")
}

fn status(store: &mut Store) -> Result<String, StoreError> {
    store.schema()?.check()?;
    let Counts { swarms, peers } = store.counts()?;
    Ok(format!(
        "schema version {VERSION}\ntorrents {swarms}\npeers {peers}\n"
    ))
}

/// Where the database of this configuration is; `None` is nowhere. The server has `timeout` for
/// each answer.
pub(super) fn place(config: &Config, timeout: Option<Duration>) -> Option<Place> {
    let database = &config.settings.database;
    let address = match &database.url {
        DatabaseUrl::None => return None,
        DatabaseUrl::Sqlite { path } => {
            return Some(Place::Sqlite(Sqlite { path: path.clone() }));
        }
        DatabaseUrl::Unix { path } => Address::Unix(path.clone()),
        DatabaseUrl::Tcp { host, port } => Address::Tcp {
            host: host.clone(),
            port: *port,
        },
    };
    Some(Place::MySql(MySql {
        address,
        user: database.user.clone(),
        password: database.password.clone(),
        schema: database.schema.clone(),
        timeout,
    }))
}
