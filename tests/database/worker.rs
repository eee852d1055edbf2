//! The thread that looks after the database.

use crate::mariadb::MariaDb;
use crate::records::{NOW, changes, peer, swarm};
use crate::{Folder, allow, mysql, sqlite};
use btrt::channel::{self, Office};
use btrt::job::{StoreJob, StoreOutcome};
use btrt::worker::database;
use btrt::worker::store::{Place, Schema};
use mio::{Events, Poll, Token, Waker};
use std::fs;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The loop's side.
struct Loop {
    poll: Poll,
    work: Office<StoreJob, StoreOutcome>,
    thread: JoinHandle<()>,
}

impl Loop {
    fn start(place: Place) -> Loop {
        let poll = Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), Token(0)).unwrap());
        let (work, desk) = channel::new(4, waker);
        let thread = database::start(place, desk).unwrap();
        Loop { poll, work, thread }
    }

    fn next(&mut self) -> StoreOutcome {
        let mut events = Events::with_capacity(1);
        loop {
            if let Some(outcome) = self.work.next_outcome() {
                return outcome;
            }
            self.poll
                .poll(&mut events, Some(Duration::from_secs(30)))
                .unwrap();
            assert!(!events.is_empty(), "no outcome");
        }
    }

    fn down(&mut self, reason: &str) {
        let outcome = self.next();
        let StoreOutcome::DatabaseDown(text) = &outcome else {
            panic!("{outcome:?} instead of: {reason}")
        };
        assert!(text.contains(reason), "{text} should say {reason}");
    }
}

fn batch() -> StoreJob {
    let mut changes = changes();
    changes.swarms = vec![swarm(1)];
    changes.peers = vec![peer(1, "10.0.0.1", 1), peer(1, "10.0.0.1", 2)];
    StoreJob::Write(changes)
}

const WRITTEN: StoreOutcome = StoreOutcome::Written {
    peers: 2,
    swarms: 1,
    refused: 0,
};

#[test]
fn jobs_are_done_one_by_one_on_a_file_that_it_makes() {
    let folder = Folder::new();
    let path = folder.0.join("new/btrt.sqlite");
    let place = sqlite(&path).place().clone();
    let mut at = Loop::start(place);
    at.work.hand_out(batch()).unwrap();
    assert_eq!(at.next(), StoreOutcome::DatabaseUp);
    assert_eq!(at.next(), WRITTEN);
    let (after, limit) = (None, 10);
    at.work
        .hand_out(StoreJob::ReadSwarms {
            now: NOW,
            after,
            limit,
        })
        .unwrap();
    let StoreOutcome::Swarms(swarms) = at.next() else {
        panic!("no swarms")
    };
    assert_eq!(swarms.len(), 1);
    // The clock may have gone on a second.
    assert!(swarm(1).last_seen.since(swarms[0].last_seen) <= 1);
    let after = Some(peer(1, "10.0.0.1", 1).key);
    at.work
        .hand_out(StoreJob::ReadPeers {
            now: NOW,
            after,
            limit,
        })
        .unwrap();
    let StoreOutcome::Peers(peers) = at.next() else {
        panic!("no peers")
    };
    assert_eq!(peers.len(), 1);
    drop(at.work);
    at.thread.join().unwrap();
    assert_eq!(sqlite(&path).schema().unwrap(), Schema::Current);
}

#[test]
fn a_file_that_is_removed_or_replaced_is_missed_at_the_next_job() {
    let folder = Folder::new();
    let path = folder.0.join("btrt.sqlite");
    let copy = folder.0.join("copy.sqlite");
    let rows = || sqlite(&path).counts().unwrap().peers;
    sqlite(&copy).create().unwrap();
    let mut at = Loop::start(sqlite(&path).place().clone());
    let mut write = |is_new| {
        at.work.hand_out(batch()).unwrap();
        if is_new {
            assert_eq!(at.next(), StoreOutcome::DatabaseUp);
        }
        assert_eq!(at.next(), WRITTEN);
        assert_eq!(rows(), 2);
    };
    write(true);
    write(false);
    fs::remove_file(&path).unwrap();
    write(true);
    write(false);
    fs::rename(&copy, &path).unwrap();
    write(true);
    write(false);
}

#[test]
fn a_job_waits_until_the_server_is_there_with_tables() {
    let mut server = MariaDb::start(&[]);
    allow(&server, "ALL");
    let place = Place::MySql(mysql(&server));
    server.stop();
    let mut at = Loop::start(place.clone());
    at.work.hand_out(batch()).unwrap();
    at.down("database.url");
    server.launch();
    at.down("btrt db create");
    btrt::worker::store::Store::new(place).create().unwrap();
    assert_eq!(at.next(), StoreOutcome::DatabaseUp);
    assert_eq!(at.next(), WRITTEN);

    // A server that has hung up is no trouble, unless it does not answer the next call. But what is
    // behind the new connection may be another one.
    let idle = "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'btrt'";
    server.sql(&format!("KILL {}", server.number(idle)));
    at.work.hand_out(batch()).unwrap();
    assert_eq!(at.next(), StoreOutcome::DatabaseUp);
    assert_eq!(at.next(), WRITTEN);
    at.work.hand_out(batch()).unwrap();
    assert_eq!(at.next(), WRITTEN);

    server.stop();
    at.work.hand_out(batch()).unwrap();
    at.down("database.url");
    server.launch();
    assert_eq!(at.next(), StoreOutcome::DatabaseUp);
    assert_eq!(at.next(), WRITTEN);
    assert_eq!(server.number("SELECT COUNT(*) FROM btrt.peers"), 2);
}

#[test]
fn the_end_of_the_loop_ends_its_waiting() {
    let mut place = mysql(&MariaDb::start(&[]));
    place.timeout = Some(Duration::from_secs(1));
    // The server is gone by now.
    let mut at = Loop::start(Place::MySql(place));
    at.work.hand_out(batch()).unwrap();
    at.down("database.url");
    #[expect(clippy::disallowed_methods, reason = "a test of the time it takes")]
    let start = Instant::now();
    drop(at.work);
    at.thread.join().unwrap();
    assert!(start.elapsed() < Duration::from_millis(900));
}
