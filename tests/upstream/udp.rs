//! UDP trackers that follow a script (BEP 15).

use crate::{Fetched, carry_out, fetch, policy, prepared};
use btrt::bittorrent::{InfoHash, UpstreamRequest};
use btrt::job::FetchError;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;

/// Answers each datagram with what the script makes of it; keeps the datagrams.
struct Tracker {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Tracker {
    fn start(mut script: impl FnMut(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> Tracker {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let all = seen.clone();
        thread::spawn(move || {
            let mut buffer = [0; 2048];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).unwrap();
                let packet = &buffer[..length];
                all.lock().unwrap().push(packet.to_vec());
                for answer in script(packet) {
                    socket.send_to(&answer, from).unwrap();
                }
            }
        });
        Tracker { address, seen }
    }

    fn url(&self) -> String {
        format!("udp://{}/announce", self.address)
    }

    fn seen(&self) -> Vec<Vec<u8>> {
        self.seen.lock().unwrap().clone()
    }
}

const CONNECTION: &[u8; 8] = b"connect!";

fn is_connect(packet: &[u8]) -> bool {
    packet[..12] == *b"\0\0\x04\x17\x27\x10\x19\x80\0\0\0\0"
}

/// An answer to this packet with this action and body.
fn answer(packet: &[u8], action: u8, body: &[u8]) -> Vec<u8> {
    [&[0, 0, 0, action], &packet[12..16], body].concat()
}

/// What a tracker says that has one peer.
fn proper(packet: &[u8]) -> Vec<u8> {
    if is_connect(packet) {
        return answer(packet, 0, CONNECTION);
    }
    assert_eq!(packet[..8], *CONNECTION);
    match packet[11] {
        1 => answer(
            packet,
            1,
            b"\0\0\x07\x08\0\0\0\x02\0\0\0\x03\x08\x08\x08\x08\x1a\xe1\0\0\0\0\0\0",
        ),
        _ => answer(packet, 2, b"\0\0\0\x01\0\0\0\x02\0\0\0\x03"),
    }
}

fn scrape(url: &str) -> Fetched {
    let mut fetch = prepared(url, policy());
    fetch.request = UpstreamRequest::Scrape {
        hashes: vec![InfoHash([7; 20])],
    };
    carry_out(&fetch)
}

#[test]
fn announces_and_scrapes_are_answered() {
    let tracker = Tracker::start(|packet| vec![proper(packet)]);
    let reply = fetch(tracker.url()).unwrap();
    assert_eq!(reply.peers, ["8.8.8.8:6881".parse().unwrap()]);
    assert_eq!((reply.leechers, reply.seeders), (Some(2), Some(3)));
    assert_eq!(reply.interval, Some(1800));
    assert_eq!(tracker.seen()[1].len(), 98);

    let files = scrape(&tracker.url()).unwrap().files;
    assert_eq!(files[0].0, InfoHash([7; 20]));
    assert_eq!(files[0].1.completions, 2);
}

#[test]
fn what_is_lost_is_sent_again_in_time() {
    // The first datagram of each kind is lost.
    let (mut connects, mut announces) = (0, 0);
    let tracker = Tracker::start(move |packet| {
        let count = if is_connect(packet) {
            &mut connects
        } else {
            &mut announces
        };
        *count += 1;
        match *count {
            1 => Vec::new(),
            _ => vec![proper(packet)],
        }
    });
    assert_eq!(fetch(tracker.url()).unwrap().peers.len(), 1);
    let seen = tracker.seen();
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[seen.len() - 2], seen[seen.len() - 1]);
}

#[test]
fn silence_ends_with_the_time() {
    let silent = Tracker::start(|_| Vec::new());
    assert_eq!(fetch(silent.url()), Err(FetchError::Timeout));
    assert!(silent.seen().len() > 1);
    let half = Tracker::start(|packet| match is_connect(packet) {
        true => vec![proper(packet)],
        false => Vec::new(),
    });
    assert_eq!(fetch(half.url()), Err(FetchError::Timeout));
}

#[test]
fn a_closed_port_is_noticed_at_once() {
    let nobody = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let refused = FetchError::Connect(std::io::ErrorKind::ConnectionRefused);
    assert_eq!(fetch(format!("udp://{nobody}")), Err(refused));
}

#[test]
fn refusals_come_at_both_steps() {
    let at_once = Tracker::start(|packet| vec![answer(packet, 3, b"go away")]);
    let later = Tracker::start(|packet| match is_connect(packet) {
        true => vec![proper(packet)],
        false => vec![answer(packet, 3, b"go away")],
    });
    for tracker in [at_once, later] {
        let failure = fetch(tracker.url()).unwrap().failure.unwrap();
        assert_eq!(failure.reason, "go away");
    }
}

#[test]
fn forgeries_are_passed_over() {
    let tracker = Tracker::start(|packet| {
        let mut forged = proper(packet);
        forged[7] ^= 1;
        let short = proper(packet)[..12].to_vec();
        vec![
            Vec::new(),
            b"x".to_vec(),
            forged,
            short,
            proper(packet),
            proper(packet),
        ]
    });
    assert_eq!(fetch(tracker.url()).unwrap().peers.len(), 1);

    let flood = Tracker::start(|packet| {
        let mut forged = proper(packet);
        forged[4] ^= 1;
        vec![forged; 1000]
    });
    assert_eq!(fetch(flood.url()), Err(FetchError::Timeout));
}
