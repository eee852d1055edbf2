//! The configuration of a test's daemon: what every test has in common, and its own lines.

use std::path::Path;

/// A configuration file in the making. Without further words: one listener on a free port of the
/// loopback, no admin port, no database, every log line also on standard error.
#[derive(Clone)]
pub struct Settings {
    listen: Vec<String>,
    admin_listen: String,
    server: Vec<String>,
    logging: Vec<String>,
    database: String,
    tracker: Vec<String>,
    groups: Vec<String>,
    sections: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: vec!["127.0.0.1:0".to_owned()],
            admin_listen: "~".to_owned(),
            server: Vec::new(),
            logging: Vec::new(),
            database: String::new(),
            tracker: Vec::new(),
            groups: Vec::new(),
            sections: Vec::new(),
        }
        .database("url: none")
    }
}

impl Settings {
    /// Three kinds of subscribers: 127.1.0.0/16 first, 127.2.0.0/16 next, the rest of the world.
    pub fn with_two_groups() -> Self {
        Self::default()
            .group("name: local, priority: 0, cidr_list: ['127.1.0.0/16']")
            .group("name: partner, priority: 1, cidr_list: ['127.2.0.0/16']")
    }

    pub fn listen(mut self, addresses: &[&str]) -> Self {
        self.listen = addresses
            .iter()
            .map(|&address| address.to_owned())
            .collect();
        self
    }

    /// Opens the admin face on a free port of the loopback.
    pub fn with_admin(self) -> Self {
        self.admin_listen("127.0.0.1:0")
    }

    pub fn admin_listen(mut self, address: &str) -> Self {
        self.admin_listen = format!("{address:?}");
        self
    }

    /// How many addresses the daemon is going to report.
    pub fn listeners(&self) -> usize {
        self.listen.len()
    }

    /// Adds a line to the section `server`.
    pub fn server(mut self, line: &str) -> Self {
        self.server.push(line.to_owned());
        self
    }

    /// Adds a line to the section `logging`.
    pub fn logging(mut self, line: &str) -> Self {
        self.logging.push(line.to_owned());
        self
    }

    /// Names a database, as the inside of a YAML flow mapping.
    pub fn database(mut self, keys: &str) -> Self {
        self.database = keys.to_owned();
        self
    }

    /// Adds a line to the section `tracker`.
    pub fn tracker(mut self, line: &str) -> Self {
        self.tracker.push(line.to_owned());
        self
    }

    /// Adds a peer group, given as the inside of a YAML flow mapping.
    pub fn group(mut self, keys: &str) -> Self {
        self.groups.push(keys.to_owned());
        self
    }

    /// Adds whole sections at the end.
    pub fn section(mut self, yaml: &str) -> Self {
        self.sections.push(yaml.to_owned());
        self
    }

    pub fn to_yaml(&self, folder: &Path) -> String {
        let mut yaml = format!(
            "server:\n  listen: {:?}\n  admin_listen: {}\n",
            self.listen, self.admin_listen
        );
        let mut add = |line: &str| {
            yaml.push_str(line);
            yaml.push('\n');
        };
        self.server
            .iter()
            .for_each(|line| add(&format!("  {line}")));
        add("logging:");
        add(&format!(
            "  path: {:?}\n  terminal: true",
            folder.join("log")
        ));
        self.logging
            .iter()
            .for_each(|line| add(&format!("  {line}")));
        add(&format!("database: {{{}}}\ntracker:", self.database));
        self.tracker
            .iter()
            .for_each(|line| add(&format!("  {line}")));
        add("peer_groups:");
        self.groups
            .iter()
            .for_each(|keys| add(&format!("  - {{{keys}}}")));
        self.sections.iter().for_each(|section| add(section));
        yaml
    }
}
