//! Announces and scrapes that were on their way to an external tracker: the three forms in which
//! a DPI platform, a proxy or a router hands them over, and what they have in common.
//!
//! The client's query reaches the external tracker byte for byte and in its order; only BTRT's
//! own parameters are taken out.

use super::query::{decode, decode_20, number, parameters};
use super::request::{announce, scrape};
use crate::bittorrent::{Announce, BadTarget, Failure, Forwarded, Target, UpstreamRequest, Wants};
use std::net::IpAddr;

/// The path that forms A and B begin with.
pub(super) const PATH: &[u8] = b"/forwarded_announce";

/// Parameters that clients of all kinds send by themselves. Whatever else stands in the query of
/// an announce URL belongs to the URL: a passkey, above all.
const SENT_BY_CLIENTS: [&[u8]; 31] = [
    b"info_hash",
    b"peer_id",
    b"port",
    b"uploaded",
    b"downloaded",
    b"left",
    b"event",
    b"numwant",
    b"num_want",
    b"compact",
    b"no_peer_id",
    b"key",
    b"ip",
    b"ipv4",
    b"ipv6",
    b"corrupt",
    b"redundant",
    b"supportcrypto",
    b"requirecrypto",
    b"cryptoport",
    b"trackerid",
    b"hide",
    b"azudp",
    b"azhttp",
    b"azver",
    b"azq",
    b"azsf",
    b"aznp",
    b"natmapped",
    b"localip",
    b"seq",
];

/// Form A or B, whichever the path is.
pub(super) fn read(path: &[u8], query: &[u8], max_scrape: usize) -> Result<Forwarded, Failure> {
    let rest = path.strip_prefix(PATH).unwrap_or_default();
    match rest.strip_prefix(b"/").unwrap_or(rest) {
        b"" | b".php" => by_parameter(query, max_scrape),
        rest => by_path(rest, query, max_scrape),
    }
}

/// Form A: `/forwarded_announce/<scheme>/<host[:port]>/<path>`, with the client's query.
fn by_path(rest: &[u8], query: &[u8], max_scrape: usize) -> Result<Forwarded, Failure> {
    let mut pieces = rest.splitn(3, |&byte| byte == b'/');
    let (scheme, host) = (pieces.next(), pieces.next().unwrap_or_default());
    let path = pieces.next().unwrap_or_default();
    let path = without_fragment(path);
    let url = [scheme.unwrap_or_default(), b"://", host, b"/", &path].concat();
    build(&url, query, max_scrape)
}

/// Form B: `/forwarded_announce?tracker=<URL>&<the client's query>`.
fn by_parameter(query: &[u8], max_scrape: usize) -> Result<Forwarded, Failure> {
    let named = parameters(query).find(|(name, _)| *name == b"tracker");
    let (_, url) = named.ok_or(Failure::NoTracker)?;
    let url: Vec<u8> = decode(url).take_while(|&byte| byte != b'#').collect();
    // A second one is the client's own.
    build(&url, &without(query, b"tracker", 1), max_scrape)
}

/// Form C: the client's own request, whose `Host` names the external tracker.
pub(super) fn by_host(
    host: &[u8],
    path: &[u8],
    query: &[u8],
    max_scrape: usize,
) -> Result<Forwarded, Failure> {
    let url = [b"http://", host, &without_fragment(path)].concat();
    build(&url, query, max_scrape)
}

/// Whether a path is that of a scrape: its last segment begins so (BEP 48).
pub(super) fn is_scrape(path: &[u8]) -> bool {
    let last = path.rsplit(|&byte| byte == b'/').next();
    last.is_some_and(|last| last.starts_with(b"scrape"))
}

fn build(url: &[u8], query: &[u8], max_scrape: usize) -> Result<Forwarded, Failure> {
    let client_ip = parameters(query).find(|(name, _)| *name == b"client_ip");
    let client_ip = client_ip.map(|(_, value)| address(value)).transpose()?;
    let query = without_fragment(&without(query, b"client_ip", usize::MAX));
    let joint: &[u8] = match (url.contains(&b'?'), query.is_empty()) {
        (_, true) => b"",
        (true, false) => b"&",
        (false, false) => b"?",
    };
    let parse = |url: &[u8]| Target::parse(url).map_err(bad_target);
    let target = parse(&[url, joint, &query].concat())?;
    let path_end = url
        .iter()
        .position(|&byte| byte == b'?')
        .unwrap_or(url.len());
    let wants = if is_scrape(&url[..path_end]) {
        Wants::Scrape(match scrape(&query, max_scrape)? {
            super::ScrapeOf::Hashes(hashes) => hashes,
            super::ScrapeOf::All => return Err(Failure::Missing("info_hash")),
        })
    } else {
        let announce = announce(&query)?;
        let request = upstream_request(&announce, &query);
        let names_ip = parameters(&query).any(|(name, _)| name == b"ip");
        Wants::Announce {
            announce,
            request,
            names_ip,
        }
    };
    Ok(Forwarded {
        tracker: tracker(&target),
        target,
        user_agent: None,
        client_ip,
        wants,
    })
}

/// An external tracker by its announce URL, as it is written: where it is, and by what its clients
/// are told from those of others (see [`Forwarded::tracker`]).
pub fn external_tracker(url: &[u8]) -> Result<(Target, Box<[u8]>), BadTarget> {
    let target = Target::parse(url)?;
    let key = tracker(&target);
    Ok((target, key))
}

/// The part of a URL that all clients of one tracker and account share.
fn tracker(target: &Target) -> Box<[u8]> {
    let mut tracker = target.to_string().into_bytes();
    let path = &target.path_and_query;
    let path_end = path
        .iter()
        .position(|&byte| byte == b'?')
        .unwrap_or(path.len());
    tracker.extend_from_slice(&path[..path_end]);
    for (name, value) in parameters(path.get(path_end + 1..).unwrap_or_default()) {
        if !SENT_BY_CLIENTS.contains(&name) {
            tracker.extend([b"&", name, b"=", value].concat());
        }
    }
    tracker.into()
}

/// A query without the parameters of one name, the first so many of them at most, and otherwise
/// byte for byte the same.
fn without(query: &[u8], name: &[u8], at_most: usize) -> Vec<u8> {
    let is_separator = |byte: u8| byte == b'&' || byte == b'?';
    let is_it = |piece: &[u8]| {
        let piece = piece
            .strip_suffix(b"&")
            .or(piece.strip_suffix(b"?"))
            .unwrap_or(piece);
        parameters(piece).any(|(found, _)| found == name)
    };
    let pieces = query.split_inclusive(|&byte| is_separator(byte));
    let mut left = at_most;
    let mut kept: Vec<u8> = pieces
        .filter(|piece| {
            let is_taken_out = left > 0 && is_it(piece);
            left -= usize::from(is_taken_out);
            !is_taken_out
        })
        .flatten()
        .copied()
        .collect();
    // The separator that stood before a last parameter goes with it.
    let ended_in_separator = query.last().copied().is_some_and(is_separator);
    if !ended_in_separator && kept.last().copied().is_some_and(is_separator) {
        kept.pop();
    }
    kept
}

/// A request line has no fragment: a `#` in it is one byte of many, and would take with it what
/// stands behind it where it begins one. Some clients leave those of an info hash as they are.
fn without_fragment(bytes: &[u8]) -> Vec<u8> {
    let pieces: Vec<_> = bytes.split(|&byte| byte == b'#').collect();
    pieces.join(&b"%23"[..])
}

fn address(value: &[u8]) -> Result<IpAddr, Failure> {
    let text: Vec<u8> = decode(value).collect();
    let address = std::str::from_utf8(&text)
        .ok()
        .and_then(|text| text.parse().ok());
    address
        .map(|ip: IpAddr| ip.to_canonical())
        .ok_or(Failure::BadClientAddress)
}

fn bad_target(why: BadTarget) -> Failure {
    Failure::BadTracker(why)
}

fn upstream_request(announce: &Announce, query: &[u8]) -> UpstreamRequest {
    let find = |wanted: &[u8]| parameters(query).find(|(name, _)| *name == wanted);
    let amount = |name: &[u8]| {
        let number = find(name).and_then(|(_, value)| number(value));
        number.and_then(|number| u64::try_from(number).ok())
    };
    let key = find(b"key").and_then(|(_, value)| {
        let text: Vec<u8> = decode(value).collect();
        u32::from_str_radix(std::str::from_utf8(&text).ok()?, 16).ok()
    });
    let ip = find(b"ip").and_then(|(_, value)| address(value).ok());
    UpstreamRequest::Announce {
        info_hash: announce.info_hash,
        peer_id: announce.peer_id,
        downloaded: amount(b"downloaded").unwrap_or(0),
        left: amount(b"left").unwrap_or(u64::MAX >> 1),
        uploaded: amount(b"uploaded").unwrap_or(0),
        event: announce.event,
        ip: ip.and_then(|ip| match ip {
            IpAddr::V4(ip) => Some(ip),
            IpAddr::V6(_) => None,
        }),
        key: key.unwrap_or(0),
        numwant: announce.numwant,
        port: announce.port.unwrap_or(0),
    }
}

/// Whether a query is that of an announce.
pub(super) fn has_info_hash(query: &[u8]) -> bool {
    parameters(query).any(|(name, value)| name == b"info_hash" && decode_20(value).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: &str = "info_hash=%61aaaaaaaaaaaaaaaaaaa&peer_id=bbbbbbbbbbbbbbbbbbbb&port=6881";

    fn form_a(path: &str, query: &str) -> Result<Forwarded, Failure> {
        let path = [PATH, path.as_bytes()].concat();
        read(&path, query.as_bytes(), 100)
    }

    fn form_b(query: &str) -> Result<Forwarded, Failure> {
        read(PATH, query.as_bytes(), 100)
    }

    fn asked(forwarded: &Forwarded) -> String {
        let path = String::from_utf8(forwarded.target.path_and_query.clone()).unwrap();
        format!("{}{path}", forwarded.target)
    }

    #[test]
    fn the_forms_name_the_same_tracker() {
        let expected = format!("http://t.example:81/x/announce?k=1&{CLIENT}");
        let by_path = form_a("/http/t.example:81/x/announce", &format!("k=1&{CLIENT}")).unwrap();
        let url = "http%3A%2F%2Ft.example%3a81/x/announce%3Fk=1";
        let by_parameter = form_b(&format!("tracker={url}&{CLIENT}")).unwrap();
        let query = format!("k=1&{CLIENT}");
        let host = by_host(b"T.example:81", b"/x/announce", query.as_bytes(), 100).unwrap();
        for forwarded in [by_path, by_parameter, host] {
            assert_eq!(asked(&forwarded), expected);
            assert_eq!(&*forwarded.tracker, b"http://t.example:81/x/announce&k=1");
        }
    }

    #[test]
    fn a_hash_sign_takes_nothing_of_the_query_with_it() {
        let client = CLIENT.replace("%61aaaa", "#aaa#");
        let sent = client.replace('#', "%23");
        let by_path = form_a("/http/t.example/x#y", &client).unwrap();
        assert_eq!(asked(&by_path), format!("http://t.example/x%23y?{sent}"));
        let by_host = by_host(b"t.example", b"/x#y", client.as_bytes(), 100).unwrap();
        assert_eq!(by_host, by_path);
        let url = "http%3A%2F%2Ft.example%2Fx%23y";
        let by_parameter = form_b(&format!("tracker={url}&{client}")).unwrap();
        assert_eq!(asked(&by_parameter), format!("http://t.example/x?{sent}"));
    }

    #[test]
    fn only_one_parameter_is_taken_out() {
        for (query, kept) in [
            ("", ""),
            ("x", ""),
            ("x=1", ""),
            ("x=1&a", "a"),
            ("a&x=1", "a"),
            ("a&x=1&", "a&"),
            ("a&x=1&b", "a&b"),
            ("a?x=1?b", "a?b"),
            ("x=1&x=2", ""),
            ("&&a&x=1&&b", "&&a&&b"),
            ("xx=1&ax=2&a=x=1", "xx=1&ax=2&a=x=1"),
            ("%78=1", "%78=1"),
        ] {
            let found = without(query.as_bytes(), b"x", usize::MAX);
            assert_eq!(String::from_utf8(found).unwrap(), kept, "of {query}");
        }
    }

    #[test]
    fn a_clients_own_tracker_parameter_is_passed_on() {
        for own in ["tracker=x", "tracker=", "tracker=http%3A%2F%2Fother%2Fa"] {
            let query = format!("tracker=http://t/a&{own}&{CLIENT}&{own}");
            let expected = format!("http://t/a?{own}&{CLIENT}&{own}");
            assert_eq!(asked(&form_b(&query).unwrap()), expected);
        }
        // The first is ours wherever it stands.
        let query = format!("{CLIENT}&client_ip=1.2.3.4&tracker=http://t/a&tracker=x");
        let expected = format!("http://t/a?{CLIENT}&tracker=x");
        assert_eq!(asked(&form_b(&query).unwrap()), expected);
    }

    #[test]
    fn clients_of_all_kinds_share_and_accounts_do_not() {
        let tracker = |query: &str| form_a("/http/t/a", query).unwrap().tracker;
        let own = "&uploaded=1&downloaded=2&left=3&corrupt=4&key=5&event=started&numwant=6\
                   &compact=1&no_peer_id=1&supportcrypto=1&redundant=7&azudp=1&ip=1.2.3.4&ipv6=::1\
                   &client_ip=5.6.7.8";
        assert_eq!(tracker(CLIENT), tracker(&format!("{CLIENT}{own}")));
        for other in ["passkey=1", "passkey=2", "uk=1", "authkey=", "KEY=1"] {
            assert_ne!(tracker(CLIENT), tracker(&format!("{CLIENT}&{other}")));
        }
        let [one, two] = ["passkey=1", "passkey=2"].map(|key| tracker(&format!("{CLIENT}&{key}")));
        assert_ne!(one, two);
        assert_ne!(
            form_a("/http/t/b", CLIENT).unwrap().tracker,
            tracker(CLIENT)
        );
        assert_ne!(
            form_a("/https/t/a", CLIENT).unwrap().tracker,
            tracker(CLIENT)
        );
        assert_eq!(
            form_a("/http/T:80/a", CLIENT).unwrap().tracker,
            tracker(CLIENT)
        );
    }

    #[test]
    fn a_tracker_over_udp_is_told_in_numbers_what_the_query_says() {
        let query = format!("{CLIENT}&uploaded=1&downloaded=2&left=3&key=fF&numwant=9&ip=1.2.3.4");
        let Wants::Announce {
            request:
                UpstreamRequest::Announce {
                    downloaded,
                    left,
                    uploaded,
                    ip,
                    key,
                    numwant,
                    port,
                    ..
                },
            ..
        } = form_a("/udp/t:1/", &query).unwrap().wants
        else {
            panic!("it is an announce");
        };
        assert_eq!((uploaded, downloaded, left, port), (1, 2, 3, 6881));
        assert_eq!((key, numwant), (255, Some(9)));
        assert_eq!(ip, Some([1, 2, 3, 4].into()));
    }

    #[test]
    fn a_client_is_named_once() {
        let ip: IpAddr = [5, 6, 7, 8].into();
        for (query, expected) in [
            (CLIENT.to_owned(), format!("{CLIENT}&ip=5.6.7.8")),
            (format!("ip=&{CLIENT}"), format!("ip=&{CLIENT}")),
            (format!("{CLIENT}&"), format!("{CLIENT}&&ip=5.6.7.8")),
        ] {
            let mut forwarded = form_a("/http/t/a", &query).unwrap();
            forwarded.name_client(ip);
            assert_eq!(asked(&forwarded), format!("http://t/a?{expected}"));
        }
    }

    #[test]
    fn what_cannot_be_understood_is_refused() {
        assert_eq!(form_b(CLIENT), Err(Failure::NoTracker));
        for place in [
            "/",
            "/http",
            "/http/",
            "/ftp/t/a",
            "//t/a",
            "/http/a@t/a",
            "/udp/t/a",
        ] {
            assert!(form_a(place, CLIENT).is_err(), "{place}");
        }
        assert!(form_a("/http/t/a", "").is_err());
        assert!(form_a("/http/t/scrape", "").is_err());
        let bad_client = format!("{CLIENT}&client_ip=1.2.3.4.5");
        assert_eq!(
            form_a("/http/t/a", &bad_client),
            Err(Failure::BadClientAddress)
        );
    }
}
