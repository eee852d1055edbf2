//! A disk without room: SQLite's file lies on a small one of its own.

use crate::Folder;
use crate::daemons::{BEGIN, END, count, start, stop_and_start_again, with_sqlite};
use crate::harness::wait_until;
use crate::load::Load;
use crate::small_disk::SmallDisk;
use crate::tables::{Tables, figures};

#[test]
fn a_disk_without_room() {
    let folder = Folder::new();
    let disk = SmallDisk::mount(&folder.0);
    let path = folder.0.join("btrt.sqlite");
    let settings = with_sqlite(&path, 1);
    let daemon = start(&settings);
    let tables = Tables::Sqlite(path);
    let load = Load::start(daemon.address());
    wait_until("rows of peers", || tables.peers().len() > 500);
    disk.fill();
    wait_until("the fault", || count(&daemon, BEGIN) > 0);
    disk.make_room();
    wait_until("the end of it", || count(&daemon, END) > 0);
    let announced = load.stop();
    tables.become_equal(&announced, &figures(&daemon));
    let told = daemon
        .log_lines()
        .into_iter()
        .find(|line| line.contains(BEGIN));
    assert!(
        told.as_deref().unwrap().contains("make room on its disk"),
        "{told:?}"
    );
    assert_eq!((count(&daemon, BEGIN), count(&daemon, END)), (1, 1));
    stop_and_start_again(daemon, &settings, &announced);
}
