//! `btrt explain`: whom a client would be given, as a table.

use super::table::{Table, escaped, shortened};
use crate::admin::{Explained, PeerLine};
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

/// Who asks for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explain {
    /// 40 hexadecimal digits.
    pub info_hash: String,
    /// The client's address.
    pub ip: IpAddr,
    /// How many peers it wants, if it says so.
    pub numwant: Option<u32>,
    /// It has the whole content.
    pub seeder: bool,
    /// The announce URL of the external tracker that it asks.
    pub tracker: Option<String>,
    /// The answer as the daemon gives it, for programs.
    pub json: bool,
}

impl Explain {
    /// The path and query that ask the daemon.
    pub fn target(&self) -> String {
        let mut target = format!(
            "/explain?info_hash={}&ip={}&seeder={}",
            self.info_hash,
            self.ip,
            u8::from(self.seeder)
        );
        // Writing to a string cannot fail.
        if let Some(numwant) = self.numwant {
            let _ = write!(target, "&numwant={numwant}");
        }
        if let Some(url) = &self.tracker {
            target.push_str("&tracker=");
            for byte in url.bytes() {
                let _ = write!(target, "%{byte:02X}");
            }
        }
        target
    }
}

/// Writes for people what the daemon said of the client at this address.
pub fn explained(ip: IpAddr, answer: &Explained) -> String {
    let Explained {
        group,
        priority,
        note,
        peers,
    } = answer;
    let mut text = format!(
        "{ip} is in the group {}, priority {}\n",
        escaped(group),
        or_none(*priority)
    );
    if let Some(note) = note {
        let _ = writeln!(text, "note: {}", escaped(note));
    }
    if peers.is_empty() {
        return text + "it would be given no peers\n";
    }
    let _ = writeln!(text, "it would be given {} peers:\n", peers.len());
    let mut table = Table::new(&["", "peer", "group", "priority", "origin", "seeder", "age"]);
    for (number, peer) in (1..).zip(peers) {
        table.row(&row(number, peer));
    }
    text + &table.to_string()
}

fn row(number: usize, peer: &PeerLine) -> [String; 7] {
    [
        number.to_string(),
        SocketAddr::new(peer.ip, peer.port).to_string(),
        shortened(&peer.group),
        or_none(peer.priority),
        shortened(&peer.origin),
        if peer.seeder { "yes" } else { "no" }.to_owned(),
        format!("{} s", peer.age),
    ]
}

/// The group `other` has no priority: it comes after all that have.
fn or_none(priority: Option<u32>) -> String {
    priority.map_or_else(|| "last".to_owned(), |priority| priority.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_reaches_the_daemon_byte_for_byte() {
        let explain = Explain {
            info_hash: "00".repeat(20),
            ip: "2001:db8::1".parse().unwrap(),
            numwant: Some(7),
            seeder: true,
            tracker: Some("http://t/a?k=1&x=+".to_owned()),
            json: false,
        };
        let expected = format!(
            "/explain?info_hash={}&ip=2001:db8::1&seeder=1&numwant=7\
             &tracker=%68%74%74%70%3A%2F%2F%74%2F%61%3F%6B%3D%31%26%78%3D%2B",
            "00".repeat(20)
        );
        assert_eq!(explain.target(), expected);
    }

    #[test]
    fn columns_stand_below_their_names() {
        let peer = |ip: &str, group: &str, priority, age| PeerLine {
            ip: ip.parse().unwrap(),
            port: 6881,
            group: group.to_owned(),
            priority,
            origin: "neighbor Nö".to_owned(),
            seeder: age > 9,
            age,
        };
        let answer = Explained {
            group: "home".to_owned(),
            priority: Some(0),
            note: Some("well".to_owned()),
            peers: vec![
                peer("10.0.0.1", "home", Some(0), 12),
                peer("2001:db8::1", "other", None, 3),
            ],
        };
        let expected = "\
10.0.0.9 is in the group home, priority 0
note: well
it would be given 2 peers:

  \x20  peer                group  priority  origin       seeder  age
  1  10.0.0.1:6881       home   0         neighbor Nö  yes     12 s
  2  [2001:db8::1]:6881  other  last      neighbor Nö  no      3 s
";
        let ip = "10.0.0.9".parse().unwrap();
        assert_eq!(explained(ip, &answer), expected);
        let nobody = Explained {
            peers: Vec::new(),
            note: None,
            ..answer
        };
        assert!(explained(ip, &nobody).ends_with("given no peers\n"));
    }
}
