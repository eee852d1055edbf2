//! The log: what its lines look like, and where they go.
//!
//! The levels of [`log`] carry the six of ours: `info!`, `warn!` and `error!` mean what they say,
//! `debug!` is `diagnostic` (a line a fetch), `trace!` is `debug` (a line a request), and what
//! ends the daemon is an error for [`CRITICAL`].

use crate::config::{LogLevel, Logging};
use flexi_logger::{
    DeferredNow, Duplicate, FileSpec, FlexiLoggerError, LogSpecification, Logger, LoggerHandle,
};
use log::{Level, LevelFilter, Record};
use std::fmt::{self, Write as _};
use std::io;

/// The target of errors that end the daemon: `error!(target: CRITICAL, …)`.
pub const CRITICAL: &str = "critical";

/// Begins to log into `btrt.log` in the folder that the settings name, and makes the folder if
/// need be. The log ends when the handle is dropped.
pub fn start(settings: &Logging) -> Result<LoggerHandle, FlexiLoggerError> {
    let file = FileSpec::default()
        .directory(&settings.path)
        .basename("btrt")
        .suppress_timestamp()
        .suffix("log");
    let copy = if settings.terminal {
        Duplicate::All
    } else {
        Duplicate::None
    };
    Logger::with(specification(settings.level))
        .log_to_file(file)
        .append()
        .duplicate_to_stderr(copy)
        .format(write_line)
        .start()
}

/// Which records are logged at a level of ours.
pub fn specification(level: LogLevel) -> LogSpecification {
    let filter = match level {
        LogLevel::Critical => LevelFilter::Off,
        LogLevel::Error => LevelFilter::Error,
        LogLevel::Warning => LevelFilter::Warn,
        LogLevel::Info => LevelFilter::Info,
        LogLevel::Diagnostic => LevelFilter::Debug,
        LogLevel::Debug => LevelFilter::Trace,
    };
    // Other crates have nothing to say that an operator could use below a warning.
    LogSpecification::builder()
        .default(filter.min(LevelFilter::Warn))
        .module("btrt", filter)
        .module(CRITICAL, LevelFilter::Error)
        .build()
}

/// Writes `2026-11-22 14:03:07.512 [info] text`, in local time.
fn write_line(
    to: &mut dyn io::Write,
    now: &mut DeferredNow,
    record: &Record<'_>,
) -> io::Result<()> {
    let level = match record.level() {
        Level::Error if record.target() == CRITICAL => "critical",
        Level::Error => "error",
        Level::Warn => "warning",
        Level::Info => "info",
        Level::Debug => "diagnostic",
        Level::Trace => "debug",
    };
    let mut text = Escaped(String::new());
    let _ = write!(text, "{}", record.args());
    let time = now.format("%Y-%m-%d %H:%M:%S%.3f");
    write!(to, "{time} [{level}] {}", text.0)
}

/// Text without control characters: whoever puts a line feed into a name must not get a line of
/// the log, nor a say on the operator's terminal.
struct Escaped(String);

impl fmt::Write for Escaped {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if character.is_control() {
                self.0.extend(character.escape_default());
            } else {
                self.0.push(character);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_time_level_and_text_and_stays_one_line() {
        let line = |level, target: &str| {
            let mut line = Vec::new();
            let record = Record::builder()
                .level(level)
                .target(target)
                .args(format_args!("a\nb\x1b[1mc é"))
                .build();
            write_line(&mut line, &mut DeferredNow::new(), &record).unwrap();
            String::from_utf8(line).unwrap()
        };
        let text = line(Level::Debug, "btrt");
        let (time, rest) = text.split_at("2026-11-22 14:03:07.512".len());
        assert_eq!(time.as_bytes()[10], b' ');
        assert_eq!(time.as_bytes()[19], b'.');
        assert_eq!(rest, " [diagnostic] a\\nb\\u{1b}[1mc é");
        assert!(line(Level::Error, CRITICAL).contains("[critical]"));
        assert!(line(Level::Error, "btrt::startup").contains("[error]"));
    }
}
