//! The configuration file: from bytes to [`Settings`] that are known to be
//! right, or to all faults at once, each with its line and column.
//!
//! ```text
//! bytes → document (values and their places) → read (types, unknown keys)
//!       → check (ranges, contradictions) → networks (CIDR lists and files)
//! ```
//!
//! Nothing here binds, connects or logs; whoever loads a configuration shows
//! what [`Faults`] and [`Config::warnings`] say.

mod check;
mod cidr_file;
mod document;
mod fault;
mod networks;
mod parties;
mod places;
mod read;
mod settings;
mod summary;
#[cfg(test)]
mod tests;
mod values;
mod words;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use document::Document;
use fault::Report;
use places::{Misplaced, Place};

use crate::pace::give_way;

pub use fault::{Fault, Faults};
pub use settings::{
    Database, ForwardedAnnounce, Hashlist, Logging, Neighbor, PeerGroup, Server, Settings, Tracker,
    TrackerRule, Workers,
};
pub use summary::summary;
pub use values::{DatabaseUrl, LogLevel, Password, PortRange, TimeOfDay, TrackerMode};

/// Peer groups by the hundred fit in; a routing table belongs in a CIDR file.
const LARGEST: u64 = 1 << 20;

/// Bytes of a file that are read before others have their turn: a daemon that reads a routing table
/// again has clients to serve.
const READ_AT_ONCE: u64 = 256 << 10;

/// A password file holds a line.
const LARGEST_PASSWORD_FILE: u64 = 4 << 10;

/// A configuration without faults.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Every key, with its default where the file does not say.
    pub settings: Settings,
    /// What is odd, but no reason not to start.
    pub warnings: Vec<Fault>,
}

/// Reads the configuration at `path` and every file it names.
///
/// Relative paths in it begin at its own folder, all of them, so that a folder
/// with a configuration can be moved.
pub fn load(path: &Path) -> Result<Config, Faults> {
    let start = |text: String| Faults::from(Fault::new(path, Place::START, text));
    let bytes = read_capped(path, LARGEST)
        .map_err(|error| start(format!("the configuration cannot be read: {error}")))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    parse(path, folder, &bytes)
}

fn parse(path: &Path, folder: &Path, bytes: &[u8]) -> Result<Config, Faults> {
    let whole = |(place, text): Misplaced| Faults::from(Fault::new(path, place, text));
    let text = text_of(bytes).map_err(whole)?;
    let (mut document, duplicates) = Document::parse(text).map_err(whole)?;
    let (mut settings, wrong) = read::settings(&mut document);

    let mut report = Report::new(path, &document);
    let misplaced = duplicates.into_iter().chain(wrong);
    let faults = misplaced.map(|(place, text)| Fault::new(path, place, text));
    report.extend(faults.collect(), Vec::new());
    fit_defaults(&mut settings.tracker, &document);
    check::check(&settings, &mut report);
    begin_at(folder, &mut settings);
    networks::load(&mut settings, &mut report);
    read_password(&mut settings, &mut report);
    tidy_names(&mut settings);
    let warnings = report.finish()?;
    Ok(Config { settings, warnings })
}

/// Reads a whole file of at most `largest` bytes.
fn read_capped(path: &Path, largest: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut file = File::open(path)?.take(largest.saturating_add(1));
    while file.by_ref().take(READ_AT_ONCE).read_to_end(&mut bytes)? > 0 {
        give_way();
    }
    if bytes.len() as u64 > largest {
        let text = format!("it is larger than {} KiB", largest >> 10);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    Ok(bytes)
}

/// The bytes as text, without the byte order mark some editors put in front.
fn text_of(bytes: &[u8]) -> Result<&str, Misplaced> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    str::from_utf8(bytes).map_err(|error| {
        let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let valid = String::from_utf8_lossy(valid);
        let last_line = valid.rsplit('\n').next().unwrap_or_default();
        let place = Place {
            line: valid.matches('\n').count() + 1,
            column: last_line.chars().count() + 1,
        };
        (
            place,
            "the file must be UTF-8 text; this byte is not".to_owned(),
        )
    })
}

/// A default gives way to what is written: `interval: 1` alone is no
/// contradiction to a `min_interval` the operator never heard of.
fn fit_defaults(tracker: &mut Tracker, document: &Document) {
    if !document.is_written("tracker.min_interval") {
        tracker.min_interval = tracker.min_interval.min(tracker.interval);
    }
    if !document.is_written("tracker.numwant") {
        tracker.numwant = tracker.numwant.min(tracker.max_numwant);
    }
}

/// Makes every relative path begin at the folder of the configuration.
fn begin_at(folder: &Path, settings: &mut Settings) {
    let begin = |path: &mut PathBuf| *path = folder.join(&*path);
    begin(&mut settings.logging.path);
    begin(&mut settings.hashlist.path);
    settings.server.pid_file.iter_mut().for_each(begin);
    settings.database.password_file.iter_mut().for_each(begin);
    if let DatabaseUrl::Sqlite { path } = &mut settings.database.url {
        begin(path);
    }
    let groups = settings.peer_groups.iter_mut();
    groups
        .filter_map(|group| group.cidr_file.as_mut())
        .for_each(begin);
}

fn read_password(settings: &mut Settings, report: &mut Report<'_>) {
    let database = &mut settings.database;
    let Some(file) = &database.password_file else {
        return;
    };
    match read_capped(file, LARGEST_PASSWORD_FILE) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            let password = text.lines().next().unwrap_or_default();
            database.password = Some(Password::new(password));
        }
        Err(error) => {
            let text = networks::cannot_read("password_file", file, &error);
            report.fault("database.password_file", text);
        }
    }
}

/// DNS knows no capital letters.
fn tidy_names(settings: &mut Settings) {
    let forwarded = &mut settings.forwarded_announce;
    let hosts = forwarded.trackers.iter_mut().map(|rule| &mut rule.host);
    for name in hosts.chain(&mut forwarded.local_names) {
        name.make_ascii_lowercase();
    }
}
