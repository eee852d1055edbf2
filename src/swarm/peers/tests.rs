use super::super::groups::{GroupId, OTHER};
use super::super::marks::Stamp;
use super::*;
use crate::time::Timestamp;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

fn peer(ip: Ipv4Addr, port: u16, announced: u32) -> Peer<Ipv4Addr> {
    Peer {
        ip,
        port,
        id: PeerId([0; 20]),
        marks: Marks::default(),
        stamp: Stamp::at(Timestamp(0)),
        last_announce: Timestamp(announced),
    }
}

fn check(peers: &Peers<Ipv4Addr>, model: &BTreeMap<(Ipv4Addr, u16), Class>, keys: &HashKeys) {
    assert_eq!(peers.len(), model.len());
    assert_eq!(
        peers
            .segments()
            .map(|(_, range)| range.len())
            .sum::<usize>(),
        model.len()
    );
    assert!(peers.segments().all(|(_, range)| !range.is_empty()));
    let classes: Vec<_> = peers.segments().map(|(class, _)| class).collect();
    assert!(classes.is_sorted_by(|one, next| one < next));
    for (&(ip, port), &class) in model {
        let position = peers.find(ip, port, keys).unwrap();
        assert_eq!(peers.class(position), class);
    }
}

#[test]
fn peers_come_go_and_change_class_as_in_a_map() {
    let keys = HashKeys(1, 2);
    let mut random = fastrand::Rng::with_seed(11);
    let mut peers = Peers::default();
    let mut model = BTreeMap::new();
    let mut indexed = [0, 0];
    for round in 0..12_000 {
        let ip = Ipv4Addr::new(127, 0, 0, random.u8(0..80));
        let port = random.u16(1..5);
        let class = Class {
            group: GroupId(random.u16(0..3)),
            seeder: random.bool(),
            confined: false,
            unlisted: random.u8(0..8) == 0,
            edition: random.bool(),
        };
        match peers.find(ip, port, &keys) {
            Some(position) if random.u8(0..3) == 0 => {
                peers.reclassify(position, class, &keys);
                model.insert((ip, port), class);
            }
            Some(position) => {
                let (was, peer) = peers.remove(position, &keys);
                assert_eq!((peer.ip, peer.port), (ip, port));
                assert_eq!(model.remove(&(ip, port)), Some(was));
            }
            None if round / 2_000 % 2 == 0 => {
                peers.insert(class, peer(ip, port, round), &keys);
                model.insert((ip, port), class);
            }
            None => {}
        }
        indexed[usize::from(peers.index.is_some())] += 1;
        if round % 16 == 0 {
            check(&peers, &model, &keys);
        }
    }
    assert!(indexed.iter().all(|&rounds| rounds > 1_000), "{indexed:?}");
}

#[test]
fn an_address_that_is_full_gives_up_its_oldest() {
    let keys = HashKeys(3, 4);
    let class = Class {
        group: OTHER,
        seeder: false,
        confined: false,
        unlisted: false,
        edition: false,
    };
    for others in [0, 100] {
        let mut peers = Peers::default();
        let ip = Ipv4Addr::new(127, 0, 0, 1);
        let mut insert = |ip, port, at| {
            peers.insert(class, peer(ip, port, at), &keys);
        };
        (0..others).for_each(|n| insert(Ipv4Addr::new(127, 9, 0, n), 7, 0));
        insert(ip, 10, 50);
        insert(ip, 11, 40);
        insert(ip, 12, 60);
        assert_eq!(peers.get(peers.latest(ip, &keys).unwrap()).port, 12);
        let nobody = Ipv4Addr::new(127, 0, 0, 2);
        assert!(peers.latest(nobody, &keys).is_none());
        for most in 0..=3 {
            let oldest = peers.crowded_out(ip, most, &keys).unwrap();
            assert_eq!(peers.get(oldest).port, 11);
        }
        assert!(peers.crowded_out(ip, 4, &keys).is_none());
        assert!(peers.crowded_out(nobody, 0, &keys).is_none());
    }
}
