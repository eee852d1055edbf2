//! The daemon's time and the calendar's, told from each other at one instant.

use crate::time::Timestamp;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

const DAY: u64 = 86_400;

/// One instant on both clocks. It stays right however long a batch waits for its database, which
/// is why it is taken when the batch arrives and not when it is written.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    now: Timestamp,
    unix: u64,
}

impl Clock {
    /// Says which moment of the calendar `now` is, in seconds since 1970.
    pub fn new(now: Timestamp, unix: u64) -> Clock {
        Clock { now, unix }
    }

    /// Says that `now` is the present.
    #[expect(clippy::disallowed_methods, reason = "workers may read the clock")]
    pub fn present(now: Timestamp) -> Clock {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH);
        Clock::new(now, unix.map_or(0, |since| since.as_secs()))
    }

    /// What the calendar calls this time, UTC.
    pub(super) fn date(&self, time: Timestamp) -> Date {
        Date(self.unix.saturating_sub(u64::from(self.now.since(time))))
    }

    /// The time of a `YYYY-MM-DD HH:MM:SS`, if it is one. A time that is yet to come is taken for
    /// the present: somebody set a clock back, and nobody must live longer for that.
    pub(super) fn timestamp(&self, date: &[u8]) -> Option<Timestamp> {
        let Date(unix) = Date::read(date)?;
        let age = u32::try_from(self.unix.saturating_sub(unix)).unwrap_or(u32::MAX);
        Some(Timestamp(self.now.0.saturating_sub(age)))
    }
}

/// Seconds since 1970, written and read as databases do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Date(u64);

impl Date {
    fn read(text: &[u8]) -> Option<Date> {
        // Fractions of a second, which an operator's own table may have, are let go.
        let text = str::from_utf8(text.get(..19)?).ok()?;
        let number = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        let days = days_before(year, month) + day - 1;
        Some(Date(days * DAY + hour * 3600 + minute * 60 + second))
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (self.0 / DAY, self.0 % DAY);
        // No year has fewer days: the guess is right or too late.
        let mut year = 1970 + days / 365;
        while days_before(year, 1) > days {
            year -= 1;
        }
        let month = (1..=12)
            .rev()
            .find(|&month| days_before(year, month) <= days);
        let month = month.unwrap_or(1);
        let day = days - days_before(year, month) + 1;
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"
        )
    }
}

/// Days from 1970 to the first of this month.
fn days_before(year: u64, month: u64) -> u64 {
    const BEFORE: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let leap_days = |year: u64| year / 4 - year / 100 + year / 400;
    let is_leap = leap_days(year) > leap_days(year - 1);
    let in_year = BEFORE[usize::try_from(month - 1).unwrap_or(0) % 12];
    let leap_day = u64::from(is_leap && month > 2);
    (year - 1970) * 365 + leap_days(year - 1) - leap_days(1969) + in_year + leap_day
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (unix, text) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_399, "2000-02-28 23:59:59"),
            (951_782_400, "2000-02-29 00:00:00"),
            (1_795_356_187, "2026-11-22 14:03:07"),
            (4_107_542_399, "2100-02-28 23:59:59"),
            (4_107_542_400, "2100-03-01 00:00:00"),
        ] {
            assert_eq!(Date(unix).to_string(), text);
            assert_eq!(Date::read(text.as_bytes()), Some(Date(unix)));
        }
        for days in 0..100_000 {
            let date = Date(days * DAY + 1);
            assert_eq!(Date::read(date.to_string().as_bytes()), Some(date));
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "0000-00-00 00:00:00",
            "yesterday, at a quarter",
            "2026-13-01 00:00:00",
        ] {
            assert_eq!(Date::read(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn times_stay_within_what_the_daemon_can_tell() {
        let clock = Clock::new(Timestamp(1000), 2_000_000_000);
        let time = |unix| clock.timestamp(Date(unix).to_string().as_bytes());
        assert_eq!(clock.date(Timestamp(400)), Date(1_999_999_400));
        assert_eq!(time(1_999_999_400), Some(Timestamp(400)));
        assert_eq!(time(1_999_000_000), Some(Timestamp(0)));
        assert_eq!(time(2_000_000_100), Some(Timestamp(1000)));
        assert_eq!(clock.date(Timestamp(2000)), Date(2_000_000_000));
    }
}
