//! The database: both stores by one contract, MariaDB with its ways to fail, the files in `db/`,
//! `btrt db`, and the whole program with a database that fails while clients announce.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on has failed, and waiting with a deadline needs the real clock"
)]

mod command;
mod contract;
mod daemons;
mod faults;
mod files;
mod full;
#[path = "../program/harness/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    reason = "the tests of the program use all of it"
)]
mod harness;
mod hashlist;
mod load;
#[path = "../support/mariadb.rs"]
mod mariadb;
mod outages;
mod records;
mod restarts;
#[path = "../support/small_disk.rs"]
mod small_disk;
mod tables;
mod worker;

use btrt::config::Password;
use btrt::worker::store::{Address, MySql, Place, Sqlite, Store};
use mariadb::MariaDb;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A folder of its own for a test, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("btrt-database-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn sqlite(path: &Path) -> Store {
    Store::new(Place::Sqlite(Sqlite {
        path: path.to_owned(),
    }))
}

/// The user `btrt` of a server, who may do in its schema what an operator would let him.
fn allow(server: &MariaDb, rights: &str) {
    server.sql(&format!(
        "GRANT {rights} ON btrt.* TO btrt IDENTIFIED BY 'secret'"
    ));
}

fn mysql(server: &MariaDb) -> MySql {
    MySql {
        address: Address::Unix(server.socket()),
        user: "btrt".to_owned(),
        password: Some(Password::new("secret")),
        schema: "btrt".to_owned(),
        timeout: Some(Duration::from_secs(10)),
    }
}

/// A server with tables, and a store on it.
fn server_with_tables(options: &[&str]) -> (MariaDb, Store) {
    let server = MariaDb::start(options);
    allow(&server, "ALL");
    let mut store = Store::new(Place::MySql(mysql(&server)));
    store.create().unwrap();
    (server, store)
}
