use super::*;
use crate::swarm::{HashKeys, PeerGroups, Swarms};
use crate::tracker::Settings;

fn swarms() -> (Swarms, PeerGroups) {
    let swarms = Swarms::new(HashKeys(1, 2), Settings::default().rules);
    (swarms, PeerGroups::default())
}

fn key(n: u32) -> ListKey {
    (Arc::from(n.to_be_bytes()), InfoHash([0; 20]))
}

fn list_of_2000() -> UpstreamReply {
    let peer = |n: u32| (IpAddr::from((0x0800_0000 + n).to_be_bytes()), 6881).into();
    UpstreamReply {
        peers: (0..2_000).map(peer).collect(),
        ..UpstreamReply::default()
    }
}

fn refusal(retry_in: u32) -> UpstreamReply {
    UpstreamReply {
        failure: Some(Refusal {
            reason: "later".to_owned(),
            retry_in: Some(retry_in),
        }),
        ..UpstreamReply::default()
    }
}

#[test]
fn trackers_that_tell_of_ever_more_peers_push_out_themselves() {
    let (swarms, groups) = swarms();
    let places = Places::new(&groups, 0, &swarms);
    let reply = list_of_2000();
    let mut external = External::default();
    // And nobody who is to be left alone.
    external.take(&key(u32::MAX), &refusal(3_600), 60, Timestamp(0), places);
    for n in 0..MAX_PEERS as u32 / 2_000 + 20 {
        external.take(&key(n), &reply, 60, Timestamp(n), places);
    }
    assert_eq!(external.peers, MAX_PEERS);
    assert_eq!(external.lists.len(), MAX_PEERS / 2_000 + 1);
    assert!(external.known_list(&key(19)).is_none());
    assert!(external.known_list(&key(20)).is_some());
    assert!(external.known_list(&key(u32::MAX)).is_some());
}

#[test]
fn a_tracker_that_refuses_is_left_alone_as_long_as_it_wants() {
    let (swarms, groups) = swarms();
    let places = Places::new(&groups, 0, &swarms);
    let mut external = External::default();
    let is_refused = |external: &External, now| {
        let list = external.look_at_list(&key(1));
        list.is_some_and(|list| list.refusal(Timestamp(now)).is_some())
    };
    external.take(&key(1), &refusal(1_000), 100, Timestamp(0), places);
    for now in 0..1_000 {
        external.expire(Timestamp(now), 100);
        assert!(is_refused(&external, now), "at {now}");
    }
    for now in 1_000..1_300 {
        external.expire(Timestamp(now), 100);
    }
    assert!(external.lists.is_empty());
    external.check_invariants();
}

#[test]
fn trackers_that_refuse_for_long_push_out_themselves() {
    let (swarms, groups) = swarms();
    let places = Places::new(&groups, 0, &swarms);
    let mut external = External::default();
    for n in 0..MAX_LISTS as u32 + 100 {
        external.take(&key(n), &refusal(u32::MAX), 60, Timestamp(0), places);
    }
    assert_eq!(external.lists.len(), MAX_LISTS);
    assert_eq!(external.by_age.len(), MAX_LISTS);
}
