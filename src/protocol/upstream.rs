//! What HTTP trackers answer to an announce (BEP 3, 7, 23, 31) or a scrape (BEP 48), as words.
//!
//! One reader for both, as it only looks for keys. What makes no sense is left out where it stands:
//! a bad peer does not cost the good ones.

use super::bencode_reader::{Fault, Reader, Token};
use super::peers::Peers;
use crate::bittorrent::{Counts, InfoHash, Refusal, UpstreamReply};
use std::net::{IpAddr, SocketAddr};

/// Bytes that are kept of a text.
const MAX_TEXT: usize = 512;

/// The largest number that is kept.
const MAX_NUMBER: u32 = i32::MAX as u32;

/// Reads the body of an answer. Peers that are not public are kept only if `is_allowed`.
pub fn read_reply(
    body: &[u8],
    is_allowed: impl Fn(IpAddr) -> bool,
) -> Result<UpstreamReply, Fault> {
    let mut reader = Reader::new(body);
    if reader.token()? != Token::Dictionary {
        return Err(Fault::NotBencode);
    }
    let mut reply = UpstreamReply::default();
    let mut peers = Peers::new(is_allowed);
    let mut reason = None;
    let mut retry_in = None;
    while let Some(key) = reader.key()? {
        let value = reader.token()?;
        match (key, value) {
            (b"complete", Token::Integer(n)) => reply.seeders = number(n),
            (b"incomplete", Token::Integer(n)) => reply.leechers = number(n),
            (b"downloaded", Token::Integer(n)) => reply.completions = number(n),
            (b"interval", Token::Integer(n)) => reply.interval = number(n),
            (b"min interval", Token::Integer(n)) => reply.min_interval = number(n),
            (b"failure reason", Token::String(bytes)) => reason = Some(text(bytes)),
            (b"retry in", Token::Integer(n)) => {
                retry_in = number(n).map(|minutes| minutes.saturating_mul(60));
            }
            (b"retry in", Token::String(b"never")) => retry_in = Some(u32::MAX),
            (b"warning message", Token::String(bytes)) => reply.warning = Some(text(bytes)),
            (b"peers", Token::String(compact)) => peers.add_compact_v4(compact),
            (b"peers6", Token::String(compact)) => peers.add_compact_v6(compact),
            (b"peers" | b"peers6", Token::List) => read_peers(&mut reader, &mut peers)?,
            (b"files", Token::Dictionary) => reply.files = read_files(&mut reader)?,
            _ => reader.skip(value)?,
        }
    }
    reply.peers = peers.found;
    reply.failure = reason.map(|reason| Refusal { reason, retry_in });
    Ok(reply)
}

/// Dictionaries of one peer each, up to the end of their list.
fn read_peers(
    reader: &mut Reader<'_>,
    peers: &mut Peers<impl Fn(IpAddr) -> bool>,
) -> Result<(), Fault> {
    loop {
        match reader.token()? {
            Token::End => return Ok(()),
            Token::Dictionary => {}
            other => {
                reader.skip(other)?;
                continue;
            }
        }
        let (mut ip, mut port) = (None, None);
        while let Some(key) = reader.key()? {
            let value = reader.token()?;
            match (key, value) {
                (b"ip", Token::String(text)) => {
                    ip = std::str::from_utf8(text)
                        .ok()
                        .and_then(|text| text.parse().ok());
                }
                (b"port", Token::Integer(n)) => port = u16::try_from(n).ok(),
                _ => reader.skip(value)?,
            }
        }
        if let (Some(ip), Some(port)) = (ip, port) {
            peers.add(SocketAddr::new(ip, port));
        }
    }
}

/// Counts by info hash, up to the end of their dictionary.
fn read_files(reader: &mut Reader<'_>) -> Result<Vec<(InfoHash, Counts)>, Fault> {
    let mut files = Vec::new();
    while let Some(key) = reader.key()? {
        let value = reader.token()?;
        let info_hash = <[u8; 20]>::try_from(key).map(InfoHash);
        let (Ok(info_hash), Token::Dictionary) = (info_hash, value) else {
            reader.skip(value)?;
            continue;
        };
        let mut counts = Counts::default();
        while let Some(key) = reader.key()? {
            let value = reader.token()?;
            match (key, value) {
                (b"complete", Token::Integer(n)) => counts.seeders = number(n).unwrap_or(0),
                (b"incomplete", Token::Integer(n)) => counts.leechers = number(n).unwrap_or(0),
                (b"downloaded", Token::Integer(n)) => counts.completions = number(n).unwrap_or(0),
                _ => reader.skip(value)?,
            }
        }
        files.push((info_hash, counts));
    }
    Ok(files)
}

/// A number that cannot be negative.
fn number(value: i64) -> Option<u32> {
    let value = u64::try_from(value).ok()?;
    Some(u32::try_from(value).map_or(MAX_NUMBER, |value| value.min(MAX_NUMBER)))
}

/// A text from outside, as much of it as is kept.
pub(super) fn text(bytes: &[u8]) -> String {
    // A few more bytes than are kept, so that none of the kept ones is half a character.
    let beginning = bytes.get(..MAX_TEXT + 4).unwrap_or(bytes);
    let mut text = String::from_utf8_lossy(beginning).into_owned();
    text.truncate(text.floor_char_boundary(MAX_TEXT));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bittorrent::Reach;
    use proptest::prelude::*;
    use std::path::Path;

    /// The body of a captured answer.
    fn captured(name: &str) -> Vec<u8> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures/responses");
        let answer = std::fs::read(folder.join(name)).unwrap();
        let head = answer.windows(4).position(|four| four == b"\r\n\r\n");
        answer[head.unwrap() + 4..].to_vec()
    }

    fn read(body: impl AsRef<[u8]>) -> UpstreamReply {
        read_reply(body.as_ref(), |_| false).unwrap()
    }

    fn peers(of: &[&str]) -> Vec<SocketAddr> {
        of.iter().map(|peer| peer.parse().unwrap()).collect()
    }

    #[test]
    fn answers_of_real_trackers_are_read() {
        let reply = read_reply(&captured("ot-announce-started-3.bin"), |ip| {
            ip.is_loopback()
        });
        let expected = UpstreamReply {
            peers: peers(&["127.0.0.1:4002", "127.0.0.1:4003", "127.0.0.1:4001"]),
            seeders: Some(1),
            leechers: Some(2),
            completions: Some(0),
            interval: Some(1716),
            min_interval: Some(858),
            ..UpstreamReply::default()
        };
        assert_eq!(reply, Ok(expected));
        assert_eq!(read(captured("ot-announce-started-3.bin")).peers, []);
        assert_eq!(read(captured("ot-announce-stopped.bin")).seeders, Some(2));

        let reply = read_reply(&captured("npm-announce-noncompact.bin"), |_| true).unwrap();
        assert_eq!(reply.peers, peers(&["127.0.0.1:4002", "127.0.0.1:4001"]));
        let reply = read_reply(&captured("npm-announce-started-2.bin"), |_| true).unwrap();
        assert_eq!(reply.peers, peers(&["127.0.0.1:4002", "127.0.0.1:4001"]));

        let refused = |name| read(captured(name)).failure.unwrap().reason;
        assert_eq!(refused("npm-error.bin"), "invalid info_hash");
        assert!(refused("ot-noihash.bin").starts_with("Your client forgot"));
        assert!(refused("ot-notauthorized.bin").starts_with("Requested download"));
        for page in ["ot-404.bin", "ot-badhash.bin", "ot-compact0.bin"] {
            assert_eq!(
                read_reply(&captured(page), |_| true),
                Err(Fault::NotBencode)
            );
        }
    }

    #[test]
    fn scrapes_of_real_trackers_are_read_and_a_wrong_key_left_out() {
        let files = read(captured("ot-scrape.bin")).files;
        let info_hash = "fc78ee7e2a4c706617484474d89803".to_owned() + "82eec806e7";
        let counts = Counts {
            seeders: 2,
            leechers: 0,
            completions: 1,
        };
        assert_eq!(files, [(info_hash.parse().unwrap(), counts)]);
        assert_eq!(read(captured("ot-scrape-all-disabled.bin")).files, files);
        assert_eq!(read(captured("npm-scrape-BUGGY-key.bin")).files, []);
    }

    #[test]
    fn peers_may_be_dictionaries() {
        let list = "d5:peersld2:ip7:8.8.8.84:porti1eed2:ip11:2001:db8::14:porti2eei7eld1:a1:xee\
                    d2:ip4:host4:porti3eed2:ip7:8.8.8.84:porti65537eed2:ip7:8.8.8.84:porti-1ee\
                    d4:porti4eed2:ip14:::ffff:8.8.8.94:porti5eeee";
        let expected = peers(&["8.8.8.8:1", "[2001:db8::1]:2", "8.8.8.9:5"]);
        assert_eq!(read(list).peers, expected);
        assert_eq!(read(list.replace("5:peers", "6:peers6")).peers, expected);
    }

    #[test]
    fn both_lists_are_read() {
        let body = b"d5:peers6:\x08\x08\x08\x08\x1a\xe16:peers618:\x20\x01\x0d\xb8\0\0\0\0\
                     \0\0\0\0\0\0\0\x01\x1a\xe1e";
        assert_eq!(
            read(body).peers,
            peers(&["8.8.8.8:6881", "[2001:db8::1]:6881"])
        );
        assert_eq!(read("d5:peersi0e6:peers6dee").peers, []);
    }

    #[test]
    fn odd_values_are_left_out_or_cut() {
        let reply = read("d8:intervali-5e12:min interval3:abc8:completei99999999999ee junk");
        assert_eq!(reply.interval, None);
        assert_eq!(reply.min_interval, None);
        assert_eq!(reply.seeders, Some(MAX_NUMBER));
        assert_eq!(read_reply(b"le", |_| true), Err(Fault::NotBencode));
        assert_eq!(read_reply(b"d1:a", |_| true), Err(Fault::NotBencode));
    }

    #[test]
    fn a_refusal_says_when_to_come_back() {
        let refusal = |retry: &str| {
            read(format!("d14:failure reason3:no!8:retry in{retry}e"))
                .failure
                .unwrap()
        };
        assert_eq!(refusal("i5e").retry_in, Some(300));
        assert_eq!(refusal("5:never").retry_in, Some(u32::MAX));
        assert_eq!(refusal("i-1e").retry_in, None);
        assert_eq!(read("d8:retry ini5ee").failure, None);
    }

    #[test]
    fn texts_are_cut_between_characters() {
        let long = "é".repeat(400);
        assert_eq!(text(long.as_bytes()), "é".repeat(256));
        let long = format!("a{}", "é".repeat(400));
        assert_eq!(text(long.as_bytes()), format!("a{}", "é".repeat(255)));
        assert_eq!(text(b"a\xff"), "a\u{fffd}");
        assert!(text(&[0xff; 600]).len() <= MAX_TEXT);
    }

    proptest! {
        #[test]
        fn a_damaged_answer_is_read_or_refused(
            file in 0..4_usize,
            cuts in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..6),
            end in any::<proptest::sample::Index>(),
        ) {
            let names = [
                "npm-announce-noncompact.bin",
                "ot-announce-started-3.bin",
                "ot-scrape.bin",
                "npm-announce-started-2.bin",
            ];
            let mut body = captured(names[file]);
            for (at, byte) in cuts {
                let at = at.index(body.len());
                body[at] = byte;
            }
            body.truncate(end.index(body.len() * 2).max(1));
            if let Ok(reply) = read_reply(&body, |_| false) {
                prop_assert!(reply.peers.iter().all(|peer| Reach::of(peer.ip()) == Reach::Public));
            }
        }
    }
}
