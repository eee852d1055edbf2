use super::*;
use crate::swarm::{HashKeys, PeerGroups, Swarms};
use crate::tracker::Settings;

fn settings(name: &str) -> NeighborSettings {
    NeighborSettings {
        name: name.into(),
        refresh_interval: 100,
        peers_expiry_interval: 200,
        announce_request: "http://partner.example/announce?h={info_hash}&x".to_owned(),
        accept_from: vec!["192.0.2.0/24".parse().unwrap()],
        max_requests_per_second: 30,
        policy: Arc::new(FetchPolicy {
            allow_networks: Vec::new(),
            ports: Vec::new(),
            own_addresses: Vec::new(),
            trusted: true,
            via: String::new(),
        }),
    }
}

fn one() -> Neighbors {
    let mut neighbors = Neighbors::default();
    neighbors.set(&[settings("one")]);
    neighbors
}

fn hash(number: u8) -> InfoHash {
    InfoHash([number; 20])
}

/// Asks whatever is due up to a time, and tells when and about what.
fn run(neighbors: &mut Neighbors, until: u64, matters: impl Fn(u8) -> bool) -> Vec<(u64, u8)> {
    let mut asked = Vec::new();
    while let Some(due) = neighbors.next_timeout().filter(|due| due.0 <= until) {
        if let Some(due_now) = neighbors.next_question(due, |hash| matters(hash.0[0])) {
            asked.push((due.0, due_now.info_hash.0[0]));
        }
    }
    asked
}

#[test]
fn the_question_is_the_operators_with_the_hash_in_it() {
    let mut neighbors = one();
    neighbors.note(InfoHash(*b"aZ0-._~ %&=+/?#\x00\x7f\x80\xff|"));
    let due = neighbors.next_question(Now(0), |_| true).unwrap();
    let expected = "/announce?h=%61%5A%30%2D%2E%5F%7E%20%25%26%3D%2B%2F%3F%23%00%7F%80%FF%7C&x";
    assert_eq!(due.question.target.path_and_query, expected.as_bytes());
}

#[test]
fn a_torrent_has_one_turn_however_often_a_slow_neighbor_fails() {
    let mut neighbors = Neighbors::default();
    let mut impatient = settings("one");
    impatient.refresh_interval = 1;
    neighbors.set(&[impatient]);
    neighbors.note(hash(1));
    // Three questions are under way before the first of them fails.
    assert_eq!(run(&mut neighbors, 2_000, |_| true).len(), 3);
    for now in [10_000, 11_000, 12_000] {
        neighbors.handle_failure("one", hash(1), "time-out", Now(now));
        neighbors.check_invariants();
    }
    let asked = run(&mut neighbors, 30_000, |_| true);
    let gaps = asked.windows(2).map(|two| two[1].0 - two[0].0);
    assert!(gaps.min() >= Some(1_000), "{asked:?}");
    // A late failure brings nothing back that matters no longer.
    run(&mut neighbors, 40_000, |_| false);
    neighbors.handle_failure("one", hash(1), "time-out", Now(40_000));
    assert_eq!(neighbors.next_timeout(), None);
}

#[test]
fn made_up_torrents_do_not_pile_up_while_a_neighbor_is_away() {
    let mut neighbors = one();
    for number in 0..MAX_TORRENTS as u64 + 9 {
        let mut bytes = [0; 20];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        neighbors.note(InfoHash(bytes));
    }
    assert_eq!(neighbors.neighbors[0].known.len(), MAX_TORRENTS);
    neighbors.check_invariants();
}

/// Has the neighbor "one" tell of so many peers of a torrent, and returns how many are known then.
fn tell(neighbors: &mut Neighbors, number: u8, peers: u8, now: u64) -> usize {
    tell_as("one", neighbors, number, peers, now)
}

fn tell_as(name: &str, neighbors: &mut Neighbors, number: u8, peers: u8, now: u64) -> usize {
    let swarms = Swarms::new(HashKeys(1, 2), Settings::default().rules);
    let groups = PeerGroups::default();
    let places = Places::new(&groups, 0, &swarms);
    let peers: Vec<_> = (0..peers)
        .map(|peer| SocketAddr::from(([192, 0, 2, peer], 6881)))
        .collect();
    neighbors.handle_answer(name, hash(number), &peers, Now(now), places);
    let learned = neighbors.learned.get(&hash(number));
    learned.map_or(0, Learned::len)
}

#[test]
fn of_too_many_peers_no_more_are_taken_until_some_have_expired() {
    let mut neighbors = one();
    neighbors.note(hash(1));
    neighbors.note(hash(2));
    // As if other torrents had all others that there may be.
    neighbors.peers = MAX_PEERS - 1;
    assert_eq!(tell(&mut neighbors, 1, 3, 0), 3, "not cut short");
    assert_eq!(tell(&mut neighbors, 2, 3, 0), 0);
    assert_eq!(neighbors.peers, MAX_PEERS + 2);
    // They live for 200 s.
    assert_eq!(tell(&mut neighbors, 1, 3, 199_000), 3);
    assert_eq!(tell(&mut neighbors, 2, 3, 199_000), 0);
    assert_eq!(tell(&mut neighbors, 1, 3, 300_000), 0);
    assert_eq!(neighbors.peers, MAX_PEERS - 1);
    assert_eq!(tell(&mut neighbors, 2, 3, 300_000), 3);
}

#[test]
fn what_comes_when_a_torrent_matters_no_longer_is_not_kept() {
    let mut neighbors = one();
    neighbors.note(hash(1));
    assert_eq!(run(&mut neighbors, 1_000, |_| true).len(), 1);
    assert_eq!(tell(&mut neighbors, 1, 3, 1_000), 3);
    assert_eq!(run(&mut neighbors, 300_000, |_| false).len(), 0);
    assert_eq!(tell(&mut neighbors, 1, 3, 300_000), 0);
    neighbors.check_invariants();
}

#[test]
fn torrents_that_come_in_a_crowd_part() {
    let mut neighbors = one();
    for number in 0..50 {
        neighbors.note(hash(number));
        neighbors.note(hash(number));
    }
    let asked = run(&mut neighbors, 300_000, |_| true);
    assert_eq!(
        asked[..50].last(),
        Some(&(49 * 34, 49)),
        "30 a second at most"
    );
    for number in 0..50 {
        let times: Vec<_> = asked.iter().filter(|(_, one)| *one == number).collect();
        let apart = times.windows(2).map(|pair| pair[1].0 - pair[0].0);
        assert!(apart.min() >= Some(100_000), "{number}: {times:?}");
    }
    let second: Vec<_> = asked[50..100].iter().map(|(time, _)| *time).collect();
    let spread = second[49] - second[0];
    assert!(spread > 90_000, "the second time in {spread} ms");
}

#[test]
fn torrents_that_come_one_by_one_do_not_push_each_other_away() {
    let mut neighbors = one();
    let mut asked = Vec::new();
    for number in 0..200 {
        neighbors.note(hash(number));
        asked.extend(run(&mut neighbors, u64::from(number) * 40, |_| true));
    }
    asked.extend(run(&mut neighbors, 1_000_000, |_| true));
    for number in 0..200 {
        let times = asked.iter().filter(|(_, one)| *one == number);
        let times: Vec<_> = times.map(|(time, _)| *time).collect();
        let apart: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(
            apart
                .iter()
                .all(|apart| (100_000..=200_100).contains(apart)),
            "{apart:?}"
        );
        assert!(apart.last() <= Some(&105_000), "in the end: {apart:?}");
    }
}

#[test]
fn what_no_longer_matters_is_forgotten() {
    let mut neighbors = one();
    neighbors.note(hash(1));
    neighbors.note(hash(2));
    assert_eq!(run(&mut neighbors, 1_000, |_| true).len(), 2);
    assert_eq!(run(&mut neighbors, 250_000, |number| number == 2).len(), 2);
    assert_eq!(neighbors.neighbors[0].known.len(), 1);
    neighbors.note(hash(1));
    assert_eq!(run(&mut neighbors, 250_000, |_| true).len(), 1);
}

#[test]
fn one_that_is_down_is_tried_on_at_least_once_a_minute() {
    let mut neighbors = one();
    neighbors.note(hash(1));
    let mut now = 0;
    let mut pauses = Vec::new();
    for _ in 0..9 {
        let asked = run(&mut neighbors, now, |_| true);
        assert_eq!(asked.len(), 1);
        neighbors.handle_failure("one", hash(1), "no reason", Now(now));
        let next = neighbors.next_timeout().unwrap().0;
        pauses.push((next - now) / 1000);
        now = next;
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
}

#[test]
fn a_reload_keeps_the_schedule_and_gives_it_to_new_neighbors() {
    let mut neighbors = one();
    neighbors.note(hash(1));
    assert_eq!(run(&mut neighbors, 1_000, |_| true).len(), 1);
    neighbors.set(&[settings("one"), settings("two")]);
    let due = neighbors.next_question(Now(1_000), |_| true).unwrap();
    assert_eq!((&*due.name, due.info_hash), ("two", hash(1)));
    assert_eq!(run(&mut neighbors, 90_000, |_| true), []);
}

#[test]
fn what_a_removed_neighbor_told_of_is_forgotten_in_time_whoever_asks_for_it() {
    let mut neighbors = Neighbors::default();
    neighbors.set(&[settings("one"), settings("two")]);
    neighbors.note(hash(1));
    neighbors.note(hash(2));
    assert_eq!(run(&mut neighbors, 1_000, |_| true).len(), 4);
    neighbors.set(&[settings("one")]);
    neighbors.set(&[settings("one"), settings("two")]);
    assert_eq!(tell(&mut neighbors, 1, 3, 1_500), 3);
    assert_eq!(tell(&mut neighbors, 2, 3, 2_500), 3);
    assert_eq!(tell_as("two", &mut neighbors, 2, 5, 4_000), 5);
    neighbors.set(&[]);
    let over = |neighbors: &mut Neighbors, now| {
        neighbors.forget_removed(Now(now), &HashKeys(1, 2));
        neighbors.check_invariants();
        neighbors.peers
    };
    // A reload itself takes nothing from anybody.
    assert_eq!(over(&mut neighbors, 4_000), 8);
    // They live for 200 s from the second in which they were told of.
    assert_eq!(neighbors.next_timeout(), Some(Now(203_500)));
    assert_eq!(over(&mut neighbors, 203_499), 8);
    assert_eq!(over(&mut neighbors, 203_500), 5, "told of by another, too");
    assert_eq!(over(&mut neighbors, 205_000), 0);
    assert_eq!(over(&mut neighbors, 205_000), 0);
    assert!(neighbors.learned.is_empty() && neighbors.removed.is_empty());
    assert_eq!(neighbors.next_timeout(), None);
}

#[test]
fn a_neighbor_that_never_told_of_anybody_leaves_nothing_behind() {
    let mut neighbors = one();
    neighbors.note(hash(1));
    neighbors.set(&[]);
    assert_eq!(neighbors.next_timeout(), Some(Now(0)));
    while neighbors.next_timeout().is_some() {
        neighbors.forget_removed(Now(0), &HashKeys(1, 2));
    }
    assert!(neighbors.removed.is_empty());
}

#[test]
fn whoever_asks_from_its_network_is_a_neighbor() {
    let neighbors = one();
    assert!(neighbors.is_neighbor([192, 0, 2, 7].into()));
    assert!(!neighbors.is_neighbor([192, 0, 3, 7].into()));
}
