//! The two 20-byte names of BEP 3.

use std::fmt;
use std::str::FromStr;

/// The SHA-1 of a torrent's info dictionary (BEP 3), or the truncated SHA-256 of BEP 52: which
/// swarm is meant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InfoHash(pub [u8; 20]);

/// What a client calls itself (BEP 3, BEP 20). It may change with each of the client's starts.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PeerId(pub [u8; 20]);

fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

impl fmt::Display for InfoHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for InfoHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl FromStr for InfoHash {
    type Err = &'static str;

    /// Reads 40 hexadecimal digits of either case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "an info hash is 40 hexadecimal digits";
        if text.len() != 40 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(EXPECTED);
        }
        let mut hash = [0; 20];
        for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| EXPECTED)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| EXPECTED)?;
        }
        Ok(InfoHash(hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_of_either_case_is_read_and_anything_else_refused() {
        let text = "fc78ee7e2a4c706617484474d898038".to_owned() + "2eec806E7";
        assert_eq!(
            text.parse::<InfoHash>().unwrap().to_string(),
            text.to_lowercase()
        );
        assert!("+c78ee7e2a4c7066174844".parse::<InfoHash>().is_err());
        assert!("+1".repeat(20).parse::<InfoHash>().is_err());
    }
}
