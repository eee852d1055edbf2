//! Which addresses mean anything to whom.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// From where an address can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// From everywhere. Addresses for documentation count as such: nobody is hurt by them.
    Public,
    /// From the same machine or network only: loopback, private (RFC 1918), shared by
    /// carrier-grade NAT (RFC 6598), link-local (RFC 3927, RFC 4291), unique local (RFC 4193),
    /// for protocol assignments (RFC 6890) and benchmarks (RFC 2544).
    Confined,
    /// From nowhere, as no single machine has it: unspecified, multicast, broadcast, reserved.
    Nowhere,
}

impl Reach {
    /// The reach of an address. One that carries an IPv4 address on its way (mapped, RFC 4291;
    /// 6to4, RFC 3056; NAT64, RFC 6052; Teredo, RFC 4380) reaches no further than that.
    pub fn of(address: IpAddr) -> Reach {
        match address.to_canonical() {
            IpAddr::V4(ip) => Reach::of_v4(ip),
            IpAddr::V6(ip) => Reach::of_v6(ip),
        }
    }

    fn of_v4(ip: Ipv4Addr) -> Reach {
        match ip.octets() {
            [0, ..] | [224..=255, ..] => Reach::Nowhere,
            [127, ..] | [100, 64..=127, ..] | [192, 0, 0, _] | [198, 18..=19, ..] => {
                Reach::Confined
            }
            _ if ip.is_private() || ip.is_link_local() => Reach::Confined,
            _ => Reach::Public,
        }
    }

    fn of_v6(ip: Ipv6Addr) -> Reach {
        let v4 = |high: u16, low: u16| {
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            Reach::of_v4(Ipv4Addr::new(a, b, c, d))
        };
        match ip.segments() {
            [0, 0, 0, 0, 0, 0, 0, 0] => Reach::Nowhere,
            [0, 0, 0, 0, 0, 0, 0, 1] => Reach::Confined,
            // IPv4-compatible addresses went out of use, and some kernels still know them.
            [0, 0, 0, 0, 0, 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
            [0x2002, high, low, ..] => v4(high, low),
            // Teredo hides its client's address from NATs that would rewrite it.
            [0x2001, 0, _, _, _, _, high, low] => v4(!high, !low),
            [0x64, 0xff9b, 1, ..] => Reach::Confined,
            [0xfc00..=0xfdff, ..] | [0xfe80..=0xfeff, ..] => Reach::Confined,
            // All that has been given out for use between networks (RFC 4291, section 2.4).
            [0x2000..=0x3fff, ..] => Reach::Public,
            _ => Reach::Nowhere,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_sorted_by_where_they_can_be_reached_from() {
        let expected = [
            (
                Reach::Public,
                "8.8.8.8 100.63.255.255 100.128.0.0 172.32.0.1 192.0.2.1 203.0.113.9 223.255.255.1 \
                 2001:db8::1 2a00::1 ::ffff:8.8.8.8 64:ff9b::808:808 2002:808:808::1 \
                 2001::f7f7:f7f7",
            ),
            (
                Reach::Confined,
                "127.0.0.1 127.255.0.9 10.0.0.1 172.16.0.1 192.168.1.1 100.64.0.1 100.127.255.255 \
                 169.254.169.254 198.18.0.1 192.0.0.8 ::1 fe80::1 fec0::1 fd00::1 ::ffff:127.0.0.1 \
                 ::127.0.0.1 ::ffff:a00:1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 \
                 2002:7f00:1::1 2002:a00:1::1 2001:0:808:808:0:1:5601:5601 2001::f5ff:fffe",
            ),
            (
                Reach::Nowhere,
                "0.0.0.0 0.1.2.3 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255 :: ff02::1 100::1 \
                 4000::1 64:ff9b::e000:1 2002:ffff:ffff::1 ::ffff:0.0.0.0",
            ),
        ];
        for (reach, addresses) in expected {
            for address in addresses.split_whitespace() {
                let ip: IpAddr = address.parse().unwrap();
                assert_eq!(Reach::of(ip), reach, "{address}");
            }
        }
    }
}
