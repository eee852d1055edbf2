//! Whatever a request says of its client's address, only those who are trusted are believed, and
//! only addresses that a client can have. The input is header lines; its first byte says who sends
//! them.

use btrt::protocol::http::client_address::client_address;
use btrt::protocol::http::head::{MAX_FIELDS, parse};
use std::mem::MaybeUninit;
use std::net::IpAddr;

pub fn run(input: &[u8]) {
    let Some((&first, lines)) = input.split_first() else {
        return;
    };
    let received = [b"GET /announce HTTP/1.1\r\n", lines, b"\r\n\r\n"].concat();
    let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let Ok(Some((head, _))) = parse(&received, &mut fields) else {
        return;
    };
    let remote = IpAddr::from([127, 0, 0, first]);
    let is_trusted = |ip| match ip {
        IpAddr::V4(ip) => ip.octets()[..3] == [127, 0, 0],
        IpAddr::V6(ip) => ip.segments()[0] == 0x2001,
    };
    let names = ["X-Real-IP", "X-Forwarded-For"].map(str::to_owned);
    assert_eq!(client_address(remote, &head, &names, |_| false), remote);
    let client = client_address(remote, &head, &names, is_trusted);
    if client == remote {
        return;
    }
    assert!(!client.is_unspecified() && !client.is_multicast());
    assert_eq!(client.to_canonical(), client);
    // Only the first kind of field that is present counts, and whoever stands to the right of the
    // client is trusted.
    let told = names.iter().map(|name| head.values(name).collect());
    let told: Vec<Vec<&[u8]>> = told.collect();
    let lines = told.into_iter().find(|lines| !lines.is_empty());
    let all = lines
        .expect("somebody told of another address")
        .join(&b","[..]);
    let mut from_the_right = all.rsplit(|&byte| byte == b',').map(read);
    let others: Vec<_> = from_the_right
        .by_ref()
        .take_while(|ip| *ip != Some(client))
        .collect();
    assert!(others.into_iter().all(|ip| ip.is_some_and(is_trusted)));
    // If even the client is trusted, there was nobody else to be found.
    assert!(!is_trusted(client) || from_the_right.all(|ip| ip.is_some_and(is_trusted)));
}

/// An address with or without a port, by plain means.
fn read(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text)
        .ok()?
        .trim_matches(|c: char| c.is_ascii_whitespace());
    let with_port = || {
        text.parse()
            .ok()
            .map(|address: std::net::SocketAddr| address.ip())
    };
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let ip: Option<IpAddr> = text.parse().ok().or_else(with_port).or_else(bracketed);
    ip.map(|ip| ip.to_canonical())
}
