//! Whatever stands in a CIDR file, each of its lines is a network, nothing, or a fault with its
//! place, and nothing in it reaches the terminal unescaped.

use super::scratch::Scratch;
use btrt::config;
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::IpAddr;

pub fn run(input: &[u8]) {
    thread_local!(static FILES: (Scratch, Scratch) = {
        (Scratch::new("cidr"), Scratch::new("with-cidr"))
    });
    FILES.with(|(cidrs, configuration)| {
        cidrs.write(input);
        let file = cidrs.path().display();
        let text = format!("peer_groups:\n  - name: \"a\"\n    cidr_file: \"{file}\"\n");
        configuration.write(text.as_bytes());
        match config::load(configuration.path()) {
            Ok(config) => {
                let found = &config.settings.peer_groups[0].networks;
                assert!(found.is_sorted() && found.iter().all(|net| net.trunc() == *net));
                if let Ok(text) = std::str::from_utf8(input) {
                    assert_eq!(found.iter().copied().collect::<BTreeSet<_>>(), read(text));
                }
            }
            Err(faults) => {
                let text = faults.to_string();
                let lines = input.split(|&byte| byte == b'\n').count();
                assert!((1..=lines + 1).contains(&text.lines().count()));
                assert!(text.lines().all(|line| !line.contains(char::is_control)));
            }
        }
    });
}

/// The same read by plain means, of a file without faults.
fn read(text: &str) -> BTreeSet<IpNet> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let cidrs = text.split('\n').map(|line| {
        let cidr = line.split('#').next().unwrap_or_default();
        cidr.trim_matches(|c: char| c.is_ascii_whitespace())
    });
    let network = |cidr: &str| {
        let (address, length) = match cidr.split_once('/') {
            Some((address, length)) => (address, length.parse().ok()),
            None => (cidr, Some(if cidr.contains(':') { 128 } else { 32 })),
        };
        let address: Option<IpAddr> = address.parse().ok();
        let net = address.zip(length);
        let net = net.and_then(|(address, length)| IpNet::new(address, length).ok());
        unmapped(net.expect("no fault was found").trunc())
    };
    cidrs.filter(|cidr| !cidr.is_empty()).map(network).collect()
}

/// An IPv4 network that is written as an IPv6 one.
fn unmapped(net: IpNet) -> IpNet {
    match (net.addr().to_canonical(), net.prefix_len().checked_sub(96)) {
        (IpAddr::V4(ip), Some(length)) if net.addr().is_ipv6() => {
            IpNet::new(ip.into(), length).expect("at most 32")
        }
        _ => net,
    }
}
