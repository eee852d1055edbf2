//! What the last hour and day were like: a sample a minute and one a quarter of an hour.

use super::answer_times::Histogram;
use super::figures::Figures;
use crate::swarm::{GroupId, PeerGroups, Priority};
use crate::time::Now;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Samples of each kind, and minutes in a quarter of an hour.
const MINUTES: usize = 60;
const QUARTERS: usize = 96;
const MINUTES_IN_QUARTER: usize = 15;

/// What was done in some stretch of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// Its length in milliseconds.
    pub length: u64,
    /// Announces answered.
    pub announces: u64,
    /// Peers handed out to clients.
    pub handed_out: u64,
    /// Those of them that were inside, as the operator saw it then.
    pub inside: u64,
    /// How long the answers to announces took.
    pub times: Histogram,
}

impl Sample {
    /// Announces a second.
    pub fn rate(&self) -> f64 {
        self.announces as f64 * 1000.0 / self.length.max(1) as f64
    }

    /// The share inside of the peers handed out; `None` if there were none.
    pub fn inside_share(&self) -> Option<f64> {
        (self.handed_out > 0).then(|| self.inside as f64 / self.handed_out as f64)
    }

    fn merge(&mut self, other: &Sample) {
        self.length += other.length;
        self.announces += other.announces;
        self.handed_out += other.handed_out;
        self.inside += other.inside;
        self.times.merge(&other.times);
    }
}

/// The last hour by minutes, the last day by quarters of an hour, and what is in progress.
#[derive(Debug)]
pub struct History {
    minutes: VecDeque<(Sample, ByGroup)>,
    quarters: VecDeque<Sample>,
    minute: (Sample, ByGroup),
    quarter: Sample,
    minutes_in_quarter: usize,
    /// Of `minutes` and `minute` together.
    by_group: ByGroup,
    seen: Seen,
    /// When `minute` began.
    since: Now,
}

/// Peers handed out by group name; only names of which there were any.
type ByGroup = HashMap<Arc<str>, u64>;

/// What is in the samples already.
#[derive(Debug, Default)]
struct Seen {
    announces: u64,
    handed_out: Vec<u64>,
    times: Histogram,
}

impl History {
    pub(super) fn new(now: Now) -> History {
        History {
            minutes: VecDeque::new(),
            quarters: VecDeque::new(),
            minute: Default::default(),
            quarter: Sample::default(),
            minutes_in_quarter: 0,
            by_group: ByGroup::new(),
            seen: Seen::default(),
            since: now,
        }
    }

    /// Enters what is new in `figures` into the minute in progress. Groups up to the priority
    /// `inside` are inside.
    pub(super) fn take(&mut self, figures: &Figures, groups: &PeerGroups, inside: Priority) {
        let (minute, by_group) = &mut self.minute;
        minute.announces += figures.announces - self.seen.announces;
        self.seen.announces = figures.announces;
        let times = &figures.answer_times.announces;
        minute.times.merge(&times.since(&self.seen.times));
        self.seen.times = times.clone();
        let counts = figures.handed_out.by_number();
        self.seen.handed_out.resize(counts.len(), 0);
        let numbered = (0..)
            .map(GroupId)
            .zip(counts)
            .zip(&mut self.seen.handed_out);
        for ((id, count), seen) in numbered {
            let new = count - *seen;
            if new == 0 {
                continue;
            }
            *seen = *count;
            minute.handed_out += new;
            if groups.priority(id) <= inside {
                minute.inside += new;
            }
            for sums in [&mut *by_group, &mut self.by_group] {
                *sums.entry(groups.name(id).clone()).or_default() += new;
            }
        }
    }

    /// Takes note that the groups' numbers have changed, right after [`History::take`].
    pub(super) fn regroup(&mut self, figures: &Figures) {
        self.seen.handed_out = figures.handed_out.by_number().to_vec();
    }

    /// Ends the minute in progress.
    pub(super) fn end_minute(&mut self, now: Now) {
        let mut minute = std::mem::take(&mut self.minute);
        minute.0.length = now.0.saturating_sub(self.since.0);
        self.since = now;
        self.quarter.merge(&minute.0);
        self.minutes_in_quarter += 1;
        if self.minutes_in_quarter == MINUTES_IN_QUARTER {
            self.minutes_in_quarter = 0;
            self.quarters.push_back(std::mem::take(&mut self.quarter));
            if self.quarters.len() > QUARTERS {
                self.quarters.pop_front();
            }
        }
        self.minutes.push_back(minute);
        if self.minutes.len() > MINUTES
            && let Some((_, oldest)) = self.minutes.pop_front()
        {
            for (name, count) in oldest {
                if let Some(sum) = self.by_group.get_mut(&name) {
                    *sum -= count;
                }
            }
            self.by_group.retain(|_, sum| *sum > 0);
        }
    }

    /// The last minutes that are over, the oldest first.
    pub fn minutes(&self) -> impl Iterator<Item = &Sample> {
        self.minutes.iter().map(|(sample, _)| sample)
    }

    /// The last quarters of an hour that are over, the oldest first.
    pub fn quarters(&self) -> impl Iterator<Item = &Sample> {
        self.quarters.iter()
    }

    /// The last hour with the minute in progress.
    pub fn last_hour(&self) -> Sample {
        let mut sum = self.minute.0.clone();
        self.minutes().for_each(|minute| sum.merge(minute));
        sum
    }

    /// Peers of a group that were handed out in that time.
    pub fn handed_out(&self, group: &str) -> u64 {
        self.by_group.get(group).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::swarm::{GroupDefinition, GroupNames};
    use std::time::Duration;

    fn groups(names: &[&str], previous: &GroupNames) -> PeerGroups {
        let definitions = names
            .iter()
            .zip(0..)
            .map(|(name, priority)| GroupDefinition {
                name: (*name).to_owned(),
                priority,
                networks: Vec::new(),
                visible_to: None,
            });
        PeerGroups::new(definitions.collect(), previous)
    }

    /// Announces, each of which gets a peer of the group.
    fn announce(figures: &mut Figures, groups: &PeerGroups, name: &str, times: u64) {
        figures.announces += times;
        let took = Duration::from_micros(15);
        figures.answer_times.announces.add(times, took);
        figures
            .handed_out
            .count(groups.names()[name], times as usize);
    }

    #[test]
    fn an_hour_is_remembered_and_then_forgotten() {
        let groups = groups(&["local", "partner"], &GroupNames::new());
        let mut figures = Figures::default();
        let mut history = History::new(Now(0));
        let mut take = |history: &mut History, local: u64, other: u64| {
            announce(&mut figures, &groups, "local", local);
            announce(&mut figures, &groups, "other", other);
            history.take(&figures, &groups, Priority(0));
        };
        take(&mut history, 3, 1);
        assert_eq!(history.last_hour().inside_share(), Some(0.75));
        history.end_minute(Now(60_000));
        take(&mut history, 0, 4);
        assert_eq!(history.minutes().count(), 1, "the second is in progress");
        let hour = history.last_hour();
        assert_eq!((hour.announces, hour.inside, hour.handed_out), (8, 3, 8));
        assert_eq!(hour.times.count(), 8);
        assert_eq!(history.handed_out("local"), 3);
        assert_eq!(history.handed_out("other"), 5);

        for minute in 2..=60 {
            history.end_minute(Now(minute * 60_000));
        }
        assert_eq!(history.handed_out("local"), 3, "not a whole hour ago");
        assert_eq!(history.minutes().next().map(Sample::rate), Some(4.0 / 60.0));
        history.end_minute(Now(61 * 60_000));
        assert_eq!(history.handed_out("local"), 0);
        assert_eq!(history.last_hour().inside_share(), Some(0.0));
        history.end_minute(Now(62 * 60_000));
        assert_eq!(history.last_hour().inside_share(), None);
        assert_eq!(history.minutes().count(), MINUTES);
        assert!(history.by_group.is_empty());

        let first = history.quarters().next().unwrap();
        assert_eq!((first.announces, first.length), (8, 15 * 60_000));
        assert_eq!(history.quarters().count(), 4);
        for minute in 63..10_000 {
            history.end_minute(Now(minute * 60_000));
        }
        assert_eq!(history.quarters().count(), QUARTERS);
    }

    #[test]
    fn a_reload_counts_nothing_twice_and_moves_nothing_to_another_name() {
        let first = groups(&["local", "partner"], &GroupNames::new());
        let mut figures = Figures::default();
        let mut history = History::new(Now(0));
        announce(&mut figures, &first, "local", 3);
        announce(&mut figures, &first, "partner", 2);
        let second = groups(&["partner", "new"], &first.names());
        history.take(&figures, &first, Priority(0));
        figures.handed_out.regroup(&first, &second);
        history.regroup(&figures);
        announce(&mut figures, &second, "partner", 1);
        history.take(&figures, &second, Priority(0));
        assert_eq!(history.handed_out("local"), 3);
        assert_eq!(history.handed_out("partner"), 3);
        assert_eq!(history.handed_out("new"), 0);
        let hour = history.last_hour();
        assert_eq!((hour.inside, hour.handed_out), (4, 6));
    }
}
