//! When a new file is due: once a day, whatever the clock does. A calculation on local times that
//! come in as arguments.

use crate::config::TimeOfDay;
use chrono::{Days, NaiveDate, NaiveDateTime, TimeDelta, Timelike};
use std::time::Duration;

/// A look at the wall clock is never further away than this: it may be set, and it goes on while
/// the machine sleeps.
pub const LOOK: Duration = Duration::from_secs(60);
/// Milliseconds.
const DAY: u32 = 24 * 60 * 60 * 1000;

/// Days that begin at the switch time instead of midnight; with each of them a file begins.
///
/// A switch time that a change to summer time leaves out is over when the hour after it begins,
/// and the second of two equal ones in autumn begins no new day.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    switch_time: TimeOfDay,
    /// The newest day that a file has been begun for.
    day: NaiveDate,
}

impl Schedule {
    /// With a file that belongs to this local time.
    pub fn new(switch_time: TimeOfDay, file: NaiveDateTime) -> Schedule {
        let day = day(switch_time, file);
        Schedule { switch_time, day }
    }

    /// Whether at this local time a new file is due: then, for this day, it no longer is.
    pub fn is_due(&mut self, now: NaiveDateTime) -> bool {
        let today = day(self.switch_time, now);
        let is_due = today > self.day;
        // Time zones set the clock back by a day at the most. Beyond that it was wrong before,
        // and the files wait for its wrong day no longer.
        let was_wrong = today.checked_add_days(Days::new(1)) < Some(self.day);
        if is_due || was_wrong {
            self.day = today;
        }
        is_due
    }

    /// How long to wait before the next look at the clock.
    pub fn patience(&self, now: NaiveDateTime) -> Duration {
        let passed = now.num_seconds_from_midnight() * 1000 + now.nanosecond() / 1_000_000;
        let left = (seconds(self.switch_time) * 1000 + DAY - passed.min(DAY)) % DAY;
        match left {
            0 => LOOK,
            left => LOOK.min(Duration::from_millis(left.into())),
        }
    }
}

fn day(switch_time: TimeOfDay, time: NaiveDateTime) -> NaiveDate {
    let offset = TimeDelta::seconds(seconds(switch_time).into());
    let shifted = time.checked_sub_signed(offset);
    shifted.unwrap_or(time).date()
}

fn seconds(time: TimeOfDay) -> u32 {
    (u32::from(time.hour) * 60 + u32::from(time.minute)) * 60 + u32::from(time.second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, Utc};
    use chrono_tz::Tz;

    fn at(text: &str) -> TimeOfDay {
        let field = |place: usize| text[place..place + 2].parse().unwrap();
        TimeOfDay {
            hour: field(0),
            minute: field(3),
            second: field(6),
        }
    }

    fn local(text: &str) -> NaiveDateTime {
        text.parse().unwrap()
    }

    /// The local times of the switches between the noons (UTC) of two days, for somebody who looks
    /// when told to, but `slower` times more seldom.
    fn switches(zone: Tz, switch_time: &str, days: [&str; 2], slower: u32) -> Vec<String> {
        let noon = |day| -> DateTime<Utc> { format!("{day}T12:00:00Z").parse().unwrap() };
        let [mut time, end] = days.map(noon);
        let here = |time: DateTime<Utc>| time.with_timezone(&zone).naive_local();
        let mut schedule = Schedule::new(at(switch_time), here(time));
        let mut switches = Vec::new();
        while time < end {
            let now = here(time);
            if schedule.is_due(now) {
                switches.push(now.format("%m-%d %H:%M:%S").to_string());
            }
            time += schedule.patience(now) * slower;
        }
        switches
    }

    type Case = (Tz, &'static str, [&'static str; 2], &'static [&'static str]);

    fn check(cases: &[Case]) {
        for &(zone, switch_time, days, expected) in cases {
            let switches = switches(zone, switch_time, days, 1);
            assert_eq!(switches, expected, "{zone} at {switch_time}");
        }
    }

    #[test]
    fn once_a_day_to_the_second() {
        check(&[
            (
                Tz::Europe__Berlin,
                "01:00:00",
                ["2026-07-01", "2026-07-03"],
                &["07-02 01:00:00", "07-03 01:00:00"],
            ),
            (
                Tz::Asia__Kathmandu,
                "23:59:59",
                ["2026-07-01", "2026-07-03"],
                &["07-01 23:59:59", "07-02 23:59:59"],
            ),
            (
                Tz::UTC,
                "00:00:00",
                ["2026-02-27", "2026-03-02"],
                &["02-28 00:00:00", "03-01 00:00:00", "03-02 00:00:00"],
            ),
        ]);
    }

    #[test]
    fn a_time_that_is_left_out_is_over_when_the_gap_is() {
        check(&[
            (
                Tz::Europe__Berlin,
                "02:30:00",
                ["2026-03-27", "2026-03-30"],
                &["03-28 02:30:00", "03-29 03:00:00", "03-30 02:30:00"],
            ),
            // A gap at midnight, and one of half an hour.
            (
                Tz::Africa__Cairo,
                "00:15:00",
                ["2026-04-23", "2026-04-25"],
                &["04-24 01:00:00", "04-25 00:15:00"],
            ),
            (
                Tz::Australia__Lord_Howe,
                "02:10:00",
                ["2026-10-03", "2026-10-05"],
                &["10-04 02:30:00", "10-05 02:10:00"],
            ),
            // Samoa left out a whole day to change sides of the date line.
            (
                Tz::Pacific__Apia,
                "01:00:00",
                ["2011-12-28", "2011-12-31"],
                &[
                    "12-29 01:00:00",
                    "12-31 00:00:00",
                    "12-31 01:00:00",
                    "01-01 01:00:00",
                ],
            ),
        ]);
    }

    #[test]
    fn a_time_that_comes_twice_counts_the_first_time() {
        check(&[
            (
                Tz::Europe__Berlin,
                "02:30:00",
                ["2026-10-24", "2026-10-26"],
                &["10-25 02:30:00", "10-26 02:30:00"],
            ),
            (
                Tz::America__New_York,
                "01:00:00",
                ["2026-10-31", "2026-11-02"],
                &["11-01 01:00:00", "11-02 01:00:00"],
            ),
            // The hour before midnight comes twice, so that the clock goes back to the day before.
            (
                Tz::America__Sao_Paulo,
                "00:00:00",
                ["2018-02-16", "2018-02-19"],
                &["02-17 00:00:00", "02-18 00:00:00", "02-19 00:00:00"],
            ),
            (
                Tz::America__Sao_Paulo,
                "23:30:00",
                ["2018-02-16", "2018-02-19"],
                &["02-16 23:30:00", "02-17 23:30:00", "02-18 23:30:00"],
            ),
            // Two hours come twice.
            (
                Tz::Antarctica__Troll,
                "01:00:00",
                ["2026-10-24", "2026-10-26"],
                &["10-25 01:00:00", "10-26 01:00:00"],
            ),
        ]);
    }

    #[test]
    fn exactly_once_a_day_all_year_and_everywhere() {
        let zones = [
            Tz::Europe__London,
            Tz::America__Havana,
            Tz::Asia__Beirut,
            Tz::Africa__Casablanca,
            Tz::Australia__Lord_Howe,
            Tz::Antarctica__Troll,
            Tz::Pacific__Chatham,
        ];
        for zone in zones {
            for time in ["00:00:00", "00:30:00", "01:59:59", "02:30:00", "23:30:00"] {
                let times = switches(zone, time, ["2023-01-01", "2024-01-01"], 20);
                let mut days: Vec<&str> = times.iter().map(|time| &time[..5]).collect();
                days.dedup();
                assert_eq!(
                    (times.len(), days.len()),
                    (365, 365),
                    "{zone} {time}: {times:?}"
                );
            }
        }
    }

    #[test]
    fn a_sleep_ends_with_one_switch() {
        let mut schedule = Schedule::new(at("01:00:00"), local("2026-07-01T12:00:00"));
        assert!(!schedule.is_due(local("2026-07-02T00:59:59.999")));
        assert!(schedule.is_due(local("2026-07-05T09:00:00")));
        assert!(!schedule.is_due(local("2026-07-06T00:59:59")));
        assert!(schedule.is_due(local("2026-07-06T01:00:00")));
    }

    #[test]
    fn a_clock_that_is_set() {
        let mut schedule = Schedule::new(at("01:00:00"), local("2026-07-10T12:00:00"));
        // By an hour over the switch time and back: once.
        assert!(schedule.is_due(local("2026-07-11T01:10:00")));
        assert!(!schedule.is_due(local("2026-07-11T00:10:00")));
        assert!(!schedule.is_due(local("2026-07-11T01:00:00")));
        // Far ahead by mistake, and back: not silent until that far day.
        assert!(schedule.is_due(local("2030-01-01T12:00:00")));
        assert!(!schedule.is_due(local("2026-07-11T12:00:00")));
        assert!(schedule.is_due(local("2026-07-12T01:00:00")));
        // A clock without a battery.
        assert!(!schedule.is_due(local("1970-01-01T00:00:00")));
        assert!(schedule.is_due(local("2026-07-12T02:00:00")));
    }

    #[test]
    fn the_clock_is_looked_at_at_the_switch_time_and_every_minute() {
        let schedule = Schedule::new(at("01:00:00"), local("2026-07-01T12:00:00"));
        let patience = |time| schedule.patience(local(time));
        assert_eq!(patience("2026-07-01T12:00:00"), LOOK);
        assert_eq!(
            patience("2026-07-02T00:59:30.250"),
            Duration::from_millis(29_750)
        );
        assert_eq!(
            patience("2026-07-02T00:59:59.999999"),
            Duration::from_millis(1)
        );
        assert_eq!(patience("2026-07-02T01:00:00"), LOOK);
    }
}
