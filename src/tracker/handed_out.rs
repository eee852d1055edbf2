//! How many peers were handed out of each group: the figure by which an operator sees what stays
//! inside.

use crate::swarm::{GroupId, OTHER, PeerGroups};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Peers handed out since the start. Learned ones count in the group of their address, and what
/// neighbors got is counted for itself: it is no traffic of subscribers.
#[derive(Clone, Debug, Default)]
pub struct HandedOut {
    /// By group number.
    by_group: Vec<u64>,
    /// Of groups that are gone; one that comes back goes on from there.
    gone: BTreeMap<Arc<str>, u64>,
    to_neighbors: u64,
}

impl HandedOut {
    /// Counts peers of a group that a client was given.
    pub(super) fn count(&mut self, group: GroupId, peers: usize) {
        let place = usize::from(group.0);
        if self.by_group.len() <= place {
            self.by_group.resize(place + 1, 0);
        }
        self.by_group[place] += peers as u64;
    }

    /// Counts peers that a neighbor was given.
    pub(super) fn count_for_neighbor(&mut self, peers: usize) {
        self.to_neighbors += peers as u64;
    }

    /// Peers of the groups in force, by number. A number without a group is one of `other`: its
    /// peers are still to be put into the groups that they belong to now.
    pub(super) fn by_number(&self) -> &[u64] {
        &self.by_group
    }

    /// Peers of a group in force.
    pub fn of(&self, group: GroupId, groups: &PeerGroups) -> u64 {
        let of = |place: usize| self.by_group.get(place).copied().unwrap_or(0);
        if group != OTHER {
            return of(usize::from(group.0));
        }
        let numbers = (0..).map(GroupId).zip(&self.by_group);
        let others = numbers.filter(|(id, _)| *id == OTHER || !groups.contains(*id));
        others.map(|(_, count)| count).sum()
    }

    /// Groups that are gone, with the peers of their time.
    pub fn gone(&self) -> impl Iterator<Item = (&str, u64)> {
        self.gone.iter().map(|(name, count)| (&**name, *count))
    }

    /// Peers that neighbors were given.
    pub fn to_neighbors(&self) -> u64 {
        self.to_neighbors
    }

    /// Has each name keep its count when other groups are put into force.
    pub(super) fn regroup(&mut self, old: &PeerGroups, new: &PeerGroups) {
        let mut by_name = std::mem::take(&mut self.gone);
        for (id, name, _) in old.all() {
            *by_name.entry(name.clone()).or_default() += self.of(id, old);
        }
        self.by_group.clear();
        for (id, name, _) in new.all() {
            let place = usize::from(id.0);
            self.by_group.resize(self.by_group.len().max(place + 1), 0);
            self.by_group[place] = by_name.remove(name).unwrap_or(0);
        }
        // A name that nothing was counted for need not be remembered.
        by_name.retain(|_, count| *count > 0);
        self.gone = by_name;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::swarm::{GroupDefinition, GroupNames};

    fn groups(names: &[&str], previous: &GroupNames) -> PeerGroups {
        let definitions = names.iter().map(|name| GroupDefinition {
            name: (*name).to_owned(),
            priority: 0,
            networks: Vec::new(),
            visible_to: None,
        });
        PeerGroups::new(definitions.collect(), previous)
    }

    fn count(handed_out: &mut HandedOut, groups: &PeerGroups, name: &str, times: usize) {
        handed_out.count(groups.names()[name], times);
    }

    fn of(handed_out: &HandedOut, groups: &PeerGroups, name: &str) -> u64 {
        handed_out.of(groups.names()[name], groups)
    }

    #[test]
    fn names_keep_their_counts_whatever_becomes_of_their_numbers() {
        let mut counts = HandedOut::default();
        let first = groups(&["a", "b"], &GroupNames::new());
        count(&mut counts, &first, "a", 3);
        count(&mut counts, &first, "b", 5);
        count(&mut counts, &first, "other", 7);

        let second = groups(&["b", "c"], &first.names());
        counts.regroup(&first, &second);
        assert_eq!(of(&counts, &second, "b"), 5);
        assert_eq!(of(&counts, &second, "c"), 0);
        assert_eq!(counts.gone().collect::<Vec<_>>(), [("a", 3)]);
        // A peer of `a` that has not been put into its new group yet is one of `other`.
        counts.count(first.names()["a"], 1);
        assert_eq!(of(&counts, &second, "other"), 8);

        let third = groups(&["d", "a"], &second.names());
        assert_eq!(
            third.names()["d"],
            first.names()["a"],
            "a number is used again"
        );
        counts.regroup(&second, &third);
        assert_eq!(of(&counts, &third, "d"), 0);
        assert_eq!(of(&counts, &third, "a"), 3);
        assert_eq!(of(&counts, &third, "other"), 8);
        assert_eq!(counts.gone().collect::<Vec<_>>(), [("b", 5)]);
    }
}
