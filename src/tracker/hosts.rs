//! What came of asking each external tracker. By host and port only: paths hold passkeys.

use super::upstreams::HostName;
use crate::chain::{Chain, Linked, Links};
use std::collections::HashMap;

/// Hosts that there are figures for; the one that was not asked for the longest time makes room.
/// Whoever makes up names has only others of the same kind forgotten, unless it is faster than
/// all real clients together.
const MAX_HOSTS: usize = 1_024;

/// What came of asking a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostFigures {
    /// Fetches that were queued.
    pub asked: u64,
    /// Fetches that brought an answer, a refusal included.
    pub answered: u64,
    /// Answers that were a `failure reason`.
    pub refused: u64,
    /// Fetches that brought none.
    pub failed: u64,
}

/// How a fetch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Answered,
    Refused,
    Failed,
}

#[derive(Debug)]
struct Host {
    name: HostName,
    figures: HostFigures,
    links: Links,
}

impl Linked for Host {
    fn links(&mut self) -> &mut Links {
        &mut self.links
    }
}

/// The figures of all hosts.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    hosts: Vec<Host>,
    places: HashMap<HostName, usize>,
    /// The one that was not asked for the longest time first.
    by_use: Chain,
}

impl Hosts {
    /// Counts a fetch that was queued.
    pub fn ask(&mut self, name: &HostName) {
        let place = match self.places.get(name) {
            Some(&place) => {
                self.by_use.remove(&mut self.hosts, place);
                place
            }
            None => self.enter(name.clone()),
        };
        self.by_use.push(&mut self.hosts, place);
        self.hosts[place].figures.asked += 1;
    }

    /// Makes a place for a host that is not known, not in the chain yet.
    fn enter(&mut self, name: HostName) -> usize {
        let host = Host {
            name: name.clone(),
            figures: HostFigures::default(),
            links: Links::default(),
        };
        let oldest = self
            .by_use
            .first()
            .filter(|_| self.hosts.len() >= MAX_HOSTS);
        let place = match oldest {
            None => {
                self.hosts.push(host);
                self.hosts.len() - 1
            }
            Some(oldest) => {
                self.by_use.remove(&mut self.hosts, oldest);
                let forgotten = std::mem::replace(&mut self.hosts[oldest], host);
                self.places.remove(&forgotten.name);
                oldest
            }
        };
        self.places.insert(name, place);
        place
    }

    /// Counts how a fetch ended, unless its host has been forgotten meanwhile.
    pub fn end(&mut self, name: &HostName, how: Ended) {
        let Some(&place) = self.places.get(name) else {
            return;
        };
        let figures = &mut self.hosts[place].figures;
        figures.answered += u64::from(how != Ended::Failed);
        figures.refused += u64::from(how == Ended::Refused);
        figures.failed += u64::from(how == Ended::Failed);
    }

    /// How many there are figures for.
    pub fn len(&self) -> usize {
        self.hosts.len()
    }

    /// Those that were asked most, so many at most.
    pub fn most_asked(&self, limit: usize) -> Vec<(&HostName, HostFigures)> {
        let hosts = self.hosts.iter();
        let mut hosts: Vec<_> = hosts.map(|host| (&host.name, host.figures)).collect();
        hosts.sort_unstable_by(|(one, ours), (other, theirs)| {
            theirs.asked.cmp(&ours.asked).then(one.cmp(other))
        });
        hosts.truncate(limit);
        hosts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: usize) -> HostName {
        (format!("host{number}.example"), 80)
    }

    #[test]
    fn the_least_recently_asked_makes_room() {
        let mut hosts = Hosts::default();
        for number in 0..MAX_HOSTS {
            hosts.ask(&name(number));
        }
        hosts.ask(&name(0));
        for number in MAX_HOSTS..MAX_HOSTS + 10 {
            hosts.ask(&name(number));
        }
        assert_eq!(hosts.len(), MAX_HOSTS);
        assert_eq!(hosts.places.len(), MAX_HOSTS);
        hosts.end(&name(1), Ended::Answered);
        assert_eq!(hosts.len(), MAX_HOSTS, "a late end enters nobody");
        let known = hosts.most_asked(MAX_HOSTS);
        assert_eq!(known[0].0, &name(0));
        assert!(!known.iter().any(|(host, _)| **host == name(1)));
    }

    #[test]
    fn ends_are_counted_by_kind_and_ports_are_apart() {
        let mut hosts = Hosts::default();
        for how in [Ended::Answered, Ended::Refused, Ended::Failed] {
            hosts.ask(&("a".to_owned(), 80));
            hosts.end(&("a".to_owned(), 80), how);
        }
        hosts.ask(&("a".to_owned(), 81));
        let figures = HostFigures {
            asked: 3,
            answered: 2,
            refused: 1,
            failed: 1,
        };
        assert_eq!(hosts.most_asked(1), [(&("a".to_owned(), 80), figures)]);
    }
}
