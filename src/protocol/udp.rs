//! The datagrams of BEP 15, as BTRT sends them to other trackers and reads their answers.

use super::peers::Peers;
use super::upstream::text;
use crate::bittorrent::{Counts, Event, Refusal, UpstreamReply, UpstreamRequest};
use std::net::IpAddr;

/// Begins every first datagram.
const PROTOCOL: u64 = 0x0417_2710_1980;

const CONNECT: u32 = 0;
const ANNOUNCE: u32 = 1;
const SCRAPE: u32 = 2;
const ERROR: u32 = 3;

/// Swarms in one scrape, as many as fit into one datagram.
const MAX_HASHES: usize = 74;

/// Asks for a connection. The transaction must be hard to guess: whoever guesses it can answer in
/// the tracker's place.
pub fn connect(transaction: u32) -> Vec<u8> {
    let mut packet = PROTOCOL.to_be_bytes().to_vec();
    packet.extend(CONNECT.to_be_bytes());
    packet.extend(transaction.to_be_bytes());
    packet
}

/// An announce or a scrape. Of a scrape, only the first 74 hashes are asked about.
pub fn request(connection: u64, transaction: u32, request: &UpstreamRequest) -> Vec<u8> {
    let mut packet = connection.to_be_bytes().to_vec();
    match request {
        UpstreamRequest::Announce {
            info_hash,
            peer_id,
            downloaded,
            left,
            uploaded,
            event,
            ip,
            key,
            numwant,
            port,
        } => {
            packet.extend(ANNOUNCE.to_be_bytes());
            packet.extend(transaction.to_be_bytes());
            packet.extend(info_hash.0);
            packet.extend(peer_id.0);
            for bytes in [downloaded, left, uploaded] {
                packet.extend((*bytes).min(i64::MAX as u64).to_be_bytes());
            }
            let event: u32 = match event {
                Event::None => 0,
                Event::Completed => 1,
                Event::Started => 2,
                Event::Stopped => 3,
            };
            packet.extend(event.to_be_bytes());
            packet.extend(ip.map_or([0; 4], |ip| ip.octets()));
            packet.extend(key.to_be_bytes());
            let numwant = numwant.map_or(-1, |n| i32::try_from(n).unwrap_or(i32::MAX));
            packet.extend(numwant.to_be_bytes());
            packet.extend(port.to_be_bytes());
        }
        UpstreamRequest::Scrape { hashes } => {
            packet.extend(SCRAPE.to_be_bytes());
            packet.extend(transaction.to_be_bytes());
            let asked = hashes.iter().take(MAX_HASHES);
            packet.extend(asked.flat_map(|info_hash| info_hash.0));
        }
    }
    packet
}

/// Reads an answer to [`connect`]: the connection to name in requests, which proves that we are
/// where we say; `None` if it is no answer, or one to something else.
pub fn read_connect(packet: &[u8], transaction: u32) -> Option<Result<u64, Refusal>> {
    let (action, body) = read_head(packet, transaction)?;
    match action {
        CONNECT => Some(Ok(u64::from_be_bytes(*body.first_chunk()?))),
        ERROR => Some(Err(refusal(body))),
        _ => None,
    }
}

/// Reads an answer to [`request`]; `None` if it is none, or one to something else. Peers are IPv6
/// ones if the tracker `is_v6`; those that are not public are kept only if `is_allowed`.
pub fn read_reply(
    packet: &[u8],
    transaction: u32,
    asked: &UpstreamRequest,
    is_v6: bool,
    is_allowed: impl Fn(IpAddr) -> bool,
) -> Option<UpstreamReply> {
    let (action, body) = read_head(packet, transaction)?;
    match (action, asked) {
        (ANNOUNCE, UpstreamRequest::Announce { .. }) => {
            let ([interval, leechers, seeders], list) = three_numbers(body)?;
            let mut peers = Peers::new(is_allowed);
            if is_v6 {
                peers.add_compact_v6(list);
            } else {
                peers.add_compact_v4(list);
            }
            Some(UpstreamReply {
                peers: peers.found,
                seeders: Some(seeders),
                leechers: Some(leechers),
                interval: Some(interval),
                ..UpstreamReply::default()
            })
        }
        (SCRAPE, UpstreamRequest::Scrape { hashes }) => {
            let mut rest = body;
            let mut files = Vec::new();
            for &info_hash in hashes.iter().take(MAX_HASHES) {
                let Some(([seeders, completions, leechers], after)) = three_numbers(rest) else {
                    break;
                };
                rest = after;
                let counts = Counts {
                    seeders,
                    leechers,
                    completions,
                };
                files.push((info_hash, counts));
            }
            Some(UpstreamReply {
                files,
                ..UpstreamReply::default()
            })
        }
        (ERROR, _) => Some(UpstreamReply {
            failure: Some(refusal(body)),
            ..UpstreamReply::default()
        }),
        _ => None,
    }
}

/// The action of an answer to this transaction, and what follows.
fn read_head(packet: &[u8], transaction: u32) -> Option<(u32, &[u8])> {
    let (action, rest) = packet.split_first_chunk()?;
    let (answered, body) = rest.split_first_chunk()?;
    let is_ours = u32::from_be_bytes(*answered) == transaction;
    is_ours.then_some((u32::from_be_bytes(*action), body))
}

fn three_numbers(bytes: &[u8]) -> Option<([u32; 3], &[u8])> {
    let (numbers, rest) = bytes.split_first_chunk::<12>()?;
    let mut three = [0; 3];
    for (number, bytes) in three.iter_mut().zip(numbers.as_chunks().0) {
        // They have a sign on the wire, but no meaning below zero.
        *number = u32::try_from(i32::from_be_bytes(*bytes)).unwrap_or(0);
    }
    Some((three, rest))
}

fn refusal(message: &[u8]) -> Refusal {
    Refusal {
        reason: text(message),
        retry_in: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bittorrent::{InfoHash, PeerId};
    use proptest::prelude::*;
    use std::net::Ipv4Addr;

    fn announce() -> UpstreamRequest {
        UpstreamRequest::Announce {
            info_hash: InfoHash([0xaa; 20]),
            peer_id: PeerId([0xbb; 20]),
            downloaded: 1,
            left: u64::MAX,
            uploaded: 3,
            event: Event::Started,
            ip: Some(Ipv4Addr::new(1, 2, 3, 4)),
            key: 5,
            numwant: None,
            port: 6881,
        }
    }

    fn scrape(count: usize) -> UpstreamRequest {
        UpstreamRequest::Scrape {
            hashes: vec![InfoHash([0xaa; 20]); count],
        }
    }

    /// An answer's numbers, and what follows them.
    fn answer(numbers: &[u32], rest: &[u8]) -> Vec<u8> {
        let mut packet: Vec<u8> = numbers.iter().flat_map(|n| n.to_be_bytes()).collect();
        packet.extend(rest);
        packet
    }

    #[test]
    fn requests_are_laid_out_as_bep_15_says() {
        let expected = b"\0\0\x04\x17\x27\x10\x19\x80\0\0\0\0\0\0\0\x07";
        assert_eq!(connect(7), expected);
        let mut expected = b"\0\0\0\0\0\0\0\x09\0\0\0\x01\0\0\0\x07".to_vec();
        expected.extend([0xaa; 20]);
        expected.extend([0xbb; 20]);
        expected.extend(b"\0\0\0\0\0\0\0\x01\x7f\xff\xff\xff\xff\xff\xff\xff");
        expected.extend(b"\0\0\0\0\0\0\0\x03\0\0\0\x02\x01\x02\x03\x04");
        expected.extend(b"\0\0\0\x05\xff\xff\xff\xff\x1a\xe1");
        assert_eq!(expected.len(), 98);
        assert_eq!(request(9, 7, &announce()), expected);
        let packet = request(9, 7, &scrape(2));
        assert_eq!(packet[..16], *b"\0\0\0\0\0\0\0\x09\0\0\0\x02\0\0\0\x07");
        assert_eq!(packet[16..], [0xaa; 40]);
        assert_eq!(request(9, 7, &scrape(100)).len(), 16 + 74 * 20);
    }

    #[test]
    fn a_connection_is_read_or_refused() {
        let connected = answer(&[CONNECT, 7, 1, 2, 3], b"");
        assert_eq!(read_connect(&connected, 7), Some(Ok(1 << 32 | 2)));
        assert_eq!(read_connect(&connected, 8), None);
        assert_eq!(read_connect(&connected[..15], 7), None);
        assert_eq!(read_connect(&answer(&[ANNOUNCE, 7, 1, 2], b""), 7), None);
        let refused = read_connect(&answer(&[ERROR, 7], b"go away"), 7);
        assert_eq!(refused.unwrap().unwrap_err().reason, "go away");
    }

    #[test]
    fn announces_are_answered_with_peers_of_the_trackers_family() {
        let v4 = answer(
            &[ANNOUNCE, 7, 1800, 2, u32::MAX],
            b"\x08\x08\x08\x08\x1a\xe1\x0a\0\0\x01\x1a\xe1\x08",
        );
        let reply = read_reply(&v4, 7, &announce(), false, |_| false).unwrap();
        assert_eq!(reply.peers, ["8.8.8.8:6881".parse().unwrap()]);
        assert_eq!(reply.interval, Some(1800));
        assert_eq!((reply.leechers, reply.seeders), (Some(2), Some(0)));
        let v6 = answer(
            &[ANNOUNCE, 7, 1800, 2, 3],
            b"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x1a\xe1",
        );
        let reply = read_reply(&v6, 7, &announce(), true, |_| false).unwrap();
        assert_eq!(reply.peers, ["[2001:db8::1]:6881".parse().unwrap()]);
        assert_eq!(read_reply(&v6, 8, &announce(), true, |_| false), None);
        assert_eq!(read_reply(&v6[..19], 7, &announce(), true, |_| false), None);
        assert_eq!(read_reply(&v6, 7, &scrape(1), true, |_| false), None);
    }

    #[test]
    fn scrapes_are_answered_in_the_order_of_the_hashes() {
        let packet = answer(&[SCRAPE, 7, 1, 2, 3, 4, 5, 6], b"odd");
        let read = |count| {
            read_reply(&packet, 7, &scrape(count), false, |_| false)
                .unwrap()
                .files
        };
        let counts = Counts {
            seeders: 1,
            leechers: 3,
            completions: 2,
        };
        assert_eq!(read(1), [(InfoHash([0xaa; 20]), counts)]);
        assert_eq!(read(3).len(), 2);
        let refused = answer(&[ERROR, 7], b"no");
        let refused = read_reply(&refused, 7, &scrape(1), false, |_| false).unwrap();
        assert_eq!(refused.failure.unwrap().reason, "no");
    }

    proptest! {
        #[test]
        fn any_datagram_is_read_or_passed_over(
            action in 0..5_u32,
            rest in proptest::collection::vec(any::<u8>(), 0..200),
            is_v6: bool,
        ) {
            let packet = answer(&[action, 7], &rest);
            for asked in [announce(), scrape(3)] {
                let _ = read_reply(&packet, 7, &asked, is_v6, |_| true);
                let _ = read_reply(&rest, 7, &asked, is_v6, |_| true);
            }
            let _ = read_connect(&packet, 7);
        }
    }
}
