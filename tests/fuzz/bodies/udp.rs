//! Whatever datagram comes as an answer, it is read or passed over; and whatever a client asks for
//! fits into a datagram of BEP 15. The input begins with what was asked.

use super::upstream::check;
use btrt::bittorrent::{Event, InfoHash, PeerId, UpstreamRequest};
use btrt::protocol::udp;
use std::net::SocketAddr;

pub fn run(input: &[u8]) {
    let Some((&asked, packet)) = input.split_first() else {
        return;
    };
    let hashes = usize::from(asked >> 1);
    let request = if hashes > 0 {
        let hashes = (0..hashes).map(|n| InfoHash([n as u8; 20])).collect();
        UpstreamRequest::Scrape { hashes }
    } else {
        UpstreamRequest::Announce {
            info_hash: InfoHash([1; 20]),
            peer_id: PeerId([2; 20]),
            downloaded: u64::MAX,
            left: 1,
            uploaded: 0,
            event: Event::Started,
            ip: None,
            key: u32::MAX,
            numwant: Some(u32::MAX),
            port: 0,
        }
    };
    let length = match hashes {
        0 => 98,
        hashes => 16 + 20 * hashes.min(74),
    };
    assert_eq!(udp::request(u64::MAX, 1, &request).len(), length);

    // The transaction is the one that was asked with, or it is somebody else's answer.
    let transaction = packet.get(4..8).and_then(|four| four.try_into().ok());
    let transaction = transaction.map_or(0, u32::from_be_bytes);
    assert!(udp::read_connect(packet, transaction.wrapping_add(1)).is_none());
    let wrong = udp::read_reply(packet, transaction.wrapping_add(1), &request, false, |_| {
        true
    });
    assert!(wrong.is_none());
    let connected = udp::read_connect(packet, transaction);
    assert!(connected.is_none() || packet.len() >= 8);
    let is_v6 = asked & 1 == 1;
    if let Some(reply) = udp::read_reply(packet, transaction, &request, is_v6, |_| false) {
        assert!(reply.files.len() <= hashes.min(74));
        assert!(is_v6 || reply.peers.iter().all(SocketAddr::is_ipv4));
        check(&reply);
    }
}
