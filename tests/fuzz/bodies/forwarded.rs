//! A client's query reaches the external tracker byte for byte, by whichever way it came: by path,
//! by parameter or redirected. The input is the query.

use super::target;
use btrt::bittorrent::{Forwarded, Scheme, UpstreamRequest, Wants};
use btrt::protocol::http::head::{MAX_FIELDS, MAX_HEAD, parse};
use btrt::protocol::http::{Reading, Request, query};
use std::mem::MaybeUninit;
use std::net::IpAddr;

/// What stands around the query is longer in some forms than in others, and never so long.
const AROUND: usize = 256;

pub fn run(query: &[u8]) {
    // A head may be too large in one form and not in another.
    if query.len() > MAX_HEAD - AROUND {
        return;
    }
    // The request's end, wherever it stands, would be the end of the query.
    if query.iter().any(|&byte| byte <= b' ' || byte == 0x7f) {
        return;
    }
    let path = by_path("http/tracker.example:8080/x/announce", query);
    let parameter = read(&[
        b"/forwarded_announce?tracker=http%3a%2F%2Ftracker.example%3A8080%2fx%2Fannounce&",
        query,
    ]);
    let redirected = read(&[b"/x/announce?", query]);
    for read in [&path, &parameter, &redirected].into_iter().flatten() {
        check(read, query);
    }
    // Parameters of our own are not the tracker's, and what is no announce may be something else
    // where the path does not say that it is ours.
    let names = query::parameters(query).map(|(name, _)| name);
    let mut names = names.chain(query::parameters(query).map(|(_, value)| value));
    let is_plain = !names.any(|name| [&b"tracker"[..], b"client_ip"].contains(&name));
    if is_plain && !query.is_empty() {
        assert_eq!(path, parameter);
        if redirected.is_some() {
            assert_eq!(path, redirected);
        }
    }
    if let Some(Forwarded { wants, .. }) = by_path("udp/tracker.example:6969/announce", query) {
        assert!(matches!(wants, Wants::Announce { .. }));
    }
    // The input as a whole URL, and as the host of one.
    for url in [read(&[b"/forwarded_announce/", query]), read(&[query])] {
        url.iter()
            .for_each(|forwarded| target::check(&forwarded.target));
    }
}

fn by_path(tracker: &str, query: &[u8]) -> Option<Forwarded> {
    read(&[b"/forwarded_announce/", tracker.as_bytes(), b"?", query])
}

/// What a request for this target, at a `Host` that is not ours, wants of whom.
fn read(request_target: &[&[u8]]) -> Option<Forwarded> {
    let received = [
        b"GET ",
        &request_target.concat()[..],
        b" HTTP/1.1\r\nHost: tracker.example:8080\r\n\r\n",
    ];
    let received = received.concat();
    let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let (head, _) = parse(&received, &mut fields).ok()??;
    let reading = Reading {
        max_scrape: 100,
        local_names: Some(&[]),
    };
    match Request::read(&head, reading) {
        Request::Forwarded(forwarded, _) => Some(*forwarded),
        _ => None,
    }
}

/// What goes to the tracker is what came from the client, in its order, but for what is ours; and
/// nothing of it is shown.
fn check(forwarded: &Forwarded, query: &[u8]) {
    target::check(&forwarded.target);
    assert_eq!(forwarded.target.to_string(), "http://tracker.example:8080");
    assert_eq!(forwarded.target.scheme, Scheme::Http);
    let is_ours = |name: &[u8]| [&b"tracker"[..], b"client_ip"].contains(&name);
    let sent = forwarded
        .target
        .path_and_query
        .strip_prefix(b"/x/announce?");
    let sent = sent.expect("the tracker's path, and a query");
    if !query::parameters(query).any(|(name, _)| is_ours(name)) {
        assert_eq!(sent, escaped(query));
    }
    let Wants::Announce {
        announce,
        request: UpstreamRequest::Announce {
            info_hash, port, ..
        },
        ..
    } = &forwarded.wants
    else {
        panic!("an announce, as the path says");
    };
    assert_eq!(*info_hash, announce.info_hash);
    assert_eq!(*port, announce.port.unwrap_or(0));

    let mut named = forwarded.clone();
    named.name_client(IpAddr::from([192, 0, 2, 1]));
    let target = named.target.path_and_query;
    let added = target.strip_prefix(&forwarded.target.path_and_query[..]);
    let has_ip = query::parameters(sent).any(|(name, _)| name == b"ip");
    let expected: &[u8] = if has_ip { b"" } else { b"&ip=192.0.2.1" };
    assert_eq!(added, Some(expected));
}

/// A query as a request line may have it: clients send nearly all of it so.
fn escaped(query: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::new();
    for &byte in query {
        match byte {
            b'"' | b'#' | b'<' | b'>' | b'`' | 0x80.. => {
                escaped.extend(format!("%{byte:02X}").into_bytes());
            }
            _ => escaped.push(byte),
        }
    }
    escaped
}
