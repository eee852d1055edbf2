//! `btrt hashlist`: the same bytes as the running daemon serves, and a file that is never torn.

use crate::daemons::{with_mariadb, with_sqlite};
use crate::harness::{Daemon, Process, Run, Settings, leecher, wait_until};
use crate::records::{NOW, changes, peer};
use crate::{Folder, server_with_tables, sqlite};
use btrt::bittorrent::InfoHash;
use btrt::record::PeerRecord;
use btrt::time::Timestamp;
use btrt::worker::store::{Clock, Store};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

fn hash_list(configuration: &Path) -> Run {
    Run::of(&["hashlist", "-c", configuration.to_str().unwrap()])
}

/// Info hashes in order, with the peers of each network: local, partner, IPv6, none.
type Swarms = BTreeMap<[u8; 20], [u32; 4]>;

fn announce_some(daemon: &Daemon, random: &mut fastrand::Rng) -> Swarms {
    let mut swarms = Swarms::new();
    let mut client = daemon.connect_from([127, 0, 0, 1]);
    for number in 0..60 {
        let mut hash = [0; 20];
        random.fill(&mut hash);
        let counts = [(); 4].map(|()| random.u32(0..3));
        for (network, count) in counts.iter().enumerate() {
            for host in 1..=*count {
                let ip = match network {
                    2 => format!("2001:db8::{host}"),
                    network => format!("127.{}.0.{host}", [1, 2, 0, 3][network]),
                };
                let announce = leecher(number * 100 + host).in_swarm(&hash);
                client.announce_with(&announce, &[&format!("X-Real-IP: {ip}")]);
            }
        }
        if counts != [0; 4] {
            swarms.insert(hash, counts);
        }
    }
    swarms
}

/// Several configurations, each of which is told to the daemon and to the command.
fn the_file_and_the_daemon_agree(base: &Settings) {
    let base = base.clone().with_admin();
    let with_keys = |settings: &Settings, keys: &str| {
        let section = format!("hashlist: {{path: lists/hashlist.bin, {keys}}}");
        settings.clone().section(&section)
    };
    let more = base
        .clone()
        .group("name: six, priority: 1, cidr_list: ['2001:db8::/32']");
    // What counts: of which networks, and how many.
    let configurations = [
        (with_keys(&base, "max_priority: 0"), [1, 0, 0, 0], 1),
        (with_keys(&base, "max_priority: 1"), [1, 1, 0, 0], 1),
        (with_keys(&base, "min_peers: 2"), [1, 0, 0, 0], 2),
        (
            with_keys(&more, "max_priority: 1, min_peers: 3"),
            [1, 1, 1, 0],
            3,
        ),
        (
            with_keys(&more, "max_priority: 9, min_peers: 4"),
            [1, 1, 1, 0],
            4,
        ),
        (with_keys(&more, "min_peers: 100"), [1, 0, 0, 0], 100),
    ];
    let daemon = Daemon::start(&configurations[0].0);
    fs::create_dir(daemon.folder().join("lists")).unwrap();
    let file = daemon.folder().join("lists/hashlist.bin");
    let mut random = fastrand::Rng::with_seed(7);
    let swarms = announce_some(&daemon, &mut random);
    for (settings, counting, least) in &configurations {
        let listed = swarms.iter().filter(|(_, counts)| {
            let counted = counts.iter().zip(counting).map(|(count, by)| count * by);
            counted.sum::<u32>() >= *least
        });
        let expected: Vec<u8> = listed.flat_map(|(hash, _)| *hash).collect();
        daemon.reload(settings);
        let live = || daemon.admin().get("/hashlist.bin").body;
        wait_until("the live list", || live() == expected);
        wait_until("the file", || {
            let run = hash_list(&daemon.configuration());
            // At first the database has nothing.
            run.code == Some(0) && fs::read(&file).unwrap() == expected
        });
        let run = hash_list(&daemon.configuration());
        let printed = format!("{}: {} info hashes\n", file.display(), expected.len() / 20);
        assert_eq!((run.output, &*run.errors), (printed, ""));
    }
    let names = fs::read_dir(file.parent().unwrap()).unwrap();
    assert_eq!(names.count(), 1, "nothing is left behind");
}

#[test]
fn the_file_from_sqlite_and_the_daemon_agree() {
    let folder = Folder::new();
    the_file_and_the_daemon_agree(&with_sqlite(&folder.0.join("btrt.sqlite"), 1));
}

#[test]
fn the_file_from_mariadb_and_the_daemon_agree() {
    let (server, _) = server_with_tables(&[]);
    the_file_and_the_daemon_agree(&with_mariadb(&server, 1));
}

/// A configuration in a folder with a list that is there already.
fn configured(folder: &Folder, database: &str) -> PathBuf {
    let path = folder.0.join("btrt.conf");
    let groups = "peer_groups: [{name: home, cidr_list: ['10.0.0.0/8']}]";
    let text = format!("database: {database}\nhashlist: {{path: h.bin}}\n{groups}\n");
    fs::write(&path, text).unwrap();
    fs::write(folder.0.join("h.bin"), "old").unwrap();
    path
}

/// The command fails, says why, and leaves the list as it is.
fn leaves_the_old(folder: &Folder, configuration: &Path, why: &[&str]) {
    let run = hash_list(configuration);
    assert_eq!((run.code, &*run.output), (Some(1), ""), "{}", run.errors);
    for text in why {
        assert!(run.errors.contains(text), "{text}: {}", run.errors);
    }
    assert_eq!(fs::read(folder.0.join("h.bin")).unwrap(), b"old");
    let names = fs::read_dir(&folder.0).unwrap();
    let left = names.filter(|name| {
        let name = name.as_ref().unwrap().file_name();
        name.to_string_lossy().contains(".new")
    });
    assert_eq!(left.count(), 0);
}

fn write(store: &mut Store, peers: Vec<PeerRecord>) {
    let mut changes = changes();
    changes.peers = peers;
    store.write(&changes, &Clock::present(NOW)).unwrap();
}

#[test]
fn sqlite_that_has_nothing_to_say_changes_nothing() {
    let folder = Folder::new();
    let configuration = configured(&folder, "{url: 'sqlite:b.sqlite'}");
    let file = folder.0.join("b.sqlite");
    leaves_the_old(
        &folder,
        &configuration,
        &["tables are missing", "stays as it is"],
    );
    assert!(!file.exists(), "a look makes no tables");
    fs::write(&file, "").unwrap();
    leaves_the_old(&folder, &configuration, &["tables are missing"]);
    fs::write(&file, "this is no database, whatever it is called").unwrap();
    leaves_the_old(&folder, &configuration, &["not a database"]);
    fs::remove_file(&file).unwrap();

    let mut store = sqlite(&file);
    store.create().unwrap();
    leaves_the_old(&folder, &configuration, &["there are no peers"]);
    let mut expired = peer(1, "10.0.0.1", 1);
    expired.last_announce = Timestamp(NOW.0 - 4_500);
    write(&mut store, vec![expired]);
    leaves_the_old(&folder, &configuration, &["have expired"]);

    // A network without peers of its own is something else: that is known.
    write(&mut store, vec![peer(2, "192.0.2.1", 1)]);
    let run = hash_list(&configuration);
    assert_eq!(run.code, Some(0), "{}", run.errors);
    assert_eq!(fs::read(folder.0.join("h.bin")).unwrap(), b"");

    let nowhere = configured(&folder, "{url: 'sqlite:b.sqlite'}");
    let text = fs::read_to_string(&nowhere).unwrap();
    fs::write(&nowhere, text.replace("h.bin", "nowhere/h.bin")).unwrap();
    leaves_the_old(&folder, &nowhere, &["cannot write", "nowhere/h.bin"]);
}

#[test]
fn mariadb_that_is_away_changes_nothing() {
    let folder = Folder::new();
    let (mut server, _) = server_with_tables(&[]);
    let database = |schema: &str| {
        let port = server.port;
        format!("{{url: 'tcp://127.0.0.1:{port}', user: btrt, password: secret, schema: {schema}}}")
    };
    let (btrt, wrong) = (database("btrt"), database("wrong"));
    let configuration = configured(&folder, &btrt);
    leaves_the_old(&folder, &configuration, &["there are no peers"]);
    server.sql("USE btrt;\nDROP TABLE schema_version;\nDROP TABLE peers;\nDROP TABLE torrents");
    leaves_the_old(&folder, &configuration, &["btrt db create"]);
    leaves_the_old(&folder, &configured(&folder, &wrong), &["schema wrong"]);
    server.stop();
    leaves_the_old(&folder, &configured(&folder, &btrt), &["is it running"]);
}

#[test]
fn without_a_database_there_is_the_live_one() {
    let folder = Folder::new();
    let configuration = configured(&folder, "{url: none}");
    leaves_the_old(&folder, &configuration, &["url is none", "/hashlist.bin"]);
}

/// A configuration of a store with so many swarms inside, whose list has this byte all over.
fn store_with(folder: &Folder, name: &str, byte: u8, swarms: u32) -> PathBuf {
    let mut store = sqlite(&folder.0.join(format!("{name}.sqlite")));
    let rows = (0..swarms).map(|number| {
        let mut row = peer(0, "10.0.0.1", 1);
        let mut hash = [byte; 20];
        hash[..4].copy_from_slice(&number.to_be_bytes());
        row.key.info_hash = InfoHash(hash);
        row
    });
    write(&mut store, rows.collect());
    let configuration = configured(folder, &format!("{{url: 'sqlite:{name}.sqlite'}}"));
    let own = folder.0.join(format!("{name}.conf"));
    fs::rename(configuration, &own).unwrap();
    own
}

/// Whether a list is one of the two, from its first byte to its last.
fn is_whole(list: &[u8], sizes: [(u8, usize); 2]) -> bool {
    let (hashes, rest) = list.as_chunks::<20>();
    let of = |byte: u8| hashes.iter().all(|hash| hash[4..] == [byte; 16]);
    let mut sizes = sizes.into_iter();
    rest.is_empty() && sizes.any(|(byte, size)| hashes.len() == size && of(byte))
}

#[test]
fn a_reader_and_a_kill_find_no_torn_list() {
    const SIZES: [(u8, usize); 2] = [(0xaa, 60_000), (0xbb, 50_000)];
    let folder = Folder::new();
    let configurations = [("a", SIZES[0]), ("b", SIZES[1])]
        .map(|(name, (byte, size))| store_with(&folder, name, byte, size as u32));
    let file = folder.0.join("h.bin");
    let begin = Instant::now();
    assert_eq!(hash_list(&configurations[0]).code, Some(0));
    let mut usual = begin.elapsed();

    let done = Arc::new(AtomicBool::new(false));
    let (read, end) = (file.clone(), done.clone());
    let reader = thread::spawn(move || {
        let mut reads = 0;
        while !end.load(Ordering::Relaxed) {
            assert!(is_whole(&fs::read(&read).unwrap(), SIZES), "torn");
            reads += 1;
        }
        reads
    });
    let mut random = fastrand::Rng::with_seed(3);
    let (mut ended, mut killed) = (0, 0);
    for round in 0..30 {
        let mut command = Command::new(env!("CARGO_BIN_EXE_btrt"));
        command
            .args(["hashlist", "-c"])
            .arg(&configurations[round % 2])
            .stdout(Stdio::null());
        let mut process = Process::start(&mut command);
        // At any moment, most of all around the end, where the file is written. Every third run
        // is left alone, and tells how long they take at present.
        let after = (round % 3 > 0).then(|| usual.mul_f64(0.3 + random.f64()));
        let begin = Instant::now();
        wait_until("the moment", || {
            process.ended().is_some() || after.is_some_and(|after| begin.elapsed() > after)
        });
        match process.ended() {
            Some(status) => {
                assert!(status.success());
                ended += 1;
                usual = begin.elapsed();
            }
            None => killed += 1,
        }
        drop(process);
        assert!(is_whole(&fs::read(&file).unwrap(), SIZES), "torn");
    }
    done.store(true, Ordering::Relaxed);
    let reads = reader.join().expect("no list was torn");
    assert!(reads > 30, "{reads} reads");
    assert!(ended > 0 && killed > 0, "{ended} ended, {killed} killed");
}

/// Runs that overlap do not write into each other's file.
#[test]
fn two_at_the_same_time_both_succeed() {
    let folder = Folder::new();
    let configuration = store_with(&folder, "a", 0xaa, 5_000);
    let runs: Vec<_> = (0..4)
        .map(|_| {
            let configuration = configuration.clone();
            thread::spawn(move || hash_list(&configuration).code)
        })
        .collect();
    for run in runs {
        assert_eq!(run.join().unwrap(), Some(0));
    }
    let list = fs::read(folder.0.join("h.bin")).unwrap();
    assert!(is_whole(&list, [(0xaa, 5_000); 2]));
}

/// What peers are counted by is their address, as the daemon does when it starts.
#[test]
fn the_group_that_was_written_once_says_nothing() {
    let folder = Folder::new();
    let configuration = configured(&folder, "{url: 'sqlite:b.sqlite'}");
    let mut rows = vec![peer(1, "10.0.0.1", 1), peer(2, "192.0.2.1", 1)];
    rows[0].group = "other".into();
    rows[1].group = "home".into();
    write(&mut sqlite(&folder.0.join("b.sqlite")), rows);
    assert_eq!(hash_list(&configuration).code, Some(0));
    assert_eq!(fs::read(folder.0.join("h.bin")).unwrap(), [1; 20]);
}
