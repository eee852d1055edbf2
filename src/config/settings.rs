//! Every key of the configuration with its type and default, a struct a
//! section. What the values may be beyond their type is in `check`.
//!
//! Durations are whole seconds.

use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer};

use super::values::{DatabaseUrl, LogLevel, Password, PortRange, TimeOfDay, TrackerMode};
use super::words::{section, word, word_or_off, words};

/// Declares a section: a key, its type and its default a line. A missing key
/// and one without a value (`interval:`) both mean the default, which serde's
/// own `default` does not do. Fields after `beside` are no keys.
macro_rules! section {
    (
        $(#[$doc:meta])*
        $name:ident {
            $(
                $(#[doc = $key_doc:literal])*
                $(#[serde($($serde:tt)*)])?
                $key:ident: $type:ty = $default:expr,
            )*
        }
        $(beside { $($(#[$field_doc:meta])* $field:ident: $field_type:ty,)* })?
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $($(#[doc = $key_doc])* pub $key: $type,)*
            $($($(#[$field_doc])* pub $field: $field_type,)*)?
        }

        impl $name {
            /// The keys of this section, as they are written in the file.
            pub const KEYS: &[&str] = &[$(stringify!($key)),*];
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    $($key: $default,)*
                    $($($field: Default::default(),)*)?
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                #[derive(Deserialize)]
                struct Written {
                    $($(#[serde($($serde)*)])? $key: Option<$type>,)*
                }
                let written: Written = section(deserializer)?;
                let default = Self::default();
                Ok(Self {
                    $($key: written.$key.unwrap_or(default.$key),)*
                    $($($field: default.$field,)*)?
                })
            }
        }
    };
}

section! {
    /// The whole file.
    Settings {
        /// Sockets and the process.
        server: Server = Server::default(),
        /// The log.
        logging: Logging = Logging::default(),
        /// What outlives a restart.
        database: Database = Database::default(),
        /// Announces and scrapes.
        tracker: Tracker = Tracker::default(),
        /// Networks whose peers are handed out first; at most 65,000.
        peer_groups: Vec<PeerGroup> = vec![],
        /// Retrackers of partner networks.
        neighbors: Vec<Neighbor> = vec![],
        /// Announces on their way to external trackers.
        forwarded_announce: ForwardedAnnounce = ForwardedAnnounce::default(),
        /// What fetches from neighbors and external trackers.
        workers: Workers = Workers::default(),
        /// The file for the DPI platform.
        hashlist: Hashlist = Hashlist::default(),
    }
}

section! {
    /// `server`: sockets and the process.
    Server {
        /// Where subscribers, the DPI platform and neighbors connect; never empty.
        #[serde(default, deserialize_with = "words")]
        listen: Vec<SocketAddr> = vec![
            SocketAddr::from(([0, 0, 0, 0], 80)),
            SocketAddr::from((Ipv6Addr::UNSPECIFIED, 80)),
        ],
        /// Where operators connect; `None` is nowhere.
        #[serde(default, deserialize_with = "word_or_off")]
        admin_listen: Option<SocketAddr> = Some(SocketAddr::from(([127, 0, 0, 1], 8080))),
        /// Beyond it the longest idle connection is closed.
        max_connections: u32 = 65_536,
        /// A whole request head must be in by then.
        request_timeout: u32 = 10,
        /// A kept-alive connection may be silent this long.
        idle_timeout: u32 = 30,
        /// Whose word for the client's address is believed.
        #[serde(default, deserialize_with = "words")]
        trusted_proxies: Vec<IpNet> = vec![],
        /// Headers that tell the client's address; the first one present counts.
        client_address_headers: Vec<String> = vec!["X-Real-IP".into(), "X-Forwarded-For".into()],
        /// The user to become after binding.
        user: Option<String> = None,
        /// The group to become after binding.
        group: Option<String> = None,
        /// Where the process number is written.
        pid_file: Option<PathBuf> = None,
    }
}

section! {
    /// `logging`: the log.
    Logging {
        /// The folder of `btrt.log`.
        path: PathBuf = "/var/log/btrt".into(),
        /// How much is logged.
        #[serde(default, deserialize_with = "word")]
        level: LogLevel = LogLevel::Info,
        /// When a new file is begun, once a day, local time.
        #[serde(default, deserialize_with = "word")]
        switch_time: TimeOfDay = TimeOfDay { hour: 1, minute: 0, second: 0 },
        /// How many of the renamed files are kept.
        keep_files: u32 = 30,
        /// Whether lines go to standard error as well.
        terminal: bool = false,
    }
}

section! {
    /// `database`: what outlives a restart.
    Database {
        /// Where it is.
        #[serde(default, deserialize_with = "word")]
        url: DatabaseUrl = DatabaseUrl::Tcp { host: "127.0.0.1".into(), port: 3306 },
        /// The MySQL user.
        user: String = "root".into(),
        /// The MySQL password, once loaded also if it came from `password_file`.
        password: Option<Password> = None,
        /// A file whose first line is the password.
        password_file: Option<PathBuf> = None,
        /// The MySQL schema.
        schema: String = "btrt".into(),
        /// Time between two writes.
        flush_interval: u32 = 5,
    }
}

section! {
    /// `tracker`: announces and scrapes.
    Tracker {
        /// When clients shall come back.
        interval: u32 = 1800,
        /// When clients may come back at the earliest.
        min_interval: u32 = 300,
        /// A peer that has not announced for this long is gone.
        peer_expiry_interval: u32 = 4500,
        /// How many peers a client gets that does not say.
        numwant: u32 = 50,
        /// How many peers a client gets at most.
        max_numwant: u32 = 200,
        /// With so many, later priorities do not fill the list up.
        enough_peers: u32 = 30,
        /// Places kept for the priorities after those used; 0 is none.
        outside_peers: u32 = 4,
        /// How many peers are remembered at most.
        max_peers: u32 = 20_000_000,
        /// How many ports of one address a swarm holds at most.
        max_peers_per_address: u32 = 64,
        /// Ports that are never handed out.
        refused_ports: Vec<u16> = vec![22, 23, 25, 53, 110, 135, 139, 143, 445, 3306, 3389],
        /// How many info hashes of one scrape are answered.
        max_scrape: u32 = 100,
        /// Whether a scrape without an info hash is answered with everything.
        full_scrape: bool = false,
    }
}

section! {
    /// An item of `peer_groups`: networks whose peers are handed out together.
    PeerGroup {
        /// Its name, unique and never `other`.
        name: String = String::new(),
        /// 0 is handed out first; groups may share a priority.
        priority: u32 = 0,
        /// A file with one CIDR a line.
        cidr_file: Option<PathBuf> = None,
        /// CIDRs as they stand in the configuration, host bits cleared.
        #[serde(default, deserialize_with = "words")]
        cidr_list: Vec<IpNet> = vec![],
        /// Groups whose members may be given these peers; `None` is everybody.
        visible_to: Option<Vec<String>> = None,
    }
    beside {
        /// List and file together, sorted, each prefix once, host bits cleared.
        networks: Vec<IpNet>,
    }
}

section! {
    /// An item of `neighbors`: the retracker of a partner network.
    Neighbor {
        /// Its name, unique.
        name: String = String::new(),
        /// A torrent is asked about at most this often.
        refresh_interval: u32 = 1800,
        /// How long a peer learned here lives.
        peers_expiry_interval: u32 = 7200,
        /// The announce URL with `{info_hash}` where the hash goes.
        announce_request: String = String::new(),
        /// From where this neighbor asks us.
        #[serde(default, deserialize_with = "words")]
        accept_from: Vec<IpNet> = vec![],
        /// How often it is asked at most, all torrents together.
        max_requests_per_second: u32 = 50,
    }
}

section! {
    /// `forwarded_announce`: announces on their way to external trackers.
    ForwardedAnnounce {
        /// The DPI platform; nobody else may use the forwarded forms.
        #[serde(default, deserialize_with = "words")]
        allow_from: Vec<IpNet> = vec![],
        /// Whether requests whose `Host` is not ours are taken, too.
        transparent: bool = false,
        /// `Host` names that are ours, in small letters.
        local_names: Vec<String> = vec!["retracker.local".into()],
        /// An external tracker's list is asked for again after this time.
        refresh_interval: u32 = 1800,
        /// How long a peer learned from an external tracker lives.
        peers_expiry_interval: u32 = 3600,
        /// How long a client waits for an external tracker.
        timeout: u32 = 4,
        /// What is different for single trackers; the first that matches counts.
        trackers: Vec<TrackerRule> = vec![],
        /// What may be contacted, and learned as a peer, although not public.
        #[serde(default, deserialize_with = "words")]
        allow_private_targets: Vec<IpNet> = vec![],
        /// Ports of external trackers that may be contacted.
        #[serde(default, deserialize_with = "words")]
        allow_target_ports: Vec<PortRange> = vec![
            PortRange { first: 80, last: 80 },
            PortRange { first: 443, last: 443 },
            PortRange { first: 1024, last: 65_535 },
        ],
    }
}

section! {
    /// An item of `forwarded_announce.trackers`.
    TrackerRule {
        /// A host name in small letters; `*.example.org` is every name below
        /// example.org, `*` every host.
        host: String = String::new(),
        /// When it is asked; with `share: false` always.
        #[serde(default, deserialize_with = "word")]
        mode: TrackerMode = TrackerMode::IfNeeded,
        /// Whether its clients join the common swarms.
        share: bool = true,
    }
}

section! {
    /// `workers`: what fetches from neighbors and external trackers.
    Workers {
        /// How many fetches at once.
        threads: u32 = 16,
        /// How many may wait.
        max_pending: u32 = 4096,
        /// How many at once to one host.
        per_host: u32 = 4,
    }
}

section! {
    /// `hashlist`: the file for the DPI platform.
    Hashlist {
        /// The file.
        path: PathBuf = "/var/lib/btrt/hashlist.bin".into(),
        /// Peers of groups up to this priority count.
        max_priority: u32 = 0,
        /// With so many peers a torrent is listed.
        min_peers: u32 = 1,
    }
}

impl Settings {
    /// The keys whose values in `new` take effect only when the daemon is started again.
    pub fn keys_that_need_a_restart(&self, new: &Settings) -> Vec<&'static str> {
        let (old_server, new_server) = (&self.server, &new.server);
        let (old_logging, new_logging) = (&self.logging, &new.logging);
        let changed = [
            ("server.listen", old_server.listen != new_server.listen),
            (
                "server.admin_listen",
                old_server.admin_listen != new_server.admin_listen,
            ),
            ("server.user", old_server.user != new_server.user),
            ("server.group", old_server.group != new_server.group),
            (
                "server.pid_file",
                old_server.pid_file != new_server.pid_file,
            ),
            (
                "logging.terminal",
                old_logging.terminal != new_logging.terminal,
            ),
            ("database", self.database != new.database),
            (
                "workers.threads",
                self.workers.threads != new.workers.threads,
            ),
        ];
        let changed = changed.into_iter().filter(|(_, changed)| *changed);
        changed.map(|(key, _)| key).collect()
    }
}
