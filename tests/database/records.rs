//! Rows to write.

use btrt::bittorrent::{InfoHash, PeerId};
use btrt::record::{Changes, Origin, PeerKey, PeerRecord, SwarmRecord};
use btrt::time::Timestamp;
use btrt::worker::store::Clock;
use std::net::IpAddr;
use std::sync::Arc;

/// The present of these tests.
pub const NOW: Timestamp = Timestamp(200_000_000);

/// The same moment: 2026-11-22 14:03:07.
pub const CLOCK: fn() -> Clock = || Clock::new(NOW, 1_795_356_187);

pub fn changes() -> Changes {
    Changes {
        now: NOW,
        gone_swarms: Vec::new(),
        gone_peers: Vec::new(),
        swarms: Vec::new(),
        peers: Vec::new(),
    }
}

pub fn hash(number: u8) -> InfoHash {
    InfoHash([number; 20])
}

pub fn swarm(number: u8) -> SwarmRecord {
    SwarmRecord {
        info_hash: hash(number),
        seeders: 1,
        leechers: u32::MAX,
        completions: 3,
        last_seen: Timestamp(NOW.0 - 60),
    }
}

pub fn peer(number: u8, ip: &str, port: u16) -> PeerRecord {
    PeerRecord {
        key: PeerKey {
            info_hash: hash(number),
            ip: ip.parse().unwrap(),
            port,
        },
        peer_id: PeerId(*b"-BT0000-'\\\0\n\xff\xfe\"%_abc"),
        seeder: port.is_multiple_of(2),
        completed: port.is_multiple_of(3),
        group: Arc::default(),
        origin: match ip.contains(':') {
            true => Origin::Forwarded,
            false => Origin::Announced,
        },
        last_announce: Timestamp(NOW.0 - u32::from(port)),
    }
}

/// The order of the primary key.
pub fn sort(peers: &mut [PeerRecord]) {
    peers.sort_by_key(|peer| {
        let ip = match peer.key.ip {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        (peer.key.info_hash, ip, peer.key.port)
    });
}
