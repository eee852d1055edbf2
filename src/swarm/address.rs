//! What the two address families have in common for a swarm.

use siphasher::sip::SipHasher13;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address as a swarm keeps it: [`Ipv4Addr`] in 4 bytes, [`Ipv6Addr`] in 16.
pub trait Address: Copy + Eq + Into<IpAddr> {
    /// Whether only neighbors in the same network can reach it: private (RFC 1918), shared by
    /// carrier-grade NAT (RFC 6598), link-local (RFC 3927, RFC 4291) and unique local (RFC 4193)
    /// addresses. Loopback does not count: whoever uses it for BitTorrent is testing.
    fn is_confined(self) -> bool;

    /// The address, if it is of this family.
    fn of(address: IpAddr) -> Option<Self>;

    /// How many bytes it has on the wire, with a port: 6 (BEP 23) or 18 (BEP 7).
    const COMPACT: usize;

    /// Its bytes in network order.
    fn bytes(self) -> impl AsRef<[u8]>;

    /// Writes it with a port, in network order, to [`Address::COMPACT`] bytes.
    fn write(self, port: u16, to: &mut [u8]) {
        let (address, rest) = to.split_at_mut(Self::COMPACT - 2);
        address.copy_from_slice(self.bytes().as_ref());
        rest.copy_from_slice(&port.to_be_bytes());
    }
}

impl Address for Ipv4Addr {
    const COMPACT: usize = 6;

    fn is_confined(self) -> bool {
        let [first, second, ..] = self.octets();
        self.is_private() || self.is_link_local() || (first == 100 && second & 0xc0 == 64)
    }

    fn of(address: IpAddr) -> Option<Self> {
        match address {
            IpAddr::V4(ip) => Some(ip),
            IpAddr::V6(_) => None,
        }
    }

    fn bytes(self) -> impl AsRef<[u8]> {
        self.octets()
    }
}

impl Address for Ipv6Addr {
    const COMPACT: usize = 18;

    fn is_confined(self) -> bool {
        self.is_unicast_link_local() || self.is_unique_local()
    }

    fn of(address: IpAddr) -> Option<Self> {
        match address {
            IpAddr::V4(_) => None,
            IpAddr::V6(ip) => Some(ip),
        }
    }

    fn bytes(self) -> impl AsRef<[u8]> {
        self.octets()
    }
}

/// The keys of the hash tables. Clients choose what is hashed, so that it must be a keyed hash
/// and a key that nobody outside knows, or some of them would make all of it collide.
#[derive(Clone, Copy, Debug)]
pub struct HashKeys(pub u64, pub u64);

impl HashKeys {
    pub(super) fn hash_bytes(&self, bytes: &[u8]) -> u64 {
        SipHasher13::new_with_keys(self.0, self.1).hash(bytes)
    }

    pub(super) fn hash_address(&self, address: impl Address) -> u64 {
        self.hash_bytes(address.bytes().as_ref())
    }
}
