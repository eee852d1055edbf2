//! Whom an asker is given.

use super::groups::GroupId;
use std::ops::Range;

/// Chosen peers that stand side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The place of their table among those to choose from.
    pub table: u16,
    /// Their peer group.
    pub group: GroupId,
    /// Their positions there.
    pub positions: Range<u32>,
}

impl Run {
    /// How many peers it has.
    pub fn len(&self) -> usize {
        self.positions.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }
}

/// The chosen peers, in the order in which they are handed out.
#[derive(Debug, Default)]
pub struct Choice {
    runs: Vec<Run>,
    len: usize,
}

impl Choice {
    /// Where they stand.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn clear(&mut self) {
        self.runs.clear();
        self.len = 0;
    }

    pub(super) fn push(&mut self, run: Run) {
        if !run.is_empty() {
            self.len += run.len();
            self.runs.push(run);
        }
    }

    /// Takes so many peers back, the last of the first `runs` runs.
    pub(super) fn take_back(&mut self, peers: usize, runs: usize) {
        let mut left = peers;
        for run in self.runs[..runs].iter_mut().rev() {
            if left == 0 {
                break;
            }
            let taken = left.min(run.len());
            run.positions.end -= taken as u32;
            left -= taken;
        }
        self.len -= peers - left;
    }
}
