//! What the simulation has found, each as the shortest story that shows it.

use btrt::bittorrent::{
    Announce, Event, Forwarded, InfoHash, PeerId, Target, UpstreamRequest, Wants,
};
use btrt::job::{FetchPolicy, StoreJob, StoreOutcome, Ticket};
use btrt::record::{Origin, PeerKey, PeerRecord};
use btrt::swarm::{GroupDefinition, PeerGroups};
use btrt::time::Now;
use btrt::tracker::{Answer, NeighborSettings, Settings, Tracker};
use std::net::IpAddr;
use std::sync::Arc;

fn announce(port: u16, event: Event) -> Announce {
    Announce {
        info_hash: InfoHash([7; 20]),
        peer_id: PeerId([port as u8; 20]),
        port: Some(port),
        seeder: false,
        event,
        numwant: None,
        compact: true,
        no_peer_id: false,
    }
}

fn forwarded(announce: Announce) -> Forwarded {
    let url = b"http://tracker.example/announce";
    Forwarded {
        target: Target::parse(url).expect("a URL"),
        tracker: (*url).into(),
        user_agent: None,
        client_ip: None,
        wants: Wants::Announce {
            announce,
            request: UpstreamRequest::Scrape { hashes: Vec::new() },
            names_ip: false,
        },
    }
}

fn groups(definitions: &[(&str, &str)], tracker: Option<&Tracker>) -> PeerGroups {
    let definition = |(name, network): &(&str, &str)| GroupDefinition {
        name: (*name).to_owned(),
        priority: 0,
        networks: vec![network.parse().expect("a network")],
        visible_to: Some(Vec::new()),
    };
    let names = tracker.map(Tracker::group_names).unwrap_or_default();
    PeerGroups::new(definitions.iter().map(definition).collect(), &names)
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// How many IPv4 peers the next answer has, which must be to this ticket.
fn peers_for(tracker: &mut Tracker, ticket: u64, now: Now) -> usize {
    match tracker.next_answer(now) {
        Some((to, Answer::Announce(reply, _))) => {
            assert_eq!(to, Ticket(ticket));
            reply.peers.compact.len() / 6
        }
        other => panic!("no announce was answered: {other:?}"),
    }
}

#[test]
fn whoever_waits_over_a_reload_is_told_what_its_new_group_may_know() {
    let now = Now::after_start(0);
    let both = groups(&[("home", "127.1.0.0/16")], None);
    let mut tracker = Tracker::new(Settings::default(), both, 1, now);
    tracker.handle_announce(&announce(1, Event::None), ip("127.1.0.1"), now);
    let wanted = forwarded(announce(2, Event::None));
    let answer = tracker.handle_forwarded(wanted, ip("127.1.0.2"), Ticket(1), now);
    assert!(answer.is_none(), "it waits");
    let apart = [("home", "127.1.0.1/32"), ("guests", "127.1.0.2/32")];
    let apart = groups(&apart, Some(&tracker));
    tracker.handle_reload(Settings::default(), apart);
    tracker.handle_timeout(now);
    assert_eq!(peers_for(&mut tracker, 1, now.plus(4_000)), 0);
}

#[test]
fn a_shorter_timeout_holds_at_once_and_not_behind_those_who_wait_longer() {
    let now = Now::after_start(0);
    let mut settings = Settings::default();
    settings.forward.timeout = 60;
    let nobody = groups(&[], None);
    let mut tracker = Tracker::new(settings.clone(), nobody, 1, now);
    let wait = |tracker: &mut Tracker, port, ticket| {
        let wanted = forwarded(announce(port, Event::None));
        let answer = tracker.handle_forwarded(wanted, ip("127.1.0.2"), Ticket(ticket), now);
        assert!(answer.is_none(), "it waits");
    };
    wait(&mut tracker, 1, 1);
    settings.forward.timeout = 4;
    let nobody = groups(&[], Some(&tracker));
    tracker.handle_reload(settings, nobody);
    wait(&mut tracker, 2, 2);
    assert_eq!(peers_for(&mut tracker, 2, now.plus(4_000)), 1);
    assert!(tracker.next_answer(now.plus(59_999)).is_none());
    assert_eq!(peers_for(&mut tracker, 1, now.plus(60_000)), 1);
}

#[test]
fn a_neighbor_that_says_good_bye_is_told_of_nobody() {
    let policy = Settings::default().forward.policy;
    let policy = Arc::new(FetchPolicy {
        trusted: true,
        ..(*policy).clone()
    });
    let neighbor = NeighborSettings {
        name: "partner".into(),
        refresh_interval: 1800,
        peers_expiry_interval: 7200,
        announce_request: "http://partner.example/announce?info_hash={info_hash}".to_owned(),
        accept_from: vec!["192.0.2.0/24".parse().expect("a network")],
        max_requests_per_second: 50,
        policy,
    };
    let settings = Settings {
        neighbors: vec![neighbor],
        ..Settings::default()
    };
    let now = Now::after_start(0);
    let mut tracker = Tracker::new(settings, groups(&[], None), 1, now);
    tracker.handle_announce(&announce(1, Event::None), ip("127.1.0.1"), now);
    let mut told = |event| {
        let reply = tracker.handle_announce(&announce(2, event), ip("192.0.2.1"), now);
        reply.peers.compact.len() / 6
    };
    assert_eq!(told(Event::None), 1);
    assert_eq!(told(Event::Stopped), 0);
}

/// What a database is asked next, if anything.
fn next_store_job(tracker: &mut Tracker, now: Now) -> Option<StoreJob> {
    (0..100).find_map(|_| {
        tracker.handle_timeout(now);
        tracker.next_store_job()
    })
}

/// Does a job as a database with these rows of peers does.
fn carry_out(job: StoreJob, rows: &mut Vec<PeerRecord>) -> StoreOutcome {
    match job {
        StoreJob::ReadPeers { .. } => StoreOutcome::Peers(rows.clone()),
        StoreJob::ReadSwarms { .. } => StoreOutcome::Swarms(Vec::new()),
        StoreJob::Write(changes) => {
            rows.retain(|row| !changes.gone_swarms.contains(&row.key.info_hash));
            rows.retain(|row| !changes.gone_peers.contains(&row.key));
            for peer in &changes.peers {
                rows.retain(|row| row.key != peer.key);
            }
            let (peers, swarms) = (changes.peers.len(), changes.swarms.len());
            rows.extend(changes.peers);
            StoreOutcome::Written {
                peers,
                swarms,
                refused: 0,
            }
        }
    }
}

/// Has a database with these rows of peers do what it is asked until there is no more to do.
fn store_all(tracker: &mut Tracker, rows: &mut Vec<PeerRecord>, now: Now) {
    while let Some(job) = next_store_job(tracker, now) {
        tracker.handle_store_outcome(carry_out(job, rows));
    }
}

/// The next job is done over a new connection.
fn store_behind_a_new_connection(tracker: &mut Tracker, rows: &mut Vec<PeerRecord>, now: Now) {
    let job = next_store_job(tracker, now).expect("a job");
    tracker.handle_store_outcome(StoreOutcome::DatabaseUp);
    tracker.handle_store_outcome(carry_out(job, rows));
}

/// A peer in a database.
fn stored(port: u16, now: Now) -> PeerRecord {
    PeerRecord {
        key: PeerKey {
            info_hash: InfoHash([7; 20]),
            ip: ip("127.1.0.2"),
            port,
        },
        peer_id: PeerId([2; 20]),
        seeder: false,
        completed: false,
        group: "other".into(),
        origin: Origin::Announced,
        last_announce: now.timestamp(),
    }
}

fn with_database(now: Now) -> Tracker {
    let settings = Settings {
        flush_interval: Some(5),
        ..Settings::default()
    };
    Tracker::new(settings, groups(&[], None), 1, now)
}

#[test]
fn a_database_that_comes_back_empty_gets_everything_even_from_a_daemon_that_stops() {
    let now = Now::after_start(0);
    let mut tracker = with_database(now);
    let mut rows = Vec::new();
    store_all(&mut tracker, &mut rows, now);
    tracker.handle_announce(&announce(1, Event::None), ip("127.1.0.1"), now);
    let now = now.plus(5_000);
    store_all(&mut tracker, &mut rows, now);
    assert_eq!(rows.len(), 1);
    rows.clear();
    tracker.handle_store_outcome(StoreOutcome::DatabaseDown("gone".to_owned()));
    tracker.handle_store_outcome(StoreOutcome::DatabaseUp);
    tracker.stop();
    store_all(&mut tracker, &mut rows, now);
    assert!(tracker.is_stopped());
    assert_eq!(rows.len(), 1);
}

#[test]
fn who_is_loaded_into_a_swarm_that_was_gone_for_a_moment_stays_in_the_database() {
    let now = Now::after_start(0);
    let mut tracker = with_database(now);
    tracker.handle_announce(&announce(1, Event::None), ip("127.1.0.1"), now);
    tracker.handle_announce(&announce(1, Event::Stopped), ip("127.1.0.1"), now);
    let mut rows = vec![stored(2, now)];
    store_all(&mut tracker, &mut rows, now);
    assert_eq!(tracker.swarms().totals().peers(), 1);
    assert_eq!(rows.len(), 1);
}

#[test]
fn a_database_that_was_replaced_between_two_jobs_gets_everything() {
    let now = Now::after_start(0);
    let mut tracker = with_database(now);
    let mut rows = Vec::new();
    tracker.handle_announce(&announce(1, Event::None), ip("127.1.0.1"), now);
    store_all(&mut tracker, &mut rows, now);
    rows.clear();
    tracker.handle_announce(&announce(2, Event::None), ip("127.1.0.1"), now);
    let now = now.plus(5_000);
    store_behind_a_new_connection(&mut tracker, &mut rows, now);
    assert_eq!(rows.len(), 1);
    store_all(&mut tracker, &mut rows, now.plus(5_000));
    assert_eq!(rows.len(), 2);
}

#[test]
fn a_database_that_was_replaced_before_the_last_write_gets_everything() {
    let now = Now::after_start(0);
    let mut tracker = with_database(now);
    let mut rows = Vec::new();
    tracker.handle_announce(&announce(1, Event::None), ip("127.1.0.1"), now);
    store_all(&mut tracker, &mut rows, now);
    rows.clear();
    tracker.handle_announce(&announce(2, Event::None), ip("127.1.0.1"), now);
    tracker.stop();
    store_behind_a_new_connection(&mut tracker, &mut rows, now);
    assert!(!tracker.is_stopped());
    store_all(&mut tracker, &mut rows, now);
    assert!(tracker.is_stopped());
    assert_eq!(rows.len(), 2);
}

#[test]
fn rows_that_a_database_loses_while_they_are_loaded_are_written_again() {
    let now = Now::after_start(0);
    let mut tracker = with_database(now);
    let mut rows = vec![stored(2, now)];
    store_behind_a_new_connection(&mut tracker, &mut rows, now);
    rows.clear();
    store_behind_a_new_connection(&mut tracker, &mut rows, now);
    store_all(&mut tracker, &mut rows, now);
    store_all(&mut tracker, &mut rows, now.plus(5_000));
    assert_eq!(tracker.swarms().totals().peers(), 1);
    assert_eq!(rows.len(), 1);
}
