//! Whatever is given for a tracker's URL, or for where one redirects to: what is taken can stand
//! in a request line, says the same when it is said again, and shows neither path nor query. And
//! no notation of an address reaches further than the address.

use btrt::bittorrent::{Reach, Target};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use ureq::http::Uri;

pub fn run(input: &[u8]) {
    let base = Target::parse(b"https://tracker.example:8443/x/announce?k=v").expect("a URL");
    for target in [Target::parse(input), base.join(input)]
        .into_iter()
        .flatten()
    {
        check(&target);
    }
    if let Some((bytes, _)) = input.split_first_chunk::<16>() {
        check_reach(Ipv6Addr::from(*bytes));
    }
}

pub fn check(target: &Target) {
    assert_ne!(target.port, 0);
    assert!(!target.host.is_empty());
    let of_a_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    assert!(target.host.bytes().all(of_a_host));
    assert_eq!(target.path_and_query.first(), Some(&b'/'));
    // Nothing in it ends the request line, or the word in it.
    assert!(target.path_and_query.iter().all(u8::is_ascii_graphic));
    let shown = format!("{target}");
    assert_eq!(format!("{target:?}"), format!("Target({shown})"));
    assert_eq!(
        shown,
        format!("{}://{}", target.scheme.name(), target.authority())
    );
    let url = [shown.as_bytes(), &target.path_and_query].concat();
    assert_eq!(Target::parse(&url).as_ref(), Ok(target));
    let uri = Uri::builder()
        .scheme(target.scheme.name())
        .authority(target.authority())
        .path_and_query(target.path_and_query.as_slice())
        .build();
    let uri = uri.expect("the client takes what passes as a target");
    let sent = uri.path_and_query().expect("it was given").as_str();
    assert_eq!(sent.as_bytes(), target.path_and_query);
}

/// However an address is written or wrapped, nobody gets further with it.
fn check_reach(ip: Ipv6Addr) {
    let [.., a, b, c, d] = ip.octets();
    let v4 = Ipv4Addr::new(a, b, c, d);
    let inside = Reach::of(v4.into());
    assert_eq!(Reach::of(v4.to_ipv6_mapped().into()), inside);
    let [high, low] = [[a, b], [c, d]].map(u16::from_be_bytes);
    let wrapped = [
        Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
        Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
    ];
    for wrapped in wrapped {
        assert_eq!(Reach::of(wrapped.into()), inside);
    }
    let confined = v4.is_loopback() || v4.is_private() || v4.is_link_local();
    assert!(!confined || inside == Reach::Confined);
    let nowhere = v4.is_unspecified() || v4.is_multicast() || v4.is_broadcast();
    assert!(!nowhere || inside == Reach::Nowhere);
    let of_v6 = Reach::of(IpAddr::from(ip));
    let confined = ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local();
    assert!(!confined || of_v6 == Reach::Confined);
    assert!(!(ip.is_unspecified() || ip.is_multicast()) || of_v6 == Reach::Nowhere);
}
