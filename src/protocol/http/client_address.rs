//! Who asks, behind a load balancer or a DPI platform.

use super::Head;
use std::net::{IpAddr, SocketAddr};

/// The address of the client whose request came from `remote`.
///
/// Only addresses that `is_trusted` are believed when they tell of another one, in the first of
/// the header fields `names` that is present. If it lists several (`X-Forwarded-For`, where each
/// proxy appends whom it heard from), the right-most that is not trusted itself counts: what
/// stands to the left of it was said by somebody whom nobody vouches for. If a field makes no
/// sense, `remote` counts.
pub fn client_address(
    remote: IpAddr,
    head: &Head<'_>,
    names: &[String],
    is_trusted: impl Fn(IpAddr) -> bool,
) -> IpAddr {
    if !is_trusted(remote) {
        return remote;
    }
    let present = names.iter().find(|name| head.values(name).next().is_some());
    let Some(name) = present else {
        return remote;
    };
    let told = head.values(name).rev();
    let mut client = remote;
    for address in told.flat_map(|line| line.rsplit(|&byte| byte == b',')) {
        match parse(address) {
            Some(address) => client = address,
            None => return remote,
        }
        if !is_trusted(client) {
            break;
        }
    }
    client
}

/// Reads an address, with brackets and a port or without. Addresses that no client can have are
/// nonsense.
fn parse(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let address: IpAddr = text.parse().ok().or_else(with_port).or_else(bracketed)?;
    let address = address.to_canonical();
    let broadcast = matches!(address, IpAddr::V4(ip) if ip.is_broadcast());
    (!address.is_unspecified() && !address.is_multicast() && !broadcast).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::super::head::{MAX_FIELDS, parse as parse_head};
    use super::*;
    use std::mem::MaybeUninit;

    /// The address taken for the client's when 10.0.0.0/8 is trusted.
    fn told(remote: &str, fields: &str) -> String {
        let received = format!("GET / HTTP/1.1\r\n{fields}\r\n");
        let mut room = [const { MaybeUninit::uninit() }; MAX_FIELDS];
        let (head, _) = parse_head(received.as_bytes(), &mut room).unwrap().unwrap();
        let names = ["X-Real-IP", "X-Forwarded-For"].map(str::to_owned);
        let is_trusted = |ip| matches!(ip, IpAddr::V4(ip) if ip.octets()[0] == 10);
        client_address(remote.parse().unwrap(), &head, &names, is_trusted).to_string()
    }

    #[test]
    fn only_trusted_addresses_are_believed() {
        assert_eq!(told("10.0.0.1", "x-real-ip: 192.0.2.1\r\n"), "192.0.2.1");
        assert_eq!(told("192.0.2.9", "X-Real-IP: 192.0.2.1\r\n"), "192.0.2.9");
        assert_eq!(told("10.0.0.1", ""), "10.0.0.1");
    }

    #[test]
    fn the_right_most_untrusted_address_of_all_lines_counts() {
        let lines = "X-Forwarded-For: 198.51.100.1, 192.0.2.7\r\nx-forwarded-for: 10.0.0.5\r\n";
        assert_eq!(told("10.0.0.1", lines), "192.0.2.7");
        let own_only = "X-Forwarded-For: 10.0.0.7, 10.0.0.8\r\n";
        assert_eq!(told("10.0.0.1", own_only), "10.0.0.7");
    }

    #[test]
    fn the_first_name_that_is_present_counts() {
        let both = "X-Forwarded-For: 192.0.2.1\r\nX-Real-IP: 192.0.2.2\r\n";
        assert_eq!(told("10.0.0.1", both), "192.0.2.2");
    }

    #[test]
    fn addresses_come_in_several_forms_and_nonsense_is_passed_over() {
        for (said, understood) in [
            ("[2001:db8::1]:99", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("192.0.2.1:80", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("unknown", "10.0.0.1"),
            ("192.0.2.1, unknown", "10.0.0.1"),
            ("unknown, 192.0.2.1", "192.0.2.1"),
            ("", "10.0.0.1"),
            ("0.0.0.0", "10.0.0.1"),
            ("224.0.0.1", "10.0.0.1"),
        ] {
            assert_eq!(
                told("10.0.0.1", &format!("X-Real-IP: {said}\r\n")),
                understood
            );
        }
    }
}
