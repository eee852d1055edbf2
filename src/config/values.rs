//! What single values look like in the file, and their types in the program.

use std::fmt;
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use ipnet::{IpNet, Ipv4Net};
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Unexpected, Visitor};

/// A value that is written as a word.
pub(super) trait Word: Sized {
    /// What may be written, after "must be".
    const EXPECTED: &'static str;

    /// The value, unless the word is no such thing.
    fn read(word: &str) -> Option<Self>;
}

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
        Some(port) => Some(port.parse().ok().filter(|&port: &u16| port != 0)?),
        None => port.is_empty().then_some(None)?,
    };
    Some((host.to_owned(), port))
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
            let is_number = digits.bytes().all(|b| b.is_ascii_digit());
            let number: u8 = is_number.then(|| digits.parse().ok())??;
            (number < limit).then_some(number)
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
        let port = |text: &str| text.trim().parse::<u16>().ok().filter(|&port| port > 0);
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
            Some((address, length)) => {
                let is_number = length.bytes().all(|b| b.is_ascii_digit());
                let length = is_number.then(|| length.parse::<u8>().ok())??;
                (address, Some(length))
            }
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

/// Reads a [`Word`], from a number too: `443` needs no quotes in a list of ports.
struct AsWord<T>(T);

impl<'de, T: Word> Deserialize<'de> for AsWord<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WordVisitor<T>(PhantomData<T>);

        impl<T: Word> Visitor<'_> for WordVisitor<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(T::EXPECTED)
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<T, E> {
                T::read(word.trim()).ok_or_else(|| E::invalid_value(Unexpected::Str(word), &self))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
                T::read(&number.to_string())
                    .ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &self))
            }
        }

        let visitor = WordVisitor(PhantomData);
        deserializer.deserialize_any(visitor).map(Self)
    }
}

/// A key whose value is a word; empty is the default.
pub(super) fn word<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Word,
{
    let word = Option::<AsWord<T>>::deserialize(deserializer)?;
    Ok(word.map(|AsWord(word)| word))
}

/// A key whose value is a word; empty turns it off.
pub(super) fn word_or_off<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Word,
{
    word(deserializer).map(Some)
}

/// A key whose value is a list of words; empty is the default.
pub(super) fn words<'de, D, T>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Word,
{
    let words = Option::<Vec<AsWord<T>>>::deserialize(deserializer)?;
    Ok(words.map(|words| words.into_iter().map(|AsWord(word)| word).collect()))
}

/// Reads a struct from a section only: serde itself would take a list for one.
pub(super) fn section<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct SectionVisitor<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for SectionVisitor<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a section of keys")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(de::value::MapAccessDeserializer::new(map))
        }
    }

    deserializer.deserialize_map(SectionVisitor(PhantomData))
}
