//! What a head asks for.

use super::query::{decode_20, number, parameters, pieces, value_of};
use super::{Head, Method, forwarded};
use crate::bittorrent::{Announce, Event, Failure, Forwarded, InfoHash, PeerId};
use memchr::memmem::Finder;
use std::net::IpAddr;
use std::sync::LazyLock;

/// A request that is understood, or what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A client announces (BEP 3).
    Announce(Announce),
    /// Somebody wants counts (BEP 48).
    Scrape(ScrapeOf),
    /// An announce or scrape that was meant for an external tracker, and how it came here.
    Forwarded(Box<Forwarded>, Form),
    /// Only the head of an answer is wanted; nothing is done.
    HeadOnly,
    /// A tracker was asked something it must refuse.
    Refused(Failure),
    /// There is nothing at this path: 404.
    NotFound,
    /// Nothing can be done to it with this method: 405.
    MethodNotAllowed,
}

/// How a forwarded request came here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A DPI platform or a proxy has written where it was meant for.
    Addressed,
    /// It is the client's own request, redirected.
    Transparent,
}

/// What reading a request takes beside its head.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// Of a scrape, no more info hashes than that are taken.
    pub max_scrape: usize,
    /// Requests whose host is none of these names, and no address, are taken for redirected ones;
    /// `None` if there are no such requests.
    pub local_names: Option<&'a [String]>,
}

/// Which swarms a scrape is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScrapeOf {
    /// These, in the order asked.
    Hashes(Vec<InfoHash>),
    /// All that there are.
    All,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    Announce,
    Scrape,
    Forwarded,
}

impl Request {
    /// Reads a head.
    pub fn read(head: &Head<'_>, reading: Reading<'_>) -> Request {
        if let Some(names) = reading.local_names
            && let Some(host) = head.host.filter(|host| !is_local(host, names))
            && !head.path.starts_with(forwarded::PATH)
        {
            return transparent(head, host, reading.max_scrape);
        }
        let Some(endpoint) = endpoint(head.path) else {
            return Request::NotFound;
        };
        let max_scrape = reading.max_scrape;
        let request = match (head.method, endpoint) {
            (Method::Other, _) => Ok(Request::MethodNotAllowed),
            (Method::Head, _) => Ok(Request::HeadOnly),
            (Method::Get, Endpoint::Announce) => announce(head.query).map(Request::Announce),
            (Method::Get, Endpoint::Scrape) => scrape(head.query, max_scrape).map(Request::Scrape),
            (Method::Get, Endpoint::Forwarded) => {
                forwarded::read(head.path, head.query, max_scrape)
                    .map(|forwarded| Request::forwarded(forwarded, Form::Addressed, head))
            }
        };
        request.unwrap_or_else(Request::Refused)
    }

    fn forwarded(forwarded: Forwarded, form: Form, head: &Head<'_>) -> Request {
        let user_agent = head.values("user-agent").next();
        let user_agent = user_agent.and_then(|value| std::str::from_utf8(value).ok());
        let forwarded = Forwarded {
            user_agent: user_agent.map(str::to_owned),
            ..forwarded
        };
        Request::Forwarded(Box::new(forwarded), form)
    }
}

/// A request that was redirected here: an announce if it carries an info hash, and a scrape if
/// the path says so.
fn transparent(head: &Head<'_>, host: &[u8], max_scrape: usize) -> Request {
    let is_ours = forwarded::is_scrape(head.path) || forwarded::has_info_hash(head.query);
    match head.method {
        _ if !is_ours => Request::NotFound,
        Method::Other => Request::MethodNotAllowed,
        Method::Head => Request::HeadOnly,
        Method::Get => {
            let forwarded = forwarded::by_host(host, head.path, head.query, max_scrape);
            forwarded.map_or_else(Request::Refused, |forwarded| {
                Request::forwarded(forwarded, Form::Transparent, head)
            })
        }
    }
}

/// Whether a `Host` is one of our names, or an address; with a port or without.
fn is_local(host: &[u8], names: &[String]) -> bool {
    let Ok(host) = std::str::from_utf8(host) else {
        return false;
    };
    let unbracketed = host
        .strip_prefix('[')
        .and_then(|rest| rest.split(']').next());
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let is_address = |text: &str| text.parse::<IpAddr>().is_ok();
    // libtorrent writes IPv6 addresses without brackets.
    let addressed = unbracketed.is_some_and(is_address) || is_address(host) || is_address(name);
    addressed || names.iter().any(|one| one.eq_ignore_ascii_case(name))
}

/// What a path stands for: its last segment decides, and old torrents end it in `.php` or `/`.
fn endpoint(path: &[u8]) -> Option<Endpoint> {
    match path {
        // As nearly all clients write it.
        b"/announce" => return Some(Endpoint::Announce),
        b"/scrape" => return Some(Endpoint::Scrape),
        _ if path.starts_with(forwarded::PATH) => return Some(Endpoint::Forwarded),
        _ => {}
    }
    let mut path = path;
    while let Some(shorter) = path.strip_suffix(b"/") {
        path = shorter;
    }
    let path = path.strip_suffix(b".php").unwrap_or(path);
    let slash = memchr::memrchr(b'/', path)?;
    match &path[slash + 1..] {
        b"announce" => Some(Endpoint::Announce),
        b"scrape" => Some(Endpoint::Scrape),
        b"forwarded_announce" => Some(Endpoint::Forwarded),
        _ => None,
    }
}

/// How announces of most clients begin, which ask a tracker whose URL has no query of its own.
static ANNOUNCE: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"announce?info_hash="));

/// The info hashes that announces in `received` are about, as far as a glance tells: nothing of
/// them has been read yet.
pub fn announced_in(received: &[u8]) -> impl Iterator<Item = InfoHash> {
    let name = &*ANNOUNCE;
    name.find_iter(received).filter_map(|at| {
        let value = &received[at + name.needle().len()..];
        // All of its bytes may be escaped.
        let value = &value[..value.len().min(3 * 20 + 1)];
        let end = memchr::memchr3(b'&', b'?', b' ', value)?;
        decode_20(&value[..end]).ok().map(InfoHash)
    })
}

/// The parameters of an announce that count, as they were given.
#[derive(Default)]
struct Given<'a> {
    info_hash: Option<&'a [u8]>,
    peer_id: Option<&'a [u8]>,
    port: Option<&'a [u8]>,
    left: Option<&'a [u8]>,
    event: Option<&'a [u8]>,
    numwant: Option<&'a [u8]>,
    compact: Option<&'a [u8]>,
    no_peer_id: Option<&'a [u8]>,
}

pub(super) fn announce(query: &[u8]) -> Result<Announce, Failure> {
    let mut given = Given::default();
    for piece in pieces(query) {
        // Their first letters tell nearly all names apart, also from those that do not count.
        let (value, place) = match piece {
            [b'i', ..] => (value_of(piece, b"info_hash"), &mut given.info_hash),
            [b'p', b'e', ..] => (value_of(piece, b"peer_id"), &mut given.peer_id),
            [b'p', ..] => (value_of(piece, b"port"), &mut given.port),
            [b'l', ..] => (value_of(piece, b"left"), &mut given.left),
            [b'e', ..] => (value_of(piece, b"event"), &mut given.event),
            [b'n', b'u', ..] => (value_of(piece, b"numwant"), &mut given.numwant),
            [b'n', ..] => (value_of(piece, b"no_peer_id"), &mut given.no_peer_id),
            [b'c', ..] => (value_of(piece, b"compact"), &mut given.compact),
            _ => continue,
        };
        // Of a parameter that is repeated the first counts.
        if let Some(value) = value {
            place.get_or_insert(value);
        }
    }
    let Given {
        info_hash,
        peer_id,
        port,
        left,
        event,
        numwant,
        compact,
        no_peer_id,
    } = given;
    Ok(Announce {
        info_hash: InfoHash(twenty_bytes("info_hash", info_hash)?),
        peer_id: PeerId(twenty_bytes("peer_id", peer_id)?),
        port: port
            .and_then(number)
            .and_then(|port| u16::try_from(port).ok())
            .filter(|&port| port != 0),
        seeder: left.and_then(number) == Some(0),
        event: match event.unwrap_or_default() {
            b"started" => Event::Started,
            b"completed" => Event::Completed,
            b"stopped" => Event::Stopped,
            _ => Event::None,
        },
        numwant: numwant
            .and_then(number)
            .filter(|&numwant| numwant >= 0)
            .map(|numwant| u32::try_from(numwant).unwrap_or(u32::MAX)),
        compact: compact != Some(b"0"),
        no_peer_id: no_peer_id == Some(b"1"),
    })
}

fn twenty_bytes(name: &'static str, value: Option<&[u8]>) -> Result<[u8; 20], Failure> {
    let value = value.ok_or(Failure::Missing(name))?;
    decode_20(value).map_err(|length| Failure::WrongLength(name, length))
}

pub(super) fn scrape(query: &[u8], max_scrape: usize) -> Result<ScrapeOf, Failure> {
    let mut any = false;
    let mut hashes = Vec::new();
    for (_, value) in parameters(query).filter(|(name, _)| *name == b"info_hash") {
        any = true;
        if hashes.len() == max_scrape {
            break;
        }
        hashes.extend(decode_20(value).map(InfoHash));
    }
    match (any, hashes.is_empty()) {
        (false, _) => Ok(ScrapeOf::All),
        (true, true) if max_scrape > 0 => Err(Failure::NothingToScrape),
        _ => Ok(ScrapeOf::Hashes(hashes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const IDS: &str = "info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=bbbbbbbbbbbbbbbbbbbb";

    fn read(rest: &str) -> Announce {
        announce(format!("{IDS}&{rest}").as_bytes()).unwrap()
    }

    #[test]
    fn paths_of_old_torrents_are_understood() {
        let is = |path: &str, wanted| endpoint(path.as_bytes()) == wanted;
        for path in [
            "/announce",
            "/announce/",
            "/announce.php",
            "/x/y/announce",
            "//announce//",
        ] {
            assert!(is(path, Some(Endpoint::Announce)), "{path}");
        }
        assert!(is("/x/scrape.php/", Some(Endpoint::Scrape)));
        for path in [
            "/forwarded_announce",
            "/forwarded_announce/http/t.example/announce",
        ] {
            assert!(is(path, Some(Endpoint::Forwarded)), "{path}");
        }
        for path in [
            "",
            "/",
            "*",
            "announce",
            "/announced",
            "/announce/x",
            "/Announce",
        ] {
            assert!(is(path, None), "{path}");
        }
    }

    #[test]
    fn a_glance_tells_the_info_hashes_of_announces() {
        let received = b"GET /announce?info_hash=%01aaaaaaaaaaaaaaaaaaa&port=1 HTTP/1.1\r\n\r\n\
            GET /announce?info_hash=short&port=1 HTTP/1.1\r\n\r\n\
            GET /scrape?info_hash=cccccccccccccccccccc HTTP/1.1\r\n\r\n\
            GET /announce?info_hash=bbbbbbbbbbbbbbbbbbbb HTTP/1.1\r\n\r\n\
            GET /announce?info_hash=dddddddddddddddddddd";
        let mut first = [b'a'; 20];
        first[0] = 1;
        let found: Vec<_> = announced_in(received).collect();
        assert_eq!(found, [InfoHash(first), InfoHash([b'b'; 20])]);
    }

    #[test]
    fn missing_and_odd_values_have_their_meaning() {
        let plain = read("");
        assert_eq!((plain.port, plain.numwant), (None, None));
        assert!(!plain.seeder && plain.compact && !plain.no_peer_id);
        for port in ["0", "65536", "-1", "x", ""] {
            assert_eq!(read(&format!("port={port}")).port, None, "{port}");
        }
        for left in ["-1", "5", "", "x", "99999999999999999999999999"] {
            assert!(!read(&format!("left={left}")).seeder, "{left}");
        }
        assert_eq!(read("numwant=99999999999999999999").numwant, Some(u32::MAX));
        assert_eq!(read("numwant=-1").numwant, None);
        assert_eq!(read("numwant=0").numwant, Some(0));
        assert_eq!(read("event=paused").event, Event::None);
        assert_eq!(read("event=").event, Event::None);
        assert!(!read("compact=0").compact);
    }

    #[test]
    fn of_repeated_parameters_the_first_counts() {
        let repeated = read("left=0&left=5&port=1&port=2&info_hash=x&peer_id=y");
        assert!(repeated.seeder);
        assert_eq!(repeated.port, Some(1));
        assert_eq!(repeated.info_hash.0, [b'a'; 20]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let failure = |query: &str| announce(query.as_bytes()).unwrap_err().to_string();
        assert_eq!(failure("peer_id=x"), "info_hash is missing");
        assert_eq!(
            failure("info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=%00"),
            "peer_id must have 20 bytes, but has 1"
        );
    }

    #[test]
    fn scrapes_take_what_is_well_formed_up_to_the_limit() {
        let hash = |byte| InfoHash([byte; 20]);
        let (a, b) = ("a".repeat(20), "b".repeat(20));
        let query = format!("info_hash={a}&info_hash=short&info_hash={b}&info_hash={a}");
        assert_eq!(
            scrape(query.as_bytes(), 2),
            Ok(ScrapeOf::Hashes(vec![hash(b'a'), hash(b'b')]))
        );
        assert_eq!(scrape(b"x=1", 2), Ok(ScrapeOf::All));
        assert_eq!(scrape(b"info_hash=", 2), Err(Failure::NothingToScrape));
    }

    proptest! {
        #[test]
        fn any_query_is_read_or_refused(query: Vec<u8>) {
            let _ = announce(&query);
            let _ = scrape(&query, 3);
        }

        #[test]
        fn the_order_of_parameters_does_not_matter(
            order in Just(vec![
                "info_hash=%01aaaaaaaaaaaaaaaaaaa", "peer_id=bbbbbbbbbbbbbbbbbb%zz",
                "port=6881", "left=0", "event=completed", "numwant=7", "compact=0",
                "no_peer_id=1", "key=x", "uploaded=-5",
            ]).prop_shuffle(),
        ) {
            let read = announce(order.join("&").as_bytes()).map_err(|f| f.to_string());
            let expected = Failure::WrongLength("peer_id", 21).to_string();
            prop_assert_eq!(read, Err(expected));
            let order = order.join("&").replace("%zz", "zz");
            let read = announce(order.as_bytes()).unwrap();
            prop_assert!(read.seeder && read.no_peer_id && !read.compact);
            prop_assert_eq!((read.port, read.numwant), (Some(6881), Some(7)));
            prop_assert_eq!(read.event, Event::Completed);
        }
    }
}
