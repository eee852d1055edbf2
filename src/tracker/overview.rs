//! What there is to see of the tracker: all of it kept anyway, nothing counted for the occasion.

use super::{Figures, History, HostFigures, NeighborFigures, Tracker};
use crate::swarm::{PeerGroups, Priority, Swarms};
use crate::time::Now;
use std::time::Duration;

/// What came of asking an external tracker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalHost {
    /// `HOST:PORT`; IPv6 in brackets.
    pub name: String,
    /// In numbers.
    pub figures: HostFigures,
    /// For how long it is left alone, as it has not answered.
    pub paused_for: Duration,
}

impl Tracker {
    /// What has been done since the start.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// What was done lately, up to now.
    pub fn history(&mut self) -> &History {
        self.take_history();
        &self.history
    }

    /// The swarms, for whoever wants figures.
    pub fn swarms(&self) -> &Swarms {
        &self.swarms
    }

    /// The groups in force.
    pub fn groups(&self) -> &PeerGroups {
        &self.groups
    }

    /// Groups up to this priority are the own network.
    pub fn inside_priority(&self) -> Priority {
        Priority(self.settings.inside_priority.into())
    }

    /// Whether what is written to the database can be: `None` without one.
    pub fn database_is_up(&self) -> Option<bool> {
        let is_down = self.figures.database.is_down;
        self.persistence.as_ref().map(|_| !is_down)
    }

    /// The neighbors by name, in the operator's order.
    pub fn neighbors(&self) -> impl Iterator<Item = (&str, NeighborFigures)> {
        let neighbors = self.neighbors.figures();
        neighbors.map(|(name, figures)| (&**name, figures))
    }

    /// The external trackers that were asked most, so many at most.
    pub fn external_hosts(&self, limit: usize, now: Now) -> Vec<ExternalHost> {
        let hosts = self.hosts.most_asked(limit).into_iter();
        hosts
            .map(|(name, figures)| ExternalHost {
                name: match name {
                    (host, port) if host.contains(':') => format!("[{host}]:{port}"),
                    (host, port) => format!("{host}:{port}"),
                },
                figures,
                paused_for: Duration::from_millis(self.upstreams.paused_for(name, now)),
            })
            .collect()
    }

    /// How many external trackers there are figures for.
    pub fn external_hosts_known(&self) -> usize {
        self.hosts.len()
    }
}
