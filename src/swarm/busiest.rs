//! The swarms with the most peers, found by the sweep as it passes them.

use super::one_swarm::Swarm;
use crate::bittorrent::{Counts, InfoHash};

/// How many are kept.
const KEPT: usize = 20;

/// Swarms with their counts, the one with the most peers first.
#[derive(Debug, Default)]
pub(super) struct Busiest(Vec<(InfoHash, Counts)>);

impl Busiest {
    /// Keeps a swarm if it is one of the busiest. The sweep may pass one twice.
    pub fn offer(&mut self, swarm: &Swarm) {
        let peers = swarm.len();
        let least = self.0.last().filter(|_| self.0.len() >= KEPT);
        if peers <= least.map_or(0, |(_, counts)| size(counts)) {
            return;
        }
        let info_hash = swarm.info_hash();
        self.0.retain(|(known, _)| *known != info_hash);
        let place = self.0.partition_point(|(_, counts)| size(counts) >= peers);
        self.0.insert(place, (info_hash, swarm.counts()));
        self.0.truncate(KEPT);
    }

    pub fn as_slice(&self) -> &[(InfoHash, Counts)] {
        &self.0
    }
}

fn size(counts: &Counts) -> usize {
    counts.seeders as usize + counts.leechers as usize
}
