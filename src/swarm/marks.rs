//! Two bytes of a peer: yes-or-no facts, and a coarse time.

use crate::time::Timestamp;

/// Facts about a peer that do not decide whom it is given to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks(u8);

/// One of the facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Mark {
    /// Its `completed` has been counted.
    Completed = 1,
    /// The database has not been told the latest.
    Changed = 2,
    /// It announced to an external tracker, and the DPI platform forwarded that.
    Forwarded = 4,
    /// The side of the last comparison with the database on which it was found; see
    /// [`Swarms::begin_comparison`](super::Swarms::begin_comparison).
    Compared = 8,
}

impl Marks {
    /// Whether the fact holds.
    pub fn has(self, mark: Mark) -> bool {
        self.0 & mark as u8 != 0
    }

    /// Notes whether the fact holds.
    pub fn set(&mut self, mark: Mark, holds: bool) {
        if holds {
            self.0 |= mark as u8;
        } else {
            self.0 &= !(mark as u8);
        }
    }
}

/// Seconds in one step of a [`Stamp`].
const STEP: u32 = 256;

/// A time in steps of 256 seconds that forgets which 18 hours they are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp(u8);

impl Stamp {
    /// The stamp of a time.
    pub fn at(time: Timestamp) -> Stamp {
        Stamp((time.0 / STEP) as u8)
    }

    /// Whether `seconds` have passed since this stamp, give or take a step; up to 9 hours count.
    pub fn is_older_than(self, seconds: u32, now: Timestamp) -> bool {
        let steps = Stamp::at(now).0.wrapping_sub(self.0);
        u32::from(steps) > (seconds / STEP).min(128)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_independent() {
        let mut marks = Marks::default();
        marks.set(Mark::Changed, true);
        marks.set(Mark::Compared, true);
        marks.set(Mark::Changed, false);
        assert!(marks.has(Mark::Compared));
        assert!(!marks.has(Mark::Changed) && !marks.has(Mark::Completed));
    }

    #[test]
    fn stamps_grow_old_across_their_wrap() {
        let stamp = Stamp::at(Timestamp(255 * STEP));
        assert!(!stamp.is_older_than(1125, Timestamp(255 * STEP + 1125)));
        assert!(stamp.is_older_than(1125, Timestamp(255 * STEP + 1125 + STEP)));
    }
}
