//! What is written back: status, a few header fields, and a body of known length.

use super::Refusal;
use crate::bittorrent::{AnnounceReply, Counts, Failure, InfoHash, PeerId, PeerList};
use crate::protocol::bencode::{Writer, append_number};
use std::net::IpAddr;

/// The answers' status codes (RFC 9110, section 15; RFC 6585 for 431).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 200: also for what a tracker refuses, because most clients read the body of nothing else.
    Ok,
    /// 304: the client has it already.
    NotModified,
    /// 400: not HTTP, or parameters that make no sense.
    BadRequest,
    /// 404: nothing at this path.
    NotFound,
    /// 405: only GET and HEAD.
    MethodNotAllowed,
    /// 408: the head did not come in time.
    RequestTimeout,
    /// 431: the head is too large.
    HeadTooLarge,
    /// 503: there is no answer now, for a fault of our own.
    Unavailable,
}

impl Status {
    pub(super) fn line(self) -> &'static str {
        match self {
            Status::Ok => "HTTP/1.1 200 OK\r\n",
            Status::NotModified => "HTTP/1.1 304 Not Modified\r\n",
            Status::BadRequest => "HTTP/1.1 400 Bad Request\r\n",
            Status::NotFound => "HTTP/1.1 404 Not Found\r\n",
            Status::MethodNotAllowed => "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD\r\n",
            Status::RequestTimeout => "HTTP/1.1 408 Request Timeout\r\n",
            Status::HeadTooLarge => "HTTP/1.1 431 Request Header Fields Too Large\r\n",
            Status::Unavailable => "HTTP/1.1 503 Service Unavailable\r\n",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Status::Ok | Status::NotModified => "",
            Status::BadRequest => "This is a BitTorrent tracker; what it got is not HTTP.\n",
            Status::NotFound => "There is nothing here but /announce and /scrape.\n",
            Status::MethodNotAllowed => "A tracker is asked with GET.\n",
            Status::RequestTimeout => "The request did not arrive in time.\n",
            Status::Unavailable => "There is no answer at the moment.\n",
            Status::HeadTooLarge => {
                "The request head is longer than 8 KiB or has over 64 fields.\n"
            }
        }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Status {
        match refusal {
            Refusal::NotHttp => Status::BadRequest,
            Refusal::TooLarge => Status::HeadTooLarge,
            Refusal::TooSlow => Status::RequestTimeout,
        }
    }
}

/// What becomes of the connection, and how the client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// It ends with this answer.
    Close,
    /// It stays open, as is usual in HTTP/1.1.
    Open,
    /// It stays open, as an HTTP/1.0 client has asked.
    OpenFor1_0,
}

/// Appends an answer with this body.
pub fn write(to: &mut Vec<u8>, status: Status, persistence: Persistence, body: &[u8]) {
    write_head(to, status, persistence, body.len());
    to.extend_from_slice(body);
}

/// Appends an answer up to its body, which has this length.
pub fn write_head(to: &mut Vec<u8>, status: Status, persistence: Persistence, length: usize) {
    to.extend_from_slice(status.line().as_bytes());
    to.extend_from_slice(b"Content-Type: text/plain\r\nContent-Length: ");
    append_number(to, length);
    to.extend_from_slice(end_of_head(persistence));
}

/// Appends the head of the answer that a GET would get, as far as it is known without the answer.
pub fn write_head_only(to: &mut Vec<u8>, persistence: Persistence) {
    to.extend_from_slice(Status::Ok.line().as_bytes());
    to.extend_from_slice(b"Content-Type: text/plain");
    to.extend_from_slice(end_of_head(persistence));
}

/// Appends an answer that says in its body what its status means.
pub fn write_status(to: &mut Vec<u8>, status: Status, persistence: Persistence) {
    write(to, status, persistence, status.text().as_bytes());
}

pub(super) fn end_of_head(persistence: Persistence) -> &'static [u8] {
    match persistence {
        Persistence::Close => b"\r\nConnection: close\r\n\r\n",
        Persistence::Open => b"\r\n\r\n",
        Persistence::OpenFor1_0 => b"\r\nConnection: keep-alive\r\n\r\n",
    }
}

/// How the peers of an answer are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerForm {
    /// 6 bytes each (BEP 23), or 18 (BEP 7).
    Compact,
    /// A dictionary each (BEP 3).
    Dictionaries,
}

/// The body of the answer to an announce. What is the same in all of them is written as it stands
/// on the wire, here and for scrapes.
pub fn announce_body(to: &mut Vec<u8>, reply: &AnnounceReply, form: PeerForm) {
    let mut body = Writer(to);
    body.raw(b"d8:complete")
        .integer(reply.counts.seeders)
        .raw(b"10:downloaded")
        .integer(reply.counts.completions)
        .raw(b"11:external ip");
    match reply.external_ip {
        IpAddr::V4(ip) => body.raw(b"4:").raw(&ip.octets()),
        IpAddr::V6(ip) => body.raw(b"16:").raw(&ip.octets()),
    };
    body.raw(b"10:incomplete")
        .integer(reply.counts.leechers)
        .raw(b"8:interval")
        .integer(reply.interval)
        .raw(b"12:min interval")
        .integer(reply.min_interval)
        .raw(b"5:peers");
    peers::<4>(&mut body, &reply.peers, form);
    if !reply.peers6.compact.is_empty() {
        body.raw(b"6:peers6");
        peers::<16>(&mut body, &reply.peers6, form);
    }
    if let Some(warning) = &reply.warning {
        body.raw(b"15:warning message").string(warning.as_bytes());
    }
    body.end();
}

/// Writes peers whose addresses have `LENGTH` bytes.
fn peers<const LENGTH: usize>(body: &mut Writer<'_>, list: &PeerList, form: PeerForm) {
    if form == PeerForm::Compact {
        body.string(&list.compact);
        return;
    }
    body.list();
    let mut ids = list.ids.iter();
    for peer in list.compact.chunks_exact(LENGTH + 2) {
        let (ip, port) = peer.split_at(LENGTH);
        let ip = <[u8; 4]>::try_from(ip)
            .map(IpAddr::from)
            .or_else(|_| <[u8; 16]>::try_from(ip).map(IpAddr::from));
        let (Ok(ip), [high, low]) = (ip, port) else {
            continue;
        };
        body.dictionary()
            .string(b"ip")
            .string(ip.to_string().as_bytes());
        if let Some(Some(PeerId(id))) = ids.next() {
            body.string(b"peer id").string(id);
        }
        body.string(b"port")
            .integer(u16::from_be_bytes([*high, *low]))
            .end();
    }
    body.end();
}

/// The body of the answer to a scrape (BEP 48). `files` are sorted by info hash, each once.
pub fn scrape_body(to: &mut Vec<u8>, files: &[(InfoHash, Counts)], min_request_interval: u32) {
    let mut body = Writer(to);
    body.raw(b"d5:filesd");
    for (info_hash, counts) in files {
        body.raw(b"20:")
            .raw(&info_hash.0)
            .raw(b"d8:complete")
            .integer(counts.seeders)
            .raw(b"10:downloaded")
            .integer(counts.completions)
            .raw(b"10:incomplete")
            .integer(counts.leechers)
            .raw(b"e");
    }
    body.raw(b"e5:flagsd20:min_request_interval")
        .integer(min_request_interval)
        .raw(b"ee");
}

/// The body of a refusal (BEP 3).
pub fn failure_body(to: &mut Vec<u8>, failure: &Failure) {
    Writer(to)
        .dictionary()
        .string(b"failure reason")
        .string(failure.to_string().as_bytes())
        .end();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut bytes = Vec::new();
        write(&mut bytes);
        bytes.escape_ascii().to_string()
    }

    fn reply() -> AnnounceReply {
        AnnounceReply {
            counts: Counts {
                seeders: 1,
                leechers: 22,
                completions: 333,
            },
            interval: 1800,
            min_interval: 300,
            external_ip: [192, 0, 2, 1].into(),
            peers: PeerList {
                compact: b"\x7f\x01\x00\x02\x1a\xe1".to_vec(),
                ids: vec![Some(PeerId(*b"-XX0000-abcdefghijkl"))],
            },
            peers6: PeerList::default(),
            warning: None,
        }
    }

    #[test]
    fn announces_are_answered_with_sorted_keys_and_compact_peers() {
        assert_eq!(
            text(|to| announce_body(to, &reply(), PeerForm::Compact)),
            "d8:completei1e10:downloadedi333e11:external ip4:\\xc0\\x00\\x02\\x01\
             10:incompletei22e8:intervali1800e12:min intervali300e\
             5:peers6:\\x7f\\x01\\x00\\x02\\x1a\\xe1e"
        );
    }

    #[test]
    fn dictionaries_have_ids_where_there_are_any() {
        let mut reply = reply();
        reply.peers6.compact = [&[0; 15][..], &[1, 0, 80]].concat();
        let body = text(|to| announce_body(to, &reply, PeerForm::Dictionaries));
        let peers = body.split_once("5:peersl").unwrap().1;
        assert_eq!(
            peers,
            "d2:ip9:127.1.0.27:peer id20:-XX0000-abcdefghijkl4:porti6881ee\
             e6:peers6ld2:ip3:::14:porti80eeee"
        );
    }

    #[test]
    fn scrapes_and_refusals_are_dictionaries() {
        let files = [(InfoHash(*b"aaaaaaaaaaaaaaaaaaaa"), reply().counts)];
        assert_eq!(
            text(|to| scrape_body(to, &files, 1800)),
            "d5:filesd20:aaaaaaaaaaaaaaaaaaaad8:completei1e10:downloadedi333e10:incompletei22eee\
             5:flagsd20:min_request_intervali1800eee"
        );
        assert_eq!(
            text(|to| failure_body(to, &Failure::Missing("info_hash"))),
            "d14:failure reason20:info_hash is missinge"
        );
    }

    #[test]
    fn answers_say_how_long_they_are_and_whether_the_connection_stays() {
        assert_eq!(
            text(|to| write(to, Status::Ok, Persistence::OpenFor1_0, b"body")),
            "HTTP/1.1 200 OK\\r\\nContent-Type: text/plain\\r\\nContent-Length: 4\\r\\n\
             Connection: keep-alive\\r\\n\\r\\nbody"
        );
        assert_eq!(
            text(|to| write_head_only(to, Persistence::Close)),
            "HTTP/1.1 200 OK\\r\\nContent-Type: text/plain\\r\\nConnection: close\\r\\n\\r\\n"
        );
    }
}
