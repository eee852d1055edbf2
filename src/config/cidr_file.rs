//! CIDR files: one network a line, `#` comments, blank lines. They may hold a
//! full routing table, so the bytes are read once and nothing is kept of a line
//! but the network.

use std::io;
use std::path::Path;

use ipnet::IpNet;

use super::fault::{Fault, quoted};
use super::places::Place;
use super::words::Word;
use crate::pace::Pace;

/// Ten full routing tables; what is larger is not a CIDR file.
const LARGEST: u64 = 256 << 20;

/// Lines that are read before others have their turn.
const LINES_AT_ONCE: usize = 1024;

/// An operator mends the first few and tries again.
const MOST_REPORTED: usize = 20;

/// What a CIDR file holds.
#[derive(Debug, Default)]
pub struct CidrFile {
    /// Its networks in the order of the file, host bits cleared.
    pub networks: Vec<IpNet>,
    /// Lines that are no CIDR.
    pub faults: Vec<Fault>,
    /// CIDRs that had host bits set.
    pub warnings: Vec<Fault>,
}

/// Reads a CIDR file; an error means that the file itself cannot be read.
pub fn read(path: &Path) -> io::Result<CidrFile> {
    super::read_capped(path, LARGEST).map(|bytes| parse(path, &bytes))
}

fn parse(path: &Path, bytes: &[u8]) -> CidrFile {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut networks = Vec::new();
    let mut pace = Pace::every(LINES_AT_ONCE);
    let (mut faults, mut warnings) = (FirstFew::default(), FirstFew::default());
    for (number, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        pace.step();
        let line = line.split(|&byte| byte == b'#').next().unwrap_or(line);
        let indented = line.trim_ascii_start();
        let cidr = indented.trim_ascii_end();
        if cidr.is_empty() {
            continue;
        }
        let place = Place {
            line: number + 1,
            column: line.len() - indented.len() + 1,
        };
        match str::from_utf8(cidr).ok().and_then(IpNet::read) {
            Some(net) => {
                if net.trunc() != net {
                    warnings.push(|| Fault::warning(path, place, host_bits(net)));
                }
                networks.push(net.trunc());
            }
            None => faults.push(|| {
                let cidr = quoted(&String::from_utf8_lossy(cidr));
                Fault::new(path, place, format!("{cidr} is not {}", IpNet::EXPECTED))
            }),
        }
    }
    CidrFile {
        networks,
        faults: faults.finish(""),
        warnings: warnings.finish("warning: "),
    }
}

/// The first faults of a file and the number of all.
#[derive(Default)]
struct FirstFew {
    faults: Vec<Fault>,
    count: usize,
}

impl FirstFew {
    fn push(&mut self, fault: impl FnOnce() -> Fault) {
        self.count += 1;
        if self.faults.len() < MOST_REPORTED {
            self.faults.push(fault());
        }
    }

    fn finish(mut self, kind: &str) -> Vec<Fault> {
        let more = self.count - self.faults.len();
        if let Some(last) = self.faults.last().cloned()
            && more > 0
        {
            let text = format!("{kind}{more} more lines below have the same fault");
            self.faults.push(Fault { text, ..last });
        }
        self.faults
    }
}

/// What an operator is told about a network written with host bits.
pub fn host_bits(net: IpNet) -> String {
    format!("{net} has host bits set and is taken as {}", net.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(faults: &[Fault]) -> Vec<String> {
        faults.iter().map(Fault::to_string).collect()
    }

    fn parsed(text: &str) -> CidrFile {
        parse(Path::new("local.conf"), text.as_bytes())
    }

    #[test]
    fn takes_what_operators_write() {
        let text = "\u{feff}# ours\r\n10.0.0.0/8\r\n\r\n  192.0.2.7 # a host\n\t2001:db8::/32\n\
                    ::1\n::ffff:198.51.100.0/120\n#203.0.113.0/24\n10.1.0.0/16#tail";
        let found = parsed(text);
        let networks: Vec<_> = found.networks.iter().map(ToString::to_string).collect();
        assert_eq!(
            networks,
            [
                "10.0.0.0/8",
                "192.0.2.7/32",
                "2001:db8::/32",
                "::1/128",
                "198.51.100.0/24",
                "10.1.0.0/16"
            ]
        );
        assert!(found.faults.is_empty() && found.warnings.is_empty());
    }

    #[test]
    fn clears_host_bits_with_a_warning() {
        let found = parsed("\n 10.0.0.1/8\n");
        assert_eq!(found.networks, ["10.0.0.0/8".parse().unwrap()]);
        assert_eq!(
            texts(&found.warnings),
            ["local.conf:2:2: warning: 10.0.0.1/8 has host bits set and is taken as 10.0.0.0/8"]
        );
    }

    #[test]
    fn names_the_place_of_each_fault() {
        let found =
            parsed("10.0.0.0/33\n10.0.0.0/8\n  10.0.0.0/8 11.0.0.0/8\n10.0.0/8\n10.0.0.0/+8\n");
        assert_eq!(found.networks.len(), 1);
        let expected = "is not a CIDR such as 10.0.0.0/8 or 2001:db8::/32, or an address";
        assert_eq!(
            texts(&found.faults),
            [
                format!("local.conf:1:1: \"10.0.0.0/33\" {expected}"),
                format!("local.conf:3:3: \"10.0.0.0/8 11.0.0.0/8\" {expected}"),
                format!("local.conf:4:1: \"10.0.0/8\" {expected}"),
                format!("local.conf:5:1: \"10.0.0.0/+8\" {expected}"),
            ]
        );
    }

    #[test]
    fn counts_what_it_does_not_report() {
        let found = parsed(&"x\n".repeat(1000));
        assert_eq!(found.faults.len(), MOST_REPORTED + 1);
        let last = found.faults.last().unwrap().to_string();
        assert_eq!(
            last,
            "local.conf:20:1: 980 more lines below have the same fault"
        );
        let found = parsed(&"10.0.0.1/8\n".repeat(1000));
        let last = found.warnings.last().unwrap().to_string();
        assert_eq!(
            last,
            "local.conf:20:1: warning: 980 more lines below have the same fault"
        );
        assert_eq!(found.networks.len(), 1000);
    }

    #[test]
    fn hostile_bytes_are_faults() {
        let found = parse(Path::new("f"), b"\xff\xfe1\x000\x00\n\x1b[2J\n");
        assert_eq!(found.faults.len(), 2);
        assert!(!texts(&found.faults).concat().contains('\x1b'));
    }
    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, text in "([0-9a-f.:/# \r\n\t-]|\\PC){0,80}") {
            parse(Path::new("f"), &bytes);
            parse(Path::new("f"), text.as_bytes());
        }
    }
}
