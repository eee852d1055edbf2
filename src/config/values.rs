//! What single values look like in the file, and their types in the program.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};
use serde::Deserialize;
use serde::de::Deserializer;

use super::words::Word;

/// Where the database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// `tcp://HOST:PORT`: MySQL or MariaDB over the network.
    Tcp {
        /// A name or an address, the latter without brackets.
        host: String,
        /// The port, 3306 as a rule.
        port: u16,
    },
    /// `unix:///PATH`: MySQL or MariaDB on this machine.
    Unix {
        /// The server's socket.
        path: PathBuf,
    },
    /// `sqlite:PATH`: a file.
    Sqlite {
        /// The database file.
        path: PathBuf,
    },
    /// `none`: nothing is kept over a restart.
    None,
}

impl Word for DatabaseUrl {
    const EXPECTED: &'static str = "tcp://HOST:PORT, unix:///PATH/mysqld.sock, sqlite:PATH or none";

    fn read(word: &str) -> Option<Self> {
        if let Some(address) = word.strip_prefix("tcp://") {
            let (host, port) = host_and_port(address)?;
            Some(Self::Tcp { host, port: port? })
        } else if let Some(path) = word.strip_prefix("unix://") {
            let path = PathBuf::from(path);
            path.is_absolute().then_some(Self::Unix { path })
        } else if let Some(path) = word.strip_prefix("sqlite:") {
            let path = PathBuf::from(path);
            (!path.as_os_str().is_empty()).then_some(Self::Sqlite { path })
        } else {
            (word == "none").then_some(Self::None)
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "tcp://[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
            Self::Unix { path } => write!(f, "unix://{}", path.display()),
            Self::Sqlite { path } => write!(f, "sqlite:{}", path.display()),
            Self::None => f.write_str("none"),
        }
    }
}

/// Splits `HOST`, `HOST:PORT` or `[IPV6]:PORT`; nothing if it is none of these.
/// The outer `None` is "not a host", the inner one "no port".
pub(super) fn host_and_port(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<Ipv6Addr>().ok()?;
            (host, port)
        }
        None => {
            let (host, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            is_host_name(host).then_some((host, port))?
        }
    };
    let port = match port.strip_prefix(':') {
        Some(port) => Some(number(port).filter(|&port: &u16| port != 0)?),
        None => port.is_empty().then_some(None)?,
    };
    Some((host.to_owned(), port))
}

/// A number of digits alone: Rust itself takes a plus sign.
fn number<T: FromStr>(digits: &str) -> Option<T> {
    let is_number = digits.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| digits.parse().ok())?
}

/// Whether `host` is a name as DNS has them (underscores are seen in practice)
/// or an IPv4 address.
pub(super) fn is_host_name(host: &str) -> bool {
    let is_letter = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(is_letter);
    host.len() <= 253
        && host
            .strip_suffix('.')
            .unwrap_or(host)
            .split('.')
            .all(is_label)
}

/// The database password; `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Takes a password in.
    pub fn new(password: impl Into<String>) -> Self {
        Self(password.into())
    }

    /// The password itself: for the database, never for a log.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

/// How much is logged: each level holds those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// What ends the daemon.
    Critical,
    /// What failed.
    Error,
    /// What may fail soon.
    Warning,
    /// Start, stop, reload, a line of figures a minute.
    Info,
    /// One line a fetch.
    Diagnostic,
    /// One line a request.
    Debug,
}

impl Word for LogLevel {
    const EXPECTED: &'static str = "critical, error, warning, info, diagnostic or debug";

    fn read(word: &str) -> Option<Self> {
        Some(match word {
            "critical" => Self::Critical,
            "error" => Self::Error,
            "warning" => Self::Warning,
            "info" => Self::Info,
            "diagnostic" => Self::Diagnostic,
            "debug" => Self::Debug,
            _ => return None,
        })
    }
}

/// When an external tracker is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrackerMode {
    /// Every announce is passed on.
    Always,
    /// It is asked when the own peers are not enough.
    IfNeeded,
    /// It is never asked.
    Never,
}

impl Word for TrackerMode {
    const EXPECTED: &'static str = "always, if_needed or never";

    fn read(word: &str) -> Option<Self> {
        Some(match word {
            "always" => Self::Always,
            "if_needed" => Self::IfNeeded,
            "never" => Self::Never,
            _ => return None,
        })
    }
}

/// A local time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeOfDay {
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
}

impl Word for TimeOfDay {
    const EXPECTED: &'static str = "a time of day as HH:MM:SS, 00:00:00 to 23:59:59";

    fn read(word: &str) -> Option<Self> {
        let mut fields = word.split(':');
        let mut next = |limit: u8| {
            let digits = fields.next().filter(|digits| digits.len() == 2)?;
            number(digits).filter(|&number| number < limit)
        };
        let (hour, minute, second) = (next(24)?, next(60)?, next(60)?);
        fields.next().is_none().then_some(Self {
            hour,
            minute,
            second,
        })
    }
}

/// Ports from `first` to `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    /// The smallest port, never 0.
    pub first: u16,
    /// The largest port.
    pub last: u16,
}

impl PortRange {
    /// Whether `port` is one of them.
    pub fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }
}

impl Word for PortRange {
    const EXPECTED: &'static str =
        "a port such as 80, or a range such as 1024-65535 with the smaller port first";

    fn read(word: &str) -> Option<Self> {
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        let port = |text: &str| number(text.trim()).filter(|&port: &u16| port != 0);
        let (first, last) = (port(first)?, port(last)?);
        (first <= last).then_some(Self { first, last })
    }
}

impl Word for SocketAddr {
    const EXPECTED: &'static str = "an address with a port, such as 0.0.0.0:80 or [::]:80";

    fn read(word: &str) -> Option<Self> {
        word.parse().ok()
    }
}

impl Word for IpNet {
    const EXPECTED: &'static str = "a CIDR such as 10.0.0.0/8 or 2001:db8::/32, or an address";

    /// Host bits stay, so that the operator can be told of them. IPv4-mapped
    /// networks become IPv4, as the addresses of peers do.
    fn read(word: &str) -> Option<Self> {
        let (address, length) = match word.split_once('/') {
            Some((address, length)) => (address, Some(number(length)?)),
            None => (word, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let full = if address.is_ipv4() { 32 } else { 128 };
        let net = IpNet::new(address, length.unwrap_or(full)).ok()?;
        let IpNet::V6(mapped) = net else {
            return Some(net);
        };
        let v4 = mapped.addr().to_ipv4_mapped();
        let v4 = v4.zip(mapped.prefix_len().checked_sub(96));
        let v4 = v4.and_then(|(address, length)| Ipv4Net::new(address, length).ok());
        Some(v4.map_or(net, IpNet::V4))
    }
}
