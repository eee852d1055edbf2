//! `btrt db`.

use crate::mariadb::MariaDb;
use crate::{Folder, allow};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The exit code and what was printed.
fn db(config: &Path, command: &str) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_btrt"))
        .args(["db", command, "-c"])
        .arg(config)
        .output()
        .unwrap();
    let printed = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(printed).unwrap())
}

fn configured(folder: &Folder, database: &str) -> std::path::PathBuf {
    let path = folder.0.join("btrt.conf");
    fs::write(&path, format!("database: {database}\n")).unwrap();
    path
}

fn says(result: (Option<i32>, String), code: i32, texts: &[&str]) {
    assert_eq!(result.0, Some(code), "{}", result.1);
    for text in texts {
        assert!(result.1.contains(text), "{} should say {text}", result.1);
    }
}

fn from_missing_to_ready(config: &Path) {
    says(
        db(config, "status"),
        1,
        &["tables are missing", "btrt db create"],
    );
    says(db(config, "create"), 0, &["the tables are ready"]);
    says(db(config, "create"), 0, &["the tables are ready"]);
    says(db(config, "upgrade"), 0, &["the tables are up to date"]);
    says(
        db(config, "status"),
        0,
        &["schema version 3\n", "torrents 0\n", "peers 0\n"],
    );
}

#[test]
fn with_sqlite() {
    let folder = Folder::new();
    from_missing_to_ready(&configured(&folder, "{url: 'sqlite:data/btrt.sqlite'}"));
    assert!(folder.0.join("data/btrt.sqlite").exists());
}

#[test]
fn with_mariadb() {
    let folder = Folder::new();
    let server = MariaDb::start(&[]);
    allow(&server, "ALL");
    let socket = server.socket();
    let database = |password: &str| {
        let url = format!("unix://{}", socket.display());
        configured(
            &folder,
            &format!("{{url: '{url}', user: btrt, password: {password}}}"),
        )
    };
    says(
        db(&database("wrong"), "status"),
        1,
        &["database.password", "schema btrt"],
    );
    from_missing_to_ready(&database("secret"));
}

#[test]
fn without_a_database() {
    let folder = Folder::new();
    let config = configured(&folder, "{url: none}");
    says(db(&config, "create"), 1, &["database.url is none"]);
    says(db(&config, "drop"), 2, &["create, upgrade or status"]);
    says(db(Path::new("/nowhere"), "status"), 1, &["cannot be read"]);
}
