//! What a line looks like: `2026-11-22 14:03:07.512 [info] text`, in local time.

use super::CRITICAL;
use chrono::{DateTime, Datelike, Local, Timelike};
use log::{Level, Record};
use std::fmt::{self, Write};

/// The name of a record's level.
pub fn level(record: &Record<'_>) -> &'static str {
    match record.level() {
        Level::Error if record.target() == CRITICAL => "critical",
        Level::Error => "error",
        Level::Warn => "warning",
        Level::Info => "info",
        Level::Debug => "diagnostic",
        Level::Trace => "debug",
    }
}

/// Adds a line and its end.
pub fn add(lines: &mut String, time: &DateTime<Local>, level: &str, text: fmt::Arguments<'_>) {
    // A String takes everything.
    let _ = write!(lines, "{} [{level}] ", Stamp(time));
    let _ = Escaped(lines).write_fmt(text);
    lines.push('\n');
}

/// A time as it stands in front of a line.
pub struct Stamp<'a>(pub &'a DateTime<Local>);

impl fmt::Display for Stamp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Chrono's own format would make up a third of what the loop spends on a line.
        let (day, time) = (self.0.date_naive(), self.0.time());
        let (year, month, day) = (day.year(), day.month(), day.day());
        let (hour, minute, second) = (time.hour(), time.minute(), time.second());
        let millisecond = time.nanosecond() / 1_000_000;
        write!(
            f,
            "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{millisecond:03}"
        )
    }
}

/// Text without control characters: whoever puts a line feed into a name must not get a line of
/// the log, nor a say on the operator's terminal.
struct Escaped<'a>(&'a mut String);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if !text.contains(char::is_control) {
            self.0.push_str(text);
            return Ok(());
        }
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
    use chrono::TimeZone;

    #[test]
    fn a_line_has_time_level_and_text_and_stays_one_line() {
        let time = Local.with_ymd_and_hms(2026, 11, 22, 14, 3, 7).unwrap();
        let time = time + chrono::TimeDelta::milliseconds(52);
        let mut lines = String::from("before\n");
        add(
            &mut lines,
            &time,
            "debug",
            format_args!("a\nb\x1b[1mc é{}", "\n"),
        );
        assert_eq!(
            lines,
            "before\n2026-11-22 14:03:07.052 [debug] a\\nb\\u{1b}[1mc é\\n\n"
        );
    }

    #[test]
    fn each_level_has_its_name() {
        let name = |of, target: &str| level(&Record::builder().level(of).target(target).build());
        assert_eq!(name(Level::Error, CRITICAL), "critical");
        assert_eq!(name(Level::Error, "btrt::startup"), "error");
        assert_eq!(name(Level::Warn, "btrt"), "warning");
        assert_eq!(name(Level::Info, "btrt"), "info");
        assert_eq!(name(Level::Debug, "btrt"), "diagnostic");
        assert_eq!(name(Level::Trace, "btrt"), "debug");
    }
}
