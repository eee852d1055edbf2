//! What the real swarms remember, and what the real answers hold, as plain lists.

use btrt::bittorrent::InfoHash;
use btrt::swarm::{Class, Family, Peer, Swarm, Swarms};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Address and port.
pub type Endpoint = (IpAddr, u16);

/// An entry without what depends on the address family.
pub type Member = (Class, Peer<()>);

/// Everybody whom the real swarms remember.
pub fn members(real: &Swarms) -> BTreeMap<(InfoHash, Endpoint), Member> {
    fn collect<A: Family>(
        real: &Swarms,
        place: usize,
        members: &mut BTreeMap<(InfoHash, Endpoint), Member>,
    ) {
        let swarm = real.at(place);
        let Some(peers) = A::peers(swarm) else {
            return;
        };
        for (class, range) in peers.segments() {
            for position in range {
                let Peer {
                    ip,
                    port,
                    id,
                    marks,
                    stamp,
                    last_announce,
                } = peers.get(position);
                let key = (swarm.info_hash(), (ip.into(), port));
                let peer = Peer {
                    ip: (),
                    port,
                    id,
                    marks,
                    stamp,
                    last_announce,
                };
                let twice = members.insert(key, (class, peer));
                assert!(twice.is_none(), "{key:?} is in its swarm twice");
            }
        }
    }
    let mut members = BTreeMap::new();
    for place in 0..real.len() {
        assert!(!real.at(place).is_empty(), "an empty swarm is remembered");
        collect::<Ipv4Addr>(real, place, &mut members);
        collect::<Ipv6Addr>(real, place, &mut members);
    }
    members
}

/// Whether the real swarms remember a peer.
pub fn is_known(real: &Swarms, info_hash: InfoHash, (ip, port): Endpoint) -> bool {
    fn has<A: Family>(swarm: &Swarm, ip: A, port: u16) -> bool {
        let peers = A::peers(swarm);
        peers.is_some_and(|peers| {
            let mut peers = (0..peers.len()).map(|position| peers.get(position));
            peers.any(|peer| peer.ip == ip && peer.port == port)
        })
    }
    let swarm = real.get(&info_hash);
    swarm.is_some_and(|swarm| match ip {
        IpAddr::V4(ip) => has(swarm, ip, port),
        IpAddr::V6(ip) => has(swarm, ip, port),
    })
}

/// The peers of a list as the wire has them.
pub fn endpoints(compact: &[u8], address_length: usize) -> Vec<Endpoint> {
    let peers = compact.chunks(address_length + 2);
    peers
        .map(|peer| {
            let (ip, port) = peer.split_at(address_length);
            let ip = match <[u8; 4]>::try_from(ip) {
                Ok(ip) => IpAddr::from(ip),
                Err(_) => IpAddr::from(<[u8; 16]>::try_from(ip).expect("an address")),
            };
            (ip, u16::from_be_bytes(port.try_into().expect("a port")))
        })
        .collect()
}
