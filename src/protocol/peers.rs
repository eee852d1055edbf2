//! Peers as other trackers list them.
//!
//! What is kept will be contacted by subscribers' clients. So whoever lists addresses inside their
//! networks, or ones that nobody has, is not believed; that costs the list nothing else.

use crate::bittorrent::Reach;
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Peers that are kept of one answer: twice what a neighbor may ask for.
const MAX_PEERS: usize = 2000;

/// The peers of one answer that make sense, none of them twice.
pub struct Peers<F> {
    /// In the order of the answer.
    pub found: Vec<SocketAddr>,
    known: HashSet<SocketAddr>,
    is_allowed: F,
}

impl<F: Fn(IpAddr) -> bool> Peers<F> {
    /// None so far. Those that are not public are kept only if `is_allowed`.
    pub fn new(is_allowed: F) -> Self {
        Peers {
            found: Vec::new(),
            known: HashSet::new(),
            is_allowed,
        }
    }

    /// 6 bytes each (BEP 23); what is too short at the end is left out.
    pub fn add_compact_v4(&mut self, bytes: &[u8]) {
        for &[a, b, c, d, high, low] in bytes.as_chunks().0 {
            let ip = Ipv4Addr::new(a, b, c, d);
            self.add(SocketAddr::new(ip.into(), u16::from_be_bytes([high, low])));
        }
    }

    /// 18 bytes each (BEP 7); what is too short at the end is left out.
    pub fn add_compact_v6(&mut self, bytes: &[u8]) {
        for peer in bytes.as_chunks::<18>().0 {
            if let (Some(ip), Some(port)) = (peer.first_chunk::<16>(), peer.last_chunk()) {
                let ip = Ipv6Addr::from(*ip);
                self.add(SocketAddr::new(ip.into(), u16::from_be_bytes(*port)));
            }
        }
    }

    /// Takes a peer, if it makes sense.
    pub fn add(&mut self, peer: SocketAddr) {
        let ip = peer.ip().to_canonical();
        let makes_sense = peer.port() != 0
            && match Reach::of(ip) {
                Reach::Public => true,
                Reach::Confined => (self.is_allowed)(ip),
                Reach::Nowhere => false,
            };
        let peer = SocketAddr::new(ip, peer.port());
        if makes_sense && self.found.len() < MAX_PEERS && self.known.insert(peer) {
            self.found.push(peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(read: impl FnOnce(&mut Peers<fn(IpAddr) -> bool>)) -> Vec<SocketAddr> {
        let mut peers = Peers::new((|ip| ip == IpAddr::from([10, 0, 0, 9])) as fn(IpAddr) -> bool);
        read(&mut peers);
        peers.found
    }

    fn parsed(peers: &[&str]) -> Vec<SocketAddr> {
        peers.iter().map(|peer| peer.parse().unwrap()).collect()
    }

    #[test]
    fn peers_that_make_no_sense_are_left_out_one_by_one() {
        let listed = [
            "8.8.8.8:6881",
            "0.0.0.0:6881",
            "8.8.4.4:0",
            "224.0.0.1:6881",
            "255.255.255.255:6881",
            "127.0.0.1:6881",
            "169.254.1.1:6881",
            "10.0.0.1:6881",
            "100.64.0.1:6881",
            "8.8.8.8:6881",
            "192.0.2.1:1",
            "[fd00::1]:6881",
            "[::1]:6881",
            "[2001:db8::1]:6881",
            "[::ffff:8.8.8.9]:6881",
            "[::ffff:10.0.0.1]:6881",
            "10.0.0.9:6881",
        ];
        let kept = found(|peers| {
            for peer in parsed(&listed) {
                peers.add(peer);
            }
        });
        let expected = [
            "8.8.8.8:6881",
            "192.0.2.1:1",
            "[2001:db8::1]:6881",
            "8.8.8.9:6881",
            "10.0.0.9:6881",
        ];
        assert_eq!(kept, parsed(&expected));
    }

    #[test]
    fn nobody_can_allow_what_no_peer_has() {
        let mut peers = Peers::new(|_| true);
        for peer in parsed(&["10.0.0.1:0", "0.0.0.0:1", "224.0.0.1:1", "[ff02::1]:1"]) {
            peers.add(peer);
        }
        assert_eq!(peers.found, []);
    }

    #[test]
    fn what_is_too_short_is_left_out() {
        let v4 = b"\x08\x08\x08\x08\x1a\xe1\x08\x08\x08\x08\x1a";
        assert_eq!(
            found(|peers| peers.add_compact_v4(v4)),
            parsed(&["8.8.8.8:6881"])
        );
        let v6 = b"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x1a\xe1\x20\x01";
        let expected = parsed(&["[2001:db8::1]:6881"]);
        assert_eq!(found(|peers| peers.add_compact_v6(v6)), expected);
    }

    #[test]
    fn there_is_a_limit() {
        let ports = 1..=3000_u16;
        let compact: Vec<u8> = ports
            .flat_map(|port| [[8; 4].as_slice(), &port.to_be_bytes()].concat())
            .collect();
        assert_eq!(
            found(|peers| peers.add_compact_v4(&compact)).len(),
            MAX_PEERS
        );
    }

    proptest! {
        #[test]
        fn only_public_peers_are_kept_of_any_bytes(bytes: Vec<u8>) {
            let kept = found(|peers| {
                peers.add_compact_v4(&bytes);
                peers.add_compact_v6(&bytes);
            });
            for peer in kept {
                prop_assert_ne!(peer.port(), 0);
                prop_assert_eq!(Reach::of(peer.ip()), Reach::Public);
            }
        }
    }
}
